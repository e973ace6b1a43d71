"""Small steps from ragged momenta in the laboratory to dense ones at rest."""

from __future__ import annotations

import torch
from torch import Tensor

from lorentznet.group.minkowski import minkowski_dot as plain_dot
from lorentznet.nn.doubled import minkowski_dot, two_product, two_sum


def to_dense(values: Tensor, ptr: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Ragged rows as a padded block.

    Parameters
    ----------
    values
        Shape (n_particles, ...).
    ptr, batch
        Offsets and jet of each particle, see :class:`~lorentznet.data.batch.JetBatch`.

    Returns
    -------
    dense : Tensor, shape (jets, most particles, ...)
        Zero where there is no particle; at least one place for each jet, so that empty jets are no special case.
    mask : Tensor, shape (jets, most particles), bool
    """
    counts = ptr[1:] - ptr[:-1]
    width = max(1, int(counts.max())) if counts.numel() else 1
    mask = torch.arange(width, device=values.device) < counts[:, None]
    slot = torch.arange(values.shape[0], device=values.device) - ptr[batch]
    dense = values.new_zeros((counts.numel(), width, *values.shape[1:]))
    return dense.index_put((batch, slot), values), mask


def safe_norm(vectors: Tensor) -> Tensor:
    """Euclidean norm over the last axis with gradient zero, not NaN, at the origin."""
    square = vectors.square().sum(-1)
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1).sqrt(), 0)


def boost_to_rest(momenta: Tensor, total: Tensor, mass: Tensor) -> Tensor:
    r"""Pure boost that brings ``total`` to rest, exact to rounding of the *boosted* momenta however fast the jet is.

    .. math:: p'^0 = \frac{P\cdot p}{M}, \qquad \mathbf p' = \mathbf p - q\,\mathbf P, \quad q = \frac{p^0 + p'^0}{P^0 + M} .

    Both are differences of numbers up to gamma^2 times larger: they are formed with the errors of rounding carried along.

    Parameters
    ----------
    momenta
        Shape (jets, particles, 4), float64.
    total, mass
        P, shape (jets, 4), time-like, and M = sqrt(P^2), shape (jets,); P^2 by :func:`lorentznet.nn.doubled.minkowski_dot`.
    """
    axis, mass = total[:, None], mass[:, None]
    time = momenta[..., 0]
    energy = minkowski_dot(axis, momenta) / mass
    above, above_error = two_sum(time, energy)
    below, below_error = two_sum(axis[..., 0], mass)
    q = above / below
    back, back_error = two_product(q, below)
    q_error = (((above - back) - back_error) + above_error - q * below_error) / below
    moved, moved_error = two_product(axis[..., 1:], q[..., None])
    space, space_error = two_sum(momenta[..., 1:], -moved)
    space = space + (space_error - moved_error - axis[..., 1:] * q_error[..., None])
    return torch.cat((energy[..., None], space), -1)


def boost_by_little(momenta: Tensor, total: Tensor, mass: Tensor) -> Tensor:
    r"""What :func:`boost_to_rest` computes, plainly: as exact where ``total`` is at rest already but for rounding, and half the work.

    Parameters
    ----------
    momenta, total, mass
        As there, with \|P\| far below M: nothing cancels, and rounding of the small q P does not count.
    """
    axis, mass = total[:, None], mass[:, None]
    energy = plain_dot(axis, momenta) / mass
    q = (momenta[..., 0] + energy) / (axis[..., 0] + mass)
    return torch.cat((energy[..., None], momenta[..., 1:] - q[..., None] * axis[..., 1:]), -1)
