"""Jets in memory as flat tensors, from which batches are gathered by index arithmetic, without a loop over jets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lorentznet.data.batch import JetBatch
from lorentznet.errors import DataError

if TYPE_CHECKING:
    from lorentznet.data.card import DatasetCard
    from lorentznet.data.table import JetTable
    from lorentznet.train.target import Target

Integers = NDArray[np.int64]

_COLUMNS = {"p4": "momenta", "counts": "counts", "labels": "labels", "weights": "weights", "scalars": "scalars"}


class JetArrays:
    """Jets as flat tensors, from which batches are gathered.

    Parameters
    ----------
    p4
        Four-momenta (E, px, py, pz) in GeV, shape (n_particles, 4).
    counts
        Number of particles of each jet, shape (n_jets,).
    labels
        Class of each jet, -1 where it is unknown, shape (n_jets,).
    weights
        Weight of each jet, shape (n_jets,); all 1 when not given.
    scalars
        Invariant numbers of each particle, shape (n_particles, s).
    classes
        Names of the classes.
    targets
        What a regression is to find, shape (n_jets, 4) or (n_jets, 1).
    """

    card: DatasetCard | None = None
    """The card of the (first) file."""
    left_out: int = 0
    """Number of jets that were left out because they have no target."""
    soft_labels: Tensor | None = None
    """Probabilities of the classes that are learned in place of the labels, shape (n_jets, classes), see
    :mod:`lorentznet.train.distillation`."""

    def __init__(
        self,
        p4: Any,
        counts: Any,
        labels: Any,
        weights: Any = None,
        scalars: Any = None,
        classes: Sequence[str] = (),
        targets: Any = None,
    ) -> None:
        self.p4 = torch.as_tensor(p4, dtype=torch.float64)
        self.counts: Integers = np.asarray(counts, dtype=np.int64)
        self.labels = torch.as_tensor(labels, dtype=torch.int64)
        self.weights = (
            torch.ones(len(self.counts), dtype=torch.float64)
            if weights is None
            else torch.as_tensor(weights, dtype=torch.float64)
        )
        self.scalars = None if scalars is None else torch.as_tensor(scalars, dtype=torch.float64)
        self.targets = None if targets is None else torch.as_tensor(targets, dtype=torch.float64)
        self.classes = tuple(classes)
        self._starts: Integers = np.cumsum(self.counts) - self.counts

    def __len__(self) -> int:
        return len(self.counts)

    @classmethod
    def from_tables(cls, tables: Iterable[JetTable], target: Target | None = None, where: str = "the files") -> JetArrays:
        """Join tables of the same classes and scalars; each is let go when its arrays are taken.

        With a ``target`` jets that have none are left out and counted. ``where`` says what is read, should there be nothing.

        Raises
        ------
        DataError
            If classes or scalars of the tables differ, there is no jet, a target column is missing, or no jet has a target.
        """
        left_out = 0
        source, card, width = "", None, 0
        classes: tuple[str, ...] = ()
        parts: list[dict[str, NDArray[Any]]] = []
        for table in tables:
            if not parts:
                source, classes, card, width = table.source, tuple(table.classes), table.card, _width(table)
            if tuple(table.classes) != classes:
                raise DataError(f"{table.source}: has the classes {_listed(table.classes)}, but {source} has {_listed(classes)}")
            if _width(table) != width:
                raise DataError(
                    f"{table.source}: has {_width(table)} scalars per particle, but {source} has {width}; give files with the same card"
                )
            values = None
            if target is not None:
                values, present = target.values(table)
                left_out += int((~present).sum())
                table, values = table[present], values[present]
            named = {"targets": values, **{name: getattr(table, attribute) for name, attribute in _COLUMNS.items()}}
            parts.append({name: np.asarray(value) for name, value in named.items() if value is not None})
        if not parts:
            raise DataError(f"{where}: no jets were read; if the card has a selection, none of the jets passes it")
        jets = cls(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, classes=classes)
        if target is not None and not len(jets):
            raise DataError(
                f"{source}: none of its {left_out} jets has a target, '{', '.join(target.words)}' is zero; give jets that have one"
            )
        jets.card, jets.left_out = card, left_out
        return jets

    def batch(self, jets: Integers, mirrored: NDArray[np.bool_] | None = None) -> JetBatch:
        """The batch of the jets with these indices, in this order; those that are ``mirrored`` with z turned into -z."""
        counts = self.counts[jets]
        ends = np.cumsum(counts)
        particles = torch.from_numpy(
            np.repeat(self._starts[jets] - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)
        )
        rows = torch.from_numpy(jets)
        p4 = self.p4[particles]
        if mirrored is not None:
            p4[torch.from_numpy(np.repeat(mirrored, counts)), 3] *= -1
        batch = JetBatch.from_arrays(
            p4,
            torch.from_numpy(counts),
            y=self.labels[rows],
            weight=self.weights[rows],
            scalars=None if self.scalars is None else self.scalars[particles],
        )
        if self.soft_labels is not None:
            batch.soft_labels = self.soft_labels[rows]
        if self.targets is not None:
            batch.target = self.targets[rows]
            if mirrored is not None and batch.target.shape[-1] == 4:
                batch.target[torch.from_numpy(mirrored), 3] *= -1
        return batch


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes) or "no classes"


def _width(table: JetTable) -> int:
    return 0 if table.scalars is None else int(np.shape(table.scalars)[1])
