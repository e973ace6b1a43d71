r"""Weighted products on all pairs of nodes as matrix products, and what is done with them there.

Where a product's channels are linear in the features z of both nodes, u_ij = A z_i + B z_j, and its right factor is linear too, the
product of an edge is

.. math:: P(A z_i + B z_j) = P(A z_i) + P(B z_j) + z_i^T\, Y(z_j), \qquad
    Y(z_j)_{Ia,Jm} = \sum_b z_{j,bK}\,\big(C_{IKJ} E_{amb} + C_{KIJ} E'_{amb}\big), \quad K = I \wedge J,

with blades I, J, K as bit masks, C the structure constants of the algebra, and E, E' made of weights alone, one for each grade path.
Y is made once a node; then there is one matrix product per jet and blade J, from rows (K, a), K in the place of I.

Arrays of pairs have the axes (jets, components, channels, pairs) with pairs (j, i), the receiving node i last.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lorentznet.group.clifford import SPACETIME
from lorentznet.nn.cgenn_product import FullyConnectedProduct
from lorentznet.nn.constant import Constant
from lorentznet.nn.product_eager import full_precision
from lorentznet.nn.product_terms import ALL, product_terms, tables

_PATHS = SPACETIME.grade_paths
_GRADES: list[int] = SPACETIME.grades.tolist()
_FORM: list[float] = SPACETIME.eta.tolist()


# C_KIJ for (J, K), I being what it must be, in the column of its path; shape (16, 16, 35)
_SECOND = Constant(tables(product_terms(ALL, ALL, ALL), torch.float64, torch.device("cpu")).signs.view(16, 16, -1))
_FIRST = Constant(_SECOND.value[torch.arange(16)[:, None], SPACETIME.products])  # C_IKJ for (J, K)


def pair_table(product: FullyConnectedProduct, receiver: Tensor, sender: Tensor) -> Tensor:
    """E and E' with their structure constants, shape (16 J, 16 K, channels b, channels a x outputs m).

    Parameters
    ----------
    product
        The product of an edge.
    receiver, sender
        A and B, shape (channels of the product, channels of a node).
    """
    rights = [torch.stack([(product.right.weight @ ends)[path[1]] for path in _PATHS]) for ends in (sender, receiver)]
    lefts = [torch.einsum("na,mnp->pamn", ends, product.weight).flatten(1, 2) for ends in (receiver, sender)]
    shape = len(_PATHS), receiver.shape[1], -1, receiver.shape[1]
    own, other = (torch.bmm(left, right).view(shape) for left, right in zip(lefts, rights, strict=True))
    table = _FIRST.like(own) @ own.flatten(1) + _SECOND.like(own) @ other.transpose(1, 3).flatten(1)
    return table.view(16, 16, -1, shape[-1]).mT / 2**0.5


def pair_products(table: Tensor, z: Tensor, base: Tensor) -> Tensor:
    """z_i^T Y(z_j) + base.

    Parameters
    ----------
    table
        From :func:`pair_table`.
    z
        Features of nodes, shape (jets, 16, channels, nodes).
    base
        What is added, shape (jets, 16, outputs, j, i).

    Returns
    -------
    Tensor, shape (jets, 16, outputs, pairs)
    """
    return _PairProducts.apply(table, z, base)


class _PairProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, z: Tensor, base: Tensor) -> Tensor:
        jets, nodes, rows = len(z), z.shape[-1], 16 * z.shape[2]
        receivers = z[:, SPACETIME.products.to(z.device)].reshape(16 * jets, rows, nodes)  # z_i at J ^ K for rows (K, a)
        with full_precision():  # these are products of components
            y = torch.bmm(_repeated(table, jets).mT, _senders(z)).view(16 * jets, rows, -1)
            sums = torch.baddbmm(base.reshape(16 * jets, -1, nodes), y.mT, receivers)
        ctx.save_for_backward(table, z, y, receivers)
        return sums.view(jets, 16, -1, nodes * nodes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        table, z, y, receivers = ctx.saved_tensors
        jets, nodes = len(z), z.shape[-1]
        by_product = gradient.view(16 * jets, -1, nodes)
        with full_precision():
            by_y = torch.bmm(receivers, by_product.mT).view(256 * jets, -1, nodes)
            to_table = torch.bmm(_senders(z), by_y.mT).view(jets, *table.shape).sum(0)
            to_z = torch.bmm(_repeated(table, jets), by_y).view(jets, 16, *z.shape[1:]).sum(1)
            by_receivers = torch.bmm(y, by_product).view(jets, 256, *z.shape[2:])
        back = 16 * torch.arange(16, device=z.device)[:, None] + SPACETIME.products.to(z.device)  # of rows (J, J ^ I) to I
        to_z += by_receivers.index_select(1, back.flatten()).view(jets, 16, *z.shape[1:]).sum(1)
        return to_table, to_z, gradient.view(jets, 16, -1, nodes, nodes)


def _senders(z: Tensor) -> Tensor:
    """z_j for all blades (J, K), shape (jets x 256, channels, nodes)."""
    return z[:, None].expand(-1, 16, -1, -1, -1).reshape(-1, *z.shape[2:])


def _repeated(table: Tensor, jets: int) -> Tensor:
    """The table for each jet, shape (jets x 256, ...)."""
    return table.expand(jets, -1, -1, -1, -1).flatten(0, 2)


def grade_squares(x: Tensor) -> Tensor:
    """The invariants q of all grades: (jets, 16, channels, pairs) to (jets, 5, channels, pairs)."""
    return _GradeSquares.apply(x)


class _GradeSquares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        squares = x.new_zeros((x.shape[0], 5, *x.shape[2:]))
        for blade, (grade, sign) in enumerate(zip(_GRADES, _FORM, strict=True)):
            squares[:, grade].addcmul_(x[:, blade], x[:, blade], value=sign)
        return squares

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        result = torch.empty_like(x)
        for blade, (grade, sign) in enumerate(zip(_GRADES, _FORM, strict=True)):
            torch.mul(x[:, blade], gradient[:, grade], out=result[:, blade]).mul_(2 * sign)
        return result


def gated_sum(x: Tensor, gates: Tensor, nodes: int) -> Tensor:
    """Sum over j of multivectors (jets, 16, channels, pairs) times a number per grade (jets, 5, channels, pairs)."""
    return _GatedSum.apply(x, gates, nodes)


class _GatedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gates: Tensor, nodes: int) -> Tensor:
        ctx.save_for_backward(x, gates)
        ctx.nodes = nodes
        parts = [(x[:, blade] * gates[:, grade]).unflatten(-1, (nodes, nodes)).sum(-2) for blade, grade in enumerate(_GRADES)]
        return torch.stack(parts, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, gates = ctx.saved_tensors
        to_x, to_gates = torch.empty_like(x), torch.zeros_like(gates)
        pairs = x.shape[0], x.shape[2], ctx.nodes, ctx.nodes
        for blade, grade in enumerate(_GRADES):
            heard = gradient[:, blade, :, None]
            torch.mul(gates[:, grade].view(pairs), heard, out=to_x[:, blade].view(pairs))
            to_gates[:, grade].view(pairs).addcmul_(x[:, blade].view(pairs), heard)
        return to_x, to_gates, None
