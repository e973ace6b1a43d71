r"""Geometric product of Cl(1,3) on batches, components first, with and without weights of its grade paths.

A multivector field has shape (16, channels, jets, particles): component A of all multivectors is one contiguous block. For z = x y and
the upstream gradient g, with eta the signs of the invariant form and ~ the reversion,

.. math:: \partial_x = \eta\,(\eta g)\,\tilde y, \qquad \partial_y = \eta\,\tilde x\,(\eta g),

because b(x y, h) = b(x, h ~y) = b(y, ~x h): the gradients are products too, and no table is differentiated through.
"""

from __future__ import annotations

from functools import cache
from math import prod

import torch
from torch import Tensor

from lorentznet.errors import nearest
from lorentznet.group.clifford import SPACETIME
from lorentznet.nn.product_kernels import FULLY_CONNECTED_KERNELS, KERNELS, product
from lorentznet.nn.product_terms import ALL, FORM, REVERSION, VECTOR, Blades, product_terms

__all__ = ["ALL", "FORM", "REVERSION", "SPACETIME", "geometric_product", "vector_product"]


def geometric_product(x: Tensor, y: Tensor, blades: Blades = ALL, weights: Tensor | None = None, kernel: str = "auto") -> Tensor:
    r"""x y in Cl(1,3), or what of it lies in some grades if both factors do; its grade paths weighted if wanted.

    With weights, p running over the grade paths (i, k) -> j,

    .. math:: z_c^{(j)} = \sum_{(i,k)} w_{cp}\,\langle x_c^{(i)} y_c^{(k)}\rangle_j \qquad\text{or}\qquad
              z_m^{(j)} = \sum_{n,(i,k)} w_{mnp}\,\langle x_n^{(i)} y_n^{(k)}\rangle_j .

    Parameters
    ----------
    x, y
        Shape (16, ...), components first in the order of :class:`~lorentznet.group.clifford.CliffordAlgebra`; the other axes broadcast.
        With weights the second axis is that of channels.
    blades
        Components that x, y and the result consist of: those of whole grades, so that the product stays equivariant.
    weights
        Shape (channels, 35), one for each channel and path, or (channels of the result, channels, 35), fully connected;
        paths in the order of the algebra's ``grade_paths``. With ``blades`` only those between grades that are there.
    kernel
        How it is computed; all agree to rounding:

        * "auto": "triton" on a GPU where triton is installed, "compiled" inside torch.compile, else "eager"; with fully connected
          weights "eager" everywhere,
        * "eager": tensor operations in blocks that stay in the cache of a core,
        * "compiled": unrolled and compiled by torch.compile at the first use, half a minute for each pass; not for fully connected weights,
        * "triton": one fused kernel on a GPU; not for fully connected weights,
        * "dense": the contraction with the structure constants, slow and obvious.

    Returns
    -------
    Tensor, shape (16, ...); with ``blades`` their number takes the place of 16

    Raises
    ------
    ValueError
        If the numbers of components, channels or paths do not fit, the blades are not those of whole grades, or the kernel is not one of
        these.

    Notes
    -----
    Runs in the dtype of its arguments, float32 at least, and is left out of autocast and of TF32: products of components in low precision
    destroy invariance. Each component is the sum of its own terms, so that grades of very different size do not spoil each other (a product
    of matrices would mix them); where the terms of a component cancel, its error is relative to them and not to the component.
    """
    blades = tuple(blades)
    return _apply(x, y, weights, (blades, blades, blades), kernel)


def vector_product(v: Tensor, y: Tensor, blades: Blades = ALL, kernel: str = "auto") -> Tensor:
    """v y with a vector on the left: 64 instead of 256 terms.

    Parameters
    ----------
    v
        Four-vectors, shape (4, ...), components first.
    y
        Multivectors, shape (16, ...).
    blades
        Components of ``y`` and of the result, as in :func:`geometric_product`.
    kernel
        As in :func:`geometric_product`.
    """
    blades = tuple(blades)
    return _apply(v, y, None, (VECTOR, blades, blades), kernel)


def _apply(x: Tensor, y: Tensor, weights: Tensor | None, blades: tuple[Blades, Blades, Blades], kernel: str) -> Tensor:
    if kernel not in KERNELS:
        raise ValueError(f"unknown kernel '{kernel}' of the geometric product; {nearest(kernel, KERNELS)}")
    if not torch.compiler.is_compiling():
        _check_blades(blades[2])
    if x.shape[0] != len(blades[0]) or y.shape[0] != len(blades[1]):
        raise ValueError(
            f"expected {len(blades[0])} and {len(blades[1])} components on the first axes, got {x.shape[0]} and {y.shape[0]}"
        )
    dtype = torch.promote_types(x.dtype, y.dtype)
    if dtype in (torch.float16, torch.bfloat16):
        dtype = torch.float32
    shape = _common(x.shape[1:], y.shape[1:])
    if weights is not None:
        if not torch.compiler.is_compiling():
            _check_weights(weights, shape[0] if shape else 0, blades, kernel)
        dtype = torch.promote_types(dtype, weights.dtype)
        weights = weights.to(dtype)
    flat = (prod(shape),) if weights is None else (shape[0], prod(shape[1:]))
    x, y = (_spread(factor.to(dtype), shape).reshape(factor.shape[0], *flat) for factor in (x, y))
    numbers = _words.__wrapped__(blades) if torch.compiler.is_compiling() else _words(blades)
    return product(x, y, weights, numbers, kernel).view(
        len(blades[2]), *(shape if weights is None else (weights.shape[0], *shape[1:]))
    )


def _common(one: torch.Size, other: torch.Size) -> torch.Size:
    """What both shapes broadcast to; faster than torch's own for shapes of equal length."""
    if len(one) != len(other):
        return torch.broadcast_shapes(one, other)
    return torch.Size([b if a == 1 else a for a, b in zip(one, other, strict=True)])


@cache
def _check_blades(blades: Blades) -> None:
    masks = SPACETIME.blades
    kept = [masks[blade].bit_count() for blade in blades if 0 <= blade < len(masks)]
    if len(set(blades)) != len(kept) or any(kept.count(grade) != SPACETIME.grade_dims[grade] for grade in kept):
        raise ValueError(f"blades {', '.join(map(str, blades))} are not those of whole grades, each once; (0,1,2) are 0 to 10")


@cache
def _words(blades: tuple[Blades, Blades, Blades]) -> str:
    """The blades of both factors and of the result as an operator of torch takes them."""
    return "|".join([" ".join([str(number) for number in kept]) for kept in blades])


def _spread(factor: Tensor, shape: torch.Size) -> Tensor:
    """The factor, its axes after the components broadcast to ``shape``."""
    if factor.shape[1:] == shape:
        return factor
    missing = len(shape) - (factor.ndim - 1)
    return factor.reshape(factor.shape[0], *[1] * missing, *factor.shape[1:]).expand(-1, *shape)


def _check_weights(weights: Tensor, channels: int, blades: tuple[Blades, Blades, Blades], kernel: str) -> None:
    if weights.ndim == 3 and kernel not in FULLY_CONNECTED_KERNELS:
        raise ValueError(
            f"kernel '{kernel}' has no fully connected weights, shape {tuple(weights.shape)}; "
            f"possible: {', '.join(FULLY_CONNECTED_KERNELS)}"
        )
    if not channels:
        raise ValueError("weights want a second axis of x and y, that of channels")
    paths = len(product_terms(*blades).paths)
    if weights.ndim not in (2, 3) or weights.shape[-2:] != (channels, paths):
        raise ValueError(
            f"weights of {channels} channels and {paths} grade paths have the shape ({channels}, {paths}) or "
            f"(channels of the result, {channels}, {paths}), got {tuple(weights.shape)}"
        )
