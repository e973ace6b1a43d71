r"""Clebsch-Gordan coefficients of the Lorentz group, built from five of SU(2), and planned real products.

In the canonical basis the coefficients are real:

.. math::
    H^{(k,n)}_{(k_1,n_1),(k_2,n_2)}[(l_1m_1),(l_2m_2),(lm)]=\sum U^{(k,n)}[a,b;lm]\,C^{k/2\,a}_{k_1/2\,d,k_2/2\,e}
    C^{n/2\,b}_{n_1/2\,g,n_2/2\,h}\,U^{(k_1,n_1)}[d,g;l_1m_1]\,U^{(k_2,n_2)}[e,h;l_2m_2] .

They are orthonormal, :math:`\sum_{ab}H_{abc}H_{abc'}=\delta_{cc'}`, intertwine, :math:`H(D_1x,D_2y)=D\,H(x,y)`, and obey
:math:`H_{ba}=(-1)^{(k_a+k_b-k_c)/2+(n_a+n_b-n_c)/2}H_{ab}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from lorentznet.errors import ConfigError
from lorentznet.group.irreps import AnyIrrep, Irrep, IrrepPair
from lorentznet.group.representation import cartesian_basis, conjugation, coupling
from lorentznet.group.su2 import su2_clebsch_gordan
from lorentznet.group.tables import table

_INDEPENDENT = 1e-8
_COMPLEX_ALONE = "{} alone is complex: take the pair, for example IrrepPair(2, 0) for ((2,0)+(0,2))"


@table
def canonical_clebsch_gordan(a: Irrep, b: Irrep, c: Irrep) -> Tensor:
    """Coefficients in the canonical bases, float64, shape (dim a, dim b, dim c); shared, not to be modified in place."""
    if c not in a * b:
        raise ConfigError(f"{a} x {b} does not contain {c}; it holds {' + '.join(map(str, a * b))}")
    left, right = su2_clebsch_gordan(a.k, b.k, c.k), su2_clebsch_gordan(a.n, b.n, c.n)
    # a, b: spins of the result; d, e: left spins; g, h: right spins of the factors; x, y, z: their (l, m)
    return torch.einsum("abz,dea,ghb,dgx,ehy->xyz", coupling(c.k, c.n), left, right, coupling(a.k, a.n), coupling(b.k, b.n))


def clebsch_gordan(a: Irrep, b: Irrep, c: Irrep) -> Tensor:
    r"""The coefficients H of the product :math:`z_c=\sum_{ab}H_{abc}x_ay_b` in the bases that transforms act in.

    Parameters
    ----------
    a, b, c
        Irreps of the factors and of the result; multiplicity is one.

    Returns
    -------
    Tensor, shape (dim a, dim b, dim c)
        float64 if all three are real (k, k), else complex128 (the complex ones in their canonical basis). Orthonormal:
        :math:`\sum_{ab}H_{abc}\bar H_{abc'}=\delta_{cc'}`. Four-vectors give :math:`p\cdot q/2` for (0,0); the bilinear form of
        their (2,2) product with itself is :math:`\frac34(p^2)^2`; (2,0) is :math:`(\vec E+i\vec B)/2` of :math:`p\wedge q`.

    Raises
    ------
    ConfigError
        c is not in the product of a and b, or an argument is an :class:`IrrepPair` (use :func:`real_clebsch_gordan`).

    Examples
    --------
    >>> [round(value, 12) for value in clebsch_gordan(Irrep(1, 1), Irrep(1, 1), Irrep(0, 0))[..., 0].diagonal().tolist()]
    [0.5, -0.5, -0.5, -0.5]
    """
    for irrep in (a, b, c):
        if not isinstance(irrep, Irrep):
            raise ConfigError(f"clebsch_gordan takes irreps (k,n); got {irrep}: real_clebsch_gordan lists the products of pairs")
    result = canonical_clebsch_gordan(a, b, c).to(torch.complex128)
    # x_canonical = Q^dagger x for real irreps, and z = Q z_canonical
    for axis, irrep in enumerate((a, b)):
        if irrep.is_real:
            result = torch.tensordot(result, cartesian_basis(irrep.k, irrep.n).conj(), dims=([axis], [1])).movedim(-1, axis)
    if c.is_real:
        result = torch.einsum("abc,xc->abx", result, cartesian_basis(c.k, c.n))
    return _real(result) if a.is_real and b.is_real and c.is_real else result


@table
def _real_clebsch_gordan(a: AnyIrrep, b: AnyIrrep, c: AnyIrrep) -> tuple[Tensor, tuple[int, ...]]:
    """All independent real intertwiners (paths, dim a, dim b, dim c) and their parities."""
    if not c.is_real:
        raise ConfigError(_COMPLEX_ALONE.format(c))
    target, output = Irrep(c.k, c.n), cartesian_basis(c.k, c.n)
    tensors: list[Tensor] = []
    parities: list[int] = []
    for first, embed_first in _complex_parts(a):
        for second, embed_second in _complex_parts(b):
            if target not in first * second:
                continue
            canonical = canonical_clebsch_gordan(first, second, target).to(torch.complex128)
            product = torch.einsum("abc,ax,by,zc->xyz", canonical, embed_first, embed_second, output)
            if isinstance(c, IrrepPair):
                candidates = [(torch.cat([product.real, product.imag], dim=-1), 1)]
            else:
                candidates = [(product.real, 1), (product.imag, -1)]
            for tensor, parity in candidates:
                _append_independent(tensors, parities, tensor, parity, c)
    shape = (a.dim, b.dim, c.dim)
    return torch.stack(tensors) if tensors else torch.zeros(0, *shape, dtype=torch.float64), tuple(parities)


def _complex_parts(irrep: AnyIrrep) -> list[tuple[Irrep, Tensor]]:
    """Irreps in the complexification of a real irrep, each with the matrix from real to canonical components."""
    if not irrep.is_real:
        raise ConfigError(_COMPLEX_ALONE.format(irrep))
    inverse = cartesian_basis(irrep.k, irrep.n).mH
    if isinstance(irrep, Irrep):
        return [(irrep, inverse)]
    embed = torch.cat([inverse, 1j * inverse], dim=-1) / sqrt(2)
    conjugate = conjugation(irrep.k, irrep.n).to(torch.complex128) @ embed.conj()
    return [(Irrep(irrep.k, irrep.n), embed), (Irrep(irrep.n, irrep.k), conjugate)]


def _append_independent(tensors: list[Tensor], parities: list[int], tensor: Tensor, parity: int, c: AnyIrrep) -> None:
    """Normalise ``tensor`` and append it unless earlier ones span it (over the commutant of the output)."""
    scale = tensor.norm()
    if scale < _INDEPENDENT:
        return
    tensor = tensor / scale * sqrt(c.dim)
    known = list(tensors)
    if isinstance(c, IrrepPair):
        known += [earlier @ c.hodge.T for earlier in tensors]
    if known:
        stacked = torch.stack([earlier.flatten() for earlier in known], dim=-1)
        rest = tensor.flatten() - stacked @ torch.linalg.lstsq(stacked, tensor.flatten()[:, None]).solution[:, 0]
        if rest.norm() < _INDEPENDENT * sqrt(c.dim):
            return
    tensors.append(tensor)
    parities.append(parity)


def real_clebsch_gordan(a: AnyIrrep, b: AnyIrrep, c: AnyIrrep) -> Tensor:
    r"""All independent real bilinear maps :math:`z_c=\sum_{ab}T_{abc}x_ay_b` that commute with SO⁺(1,3).

    Parameters
    ----------
    a, b, c
        Real irreps: (k, k) or pairs.

    Returns
    -------
    Tensor, float64, shape (paths, dim a, dim b, dim c)
        Complete up to the Hodge star of the result: for a pair c the maps :math:`\star T` are not listed. No paths if c is not
        in the product. Normalised: for independent x and y of unit variance the components of z have unit variance on
        average, :math:`\sum_{abc}T_{abc}^2=\dim c`.

    Examples
    --------
    >>> bivector = IrrepPair(2, 0)
    >>> [len(real_clebsch_gordan(bivector, bivector, c)) for c in (Irrep(0, 0), bivector, Irrep(2, 2))]
    [2, 1, 2]
    """
    return _real_clebsch_gordan(a, b, c)[0].clone()


@dataclass(frozen=True, eq=False)
class CGPath:
    """One real path of a tensor product.

    Attributes
    ----------
    i, j, out
        Irreps of the left factor, the right factor and the result.
    tensor
        Coefficients (dim i, dim j, dim out), float64; not to be modified in place.
    parity
        +1 if the path commutes with reflections (the result is a true tensor), -1 if the result is a pseudotensor.
    """

    i: AnyIrrep
    j: AnyIrrep
    out: AnyIrrep
    tensor: Tensor
    parity: int


def product_paths(left: Iterable[AnyIrrep], right: Iterable[AnyIrrep], outputs: Iterable[AnyIrrep]) -> tuple[CGPath, ...]:
    """All real paths from ``left`` times ``right`` to ``outputs``, normalised as in :func:`real_clebsch_gordan`."""
    rights, outs = tuple(right), tuple(outputs)
    return tuple(
        CGPath(i, j, out, tensor, parity)
        for i in left
        for j in rights
        for out in outs
        for tensor, parity in zip(*_real_clebsch_gordan(i, j, out), strict=True)
    )


def vector_product_paths(irreps: Iterable[AnyIrrep], outputs: Iterable[AnyIrrep] | None = None) -> tuple[CGPath, ...]:
    """Paths of the product of a four-vector (left, ``i``) with ``irreps`` (right, ``j``); 7 for the real irreps of maxdim 3.

    ``outputs`` are the irreps to keep, by default those of ``irreps`` themselves.
    """
    rights = tuple(irreps)
    return product_paths((Irrep(1, 1),), rights, rights if outputs is None else outputs)


def self_product_paths(irreps: Iterable[AnyIrrep], outputs: Iterable[AnyIrrep] | None = None) -> tuple[CGPath, ...]:
    r"""Paths of the product of one channel's features with themselves; 17 for the real irreps of maxdim 3.

    Products of different irreps occur in one order. For equal irreps only the symmetric part of the coefficients is kept,
    where it does not vanish; it is normalised so that normal features of unit variance give components whose variance is
    one on average, :math:`2\sum_{abc}T_{abc}^2=\dim c`.

    Parameters
    ----------
    irreps
        Distinct real irreps, in their order, for example :func:`~lorentznet.group.irreps.real_irreps` (3).
    outputs
        The irreps to keep, by default those of ``irreps``.
    """
    factors = tuple(irreps)
    outs = factors if outputs is None else tuple(outputs)
    if len(set(factors)) != len(factors):
        raise ConfigError(f"a self-product is planned for distinct irreps; got {', '.join(map(str, factors))}")
    paths: list[CGPath] = []
    for position, i in enumerate(factors):
        for out in outs:
            tensors: list[Tensor] = []
            parities: list[int] = []
            for tensor, parity in zip(*_real_clebsch_gordan(i, i, out), strict=True):
                _append_independent(tensors, parities, (tensor + tensor.transpose(0, 1)) / 2, parity, out)
            paths += [CGPath(i, i, out, tensor / sqrt(2), parity) for tensor, parity in zip(tensors, parities, strict=True)]
        paths += product_paths((i,), factors[position + 1 :], outs)
    return tuple(paths)


def null_space_intertwiners(a: AnyIrrep, b: AnyIrrep, c: AnyIrrep) -> Tensor:
    r"""The same maps without any convention: null space of :math:`T(X_ax,y)+T(x,X_by)-X_cT(x,y)` over the six generators.

    Slow and obvious, the oracle of :func:`clebsch_gordan` and :func:`real_clebsch_gordan`.

    Returns
    -------
    Tensor, shape (count, dim a, dim b, dim c), orthonormal
        Real for real irreps; counts the Hodge star of the result too (two per path for a pair c).
    """
    dtype = torch.float64 if a.is_real and b.is_real and c.is_real else torch.complex128
    one_a, one_b, one_c = (torch.eye(irrep.dim, dtype=dtype) for irrep in (a, b, c))
    size = a.dim * b.dim * c.dim
    normal = torch.zeros(size, size, dtype=dtype)
    for x_a, x_b, x_c in zip(a.generators(), b.generators(), c.generators(), strict=True):
        # the sum over a of T[a, b, c] X_a[a, a'] and so on, as a matrix on the flattened T
        acted = torch.einsum("ai,bj,ck->ijkabc", x_a.to(dtype), one_b, one_c)
        acted = acted + torch.einsum("ai,bj,ck->ijkabc", one_a, x_b.to(dtype), one_c)
        acted = (acted - torch.einsum("ai,bj,kc->ijkabc", one_a, one_b, x_c.to(dtype))).reshape(size, size)
        normal += acted.mH @ acted
    values, vectors = torch.linalg.eigh(normal)
    kernel: Tensor = vectors[:, values < 1e-9 * values[-1].clamp_min(1.0)]
    return kernel.T.reshape(-1, a.dim, b.dim, c.dim)


def _real(tensor: Tensor) -> Tensor:
    if tensor.imag.abs().max() > 1e-12:
        raise ArithmeticError("real irreps coupled with complex coefficients: the phases of the bases disagree")
    return tensor.real.contiguous()
