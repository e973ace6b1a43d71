r"""Finite-dimensional representations of the Lorentz group from their definition.

The irrep (k, n) = (2 j_L, 2 j_R) of the Lorentz algebra acts on the tensor product of a spin-k/2 and a spin-n/2 space. Its
*canonical basis* concatenates the SU(2) multiplets l = |k-n|/2 ... (k+n)/2, each with m ascending, by the real orthogonal map
:math:`U^{(k,n)}[m_L,m_R;(l,m)]=C^{lm}_{k/2\,m_L,\,n/2\,m_R}`. There

.. math:: J_i=S_i\otimes1+1\otimes S_i,\qquad B_i=S_i\otimes1-1\otimes S_i,\qquad
          D(e^{\zeta\cdot K}e^{\omega\cdot J})=e^{\zeta\cdot B}e^{-i\omega\cdot J}.

The *Cartesian basis* replaces the components of every multiplet of integer l by the unitary combinations
:math:`y_0=z_0`, :math:`y_{+m}=(z_{-m}+(-1)^mz_m)/\sqrt2`, :math:`y_{-m}=-i(z_{-m}-(-1)^mz_m)/\sqrt2`; the order is (x, y, z) for
l = 1 (m = +1, -1, 0) and m ascending otherwise. In it rotations are real; the true tensors (k, k) are real altogether, and
(1, 1) is exactly (E, px, py, pz). Cached tensors are shared: they must not be modified in place.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from lorentznet.group.su2 import spin_matrices, spin_matrix, su2_clebsch_gordan
from lorentznet.group.tables import table

_COMPLEX = torch.complex128


def multiplets(k: int, n: int) -> list[int]:
    """Doubled spins 2l of the SU(2) multiplets of (k, n), ascending; multiplet l has 2l + 1 components."""
    return list(range(abs(k - n), k + n + 1, 2))


@table
def coupling(k: int, n: int) -> Tensor:
    r"""The orthogonal map :math:`U^{(k,n)}[m_L,m_R;(l,m)]`, float64, shape (k+1, n+1, (k+1)(n+1))."""
    return torch.cat([su2_clebsch_gordan(k, n, two_l) for two_l in multiplets(k, n)], dim=-1)


@table
def canonical_generators(k: int, n: int) -> tuple[Tensor, Tensor]:
    """Hermitian generators (B, J) of boosts and rotations in the canonical basis, complex128, each (3, dim, dim)."""
    basis = coupling(k, n).flatten(0, 1).to(_COMPLEX)
    left = torch.stack([torch.kron(s, torch.eye(n + 1, dtype=_COMPLEX)) for s in spin_matrices(k)])
    right = torch.stack([torch.kron(torch.eye(k + 1, dtype=_COMPLEX), s) for s in spin_matrices(n)])
    return basis.T @ (left - right) @ basis, basis.T @ (left + right) @ basis


@table
def cartesian_basis(k: int, n: int) -> Tensor:
    """The unitary matrix Q of the Cartesian basis, y = Q z, complex128 (dim, dim); the identity for half-integer l."""
    dim = (k + 1) * (n + 1)
    if (k + n) % 2:
        return torch.eye(dim, dtype=_COMPLEX)
    blocks: list[Tensor] = []
    for two_l in multiplets(k, n):
        spin = two_l // 2
        block = torch.zeros(two_l + 1, two_l + 1, dtype=_COMPLEX)
        block[spin, spin] = 1.0
        for m in range(1, spin + 1):
            sign = (-1) ** m
            rows = torch.tensor([[1, sign], [-1j, 1j * sign]], dtype=_COMPLEX) / sqrt(2)  # y_{+m}, y_{-m} of z_{-m}, z_m
            block[spin + m, [spin - m, spin + m]], block[spin - m, [spin - m, spin + m]] = rows[0], rows[1]
        blocks.append(block[[2, 0, 1]] if spin == 1 else block)
    result: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return result


def conjugation(k: int, n: int) -> Tensor:
    r"""The matrix R with :math:`z^{(n,k)}=R\,\overline{z^{(k,n)}}` for real features, float64, shape (dim, dim).

    :math:`z^{(n,k)}_{l,-m}=(-1)^{m+(n-k)/2}\,\overline{z^{(k,n)}_{l,m}}` for integer l; for half-integer l the exponent is
    :math:`m+\frac12`, up to a common phase. In the Cartesian basis of integer l it is y -> conj(y) up to that sign.
    """
    offset = (n - k) // 2 if (k + n) % 2 == 0 else 0
    blocks = []
    for two_l in multiplets(k, n):
        exponents = [(two_m + two_l % 2) // 2 + offset for two_m in range(-two_l, two_l + 1, 2)]
        blocks.append(torch.diag(torch.tensor([(-1.0) ** exponent for exponent in exponents], dtype=torch.float64)).flip(0))
    result: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return result


def canonical_matrix(k: int, n: int, element: Tensor) -> Tensor:
    r"""Closed form :math:`D^{(k,n)}=U^T[D^{k/2}(A)\otimes D^{n/2}((A^\dagger)^{-1})]U` in the canonical basis.

    Parameters
    ----------
    k, n
        Labels of the irrep.
    element
        A in SL(2,C), complex128, shape (..., 2, 2).

    Returns
    -------
    Tensor, complex128, shape (..., dim, dim)
    """
    a, b, c, d = element.conj().flatten(-2).unbind(-1)
    contragredient = torch.stack([d, -c, -b, a], dim=-1).reshape(element.shape)
    basis = coupling(k, n).to(_COMPLEX)
    left, right = spin_matrix(k, element), spin_matrix(n, contragredient)
    # a, c: left spin; b, d: right spin; x, y: (l, m); pairwise, for the cost
    half = torch.einsum("...bd,...ady->...aby", right, torch.einsum("...ac,cdy->...ady", left, basis))
    return torch.einsum("abx,...aby->...xy", basis, half)


def split_components(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Write :math:`\Lambda=\Lambda_+ d` with :math:`\Lambda_+` in SO⁺(1,3) and d one of 1, P, T, PT.

    Parameters
    ----------
    matrix
        Lorentz matrices, float64, shape (..., 4, 4).

    Returns
    -------
    proper
        :math:`\Lambda_+`, shape (..., 4, 4).
    space, time
        Whether d reflects space, respectively time: boolean, shape (...).
    """
    time = matrix[..., 0, 0] < 0
    space = (torch.linalg.det(matrix) < 0) != time
    sign_time = torch.where(time, -1.0, 1.0).to(matrix)
    sign_space = torch.where(space, -1.0, 1.0).to(matrix)
    columns = torch.stack([sign_time, sign_space, sign_space, sign_space], dim=-1)
    return matrix * columns[..., None, :], space, time


def lift(matrix: Tensor) -> Tensor:
    r"""The element A of SL(2,C) with :math:`\Lambda^\mu{}_\nu=\frac12\mathrm{Tr}(\sigma_\mu A\sigma_\nu A^\dagger)`.

    :math:`\Lambda` is decomposed into a boost after a rotation. The boost is
    :math:`(1+\gamma+\Lambda^i{}_0\sigma_i)/\sqrt{2(1+\gamma)}`; the rotation is the quaternion nearest to
    :math:`\Lambda^i{}_j-\Lambda^i{}_0\Lambda^0{}_j/(1+\gamma)`, the leading eigenvector of a symmetric 4x4 matrix (Bar-Itzhack
    2000), which loses only a factor gamma in precision.

    Parameters
    ----------
    matrix
        Proper orthochronous Lorentz matrices, float64, shape (..., 4, 4).

    Returns
    -------
    Tensor, complex128, shape (..., 2, 2)
        Of the two elements A and -A the one whose rotation has a non-negative scalar part.
    """
    forward, backward = matrix[..., 1:, 0], matrix[..., 0, 1:]
    gamma = torch.sqrt(1 + forward.square().sum(-1))
    rotation = matrix[..., 1:, 1:] - forward[..., :, None] * backward[..., None, :] / (1 + gamma)[..., None, None]
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    form = matrix.new_zeros(matrix.shape)
    form[..., 0, 0] = trace
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        form[..., 0, i + 1] = form[..., i + 1, 0] = rotation[..., k, j] - rotation[..., j, k]
    form[..., 1:, 1:] = rotation + rotation.mT - trace[..., None, None] * torch.eye(3, dtype=matrix.dtype)
    quaternion = torch.linalg.eigh(form).eigenvectors[..., -1]
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    turned = _pauli(quaternion[..., 0], -1j * quaternion[..., 1:])
    return _pauli(1 + gamma, forward) @ turned / torch.sqrt(2 * (1 + gamma))[..., None, None]


def _pauli(scalar: Tensor, vector: Tensor) -> Tensor:
    """The matrix scalar + vector . sigma, complex128, shape (..., 2, 2)."""
    scalar, (x, y, z) = scalar.to(_COMPLEX), vector.to(_COMPLEX).unbind(-1)
    return torch.stack([scalar + z, x - 1j * y, x + 1j * y, scalar - z], dim=-1).reshape(*scalar.shape, 2, 2)


def realified(matrix: Tensor) -> Tensor:
    """The real matrix on (Re y, Im y) of a complex matrix on y, shape (..., 2 dim, 2 dim)."""
    upper = torch.cat([matrix.real, -matrix.imag], dim=-1)
    return torch.cat([upper, torch.cat([matrix.imag, matrix.real], dim=-1)], dim=-2)
