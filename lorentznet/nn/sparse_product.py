r"""Products by a table that is mostly zeros, entry by entry.

.. math:: z_\gamma = \sum_{\mu\alpha} T_{\mu\alpha\gamma}\, u_\mu\, x_\alpha

Of the intertwiners of a four-vector with the irreps up to maxdim 3 no more than 3 % are not zero: 74 of 2,240. Each of those is one
multiplication and addition of rows of numbers, whose gradients are products with the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lorentznet.nn.gradients import placed

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
        self.key = sha256(repr((self.rows, self.entries)).encode()).hexdigest()
        _KNOWN[self.key] = self

    def __call__(self, u: Tensor, x: Tensor) -> Tensor:
        """Shape (rows of the result, ...) of u (rows, ...) and x (rows, ...), whose other axes broadcast to those of x.

        Of factors of half precision the product is float32.
        """
        dtype = torch.promote_types(u.dtype, x.dtype)
        if dtype in (torch.float16, torch.bfloat16):
            dtype = torch.float32
        if torch.compiler.is_compiling():
            u, x = u.to(dtype), x.to(dtype)
            product: Tensor = self._written_out(u, x) if len(self.entries) <= _FEW else _multiply_op(u, x, self.key)
        else:
            product = _SparseProduct.apply(u.to(dtype), x.to(dtype), self)
        return product

    def multiply(self, u: Tensor, x: Tensor) -> Tensor:
        """The product of factors of one dtype, without gradients."""
        return _add_up(self.entries, u, x, x.new_zeros((self.rows, *x.shape[1:])))

    def _written_out(self, u: Tensor, x: Tensor) -> Tensor:
        first, second = u.unbind(0), x.unbind(0)
        rows: list[Tensor | None] = [None] * self.rows
        for a, b, c, value in self.entries:
            term, before = value * first[a] * second[b], rows[c]
            rows[c] = term if before is None else before + term
        return torch.stack([x.new_zeros(x.shape[1:]) if row is None else row for row in rows])

    def differentiate(self, gradient: Tensor, u: Tensor, x: Tensor, needed: Sequence[bool]) -> list[Tensor]:
        """Gradients of those factors for which they are needed."""
        found = []
        if needed[0]:
            whole = x.new_zeros((len(u), *x.shape[1:]))
            found.append(_add_up(self.for_first, x, gradient, whole).sum_to_size(u.shape))
        if needed[1]:
            found.append(_add_up(self.for_second, u, gradient, x.new_zeros(x.shape)))
        return found


_FEW = 16
"""Entries that are written out for a compiler, which makes them part of the loops around; scalars and vectors have eight."""

_KNOWN: dict[str, SparseProduct] = {}
"""All products by what they are made of: operators of the compiler take words, not objects."""


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
        return product.multiply(u, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[:2]
        return *placed(ctx.product.differentiate(gradient, *ctx.saved_tensors, needed), needed), None


# For a compiler a product of many entries is one operator. Were it to unroll hundreds of them, it would take many minutes.


@torch.library.custom_op("lorentznet::sparse_product", mutates_args=())
def _multiply_op(u: Tensor, x: Tensor, key: str) -> Tensor:
    return _KNOWN[key].multiply(u, x)


@_multiply_op.register_fake
def _(u: Tensor, x: Tensor, key: str) -> Tensor:
    return x.new_empty((_KNOWN[key].rows, *x.shape[1:]))


@torch.library.custom_op("lorentznet::sparse_product_backward", mutates_args=())
def _differentiate_op(gradient: Tensor, u: Tensor, x: Tensor, key: str, needed: list[bool]) -> list[Tensor]:
    return _KNOWN[key].differentiate(gradient, u, x, needed)


@_differentiate_op.register_fake
def _(gradient: Tensor, u: Tensor, x: Tensor, key: str, needed: list[bool]) -> list[Tensor]:
    return [factor.new_empty(factor.shape) for factor, need in zip((u, x), needed, strict=True) if need]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    u, x, ctx.key = inputs
    ctx.save_for_backward(u, x)


def _differentiate_traced(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    needed = list(ctx.needs_input_grad[:2])
    return *placed(_differentiate_op(gradient, *ctx.saved_tensors, ctx.key, needed), needed), None


_multiply_op.register_autograd(_differentiate_traced, setup_context=_save)
