"""Jets in memory, and their way into batches: flat tensors, index arithmetic, no loop over jets.

An epoch is a permutation of the jets that depends on (seed, epoch) only, so that a training can be taken up anywhere. Jets of
similar size share a batch; every process gets the same number of batches, and every jet is used once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

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
    def from_tables(cls, tables: Iterable[JetTable], target: Target | None = None) -> JetArrays:
        """Join tables of the same classes and scalars; each is let go when its arrays are taken.

        With a ``target`` jets that have none are left out and counted.

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
            raise DataError("no jets were read")
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
        if self.targets is not None:
            batch.target = self.targets[rows]
            if mirrored is not None and batch.target.shape[-1] == 4:
                batch.target[torch.from_numpy(mirrored), 3] *= -1
        return batch


class TrainingBatches:
    """The batches of one epoch after the other, as an iterable that the trainer walks through once per epoch.

    The position is kept in ``drawn``, the number of batches given so far, and can be saved and restored in the middle of an
    epoch.

    Parameters
    ----------
    jets
        All training jets.
    batch_size
        Most jets in a batch; the jets are spread evenly over ``ceil(n / (batch_size * world_size))`` steps.
    bucket
        Number of batches whose jets are sorted together by size; 1 for no sorting.
    seed
        The order of an epoch depends on (seed, epoch).
    rank, world_size
        This process and the number of all.
    mirror
        Give half of the jets, by lot and anew in each epoch, with z turned into -z: two beams of the same kind are alike.
    """

    def __init__(
        self,
        jets: JetArrays,
        batch_size: int,
        bucket: int = 32,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        mirror: bool = False,
    ) -> None:
        self.jets = jets
        self.bucket = bucket
        self.mirror = mirror
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.steps = steps_per_epoch(len(jets), batch_size, world_size)
        self.drawn = 0
        if len(jets) < world_size:
            raise DataError(f"{len(jets)} training jets cannot be shared by {world_size} processes; give more jets")

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[JetBatch]:
        epoch, step = divmod(self.drawn, self.steps)
        mirrored = self.mirrored(epoch)
        for indices in self.epoch(epoch)[step:]:
            self.drawn += 1
            yield self.jets.batch(indices, None if mirrored is None else mirrored[indices])

    def mirrored(self, epoch: int) -> NDArray[np.bool_] | None:
        """Which jets are mirrored in an epoch, shape (n_jets,), the same in every process."""
        return np.random.default_rng((self.seed, epoch, 1)).random(len(self.jets)) < 0.5 if self.mirror else None

    def epoch(self, epoch: int) -> list[Integers]:
        """Indices of the jets in each batch of this process."""
        random = np.random.default_rng((self.seed, epoch))
        order = random.permutation(len(self.jets))
        batches = self.steps * self.world_size
        edges = np.arange(batches + 1) * len(order) // batches
        pool = np.repeat(np.arange(batches) // (self.bucket * self.world_size), np.diff(edges))
        if self.bucket > 1:
            order = order[np.lexsort((self.jets.counts[order], pool))]
        # neighbours in size go to the processes of one step, so that none waits for another
        steps = random.permutation(self.steps)
        return [order[edges[b] : edges[b + 1]] for b in steps * self.world_size + self.rank]

    def state_dict(self) -> dict[str, int]:
        """The position, for a checkpoint."""
        return {"drawn": self.drawn}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved position."""
        self.drawn = state["drawn"]


def steps_per_epoch(n_jets: int, batch_size: int, world_size: int = 1) -> int:
    """Number of optimiser steps in an epoch.

    Examples
    --------
    >>> steps_per_epoch(100, 64), steps_per_epoch(128, 64), steps_per_epoch(129, 32, world_size=2)
    (2, 2, 3)
    """
    return max(1, -(-n_jets // (batch_size * world_size)))


class EvaluationBatches:
    """Every jet once, jets of similar size together; the shares of the processes differ by at most one jet.

    Parameters
    ----------
    jets
        All jets.
    batch_size
        Most jets in a batch.
    rank, world_size
        This process and the number of all.

    Raises
    ------
    DataError
        If there are fewer than two jets for each process.
    """

    def __init__(self, jets: JetArrays, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        if world_size > 1 and len(jets) < 2 * world_size:
            raise DataError(f"{len(jets)} validation jets cannot be shared by {world_size} processes; give more jets")
        self.jets = jets
        share = -(-len(jets) // world_size)  # of the process with most jets
        order = np.argsort(jets.counts, kind="stable")[rank::world_size]
        self.batches = np.array_split(order, -(-share // max(2, batch_size)))

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[JetBatch]:
        for indices in self.batches:
            yield self.jets.batch(indices)


def sorted_batches(counts: Integers, batch_size: int, pairs: int = 1 << 21) -> list[Integers]:
    """Cut jets into batches of similar size with a bounded number of particle pairs, so that memory is bounded.

    Parameters
    ----------
    counts
        Number of particles of each jet, shape (n_jets,).
    batch_size
        Most jets in a batch.
    pairs
        Most pairs of particles in a batch, the jets being padded to the longest; a single jet may have more.

    Returns
    -------
    list of integer arrays
        Indices of the jets, sizes ascending.
    """
    order = np.argsort(counts, kind="stable")
    squares = np.maximum(counts[order], 1) ** 2
    batches = []
    start = 0
    while start < len(order):
        ahead = squares[start : start + batch_size]
        fitting = int(np.count_nonzero(np.arange(1, len(ahead) + 1) * ahead <= pairs))
        batches.append(order[start : start + max(1, fitting)])
        start += max(1, fitting)
    return batches


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes) or "no classes"


def _width(table: JetTable) -> int:
    return 0 if table.scalars is None else int(np.shape(table.scalars)[1])
