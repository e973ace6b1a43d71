r"""Products of Cl(1,3) in ordinary tensor operations: by the structure constants, and fast on a CPU.

Factors are (rows, elements) without weights and (rows, channels, elements) with them; a result has the rows of the product. Weights are
(channels, paths), one for each channel, or (channels of the result, channels, paths), fully connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lorentznet.nn.product_terms import Terms, tables

FEW = 4_096
"""Elements of a row below which a call for each term costs more than the arithmetic: all pairs are multiplied in three calls."""
PAIR_BLOCK = 2_048
"""Elements of a row that all pairs of components are kept of at a time, 256 rows of 8 kB."""
BLOCK = 8_192
"""Elements of a row that are worked on together: the rows of both factors and of the result, 32 kB each, fit the cache of a core."""


@contextmanager
def full_precision() -> Iterator[None]:
    """Matrix products of float32 in float32, whatever reduced precision the user allows."""
    reduced = [
        (backend, backend.fp32_precision)
        for backend in (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
        if backend.fp32_precision not in ("none", "ieee")
    ]
    try:
        for backend, _ in reduced:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, precision in reduced:
            backend.fp32_precision = "none"  # inherits what torch.backends says for all
            if backend.fp32_precision != precision:
                backend.fp32_precision = precision


def dense(x: Tensor, y: Tensor, product: Terms, weights: Tensor | None = None) -> Tensor:
    """The product by its structure constants, term by term as it is defined: the reference of all kernels."""
    table = tables(product, x.dtype, x.device)
    with full_precision():
        if weights is None:
            return torch.einsum("a...,b...,abc->c...", x, y, table.dense)
        paths = table.signs.abs().view(product.n_out, product.n_left, -1)
        if weights.ndim == 2:
            return torch.einsum("anr,bnr,abcn->cnr", x, y, torch.einsum("np,cap,abc->abcn", weights, paths, table.dense))
        return torch.einsum("anr,bnr,abcnm->cmr", x, y, torch.einsum("mnp,cap,abc->abcnm", weights, paths, table.dense))


def dense_gradients(
    gradient: Tensor, x: Tensor, y: Tensor, product: Terms, weights: Tensor | None, needed: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Its gradients, those that are needed, by differentiation of the contraction."""
    leaves: list[Any] = [
        None if value is None else value.detach().requires_grad_(need)
        for value, need in zip((x, y, weights), needed, strict=True)
    ]
    with torch.enable_grad():
        value = dense(leaves[0], leaves[1], product, leaves[2])
    with full_precision():
        found = iter(torch.autograd.grad(value, [leaf for leaf in leaves if leaf is not None and leaf.requires_grad], gradient))
    grad_x, grad_y, grad_weights = (next(found) if need else None for need in needed)
    return grad_x, grad_y, grad_weights


def _blocks(length: int, size: int, device: torch.device) -> Iterator[slice]:
    """Slices of nearly equal length, none longer than ``size``; 64 times as long off the CPU, where calls weigh more than caches."""
    number = max(1, -(-length // (max(1, size) * (1 if device.type == "cpu" else 64))))
    for block in range(number):
        yield slice(block * length // number, (block + 1) * length // number)


def eager(x: Tensor, y: Tensor, product: Terms, weights: Tensor | None = None) -> Tensor:
    """The product in blocks that stay in the cache."""
    if weights is not None:
        return _weighted(x, y, product, weights)
    if x.shape[1] < FEW and x.device.type == "cpu" and product.is_full:
        return _of_all_pairs(x, y, product)
    result = x.new_empty(product.n_out, x.shape[1])
    # On a CPU the terms are added one after the other, those of one row of the result in turn, while it is in the nearest cache.
    # Elsewhere they may be added at once, so that no row may stand in a call twice.
    following = product.following if x.device.type == "cpu" else product.rounds
    for part in _blocks(x.shape[1], BLOCK, x.device):
        x_rows, y_rows, rows = (factor[:, part].unbind(0) for factor in (x, y, result))
        for out, term in enumerate(product.leading):
            if term is None:
                rows[out].zero_()
            else:
                torch.mul(x_rows[term.left], y_rows[term.right], out=rows[out])
        for left, right, sums, signs in following:
            torch._foreach_addcmul_([rows[c] for c in sums], [x_rows[a] for a in left], [y_rows[b] for b in right], signs)
    return result


def eager_gradients(
    gradient: Tensor, x: Tensor, y: Tensor, product: Terms, weights: Tensor | None, needed: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of both factors and of the weights, those that are needed, from the gradient of the result."""
    if weights is not None:
        return _weighted_gradients(gradient, x, y, product, weights)
    grad_x = eager(gradient, y, product.for_left) if needed[0] else None
    return grad_x, eager(x, gradient, product.for_right) if needed[1] else None, None


def _of_all_pairs(x: Tensor, y: Tensor, product: Terms) -> Tensor:
    """All signed components of y beside those of x, multiplied and summed."""
    result = x.new_empty(product.n_out, x.shape[1])
    signed = tables(product, x.dtype, x.device).signed
    for part in _blocks(x.shape[1], PAIR_BLOCK, x.device):
        right = torch.cat((y[:, part], -y[:, part])).index_select(0, signed).view(product.n_out, product.n_left, -1)
        torch.sum(right.mul_(x[:, part]), 1, out=result[:, part])
    return result


def _of_pairs(weights: Tensor, product: Terms) -> Tensor:
    """The signed weight of each pair: (out, left, channels), or (out, channels of the result, left rows * channels)."""
    signs = tables(product, weights.dtype, weights.device).signs
    picked = weights.movedim(-1, 0)[signs.abs().argmax(1)] * signs.sum(1).view(-1, *[1] * (weights.ndim - 1))
    picked = picked.unflatten(0, (product.n_out, product.n_left))
    return picked if weights.ndim == 2 else picked.transpose(1, 2).flatten(2)


def _weighted(x: Tensor, y: Tensor, product: Terms, weights: Tensor) -> Tensor:
    """Products of all pairs, then their weighted sum: with fully connected weights a matrix product over pairs and channels."""
    of_pairs, right = _of_pairs(weights, product), tables(product, x.dtype, x.device).right
    result = x.new_empty(product.n_out, weights.shape[0], x.shape[2])
    for part in _blocks(x.shape[2], PAIR_BLOCK // x.shape[1], x.device):
        left = x[:, :, part]
        pairs = y[:, :, part].index_select(0, right).view(product.n_out, product.n_left, *left.shape[1:]).mul_(left)
        if weights.ndim == 2:
            torch.sum(pairs.mul_(of_pairs[..., None]), 1, out=result[:, :, part])
        else:
            with full_precision():
                result[:, :, part] = of_pairs @ pairs.flatten(1, 2)
    return result


def _weighted_gradients(gradient: Tensor, x: Tensor, y: Tensor, product: Terms, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    table, of_pairs = tables(product, x.dtype, x.device), _of_pairs(weights, product)
    grad_x, grad_y, grad_pairs = torch.empty_like(x), torch.empty_like(y), torch.zeros_like(of_pairs)
    for part in _blocks(x.shape[2], PAIR_BLOCK // x.shape[1], x.device):
        left, upstream = x[:, :, part], gradient[:, :, part]
        right = y[:, :, part].index_select(0, table.right).view(product.n_out, product.n_left, *left.shape[1:])
        if weights.ndim == 2:
            down = upstream[:, None] * right
            grad_pairs += (down * left).sum(-1)
            torch.sum(down.mul_(of_pairs[..., None]), 0, out=grad_x[:, :, part])
            down = torch.mul(upstream[:, None], of_pairs[..., None], out=right)
        else:
            with full_precision():
                grad_pairs += upstream @ (right * left).flatten(1, 2).mT
                down = (of_pairs.mT @ upstream).view_as(right)
            torch.sum(right.mul_(down), 0, out=grad_x[:, :, part])
        # sent back to the rows of y, each of which stands once beside every left row
        down = down.mul_(left).flatten(0, 1).index_select(0, table.pairs)
        torch.sum(down.view(product.n_right, product.n_left, *left.shape[1:]), 1, out=grad_y[:, :, part])
    if weights.ndim == 3:
        grad_pairs = grad_pairs.unflatten(2, (product.n_left, -1)).transpose(1, 2)
    with full_precision():
        on_path = table.signs.mT @ grad_pairs.flatten(0, 1).flatten(1)
    return grad_x, grad_y, on_path.view(-1, *weights.shape[:-1]).movedim(0, -1)
