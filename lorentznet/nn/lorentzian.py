r"""Learned Lorentzian bells of a pair invariant, and sums over neighbours that they weigh, without an N x N array being kept.

.. math:: f_c(s) = \sum_q W_{cq}\, r_q(s) + w_c, \qquad r_q(s) = a_q + \frac{b_q}{1 + (c_q s)^2}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lorentznet.nn.graph import DenseGraph, Graph
from lorentznet.nn.pair_sums import pair_products
from lorentznet.nn.radial import NEIGHBOURS

_PAIRS = 10_000
"""Pairs whose weights are in memory at a time on a CPU: few enough for its cache. GPUs and compiled networks take all at once."""


class LorentzianBells(nn.Module):
    """Two sets of radial functions, and the sums over neighbours that they weigh.

    Parameters
    ----------
    number
        Number of bells.
    channels
        Number of functions in each set.
    """

    def __init__(self, number: int, channels: int) -> None:
        super().__init__()
        self.offset, self.height, self.slope = (nn.Parameter(torch.randn(number)) for _ in range(3))
        self.linear = nn.Linear(number, 2 * channels)

    def forward(self, s: Tensor, x: Tensor, dim: int, graph: Graph) -> tuple[Tensor, Tensor]:
        """Sums over neighbours: of the first components with the first set of functions, and of all with the second.

        Weights are divided by a typical number of neighbours.

        Parameters
        ----------
        s
            The pair invariant, shape (*pairs); negative where there is no pair.
        x
            x_j, shape (channels, jets, particles, components).
        dim
            Number of components that the first set sums.
        graph
            Who is a neighbour of whom.
        """
        # Heights and offsets of the bells are carried by the linear map; the last column belongs to a function that is one.
        constant = self.linear.weight @ self.offset + self.linear.bias
        weight = torch.cat((self.linear.weight * self.height, constant[:, None]), 1) / NEIGHBOURS
        g = self.slope.square()
        if isinstance(graph, DenseGraph):
            first, second = _BellSums.apply(s, x, dim, g, weight)
            return first, second
        bells = torch.cat(((g[:, None] * s.square() + 1).reciprocal(), torch.ones_like(s)[None]))
        plain, directed = (weight @ bells).chunk(2)
        return graph.sum(plain, x[..., :dim].contiguous()), graph.sum(directed, x)


class _BellSums(torch.autograd.Function):
    """Both sums over all pairs, for s (jets, N, N) and x (channels, jets, N, components).

    The weights of all pairs would be the largest array of the network: they are made for as many jets at a time as fit the cache,
    and again for the gradient.
    """

    @staticmethod
    def forward(ctx: Any, s: Tensor, x: Tensor, dim: int, g: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(s, x, g, weight)
        ctx.dim = dim
        first, second = x.new_empty((*x.shape[:-1], dim)), torch.empty_like(x)
        for jets in _portions(s):
            plain, directed = (weight @ _bells(g, s[jets])).view(len(weight), *s[jets].shape).chunk(2)
            first[:, jets] = plain @ x[:, jets][..., :dim]
            second[:, jets] = directed @ x[:, jets]
        return first, second

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_first: Tensor, by_second: Tensor) -> tuple[Tensor | None, ...]:
        s, x, g, weight = ctx.saved_tensors
        dim: int = ctx.dim
        to_x, to_bells = torch.empty_like(x), weight.new_zeros((len(weight), 2 * len(g) + 1))
        to_s = torch.empty_like(s) if ctx.needs_input_grad[0] else None
        for jets in _portions(s):
            # below the bells their slopes, d bell / d g = -s^2 bell^2: one matrix product with the gradient serves W and g
            rows = _bells(g, s[jets], slopes=True)
            bells, slopes = rows[: len(g) + 1], rows[len(g) + 1 :]
            plain, directed = (weight @ bells).view(len(weight), *s[jets].shape).chunk(2)
            of_first, of_second, some = (array[:, jets].contiguous() for array in (by_first, by_second, x))
            to_some = directed.mT @ of_second
            to_some[..., :dim] += plain.mT @ of_first
            to_x[:, jets] = to_some
            to_weights = pair_products((of_first, of_second), (some[..., :dim], some)).view(len(weight), -1)
            to_bells.addmm_(to_weights, rows.T)
            if to_s is not None:
                # d bell / d s = (2 g / s) d bell / d g; nothing moves at s = 0
                by_g = (g @ ((weight[:, :-1].T @ to_weights) * slopes)).view_as(s[jets])
                to_s[jets] = torch.where(s[jets] > 0, -2 * by_g / torch.where(s[jets] > 0, s[jets], 1), 0)
        to_weight, rest = to_bells.split([len(g) + 1, len(g)], 1)
        return to_s, to_x, None, -(weight[:, :-1] * rest).sum(0), to_weight


def _portions(s: Tensor) -> Iterator[int | slice]:
    """Jets one by one, or a few small ones at a time."""
    if s.device.type != "cpu" or torch.compiler.is_compiling():  # a compiler would make a program for each number of portions
        return iter((slice(None),) if len(s) else ())
    jets = max(1, _PAIRS // max(1, s[0].numel())) if len(s) else 1
    return iter(range(len(s)) if jets == 1 else [slice(start, start + jets) for start in range(0, len(s), jets)])


def _bells(g: Tensor, s: Tensor, slopes: bool = False) -> Tensor:
    """Rows 1 / (1 + g_q s^2), one row of ones, and if wanted rows s^2 / (1 + g_q s^2)^2; zero where there is no pair."""
    number, square = len(g), s.square().flatten()
    rows = square.new_empty(((2 * number if slopes else number) + 1, len(square)))
    torch.outer(g, square, out=rows[:number]).add_(1).reciprocal_()
    rows[number] = 1
    rows[: number + 1].mul_(s.flatten() >= 0)
    if slopes:
        torch.mul(rows[:number], rows[:number], out=rows[number + 1 :]).mul_(square)
    return rows
