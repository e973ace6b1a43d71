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
from lorentznet.nn import doubled
from lorentznet.nn.kinematics import boost_by_little, boost_to_rest, safe_norm, to_dense
from lorentznet.nn.pairs import GraphKind, delta_r_square, nearest_particles, pair_invariants, pair_mask
from lorentznet.nn.references import REFERENCES, ReferenceUse, laboratory, reference_particles, reference_scalars

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
        True for a real particle. Reference vectors that take part as particles stand before those of the jet and are not real.
    energy : Tensor, shape (jets, particles)
        p_i.P / M^2, the energy in the rest frame in units of M.
    log_product : Tensor, shape (jets, particles, particles)
        ln(p_i.p_j / M^2 + 1e-9).
    log_angle : Tensor, shape (jets, particles, particles)
        ln(p_i.p_j / (E_i E_j) + 1e-9), for massless particles 1 - cos theta_ij in the rest frame.
    log_mass : Tensor, shape (jets,)
        ln(M / GeV).
    reference_scalars : Tensor, shape (jets, particles, r)
        Products with the reference vectors, see :func:`~lorentznet.nn.references.reference_scalars`.
    time : Tensor, shape (jets, 4), or None
        P / M in the frame of ``momenta``; None stands for (1, 0, 0, 0), the rest frame.
    degenerate : Tensor, shape (jets,), bool
        Jets without a rest frame: massless to rounding, or a single particle that is massless by decree.
    boosts : tuple of (P, M)
        The pure boosts that led here, one after the other: each brought P, shape (jets, 4), of mass M, shape (jets,), to rest; float64.
        The last M is the unit of ``momenta`` in GeV.
    indicators : Tensor, shape (jets, particles, r), or None
        One where a particle is the r-th reference vector; None if no reference vector is a particle.
    neighbours : Tensor, shape (jets, particles, particles), bool, or None
        True at [i, j] if j is a neighbour of i; None if all are.
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
    boosts: tuple[tuple[Tensor, Tensor], ...] = ()
    indicators: Tensor | None = None
    neighbours: Tensor | None = None

    @property
    def nodes(self) -> Tensor:
        """True for whatever takes part in messages: real particles, and references among them; shape (jets, particles)."""
        return self.mask if self.indicators is None else self.mask | self.indicators.any(-1)


class FrameConditioner(nn.Module):
    r"""From a batch of ragged float64 momenta to a :class:`JetFrame`.

    Parameters
    ----------
    mass
        ``"massless"`` puts every particle on the light cone, E' = \|p'\| in the rest frame (right for detector objects, whose mass is
        rounding noise); ``"keep"`` leaves energies as they are.
    references
        Reference vectors that break the symmetry in a controlled way: ``"beams"``, b+- = (1, 0, 0, +-1), and ``"time"``, t = (1, 0, 0, 0).
    references_as
        How they enter: as ``"scalars"`` of each particle, or as ``"particles"`` of their own, see :mod:`lorentznet.nn.references`.
    graph, neighbours
        Which particles hear of each other: ``"all"``, or of each one the nearest ``neighbours`` in the distance of
        :mod:`lorentznet.nn.pairs`. References that are particles are neighbours of all.

    Notes
    -----
    ``conditioning`` is ``"frame"`` (the default) or ``"lab"``: the latter skips the boost and the mass shell and works in the network's
    dtype throughout. It is the same function in exact arithmetic for massless particles, and exists to show what the front end is worth.

    A jet whose mass vanishes to rounding (M < 1.2e-7 E: exactly collinear particles), or of a single particle that is massless by decree,
    has no rest frame. Its momenta are taken as they are, in units of their sum: in another frame they differ by a rotation and nothing
    else, so this is covariant too. (A momentum that is read out of a single particle lies on the light cone, and is covariant up to the
    particle's mass.) References that are particles are left out of such a jet, which has no scale to measure them by.

    ln M of a jet with a momentum that is NaN or infinite is NaN, and so is all that networks make of the jet.
    """

    reference_names: ClassVar[tuple[str, ...]] = tuple(REFERENCES)

    def __init__(
        self,
        mass: MassPolicy = "massless",
        references: Sequence[str] = (),
        references_as: ReferenceUse = "scalars",
        graph: GraphKind = "all",
        neighbours: int = 16,
    ) -> None:
        super().__init__()
        for name in references:
            if name not in self.reference_names:
                raise ConfigError(f"references: unknown reference '{name}'; {nearest(name, self.reference_names)}")
        self.mass = mass
        self.references = tuple(name for name in self.reference_names if name in references)
        self.references_as, self.graph, self.neighbours = references_as, graph, neighbours
        self.conditioning: Conditioning = "frame"

    @property
    def vectors(self) -> tuple[str, ...]:
        """Names of the reference vectors that batches carry: those that the network reads, and the beams if distances need them."""
        needed = {*self.references, *(("beams",) if self.graph == "knn-deltar" else ())}
        return tuple(name for name in self.reference_names if name in needed)

    @property
    def _n_vectors(self) -> int:
        return sum(len(REFERENCES[name]) for name in self.vectors)

    @property
    def n_reference_scalars(self) -> int:
        """Number of scalars per particle that the reference vectors add; of references as particles one each, that says which it is."""
        number = sum(len(REFERENCES[name]) for name in self.references)
        return number + (self.references_as == "scalars" and "beams" in self.references)

    def with_references(self, batch: JetBatch) -> JetBatch:
        """The batch with the laboratory's reference vectors attached, unless it carries some."""
        carried = getattr(batch, "references", None)
        if self.vectors and carried is not None and carried.shape[1] != self._n_vectors:
            raise ConfigError(
                f"the batch carries {carried.shape[1]} reference vectors, the tagger reads {self._n_vectors} ({', '.join(self.vectors)}); "
                "give each tagger a batch with its own: tagger.with_references(batch)"
            )
        if not self.vectors or carried is not None:
            return batch
        lab = laboratory(self.vectors).to(batch.p4.device)
        return batch.with_momenta(batch.p4, lab.expand(batch.n_jets, -1, -1))

    def forward(self, batch: JetBatch, dtype: torch.dtype) -> JetFrame:
        """Condition a batch; everything returned has ``dtype``, whatever autocast says."""
        batch = self.with_references(batch)
        with torch.autocast(batch.p4.device.type, enabled=False):
            dense, mask = to_dense(batch.p4.double(), batch.ptr, batch.batch)
            references = batch.references.double() if self.vectors else dense.new_zeros((dense.shape[0], 0, 4))
            if self.conditioning == "lab":
                return self._lab(dense.to(dtype), mask, references.to(dtype))
            return self._rest_frame(dense, mask, references, dtype)

    def _rest_frame(self, dense: Tensor, mask: Tensor, references: Tensor, dtype: torch.dtype) -> JetFrame:
        total = dense.sum(1)
        square = doubled.minkowski_dot(total, total)
        degenerate = self._without_rest_frame(total, square, mask)
        rest = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64, device=dense.device)
        # A jet without rest frame stays where it is, in units of its momentum (1 for a jet of zeros). Not of its energy: that of a single
        # particle, which is massless by decree, would tell how fast the particle is.
        scale = safe_norm(total[:, 1:])
        scale = torch.where(scale > 0, scale, 1)
        axis = torch.where(degenerate[:, None], rest, total)
        mass = torch.where(degenerate, 1.0, torch.where(degenerate, 1.0, square).sqrt())
        vectors = boost_to_rest(torch.cat((references, dense), 1), axis, mass)
        first = axis, mass
        # A second boost from where the first one ended: the sum of the momenta, known to gamma^2 u only, is then known to u.
        again = torch.where(degenerate[:, None], rest, vectors[:, references.shape[1] :].sum(1))
        mass = torch.where(degenerate, 1.0, torch.where(degenerate, 1.0, minkowski_square(again)).clamp_min(0).sqrt())
        mass = torch.where(mass > 0, mass, 1)
        boosted, momenta = boost_by_little(vectors, again, mass).split([references.shape[1], dense.shape[1]], 1)
        unit = torch.where(degenerate, scale, mass)
        given, momenta = momenta, momenta / unit[:, None, None]
        if self.mass == "massless":
            momenta = torch.cat((safe_norm(momenta[..., 1:])[..., None], momenta[..., 1:]), -1)
        own = self._own(boosted)
        # products with references are invariant only of momenta that were given, or put on the light cone in the rest frame
        scalars = self._scalars(torch.where(degenerate[:, None, None], given, momenta * unit[:, None, None]), own)
        momenta, mask, scalars, indicators = self._join(momenta, mask, scalars, own, rest.expand_as(total), degenerate)
        energy, length = momenta[..., 0], safe_norm(momenta[..., 1:])
        massless = self.mass == "massless" and indicators is None
        excess = None if massless else (energy.square() - length.square()).clamp_min(0)
        product, angle = pair_invariants(momenta[..., 1:], length, energy, excess)
        log_mass = _log_mass(torch.where(degenerate, _MASS_FLOOR, unit), total)
        return JetFrame(
            momenta=momenta.to(dtype),
            mask=mask,
            energy=energy.to(dtype),
            log_product=(product + _EPSILON).to(dtype).log(),
            log_angle=(angle + _EPSILON).to(dtype).log(),
            log_mass=log_mass.to(dtype),
            reference_scalars=scalars.to(dtype),
            time=None,
            degenerate=degenerate,
            boosts=(first, (torch.where(degenerate[:, None], unit[:, None] * rest, again), unit)),
            indicators=None if indicators is None else indicators.to(dtype),
            neighbours=self._nearest(product, angle, momenta, boosted, mask, indicators),
        )

    def _lab(self, dense: Tensor, mask: Tensor, references: Tensor) -> JetFrame:
        total = dense.sum(1)
        square = minkowski_square(total)
        degenerate = self._without_rest_frame(total, square, mask)
        scale = torch.where(total[:, 0] > 0, total[:, 0], 1)
        unit = torch.where(degenerate, scale, torch.where(degenerate, 1, square).sqrt())
        rest = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=dense.dtype, device=dense.device)
        time = torch.where(degenerate[:, None], rest, total / unit[:, None])
        momenta = dense / unit[:, None, None]
        own = self._own(references)
        momenta, mask, scalars, indicators = self._join(momenta, mask, self._scalars(dense, own), own, time, degenerate)
        energy = minkowski_dot(momenta, time[:, None])
        product = minkowski_dot(momenta[:, :, None], momenta[:, None]).clamp_min(0)
        pair_energy = energy[:, :, None] * energy[:, None]
        angle = product / torch.where(pair_energy > 0, pair_energy, 1)
        log_mass = _log_mass(torch.where(degenerate, _MASS_FLOOR, unit), total)
        neighbours = self._nearest(product, angle, momenta, references, mask, indicators)
        logs = (product + _EPSILON).log(), (angle + _EPSILON).log()
        kept = (unit[:, None] * rest).double(), unit.double()  # no boost, but a unit
        return JetFrame(momenta, mask, energy, *logs, log_mass, scalars, time, degenerate, (kept,), indicators, neighbours)

    def _without_rest_frame(self, total: Tensor, square: Tensor, mask: Tensor) -> Tensor:
        lightlike = square <= 64 * torch.finfo(total.dtype).eps * total[:, 0].square()
        # What mass a single particle has is rounding noise of either sign where particles are massless by decree.
        return lightlike | (mask.sum(1) <= 1) if self.mass == "massless" else lightlike

    def _own(self, references: Tensor) -> Tensor:
        """Those of the carried reference vectors that the network itself reads; beams for distances alone stand before them."""
        skipped = len(REFERENCES["beams"]) if "beams" in self.vectors and "beams" not in self.references else 0
        return references[:, skipped:]

    def _scalars(self, momenta: Tensor, references: Tensor) -> Tensor:
        if not self.references or self.references_as != "scalars":
            return momenta.new_zeros((*momenta.shape[:2], 0))
        return reference_scalars(momenta, references, "beams" in self.references)

    def _join(
        self, momenta: Tensor, mask: Tensor, scalars: Tensor, references: Tensor, time: Tensor, degenerate: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Put references before the particles, if they are to be particles: momenta, mask, scalars, and who is which reference."""
        if not self.references or self.references_as != "particles":
            return momenta, mask, scalars, None
        joined, present = reference_particles(references, time, degenerate)
        which = torch.eye(joined.shape[1], dtype=momenta.dtype, device=momenta.device) * present[..., None]
        indicators = torch.cat((which, which.new_zeros((*mask.shape, joined.shape[1]))), 1)
        none = torch.zeros_like(present)
        scalars = momenta.new_zeros((*indicators.shape[:2], 0))
        return torch.cat((joined, momenta), 1), torch.cat((none, mask), 1), scalars, indicators

    @torch.no_grad()
    def _nearest(
        self, product: Tensor, angle: Tensor, momenta: Tensor, references: Tensor, mask: Tensor, indicators: Tensor | None
    ) -> Tensor | None:
        if self.graph == "all":
            return None
        if self.graph == "knn-deltar":
            distance = delta_r_square(torch.where(mask[..., None], momenta, 0), references[:, :2])
        else:
            distance = angle if self.graph == "knn-angle" else product
        found = nearest_particles(distance, mask, self.neighbours)
        if indicators is None:
            return found
        reference = indicators.any(-1)
        return found | (pair_mask(mask | reference) & (reference[:, :, None] | reference[:, None]))


def _log_mass(mass: Tensor, total: Tensor) -> Tensor:
    """ln M; NaN for a jet with a momentum that is not finite, so that whatever is made of the jet is NaN too."""
    return torch.where(total.isfinite().all(-1), mass.clamp_min(_MASS_FLOOR).log(), torch.nan)
