"""Files with what a regression says of each jet: momenta or masses, the true ones, and the momentum of the plain jet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorentznet.errors import DataError, nearest
from lorentznet.evaluate.scores import Columns, read_table, with_observers, write_table

COMPONENTS = {"momentum": ("E", "px", "py", "pz"), "mass": ("mass",)}
"""What a task predicts: the columns are called ``pred_`` and ``target_`` and a component."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RegressionTable:
    """What a regression says of each jet, beside what the jet file says of it.

    Attributes
    ----------
    name
        Of the network.
    task
        ``momentum`` or ``mass``.
    ids, labels, weights
        Row of each jet in its file, its class (-1: unknown) and its weight.
    predictions, targets
        (E, px, py, pz), shape (n_jets, 4), or masses, shape (n_jets, 1), in GeV. Targets are zero for jets that have none; None if the
        file had none.
    jets
        Momentum of each jet, the sum of its particles, shape (n_jets, 4).
    observers, provenance
        As for :class:`~lorentznet.evaluate.scores.ScoreTable`.
    """

    name: str
    task: str
    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    weights: Floats
    predictions: Floats
    jets: Floats
    targets: Floats | None = None
    observers: dict[str, NDArray[Any]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        width = len(COMPONENTS[self.task])
        for what, array, columns in (
            ("predictions", self.predictions, width),
            ("targets", self.targets, width),
            ("jets", self.jets, 4),
        ):
            if array is not None and array.shape != (len(self.ids), columns):
                raise ValueError(f"{what} must have shape ({len(self.ids)}, {columns}), got {array.shape}")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def columns(self) -> Columns:
        """All columns as they are written, by name.

        Raises
        ------
        DataError
            If an observer has the name of another column.
        """
        columns: Columns = {"jet_id": self.ids, "label": self.labels, "weight": self.weights}
        for begin, array in (("pred", self.predictions), ("target", self.targets)):
            if array is not None:
                columns |= {f"{begin}_{component}": array[:, k] for k, component in enumerate(COMPONENTS[self.task])}
        columns |= {f"jet_{component}": self.jets[:, k] for k, component in enumerate(COMPONENTS["momentum"])}
        return with_observers(columns, self.observers, self.name, "predictions")

    def write(self, path: str | Path) -> Path:
        """Write a ROOT, Parquet or HDF5 file, as :meth:`ScoreTable.write <lorentznet.evaluate.scores.ScoreTable.write>` does."""
        return write_table(path, self.columns, {"name": self.name, "task": self.task, "provenance": self.provenance})

    @classmethod
    def read(cls, path: str | Path) -> RegressionTable:
        """Read what :meth:`write` wrote; :class:`DataError` if it is missing, damaged or of another kind."""
        path = Path(path)
        columns, meta = read_table(path)
        task = "momentum" if "pred_E" in columns else "mass"
        taken: set[str] = set()

        def stacked(begin: str, components: Sequence[str]) -> Floats:
            names = [f"{begin}_{component}" for component in components]
            for name in names:
                if name not in columns:
                    raise DataError(f"{path}: holds no predictions of a regression: no column '{name}'; {nearest(name, columns)}")
            taken.update(names)
            return np.stack([columns[name].astype(np.float64) for name in names], axis=1)

        predictions, jets = stacked("pred", COMPONENTS[task]), stacked("jet", COMPONENTS["momentum"])
        targets = stacked("target", COMPONENTS[task]) if f"target_{COMPONENTS[task][0]}" in columns else None
        own = ("jet_id", "label", "weight")
        for name in own:
            if name not in columns:
                raise DataError(f"{path}: holds no predictions of a regression: no column '{name}'; {nearest(name, columns)}")
        ids, labels = (columns[name].astype(np.int64) for name in own[:2])
        weights = columns["weight"].astype(np.float64)
        observers = {name: column for name, column in columns.items() if name not in taken.union(own)}
        name = meta.get("name", path.stem)
        return cls(name, task, ids, labels, weights, predictions, jets, targets, observers, dict(meta.get("provenance", {})))


def is_regression(path: str | Path) -> bool:
    """True for a file with predicted momenta or masses; False for any other, readable or not."""
    try:
        columns, _ = read_table(path)
    except DataError:
        return False
    return bool({"pred_E", "pred_mass"} & columns.keys())
