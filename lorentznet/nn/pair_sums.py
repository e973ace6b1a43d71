r"""Sums over all pairs of a jet as matrix products, :math:`Y_i = \sum_j f_{ij}\, x_j`, several at a time.

Weights of all pairs are the largest arrays of a network, and on a CPU it takes longer to move one than to make it. Several sums share one
such array, each with channels of its own, and the gradient by it is written in place, not put together afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_LANES = 16  # numbers of float32 in a vector register


def pair_sums(weights: Tensor, parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """sum_j f_ij x_j for each x of ``parts``, in shapes (channels, jets, particles, dim).

    Parameters
    ----------
    weights
        f, shape (channels of all parts, jets, particles, particles).
    parts
        Shapes (channels, jets, particles, dim).
    """
    if torch.compiler.is_compiling():  # a compiler cannot follow products that are written into slices
        return tuple(_sum(f, x) for f, x in channel_groups(weights, parts))
    return _PairSums.apply(weights, *parts)


def pair_products(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """Scalar products y_i.x_j of all pairs, the channels of all parts one after the other: what weights get of gradients y.

    Parameters
    ----------
    left, right
        y and x, shapes (channels, ..., particles, dim).

    Returns
    -------
    Tensor, shape (channels of all parts, ..., particles, particles)
    """
    products = left[0].new_empty((sum(map(len, left)), *left[0].shape[1:-1], right[0].shape[-2]))
    for rows, y, x in zip(products.split([len(y) for y in left]), left, right, strict=True):
        torch.bmm(y.flatten(0, -3), x.flatten(0, -3).mT, out=rows.flatten(0, -3))
    return products


def channel_groups(weights: Tensor, parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Each x of ``parts`` with its channels of the weights."""
    return zip(weights.split([len(x) for x in parts]), parts, strict=True)


def _sum(weights: Tensor, x: Tensor) -> Tensor:
    if x.shape[-1] % _LANES == 0:
        return weights @ x
    # Rows of few numbers do not fill a vector register, rows of particles do.
    return (x.mT @ weights.mT).mT


class _PairSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(weights, *parts)
        return tuple(_sum(f, x) for f, x in channel_groups(weights, parts))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights, *parts = ctx.saved_tensors
        by_weights = pair_products(gradients, parts) if ctx.needs_input_grad[0] else None
        groups = zip(channel_groups(weights, parts), gradients, ctx.needs_input_grad[1:], strict=True)
        return by_weights, *[_sum(f.mT, gradient) if needed else None for (f, _), gradient, needed in groups]
