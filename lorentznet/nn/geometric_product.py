r"""Geometric product of Cl(1,3) on batches, components first, with its algebraic backward pass.

A multivector field has shape (16, channels, jets, particles): component A of all multivectors is one contiguous block, and the
product is a sum of 256 (64 if the left factor is a vector) block operations without gather or outer product.

For z = x y and the upstream gradient g, with eta the signs of the invariant form and ~ the reversion,

.. math:: \partial_x = \eta\,(\eta g)\,\tilde y, \qquad \partial_y = \eta\,\tilde x\,(\eta g),

because b(x y, h) = b(x, h ~y) = b(y, ~x h). One routine serves all three products and no table is differentiated through.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from lorentznet.group.clifford import CliffordAlgebra
from lorentznet.nn.constant import Constant

SPACETIME = CliffordAlgebra(1, 3)

Blades = tuple[int, ...]
ALL: Blades = tuple(range(16))
VECTOR: Blades = (1, 2, 3, 4)

FORM, REVERSION = Constant(SPACETIME.eta), Constant(SPACETIME.reversion_signs)
_SIGNS = {
    (name, blades): Constant(constant.value[list(blades)])
    for name, constant in (("form", FORM), ("reversion", REVERSION))
    for blades in (ALL, VECTOR)
}


@lru_cache(maxsize=32)
def _terms(left: Blades, right: Blades, out: Blades) -> tuple[tuple[int, int, int, float], ...]:
    """(row of the left factor, row of the right factor, row of the product, sign) for blades kept in each."""
    table = SPACETIME.cayley
    return tuple(
        (a, b, c, float(table[i, j, k]))
        for a, i in enumerate(left)
        for b, j in enumerate(right)
        for c, k in enumerate(out)
        if table[i, j, k] != 0
    )


def _signs(which: str, blades: Blades, like: Tensor) -> Tensor:
    """Signs of the invariant form or of the reversion, one per row of ``like``."""
    return _SIGNS[which, blades].like(like).view(-1, *[1] * (like.ndim - 1))


def _multiply(x: Tensor, y: Tensor, left: Blades, right: Blades, out: Blades) -> Tensor:
    """Sum of signed block products; rows of ``x`` are the blades ``left``, and so on."""
    shape = torch.broadcast_shapes(x.shape[1:], y.shape[1:])
    result = torch.zeros((len(out), *shape), dtype=x.dtype, device=x.device)
    x_rows, y_rows, rows = x.unbind(0), y.unbind(0), result.unbind(0)
    for a, b, c, sign in _terms(left, right, out):
        rows[c].addcmul_(x_rows[a], y_rows[b], value=sign)
    return result


class _Product(torch.autograd.Function):
    """The blades ``out`` of x y, x having the blades ``left`` and y the blades ``right``.

    Its gradients are products of the same kind, so it can be differentiated any number of times.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, left: Blades, right: Blades, out: Blades) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.blades = left, right, out
        return _multiply(x, y, left, right, out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        (x, y), (left, right, out) = ctx.saved_tensors, ctx.blades
        weighted = _signs("form", out, gradients[0]) * gradients[0]
        grad_x = grad_y = None
        if ctx.needs_input_grad[0]:
            product = _Product.apply(weighted, _signs("reversion", right, y) * y, out, right, left)
            grad_x = (_signs("form", left, x) * product).sum_to_size(x.shape)
        if ctx.needs_input_grad[1]:
            product = _Product.apply(_signs("reversion", left, x) * x, weighted, left, out, right)
            grad_y = (_signs("form", right, y) * product).sum_to_size(y.shape)
        return grad_x, grad_y, None, None, None


def geometric_product(x: Tensor, y: Tensor) -> Tensor:
    """x y in Cl(1,3).

    Parameters
    ----------
    x, y
        Shape (16, ...), components first in the order of :class:`~lorentznet.group.clifford.CliffordAlgebra`; the other axes broadcast.

    Returns
    -------
    Tensor, shape (16, ...)

    Notes
    -----
    Runs in the dtype of its arguments and is left out of autocast: products of components in low precision destroy invariance.
    """
    return _apply(x, y, ALL, ALL)


def vector_product(v: Tensor, y: Tensor) -> Tensor:
    """v y with a vector on the left: 64 instead of 256 terms.

    Parameters
    ----------
    v
        Four-vectors, shape (4, ...), components first.
    y
        Multivectors, shape (16, ...).
    """
    return _apply(v, y, VECTOR, ALL)


def _apply(x: Tensor, y: Tensor, left: Blades, right: Blades) -> Tensor:
    if x.shape[0] != len(left) or y.shape[0] != len(right):
        raise ValueError(f"expected {len(left)} and {len(right)} components on the first axes, got {x.shape[0]} and {y.shape[0]}")
    dtype = torch.promote_types(x.dtype, y.dtype)
    if dtype in (torch.float16, torch.bfloat16):
        dtype = torch.float32
    with torch.autocast(x.device.type, enabled=False):
        result: Tensor = _Product.apply(x.to(dtype), y.to(dtype), left, right, ALL)
    return result
