"""What must not matter to a tagger and is no Lorentz transform: the order of the particles, padding, and the other jets of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lorentznet.data.batch import JetBatch

REARRANGEMENTS = ("permutation", "padding", "company")
"""Particles of each jet in another order; the same jets beside a longer one; each jet among others than before."""

EXTRA = 16
"""Particles that the longer jet has more than the longest."""
PADDED = 100
"""Jets that are scored beside the longer one: all are then padded to its length, which takes its time."""


class Scorer(Protocol):
    """What a network says of the jets of a batch, shape (jets, ...); a ``company`` of jets is scored along in every call and left out."""

    def __call__(self, batch: JetBatch, company: JetBatch | None = None) -> Tensor: ...  # noqa: D102


def rearranged(scorer: Scorer, batch: JetBatch, how: str, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Which jets were looked at, and what a network says of them after a rearrangement.

    Parameters
    ----------
    scorer
        The network.
    batch
        Jets; beside the longer one :data:`PADDED` of them are scored.
    how
        One of :data:`REARRANGEMENTS`.
    random
        Of the order of particles or jets.

    Returns
    -------
    rows, outputs
        Places in the batch, and the outputs for the jets there.
    """
    rows = spaced_rows(batch.n_jets, PADDED if how == "padding" else batch.n_jets)
    chosen = batch.select(rows)
    if how == "permutation":
        return rows, scorer(permuted(chosen, random))
    if how == "padding":
        return rows, scorer(chosen, company=longer_jet(chosen))
    order = torch.from_numpy(random.permutation(chosen.n_jets))
    return rows, scorer(chosen.select(order))[torch.argsort(order)]


def spaced_rows(total: int, number: int) -> Tensor:
    """At most ``number`` of ``total`` rows, evenly spaced."""
    return torch.arange(total) if total <= number else torch.arange(number) * total // number


def permuted(batch: JetBatch, random: np.random.Generator) -> JetBatch:
    """The particles of each jet in a random order."""
    order = torch.from_numpy(np.lexsort((random.random(len(batch.p4)), batch.batch.numpy())))
    shuffled = batch.with_momenta(batch.p4[order])
    if "scalars" in batch:
        shuffled.scalars = batch.scalars[order]
    return shuffled


def longer_jet(batch: JetBatch) -> JetBatch:
    """One jet of :data:`EXTRA` more particles than the longest of a batch, made of particles of the batch."""
    rows = torch.arange(EXTRA + int(batch.counts.max())) % len(batch.p4)
    jet = JetBatch.from_arrays(batch.p4[rows], [len(rows)], y=[0], scalars=batch.scalars[rows] if "scalars" in batch else None)
    if "references" in batch:
        jet.references = batch.references[:1]
    return jet


def joined(batches: Sequence[JetBatch]) -> JetBatch:
    """Several batches as one, with what all of them carry of scalars and references."""
    carried = {
        key: torch.cat([batch[key] for batch in batches])
        for key in ("scalars", "references")
        if all(key in batch for batch in batches)
    }
    together = JetBatch.from_arrays(
        torch.cat([batch.p4 for batch in batches]),
        torch.cat([batch.counts for batch in batches]),
        scalars=carried.get("scalars"),
    )
    if "references" in carried:
        together.references = carried["references"]
    return together
