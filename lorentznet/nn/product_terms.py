r"""Which components are multiplied in a product of Cl(1,3), with which signs, and on which grade path.

A product is the list of its terms z_c += s x_a y_b. In the whole algebra these are 256, one for each pair (a, c), because the blade b is
fixed by a and c; with a vector on the left they are 64. Both gradients are products with the same terms in other roles,

.. math:: \bar x_a = \sum s\,\bar z_c\,y_b, \qquad \bar y_b = \sum s\,x_a\,\bar z_c,

which is the algebraic backward pass :math:`\bar x=\eta\,((\eta\bar z)\,\tilde y)`, :math:`\bar y=\eta\,(\tilde x\,(\eta\bar z))` with the
signs of the invariant form (eta) and of the reversion (~) drawn into the table: b(x y, h) = b(x, h ~y) = b(y, ~x h).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from lorentznet.group.blades import sign_of_product
from lorentznet.group.clifford import SPACETIME
from lorentznet.group.tables import table
from lorentznet.nn.constant import Constant

Blades = tuple[int, ...]
ALL: Blades = tuple(range(16))
VECTOR: Blades = (1, 2, 3, 4)

FORM, REVERSION = Constant(SPACETIME.eta), Constant(SPACETIME.reversion_signs)


class Term(NamedTuple):
    """The product of row ``left`` of x and row ``right`` of y adds ``sign`` times itself to row ``out``, on the grade path ``path``."""

    left: int
    right: int
    out: int
    sign: int
    path: int


class Columns(NamedTuple):
    """The left rows, right rows, rows of the result and signs of several terms."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    out: tuple[int, ...]
    signs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of one bilinear product, sorted by the row of the result and of the left factor.

    Attributes
    ----------
    n_left, n_right, n_out
        Number of rows of the factors and of the result.
    terms
        At most one for each pair of a left row and a row of the result.
    paths
        Grades (left, right, out) of every path.
    """

    n_left: int
    n_right: int
    n_out: int
    terms: tuple[Term, ...]
    paths: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(sorted(self.terms, key=lambda term: (term.out, term.left))))

    @cached_property
    def for_left(self) -> Terms:
        """The product (gradient of the result) (right factor) that is the gradient of the left factor."""
        terms = tuple(Term(t.out, t.right, t.left, t.sign, t.path) for t in self.terms)
        return replace(self, n_left=self.n_out, n_out=self.n_left, terms=terms)

    @cached_property
    def for_right(self) -> Terms:
        """The product (left factor) (gradient of the result) that is the gradient of the right factor."""
        terms = tuple(Term(t.left, t.out, t.right, t.sign, t.path) for t in self.terms)
        return replace(self, n_right=self.n_out, n_out=self.n_right, terms=terms)

    @property
    def is_full(self) -> bool:
        """Whether every row of the left factor takes part in every row of the result."""
        return len(self.terms) == self.n_left * self.n_out

    @cached_property
    def leading(self) -> tuple[Term | None, ...]:
        """A positive term of each row of the result, with which its sum begins; None where there is none."""
        found = {term.out: term for term in reversed(self.terms) if term.sign > 0}
        return tuple(found.get(out) for out in range(self.n_out))

    @cached_property
    def _rest(self) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if term is not self.leading[term.out])

    @cached_property
    def following(self) -> tuple[Columns, ...]:
        """All other terms, those of one row of the result after the other; empty if there are none."""
        return (_columns(self._rest),) if self._rest else ()

    @cached_property
    def rounds(self) -> tuple[Columns, ...]:
        """The same in rounds, each of which adds to a row of the result once at most."""
        found: list[list[Term]] = []
        used = dict.fromkeys(range(self.n_out), 0)
        for term in self._rest:
            if used[term.out] == len(found):
                found.append([])
            found[used[term.out]].append(term)
            used[term.out] += 1
        return tuple(_columns(terms) for terms in found)


def _columns(terms: Sequence[Term]) -> Columns:
    return Columns(*(tuple(getattr(term, name) for term in terms) for name in ("left", "right", "out", "sign")))


class Tables(NamedTuple):
    """A product as tensors, on one device. A pair is a row of the result and a row of the left factor, in this order.

    Attributes
    ----------
    right
        Row of y for every pair; any where there is no term.
    signs
        Sign of every pair in the column of its path, shape (pairs, paths); all zero where there is no term.
    signed
        If every pair has a term: its row in (y, -y).
    pairs
        For every row of the right factor and every left row: the pair in which they stand, or one without a term.
    dense
        Structure constants, shape (left, right, out).
    """

    right: Tensor
    signs: Tensor
    signed: Tensor
    pairs: Tensor
    dense: Tensor


@table
def tables(product: Terms, dtype: torch.dtype, device: torch.device) -> Tables:
    """The tensors of a product, made once for each dtype and device."""
    right = torch.zeros(product.n_out * product.n_left, dtype=torch.int64)
    signs = torch.zeros(len(right), len(product.paths), dtype=torch.float64)
    dense = torch.zeros(product.n_left, product.n_right, product.n_out, dtype=torch.float64)
    stands = {}
    for term in product.terms:
        pair = term.out * product.n_left + term.left
        right[pair], signs[pair, term.path] = term.right, term.sign
        dense[term.left, term.right, term.out] = term.sign
        stands[term.right, term.left] = pair
    signed = right + product.n_right * (signs.sum(1) < 0)
    without = int(signs.abs().sum(1).argmin())
    pairs = torch.tensor([stands.get((b, a), without) for b in range(product.n_right) for a in range(product.n_left)])
    made = (right, signs.to(dtype), signed, pairs, dense.to(dtype))
    return Tables(*(value.to(device) for value in made))


@cache
def product_terms(left: Blades, right: Blades, out: Blades) -> Terms:
    """The product of multivectors with the blades ``left`` and ``right``, as far as it has the blades ``out``.

    Paths are those of :attr:`~lorentznet.group.clifford.CliffordAlgebra.grade_paths`, in its order, between the grades that are there.
    """
    masks = SPACETIME.blades  # no tensors here: this may run while torch.compile traces with tensors that have no values
    there = [{masks[blade].bit_count() for blade in blades} for blades in (left, right, out)]
    paths = tuple(path for path in SPACETIME.grade_paths if all(grade in kept for grade, kept in zip(path, there, strict=True)))
    row = {masks[blade]: number for number, blade in enumerate(out)}
    terms = tuple(
        Term(
            a,
            b,
            row[masks[i] ^ masks[k]],
            sign_of_product(masks[i], masks[k], SPACETIME.p),
            paths.index((masks[i].bit_count(), masks[k].bit_count(), (masks[i] ^ masks[k]).bit_count())),
        )
        for a, i in enumerate(left)
        for b, k in enumerate(right)
        if masks[i] ^ masks[k] in row
    )
    return Terms(len(left), len(right), len(out), terms, paths)
