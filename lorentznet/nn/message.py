r"""Messages between the particles of a jet, factorised so that no edge tensor is ever made.

Every message is linear in the neighbour's features and in p_i - p_j, and the product with a four-vector is linear too, so

.. math:: \sum_j f_{ij}\,(p_i - p_j) \otimes F_j = p_i \otimes (f F)_i - \big(f\,(p \otimes F)\big)_i .

Products are formed at the N particles, and what is left of the edges is one sum over neighbours with the scalar weights f: a matrix
product, or a sum over the edges of a sparse graph (:mod:`lorentznet.nn.graph`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lorentznet.group.irreps import AnyIrrep, Irrep, Irreps
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.cg_product import VectorProduct
from lorentznet.nn.fused_sums import PairWeights
from lorentznet.nn.geometric_product import vector_product
from lorentznet.nn.graph import ALL_PAIRS, Graph
from lorentznet.nn.multivector import ALL_GRADES, Grades
from lorentznet.nn.sparse_product import SparseProduct


class CGMessage(EquivariantModule):
    """Sums over neighbours of F_j and of (p_i - p_j) (x) F_j, irreps by Clebsch-Gordan products.

    Parameters
    ----------
    irreps
        Irreps of the features, all of one multiplicity.
    reflections
        Leave out pseudotensors, so that the layer commutes with parity.
    outputs
        Irreps to which products are truncated, by default those of the features.

    Attributes
    ----------
    kinds : int
        Kinds of messages, each with weights of its own: 2, or 1 if no product with a four-vector is left (scalars alone).
    """

    def __init__(self, irreps: Irreps, reflections: bool = True, outputs: Sequence[AnyIrrep] | None = None) -> None:
        super().__init__()
        self.product = VectorProduct(irreps, reflections, outputs)
        self.parity = reflections
        self.irreps_in = irreps
        self.irreps_out = irreps + self.product.irreps_out
        self.dims = [irrep.dim for _, irrep in irreps]
        self.sizes = [irrep.dim for irrep in self.product.irreps_out.irreps]
        self.kinds = 2 if self.sizes else 1
        self.with_vector = SparseProduct(self.product.table()) if self.sizes else None

    def forward(
        self, features: Sequence[Tensor], vectors: Tensor, weights: PairWeights, graph: Graph = ALL_PAIRS
    ) -> list[Tensor]:
        """Aggregated features, then their products with p_i - p_j.

        Parameters
        ----------
        features
            F_j, tensors (channels, jets, particles, dim).
        vectors
            p_i, shape (jets, particles, 4).
        weights
            f_ij of the kinds of messages, shape (kinds * channels, *pairs): (2 channels, jets, particles, particles) for all pairs,
            zero where a particle is missing.
        graph
            Who is a neighbour of whom.
        """
        x = torch.cat([feature.movedim(-1, 0) for feature in features])  # components first
        if self.with_vector is None:
            (first,) = _aggregated(weights, (x,), graph)
            return [part.movedim(0, -1).contiguous() for part in first.split(self.dims)]
        vectors = vectors.movedim(-1, 0)[:, None].contiguous()
        sent = x, torch.cat((x, self.with_vector(vectors, x).to(x)))
        first, both = _aggregated(weights, sent, graph)
        summed, crossed = both.split([sum(self.dims), sum(self.sizes)])
        second = self.with_vector(vectors, summed).to(x) - crossed
        return [part.movedim(0, -1).contiguous() for part in (*first.split(self.dims), *second.split(self.sizes))]

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Scalars and vectors, scalars alone, and all irreps up to maxdim 3."""
        every = "2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)"
        return tuple(cls(Irreps(text)) for text in ("2x(0,0)+2x(1,1)", "2x(0,0)", every))

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features, momenta and weights."""
        features = self.irreps_in.random((2, 5), generator)
        channels = features[0].shape[0]
        weights = torch.randn((self.kinds * channels, 2, 5, 5), generator=generator, dtype=torch.float64)
        vectors = torch.randn((2, 5, 4), generator=generator, dtype=torch.float64)
        return (features, self.irreps_in), (vectors, Irrep(1, 1)), (weights, None)


class CliffordMessage(EquivariantModule):
    """Sums over neighbours of x_j and of the geometric product (p_i - p_j) x_j.

    Parameters
    ----------
    channels
        Number of multivectors.
    grades
        What the multivectors consist of.
    scalars
        Sum scalars of the neighbours at the same time, by weights of their own after the others.
    """

    def __init__(self, channels: int, grades: Grades = ALL_GRADES, scalars: bool = False) -> None:
        super().__init__()
        self.blades = grades.blades
        self.irreps_in = grades.law(channels)
        self.irreps_out = (grades.law(2 * channels), None) if scalars else grades.law(2 * channels)
        self.with_scalars = scalars

    def forward(
        self, x: Tensor, vectors: Tensor, weights: PairWeights, graph: Graph = ALL_PAIRS, scalars: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Both sums, channels one after the other; and the sum of ``scalars``, if there are any.

        Arguments are those of :class:`CGMessage`; ``x`` is (components, channels, jets, particles), ``scalars`` (channels of their own,
        jets, particles).
        """
        vectors = vectors.movedim(-1, 0)[:, None].contiguous()
        product = vector_product(vectors, x, self.blades).to(x)  # of bfloat16 factors it is float32
        others = () if scalars is None else (scalars[None],)
        first, both, *heard = _aggregated(weights, (x, torch.cat((x, product)), *others), graph)
        summed, crossed = both.split(len(self.blades))
        message = torch.cat((first, vector_product(vectors, summed, self.blades).to(x) - crossed), 1)
        return (message, heard[0][0]) if heard else message

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Two channels, of all grades and of scalars and vectors, alone and with scalars beside them."""
        return cls(2), cls(2, Grades((0, 1))), cls(2, scalars=True)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Multivectors, momenta and weights; and all pairs as neighbours and scalars, if it sums any."""
        x = self.irreps_in.random((2, 5), generator)
        own, number = 2 * x.shape[1], 3 if self.with_scalars else 0
        weights = torch.randn((own + number, 2, 5, 5), generator=generator, dtype=torch.float64)
        vectors = torch.randn((2, 5, 4), generator=generator, dtype=torch.float64)
        given = (x, self.irreps_in), (vectors, Irrep(1, 1)), (weights, None)
        if not number:
            return given
        return *given, (ALL_PAIRS, None), (torch.randn((number, 2, 5), generator=generator, dtype=torch.float64), None)


def _aggregated(weights: PairWeights, parts: Sequence[Tensor], graph: Graph) -> list[Tensor]:
    """sum_j f_ij x_j of several x with their own weights, components first."""
    return [summed.movedim(-1, 0) for summed in graph.sums(weights, [x.movedim(0, -1) for x in parts])]
