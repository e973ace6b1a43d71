r"""The fast path of Clebsch-Gordan products: vectors, bivectors and tensors as 4 x 4 matrices.

A bivector f and a traceless symmetric tensor t are the two halves of a matrix :math:`M^\mu{}_\nu` that acts on four-vectors, so

.. math:: \text{vf} \to F v, \quad \text{vt} \to T v, \quad \text{vv} \to v v^T\eta, \quad \text{ff} \to F F, \quad
          \text{ft} \to F T, \quad \text{tt} \to T T

are products of small matrices: 64 multiplications where the outer product of two tensors has up to 81 numbers, each of which enters up to
16 outputs. They are formed one by one, since F F and T T give the same irreps: the square of F + T could not tell their paths apart. What
a planned table of Clebsch-Gordan paths does to the outer product, a smaller table does to the matrix product; it is found by solving for
it, and a table that does not factor through the matrix product keeps the general way.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lorentznet.group.clebsch_gordan import real_clebsch_gordan
from lorentznet.group.irreps import AnyIrrep, Irrep, IrrepPair
from lorentznet.group.minkowski import METRIC
from lorentznet.nn.constant import Constant

VECTOR = Irrep(1, 1)
KnownMatrices = dict[tuple[int, tuple[int, ...]], Tensor]
"""Matrices of features that take part in several products, by the tensor of components and their shape."""
_MATRICES: tuple[AnyIrrep, ...] = (IrrepPair(2, 0), Irrep(2, 2))


@cache
def matrix_basis(irrep: AnyIrrep) -> Tensor | None:
    r"""The matrices :math:`E_\alpha` with :math:`M(x) = \sum_\alpha x_\alpha E_\alpha`, which acts as :math:`M^\mu{}_\nu v^\nu`.

    Returns
    -------
    Tensor, shape (dim, 4, 4), float64, or None for an irrep that is not part of such a matrix
    """
    if irrep not in _MATRICES:
        return None
    # H x y z = sum H_{mu nu gamma} x^mu y^nu (g z)_gamma is invariant, so H g z has two lower indices; the metric raises the first.
    table = real_clebsch_gordan(VECTOR, VECTOR, irrep)[0]
    lowered = torch.einsum("mng,gd->dmn", table, irrep.metric)
    eta = torch.as_tensor(METRIC, dtype=torch.float64)
    return eta @ lowered


def _forms(irrep: AnyIrrep) -> list[Tensor]:
    """Ways to see an irrep as a matrix, each (dim, rows, columns): a square one, or a vector as a column or as a (lowered) row."""
    square = matrix_basis(irrep)
    if square is not None:
        return [square]
    if irrep == VECTOR:
        eta = torch.as_tensor(METRIC, dtype=torch.float64)
        return [torch.eye(4, dtype=torch.float64)[:, :, None], eta[:, None, :]]
    return []


class MatrixPlan:
    """A table (dim a, dim b, outputs) of Clebsch-Gordan paths, factored through a product of matrices.

    Attributes
    ----------
    left_first
        True if the matrix of a stands on the left.
    left, right
        From components to entries of the matrices, (rows * columns, dim), in the order of the product.
    shapes
        Rows and columns of both.
    project
        From entries of the product to the outputs, (outputs, rows * columns).
    """

    def __init__(self, left_first: bool, left: Tensor, right: Tensor, project: Tensor) -> None:
        self.left_first = left_first
        self.shapes = tuple(left.shape[1:]), tuple(right.shape[1:])
        self.left, self.right = Constant(left.flatten(1).T.contiguous()), Constant(right.flatten(1).T.contiguous())
        self.project = Constant(project.T.contiguous())

    @classmethod
    def find(cls, a: AnyIrrep, b: AnyIrrep, table: Tensor, tolerance: float = 1e-13) -> MatrixPlan | None:
        """The plan for a table, shape (dim a * dim b, outputs), or None if it does not factor."""
        for one in _forms(a):
            for other in _forms(b):
                for left_first, left, right in ((True, one, other), (False, other, one)):
                    if left.shape[2] != right.shape[1] or left.shape[1] * right.shape[2] == 1:
                        continue
                    product = torch.einsum("aij,bjk->abik" if left_first else "bij,ajk->abik", left, right)
                    product = product.reshape(table.shape[0], -1)
                    project = torch.linalg.pinv(product) @ table
                    if (product @ project - table).abs().max() <= tolerance:
                        return cls(left_first, left, right, project)
        return None

    def multiply(self, x: Tensor, y: Tensor, known: KnownMatrices | None = None) -> Tensor:
        """Outputs (..., outputs) of features x (..., dim a) and y (..., dim b), whose leading axes broadcast.

        Matrices are looked up in ``known``, and added to it; x and y must outlive it.
        """
        known = {} if known is None else known
        first, second = (x, y) if self.left_first else (y, x)
        shape = torch.broadcast_shapes(x.shape[:-1], y.shape[:-1])
        left = _entries(self.left, first, self.shapes[0], known)
        right = _entries(self.right, second, self.shapes[1], known)
        # torch.compile cannot follow a function of autograd that is given one tensor twice
        product = (_MatrixSquare.apply(left) if left is right else _MatrixProduct.apply(left, right)).flatten(2).flatten(0, 1)
        # [outputs, 16] @ [16, K]: the other way round, with rows of a few numbers, takes eight times as long
        return (self.project.like(x) @ product).T.view(*shape, len(self.project.value))


def _entries(table: Constant, x: Tensor, shape: tuple[int, ...], known: KnownMatrices) -> Tensor:
    """Entries first: (rows, columns, ...). A shape tells the table: an irrep is one square matrix, a vector a column or a row."""
    key = id(x), shape
    if key not in known:
        known[key] = (table.like(x) @ x.reshape(-1, x.shape[-1]).T).view(*shape, *x.shape[:-1])
    return known[key]


class _MatrixProduct(torch.autograd.Function):
    """Matrix product of (n, m, ...) and (m, k, ...): entries first, so that every operation runs over long rows of numbers.

    The gradients are matrix products as well, G B^T and A^T G.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _multiply(a, b)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        to_a = _multiply(gradient, b.transpose(0, 1)).sum_to_size(a.shape) if ctx.needs_input_grad[0] else None
        to_b = _multiply(a.transpose(0, 1), gradient).sum_to_size(b.shape) if ctx.needs_input_grad[1] else None
        return to_a, to_b


class _MatrixSquare(torch.autograd.Function):
    """The same for one matrix with itself."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return _multiply(a, a)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        transposed = a.transpose(0, 1)
        return _multiply(gradient, transposed) + _multiply(transposed, gradient)


def _multiply(a: Tensor, b: Tensor) -> Tensor:
    product = a[:, 0, None] * b[None, 0]
    for n in range(1, a.shape[1]):
        product.addcmul_(a[:, n, None], b[None, n])
    return product
