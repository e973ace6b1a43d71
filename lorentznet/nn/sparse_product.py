r"""Products by a table that is mostly zeros, entry by entry.

.. math:: z_\gamma = \sum_{\mu\alpha} T_{\mu\alpha\gamma}\, u_\mu\, x_\alpha

Of the intertwiners of a four-vector with the irreps up to maxdim 3 no more than 3 % are not zero: 74 of 2,240. Each of those is one
multiplication and addition of rows of numbers, whose gradients are products with the same table.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Entries = list[tuple[int, int, int, float]]
"""Rows of the first factor, of the second one and of the result, and a number."""


class SparseProduct:
    """The bilinear map of a table.

    ``entries`` are those of T that are not zero; ``for_first`` and ``for_second`` those of the maps that give the gradients of u and x.

    Parameters
    ----------
    table
        T, shape (rows of u, rows of x, rows of the result).
    tolerance
        Entries that are not larger are zero.
    """

    def __init__(self, table: Tensor, tolerance: float = 1e-13) -> None:
        places = (table.abs() > tolerance).nonzero().tolist()
        entries = [(m, a, c, float(table[m, a, c])) for m, a, c in places]
        self.rows = table.shape[2]
        self.entries = _by_result(entries)
        self.for_first = _by_result([(a, c, m, value) for m, a, c, value in entries])
        self.for_second = _by_result([(m, c, a, value) for m, a, c, value in entries])

    def __call__(self, u: Tensor, x: Tensor) -> Tensor:
        """Shape (rows of the result, ...) of u (rows, ...) and x (rows, ...), whose other axes broadcast to those of x.

        Of factors of half precision the product is float32.
        """
        dtype = torch.promote_types(u.dtype, x.dtype)
        if dtype in (torch.float16, torch.bfloat16):
            dtype = torch.float32
        product: Tensor = _SparseProduct.apply(u.to(dtype), x.to(dtype), self)
        return product


def _by_result(entries: Entries) -> Entries:
    """So that a row of the result stays in the nearest cache while it is added up."""
    return sorted(entries, key=lambda entry: entry[2])


def _add_up(entries: Entries, first: Tensor, second: Tensor, result: Tensor) -> Tensor:
    first_rows, second_rows, rows = first.unbind(0), second.unbind(0), result.unbind(0)
    for a, b, c, value in entries:
        rows[c].addcmul_(first_rows[a], second_rows[b], value=value)
    return result


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, x: Tensor, product: SparseProduct) -> Tensor:
        ctx.product = product
        ctx.save_for_backward(u, x)
        return _add_up(product.entries, u, x, x.new_zeros((product.rows, *x.shape[1:])))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        u, x = ctx.saved_tensors
        grad_u = grad_x = None
        if ctx.needs_input_grad[0]:
            whole = x.new_zeros((len(u), *x.shape[1:]))
            grad_u = _add_up(ctx.product.for_first, x, gradient, whole).sum_to_size(u.shape)
        if ctx.needs_input_grad[1]:
            grad_x = _add_up(ctx.product.for_second, u, gradient, torch.zeros_like(x))
        return grad_u, grad_x, None
