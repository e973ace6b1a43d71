r"""Who is a neighbour of whom: the k nearest particles in an invariant distance, whatever the order of the particles.

Distances are

* ``knn-angle``: 1 - cos theta_ij in the rest frame of the jet, p_i.p_j M^2 / ((p_i.P)(p_j.P)) for massless particles,
* ``knn-product``: p_i.p_j,
* ``knn-deltar``: the distance at hadron colliders, :math:`\Delta R^2 = \Delta y^2 + \Delta\phi^2`, written with the beams.

The first two are invariant under all transforms. The third knows the beam axis: it is unchanged by boosts along the beams, by rotations
about them and by their exchange, and by all other transforms only if the beams are transformed along.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lorentznet.group.minkowski import minkowski_dot, minkowski_square

GraphKind = Literal["all", "knn-angle", "knn-product", "knn-deltar"]
GRAPHS: tuple[GraphKind, ...] = ("all", "knn-angle", "knn-product", "knn-deltar")

_RELATIVE, _ABSOLUTE = 1e-6, 1e-16  # distances that differ by less are the same: rounding must not choose among them
_SMALLEST_SHARE = 1e-12  # of p.b in P.b


def nearest_particles(distance: Tensor, mask: Tensor, k: int) -> Tensor:
    """Which particles are among the k nearest of each particle.

    Two particles at the same distance (to a millionth), such as two in the same cell of a calorimeter, are both in or both out: neither
    the order in which they are given nor rounding can decide, up to boosts of gamma = 1000 of the jet; so the number of neighbours exceeds
    k where the k-th place is shared.

    Parameters
    ----------
    distance
        Not negative, smaller is nearer, shape (jets, particles, particles); anything where a particle is missing.
    mask
        True for a real particle, shape (jets, particles).
    k
        Number of neighbours; in a jet of at most k + 1 particles each is a neighbour of all others.

    Returns
    -------
    Tensor, shape (jets, particles, particles), bool
        True at [i, j] if j is a neighbour of i; not symmetric.
    """
    pairs = pair_mask(mask)
    if distance.shape[-1] - 1 <= k:
        return pairs
    far = distance.detach().masked_fill(~pairs, torch.inf)
    limit = far.kthvalue(k, dim=-1, keepdim=True).values
    return pairs & (far <= limit * (1 + _RELATIVE) + _ABSOLUTE)


def pair_mask(mask: Tensor) -> Tensor:
    """True for pairs of two different real particles, shape (jets, particles, particles)."""
    different = ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return mask[:, :, None] & mask[:, None] & different


def delta_r_square(momenta: Tensor, beams: Tensor) -> Tensor:
    r"""Squared distance in rapidity and azimuth, in any frame.

    .. math::
        y = \tfrac12\ln\frac{p\cdot b^-}{p\cdot b^+}, \qquad
        p_T = p - \frac{(p\cdot b^-)\,b^+ + (p\cdot b^+)\,b^-}{b^+\cdot b^-}, \qquad
        1 - \cos\Delta\phi = -\tfrac12\,(n_i - n_j)^2, \quad n = p_T / \sqrt{-p_T^2} .

    Unchanged by rescaling of a beam. With b+- = (1, 0, 0, +-1) these are the rapidity and azimuth of the laboratory.

    Parameters
    ----------
    momenta
        Shape (jets, particles, 4).
    beams
        b+ and b-, shape (jets, 2, 4).
    """
    plus, minus = (minkowski_dot(momenta, beam[:, None]).clamp_min(0) for beam in beams.unbind(1))
    both = minkowski_dot(beams[:, 0], beams[:, 1])[:, None]
    rapidity = 0.5 * (_share(minus).log() - _share(plus).log())
    across = momenta - (minus / both)[..., None] * beams[:, :1] - (plus / both)[..., None] * beams[:, 1:]
    length = (-minkowski_square(across)).clamp_min(0).sqrt()
    unit = across / torch.where(length > 0, length, 1)[..., None]
    half = (-0.25 * minkowski_square(unit[:, :, None] - unit[:, None])).clamp(0, 1)
    return (rapidity[:, :, None] - rapidity[:, None]).square() + 4 * half.sqrt().asin().square()


def _share(products: Tensor) -> Tensor:
    """p_i.b / P.b with a floor for a particle along the beam; P.b is the same for all and falls out of differences."""
    total = products.sum(1, keepdim=True)
    return (products / torch.where(total > 0, total, 1)).clamp_min(_SMALLEST_SHARE)


def pair_invariants(space: Tensor, length: Tensor, energy: Tensor, mass_square: Tensor | None) -> tuple[Tensor, Tensor]:
    r"""p_i.p_j and p_i.p_j / (E_i E_j) (1 - cos theta_ij of massless particles) without cancellation.

    With unit vectors n: 1 - cos = \|n_i - n_j\|^2 / 2 and

    p_i.p_j = (m_i^2 \|p_j\|^2 + m_j^2 \|p_i\|^2 + m_i^2 m_j^2) / (E_i E_j + \|p_i\| \|p_j\|) + \|p_i\| \|p_j\| (1 - cos).
    """
    direction = space / torch.where(length > 0, length, 1)[..., None]
    x, y, z = (component[:, :, None] - component[:, None] for component in direction.unbind(-1))
    angle = 0.5 * x.square().addcmul(y, y).addcmul(z, z)
    both = length[:, :, None] * length[:, None]
    product = both * angle
    if mass_square is None:
        return product, angle
    m, p2, pair_energy = mass_square, length.square(), energy[:, :, None] * energy[:, None]
    numerator = m[:, :, None] * p2[:, None] + p2[:, :, None] * m[:, None] + m[:, :, None] * m[:, None]
    product = product + numerator / torch.where(pair_energy + both > 0, pair_energy + both, 1)
    return product, product / torch.where(pair_energy > 0, pair_energy, 1)
