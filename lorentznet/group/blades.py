r"""Tables of Clifford algebras from bit masks, and the compound matrices that act on blades.

A blade is a bit mask: bit i set means that the generator e_i is a factor, in ascending order. Blades are ordered by grade and
then lexicographically (ShortLex). Cached tensors are shared: they must not be modified in place.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from lorentznet.group.tables import table


def compound(matrix: Tensor, k: int) -> Tensor:
    r"""The k-th compound matrix: all k x k minors, rows and columns in lexicographic order.

    It is the k-th exterior power, :math:`C_k(AB)=C_k(A)C_k(B)`.

    Parameters
    ----------
    matrix
        Square matrices, shape (..., n, n).
    k
        Size of the minors, 0 to n.

    Returns
    -------
    Tensor, shape (..., binom(n, k), binom(n, k))
    """
    if k == 1:
        return matrix.clone()
    if k == 0:
        return matrix.new_ones(*matrix.shape[:-2], 1, 1)
    chosen = torch.tensor(list(combinations(range(matrix.shape[-1]), k)))
    minors = matrix[..., chosen[:, None, :, None], chosen[None, :, None, :]]
    if k == 2:  # written out: exact for reflections, without a pivot search
        result: Tensor = minors[..., 0, 0] * minors[..., 1, 1] - minors[..., 0, 1] * minors[..., 1, 0]
        return result
    determinants: Tensor = torch.linalg.det(minors)
    return determinants


def blade_masks(n: int) -> tuple[int, ...]:
    """Bit masks of the 2^n blades of n generators, in order."""
    return tuple(sum(1 << i for i in chosen) for grade in range(n + 1) for chosen in combinations(range(n), grade))


def sign_of_product(left: int, right: int, p: int) -> int:
    """Sign of the product of two blades of Cl(p, q).

    One factor -1 for every transposition that sorts the generators, and for every contracted pair whose square is -1 (those
    from bit p on).
    """
    transpositions = sum((left >> bit + 1).bit_count() for bit in range(right.bit_length()) if right >> bit & 1)
    negative_squares = ((left & right) >> p).bit_count()
    return -1 if (transpositions + negative_squares) % 2 else 1


@table
def cayley_table(p: int, q: int) -> Tensor:
    """Structure constants of Cl(p, q), float64, index order (left, right, out); the blade of a product is left XOR right."""
    masks = blade_masks(p + q)
    place = {mask: index for index, mask in enumerate(masks)}
    table = torch.zeros(len(masks), len(masks), len(masks), dtype=torch.float64)
    for i, left in enumerate(masks):
        for k, right in enumerate(masks):
            table[i, k, place[left ^ right]] = sign_of_product(left, right, p)
    return table


@table
def grade_paths(p: int, q: int) -> tuple[tuple[int, int, int], ...]:
    """Grades (left, right, out) between which the product of Cl(p, q) does not vanish, in lexicographic order."""
    masks = blade_masks(p + q)
    pairs = ((left, right) for left in masks for right in masks)  # the product of two blades never vanishes
    return tuple(sorted({(left.bit_count(), right.bit_count(), (left ^ right).bit_count()) for left, right in pairs}))
