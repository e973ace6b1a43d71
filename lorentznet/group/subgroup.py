r"""Subgroups of O(1,3) as values of a lattice.

A subgroup is held as its Lie algebra, a subspace of the span of (Kx, Ky, Kz, Jx, Jy, Jz), together with the reflections of
coordinate axes, diag(±1, ±1, ±1, ±1), that belong to it; it is the group that the two generate. The meet of two subgroups
intersects both. Reflections along directions that are no coordinate axis are not recorded, so that a stabiliser of such
vectors may be reported without its reflections, never with a wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from lorentznet.errors import ConfigError, nearest
from lorentznet.group.lie import TOLERANCE, intersection, logarithm, null_space, signature, span
from lorentznet.group.minkowski import minkowski_square
from lorentznet.group.representation import split_components
from lorentznet.group.sampling import random_element
from lorentznet.group.tables import table
from lorentznet.group.transform import GENERATORS, LorentzTransform

Signs = tuple[int, int, int, int]

ALL_SIGNS: tuple[Signs, ...] = tuple(product((1, -1), repeat=4))  # type: ignore[arg-type]


class Subgroup:
    """A subgroup of the Lorentz group O(1,3); immutable and hashable, partially ordered by inclusion.

    Parameters
    ----------
    algebra
        Rows of coefficients of (Kx, Ky, Kz, Jx, Jy, Jz) that span the Lie algebra, shape (any, 6).
    reflections
        Signs of (E, px, py, pz) of reflections in the group; those of the connected part are added.

    Examples
    --------
    >>> Subgroup.of("O(3)") & Subgroup.of("SO(1,1)xO(2)")
    O(2)
    >>> Subgroup.of("SO(3)") <= Subgroup.of("O+(1,3)"), Subgroup.of("O(3)") <= Subgroup.of("SO+(1,3)")
    (True, False)
    """

    __slots__ = ("algebra", "reflections")
    algebra: Tensor
    """Orthonormal rows spanning the Lie algebra, float64, shape (dimension, 6); not to be modified in place."""
    reflections: frozenset[Signs]
    """All diagonal sign matrices in the group."""

    def __init__(self, algebra: Tensor, reflections: Sequence[Signs] | frozenset[Signs] = ()) -> None:
        rows = span(torch.as_tensor(algebra, dtype=torch.float64).reshape(-1, 6))
        object.__setattr__(self, "algebra", rows)
        object.__setattr__(self, "reflections", _closure({*_half_turns(rows), *reflections}))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("subgroups are immutable")

    def __reduce__(self) -> tuple[type[Subgroup], tuple[Tensor, frozenset[Signs]]]:
        """Copies and pickles are made anew from algebra and reflections."""
        return Subgroup, (self.algebra, self.reflections)

    @classmethod
    def of(cls, name: str) -> Subgroup:
        """A subgroup by name, see :func:`subgroup_names`; :class:`ConfigError` with the nearest match if there is none."""
        key = _ALIASES.get(name, name)
        catalogue = _catalogue()
        if key not in catalogue:
            raise ConfigError(f"unknown subgroup '{name}' of O(1,3); {nearest(name, catalogue)}")
        return catalogue[key]

    @classmethod
    def stabiliser(cls, vectors: Tensor | Sequence[Sequence[float]], rays: bool = False) -> Subgroup:
        r"""The subgroup that leaves each of the given four-vectors unchanged.

        Parameters
        ----------
        vectors
            Four-vectors (E, px, py, pz), shape (any, 4); none, and zero vectors, give O(1,3).
        rays
            If True a vector may be multiplied by a positive number: the symmetry of functions that do not feel the length of the
            references, such as ln(p·b⁺ / P·b⁺). It matters for lightlike vectors: both beams give SO(1,1)xO(2).

        Returns
        -------
        Subgroup
            The null space of :math:`X\mapsto(Xv_1,Xv_2,\dots)` over the six generators, with the coordinate reflections that
            keep the vectors.

        Examples
        --------
        >>> time, beams = [[1, 0, 0, 0]], [[1, 0, 0, 1], [1, 0, 0, -1]]
        >>> Subgroup.stabiliser(time), Subgroup.stabiliser(beams), Subgroup.stabiliser(beams, rays=True)
        (O(3), O(2), SO(1,1)xO(2))
        """
        given = torch.as_tensor(vectors, dtype=torch.float64).reshape(-1, 4)
        if not bool(torch.isfinite(given).all()):
            raise ConfigError(f"reference vectors (E, px, py, pz) are finite numbers; got {given.tolist()}")
        group = cls.of("O(1,3)")
        for vector in given:
            unit = vector / vector.norm().clamp_min(1e-300)
            moved = torch.einsum("kmn,n->km", GENERATORS, unit)
            # a transform can only rescale lightlike vectors, since it keeps the Minkowski square
            if rays and abs(float(minkowski_square(unit))) < TOLERANCE:
                moved = moved - (moved @ unit)[:, None] * unit
            kept = frozenset(signs for signs in ALL_SIGNS if torch.equal(unit * torch.tensor(signs, dtype=torch.float64), unit))
            group = group & cls(null_space(moved.T), kept)
        return group

    @property
    def dimension(self) -> int:
        """Dimension of the Lie algebra."""
        return len(self.algebra)

    @property
    def components(self) -> tuple[LorentzTransform, ...]:
        """One reflection of coordinate axes for every connected component, the identity last."""
        connected = _closure(_half_turns(self.algebra))
        # the largest of each coset, so that (1, 1, 1, 1) stands for the connected part
        chosen = sorted({max(_times(signs, half_turn) for half_turn in connected) for signs in self.reflections})
        return tuple(LorentzTransform(torch.diag(torch.tensor(signs, dtype=torch.float64))) for signs in chosen)

    def meet(self, other: Subgroup) -> Subgroup:
        """The intersection of two subgroups, also written ``a & b``."""
        return Subgroup(intersection(self.algebra, other.algebra), self.reflections & other.reflections)

    __and__ = meet

    def __le__(self, other: Subgroup) -> bool:
        """True if every element of this group is an element of ``other``."""
        outside = self.algebra - self.algebra @ other.algebra.T @ other.algebra
        return bool(outside.norm() < TOLERANCE) and self.reflections <= other.reflections

    def __lt__(self, other: Subgroup) -> bool:
        return self <= other and not other <= self

    def __ge__(self, other: Subgroup) -> bool:
        return other <= self

    def __gt__(self, other: Subgroup) -> bool:
        return other < self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subgroup) and self.dimension == other.dimension and self <= other <= self

    def __hash__(self) -> int:
        return hash((self.dimension, self.reflections))

    def contains(self, transform: LorentzTransform, tolerance: float = 1e-7) -> bool:
        """True if a transform is in the group: up to one of its reflections, its logarithm lies in the Lie algebra.

        Parameters
        ----------
        transform
            A Lorentz transform.
        tolerance
            Bound on the part of the logarithm outside the algebra, relative to its size or 1.
        """
        for representative in self.components:
            proper, space, time = split_components((transform @ representative).matrix)
            if bool(space | time):
                continue
            coefficients = logarithm(proper)
            outside = coefficients - self.algebra.T @ (self.algebra @ coefficients)
            if outside.norm() <= tolerance * max(1.0, float(coefficients.norm())):
                return True
        return False

    def random(self, rapidity: float = 3.0, generator: torch.Generator | None = None) -> LorentzTransform:
        r"""A strong random element :math:`R\,e^{X}R'\,d`.

        R, R' are rotations of the group, X is an element of its algebra orthogonal to its rotations, and d reaches one of
        its components. The rapidity of the boost part is uniform between 2/3 and 4/3 of ``rapidity`` wherever the group
        holds such boosts; a compact group gives rotations. Angles are uniform between 0.3 and pi. Never the identity, unless
        the group is trivial.

        Parameters
        ----------
        rapidity
            Mean rapidity of the boost part.
        generator
            Source of the random numbers; the global one of torch if None.
        """
        return random_element(self.algebra, self.components, rapidity, generator)

    def __repr__(self) -> str:
        for name, group in _catalogue().items():
            if group == self:
                return name
        connected = Subgroup(self.algebra)
        known = {signature(group.algebra): name for name, group in _catalogue().items() if group.dimension == self.dimension}
        if self.dimension and any(group == connected for group in _catalogue().values()):
            kind = str(connected)
        elif self.dimension and signature(self.algebra) in known:
            kind = f"conjugate of {known[signature(self.algebra)]}"
        else:
            kind = f"{self.dimension}-parameter subgroup" if self.dimension else "discrete subgroup"
        return f"{kind} with reflections" if self.reflections != connected.reflections else kind


def subgroup_names() -> tuple[str, ...]:
    """Names of the catalogue. Without a suffix the axis is z: the beams are along it."""
    return tuple(_catalogue())


_ALIASES = {"O+(1,1)xSO(2)": "SO(1,1)xSO(2)", "SO+(1,1)xSO(2)": "SO(1,1)xSO(2)", "SO+(1,1)xO(2)": "SO(1,1)xO(2)", "trivial": "1"}


@table
def _catalogue() -> dict[str, Subgroup]:
    boosts, turns = torch.eye(6, dtype=torch.float64)[:3], torch.eye(6, dtype=torch.float64)[3:]

    def signs(e: str, x: str, y: str, z: str) -> frozenset[Signs]:
        """All reflections with '+' fixed and '*' free."""
        words = (e, x, y, z)
        return frozenset(s for s in ALL_SIGNS if all(word == "*" or value > 0 for word, value in zip(words, s, strict=True)))

    whole, none = torch.eye(6, dtype=torch.float64), torch.zeros(0, 6, dtype=torch.float64)
    proper = frozenset(s for s in ALL_SIGNS if s[0] * s[1] * s[2] * s[3] > 0)
    groups = {
        "O(1,3)": Subgroup(whole, ALL_SIGNS),
        "O+(1,3)": Subgroup(whole, signs("+", "*", "*", "*")),
        "SO(1,3)": Subgroup(whole, proper),
        "SO+(1,3)": Subgroup(whole),
        "O(3)": Subgroup(turns, signs("+", "*", "*", "*")),
        "SO(3)": Subgroup(turns),
    }
    for axis, suffix in ((2, ""), (0, "_x"), (1, "_y")):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        fixed = ["*", "*", "*"]
        fixed[axis] = "+"
        hyperbolic = torch.stack([boosts[first], boosts[second], turns[axis]])
        groups["O(1,2)" + suffix] = Subgroup(hyperbolic, signs("*", *fixed))
        groups["O+(1,2)" + suffix] = Subgroup(hyperbolic, signs("+", *fixed))
        groups["SO(1,2)" + suffix] = Subgroup(hyperbolic, signs("*", *fixed) & proper)
        groups["SO+(1,2)" + suffix] = Subgroup(hyperbolic)
    for sign, suffix in ((1, "_+"), (-1, "_-")):  # little groups of t + z and t - z
        null = torch.stack([boosts[1] + sign * turns[0], boosts[0] - sign * turns[1], turns[2]])
        groups["E(2)" + suffix] = Subgroup(null, signs("+", "*", "*", "+"))
        groups["SE(2)" + suffix] = Subgroup(null)
    beams = torch.stack([boosts[2], turns[2]])
    groups["O+(1,1)xO(2)"] = Subgroup(beams, signs("+", "*", "*", "*"))
    groups["SO(1,1)xO(2)"] = Subgroup(beams, signs("+", "*", "*", "+"))
    groups["SO(1,1)xSO(2)"] = Subgroup(beams)
    groups["O(2)xO(1)"] = Subgroup(turns[2], signs("+", "*", "*", "*"))
    for axis, suffix in ((2, ""), (0, "_x"), (1, "_y")):
        fixed = ["*", "*", "*"]
        fixed[axis] = "+"
        groups["O(2)" + suffix] = Subgroup(turns[axis], signs("+", *fixed))
        groups["SO(2)" + suffix] = Subgroup(turns[axis])
    groups["O(1,1)"] = Subgroup(boosts[2], signs("*", "+", "+", "*"))
    groups["O+(1,1)"] = Subgroup(boosts[2], signs("+", "+", "+", "*"))
    groups["SO(1,1)"] = Subgroup(boosts[2])
    groups["1"] = Subgroup(none)
    return groups


def _times(first: Signs, second: Signs) -> Signs:
    return first[0] * second[0], first[1] * second[1], first[2] * second[2], first[3] * second[3]


def _closure(signs: set[Signs]) -> frozenset[Signs]:
    """The group that diagonal sign matrices generate."""
    group = {(1, 1, 1, 1), *signs}
    while True:
        grown = {_times(first, second) for first in group for second in group}
        if grown == group:
            return frozenset(group)
        group = grown


def _half_turns(algebra: Tensor) -> set[Signs]:
    """Half turns about coordinate axes in the connected group of an algebra: those whose rotation generator it contains."""
    outside = torch.eye(6, dtype=torch.float64)[3:] @ (torch.eye(6, dtype=torch.float64) - algebra.T @ algebra)
    turns: tuple[Signs, ...] = ((1, 1, -1, -1), (1, -1, 1, -1), (1, -1, -1, 1))
    return {turn for turn, rest in zip(turns, outside, strict=True) if rest.norm() < TOLERANCE}
