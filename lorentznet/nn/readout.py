"""From invariants to logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lorentznet.nn.embedding import LOG_MASS, standardised
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.pool import JetPool


class InvariantReadout(nn.Module):
    """Pool functions of the particles' invariants, add the invariants of the jet and ln M, and map to logits by an MLP.

    Parameters
    ----------
    particle_features
        Number of invariants of a particle.
    jet_features
        Number of invariants of the whole jet.
    hidden
        Width of the MLP.
    outputs
        Number of logits.
    heads
        Attention heads of the pool.
    dropout
        Share of hidden units dropped in training.
    pooled
        Number of learned functions of a particle's invariants that are pooled; 0 pools the invariants themselves.
    """

    def __init__(
        self,
        particle_features: int,
        jet_features: int,
        hidden: int,
        outputs: int,
        heads: int = 2,
        dropout: float = 0.0,
        pooled: int = 0,
    ) -> None:
        super().__init__()
        self.of_particle = nn.Sequential(nn.Linear(particle_features, pooled), nn.SiLU()) if pooled else nn.Identity()
        self.pool = JetPool(pooled or particle_features, heads)
        self.mlp = nn.Sequential(
            nn.Linear(self.pool.n_outputs + jet_features + 1, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )

    def forward(self, particles: Tensor, jets: Tensor, frame: JetFrame) -> Tensor:
        """Logits, shape (jets, outputs).

        Parameters
        ----------
        particles
            Shape (features, jets, particles).
        jets
            Shape (jets, features).
        frame
            The jets.
        """
        pooled = self.pool(self.of_particle(particles.movedim(0, -1)), frame.energy, frame.mask)
        log_mass = standardised(frame.log_mass, LOG_MASS)[:, None]
        return self.mlp(torch.cat((pooled, jets, log_mass), -1))
