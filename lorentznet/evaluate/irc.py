r"""Infrared and collinear safety of a trained tagger: what a soft particle, or a collinear splitting, does to its logit.

A function of jets that can be computed order by order in the strong coupling does not change when a particle of vanishing momentum is
added, or when one particle is replaced by two collinear ones. Here each jet gets

* a **soft** particle: massless, of the fraction z of the jet's energy, in a random direction within the jet (a random mean of its
  particles' momenta); or
* a **collinear** splitting: one particle, drawn in proportion to its energy, becomes two with the fractions x and 1 - x of it, x uniform,
  at an angle :math:`\theta`, balanced about its direction,

and the change of the logit is followed to small z and :math:`\theta`. It vanishes as a power of them for a safe function, and stays where
particles are counted, or each is treated alike however soft it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lorentznet.data.batch import JetBatch
from lorentznet.evaluate.invariance_points import Change, Emission
from lorentznet.evaluate.invariance_words import BROKEN
from lorentznet.evaluate.measured import Measured, change

SIZES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Momentum fractions of soft particles, and angles of splittings in radian."""

_ROUNDING = 1e-9  # a change below this is none
_SAFE_POWER = 0.5
_SMALL = 1e-2  # sizes up to this enter the fit

Array = NDArray[np.float64]


def with_soft(batch: JetBatch, fraction: float, random: np.random.Generator) -> JetBatch:
    """Each jet with one more massless particle of so small a fraction of its energy; it copies the scalars of a random particle.

    Jets without particles stay without.
    """
    momenta, owner = batch.p4.numpy(), batch.batch.numpy()
    weights = random.exponential(size=len(momenta))
    jets = np.flatnonzero(batch.counts.numpy())
    direction = _per_jet(momenta[:, 1:] * weights[:, None], owner, batch.n_jets)[jets]
    length = np.sqrt((direction**2).sum(1, keepdims=True))
    unit = direction / np.where(length > 0, length, 1)
    energy = fraction * _per_jet(momenta[:, :1], owner, batch.n_jets)[jets]
    copied = batch.ptr.numpy()[jets] + random.integers(0, batch.counts.numpy()[jets])
    return _extended(batch, np.concatenate((energy, energy * unit), 1), jets, copied)


def with_splitting(batch: JetBatch, angle: float, random: np.random.Generator) -> JetBatch:
    """Each jet with one of its particles split in two at an angle (radian); both have the scalars of the parent."""
    momenta, owner = batch.p4.numpy(), batch.batch.numpy()
    # the largest of energy-weighted exponential races: a draw in proportion to the energy
    race = np.log(np.maximum(momenta[:, 0], 1e-300)) + random.gumbel(size=len(momenta))
    order = np.lexsort((race, owner))
    jets = np.flatnonzero(batch.counts.numpy())
    chosen = order[batch.ptr.numpy()[1:][jets] - 1]
    parent = momenta[chosen]
    x = random.uniform(size=(len(jets), 1))
    axis = parent[:, 1:]
    across = np.cross(axis, random.normal(size=axis.shape))
    length = np.sqrt((axis**2).sum(1, keepdims=True)) / np.maximum(np.sqrt((across**2).sum(1, keepdims=True)), 1e-300)
    across = across * length  # as long as the parent's momentum
    halves = []
    for share, turn in ((x, (1 - x) * angle), (1 - x, -x * angle)):
        halves.append(share * np.concatenate((parent[:, :1], np.cos(turn) * axis + np.sin(turn) * across), 1))
    changed = momenta.copy()
    changed[chosen] = halves[0]
    return _extended(batch.with_momenta(torch.from_numpy(changed)), halves[1], jets, chosen)


EMISSIONS: Mapping[str, Callable[[JetBatch, float, np.random.Generator], JetBatch]] = {
    "soft": with_soft,
    "collinear": with_splitting,
}
"""Changes of jets by name: a function of the jets, the size and a generator."""


def scan(
    measured: Measured,
    batch: JetBatch,
    baseline: Tensor,
    sigma: float,
    sizes: Sequence[float] = SIZES,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Emission]:
    """Change of the logit in the tagger's most precise mode by soft particles and collinear splittings of falling size.

    Parameters
    ----------
    measured
        The tagger.
    batch
        Jets, with references if the tagger reads any.
    baseline, sigma
        Logits of these jets, and their spread; from :meth:`~lorentznet.evaluate.measured.Measured.spread`.
    sizes
        Momentum fractions, and angles in radian.
    seed
        Seed of directions, shares and draws, which are the same for all sizes.
    progress
        Called with 1 after each of ``2 * len(sizes)`` steps.
    """
    found = {}
    for number, (kind, emit) in enumerate(EMISSIONS.items()):
        changes = {}
        for size in sizes:
            emitted = emit(batch, size, np.random.default_rng([seed, number]))
            changes[f"{size:g}"] = change(measured.logits(emitted, measured.best), baseline, sigma)
            if progress is not None:
                progress(1)
        found[kind] = judged(changes)
    return found


def judged(changes: Mapping[str, Change]) -> Emission:
    """Fit the power with which the rms change falls at small sizes, and say whether it vanishes.

    It vanishes if it is below rounding (1e-9) at the smallest size, or below 1e-2 there and falling with a power of at least 1/2.
    """
    pairs = sorted((float(size), found.rms) for size, found in changes.items())
    fitted = [(size, rms) for size, rms in pairs if size <= _SMALL and _ROUNDING < rms < np.inf]
    slope = None
    if len(fitted) > 1:
        logs = np.log(np.array(fitted))
        slope = float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])
    smallest = pairs[0][1]
    falling = slope is not None and slope >= _SAFE_POWER and smallest < BROKEN
    return Emission(dict(changes), slope, bool(smallest <= _ROUNDING or falling))


def _per_jet(values: Array, owner: NDArray[np.int64], jets: int) -> Array:
    total = np.zeros((jets, values.shape[1]))
    np.add.at(total, owner, values)
    return total


def _extended(batch: JetBatch, momenta: Array, jets: NDArray[np.int64], copied: NDArray[np.int64]) -> JetBatch:
    """The batch with one more particle in some jets, after those that are there; scalars are copied from other particles."""
    owner = np.concatenate((batch.batch.numpy(), jets))
    order = np.argsort(owner, kind="stable")
    rows = torch.from_numpy(np.concatenate((np.arange(len(batch.p4)), copied))[order])
    extended = JetBatch.from_arrays(
        np.concatenate((batch.p4.numpy(), momenta))[order],
        np.bincount(owner, minlength=batch.n_jets),
        weight=batch.weight,
        scalars=batch.scalars[rows] if "scalars" in batch else None,
    )
    for key in ("y", "references"):
        if key in batch:
            extended[key] = batch[key]
    return extended
