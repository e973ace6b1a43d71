r"""From particles to a four-vector that turns and boosts with the jet.

.. math:: q = (1 + b)\,P + \sum_i w_i\, p_i + \sum_c a_c V_c

with P the momentum of the jet, :math:`V_c` the jet's vector features, and coefficients :math:`b, w_i, a_c` that are functions of
invariants. This is the most general four-vector that is linear in the vectors at hand, and whatever the coefficients are, it is
covariant. They start at zero, so that training starts from the plain jet momentum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lorentznet.group.irreps import Irrep
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.kinematics import boost_to_rest
from lorentznet.nn.pool import JetPool


class CovariantReadout(EquivariantModule):
    """A four-vector for each jet.

    The weight of a particle is an MLP of its invariants and of those of the jet; the other coefficients are an MLP of the jet's.

    Parameters
    ----------
    particle_features
        Number of invariants of a particle.
    jet_features
        Number of invariants of the whole jet.
    vectors
        Number of vector channels.
    hidden
        Width of both MLPs.
    heads
        Attention heads of the pool.
    dropout
        Share of hidden units dropped in training.
    """

    def __init__(
        self, particle_features: int, jet_features: int, vectors: int, hidden: int, heads: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = Irrep(1, 1)
        self.sizes = particle_features, jet_features, vectors
        self.pool = JetPool(particle_features, heads)
        width = self.pool.n_outputs + jet_features
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Dropout(dropout), nn.Linear(hidden, vectors + 1))
        self.of_particle = nn.Linear(particle_features, hidden)
        self.of_jet = nn.Linear(width, hidden, bias=False)
        self.weigh = nn.Sequential(nn.SiLU(), nn.Dropout(dropout), nn.Linear(hidden, 1))
        for last in (self.mlp[-1], self.weigh[-1]):
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(
        self, particles: Tensor, jets: Tensor, vectors: Tensor, momenta: Tensor, energy: Tensor, mask: Tensor, total: Tensor
    ) -> Tensor:
        """The four-vectors, shape (jets, 4), in the frame and unit of ``momenta``.

        Parameters
        ----------
        particles
            Invariants of each particle, shape (features, jets, particles).
        jets
            Invariants of each jet, shape (jets, features).
        vectors
            Vector features of each particle, shape (channels, jets, particles, 4).
        momenta
            p_i, shape (jets, particles, 4).
        energy
            z_i = p_i.P / P^2, shape (jets, particles); V_c = sum_i z_i v_ci.
        mask
            True for a real particle, shape (jets, particles).
        total
            P, shape (jets, 4).
        """
        values = torch.where(mask[..., None], particles.movedim(0, -1), 0)
        of_jet = torch.cat((self.pool(values, energy, mask), jets), -1)
        coefficients = self.mlp(of_jet)
        weights = self.weigh(self.of_particle(values) + self.of_jet(of_jet)[:, None])
        real = mask[..., None]
        own = torch.where(real, weights * torch.where(real, momenta, 0), 0).sum(1)
        shares = torch.where(mask, energy, 0)[..., None]
        features = (torch.where(real, vectors, 0) * shares).sum(2)
        mixed: Tensor = (coefficients[:, 1:].T[..., None] * features).sum(0)
        return (1 + coefficients[:, :1]) * total + own + mixed

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Three channels of vectors; and one, without attention."""
        return cls(6, 4, 3, 8), cls(3, 1, 1, 4, heads=0)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Invariants, vectors and momenta of two jets, the second with two particles missing."""
        particles, jets, vectors = self.sizes

        def drawn(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
        law = Irrep(1, 1)
        invariants = (drawn(particles, 2, 5), None), (drawn(2, jets), None)
        four = (drawn(vectors, 2, 5, 4), law), (drawn(2, 5, 4), law)
        return *invariants, *four, (drawn(2, 5).abs(), None), (mask, None), (drawn(2, 4), law)


def to_batch(frame: JetFrame, vectors: Tensor) -> Tensor:
    """What the front end did to momenta, undone in float64: the unit first, then its boosts, the last one first, with P reversed.

    Parameters
    ----------
    frame
        The jets.
    vectors
        Shape (jets, 4), in this frame and in its unit.

    Returns
    -------
    Tensor, shape (jets, 4), float64
        In GeV, as seen from where the batch is.
    """
    momenta = (vectors.double() * frame.boosts[-1][1][:, None])[:, None]
    for total, mass in reversed(frame.boosts):
        momenta = boost_to_rest(momenta, torch.cat((total[:, :1], -total[:, 1:]), 1), mass)
    return momenta[:, 0]
