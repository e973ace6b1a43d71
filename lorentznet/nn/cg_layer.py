r"""One layer of the Clebsch-Gordan network.

.. math::

    F \;\to\; \text{narrow} \to \text{gate} \;\to\; \sum_j f_{ij} F_j,\ \sum_j f_{ij}\,(u_i - u_j) \otimes F_j \;\to\; \text{combine}
      \;\to\; F' \otimes F' \;\to\; \text{widen} \to \text{norm} \to \text{gate} \;\to\; F + \Delta F

Messages and products go channel by channel, in few channels; mixing and the scalars' MLP, which are cheap, see all of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lorentznet.group.irreps import Irreps
from lorentznet.nn.cg_product import SelfProduct
from lorentznet.nn.edge import EdgeFunctions
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.fused_sums import FusedBasis
from lorentznet.nn.gate import InvariantGate, ScalarGate
from lorentznet.nn.graph import ALL_PAIRS, Graph
from lorentznet.nn.message import CGMessage
from lorentznet.nn.mixing import IrrepMixing
from lorentznet.nn.norm import RestFrameNorm
from lorentznet.nn.radial import RadialWeights
from lorentznet.nn.second_order import SecondOrderMessage


class CGLayer(nn.Module):
    """Mixing, messages, Clebsch-Gordan products, mixing, norm, gate, residual.

    Parameters
    ----------
    irreps
        Features of a particle, scalars first.
    products
        Channels of the products.
    width
        Hidden units of the MLP of the invariants of a particle.
    n_functions
        Size of the pair basis.
    reflections
        Commute with parity: no Hodge star in mixing, no pseudotensors in products.
    order
        Highest order of the messages in u_i - u_j, 1 or 2.
    edge_functions
        Number of non-linear functions of edges; 0 for radial weights.
    """

    def __init__(
        self,
        irreps: Irreps,
        products: int,
        width: int,
        n_functions: int,
        reflections: bool = True,
        order: int = 1,
        edge_functions: int = 0,
    ) -> None:
        super().__init__()
        channels = Irreps([(products, irrep) for _, irrep in irreps])
        scalars, hodge = irreps.terms[0][0], not reflections
        self.edges = EdgeFunctions(n_functions, scalars, edge_functions) if edge_functions else None
        message = CGMessage(channels, reflections)
        # plain, directed and twice directed weights side by side: one matrix product, which reads the pair basis once
        self.radial = RadialWeights(edge_functions or n_functions, (message.kinds + order - 1) * products)
        self.narrow = IrrepMixing(irreps, channels, hodge=hodge)
        self.source = ScalarGate(channels, scalars)
        self.message = message
        self.second = SecondOrderMessage(channels, reflections) if order == 2 else None
        sums = self.message.irreps_out if self.second is None else self.message.irreps_out + self.second.irreps_out
        self.combine = IrrepMixing(channels + sums, channels, hodge=hodge)
        self.square = SelfProduct(channels, reflections)
        self.widen = IrrepMixing(irreps + channels + sums + self.square.irreps_out, irreps, hodge=hodge)
        self.norm = RestFrameNorm(irreps)
        self.gate = InvariantGate(irreps, width)

    def forward(
        self, features: list[Tensor], basis: Tensor | FusedBasis, vectors: Tensor, frame: JetFrame, graph: Graph = ALL_PAIRS
    ) -> list[Tensor]:
        """New features, tensors (channels, jets, particles, dim).

        Parameters
        ----------
        features
            F, tensors (channels, jets, particles, dim).
        basis
            The pair basis, shape (functions, *pairs), zero where there is no pair; with functions of edges it has to be this table,
            else it may be what :meth:`~lorentznet.nn.radial.PairBasis.pairs` gives.
        vectors
            u_i, shape (jets, particles, 4).
        frame, graph
            The jets, and who is a neighbour of whom.
        """
        narrow = self.source(self.narrow(features), features[0])
        if self.edges is not None:
            assert isinstance(basis, Tensor)
            basis = self.edges(features, basis, graph)
        weights = self.radial(basis)
        if self.second is None:
            sums = self.message(narrow, vectors, weights, graph)
        else:
            weights, twice = weights.split([self.message.kinds * narrow[0].shape[0], narrow[0].shape[0]])
            sums = self.message(narrow, vectors, weights, graph) + self.second(narrow, vectors, twice, graph)
        combined = self.combine([*narrow, *sums])
        update = self.norm(self.widen([*features, *combined, *sums, *self.square(combined)]), frame.time)
        update = self.gate(update, frame.time)
        real = frame.nodes[..., None]
        return [torch.where(real, x + dx, 0) for x, dx in zip(features, update, strict=True)]
