r"""Reference vectors: what breaks the symmetry of the network in a controlled way, and may be transformed along with the jets.

The beams b+- = (1, 0, 0, +-1) and the time axis t = (1, 0, 0, 0) of the laboratory enter a network in one of two ways.

*As scalars* of each particle: :math:`\ln(p_i\cdot b^\pm / P\cdot b^\pm)` and :math:`\ln(m_T / 600\,\mathrm{GeV})` with
:math:`m_T^2 = (P\cdot b^+)(P\cdot b^-)` for the beams, :math:`\ln(p_i\cdot t / P\cdot t)` for time.

*As particles* of their own, which send and receive messages like all others, with the momenta (in units of the jet mass M)

.. math:: q_r = \frac{M\, r}{P\cdot r}, \qquad q_r\cdot P / M = 1 .

In the rest frame q is (1, n) with the direction n of a beam, (1, v) with the velocity v of the laboratory: of order one however fast
the jet is, and the same for a beam of any energy. The pair of both beams knows the transverse mass, :math:`q_+\cdot q_- = 2M^2/m_T^2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from lorentznet.group.minkowski import minkowski_dot

REFERENCES: dict[str, list[list[float]]] = {
    "beams": [[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, -1.0]],
    "time": [[1.0, 0.0, 0.0, 0.0]],
}
"""Vectors (E, px, py, pz) of the laboratory by name, in the order in which batches carry them."""

ReferenceUse = Literal["scalars", "particles"]

_EPSILON = 1e-9
_TYPICAL_TRANSVERSE_MASS = 600.0  # GeV


def laboratory(names: Sequence[str]) -> Tensor:
    """The named reference vectors, shape (number, 4), float64."""
    rows = [row for name, vectors in REFERENCES.items() if name in names for row in vectors]
    return torch.tensor(rows, dtype=torch.float64).view(-1, 4)


def reference_scalars(momenta: Tensor, references: Tensor, beams: bool) -> Tensor:
    """Logarithms of products of each particle with the reference vectors.

    Parameters
    ----------
    momenta
        In GeV, shape (jets, particles, 4).
    references
        In the same frame, shape (jets, number, 4).
    beams
        True if the first two are the beams; the transverse mass is then added.

    Returns
    -------
    Tensor, shape (jets, particles, number, plus one with beams)
    """
    particle = minkowski_dot(momenta[:, :, None], references[:, None]).clamp_min(0)
    jet = particle.sum(1, keepdim=True)
    ratio = (particle / torch.where(jet > 0, jet, 1) + _EPSILON).log()
    if not beams:
        return ratio
    transverse = 0.5 * (jet[..., 0] * jet[..., 1] / _TYPICAL_TRANSVERSE_MASS**2 + _EPSILON).log()
    return torch.cat((ratio, transverse[..., None].expand(-1, momenta.shape[1], 1)), -1)


def reference_particles(references: Tensor, time: Tensor, absent: Tensor) -> tuple[Tensor, Tensor]:
    """Reference vectors as particles.

    Parameters
    ----------
    references
        Shape (jets, number, 4).
    time
        P / M in the same frame, shape (jets, 4).
    absent
        Jets without a scale to measure them by (no rest frame), shape (jets,): theirs are left out.

    Returns
    -------
    momenta : Tensor, shape (jets, number, 4)
        q, in units of the jet mass; zero where left out.
    present : Tensor, shape (jets, number), bool
    """
    energy = minkowski_dot(references, time[:, None])
    present = ~absent[:, None] & (energy > 0)
    scale = torch.where(present, energy, 1)[..., None]
    return torch.where(present[..., None], references / scale, 0), present
