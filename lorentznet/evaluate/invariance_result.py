"""The outcome of an invariance scan: numbers by tagger, mode, transformation and gamma; written, read, shown, put into words."""

from __future__ import annotations

import csv
import html
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.errors import ConfigError
from lorentznet.evaluate.tables import read_json, write_json

BROKEN = 1e-2
"""A change of the logit by this many of its standard deviations (rms) counts as broken."""

_FLAT = 10.0  # largest over smallest error of a curve that is called flat


@dataclass(frozen=True)
class Change:
    """Change of the logit over a set of jets, in standard deviations of the logit.

    Attributes
    ----------
    rms, max
        Root mean square and largest absolute value; infinite if some logit is not finite.
    nonfinite
        Number of jets whose logit is not finite.
    flips
        Part of the jets whose most likely class changes.
    """

    rms: float
    max: float
    nonfinite: int = 0
    flips: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """``{"rms", "max", "flips"}``, None for what is not finite, and then ``nonfinite``, the number of such jets."""
        values = {"rms": _or_none(self.rms), "max": _or_none(self.max), "flips": self.flips}
        return values | {"nonfinite": self.nonfinite} if self.nonfinite else values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Change:
        """The inverse of :meth:`to_dict`."""
        rms, largest = (math.inf if values[key] is None else float(values[key]) for key in ("rms", "max"))
        return cls(rms, largest, int(values.get("nonfinite", 0)), float(values.get("flips", 0.0)))


Curves = dict[str, dict[str, Change]]
"""Transformation -> gamma as a string -> change."""

Mode = tuple[str, str]
"""Dtype and conditioning: ``("float32", "frame")``."""


@dataclass
class TaggerInvariance:
    """The scan of one tagger.

    Attributes
    ----------
    jets, seed, device
        How it was made.
    logit_std
        The unit: standard deviation of the float64 logit over the jets.
    symmetry
        What the tagger declares, references held fixed.
    references
        True if reference vectors were transformed along.
    curves
        Changes by (dtype, conditioning), transformation and gamma.
    floor
        What the rounding of the transformed momenta to float64 does by itself.
    """

    jets: int
    seed: int
    device: str
    logit_std: float
    symmetry: str
    references: bool
    curves: dict[Mode, Curves] = field(default_factory=dict)
    floor: Curves = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``invariance.json``."""
        values: dict[str, Any] = {}
        for (dtype, conditioning), curves in self.curves.items():
            values.setdefault(dtype, {})[conditioning] = _plain(curves)
        about = ("jets", "seed", "device", "logit_std", "symmetry", "references")
        return values | {"floor": _plain(self.floor), **{key: getattr(self, key) for key in about}, "verdict": self.verdict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TaggerInvariance:
        """The inverse of :meth:`to_dict`."""
        about = {key: values[key] for key in ("jets", "seed", "device", "logit_std", "symmetry", "references")}
        curves = {
            (dtype, conditioning): _curves(values[dtype][conditioning])
            for dtype in ("float32", "float64", "bfloat16")
            for conditioning in values.get(dtype, {})
        }
        return cls(**about, curves=curves, floor=_curves(values["floor"]))

    def verdict(self) -> list[str]:
        """One line for each mode: its error under boosts, how it grows, where it breaks; then rotations and the like."""
        return [
            f"{mode_name(*mode)}: {'; '.join([*_boosts_in_words(curves, self.floor), *_others_in_words(curves)])}"
            for mode, curves in sorted(self.curves.items(), key=lambda item: item[0][::-1])
        ]


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

        ``taggers.<name>.<float32|float64|bfloat16>.<frame|lab>.<transformation>.<gamma> = {rms, max, flips}``;
        ``taggers.<name>.floor`` and how it was made stand beside.
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

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write ``invariance.json`` and ``invariance.csv`` into a folder; give their paths."""
        folder = Path(folder)
        write_json(folder / "invariance.json", self.to_dict())
        with files.atomic(folder / "invariance.csv") as path, path.open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(("tagger", "dtype", "conditioning", "transformation", "gamma", "rms", "max", "nonfinite"))
            writer.writerows((*place, change.rms, change.max, change.nonfinite) for *place, change in self.rows())
        return folder / "invariance.json", folder / "invariance.csv"

    def rows(self) -> Iterator[tuple[str, str, str, str, str, Change]]:
        """Tagger, dtype, conditioning, transformation, gamma and change of every point; the floor is ``float64, floor``."""
        for name, scanned in self.taggers.items():
            for (dtype, conditioning), curves in [*scanned.curves.items(), (("float64", "floor"), scanned.floor)]:
                for transformation, points in curves.items():
                    for gamma, change in points.items():
                        yield name, dtype, conditioning, transformation, gamma, change

    def cells(self) -> list[list[str]]:
        """The rms changes, and flipped decisions, as a table of words: a header, then a row for each tagger, mode and transformation."""
        columns = sorted({gamma for *_, gamma, _ in self.rows()}, key=float)
        table: dict[tuple[str, ...], dict[str, str]] = {}
        for name, dtype, conditioning, transformation, gamma, change in self.rows():
            table.setdefault((name, dtype, conditioning, transformation), {})[gamma] = _cell(change)
        header = ["tagger", "dtype", "front end", "transform", *(f"gamma {gamma}" for gamma in columns)]
        return [header, *([*place, *(points.get(gamma, "") for gamma in columns)] for place, points in table.items())]

    def table(self) -> str:
        """The same as aligned text, with the verdicts below."""
        cells = self.cells()
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in cells]
        verdicts = [f"{name}: {line}" for name, scanned in self.taggers.items() for line in scanned.verdict()]
        return "\n".join([self.caption(), "", *lines, "", *verdicts])

    def caption(self) -> str:
        """What the numbers are."""
        made = sorted({f"{scanned.jets} jets, seed {scanned.seed}, {scanned.device}" for scanned in self.taggers.values()})
        what = "rms change of the logit under random transforms, in its standard deviations, and how many decisions flip"
        return f"{what} ({'; '.join(made)})"

    def _repr_html_(self) -> str:
        header, *rows = ([html.escape(word) for word in row] for row in self.cells())
        head = "".join(f"<th>{word}</th>" for word in header)
        body = "".join("<tr>" + "".join(f"<td>{word}</td>" for word in row) + "</tr>" for row in rows)
        verdicts = "".join(
            f"<li><b>{html.escape(name)}</b>: {html.escape(line)}</li>"
            for name, scanned in self.taggers.items()
            for line in scanned.verdict()
        )
        caption = html.escape(self.caption())
        table = f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{table}<ul>{verdicts}</ul>"


def _cell(change: Change) -> str:
    flips = f" ({100 * change.flips:.2g} %)" if change.flips else ""
    return number(change.rms) + flips


def gamma_key(gamma: float) -> str:
    """The key of a gamma: its shortest decimal form.

    Examples
    --------
    >>> gamma_key(1.1), gamma_key(1000.0)
    ('1.1', '1000')
    """
    return str(int(gamma)) if float(gamma).is_integer() else repr(float(gamma))


def mode_name(dtype: str, conditioning: str) -> str:
    """A mode in words.

    Examples
    --------
    >>> mode_name("float32", "frame")
    'float32 network behind the float64 rest frame'
    """
    if conditioning == "frame":
        return "all in float64, rest frame" if dtype == "float64" else f"{dtype} network behind the float64 rest frame"
    return f"all in {dtype}, no rest frame"


def number(value: float) -> str:
    """Two digits: ``6.5e-08``; ``not finite`` if it is not.

    Examples
    --------
    >>> number(6.52e-8), number(float("inf"))
    ('6.5e-08', 'not finite')
    """
    return f"{value:.1e}" if math.isfinite(value) else "not finite"


def _boosts_in_words(curves: Curves, floor: Curves) -> list[str]:
    points: dict[str, float] = {}
    unavoidable: dict[str, float] = {}
    for transformation, changes in curves.items():
        if transformation.startswith("boost"):
            for gamma, change in changes.items():
                points[gamma] = max(change.rms, points.get(gamma, 0.0))
                unavoidable[gamma] = max(floor[transformation][gamma].rms, unavoidable.get(gamma, 0.0))
    if not points:
        return []
    gammas = sorted(points, key=float)
    first, last, worst = gammas[0], gammas[-1], max(points.values())
    broken = next((gamma for gamma in gammas if points[gamma] > BROKEN), None)
    if broken is not None:
        return [f"broken from gamma {broken} on ({number(points[broken])})"]
    if worst <= _FLAT * min(points.values()):
        return [f"invariant to {number(worst)}, flat up to gamma {last}"]
    line = f"invariant to {number(points[first])} at gamma {first}, growing to {number(points[last])} at gamma {last}"
    at_floor = all(points[gamma] <= _FLAT * unavoidable[gamma] for gamma in gammas[len(gammas) // 2 :])
    return [f"{line}, the floor of the input's rounding" if at_floor else line]


def _others_in_words(curves: Curves) -> list[str]:
    words = []
    for transformation, changes in curves.items():
        if not transformation.startswith("boost"):
            worst = max(change.rms for change in changes.values())
            words.append(f"{transformation}s: {'broken, ' if worst > BROKEN else ''}{number(worst)}")
    return words


def _plain(curves: Curves) -> dict[str, Any]:
    return {name: {gamma: change.to_dict() for gamma, change in points.items()} for name, points in curves.items()}


def _curves(values: Mapping[str, Any]) -> Curves:
    return {name: {gamma: Change.from_dict(change) for gamma, change in points.items()} for name, points in values.items()}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
