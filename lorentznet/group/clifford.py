r"""Clifford algebras Cl(p, q), generated from bit masks.

The generators obey :math:`e_\mu e_\nu+e_\nu e_\mu=2\eta_{\mu\nu}` with :math:`\eta` diagonal: p entries +1, then q entries -1.
Blades are ordered by grade and then lexicographically (ShortLex); for Cl(1,3)::

    1 | e0 e1 e2 e3 | e01 e02 e03 e12 e13 e23 | e012 e013 e023 e123 | e0123        grades 0..4, sizes 1 4 6 4 1

Cached tensors are shared: they must not be modified in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, prod

import torch
from torch import Tensor

from lorentznet.errors import ConfigError
from lorentznet.group.blades import blade_masks, cayley_table, compound, grade_paths
from lorentznet.group.irrep import apply_matrix
from lorentznet.group.transform import LorentzTransform

__all__ = ["CliffordAlgebra", "compound"]


@dataclass(frozen=True)
class CliffordAlgebra:
    """The Clifford algebra Cl(p, q): p generators of square +1, then q of square -1; p + q <= 5.

    Multivectors are tensors whose last axis holds the 2^(p+q) components.

    Examples
    --------
    >>> algebra = CliffordAlgebra(1, 3)
    >>> algebra, algebra.blade_names[8], len(algebra.grade_paths)
    (Cl(1,3), 'e12', 35)
    >>> e0, e1 = algebra.blade("e0"), algebra.blade("e1")
    >>> algebra.product(e1, e1)[0].item(), bool((algebra.product(e0, e1) == algebra.blade("e01")).all())
    (-1.0, True)
    """

    p: int
    q: int

    def __post_init__(self) -> None:
        if min(self.p, self.q) < 0 or not 1 <= self.p + self.q <= 5:
            raise ConfigError(f"Clifford algebras Cl(p,q) are built for p, q >= 0 and 1 <= p + q <= 5; got Cl({self.p},{self.q})")

    @property
    def n(self) -> int:
        """Number of generators, p + q."""
        return self.p + self.q

    @property
    def dim(self) -> int:
        """Number of blades, 2^(p+q)."""
        return len(self.blades)

    @property
    def metric(self) -> Tensor:
        """Squares of the generators, float64, shape (n,)."""
        return torch.tensor([1.0] * self.p + [-1.0] * self.q, dtype=torch.float64)

    @property
    def blades(self) -> tuple[int, ...]:
        """Bit masks of the blades, in order."""
        return blade_masks(self.n)

    @property
    def blade_names(self) -> tuple[str, ...]:
        """Names of the blades: "1", "e0", ..., "e01", ..."""
        return tuple("e" + "".join(str(i) for i in range(self.n) if mask >> i & 1) if mask else "1" for mask in self.blades)

    def blade(self, name: str) -> Tensor:
        """One basis blade by name, float64, shape (dim,)."""
        if name not in self.blade_names:
            raise ConfigError(f"{self} has no blade '{name}' (available: {', '.join(self.blade_names)})")
        return torch.eye(self.dim, dtype=torch.float64)[self.blade_names.index(name)]

    @property
    def grades(self) -> Tensor:
        """Grade of every component, int64, shape (dim,)."""
        return torch.tensor([mask.bit_count() for mask in self.blades])

    @property
    def grade_dims(self) -> tuple[int, ...]:
        """Number of blades of every grade."""
        return tuple(comb(self.n, grade) for grade in range(self.n + 1))

    @property
    def grade_slices(self) -> tuple[slice, ...]:
        """The components of every grade."""
        dims = self.grade_dims
        return tuple(slice(sum(dims[:grade]), sum(dims[: grade + 1])) for grade in range(self.n + 1))

    @property
    def cayley(self) -> Tensor:
        r"""Structure constants C of :math:`(xy)_j=\sum_{ik}x_iy_kC_{ikj}`, float64, shape (dim, dim, dim): left, right, out."""
        return cayley_table(self.p, self.q)

    @property
    def signs(self) -> Tensor:
        """Sign of the product of blades i (left) and k (right), float64, shape (dim, dim); its blade is ``products[i, k]``."""
        return self.cayley.sum(dim=-1)

    @property
    def products(self) -> Tensor:
        """Index of the blade that the product of blades i (left) and k (right) is, up to sign, int64, shape (dim, dim)."""
        return self.cayley.abs().argmax(dim=-1)

    @property
    def grade_paths(self) -> tuple[tuple[int, int, int], ...]:
        """Grades (left, right, out) between which the product is not zero, in lexicographic order."""
        return grade_paths(self.p, self.q)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """The geometric product, by the dense table of structure constants: slow and obvious, the reference of all kernels.

        Parameters
        ----------
        a, b
            Multivectors, shapes (..., dim) that broadcast.

        Returns
        -------
        Tensor, shape (..., dim), of the promoted dtype
        """
        self._check_components(a, b)
        dtype = torch.promote_types(a.dtype, b.dtype)
        # i: left blade, k: right blade, j: blade of the product
        return torch.einsum("...i,...k,ikj->...j", a.to(dtype), b.to(dtype), self.cayley.to(device=a.device, dtype=dtype))

    @property
    def reversion_signs(self) -> Tensor:
        """(-1)^(g(g-1)/2) for every component, float64."""
        return (-1.0) ** (self.grades * (self.grades - 1) // 2).to(torch.float64)

    def reversion(self, a: Tensor) -> Tensor:
        r"""Reverse the order of all products, :math:`\widetilde{xy}=\tilde y\tilde x`."""
        return a * self.reversion_signs.to(a)

    def grade_involution(self, a: Tensor) -> Tensor:
        """Change the sign of all generators, (-1)^g on grade g."""
        return a * ((-1.0) ** self.grades.to(torch.float64)).to(a)

    @property
    def eta(self) -> Tensor:
        r"""Diagonal of the invariant form :math:`\langle\tilde xy\rangle_0=\sum_A\eta_Ax_Ay_A`, float64, shape (dim,)."""
        return torch.tensor([(-1.0) ** (mask >> self.p).bit_count() for mask in self.blades], dtype=torch.float64)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        r"""The invariant form :math:`\langle\tilde ab\rangle_0`, shape (...); the Minkowski product on grade 1 of Cl(1,3)."""
        return (a * b * self.eta.to(a)).sum(dim=-1)

    def grade_squares(self, a: Tensor) -> Tensor:
        r"""The form of every grade with itself, :math:`q_g=\langle\tilde a^{(g)}a^{(g)}\rangle_0`, shape (..., n + 1)."""
        squares = a * a * self.eta.to(a)
        return torch.stack([squares[..., part].sum(dim=-1) for part in self.grade_slices], dim=-1)

    def embed(self, x: Tensor, grade: int) -> Tensor:
        """A multivector, shape (..., dim), that is ``x``, shape (..., dim of the grade), in one grade and zero in the others."""
        if not 0 <= grade <= self.n:
            raise ConfigError(f"{self} has the grades 0 to {self.n}; got {grade}")
        if not x.ndim or x.shape[-1] != self.grade_dims[grade]:
            raise ConfigError(f"grade {grade} of {self} has {self.grade_dims[grade]} components; got shape {tuple(x.shape)}")
        result = x.new_zeros(*x.shape[:-1], self.dim)
        result[..., self.grade_slices[grade]] = x
        return result

    def grade_matrix(self, transform: LorentzTransform | Tensor, grade: int) -> Tensor:
        r"""How O(p,q) acts on one grade: the compound matrix.

        Above half of the dimension the complementary minors are taken (Jacobi), with :math:`\Lambda^{-T}=\eta\Lambda\eta`,

        .. math:: C_g(\Lambda)_{IJ}=\det\Lambda\,(-1)^{\Sigma I+\Sigma J}\eta_{I'}\eta_{J'}\,C_{n-g}(\Lambda)_{I'J'},

        so that the axial partner of a vector is transformed as precisely as the vector.

        Parameters
        ----------
        transform
            A Lorentz transform for Cl(1,3), or matrices that keep the metric, shape (..., n, n).
        grade
            0 to n.

        Returns
        -------
        Tensor, shape (..., dim of the grade, same)

        Raises
        ------
        ConfigError
            If a matrix is not n x n or does not keep the metric.
        """
        return self._grade_matrix(self._checked(transform), grade)

    def _checked(self, transform: LorentzTransform | Tensor) -> Tensor:
        """The matrices of a transform; all else would not be an automorphism."""
        matrix = transform.matrix if isinstance(transform, LorentzTransform) else transform
        if matrix.shape[-2:] != (self.n, self.n):
            raise ConfigError(f"{self} is acted on by {self.n} x {self.n} matrices; got shape {tuple(matrix.shape)}")
        eta = torch.diag(self.metric).to(matrix)
        defect = (matrix.mT @ eta @ matrix - eta).abs().amax((-2, -1))
        tolerance = max(1e-9, 16 * torch.finfo(matrix.dtype).eps) * matrix.square().sum((-2, -1)).clamp_min(1)
        if not bool((defect <= tolerance).all()):
            signs = ", ".join(f"{sign:+.0f}" for sign in self.metric)
            raise ConfigError(f"the matrix does not keep the metric ({signs}) of {self}: |L^T eta L - eta| = {defect.max():.2g}")
        return matrix

    def _check_components(self, *values: Tensor) -> None:
        for value in values:
            if not value.ndim or value.shape[-1] != self.dim:
                raise ConfigError(
                    f"multivectors of {self} have {self.dim} components on the last axis; got shape {tuple(value.shape)}"
                )

    def _grade_matrix(self, matrix: Tensor, grade: int) -> Tensor:
        if 2 * grade <= self.n:
            return compound(matrix, grade)
        complements = [tuple(i for i in range(self.n) if i not in chosen) for chosen in combinations(range(self.n), grade)]
        smaller = list(combinations(range(self.n), self.n - grade))
        order = torch.tensor([smaller.index(complement) for complement in complements])
        metric = self.metric.tolist()
        signs = [(-1.0) ** sum(complement) * prod(metric[i] for i in complement) for complement in complements]
        sign = torch.tensor(signs, dtype=matrix.dtype)
        determinant = torch.linalg.det(matrix).sign()[..., None, None]
        minors = compound(matrix, self.n - grade)[..., order[:, None], order]
        result: Tensor = determinant * sign[:, None] * sign * minors
        return result

    def matrix(self, transform: LorentzTransform | Tensor, grades: tuple[int, ...] | None = None) -> Tensor:
        """The block-diagonal matrix of a transform, see :meth:`grade_matrix`, on some grades or all: shape (..., dim, dim)."""
        matrix = self._checked(transform)
        blocks = [self._grade_matrix(matrix, grade) for grade in (range(self.n + 1) if grades is None else grades)]
        size, start = sum(block.shape[-1] for block in blocks), 0
        result = matrix.new_zeros(*matrix.shape[:-2], size, size)
        for block in blocks:
            stop = start + block.shape[-1]
            result[..., start:stop, start:stop] = block
            start = stop
        return result

    def act(self, transform: LorentzTransform | Tensor, a: Tensor) -> Tensor:
        r"""Transform the last axis, shape (..., dim), by O(p,q): an automorphism, :math:`\rho(ab)=\rho(a)\rho(b)`.

        Parameters
        ----------
        transform
            A Lorentz transform for Cl(1,3), or an (n, n) matrix that keeps the metric; :class:`~lorentznet.errors.ConfigError` if not.
        a
            Multivectors; dtype and device are kept.
        """
        self._check_components(a)
        return apply_matrix(self.matrix(transform), a)

    def grade_to_irrep(self, grade: int) -> Tensor:
        r"""Orthogonal matrix from a grade of Cl(1,3) to the basis of its irrep, shape (dim of the grade, same).

        Grades 0 and 1 are (0,0) and (1,1) as they are. Grade 2 is the pair (2,0)+(0,2): :math:`p\wedge q` is taken to
        :math:`\sqrt2` times the Clebsch-Gordan product. Grades 3 and 4 times the inverse pseudoscalar are (1,1) and (0,0) under
        SO⁺(1,3); reflections take an extra sign det L.
        """
        if (self.p, self.q) != (1, 3):
            raise ConfigError(f"the grades of {self} are not irreps of the Lorentz group: use CliffordAlgebra(1, 3)")
        if grade == 2:
            result = torch.zeros(6, 6, dtype=torch.float64)
            for column, (mu, nu) in enumerate(combinations(range(4), 2)):
                if mu == 0:  # E^i = F^{i0} = -F^{0i}
                    result[nu - 1, column] = -1.0
                else:  # F^{jk} = -eps^{jki} B^i
                    result[3 + (6 - mu - nu) - 1, column] = -1.0 if (nu - mu) == 1 else 1.0
            return result
        if grade < 2:
            return torch.eye(self.grade_dims[grade], dtype=torch.float64)
        pseudoscalar = self.blade(self.blade_names[-1])
        inverse = pseudoscalar * self.product(pseudoscalar, pseudoscalar)[0]
        basis = torch.eye(self.dim, dtype=torch.float64)[self.grade_slices[grade]]
        return self.product(basis, inverse)[:, self.grade_slices[self.n - grade]].T

    def __repr__(self) -> str:
        return f"Cl({self.p},{self.q})"


SPACETIME = CliffordAlgebra(1, 3)
"""The algebra of the Lorentz group."""
