"""SU(2) and SL(2,C): spin matrices, Clebsch-Gordan coefficients, spin-j matrices.

All spins are given doubled, as integers: ``two_j`` = 2j. Basis states are ordered by ascending m = -j ... j, with the phases
of Condon and Shortley. Cached tensors are shared: they must not be modified in place.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial, sqrt

import torch
from torch import Tensor

from lorentznet.group.tables import table


@table
def spin_matrices(two_j: int) -> Tensor:
    r"""Hermitian spin matrices :math:`(S_x,S_y,S_z)`, complex128, shape (3, 2j+1, 2j+1), :math:`[S_x,S_y]=iS_z`.

    :math:`S_z|m\rangle=m|m\rangle`, :math:`(S_x+iS_y)|m\rangle=\sqrt{j(j+1)-m(m+1)}\,|m{+}1\rangle`.
    """
    j = two_j / 2
    m = torch.arange(two_j + 1, dtype=torch.float64) - j
    raising = torch.diag(torch.sqrt(j * (j + 1) - m[:-1] * (m[:-1] + 1)), diagonal=-1).to(torch.complex128)
    lowering = raising.T
    return torch.stack([(raising + lowering) / 2, (raising - lowering) / 2j, torch.diag(m).to(torch.complex128)])


def _half(doubled: int) -> int:
    if doubled % 2:
        raise ValueError("a sum of spins that must be an integer is half-integer")
    return doubled // 2


@table
def su2_clebsch_gordan(two_j1: int, two_j2: int, two_j: int) -> Tensor:
    r"""Coefficients :math:`C^{jm}_{j_1m_1\,j_2m_2}` in Racah's form, evaluated with exact integers.

    .. math::
        C^{jm}_{j_1m_1j_2m_2}=\delta_{m,m_1+m_2}
        \sqrt{\tfrac{(2j+1)(j+j_1-j_2)!(j-j_1+j_2)!(j_1+j_2-j)!}{(j_1+j_2+j+1)!}}
        \sqrt{(j{+}m)!(j{-}m)!(j_1{-}m_1)!(j_1{+}m_1)!(j_2{-}m_2)!(j_2{+}m_2)!}\;
        \sum_k\tfrac{(-1)^k}{k!(j_1+j_2-j-k)!(j_1-m_1-k)!(j_2+m_2-k)!(j-j_2+m_1+k)!(j-j_1-m_2+k)!}

    Returns
    -------
    Tensor, float64, shape (2 j1 + 1, 2 j2 + 1, 2 j + 1), index order (m1, m2, m)

    Raises
    ------
    ValueError
        The spins violate the triangle rule.
    """
    if not (abs(two_j1 - two_j2) <= two_j <= two_j1 + two_j2) or (two_j1 + two_j2 + two_j) % 2:
        raise ValueError(f"spins {two_j1}/2 and {two_j2}/2 do not couple to {two_j}/2")
    result = torch.zeros(two_j1 + 1, two_j2 + 1, two_j + 1, dtype=torch.float64)
    triangle = Fraction(
        (two_j + 1)
        * factorial(_half(two_j + two_j1 - two_j2))
        * factorial(_half(two_j - two_j1 + two_j2))
        * factorial(_half(two_j1 + two_j2 - two_j)),
        factorial(_half(two_j1 + two_j2 + two_j) + 1),
    )
    for i1, two_m1 in enumerate(range(-two_j1, two_j1 + 1, 2)):
        for i2, two_m2 in enumerate(range(-two_j2, two_j2 + 1, 2)):
            two_m = two_m1 + two_m2
            if abs(two_m) > two_j:
                continue
            weight = triangle
            for two_spin, two_projection in ((two_j, two_m), (two_j1, two_m1), (two_j2, two_m2)):
                weight *= factorial(_half(two_spin + two_projection)) * factorial(_half(two_spin - two_projection))
            total = Fraction(0)
            for k in range(_half(two_j1 + two_j2 - two_j) + 1):
                arguments = (
                    k,
                    _half(two_j1 + two_j2 - two_j) - k,
                    _half(two_j1 - two_m1) - k,
                    _half(two_j2 + two_m2) - k,
                    _half(two_j - two_j2 + two_m1) + k,
                    _half(two_j - two_j1 - two_m2) + k,
                )
                if min(arguments) < 0:
                    continue
                denominator = 1
                for argument in arguments:
                    denominator *= factorial(argument)
                total += Fraction((-1) ** k, denominator)
            result[i1, i2, _half(two_m + two_j)] = float(total) * sqrt(weight)
    return result


@table
def _spin_polynomial(two_j: int) -> tuple[Tensor, Tensor, Tensor]:
    """Terms of the spin-j matrix as a polynomial: flat target index, coefficient, exponents of (a, b, c, d)."""
    targets, coefficients, exponents = [], [], []
    for row in range(two_j + 1):  # row = j + m', column = j + m
        for column in range(two_j + 1):
            ratio = Fraction(factorial(row) * factorial(two_j - row), factorial(column) * factorial(two_j - column))
            for s in range(column + 1):
                if 0 <= row - s <= two_j - column:
                    targets.append(row * (two_j + 1) + column)
                    coefficients.append(sqrt(ratio) * comb(column, s) * comb(two_j - column, row - s))
                    exponents.append((s, row - s, column - s, s + two_j - row - column))
    return torch.tensor(targets), torch.tensor(coefficients, dtype=torch.float64), torch.tensor(exponents)


def spin_matrix(two_j: int, element: Tensor) -> Tensor:
    r"""The spin-j representation of SL(2,C), the symmetric power of the defining one.

    For :math:`A=\begin{pmatrix}a&b\\c&d\end{pmatrix}` on the states (up, down),

    .. math::
        D^j_{m'm}(A)=\sqrt{\tfrac{(j+m')!(j-m')!}{(j+m)!(j-m)!}}\sum_s\tbinom{j+m}{s}\tbinom{j-m}{j+m'-s}\,
        a^s\,c^{\,j+m-s}\,b^{\,j+m'-s}\,d^{\,s-m-m'} .

    Parameters
    ----------
    two_j
        Doubled spin.
    element
        Elements of SL(2,C), complex128, shape (..., 2, 2).

    Returns
    -------
    Tensor, complex128, shape (..., 2j+1, 2j+1)
    """
    targets, coefficients, exponents = _spin_polynomial(two_j)
    entries = element.reshape(*element.shape[:-2], 4)
    powers = torch.stack([entries**power for power in range(two_j + 1)], dim=-1)
    terms = coefficients.to(torch.complex128).expand(*element.shape[:-2], -1)
    for letter in range(4):
        terms = terms * powers[..., letter, :][..., exponents[:, letter]]
    flat = torch.zeros(*element.shape[:-2], (two_j + 1) ** 2, dtype=torch.complex128)
    return flat.index_add(-1, targets, terms).reshape(*element.shape[:-2], two_j + 1, two_j + 1)
