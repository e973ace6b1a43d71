"""Products of Cl(1,3) on a GPU, each in one Triton kernel: every component is read once and written once.

The terms are unrolled when the kernel is compiled, so that all components of an element stay in registers. Nothing is added up in memory:
results are the same in every run. With ``TRITON_INTERPRET=1`` in the environment the kernels run on a CPU, slowly.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from lorentznet.nn.product_terms import Term, Terms

BLOCK = 256
"""Elements of one program."""


@triton.jit
def _read(pointer, rows: tl.constexpr, n, offsets, mask):  # type: ignore[no-untyped-def]
    """All components of a block of elements; ``n`` is the distance of two rows."""
    found = ()
    for row in tl.static_range(rows):
        found = found + (tl.load(pointer + row * n + offsets, mask=mask, other=0.0),)  # type: ignore[assignment]  # noqa: RUF005
    return found


@triton.jit
def _product(  # type: ignore[no-untyped-def]
    x_pointer,
    y_pointer,
    w_pointer,
    z_pointer,
    n,
    length,
    LEFT: tl.constexpr,
    RIGHT: tl.constexpr,
    POSITIVE: tl.constexpr,
    PATH: tl.constexpr,
    FIRST: tl.constexpr,
    N_LEFT: tl.constexpr,
    N_RIGHT: tl.constexpr,
    N_OUT: tl.constexpr,
    N_PATHS: tl.constexpr,
    WEIGHTED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """z = x y for ``n`` elements, ``length`` of each channel; terms FIRST[c] to FIRST[c + 1] belong to row c of the result."""
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    n = n.to(tl.int64)
    x = _read(x_pointer, N_LEFT, n, offsets, mask)
    y = _read(y_pointer, N_RIGHT, n, offsets, mask)
    weights = w_pointer + offsets // length * N_PATHS
    for row in tl.static_range(N_OUT):
        total = tl.zeros([BLOCK], z_pointer.dtype.element_ty)
        for term in tl.static_range(FIRST[row], FIRST[row + 1]):
            left = x[LEFT[term]]
            if WEIGHTED:
                left = left * tl.load(weights + PATH[term], mask=mask, other=0.0)
            if POSITIVE[term]:
                total += left * y[RIGHT[term]]
            else:
                total -= left * y[RIGHT[term]]
        tl.store(z_pointer + row * n + offsets, total, mask=mask)


@triton.jit
def _weight_gradient(  # type: ignore[no-untyped-def]
    g_pointer,
    x_pointer,
    y_pointer,
    partial_pointer,
    n,
    length,
    LEFT: tl.constexpr,
    RIGHT: tl.constexpr,
    OUT: tl.constexpr,
    POSITIVE: tl.constexpr,
    FIRST: tl.constexpr,
    N_LEFT: tl.constexpr,
    N_RIGHT: tl.constexpr,
    N_OUT: tl.constexpr,
    N_PATHS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Sums over a block of elements of one channel, for every path; terms FIRST[p] to FIRST[p + 1] are on path p."""
    block, channel = tl.program_id(0), tl.program_id(1).to(tl.int64)
    inside = block * BLOCK + tl.arange(0, BLOCK)
    mask = inside < length
    offsets = channel * length + inside
    n = n.to(tl.int64)
    g = _read(g_pointer, N_OUT, n, offsets, mask)
    x = _read(x_pointer, N_LEFT, n, offsets, mask)
    y = _read(y_pointer, N_RIGHT, n, offsets, mask)
    partial = partial_pointer + (channel * tl.num_programs(0) + block) * N_PATHS
    for path in tl.static_range(N_PATHS):
        total = tl.zeros([BLOCK], partial_pointer.dtype.element_ty)
        for term in tl.static_range(FIRST[path], FIRST[path + 1]):
            if POSITIVE[term]:
                total += g[OUT[term]] * (x[LEFT[term]] * y[RIGHT[term]])
            else:
                total -= g[OUT[term]] * (x[LEFT[term]] * y[RIGHT[term]])
        tl.store(partial + path, tl.sum(total, 0))


@cache
def _plan(product: Terms, by: str) -> dict[str, Any]:
    """Constants of the kernels: the terms sorted by the row of the result ("out") or by path."""
    number = product.n_out if by == "out" else len(product.paths)
    terms: list[Term] = sorted(product.terms, key=lambda term: (getattr(term, by), term.out, term.path, term.left))
    of_terms = [getattr(term, by) for term in terms]
    return {
        "LEFT": tuple(term.left for term in terms),
        "RIGHT": tuple(term.right for term in terms),
        "POSITIVE": tuple(term.sign > 0 for term in terms),
        ("PATH" if by == "out" else "OUT"): tuple(term.path if by == "out" else term.out for term in terms),
        "FIRST": tuple(sum(value < start for value in of_terms) for start in range(number + 1)),
        "N_LEFT": product.n_left,
        "N_RIGHT": product.n_right,
        "N_OUT": product.n_out,
        "N_PATHS": len(product.paths),
        "BLOCK": BLOCK,
    }


def triton_product(x: Tensor, y: Tensor, product: Terms, weights: Tensor | None = None) -> Tensor:
    """The product of contiguous (rows, elements), or with weights (channels, paths) of (rows, channels, elements)."""
    if not (x.is_cuda or os.environ.get("TRITON_INTERPRET") == "1"):
        raise ValueError(f"kernel 'triton' of the geometric product runs on a GPU, got tensors on '{x.device.type}'; take 'auto'")
    z = x.new_empty(product.n_out, *x.shape[1:])
    n = z[0].numel()
    if n:
        weighted = weights is not None
        with torch.cuda.device_of(x):  # Triton launches on the current device, whatever the tensors are on
            _product[(triton.cdiv(n, BLOCK),)](
                x,
                y,
                weights.contiguous() if weights is not None else x,
                z,
                n,
                x.shape[-1],
                **_plan(product, "out"),
                WEIGHTED=weighted,
            )
    return z


def triton_gradients(
    gradient: Tensor, x: Tensor, y: Tensor, product: Terms, weights: Tensor | None, needed: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of both factors and of the weights, those that are needed."""
    grad_x = triton_product(gradient, y, product.for_left, weights) if needed[0] else None
    grad_y = triton_product(x, gradient, product.for_right, weights) if needed[1] else None
    if weights is None or not needed[2]:
        return grad_x, grad_y, None
    channels, length = x.shape[1:]
    blocks = triton.cdiv(length, BLOCK)
    partial = weights.new_zeros(channels, blocks, len(product.paths))
    if partial.numel():
        with torch.cuda.device_of(x):
            _weight_gradient[(blocks, channels)](gradient, x, y, partial, channels * length, length, **_plan(product, "path"))
    return grad_x, grad_y, partial.sum(1)
