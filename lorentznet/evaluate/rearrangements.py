"""What must not matter to a tagger and is no Lorentz transform: the order of the particles, padding, and the other jets of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lorentznet.data.batch import JetBatch

REARRANGEMENTS = ("permutation", "padding", "company")
"""Particles of each jet in another order; the same jets beside a longer one; each jet among others than before."""

EXTRA = 16
"""Particles that the longer jet has more than the longest."""
PADDED = 100
"""Jets that are scored beside the longer one: all are then padded to its length, which takes its time."""


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
