"""Products of Cl(1,3) unrolled into their terms and compiled by torch.compile: components are read once and stay in registers.

The first use of each product, dtype and set of gradients compiles for about half a minute on one core; torch keeps the result on disk.
Shapes are dynamic, so that batches of other sizes do not compile again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from lorentznet.nn.product_eager import eager, eager_gradients
from lorentznet.nn.product_terms import Term, Terms

FEW = 64
"""Elements of a row below which a call of compiled code costs more than the product, and sizes 0 and 1 would compile again."""


def _signed_sum(products: Sequence[tuple[Tensor, int]]) -> Tensor:
    total = None
    for product, sign in sorted(products, key=lambda pair: -pair[1]):  # begin with one that is added, if there is any
        signed = product if sign > 0 else -product
        total = signed if total is None else total + signed
    assert total is not None
    return total


def unrolled(x: Tensor, y: Tensor, product: Terms, weights: Tensor | None = None) -> Tensor:
    """The product, term by term."""
    x_rows, y_rows = x.unbind(0), y.unbind(0)
    by_path = None if weights is None else weights.unbind(1)

    def row(terms: list[Term]) -> Tensor:
        if by_path is None:
            return _signed_sum([(x_rows[a] * y_rows[b], sign) for a, b, _, sign, _ in terms])
        paths = sorted({term.path for term in terms})
        parts = [_signed_sum([(x_rows[t.left] * y_rows[t.right], t.sign) for t in terms if t.path == path]) for path in paths]
        return _signed_sum([(by_path[path][:, None] * part, 1) for path, part in zip(paths, parts, strict=True)])

    return torch.stack([row([term for term in product.terms if term.out == out]) for out in range(product.n_out)])


def unrolled_weight_gradient(gradient: Tensor, x: Tensor, y: Tensor, product: Terms) -> Tensor:
    """The gradient of weights (channels, paths)."""
    g_rows, x_rows, y_rows = gradient.unbind(0), x.unbind(0), y.unbind(0)

    def path(terms: list[Term]) -> Tensor:
        rows = sorted({term.out for term in terms})
        sums = [_signed_sum([(x_rows[t.left] * y_rows[t.right], t.sign) for t in terms if t.out == row]) for row in rows]
        return _signed_sum([(g_rows[row] * part, 1) for row, part in zip(rows, sums, strict=True)]).sum(-1)

    return torch.stack([path([t for t in product.terms if t.path == number]) for number in range(len(product.paths))], -1)


@cache
def _build(product: Terms, wanted: tuple[str, ...], weighted: bool) -> Callable[..., list[Tensor]]:
    """Compiled function of what is wanted: the product of (x, y, weights), or gradients of (gradient, x, y, weights)."""

    def forward(x: Tensor, y: Tensor, weights: Tensor | None) -> list[Tensor]:
        return [unrolled(x, y, product, weights)]

    def backward(gradient: Tensor, x: Tensor, y: Tensor, weights: Tensor | None) -> list[Tensor]:
        gradients = {
            "x": lambda: unrolled(gradient, y, product.for_left, weights),
            "y": lambda: unrolled(x, gradient, product.for_right, weights),
            "weights": lambda: unrolled_weight_gradient(gradient, x, y, product),
        }
        return [gradients[name]() for name in wanted]

    # Traced here and not by dynamo: each graph has code of its own, so none counts as a recompilation of another.
    function: Any = backward if wanted else forward
    graph = torch.fx.symbolic_trace(function, concrete_args=None if weighted else {"weights": None})
    return torch.compile(graph, dynamic=True, fullgraph=True)


def compiled(x: Tensor, y: Tensor, product: Terms, weights: Tensor | None = None) -> Tensor:
    """The product."""
    if x.shape[-1] < FEW:
        return eager(x, y, product, weights)
    return _build(product, (), weights is not None)(x, y, weights)[0]


def compiled_gradients(
    gradient: Tensor, x: Tensor, y: Tensor, product: Terms, weights: Tensor | None, needed: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of both factors, in one pass over the components, and of the weights; those that are needed."""
    if x.shape[-1] < FEW:
        return eager_gradients(gradient, x, y, product, weights, needed)
    factors = tuple(name for name, need in zip("xy", needed[:2], strict=True) if need)
    found: dict[str, Tensor] = {}
    for wanted in (
        factors,
        ("weights",) if needed[2] else (),
    ):  # apart: sums over elements compile ten times as long beside others
        if wanted:
            values = _build(product, wanted, weights is not None)(gradient, x, y, weights)
            found |= dict(zip(wanted, values, strict=True))
    return found.get("x"), found.get("y"), found.get("weights")
