r"""Jets in the coordinates of a detector: transverse momentum, and rapidity and azimuth relative to the jet axis.

.. math:: p_T = \sqrt{p_x^2 + p_y^2}, \qquad y = \tfrac12 \ln\frac{E + p_z}{E - p_z}, \qquad
          \Delta y_i = y_i - y_J, \qquad \Delta\phi_i = \phi_i - \phi_J

with the axis J = sum_i p_i. A boost along the beam shifts all rapidities by the same amount and a rotation about it all azimuths, so
functions of these are invariant under both. The image of the jet in the plane of :math:`(\Delta y, \Delta\phi)` can be *aligned*: turned
until its principal axes, those of :math:`\sum_i z_i x_i x_i^T`, lie along the coordinate axes, and reflected until its third moments
:math:`\sum_i z_i x_{i,k}^3` are positive. It then looks the same after a reflection of the detector too.

Everything is computed in float64, from light-cone momenta :math:`E \pm p_z` of which the smaller one is
:math:`m_T^2 / (E + |p_z|)`, so that no digits are lost at large rapidity, and then cast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.embedding import standardised
from lorentznet.nn.kinematics import safe_norm, to_dense

# Means and widths over top and QCD jets of 600 GeV, fixed so that a trained network does not depend on its training set through them.
_LOG_PT, _LOG_FRACTION, _FRACTION = (1.3, 1.5), (-5.1, 1.5), (0.02, 0.05)
_LOG_ENERGY, _LOG_ENERGY_FRACTION = (1.7, 1.5), (-5.1, 1.5)
_OFFSET, _DISTANCE = (0.0, 0.27), (0.32, 0.21)
_PAIR = ((-1.0, 0.9), (-0.6, 1.1), (-1.9, 1.0), (0.5, 2.2))  # ln Delta, ln(kT / GeV), ln z, ln(m^2 / GeV^2)

_ALONG = 1e-18  # the least (E - |p_z|) / (E + |p_z|): rapidities end at 20.7
_FAR = 5.0  # rapidity differences end here
_SOFT = 1e-6  # GeV: logarithms of momenta end here
_NEAR = 1e-8  # added to squared distances
_ROUND = 1e-24  # second moments below this have no axes


@dataclass(frozen=True)
class DetectorFrame:
    """A batch of jets in detector coordinates: dense, masked, in the dtype of the network.

    Attributes
    ----------
    features : Tensor, shape (jets, particles, features)
        What :class:`DetectorFeatures` lists, standardised; zero where there is no particle.
    offset : Tensor, shape (jets, particles, 2)
        Rapidity and azimuth relative to the jet axis, not aligned.
    log_pt : Tensor, shape (jets, particles)
        ln(pT / GeV).
    fraction : Tensor, shape (jets, particles)
        z_i = pT_i / sum_j pT_j; zero where there is no particle.
    mask : Tensor, shape (jets, particles), bool
        True for a real particle.
    """

    features: Tensor
    offset: Tensor
    log_pt: Tensor
    fraction: Tensor
    mask: Tensor


class DetectorFeatures(nn.Module):
    """From a batch of ragged float64 momenta to a :class:`DetectorFrame`.

    The features of a particle are its two coordinates relative to the jet axis, the distance to it, z, ln z and ln(pT / GeV), with
    ``energies`` also ln(E / GeV) and ln(E / E_jet), and the particle scalars of the data set.

    Parameters
    ----------
    align
        Turn and reflect the image of the jet until its axes are those of the coordinates.
    energies
        Add the energies; they change under boosts along the beam.
    n_scalars
        Number of particle scalars in the batch (charge, identity, ...).
    """

    def __init__(self, align: bool = True, energies: bool = False, n_scalars: int = 0) -> None:
        super().__init__()
        self.align = align
        self.energies = energies
        self.n_scalars = n_scalars
        self.n_features = 6 + 2 * energies + n_scalars

    @property
    def symmetry(self) -> Subgroup:
        """The transforms that leave all features unchanged."""
        if self.energies:
            return Subgroup.of("O(2)xO(1)" if self.align else "SO(2)")
        return Subgroup.of("O+(1,1)xO(2)" if self.align else "SO(1,1)xSO(2)")

    def forward(self, batch: JetBatch, dtype: torch.dtype) -> DetectorFrame:
        """Coordinates and features; everything returned has ``dtype``."""
        dense, mask = to_dense(batch.p4, batch.ptr, batch.batch)
        energy, px, py, pz = dense.unbind(-1)
        square = px.square() + py.square()
        plus, minus = _light_cone(energy, pz, square)
        rise = (_rapidity(plus, minus) - _rapidity(plus.sum(1), minus.sum(1))[:, None]).clamp(-_FAR, _FAR)
        offset = torch.stack((rise, _turn(px, py)), -1) * mask[..., None]
        pt = safe_norm(dense[..., 1:3])
        total = pt.sum(1, keepdim=True)
        fraction = pt / torch.where(total > 0, total, 1)
        log_pt, log_total = pt.clamp_min(_SOFT).log(), total.clamp_min(_SOFT).log()
        columns = [
            *standardised(_aligned(offset, fraction) if self.align else offset, _OFFSET).unbind(-1),
            standardised(safe_norm(offset), _DISTANCE),
            standardised(fraction, _FRACTION),
            standardised(log_pt - log_total, _LOG_FRACTION),
            standardised(log_pt, _LOG_PT),
        ]
        if self.energies:
            log_energy, log_jet = energy.clamp_min(_SOFT).log(), energy.sum(1, keepdim=True).clamp_min(_SOFT).log()
            columns += [standardised(log_energy, _LOG_ENERGY), standardised(log_energy - log_jet, _LOG_ENERGY_FRACTION)]
        features = torch.cat((torch.stack(columns, -1), self._scalars(batch, mask)), -1)
        return DetectorFrame(
            features=torch.where(mask[..., None], features, 0).to(dtype),
            offset=offset.to(dtype),
            log_pt=log_pt.to(dtype),
            fraction=fraction.to(dtype),
            mask=mask,
        )

    def _scalars(self, batch: JetBatch, mask: Tensor) -> Tensor:
        """Particle scalars as a block, shape (jets, particles, n_scalars)."""
        if not self.n_scalars:
            return batch.p4.new_zeros((*mask.shape, 0))
        scalars = getattr(batch, "scalars", None)
        if scalars is None or scalars.shape[-1] != self.n_scalars:
            found = "none" if scalars is None else scalars.shape[-1]
            raise ConfigError(f"this tagger reads {self.n_scalars} scalars of each particle, the jets carry {found}")
        return to_dense(scalars.to(batch.p4), batch.ptr, batch.batch)[0]


def pair_features(frame: DetectorFrame) -> Tensor:
    r"""Features of pairs of particles a, b, standardised, zero where one of them is padding.

    .. math:: \Delta = \sqrt{(y_a - y_b)^2 + (\phi_a - \phi_b)^2}, \quad k_T = \min(p_{T,a}, p_{T,b})\,\Delta, \quad
              z = \frac{\min(p_{T,a}, p_{T,b})}{p_{T,a} + p_{T,b}}, \quad m^2 = 2 p_{T,a} p_{T,b} (\cosh\Delta y - \cos\Delta\phi)

    in the form of ln Delta, ln kT, ln z, ln m^2. The pair mass is that of massless particles.

    Returns
    -------
    Tensor, shape (4, jets, particles, particles)
    """
    rise, turn = (x[:, :, None] - x[:, None] for x in frame.offset.unbind(-1))
    turn = turn - 2 * math.pi * (turn / (2 * math.pi)).round()
    log_distance = 0.5 * (rise.square() + turn.square() + _NEAR).log()
    # 2 (cosh y - cos phi) without cancellation
    opening = 4 * ((rise / 2).sinh().square() + (turn / 2).sin().square())
    first, second = frame.log_pt[:, :, None], frame.log_pt[:, None]
    softer, ratio = torch.minimum(first, second), (first - second).abs()
    values = (
        log_distance,
        softer + log_distance,
        -ratio - (-ratio).exp().log1p(),
        first + second + (opening + _NEAR).log(),
    )
    real = frame.mask[:, :, None] & frame.mask[:, None]
    return torch.stack([torch.where(real, standardised(x, scale), 0) for x, scale in zip(values, _PAIR, strict=True)])


def _aligned(offset: Tensor, fraction: Tensor) -> Tensor:
    """Coordinates along the principal axes of the jet, the longer one first, third moments positive; shape of ``offset``."""
    x, y = offset.unbind(-1)
    across = 2 * (fraction * x * y).sum(1, keepdim=True)
    along = (fraction * (x.square() - y.square())).sum(1, keepdim=True)
    round_jet = torch.maximum(across.abs(), along.abs()) < _ROUND
    angle = 0.5 * torch.atan2(torch.where(round_jet, 0, across), torch.where(round_jet, 1, along))
    turned = torch.stack((angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x), -1)
    skew = (fraction[..., None] * turned**3).sum(1, keepdim=True)
    return torch.where(skew >= 0, turned, -turned)


def _light_cone(energy: Tensor, pz: Tensor, transverse: Tensor) -> tuple[Tensor, Tensor]:
    """E + pz and E - pz; the smaller one is (pT^2 + m^2) / the larger one, and m^2 is not below zero."""
    large = energy + pz.abs()
    mass = (energy.square() - pz.square() - transverse).clamp_min(0)
    small = torch.where(large > 0, (transverse + mass) / torch.where(large > 0, large, 1), 0)
    return torch.where(pz >= 0, large, small), torch.where(pz >= 0, small, large)


def _rapidity(plus: Tensor, minus: Tensor) -> Tensor:
    """ln(plus / minus) / 2; zero for a momentum that is zero, and finite along the beam."""
    large, small = torch.maximum(plus, minus), torch.minimum(plus, minus)
    ratio = torch.where(large > 0, small / torch.where(large > 0, large, 1), 1).clamp_min(_ALONG)
    return torch.where(plus >= minus, -0.5, 0.5) * ratio.log()


def _turn(px: Tensor, py: Tensor) -> Tensor:
    """Azimuth relative to that of the sum, in (-pi, pi]; zero where it is not defined."""
    x, y = px.sum(1, keepdim=True), py.sum(1, keepdim=True)
    along, across = x * px + y * py, x * py - y * px
    nowhere = (along == 0) & (across == 0)
    return torch.atan2(across, torch.where(nowhere, 1, along))
