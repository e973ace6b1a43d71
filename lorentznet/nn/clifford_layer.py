r"""One layer of the Clifford network.

A layer sums over neighbours with learned radial weights f,

.. math:: X_i = \sum_j f_{ij}\, x_j ,\qquad Y_i = \sum_j f_{ij}\, (u_i - u_j)\, x_j ,

multiplies multivectors with each other, mixes channels grade by grade, and feeds invariants of the result to the scalars, which gate it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lorentznet.nn.edge import EdgeFunctions
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.fused_sums import FusedBasis
from lorentznet.nn.geometric_product import geometric_product
from lorentznet.nn.graph import ALL_PAIRS, Graph
from lorentznet.nn.invariants import multivector_invariants
from lorentznet.nn.message import CliffordMessage
from lorentznet.nn.multivector import ALL_GRADES, Grades, MultivectorMixing, MultivectorNorm
from lorentznet.nn.product_terms import product_terms
from lorentznet.nn.radial import RadialWeights


class CliffordLayer(nn.Module):
    """One layer: messages, geometric products, mixing, norm and gate; invariants feed the scalars; both with a residual.

    Parameters
    ----------
    multivectors, scalars
        Channels of a particle.
    n_functions
        Size of the pair basis.
    edge_functions
        Number of non-linear functions of edges; 0 for radial weights.
    grades
        What the multivectors consist of.
    path_weights
        Whether the grade paths of products are weighted, each channel's by its own weights, which are one at first.
    """

    def __init__(
        self,
        multivectors: int,
        scalars: int,
        n_functions: int,
        edge_functions: int = 0,
        grades: Grades = ALL_GRADES,
        path_weights: bool = False,
    ) -> None:
        super().__init__()
        channels, n_grades = multivectors, len(grades.kept)
        self.grades = grades
        self.edges = EdgeFunctions(n_functions, scalars, edge_functions) if edge_functions else None
        # weights of the three kinds of messages side by side: one matrix product, which reads the pair basis once
        self.radial = RadialWeights(edge_functions or n_functions, 3 * channels)
        self.message = CliffordMessage(channels, grades, scalars=True)
        self.left = MultivectorMixing(3 * channels, channels, grades=grades)
        self.right = MultivectorMixing(3 * channels, channels, bias=True, grades=grades)
        self.path_weights: nn.Parameter | None = None
        if path_weights:
            paths = product_terms(grades.blades, grades.blades, grades.blades).paths
            self.path_weights = nn.Parameter(torch.ones(channels, len(paths)))
        self.mix = MultivectorMixing(4 * channels, channels, grades=grades)
        self.norm = MultivectorNorm(channels, grades=grades)
        self.gate = nn.Linear(scalars, n_grades * channels)
        self.to_grade_zero = nn.Linear(scalars, channels)
        self.to_message = nn.Linear(scalars, channels)
        n_invariants = (1 + n_grades) * channels
        self.mlp = nn.Sequential(nn.Linear(scalars + channels + n_invariants, scalars), nn.SiLU(), nn.Linear(scalars, scalars))

    def forward(
        self, x: Tensor, h: Tensor, basis: Tensor | FusedBasis, vectors: Tensor, frame: JetFrame, graph: Graph = ALL_PAIRS
    ) -> tuple[Tensor, Tensor]:
        """New multivectors (components, channels, jets, particles) and scalars (jets, particles, channels)."""
        # Scalars enter as grade 0, so that a product with them is a gate and a message carries them along.
        x = torch.cat((x[:1] + self.to_grade_zero(h).movedim(-1, 0)[None], x[1:]))
        if self.edges is not None:
            assert isinstance(basis, Tensor)
            basis = self.edges([h.movedim(-1, 0)[..., None]], basis, graph)
        message, heard = self.message(x, vectors, self.radial(basis), graph, self.to_message(h).movedim(-1, 0))
        own = torch.cat((x, message), 1)
        product = geometric_product(self.left(own), self.right(own), self.grades.blades, self.path_weights).to(x)
        update = self.norm(self.mix(torch.cat((own, product), 1)), frame.time)
        invariants = multivector_invariants(update, frame.time, self.grades).movedim(0, -1)
        h = h + self.mlp(torch.cat((h, heard.movedim(0, -1), invariants), -1))
        gates = torch.sigmoid(self.gate(h)).movedim(-1, 0).unflatten(0, (len(self.grades.kept), -1))
        x = x + update * self.grades.spread(gates)
        real = frame.nodes
        return torch.where(real, x, 0), torch.where(real[..., None], h, 0)
