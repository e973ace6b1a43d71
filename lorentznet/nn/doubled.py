r"""Sums and products of float64 numbers together with what rounding took from them.

A momentum of a jet that was boosted by gamma is known to u = 2^-53 of its size; back in the rest frame, where it is gamma times smaller
and its energy is a difference of two numbers gamma times larger, that is gamma^2 u. This is the floor that no network can pass. Each
further rounding on the way adds as much again: computed plainly, a boost loses three times what the floor is. Here the rounding error
of each operation is found exactly, by operations in float64 alone, and carried along.

References
----------
T. J. Dekker, Numer. Math. 18 (1971) 224; D. E. Knuth, The Art of Computer Programming 2, section 4.2.2; T. Ogita, S. M. Rump and
S. Oishi, SIAM J. Sci. Comput. 26 (2005) 1955 (the product of vectors, algorithm 5.3).
"""

from __future__ import annotations

import torch
from torch import Tensor

_SPLITTER = 2.0**27 + 1  # cuts the 53 bits of a float64 into two halves, whose products are exact


def two_sum(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The rounded sum of float64 numbers, and exactly what rounding took from it."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def two_product(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The rounded product of float64 numbers (below 1e300), and exactly what rounding took from it."""
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: Tensor) -> tuple[Tensor, Tensor]:
    far = _SPLITTER * a
    high = far - (far - a)
    return high, a - high


def minkowski_dot(a: Tensor, b: Tensor) -> Tensor:
    r"""The product :math:`a\cdot b`, rounded once: as exact as if it were formed with twice the digits.

    Parameters
    ----------
    a, b
        Four-vectors (E, px, py, pz), float64, shapes (..., 4) that broadcast.
    """
    products, errors = two_product(a, torch.cat((b[..., :1], -b[..., 1:]), -1))
    total, *others = products.unbind(-1)
    lost = errors.sum(-1)
    for product in others:
        total, error = two_sum(total, product)
        lost = lost + error
    return total + lost
