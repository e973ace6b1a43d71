r"""Learned weights of edges: what one particle weighs in the sum over its neighbours, as a non-linear function of both.

.. math:: \phi'_{ij} = \mathrm{silu}\,(W\phi_{ij} + A h_i + B h_j + c), \qquad f_{ij} = V \phi'_{ij}

with :math:`\phi` the fixed functions of the pair invariants and h the scalars of the particles. :math:`\phi'` takes the place of
:math:`\phi`: the weights f of all kinds are linear in it (:class:`~lorentznet.nn.radial.RadialWeights`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lorentznet.group.irreps import Irreps
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.graph import ALL_PAIRS, Graph


class EdgeFunctions(EquivariantModule):
    """Non-linear functions of pair invariants and of the scalars of both particles; zero where there is no pair.

    Parameters
    ----------
    n_functions
        Size of the pair basis.
    scalars
        Number of scalars of a particle.
    channels
        Number of functions.
    """

    def __init__(self, n_functions: int, scalars: int, channels: int) -> None:
        super().__init__()
        self.irreps_in = Irreps([(scalars, Irreps("(0,0)").irreps[0])])
        self.irreps_out = None
        self.pair = nn.Parameter(torch.randn(channels, n_functions) / n_functions**0.5)
        self.receiver = nn.Parameter(torch.randn(channels, scalars) / scalars**0.5)
        self.sender = nn.Parameter(torch.randn(channels, scalars) / scalars**0.5)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Sequence[Tensor], basis: Tensor, graph: Graph = ALL_PAIRS) -> Tensor:
        """Shape (channels, *pairs).

        Parameters
        ----------
        features
            The scalars of the particles first, shape (scalars, jets, particles, 1); all else is left alone.
        basis
            Shape (functions, *pairs).
        graph
            Who is a neighbour of whom.
        """
        scalars = features[0][..., 0]
        shape = (self.pair.shape[0], *scalars.shape[1:])
        here = (self.receiver @ scalars.flatten(1) + self.bias[:, None]).view(shape)
        there = (self.sender @ scalars.flatten(1)).view(shape)
        pairs = (self.pair @ basis.flatten(1)).view(self.pair.shape[0], *basis.shape[1:])
        values = functional.silu(pairs + graph.receivers(here) + graph.senders(there))
        # The bias, and the scalars of one particle alone, do not vanish where the other one is missing.
        return values if graph.real is None else torch.where(graph.real, values, 0)

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Two functions."""
        return (cls(3, 4, 2),)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Scalars and a pair basis."""
        basis = torch.randn((self.pair.shape[1], 2, 5, 5), generator=generator, dtype=torch.float64)
        return (self.irreps_in.random((2, 5), generator), self.irreps_in), (basis, None)
