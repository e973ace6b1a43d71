"""Small steps from ragged momenta in the laboratory to dense ones at rest."""

from __future__ import annotations

import torch
from torch import Tensor


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
        Zero where there is no particle.
    mask : Tensor, shape (jets, most particles), bool
    """
    counts = ptr[1:] - ptr[:-1]
    width = int(counts.max()) if counts.numel() else 0
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
    r"""Pure boost that brings ``total`` to rest.

    With g = P^0/M and u = P/M (three-vectors bold): p'^0 = g p^0 - u.p and p' = p + u (u.p / (1 + g) - p^0).

    Parameters
    ----------
    momenta
        Shape (jets, particles, 4).
    total, mass
        P, shape (jets, 4), time-like, and M = sqrt(P^2), shape (jets,).
    """
    gamma = (total[:, :1] / mass[:, None])[:, None]
    u = (total[:, 1:] / mass[:, None])[:, None]
    along = (momenta[..., 1:] * u).sum(-1, keepdim=True)
    energy = gamma * momenta[..., :1] - along
    space = momenta[..., 1:] + u * (along / (1 + gamma) - momenta[..., :1])
    return torch.cat((energy, space), -1)
