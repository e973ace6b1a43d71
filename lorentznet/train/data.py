"""The way of jets into batches: in which order, how many together, in which process.

An epoch is a permutation of the jets that depends on (seed, epoch) only, so that a training can be taken up anywhere. Jets of
similar size share a batch; every process gets the same number of batches, and every jet is used once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lorentznet.data.batch import JetBatch
from lorentznet.errors import DataError
from lorentznet.train.jet_arrays import Integers, JetArrays


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
