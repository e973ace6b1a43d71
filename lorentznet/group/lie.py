r"""The Lie algebra of the Lorentz group: exponential, logarithm, and its linear subspaces.

Elements are given by their coefficients :math:`(\zeta,\omega)` of (Kx, Ky, Kz, Jx, Jy, Jz), subspaces by orthonormal rows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lorentznet.group.representation import lift
from lorentznet.group.transform import GENERATORS, LorentzTransform

TOLERANCE = 1e-9
"""Sines of angles between subspaces below this count as zero."""


def matrix_exponential(generator: Tensor) -> Tensor:
    """exp of square matrices, shape (..., n, n), to the last digits.

    torch's own keeps ten digits only for norms between 0.003 and 0.05; exp(X) = exp(X + 1) / e stays clear of that range.
    """
    one = torch.eye(generator.shape[-1], dtype=generator.dtype, device=generator.device)
    shifted: Tensor = torch.linalg.matrix_exp(generator + one)
    return shifted / math.e


def exponential(coefficients: Tensor) -> LorentzTransform:
    r"""The transform :math:`\exp(\zeta\cdot K+\omega\cdot J)`; in closed form for pure boosts and pure rotations."""
    if not coefficients[3:].any():
        return LorentzTransform.boost(coefficients[:3])
    if not coefficients[:3].any():
        return LorentzTransform.rotation(coefficients[3:])
    return LorentzTransform(matrix_exponential(torch.einsum("k,kmn->mn", coefficients, GENERATORS)))


def logarithm(proper: Tensor) -> Tensor:
    r"""Coefficients of the principal logarithm of a proper orthochronous transform.

    From :math:`A=\cosh w+\frac{\sinh w}{w}\,\vec w\cdot\vec\sigma` with :math:`\vec w=(\vec\zeta-i\vec\omega)/2`; of A and -A
    the one with :math:`\mathrm{Re\,Tr}A\ge0` is taken.

    Parameters
    ----------
    proper
        Proper orthochronous Lorentz matrix, float64, shape (4, 4).

    Returns
    -------
    Tensor, float64, shape (6,)
        :math:`(\zeta,\omega)` with :math:`\Lambda=\exp(\zeta\cdot K+\omega\cdot J)`.
    """
    element = lift(proper)
    half_trace = (element[0, 0] + element[1, 1]) / 2
    if half_trace.real < 0:
        element, half_trace = -element, -half_trace
    # the vector v in A = cosh w + v . sigma
    vector = torch.stack([element[0, 1] + element[1, 0], 1j * (element[0, 1] - element[1, 0]), element[0, 0] - element[1, 1]]) / 2
    sine = torch.sqrt((vector * vector).sum())
    size = torch.log(half_trace + sine)  # e^w = cosh w + sinh w
    factor = size / sine if sine.abs() > 1e-6 else 1 / half_trace  # w / sinh w -> 1 / cosh w up to w^2 / 3
    coefficients = 2 * vector * factor
    return torch.cat([coefficients.real, -coefficients.imag])


def span(rows: Tensor) -> Tensor:
    """Orthonormal rows that span the same space as ``rows``, whatever their scale."""
    if not rows.numel():
        return rows
    _, sizes, basis = torch.linalg.svd(rows, full_matrices=False)
    kept: Tensor = basis[sizes > TOLERANCE * sizes[0].clamp_min(1e-300)]
    return kept


def null_space(matrix: Tensor) -> Tensor:
    """Orthonormal rows that span the vectors v with matrix @ v = 0, for a matrix of entries of order one."""
    _, sizes, basis = torch.linalg.svd(matrix, full_matrices=True)
    kernel: Tensor = basis[int((sizes > TOLERANCE).sum()) :]
    return kernel


def intersection(first: Tensor, second: Tensor) -> Tensor:
    """Orthonormal rows of the intersection of two subspaces given by orthonormal rows."""
    identity = torch.eye(6, dtype=torch.float64)
    return null_space(torch.cat([identity - first.T @ first, identity - second.T @ second]))


def signature(rows: Tensor) -> tuple[int, int]:
    r"""Numbers of positive and negative squares of the invariant form :math:`\zeta^2-\omega^2` on a subspace.

    It tells subalgebras of one dimension apart, up to conjugation, as far as boosts, rotations and null rotations go.
    """
    flipped = rows * torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0], dtype=torch.float64)
    values = torch.linalg.eigvalsh(flipped @ rows.T)
    return int((values > TOLERANCE).sum()), int((values < -TOLERANCE).sum())
