"""What a trained tagger uses: the change of its loss and AUC by each part that is taken out; written, read, shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.console import aligned
from lorentznet.errors import ConfigError, nearest
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.paired import Difference
from lorentznet.evaluate.tables import html_table, read_json, write_rows

KINDS = {"irrep": "irreps", "invariant": "invariants", "path": "paths"}
"""Kinds of parts, and what several are called, in the order in which they are shown."""

HEADER = ("kind", "name", "layer", "share", "weight_norm", "loss", "loss_error", "auc", "auc_error")
"""Columns of ``explain.csv``."""


@dataclass(frozen=True)
class Row:
    """A part, and what changes without it.

    Attributes
    ----------
    kind
        ``path``, ``irrep`` or ``invariant``.
    name
        In the words of physics.
    loss, auc
        Change of the mean loss (cross entropy in nats) and of the AUC when the part is taken out and nothing is trained again, with the
        error of the paired difference on the same jets.
    layer
        Number of the layer of a path, from 1.
    share
        Of a path: root mean square over the particles of what it adds to the update of the features, over the quadrature sum of all paths
        to the same irrep.
    weight_norm
        Of a path: Frobenius norm of the weights by which it is added.
    """

    kind: str
    name: str
    loss: Difference
    auc: Difference
    layer: int | None = None
    share: float | None = None
    weight_norm: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without what is not known."""
        numbers = {"loss": self.loss.as_dict(), "auc": self.auc.as_dict()}
        extra = {key: getattr(self, key) for key in ("layer", "share", "weight_norm") if getattr(self, key) is not None}
        return {"kind": self.kind, "name": self.name, **numbers, **extra}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """The inverse of :meth:`to_dict`."""
        changes = {key: Difference.from_dict(values[key]) for key in ("loss", "auc")}
        return cls(**{**values, **changes})


@dataclass(frozen=True)
class Explanation:
    """The parts of one tagger and what each is worth to it.

    Attributes
    ----------
    name
        Of the tagger.
    jets
        Number of jets of each class.
    seed
        Of the choice of jets.
    loss, auc
        Of the whole tagger, on these jets.
    rows
        Parts in the order of the network: paths layer by layer, irreps, invariants.
    about
        Where it comes from: checkpoint, files, settings of the tagger.
    """

    name: str
    jets: dict[str, int]
    seed: int
    loss: Estimate
    auc: Estimate
    rows: tuple[Row, ...]
    about: dict[str, Any] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[Row]:
        """The parts of a kind, that of the largest increase of the loss first; :class:`ConfigError` if there is no such kind."""
        if kind not in KINDS:
            raise ConfigError(f"there is no kind of parts '{kind}'; {nearest(kind, KINDS)}")
        return sorted((row for row in self.rows if row.kind == kind), key=lambda row: -row.loss.value)

    def largest(self, paths: int = 12) -> list[Row]:
        """All irreps and invariants, and the paths that matter most, each kind in falling order."""
        return [row for kind in KINDS for row in self.of_kind(kind)[: paths if kind == "path" else None]]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``explain.json``."""
        whole = {"loss": self.loss.as_dict(), "auc": self.auc.as_dict()}
        about = {"name": self.name, **self.about, "jets": self.jets, "seed": self.seed}
        return {**about, "whole": whole, "removed": [row.to_dict() for row in self.rows]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Explanation:
        """The inverse of :meth:`to_dict`."""
        about = dict(values)
        whole, rows = about.pop("whole"), tuple(Row.from_dict(row) for row in about.pop("removed"))
        own = {key: about.pop(key) for key in ("name", "jets", "seed")}
        return cls(**own, loss=Estimate.from_dict(whole["loss"]), auc=Estimate.from_dict(whole["auc"]), rows=rows, about=about)

    @classmethod
    def read(cls, path: str | Path) -> Explanation:
        """Read an ``explain.json``; :class:`DataError` names the file if it is none."""
        return read_json(path, cls.from_dict, "explain.json of 'lorentznet explain'", "make it anew")

    def write(self, folder: str | Path, stem: str = "explain") -> tuple[Path, Path]:
        """Write ``explain.json`` and ``explain.csv``, or files called after ``stem``, into a folder; give their paths."""
        folder = Path(folder)
        paths = folder / f"{stem}.json", folder / f"{stem}.csv"
        files.write_json(paths[0], self.to_dict())
        write_rows(paths[1], HEADER, self._numbers())
        return paths

    def _numbers(self) -> Iterator[tuple[Any, ...]]:
        for row in self.rows:
            changes = row.loss.value, row.loss.error, row.auc.value, row.auc.error
            yield row.kind, row.name, row.layer, row.share, row.weight_norm, *changes

    def caption(self) -> str:
        """Which tagger, which jets, what the numbers are."""
        counts = ", ".join(f"{number:,} {name}" for name, number in self.jets.items())
        return (
            f"{self.name} on {sum(self.jets.values()):,} jets ({counts}; seed {self.seed}): loss {self.loss}, AUC {self.auc}; "
            "changes without a part, nothing trained again"
        )

    def cells(self, paths: int = 12) -> list[list[str]]:
        """The largest effects as a table of words: a header, then a row for each part."""
        header = ["without", "change of the loss", "change of the AUC", "share of the update", "norm of the weights"]
        body = []
        for row in self.largest(paths):
            known = [
                "" if value is None else form.format(value)
                for value, form in ((row.share, "{:.0%}"), (row.weight_norm, "{:.2f}"))
            ]
            body.append([row.name, _fixed(row.loss), _fixed(row.auc), *known])
        return [header, *body]

    def table(self, paths: int = 12) -> str:
        """The same as aligned text, by kind."""
        lines = aligned(self.cells(paths)).splitlines()
        text, start = [self.caption(), "", lines[0]], 1
        for kind, words in KINDS.items():
            every = self.of_kind(kind)
            shown = every[:paths] if kind == "path" else every
            of = f" (largest {len(shown)} of {len(every)})" if len(shown) < len(every) else ""
            text += ["", f"{words}{of}:", *lines[start : start + len(shown)]]
            start += len(shown)
        return "\n".join(text)

    def _repr_html_(self) -> str:
        return html_table(self.cells(), self.caption())


def _fixed(change: Difference) -> str:
    """With as many digits as all others, so that they stand under each other: ``+0.00123 ± 0.00021``."""
    return f"{change.value:+.5f} ± {change.error:.5f}"
