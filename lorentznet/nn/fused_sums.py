r"""Sums over neighbours with radial weights in one go, on a CPU in float32.

.. math:: Y_i = \sum_j f_{ij}\, x_j, \qquad f_{ij} = \sum_q W_q\, \phi_q(s_{ij})

The table of the bells :math:`\phi`, functions x particles x particles numbers for each jet, is by far the largest array of a network, and
to move it takes longer than to compute it. Here it is never made: bells are computed for 8 x 8 pairs at a time, each time they are
needed, by the C kernel of :mod:`lorentznet.nn.pair_kernel`. :class:`~lorentznet.nn.radial.PairBasis` says when that is possible; where it
is not, and as the oracle of the tests, there is the table.

Inside torch.compile the sum is one opaque operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lorentznet.nn.gradients import placed
from lorentznet.nn.pair_kernel import Problem


@dataclass(frozen=True)
class FusedBasis:
    """The pair basis of a batch, not yet computed.

    Attributes
    ----------
    product, angle : Tensor, shape (jets, particles, particles)
        Arguments of the first and the second bells, symmetric; and of the third, with ``shift``.
    shift : Tensor, shape (jets,)
        What makes of the first argument the third.
    real : Tensor, shape (jets, particles), bool
        True for whatever takes part.
    numbers : list of int
        Of the bells of each argument.
    limits : list of float
        Lowest centre and distance of centres, of each argument.
    """

    product: Tensor
    angle: Tensor
    shift: Tensor
    real: Tensor
    numbers: list[int]
    limits: list[float]


@dataclass(frozen=True)
class FusedWeights:
    """Weights of pairs, not yet computed: linear combinations of a basis.

    Attributes
    ----------
    basis
        The basis.
    combinations : Tensor, shape (channels, functions)
        W.
    """

    basis: FusedBasis
    combinations: Tensor

    def split(self, sizes: Sequence[int]) -> list[FusedWeights]:
        """The weights in groups of channels."""
        return [FusedWeights(self.basis, part) for part in self.combinations.split(list(sizes))]

    def sums(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """sum_j f_ij x_j of several x, (channels, jets, particles, dim), each with channels of its own."""
        rows = [x.movedim(-1, 0).flatten(0, 1) for x in parts]  # particles last
        b, channels, dims = self.basis, [x.shape[0] for x in parts], [x.shape[-1] for x in parts]
        apply = _sum_op if torch.compiler.is_compiling() else _RadialSums.apply
        sums = apply(torch.cat(rows), self.combinations, b.product, b.angle, b.shift, b.real, b.numbers, b.limits, dims, channels)
        found = sums.split([len(of_part) for of_part in rows])
        return [y.view(dim, c, *y.shape[1:]).movedim(0, -1) for y, dim, c in zip(found, dims, channels, strict=True)]


PairWeights = Tensor | FusedWeights
"""Weights of pairs, as a table or not."""


def _problem(inputs: Sequence[Any]) -> tuple[Problem, Tensor]:
    x, weights, product, angle, shift, real, numbers, limits, components, channels = inputs
    ranges = list(zip(numbers, limits[::2], limits[1::2], strict=True))
    values = [tensor.detach() for tensor in (product, angle, product)]
    return Problem(values, (None, None, shift.detach()), ranges, real, weights.detach(), components, channels), x.detach()


def _sum(*inputs: Any) -> Tensor:
    """sum_j f_ij x_j, shape (rows, jets, particles) as x; see :class:`FusedBasis` and :class:`~lorentznet.nn.pair_kernel.Problem`."""
    problem, x = _problem(inputs)
    return problem.sums(x)


def _differentiate(gradient: Tensor, *inputs: Any) -> list[Tensor]:
    """The gradients by x and by the weights; the last argument says which are needed."""
    *inputs_of_sum, needed = inputs
    problem, x = _problem(inputs_of_sum)
    return [found for found in problem.gradients(x, gradient.detach(), *needed) if found is not None]


_INPUTS = (
    "Tensor x, Tensor weights, Tensor product, Tensor angle, Tensor shift, Tensor real, "
    "int[] numbers, float[] limits, int[] components, int[] channels"
)
_sum_op = torch.library.custom_op("lorentznet::radial_sums", _sum, mutates_args=(), schema=f"({_INPUTS}) -> Tensor")
_differentiate_op = torch.library.custom_op(
    "lorentznet::radial_sums_backward",
    _differentiate,
    mutates_args=(),
    schema=f"(Tensor gradient, {_INPUTS}, bool[] needed) -> Tensor[]",
)


@_sum_op.register_fake
def _(x: Tensor, *others: Any) -> Tensor:
    return x.new_empty(x.shape)


@_differentiate_op.register_fake
def _(gradient: Tensor, x: Tensor, weights: Tensor, *others: Any) -> list[Tensor]:
    return [value.new_empty(value.shape) for value, need in zip((x, weights), others[-1], strict=True) if need]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor | None = None) -> None:
    ctx.save_for_backward(*inputs[:6])
    ctx.sizes = inputs[6:]


_NONE = (None,) * 8


def _differentiate_traced(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    needed = list(ctx.needs_input_grad[:2])
    return *placed(_differentiate_op(gradient, *ctx.saved_tensors, *ctx.sizes, needed), needed), *_NONE


_sum_op.register_autograd(_differentiate_traced, setup_context=_save)


class _RadialSums(torch.autograd.Function):
    """The same without the way through torch's dispatcher."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        _save(ctx, inputs)
        return _sum(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        needed = list(ctx.needs_input_grad[:2])
        return *placed(_differentiate(gradients[0], *ctx.saved_tensors, *ctx.sizes, needed), needed), *_NONE
