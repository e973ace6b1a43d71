"""The outcome of an invariance scan: numbers by tagger, mode, transformation and gamma; written, read, shown."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.console import aligned
from lorentznet.errors import ConfigError
from lorentznet.evaluate import invariance_tables, invariance_words
from lorentznet.evaluate.invariance_points import Change, Curves, Emission, LayerError, Mode, Separation, changes_of, plain
from lorentznet.evaluate.tables import html_table, read_json

_ABOUT = ("jets", "seed", "device", "quantity", "logit_std", "symmetry", "references")


@dataclass
class TaggerInvariance:
    """The scan of one tagger.

    Attributes
    ----------
    jets, seed, device
        How it was made.
    logit_std
        The unit: standard deviation of the float64 logit, or other quantity, over the jets.
    symmetry
        What the tagger declares, references held fixed.
    references
        True if reference vectors were transformed along.
    curves
        Changes by (dtype, conditioning), transformation and gamma.
    floor
        What the rounding of the transformed momenta to float64 does by itself.
    unmoved
        How well the jets are told apart as they are, by (dtype, conditioning).
    precision
        Change of the logit of the jets as they are, against the most precise mode, by (dtype, conditioning).
    layers
        Errors of the layers, in the order in which they work, by (dtype, conditioning) and name.
    emissions
        Changes by ``soft`` particles and ``collinear`` splittings.
    quantity
        What changes: ``logit``, or ``mass`` of a regression, which takes no decisions and tells no classes apart.
    """

    jets: int
    seed: int
    device: str
    logit_std: float
    symmetry: str
    references: bool
    curves: dict[Mode, Curves] = field(default_factory=dict)
    floor: Curves = field(default_factory=dict)
    unmoved: dict[Mode, Separation] = field(default_factory=dict)
    precision: dict[Mode, Change] = field(default_factory=dict)
    layers: dict[Mode, dict[str, LayerError]] = field(default_factory=dict)
    emissions: dict[str, Emission] = field(default_factory=dict)
    quantity: str = "logit"

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``invariance.json``."""
        layers = {mode: {name: error.to_dict() for name, error in errors.items()} for mode, errors in self.layers.items()}
        return {
            **_nested({mode: _plain_curves(curves) for mode, curves in self.curves.items()}),
            "floor": _plain_curves(self.floor),
            **{key: getattr(self, key) for key in _ABOUT},
            "unmoved": _nested({mode: separation.to_dict() for mode, separation in self.unmoved.items()}),
            "precision": _nested({mode: found.to_dict() for mode, found in self.precision.items()}),
            "layers": _nested(layers),
            "irc": {kind: emission.to_dict() for kind, emission in self.emissions.items()},
            "verdict": self.verdict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TaggerInvariance:
        """The inverse of :meth:`to_dict`."""
        modes = {dtype: values[dtype] for dtype in ("float32", "float64", "bfloat16", "autocast") if dtype in values}
        return cls(
            **{key: values[key] for key in _ABOUT if key in values},  # files of before do not name the quantity
            curves={mode: _curves(curves) for mode, curves in _flat(modes)},
            floor=_curves(values["floor"]),
            unmoved={mode: Separation.from_dict(numbers) for mode, numbers in _flat(values.get("unmoved", {}))},
            precision={mode: Change.from_dict(numbers) for mode, numbers in _flat(values.get("precision", {}))},
            layers={
                mode: {name: LayerError.from_dict(error) for name, error in errors.items()}
                for mode, errors in _flat(values.get("layers", {}))
            },
            emissions={kind: Emission.from_dict(found) for kind, found in values.get("irc", {}).items()},
        )

    def verdict(self) -> list[str]:
        """One line for each property: boosts, rotations, order of the particles, ..., layers, soft and collinear emissions."""
        return invariance_words.verdict(self)


@dataclass
class InvarianceResult:
    """Invariance of one or more taggers, by name."""

    taggers: dict[str, TaggerInvariance]

    @classmethod
    def merged(cls, results: Iterable[InvarianceResult]) -> InvarianceResult:
        """One result of several; :class:`ConfigError` if two taggers have the same name."""
        taggers: dict[str, TaggerInvariance] = {}
        for result in results:
            for name, scanned in result.taggers.items():
                if name in taggers:
                    raise ConfigError(f"two taggers are named '{name}'; give each its own --name")
                taggers[name] = scanned
        return cls(taggers)

    def to_dict(self) -> dict[str, Any]:
        """As in ``invariance.json``.

        ``taggers.<name>.<float32|float64|bfloat16|autocast>.<frame|lab>.<transformation>.<gamma> = {rms, max, flips, auc, rejection}``;
        beside it ``taggers.<name>.floor``, ``.unmoved.<dtype>.<frame|lab> = {auc, rejection}``,
        ``.precision.<dtype>.<frame|lab> = {rms, max, flips}``, ``.layers.<dtype>.<frame|lab>.<layer> = {own, total}``,
        ``.irc.<soft|collinear> = {slope, safe, changes.<size>}``, and how it was made.
        """
        return {"taggers": {name: scanned.to_dict() for name, scanned in self.taggers.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> InvarianceResult:
        """The inverse of :meth:`to_dict`."""
        return cls({name: TaggerInvariance.from_dict(scanned) for name, scanned in values["taggers"].items()})

    @classmethod
    def read(cls, path: str | Path) -> InvarianceResult:
        """Read an ``invariance.json``; :class:`DataError` names the file if it is none."""
        return read_json(path, cls.from_dict, "invariance.json of 'lorentznet invariance'", "make it anew")

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``invariance.json`` and the CSVs beside it into a folder; give their paths."""
        path = files.write_json(Path(folder) / "invariance.json", self.to_dict())
        return [path, *invariance_tables.write_csv(folder, self.to_dict()["taggers"])]

    def tables(self) -> list[list[list[str]]]:
        """The numbers as tables of words, each a header and rows: boosts, everything else, separation of boosted jets."""
        taggers = self.to_dict()["taggers"]
        found = (make(taggers) for make in (invariance_tables.boosts, invariance_tables.others, invariance_tables.separation))
        return [cells for cells in found if len(cells) > 1]

    def table(self) -> str:
        """The same as aligned text, with the verdicts below."""
        verdicts = [f"{name}: {line}" for name, scanned in self.taggers.items() for line in scanned.verdict()]
        return "\n\n".join([self.caption(), *map(aligned, self.tables()), "\n".join(verdicts)])

    def caption(self) -> str:
        """What the numbers are."""
        made = sorted({f"{scanned.jets} jets, seed {scanned.seed}, {scanned.device}" for scanned in self.taggers.values()})
        changed = invariance_words.listed_quantities(scanned.quantity for scanned in self.taggers.values())
        flips = ", and how many decisions flip" if "logit" in changed else ""
        what = f"rms change of the {changed} under random transforms, in its standard deviations{flips}"
        return f"{what} ({'; '.join(made)})"

    def _repr_html_(self) -> str:
        verdicts = "".join(
            f"<li><b>{html.escape(name)}</b>: {html.escape(line)}</li>"
            for name, scanned in self.taggers.items()
            for line in scanned.verdict()
        )
        return f"<p>{html.escape(self.caption())}</p>{''.join(map(html_table, self.tables()))}<ul>{verdicts}</ul>"


def _nested(modes: Mapping[Mode, Any]) -> dict[str, Any]:
    """``{dtype: {conditioning: values}}``."""
    nested: dict[str, Any] = {}
    for (dtype, conditioning), values in modes.items():
        nested.setdefault(dtype, {})[conditioning] = values
    return nested


def _flat(nested: Mapping[str, Any]) -> Iterator[tuple[Mode, Any]]:
    for dtype, conditionings in nested.items():
        for conditioning, values in conditionings.items():
            yield (dtype, conditioning), values


def _plain_curves(curves: Curves) -> dict[str, Any]:
    return {name: plain(changes) for name, changes in curves.items()}


def _curves(values: Mapping[str, Any]) -> Curves:
    return {name: changes_of(changes) for name, changes in values.items()}
