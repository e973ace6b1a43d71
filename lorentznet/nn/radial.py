r"""Radial functions: what one particle weighs in the sum over its neighbours, as a function of pair invariants only.

.. math:: f_c(x_{ij}) = \sum_q W_{cq}\, \phi_q(x_{ij}), \qquad \phi_q(x) = \exp\!\left(-\frac{(x - c_q)^2}{2 w^2}\right).

The bells are fixed, so no gradient flows through an N x N array of theirs, and the mask is applied once, to them; what is linear in
them needs no second mask.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lorentznet.nn.frame import JetFrame

# Bells cover the invariants of jets with tens to hundreds of particles: (lowest centre, highest centre).
PRODUCT_RANGE = (-14.0, -1.5)  # ln(p_i.p_j / M^2)
ANGLE_RANGE = (-8.0, 0.7)  # ln(1 - cos theta), rest frame
ABSOLUTE_RANGE = (-6.0, 8.0)  # ln(p_i.p_j / GeV^2)


class PairBasis(nn.Module):
    """Gaussian bells of the pair invariants, zero for padding and for a particle with itself.

    Parameters
    ----------
    product, angle, absolute
        Number of bells in ln(p_i.p_j / M^2), ln(1 - cos theta_ij) (rest frame) and ln(p_i.p_j / GeV^2).
    scale
        Typical number of neighbours: the functions are divided by it, so that sums over neighbours are of order one.
    """

    def __init__(self, product: int = 8, angle: int = 6, absolute: int = 0, scale: float = 16.0) -> None:
        super().__init__()
        self.numbers = (product, angle, absolute)
        self.n_functions = product + angle + absolute + 1
        self.scale = scale

    def forward(self, frame: JetFrame) -> Tensor:
        """Shape (functions, jets, particles, particles); the last function is a constant."""
        product, angle, absolute = self.numbers
        rows = []
        if product:
            rows.append(bells(frame.log_product, product, *PRODUCT_RANGE))
        if angle:
            rows.append(bells(frame.log_angle, angle, *ANGLE_RANGE))
        if absolute:
            rows.append(bells(frame.log_product + 2 * frame.log_mass[:, None, None], absolute, *ABSOLUTE_RANGE))
        rows.append(torch.ones_like(frame.log_product)[None])
        return torch.where(pair_mask(frame.mask), torch.cat(rows) / self.scale, 0)


def bells(x: Tensor, number: int, low: float, high: float) -> Tensor:
    """Gaussians with equidistant centres, one spacing wide; shape (number, *x.shape)."""
    spacing = (high - low) / max(number - 1, 1)
    centres = low + spacing * torch.arange(number, dtype=x.dtype, device=x.device)
    return torch.exp(-0.5 * ((x - centres.view(-1, *[1] * x.ndim)) / spacing).square())


def pair_mask(mask: Tensor) -> Tensor:
    """True for pairs of two different real particles, shape (jets, particles, particles)."""
    different = ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return mask[:, :, None] & mask[:, None] & different


class RadialWeights(nn.Module):
    """Linear combinations f_c of the pair basis.

    Parameters
    ----------
    n_functions
        Size of the basis.
    channels
        Number of radial functions.
    """

    def __init__(self, n_functions: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, n_functions) / n_functions**0.5)

    def forward(self, basis: Tensor) -> Tensor:
        """Shape (channels, jets, particles, particles)."""
        return (self.weight @ basis.flatten(1)).view(-1, *basis.shape[1:])
