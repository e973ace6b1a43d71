"""Strong random elements of a subgroup, for tests and measurements of invariance.

Weak draws make such tests blind: a boost of rapidity 0.1 hardly moves a momentum. Here the rapidity is prescribed.
"""

from __future__ import annotations

import cmath
from collections.abc import Sequence
from math import cosh, pi

import torch
from torch import Tensor

from lorentznet.group.lie import TOLERANCE, exponential, null_space
from lorentznet.group.transform import LorentzTransform

SMALLEST_ANGLE = 0.3
"""Smallest angle (radian) of a drawn rotation."""


def random_element(
    algebra: Tensor, components: Sequence[LorentzTransform], rapidity: float, generator: torch.Generator | None
) -> LorentzTransform:
    r"""Draw :math:`R\,e^X\,R'\,d`, see :meth:`lorentznet.group.subgroup.Subgroup.random`.

    Parameters
    ----------
    algebra
        Orthonormal rows spanning the Lie algebra, shape (dimension, 6).
    components
        One element of every connected component, the identity last.
    rapidity
        Mean rapidity of the boost part.
    generator
        Source of the random numbers; the global one of torch if None.
    """
    mixing = null_space(algebra[:, :3].T)  # combinations of the rows without boosts
    turns, rest = mixing @ algebra, null_space(mixing) @ algebra
    element = LorentzTransform.identity()
    if len(rest):
        direction = _direction(rest, generator)
        target = rapidity * _uniform(2 / 3, 4 / 3, generator)
        element = exponential(direction * _strength(direction, target, _angle(generator)))
    if len(turns):
        before, after = (exponential(_direction(turns, generator) * _angle(generator)) for _ in range(2))
        # a group of rotations only gets one factor: two could cancel
        element = after @ element @ before if len(rest) else before
    # a discrete group without its identity, unless that is all there is
    choices = len(components) - 1 if len(algebra) == 0 and len(components) > 1 else len(components)
    return element @ components[int(torch.randint(choices, (), generator=generator))]


def _uniform(low: float, high: float, generator: torch.Generator | None) -> float:
    return low + (high - low) * float(torch.rand((), dtype=torch.float64, generator=generator))


def _angle(generator: torch.Generator | None) -> float:
    return _uniform(SMALLEST_ANGLE, pi, generator)


def _direction(rows: Tensor, generator: torch.Generator | None) -> Tensor:
    """A random unit vector in the span of orthonormal rows, uniform on the sphere."""
    weights = torch.randn(len(rows), dtype=torch.float64, generator=generator)
    direction: Tensor = weights / weights.norm() @ rows
    return direction


def _strength(direction: Tensor, target: float, fallback: float) -> float:
    r"""The first s > 0 with rapidity(exp(s X)) = target, by bisection; ``fallback`` if none has it, as in compact groups.

    The cover :math:`A=\cosh sw+\frac{\sinh sw}{w}\,\vec w\cdot\vec\sigma` with :math:`\vec w=(\vec\zeta-i\vec\omega)/2` has
    :math:`\cosh\eta=\frac12\mathrm{Tr}AA^\dagger=|\cosh sw|^2+|\sinh(sw)/w|^2\,\vec w\cdot\vec w^*`.
    """
    if direction[3:].norm() < TOLERANCE:
        return target
    zeta, omega = direction[:3].tolist(), direction[3:].tolist()
    half = [complex(boost, -turn) / 2 for boost, turn in zip(zeta, omega, strict=True)]
    root = cmath.sqrt(sum(component * component for component in half))
    size = sum(abs(component) ** 2 for component in half)

    def too_weak(s: float) -> bool:
        sine = cmath.sinh(s * root) / root if abs(root) > TOLERANCE else s
        return abs(cmath.cosh(s * root)) ** 2 + abs(sine) ** 2 * size < cosh(target)

    low, high = 0.0, 0.5
    while too_weak(high):
        low, high = high, high + 0.5
        if high > 100 * (1 + target):
            return fallback
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if too_weak(middle) else (low, middle)
    return high
