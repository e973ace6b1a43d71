r"""Messages of second order in p_i - p_j, factorised like those of first order.

With z_ij the traceless symmetric part, irrep (2,2), of :math:`(p_i - p_j)(p_i - p_j)`,

.. math:: \sum_j f_{ij}\, z_{ij} \otimes F_j
    = z_i \otimes (f F)_i - 2\, [\, p_i\, (f\, p F)_i \,]_{(2,2)\otimes} + \big(f\,(z \otimes F)\big)_i .

The middle term needs the whole outer product of p_j and F_j summed over the neighbours; p_i joins it at the node. The trace,
(p_i - p_j)^2, is a function of pair invariants and belongs to the weights f.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lorentznet.group.clebsch_gordan import CGPath, clebsch_gordan, product_paths
from lorentznet.group.irreps import AnyIrrep, Irrep, Irreps
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.cg_product import common_multiplicity, outer
from lorentznet.nn.constant import Constant
from lorentznet.nn.fused_sums import PairWeights
from lorentznet.nn.graph import ALL_PAIRS, Graph

VECTOR, TENSOR = Irrep(1, 1), Irrep(2, 2)


class SecondOrderMessage(EquivariantModule):
    """Sums over neighbours of [(p_i - p_j)(p_i - p_j)]_(2,2) (x) F_j.

    ``irreps_out`` has one term per path of ``paths``, grouped by the irrep of F.

    Parameters
    ----------
    irreps
        Irreps of the features, all of one multiplicity.
    reflections
        Leave out pseudotensors, so that the layer commutes with parity.
    outputs
        Irreps to which products are truncated, by default those of the features.
    """

    def __init__(self, irreps: Irreps, reflections: bool = True, outputs: Sequence[AnyIrrep] | None = None) -> None:
        super().__init__()
        channels = common_multiplicity(irreps)
        self.irreps_in, self.parity = irreps, reflections
        grouped: dict[int, list[CGPath]] = {}
        for path in product_paths((TENSOR,), irreps.irreps, irreps.irreps if outputs is None else outputs):
            if path.parity > 0 or not reflections:
                grouped.setdefault(irreps.irreps.index(path.j), []).append(path)
        self.paths = [path for group in grouped.values() for path in group]
        self.irreps_out = Irreps([(channels, path.out) for path in self.paths])
        self.terms = list(grouped)
        self.sizes = [[path.out.dim for path in group] for group in grouped.values()]
        square = clebsch_gordan(VECTOR, VECTOR, TENSOR)
        self.square = Constant(square.flatten(0, 1))
        self.products: list[Constant] = []
        self.joins: list[Constant] = []
        for group in grouped.values():
            table = torch.cat([path.tensor for path in group], -1)
            self.products.append(Constant(table.flatten(0, 1)))
            self.joins.append(Constant(torch.einsum("mnz,zac->mnac", square, table).flatten(0, 2)))

    def forward(
        self, features: Sequence[Tensor], vectors: Tensor, weights: PairWeights, graph: Graph = ALL_PAIRS
    ) -> list[Tensor]:
        """One tensor (channels, jets, particles, dim) per term of ``irreps_out``.

        Parameters
        ----------
        features
            F_j, tensors (channels, jets, particles, dim).
        vectors
            p_i, shape (jets, particles, 4).
        weights
            f_ij, shape (channels, *pairs), see :class:`~lorentznet.nn.message.CGMessage`.
        graph
            Who is a neighbour of whom.
        """
        if not self.terms:
            return []
        squares = outer(vectors, vectors) @ self.square.like(vectors)
        sent = []
        for term, table in zip(self.terms, self.products, strict=True):
            x = features[term]
            sent += [x, outer(vectors, x), outer(squares, x) @ table.like(x)]
        summed = iter(graph.sum(weights, torch.cat(sent, -1)).split([x.shape[-1] for x in sent], -1))
        received = []
        for join, sizes in zip(self.joins, self.sizes, strict=True):
            plain, first, second = next(summed), next(summed), next(summed)
            # p p F - 2 p (p F): one factor of p_i is common to both
            own = outer(vectors, outer(vectors, plain) - 2 * first) @ join.like(plain)
            received += (own + second).split(sizes, -1)
        return received

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Scalars and vectors, all irreps up to maxdim 3, and with pseudotensors."""
        every = Irreps("2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)")
        return cls(Irreps("2x(0,0)+2x(1,1)")), cls(every), cls(every, reflections=False)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features, momenta and weights."""
        features = self.irreps_in.random((2, 5), generator)
        weights = torch.randn((features[0].shape[0], 2, 5, 5), generator=generator, dtype=torch.float64)
        vectors = torch.randn((2, 5, 4), generator=generator, dtype=torch.float64)
        return (features, self.irreps_in), (vectors, VECTOR), (weights, None)
