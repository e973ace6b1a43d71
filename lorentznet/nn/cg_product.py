r"""Clebsch-Gordan products, channel by channel.

For irreps a, b and an output c the product of two features is

.. math:: z_\gamma = \sum_{\alpha\beta} H_{\alpha\beta\gamma}\, x_\alpha y_\beta

with a real intertwiner H. All paths of one pair (a, b) share one outer product and one matrix product with the intertwiners side
by side; paths that vanish by symmetry or repeat others are never planned. Products of vectors, bivectors and tensors take the fast way
of :mod:`lorentznet.nn.matrix_product`; the general one serves every other irrep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from lorentznet.group.clebsch_gordan import CGPath, self_product_paths, vector_product_paths
from lorentznet.group.irreps import AnyIrrep, Irrep, Irreps, real_irreps
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.constant import Constant
from lorentznet.nn.matrix_product import KnownMatrices, MatrixPlan


class _PlannedProduct(EquivariantModule):
    """Outputs of planned paths, grouped by the pair of irreps that they multiply.

    ``irreps_out`` has one term per path of ``paths``, in the order of the groups.

    Parameters
    ----------
    irreps
        Irreps of the features, all of one multiplicity.
    reflections
        Leave out the paths to pseudotensors, so that the product commutes with parity.
    outputs
        Irreps to which products are truncated, by default those of the features.
    fast
        Multiply vectors, bivectors and tensors as matrices. Off, the general way is taken throughout: the same function, slower.
    """

    planned: ClassVar[Callable[..., Sequence[CGPath]]]
    """From the irreps of the features and of the outputs to the paths of the product."""

    def __init__(
        self, irreps: Irreps, reflections: bool = True, outputs: Sequence[AnyIrrep] | None = None, fast: bool = True
    ) -> None:
        super().__init__()
        self.irreps_in = irreps
        channels = common_multiplicity(irreps)
        self.parity = reflections
        place = {irrep: term for term, irrep in enumerate(irreps.irreps)}
        grouped: dict[tuple[AnyIrrep, AnyIrrep], list[CGPath]] = {}
        for path in type(self).planned(irreps.irreps, outputs):
            if path.parity > 0 or not reflections:
                grouped.setdefault((path.i, path.j), []).append(path)
        self.pairs = [(place.get(i, 0), place[j]) for i, j in grouped]
        self.sizes = [[path.out.dim for path in group] for group in grouped.values()]
        self.factors: list[float | None] = []
        self.tables: list[Constant] = []
        self.plans: list[MatrixPlan | None] = []
        for (i, j), group in grouped.items():
            table = torch.cat([path.tensor.flatten(0, 1) for path in group], -1)
            self.factors.append(_multiple_of_identity(table))
            self.tables.append(Constant(table))
            self.plans.append(MatrixPlan.find(i, j, table) if fast else None)
        self.paths = [path for group in grouped.values() for path in group]
        self.irreps_out = Irreps([(channels, path.out) for path in self.paths])

    def _multiply(self, number: int, x: Tensor, y: Tensor, known: KnownMatrices) -> list[Tensor]:
        factor = self.factors[number]
        if factor is not None:
            return [factor * x * y]
        plan = self.plans[number]
        if plan is not None:
            return list(plan.multiply(x, y, known).split(self.sizes[number], -1))
        products = outer(x, y)
        return list((products @ self.tables[number].like(products)).split(self.sizes[number], -1))


def outer(x: Tensor, y: Tensor) -> Tensor:
    """All products of the last axes, the second one fastest."""
    return (x[..., :, None] * y[..., None, :]).flatten(-2)


def _multiple_of_identity(table: Tensor) -> float | None:
    """c if multiplying by a scalar is all that the table does (table = c 1, up to the rounding of its entries), else None."""
    if table.shape[0] != table.shape[1]:
        return None
    factor = float(table.diagonal().mean())
    identity = torch.eye(table.shape[0], dtype=table.dtype)
    return factor if torch.allclose(table, factor * identity, rtol=0, atol=1e-14) else None


def common_multiplicity(irreps: Irreps) -> int:
    """The one multiplicity of all terms; products go channel by channel and need it."""
    mults = {mult for mult, _ in irreps}
    if len(mults) != 1:
        raise ValueError(f"a channel-wise product needs one multiplicity for all irreps, got {irreps}")
    return mults.pop()


class SelfProduct(_PlannedProduct):
    """Product of each channel with itself, over all unordered, non-vanishing paths.

    The constructor is that of all planned products: irreps, reflections, outputs, fast.
    """

    planned = staticmethod(self_product_paths)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """One tensor (channels, ..., dim) per term of ``irreps_out``."""
        known: KnownMatrices = {}
        return [z for number, (i, j) in enumerate(self.pairs) for z in self._multiply(number, features[i], features[j], known)]

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Scalars and vectors, and all irreps up to maxdim 3 and 4."""
        return (
            cls(Irreps("2x(0,0)+2x(1,1)")),
            cls(Irreps("2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)")),
            cls(Irreps("2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)"), reflections=False),
            cls(Irreps([(1, irrep) for irrep in real_irreps(4)])),
            cls(Irreps("2x(0,0)+2x(1,1)"), outputs=real_irreps(3)),
        )


class VectorProduct(_PlannedProduct):
    """Product of features with a four-vector.

    The constructor is that of all planned products: irreps, reflections, outputs, fast.
    """

    planned = staticmethod(vector_product_paths)

    def forward(self, features: Sequence[Tensor], vectors: Tensor) -> list[Tensor]:
        """Features (channels, ..., dim) times vectors (..., 4): one tensor per term of ``irreps_out``."""
        known: KnownMatrices = {}
        one = vectors[None]
        return [z for number, (_, j) in enumerate(self.pairs) for z in self._multiply(number, one, features[j], known)]

    def table(self) -> Tensor:
        """The product as one table, shape (4, components of the features, components of the result), float64."""
        dims = [irrep.dim for irrep in self.irreps_in.irreps]
        one = torch.eye(sum(dims), dtype=torch.float64).split(dims, -1)
        features = [part.expand(mult, 4, -1, -1) for part, mult in zip(one, self.irreps_in.multiplicities, strict=True)]
        vectors = torch.eye(4, dtype=torch.float64)[:, None].expand(-1, sum(dims), -1)
        return torch.cat([z[0] for z in self(features, vectors)], -1)

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Scalars and vectors, and all irreps up to maxdim 3."""
        return cls(Irreps("2x(0,0)+2x(1,1)")), cls(Irreps("2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)"))

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features and one vector per particle."""
        vectors = torch.randn((2, 5, 4), generator=generator, dtype=torch.float64)
        return *super().example_inputs(generator), (vectors, Irrep(1, 1))
