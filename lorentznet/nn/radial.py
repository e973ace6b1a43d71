r"""Radial functions: what one particle weighs in the sum over its neighbours, as a function of pair invariants only.

.. math:: f_c(x_{ij}) = \sum_q W_{cq}\, \phi_q(x_{ij}), \qquad \phi_q(x) = \exp\!\left(-\frac{(x - c_q)^2}{2 w^2}\right).

The bells are fixed, so no gradient flows through an N x N array of theirs, and the mask is applied once, to them; what is linear in
them needs no second mask. On a CPU in float32 they need not become an array at all, see :mod:`lorentznet.nn.fused_sums`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lorentznet.nn.frame import JetFrame
from lorentznet.nn.fused_sums import FusedBasis, FusedWeights
from lorentznet.nn.graph import DenseGraph, Graph, graph_of
from lorentznet.nn.pair_kernel import available

# Bells cover the invariants of jets with tens to hundreds of particles: (lowest centre, highest centre).
PRODUCT_RANGE = (-14.0, -1.5)  # ln(p_i.p_j / M^2)
ANGLE_RANGE = (-8.0, 0.7)  # ln(1 - cos theta), rest frame
ABSOLUTE_RANGE = (-6.0, 8.0)  # ln(p_i.p_j / GeV^2)
_MARGIN = 5.0  # widths beyond the outermost centres
_RUN = 12  # bells that are made one from the other: not more, or they leave the range of float32
_FAR = 40.0  # widths from the middle of a run: all of its bells are zero there, and e^40 is a number
NEIGHBOURS = 16.0  # typical number of neighbours: weights are divided by it, so that sums over neighbours are of order one


class PairBasis(nn.Module):
    """Gaussian bells of the pair invariants, zero for padding and for a particle with itself.

    Parameters
    ----------
    product, angle, absolute
        Number of bells in ln(p_i.p_j / M^2), ln(1 - cos theta_ij) (rest frame) and ln(p_i.p_j / GeV^2).
    fused
        Whether :meth:`pairs` may leave the bells to the kernel of :mod:`lorentznet.nn.fused_sums`.
    """

    def __init__(self, product: int = 8, angle: int = 6, absolute: int = 0, fused: bool = True) -> None:
        super().__init__()
        if not product + angle + absolute:
            raise ValueError("a pair basis needs at least one bell")
        self.numbers = (product, angle, absolute)
        self.n_functions = product + angle + absolute + 1
        self.fused = fused

    def pairs(self, frame: JetFrame, graph: Graph) -> Tensor | FusedBasis:
        """For linear combinations alone (:class:`RadialWeights`): the values, or on a CPU in float32 what they are computed from.

        The momenta that the frame is made of get gradients through values only.
        """
        arguments = frame.log_product, frame.log_angle
        dense = isinstance(graph, DenseGraph) and graph.real is not None
        plain = all(x.device.type == "cpu" and x.dtype == torch.float32 and not x.requires_grad for x in arguments)
        watched = self._forward_hooks or self._forward_pre_hooks  # who wants to see values, or to change them, is given some
        if watched or not (self.fused and dense and plain and not torch.compiler.is_exporting() and available()):
            return self(frame, graph)
        limits: list[float] = []
        for number, (low, high) in zip(self.numbers, (PRODUCT_RANGE, ANGLE_RANGE, ABSOLUTE_RANGE), strict=True):
            limits += low, spacing_of(number, low, high)
        return FusedBasis(*arguments, 2 * frame.log_mass, frame.nodes, list(self.numbers), limits)

    def forward(self, frame: JetFrame, graph: Graph | None = None) -> Tensor:
        """Values on the pairs of the frame's graph, shape (functions, *pairs); the last function is a constant."""
        product, angle, absolute = self.numbers
        graph = graph_of(frame) if graph is None else graph
        arguments = (
            (frame.log_product, product, PRODUCT_RANGE),
            (frame.log_angle, angle, ANGLE_RANGE),
            (frame.log_product + 2 * frame.log_mass[:, None, None], absolute, ABSOLUTE_RANGE),
        )
        kept = [(graph.pairs(x), number, limits) for x, number, limits in arguments if number]
        real = torch.ones_like(graph.pairs(frame.log_product), dtype=torch.bool) if graph.real is None else graph.real
        ranges, values = [(number, *limits) for _, number, limits in kept], [x for x, _, _ in kept]
        # Compiled, a row filled from the one before it would be a copy of all rows.
        return _bells(ranges, real, values) if torch.compiler.is_compiling() else _Bells.apply(ranges, real, *values)


def spacing_of(number: int, low: float, high: float) -> float:
    """Distance of neighbouring centres, which is also the width of a bell."""
    return (high - low) / max(number - 1, 1)


def _positions(x: Tensor, real: Tensor, number: int, low: float, high: float) -> Tensor:
    """Distance from the first centre in spacings, 0 where not ``real``."""
    # Far outside exp would underflow, which is slow; all bells are nothing there anyway.
    return ((x - low) / spacing_of(number, low, high)).clamp_(-_MARGIN, number - 1 + _MARGIN).masked_fill_(~real, 0)


def _bells(ranges: list[tuple[int, float, float]], real: Tensor, arguments: Sequence[Tensor]) -> Tensor:
    """What :class:`_Bells` computes, as one expression of single rows, which a compiler makes one loop over the pairs."""
    rows: list[Tensor] = []
    for x, (number, low, high) in zip(arguments, ranges, strict=True):
        positions = _positions(x, real, number, low, high)
        for start, length in _runs(number):
            middle = length // 2
            t = _from_middle(positions, start + middle, number)
            up, down = t.exp(), (-t).exp()
            run = [torch.where(real, (-0.5 * t.square()).exp(), 0)]
            for n in range(1, length - middle):
                run.append(run[-1] * up * math.exp(0.5 - n))
            for n in range(1, middle + 1):
                run.insert(0, run[0] * down * math.exp(0.5 - n))
            rows += run
    return torch.stack([*rows, real.to(rows[0])])


class _Bells(torch.autograd.Function):
    """exp(-(x - c)^2 / 2 w^2) for equidistant centres c, one spacing w wide, several arguments one after the other, then the mask.

    Q x N x N numbers are by far the largest array of the network: it is filled in place, one bell (which fits the cache) at a time,
    each from its neighbour, by exp(-(s - n)^2 / 2) = exp(-(s - n + 1)^2 / 2) exp(s) exp(1/2 - n).
    """

    @staticmethod
    def forward(ctx: Any, ranges: list[tuple[int, float, float]], real: Tensor, *arguments: Tensor) -> Tensor:
        rows = arguments[0].new_empty((sum(number for number, _, _ in ranges) + 1, *real.shape))
        start = 0
        for x, (number, low, high) in zip(arguments, ranges, strict=True):
            s = _positions(x, real, number, low, high)
            for first, length in _runs(number):
                _fill_bells(rows[start + first : start + first + length], _from_middle(s, first + length // 2, number), real)
            start += number
        rows[start] = real
        ctx.ranges = ranges
        ctx.save_for_backward(rows, *arguments)
        return rows

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        rows, *arguments = ctx.saved_tensors
        gradients: list[Tensor | None] = []
        start = 0
        for number_of_argument, (x, (number, low, high)) in enumerate(zip(arguments, ctx.ranges, strict=True)):
            stop = start + number
            if ctx.needs_input_grad[2 + number_of_argument]:
                width = spacing_of(number, low, high)
                s = (x - low) / width
                varies = (s > -_MARGIN) & (s < number - 1 + _MARGIN) & (rows[-1] > 0)
                slopes = (torch.arange(number, dtype=x.dtype, device=x.device).view(-1, *[1] * x.ndim) - s) / width
                slopes = torch.where(varies, slopes * rows[start:stop], 0)
                gradients.append((gradient[start:stop] * slopes).sum(0))
            else:
                gradients.append(None)
            start = stop
        return None, None, *gradients


def _runs(number: int) -> list[tuple[int, int]]:
    """First bell and length of each run."""
    return [(start, min(_RUN, number - start)) for start in range(0, number, _RUN)]


def _from_middle(positions: Tensor, middle: int, number: int) -> Tensor:
    """Distance from the middle bell of a run."""
    t = positions - middle
    return t if number <= _RUN else t.clamp(-_FAR, _FAR)


def _fill_bells(rows: Tensor, t: Tensor, real: Tensor) -> None:
    """exp(-(t - n)^2 / 2) in the n-th row from the middle one, zero where not ``real``."""
    middle = len(rows) // 2
    torch.mul(t.square().mul_(-0.5).exp_(), real, out=rows[middle])
    up = t.exp()
    for n in range(middle + 1, len(rows)):
        torch.mul(rows[n - 1], up, out=rows[n]).mul_(math.exp(0.5 - (n - middle)))
    down = up.reciprocal_()
    for n in range(middle - 1, -1, -1):
        torch.mul(rows[n + 1], down, out=rows[n]).mul_(math.exp(0.5 - (middle - n)))


class RadialWeights(nn.Module):
    """Linear combinations f_c of the pair basis.

    Parameters
    ----------
    n_functions
        Size of the basis.
    channels
        Number of radial functions.
    """

    def __init__(self, n_functions: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, n_functions) / n_functions**0.5)

    @overload
    def forward(self, basis: Tensor) -> Tensor: ...

    @overload
    def forward(self, basis: FusedBasis) -> FusedWeights: ...

    def forward(self, basis: Tensor | FusedBasis) -> Tensor | FusedWeights:
        """Shape (channels, *pairs); not computed yet, if the basis is not."""
        if isinstance(basis, FusedBasis):
            return FusedWeights(basis, self.weight / NEIGHBOURS)
        return ((self.weight / NEIGHBOURS) @ basis.flatten(1)).view(self.weight.shape[0], *basis.shape[1:])
