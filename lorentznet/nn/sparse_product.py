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
"""Places in the first factor, in the second one and in the result, and a number; those of one row of the result stand together."""


class SparseProduct:
    """The bilinear map of a table.

    Parameters
    ----------
    table
        T, shape (rows of u, rows of x, rows of the result).
    tolerance
        Entries that are not larger are zero.
    """

    def __init__(self, table: Tensor, tolerance: float = 1e-13) -> None:
        places = (table.abs() > tolerance).nonzero().tolist()
        self.shape = tuple(table.shape)
        self.entries: Entries = sorted(((m, a, c, float(table[m, a, c])) for m, a, c in places), key=lambda entry: entry[2])

    def __call__(self, u: Tensor, x: Tensor) -> Tensor:
        """Shape (rows of the result, ...) of u (rows, ...) and x (rows, ...), whose other axes broadcast to those of x.

        Of factors of half precision the product is float32.
        """
        dtype = torch.promote_types(u.dtype, x.dtype)
        if dtype in (torch.float16, torch.bfloat16):
            dtype = torch.float32
        product: Tensor = _SparseProduct.apply(u.to(dtype), x.to(dtype), self)
        return product

    def multiply(self, u: Tensor, x: Tensor) -> Tensor:
        """The product, without gradients."""
        return _add_up(self.entries, u, x, x.new_zeros((self.shape[2], *x.shape[1:])))

    def gradient_of_first(self, gradient: Tensor, u: Tensor, x: Tensor) -> Tensor:
        """What ``gradient`` of the result gives for u, whose shape it has."""
        entries = sorted(((a, c, m, value) for m, a, c, value in self.entries), key=lambda entry: entry[2])
        return _add_up(entries, x, gradient, x.new_zeros((len(u), *x.shape[1:]))).sum_to_size(u.shape)

    def gradient_of_second(self, gradient: Tensor, u: Tensor, x: Tensor) -> Tensor:
        """What ``gradient`` of the result gives for x."""
        entries = sorted(((m, c, a, value) for m, a, c, value in self.entries), key=lambda entry: entry[2])
        return _add_up(entries, u, gradient, torch.zeros_like(x))


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
        return product.multiply(u, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        u, x = ctx.saved_tensors
        of_first = ctx.product.gradient_of_first(gradient, u, x) if ctx.needs_input_grad[0] else None
        return of_first, ctx.product.gradient_of_second(gradient, u, x) if ctx.needs_input_grad[1] else None, None
