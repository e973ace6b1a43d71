r"""Single irreducible representations: :class:`Irrep` (k, n) and the real pair :class:`IrrepPair` (k, n) + (n, k).

The bases are those in which :meth:`~Representation.act` acts:

* (k, k), real type: the symmetric traceless tensors of rank k in the Cartesian basis of
  :mod:`lorentznet.group.representation`. (1, 1) is (E, px, py, pz) with :math:`D=\Lambda`.
* (k, n) with k != n, alone: the complex canonical basis.
* (k, n) + (n, k), k > n, complex type: :math:`\sqrt2(\mathrm{Re}\,y,\mathrm{Im}\,y)` with y the Cartesian components of the
  (k, n) part. The (2, 0) pair is :math:`(\vec E,\vec B)/\sqrt2` of an antisymmetric tensor F with :math:`E^i=F^{i0}`,
  :math:`F^{jk}=-\varepsilon^{jki}B^i`.

In the real bases rotations are orthogonal matrices and pure boosts symmetric ones. Reflections act as on true tensors:
parity multiplies the real part of a multiplet l by (-1)^l and the imaginary part by -(-1)^l, and the total reflection PT
multiplies everything by (-1)^k.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import torch
from torch import Tensor

from lorentznet.errors import ConfigError
from lorentznet.group import representation as rep
from lorentznet.group.transform import LorentzTransform


class Representation(ABC):
    """What :class:`Irrep` and :class:`IrrepPair` have in common: a law for the last axis of a tensor."""

    k: int
    n: int

    @property
    @abstractmethod
    def dim(self) -> int:
        """Number of components."""

    @property
    @abstractmethod
    def is_real(self) -> bool:
        """True if components are real numbers, False if they are complex."""

    @property
    def dtype(self) -> torch.dtype:
        """float64, or complex128 for a complex irrep alone."""
        return torch.float64 if self.is_real else torch.complex128

    @property
    def has_reflections(self) -> bool:
        """True if parity and time reversal are defined: true tensors, that is real and k + n even."""
        return self.is_real and (self.k + self.n) % 2 == 0

    def representation(self, transform: LorentzTransform | Tensor) -> Tensor:
        r"""The matrix :math:`D(\Lambda)`, in closed form from the element of SL(2,C) that covers :math:`\Lambda`.

        Parameters
        ----------
        transform
            A transform, or Lorentz matrices of shape (..., 4, 4) in float64.

        Returns
        -------
        Tensor, float64 or complex128, shape (..., dim, dim)
            For k + n odd the representation is two-valued; the sign is that of
            :func:`lorentznet.group.representation.lift`.

        Raises
        ------
        ConfigError
            The transform holds a reflection and the representation is not a true tensor.
        """
        matrix = transform.matrix if isinstance(transform, LorentzTransform) else transform
        if (self.k, self.n) == (1, 1):
            return matrix.clone()
        proper, space, time = rep.split_components(matrix)
        result = self._proper(rep.lift(proper))
        if not bool((space | time).any()):
            return result
        if not self.has_reflections:
            raise ConfigError(
                f"reflections do not act on {self}: transform by SO+(1,3), or take a tensor (k,k) or a pair such as ((2,0)+(0,2))"
            )
        sign_space = torch.where(space[..., None], self.parity_signs, 1.0)
        # time reversal is parity after the total reflection, which is (-1)^k
        sign_time = torch.where(time[..., None], self.parity_signs * (-1.0) ** self.k, 1.0)
        return result * (sign_space * sign_time)[..., None, :]

    def generators(self) -> Tensor:
        """Matrices of (Kx, Ky, Kz, Jx, Jy, Jz) with D(exp X) = exp of the same combination, shape (6, dim, dim)."""
        boosts, rotations = rep.canonical_generators(self.k, self.n)
        return self._in_basis(torch.cat([boosts, -1j * rotations]))

    @property
    def parity_signs(self) -> Tensor:
        """Diagonal of the matrix of parity on true tensors, float64, shape (dim,)."""
        twice = rep.multiplets(self.k, self.n)
        signs = torch.cat([torch.full((two_l + 1,), (-1.0) ** (two_l // 2), dtype=torch.float64) for two_l in twice])
        return signs if self.dim == len(signs) else torch.cat([signs, -signs])

    def act(self, transform: LorentzTransform, x: Tensor) -> Tensor:
        """Transform the last axis of ``x``; dtype and device of ``x`` are kept (a complex irrep makes it complex)."""
        if x.shape[-1] != self.dim:
            raise ConfigError(f"{self} has {self.dim} components; the last axis of the tensor has {x.shape[-1]}")
        return apply_matrix(self.representation(transform), x)

    def random(self, shape: tuple[int, ...] = (), generator: torch.Generator | None = None) -> Tensor:
        """Normal numbers of unit variance, float64 or complex128, shape (*shape, dim)."""
        return torch.randn(*shape, self.dim, dtype=self.dtype, generator=generator)

    @abstractmethod
    def _proper(self, element: Tensor) -> Tensor:
        """The matrix of an element of SL(2,C)."""

    @abstractmethod
    def _in_basis(self, matrices: Tensor) -> Tensor:
        """Bring matrices from the canonical basis of (k, n) to the basis of this representation."""


@dataclass(frozen=True, repr=False)
class Irrep(Representation):
    """The irrep (k, n), k = 2 j_L and n = 2 j_R, of dimension (k+1)(n+1).

    (0,0) scalar, (1,1) four-vector, (2,0) and (0,2) self-dual and anti-self-dual bivectors, (2,2) symmetric traceless tensor.

    Examples
    --------
    >>> Irrep(2, 2), Irrep(2, 2).dim, Irrep(2, 2).is_real, Irrep(2, 0).is_real
    ((2,2), 9, True, False)
    >>> Irrep(1, 1) * Irrep(1, 1)
    ((0,0), (2,0), (0,2), (2,2))
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        _check_labels(self.k, self.n)

    @property
    def dim(self) -> int:
        """Number of components, (k+1)(n+1)."""
        return (self.k + 1) * (self.n + 1)

    @property
    def is_real(self) -> bool:
        """True for (k, k)."""
        return self.k == self.n

    def __mul__(self, other: Irrep) -> tuple[Irrep, ...]:
        """The irreps in the tensor product with ``other``, each once, in canonical order."""
        if not isinstance(other, Irrep):
            return NotImplemented
        left = range(abs(self.k - other.k), self.k + other.k + 1, 2)
        right = range(abs(self.n - other.n), self.n + other.n + 1, 2)
        return tuple(sorted((Irrep(k, n) for k in left for n in right), key=sort_key))

    @property
    def metric(self) -> Tensor:
        r"""The invariant bilinear form g, :math:`D^TgD=g`, (dim, dim): diag((-1)^l) for (k, k), Minkowski's on (1, 1).

        Alone and complex: :math:`g_{(lm),(l'm')}=\delta_{ll'}\delta_{m,-m'}(-1)^{l+m}`, with a real sign for half-integer l too.
        """
        if self.is_real:
            return torch.diag(self.parity_signs)
        # l + m is an integer and counts the components of a multiplet; m -> -m reverses their order
        alternating = (torch.tensor([(-1.0) ** i for i in range(two_l + 1)]) for two_l in rep.multiplets(self.k, self.n))
        form: Tensor = torch.block_diag(*[torch.diag(signs).flip(-1) for signs in alternating])  # type: ignore[no-untyped-call]
        return form.to(self.dtype)

    def _proper(self, element: Tensor) -> Tensor:
        return self._in_basis(rep.canonical_matrix(self.k, self.n, element))

    def _in_basis(self, matrices: Tensor) -> Tensor:
        if not self.is_real:
            return matrices
        basis = rep.cartesian_basis(self.k, self.n)
        return (basis @ matrices @ basis.mH).real.contiguous()

    def __repr__(self) -> str:
        return f"({self.k},{self.n})"


@dataclass(frozen=True, repr=False)
class IrrepPair(Representation):
    """The real irrep (k, n) + (n, k), k > n, of real dimension 2(k+1)(n+1).

    Real linear maps that commute with it are a + b * :attr:`hodge`.

    Examples
    --------
    >>> IrrepPair(2, 0), IrrepPair(2, 0).dim
    (((2,0)+(0,2)), 6)
    """

    k: int
    n: int

    def __post_init__(self) -> None:
        _check_labels(self.k, self.n)
        if self.k <= self.n:
            raise ConfigError(f"a pair (k,n)+(n,k) has k > n; got k = {self.k}, n = {self.n} ((k,k) is real by itself)")

    @property
    def dim(self) -> int:
        """Number of real components, 2(k+1)(n+1)."""
        return 2 * (self.k + 1) * (self.n + 1)

    @property
    def is_real(self) -> bool:
        """True: components are real numbers."""
        return True

    @property
    def hodge(self) -> Tensor:
        r"""The complex structure :math:`\star` (multiplication of the (k, n) part by i), :math:`\star^2=-1`, (dim, dim).

        It commutes with SO⁺(1,3) and anticommutes with reflections. On the (2, 0) pair it takes (E, B) to (-B, E), the
        Hodge dual.
        """
        half = torch.eye(self.dim // 2, dtype=torch.float64)
        return torch.kron(torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64), half)

    @property
    def metric(self) -> Tensor:
        """The invariant form of even parity, twice the real part of that of (k, n), (dim, dim); (B² - E²) / 2 on the (2, 0) pair."""
        form = Irrep(self.k, self.n).metric.to(torch.complex128)
        basis = rep.cartesian_basis(self.k, self.n)
        form = basis.conj() @ form @ basis.mH
        upper = torch.cat([form.real, -form.imag], dim=-1)
        return torch.cat([upper, torch.cat([-form.imag, -form.real], dim=-1)], dim=-2)

    def _proper(self, element: Tensor) -> Tensor:
        return self._in_basis(rep.canonical_matrix(self.k, self.n, element))

    def _in_basis(self, matrices: Tensor) -> Tensor:
        basis = rep.cartesian_basis(self.k, self.n)
        return rep.realified(basis @ matrices @ basis.mH)

    def __repr__(self) -> str:
        return f"(({self.k},{self.n})+({self.n},{self.k}))"


AnyIrrep: TypeAlias = Irrep | IrrepPair


def sort_key(irrep: AnyIrrep) -> tuple[int, int, int, int]:
    """Canonical order: by the larger label, then the smaller one, (k, n) before (n, k), irreps before pairs."""
    return max(irrep.k, irrep.n), min(irrep.k, irrep.n), int(irrep.k < irrep.n), int(isinstance(irrep, IrrepPair))


@cache
def real_irreps(maxdim: int) -> tuple[AnyIrrep, ...]:
    """All real irreps of tensors (k + n even) with k, n < maxdim, in canonical order.

    Examples
    --------
    >>> real_irreps(3)
    ((0,0), (1,1), ((2,0)+(0,2)), (2,2))
    """
    found: list[AnyIrrep] = [Irrep(k, k) for k in range(maxdim)]
    found += [IrrepPair(k, n) for k in range(maxdim) for n in range(k % 2, k, 2)]
    return tuple(sorted(found, key=sort_key))


def apply_matrix(matrix: Tensor, x: Tensor) -> Tensor:
    """Multiply the last axis of ``x`` by a (dim, dim) matrix, on the device and in the precision of ``x``, float64 of whole numbers."""
    dtype = x.dtype if x.is_floating_point() or x.is_complex() else torch.float64
    dtype = dtype.to_complex() if matrix.is_complex() else dtype
    return x.to(dtype) @ matrix.to(device=x.device, dtype=dtype).mT


def _check_labels(k: int, n: int) -> None:
    for label in (k, n):
        if isinstance(label, bool) or not isinstance(label, int) or label < 0:
            raise ConfigError(f"irrep labels k = 2 j1 and n = 2 j2 are integers >= 0; got ({k!r}, {n!r})")
