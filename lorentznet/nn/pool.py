r"""From particles to the jet: means over real particles only, whatever the padding.

Three pools are concatenated: the mean, the energy-weighted sum :math:`\sum_i z_i s_i` with :math:`z_i = p_i\cdot P / M^2` in the
rest frame, and an attention mean whose weights are a softmax over the jet's particles.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over real particles.

    Parameters
    ----------
    values
        Shape (jets, particles, features).
    mask
        Shape (jets, particles), True for a real particle. A jet without particles gives zero.
    """
    kept = torch.where(mask[..., None], values, 0)
    return kept.sum(1) / mask.sum(1).clamp_min(1).to(values.dtype)[:, None]


class JetPool(nn.Module):
    """Mean, energy-weighted and attention pooling of particle scalars.

    Parameters
    ----------
    features
        Number of scalars of a particle.
    heads
        Number of attention heads; each pools all scalars.
    """

    def __init__(self, features: int, heads: int = 2) -> None:
        super().__init__()
        self.attention = nn.Linear(features, heads) if heads else None
        self.n_outputs = features * (2 + heads)

    def forward(self, values: Tensor, energy: Tensor, mask: Tensor) -> Tensor:
        """Shape (jets, n_outputs) from values (jets, particles, features), energies and mask (jets, particles)."""
        values = torch.where(mask[..., None], values, 0)
        pooled = [masked_mean(values, mask), (values * torch.where(mask, energy, 0)[..., None]).sum(1)]
        if self.attention is not None:
            logits = self.attention(values)
            logits = logits.masked_fill(~mask[..., None], torch.finfo(logits.dtype).min)
            weights = torch.where(mask[..., None], torch.softmax(logits, 1), 0)
            pooled.append(torch.einsum("bnh,bnf->bhf", weights, values).flatten(1))
        return torch.cat(pooled, -1)
