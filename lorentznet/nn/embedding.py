"""What a particle says of itself before any message: invariant scalars of order one, and its direction in the rest frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lorentznet.errors import ConfigError
from lorentznet.nn.frame import JetFrame

# Means and widths of the scalars over top and QCD jets, fixed so that a trained network does not depend on its training set through them.
_LOG_ENERGY = (-4.5, 1.5)  # ln(E_i / M), rest frame
LOG_MASS = (4.5, 0.6)  # ln(M / GeV)
_REFERENCE = (-4.5, 2.0)


class ParticleScalars(nn.Module):
    """Invariant features of each particle.

    ln(E_i / M) in the rest frame, ln(M / GeV), the products with the reference vectors, asinh of the particle scalars of the data set
    (a displacement has long tails), and which particle is a reference vector.

    Parameters
    ----------
    n_references
        Number of reference scalars, see :class:`~lorentznet.nn.frame.FrameConditioner`.
    n_extra
        Number of particle scalars in the batch (charge, identity, ...).
    """

    def __init__(self, n_references: int = 0, n_extra: int = 0) -> None:
        super().__init__()
        self.n_extra = n_extra
        self.n_features = 2 + n_references + n_extra

    def forward(self, frame: JetFrame, extra: Tensor | None = None) -> Tensor:
        """Shape (features, jets, particles); zero for padding."""
        log_energy = (standardised((frame.energy.clamp_min(0) + 1e-9).log(), _LOG_ENERGY))[None]
        log_mass = standardised(frame.log_mass, LOG_MASS)[None, :, None].expand_as(log_energy)
        rows = [log_energy, log_mass, standardised(frame.reference_scalars, _REFERENCE).movedim(-1, 0)]
        if self.n_extra:
            if extra is None or extra.shape[-1] != self.n_extra:
                found = 0 if extra is None else extra.shape[-1]
                raise ConfigError(f"the tagger reads {self.n_extra} scalars of each particle, the batch has {found}")
            rows.append(extra.to(log_energy.dtype).movedim(-1, 0).asinh())
        if frame.indicators is not None:
            rows.append(frame.indicators.movedim(-1, 0))
        return torch.where(frame.nodes, torch.cat(rows), 0)


def standardised(x: Tensor, mean_and_width: tuple[float, float]) -> Tensor:
    """(x - mean) / width."""
    mean, width = mean_and_width
    return (x - mean) / width


def directions(frame: JetFrame) -> Tensor:
    """u_i = p_i / E_i with E_i = p_i.P / M^2, a four-vector of order one; zero for padding. Shape (jets, particles, 4)."""
    positive = frame.energy > 0
    return torch.where(positive[..., None], frame.momenta / torch.where(positive, frame.energy, 1)[..., None], 0)
