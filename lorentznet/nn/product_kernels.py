"""The kernels of products of Cl(1,3), which of them runs, and their backward pass.

Inside torch.compile a product is one opaque operator: a network compiles without a graph break and without unrolling the terms in every
layer again, and all layers share one compiled kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from lorentznet.nn.gradients import placed
from lorentznet.nn.product_compiled import compiled, compiled_gradients
from lorentznet.nn.product_eager import dense, dense_gradients, eager, eager_gradients, full_precision
from lorentznet.nn.product_terms import Terms, product_terms

KERNELS = ("auto", "compiled", "dense", "eager", "triton")
FULLY_CONNECTED_KERNELS = ("auto", "dense", "eager")
"""Those that know weights between channels: nearly all of that work is a matrix product, whatever multiplies the pairs."""

Product = Callable[..., Tensor]
Gradients = Callable[..., tuple[Tensor | None, Tensor | None, Tensor | None]]


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _kernel(name: str, x: Tensor, weights: Tensor | None, traced: bool) -> tuple[Product, Gradients]:
    if name == "auto":
        if weights is not None and weights.ndim == 3:
            name = "eager"
        elif x.device.type == "cuda" and _has_triton():
            name = "triton"
        else:
            name = "compiled" if traced else "eager"
    if name == "triton":
        from lorentznet.nn.triton_product import triton_gradients, triton_product

        return triton_product, triton_gradients
    known = {"dense": (dense, dense_gradients), "eager": (eager, eager_gradients), "compiled": (compiled, compiled_gradients)}
    return known[name]


@cache
def _terms(blades: str) -> Terms:
    """``blades`` are the numbers of those of the left factor, of the right factor and of the result: "1 2 3 4|0 1 2|0 1 2"."""
    left, right, out = (tuple(int(number) for number in kept.split()) for kept in blades.split("|"))
    return product_terms(left, right, out)


def _no_autocast(device: str) -> AbstractContextManager[Any]:
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def _bare(*values: Tensor | None) -> list[Any]:
    """Contiguous tensors outside of any graph: compiled code would look at their gradients otherwise."""
    return [None if value is None else value.detach().contiguous() for value in values]


def _multiply(x: Tensor, y: Tensor, weights: Tensor | None, blades: str, kernel: str, traced: bool) -> Tensor:
    multiply, _ = _kernel(kernel, x, weights, traced)
    with _no_autocast(x.device.type):
        return multiply(*_bare(x, y), _terms(blades), *_bare(weights))


def _differentiate(
    gradient: Tensor,
    x: Tensor,
    y: Tensor,
    weights: Tensor | None,
    blades: str,
    kernel: str,
    needed: list[bool],
    traced: bool,
) -> list[Tensor]:
    """The gradients that are needed, one after the other."""
    _, gradients = _kernel(kernel, x, weights, traced)
    with _no_autocast(x.device.type):
        found = gradients(*_bare(gradient, x, y), _terms(blades), *_bare(weights), needed)
    return [value.contiguous() for value, need in zip(found, needed, strict=True) if need and value is not None]


@torch.library.custom_op("lorentznet::geometric_product", mutates_args=())
def _multiply_op(x: Tensor, y: Tensor, weights: Tensor | None, blades: str, kernel: str) -> Tensor:
    return _multiply(x, y, weights, blades, kernel, traced=True)


@_multiply_op.register_fake
def _(x: Tensor, y: Tensor, weights: Tensor | None, blades: str, kernel: str) -> Tensor:
    channels = () if weights is None else (weights.shape[0],)
    return x.new_empty((_terms(blades).n_out, *channels, x.shape[-1]))


@torch.library.custom_op("lorentznet::geometric_product_backward", mutates_args=())
def _differentiate_op(
    gradient: Tensor, x: Tensor, y: Tensor, weights: Tensor | None, blades: str, kernel: str, needed: list[bool]
) -> list[Tensor]:
    return _differentiate(gradient, x, y, weights, blades, kernel, needed, traced=True)


@_differentiate_op.register_fake
def _(
    gradient: Tensor, x: Tensor, y: Tensor, weights: Tensor | None, blades: str, kernel: str, needed: list[bool]
) -> list[Tensor]:
    return [
        value.new_empty(value.shape) for value, need in zip((x, y, weights), needed, strict=True) if need and value is not None
    ]


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor | None = None) -> None:
    x, y, weights, ctx.blades, ctx.kernel = inputs
    ctx.save_for_backward(x, y, weights)


def _differentiate_traced(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    needed = list(ctx.needs_input_grad[:3])
    return *placed(_differentiate_op(gradient, *ctx.saved_tensors, ctx.blades, ctx.kernel, needed), needed), None, None


_multiply_op.register_autograd(_differentiate_traced, setup_context=_save)


class GeometricProduct(torch.autograd.Function):
    """The product with its algebraic backward pass, which no table is differentiated through and which is the same in every run.

    The second derivative is that of the structure constants.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, weights: Tensor | None, blades: str, kernel: str) -> Tensor:
        """The product of (rows, elements), or with weights of (rows, channels, elements)."""
        _save(ctx, (x, y, weights, blades, kernel))
        return _multiply(x, y, weights, blades, kernel, traced=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of both factors and of the weights."""
        x, y, weights = ctx.saved_tensors
        needed = list(ctx.needs_input_grad[:3])
        if not torch.is_grad_enabled():
            found: Iterable[Tensor] = _differentiate(gradients[0], x, y, weights, ctx.blades, ctx.kernel, needed, traced=False)
            return *placed(found, needed), None, None
        with full_precision(), _no_autocast(x.device.type):
            value = dense(x, y, _terms(ctx.blades), weights)
            wanted = [factor for factor, need in zip((x, y, weights), needed, strict=True) if need]
            return *placed(torch.autograd.grad(value, wanted, gradients[0], create_graph=True), needed), None, None


def product(x: Tensor, y: Tensor, weights: Tensor | None, blades: str, kernel: str) -> Tensor:
    """The product by the kernel of that name, with gradients; arguments as in :class:`GeometricProduct`."""
    multiply = _multiply_op if torch.compiler.is_compiling() else GeometricProduct.apply
    return multiply(x, y, weights, blades, kernel)
