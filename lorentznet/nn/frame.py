r"""The front end of every tagger: each jet seen from its own rest frame, in float64, in units of its mass.

An invariant function may look at a jet in any frame, so it looks at it in the best-conditioned one. With P = sum_i p_i and
M^2 = P^2, the momenta become

.. math:: p_i' = \Lambda_P\, p_i / M, \qquad \Lambda_P P = (M, 0, 0, 0),

with :math:`\Lambda_P` the pure boost. Nothing is lost or broken: momenta seen from another frame arrive here changed by a (Wigner)
rotation only, and the networks behind commute with rotations. Components of a tensor of rank k grow as (2 gamma)^k under a boost
and cancel when invariants are formed; behind this front end they do not grow, and float32 suffices. ln(M / GeV) is kept as a scalar.

All steps are covariant, including the mass shell: with ``mass="massless"`` energies become E' = \|p'\| *in the rest frame*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, nearest
from lorentznet.group.minkowski import minkowski_dot, minkowski_square

Conditioning = Literal["frame", "lab"]
MassPolicy = Literal["massless", "keep"]

_EPSILON = 1e-9
_MASS_FLOOR = 1e-3  # GeV: what ln M of a jet without invariant mass becomes


@dataclass(frozen=True)
class JetFrame:
    """A batch of jets as the networks see it: dense, masked, in the dtype of the network.

    Attributes
    ----------
    momenta : Tensor, shape (jets, particles, 4)
        Four-momenta in units of the jet mass; zero where there is no particle.
    mask : Tensor, shape (jets, particles), bool
        True for a real particle.
    energy : Tensor, shape (jets, particles)
        p_i.P / M^2, the energy in the rest frame in units of M.
    log_product : Tensor, shape (jets, particles, particles)
        ln(p_i.p_j / M^2 + 1e-9).
    log_angle : Tensor, shape (jets, particles, particles)
        ln(p_i.p_j / (E_i E_j) + 1e-9), for massless particles 1 - cos theta_ij in the rest frame.
    log_mass : Tensor, shape (jets,)
        ln(M / GeV).
    reference_scalars : Tensor, shape (jets, particles, r)
        Products with the reference vectors, see :class:`FrameConditioner`.
    time : Tensor, shape (jets, 4), or None
        P / M in the frame of ``momenta``; None stands for (1, 0, 0, 0), the rest frame.
    degenerate : Tensor, shape (jets,), bool
        Jets without a rest frame (massless to rounding).
    """

    momenta: Tensor
    mask: Tensor
    energy: Tensor
    log_product: Tensor
    log_angle: Tensor
    log_mass: Tensor
    reference_scalars: Tensor
    time: Tensor | None
    degenerate: Tensor


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


class FrameConditioner(nn.Module):
    r"""From a batch of ragged float64 momenta to a :class:`JetFrame`.

    Parameters
    ----------
    mass
        ``"massless"`` puts every particle on the light cone, E' = \|p'\| in the rest frame (right for detector objects, whose mass is
        rounding noise); ``"keep"`` leaves energies as they are.
    references
        Reference vectors that break the symmetry in a controlled way: ``"beams"``, b+- = (1, 0, 0, +-1), and ``"time"``, t = (1, 0, 0, 0).
        They enter as scalars: ln(p_i.b+ / P.b+), ln(p_i.b- / P.b-) and ln(m_T / 600 GeV) with m_T^2 = (P.b+)(P.b-) for the beams,
        ln(p_i.t / P.t) for time.

    Notes
    -----
    ``conditioning`` is ``"frame"`` (the default) or ``"lab"``: the latter skips the boost and the mass shell and works in the network's
    dtype throughout. It is the same function in exact arithmetic for massless particles, and exists to show what the front end is worth.

    A jet whose mass vanishes to rounding (one massless particle, exactly collinear ones) has no rest frame. Its momenta are taken in
    units of its energy as they are: in another frame they differ by a rotation and nothing else, so this is covariant too.
    """

    reference_names: ClassVar[tuple[str, ...]] = ("beams", "time")

    def __init__(self, mass: MassPolicy = "massless", references: Sequence[str] = ()) -> None:
        super().__init__()
        for name in references:
            if name not in self.reference_names:
                raise ConfigError(f"references: unknown reference '{name}'; {nearest(name, self.reference_names)}")
        self.mass = mass
        self.references = tuple(name for name in self.reference_names if name in references)
        self.conditioning: Conditioning = "frame"

    @property
    def n_reference_scalars(self) -> int:
        """Number of scalars per particle that the reference vectors add."""
        return 3 * ("beams" in self.references) + ("time" in self.references)

    def with_references(self, batch: JetBatch) -> JetBatch:
        """The batch with the laboratory's reference vectors attached, unless it carries some."""
        if not self.references or getattr(batch, "references", None) is not None:
            return batch
        rows = [[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, -1.0]] * ("beams" in self.references) + [[1.0, 0.0, 0.0, 0.0]] * (
            "time" in self.references
        )
        lab = torch.tensor(rows, dtype=torch.float64, device=batch.p4.device)
        return batch.with_momenta(batch.p4, lab.expand(batch.n_jets, -1, -1))

    def forward(self, batch: JetBatch, dtype: torch.dtype) -> JetFrame:
        """Condition a batch; everything returned has ``dtype``, whatever autocast says."""
        batch = self.with_references(batch)
        with torch.autocast(batch.p4.device.type, enabled=False):
            dense, mask = to_dense(batch.p4, batch.ptr, batch.batch)
            references = getattr(batch, "references", None) if self.references else None
            if references is None:
                references = dense.new_zeros((dense.shape[0], 0, 4))
            if self.conditioning == "lab":
                return self._lab(dense.to(dtype), mask, references.to(dtype))
            return self._rest_frame(dense, mask, references, dtype)

    def _rest_frame(self, dense: Tensor, mask: Tensor, references: Tensor, dtype: torch.dtype) -> JetFrame:
        total = dense.sum(1)
        square = minkowski_square(total)
        degenerate = square <= 64 * torch.finfo(torch.float64).eps * total[:, 0].square()
        rest = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64, device=dense.device)
        # A jet without rest frame stays where it is, in units of its energy (1 for a jet of zeros).
        scale = torch.where(total[:, 0] > 0, total[:, 0], 1)
        axis = torch.where(degenerate[:, None], rest, total)
        mass = torch.where(degenerate, 1.0, torch.where(degenerate, 1.0, square).sqrt())
        momenta = boost_to_rest(dense, axis, mass)
        boosted = boost_to_rest(references, axis, mass)
        # The boost is repeated from where the first one ended: its rounding errors, of order gamma^2 u, are then of order u.
        again = torch.where(degenerate[:, None], rest, momenta.sum(1))
        mass = torch.where(degenerate, 1.0, torch.where(degenerate, 1.0, minkowski_square(again)).clamp_min(0).sqrt())
        mass = torch.where(mass > 0, mass, 1)
        momenta, boosted = boost_to_rest(momenta, again, mass), boost_to_rest(boosted, again, mass)
        unit = torch.where(degenerate, scale, mass)
        momenta = momenta / unit[:, None, None]
        length = safe_norm(momenta[..., 1:])
        excess = None
        if self.mass == "massless":
            energy = length
            momenta = torch.cat((length[..., None], momenta[..., 1:]), -1)
        else:
            energy = momenta[..., 0]
            excess = (energy.square() - length.square()).clamp_min(0)
        product, angle = _pair_invariants(momenta[..., 1:], length, energy, excess)
        log_mass = torch.where(degenerate, _MASS_FLOOR, unit).clamp_min(_MASS_FLOOR).log()
        return JetFrame(
            momenta=momenta.to(dtype),
            mask=mask,
            energy=energy.to(dtype),
            log_product=(product + _EPSILON).to(dtype).log(),
            log_angle=(angle + _EPSILON).to(dtype).log(),
            log_mass=log_mass.to(dtype),
            reference_scalars=self._reference_scalars(momenta * unit[:, None, None], boosted).to(dtype),
            time=None,
            degenerate=degenerate,
        )

    def _lab(self, dense: Tensor, mask: Tensor, references: Tensor) -> JetFrame:
        total = dense.sum(1)
        square = minkowski_square(total)
        degenerate = square <= 64 * torch.finfo(dense.dtype).eps * total[:, 0].square()
        scale = torch.where(total[:, 0] > 0, total[:, 0], 1)
        unit = torch.where(degenerate, scale, torch.where(degenerate, 1, square).sqrt())
        rest = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=dense.dtype, device=dense.device)
        time = torch.where(degenerate[:, None], rest, total / unit[:, None])
        momenta = dense / unit[:, None, None]
        energy = minkowski_dot(momenta, time[:, None]) * mask
        product = minkowski_dot(momenta[:, :, None], momenta[:, None]).clamp_min(0)
        pair_energy = energy[:, :, None] * energy[:, None]
        angle = product / torch.where(pair_energy > 0, pair_energy, 1)
        log_mass = torch.where(degenerate, _MASS_FLOOR, unit).clamp_min(_MASS_FLOOR).log()
        scalars = self._reference_scalars(dense, references)
        return JetFrame(
            momenta, mask, energy, (product + _EPSILON).log(), (angle + _EPSILON).log(), log_mass, scalars, time, degenerate
        )

    def _reference_scalars(self, momenta: Tensor, references: Tensor) -> Tensor:
        """Logarithms of products with the reference vectors; momenta in GeV, both in the same frame."""
        if not self.references:
            return momenta.new_zeros((*momenta.shape[:2], 0))
        particle = minkowski_dot(momenta[:, :, None], references[:, None]).clamp_min(0)
        jet = particle.sum(1, keepdim=True)
        ratio = (particle / torch.where(jet > 0, jet, 1) + _EPSILON).log()
        if "beams" not in self.references:
            return ratio
        transverse = 0.5 * (jet[..., 0] * jet[..., 1] / 600.0**2 + _EPSILON).log()
        return torch.cat((ratio, transverse[..., None].expand(-1, momenta.shape[1], 1)), -1)


def _pair_invariants(space: Tensor, length: Tensor, energy: Tensor, mass_square: Tensor | None) -> tuple[Tensor, Tensor]:
    r"""p_i.p_j and p_i.p_j / (E_i E_j) (1 - cos theta_ij of massless particles) without cancellation.

    With unit vectors n: 1 - cos = \|n_i - n_j\|^2 / 2 and

    p_i.p_j = (m_i^2 \|p_j\|^2 + m_j^2 \|p_i\|^2 + m_i^2 m_j^2) / (E_i E_j + \|p_i\| \|p_j\|) + \|p_i\| \|p_j\| (1 - cos).
    """
    direction = space / torch.where(length > 0, length, 1)[..., None]
    angle = torch.zeros_like(length[:, :, None] * length[:, None])
    for component in direction.unbind(-1):
        angle = angle + 0.5 * (component[:, :, None] - component[:, None]).square()
    both = length[:, :, None] * length[:, None]
    product = both * angle
    if mass_square is None:
        return product, angle
    m, p2, pair_energy = mass_square, length.square(), energy[:, :, None] * energy[:, None]
    numerator = m[:, :, None] * p2[:, None] + p2[:, :, None] * m[:, None] + m[:, :, None] * m[:, None]
    product = product + numerator / torch.where(pair_energy + both > 0, pair_energy + both, 1)
    return product, product / torch.where(pair_energy > 0, pair_energy, 1)
