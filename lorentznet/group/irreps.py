"""Direct sums of irreps: :class:`Irreps`, the type of a network's features.

Examples
--------
>>> irreps = Irreps("8x(0,0)+4x(1,1)+2x((2,0)+(0,2))")
>>> irreps, irreps.dim, irreps.is_real
(8x(0,0)+4x(1,1)+2x((2,0)+(0,2)), 36, True)
>>> irreps[1], irreps[1:].dim, irreps.count(Irrep(1, 1))
((4, (1,1)), 28, 4)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias, overload

import torch
from torch import Tensor

from lorentznet.errors import ConfigError
from lorentznet.group.irrep import AnyIrrep, Irrep, IrrepPair, Representation, apply_matrix, real_irreps, sort_key
from lorentznet.group.transform import LorentzTransform

__all__ = ["AnyIrrep", "Irrep", "IrrepPair", "Irreps", "Representation", "apply_matrix", "real_irreps", "sort_key"]

Term: TypeAlias = tuple[int, AnyIrrep]

_LABELS = r"\(\s*(\d+)\s*,\s*(\d+)\s*\)"
_TERM = re.compile(rf"\s*(?:(\d+)\s*[x*]\s*)?(?:{_LABELS}|\(\s*{_LABELS}\s*\+\s*{_LABELS}\s*\))\s*")


class Irreps:
    """An ordered direct sum of irreps with multiplicities; immutable and hashable.

    Parameters
    ----------
    terms
        A string such as ``"8x(0,0)+4x(1,1)+2x((2,0)+(0,2))"`` (a multiplicity of one may be left out), an iterable of
        ``(multiplicity, irrep)`` or of irreps, one irrep, or another ``Irreps``. The order is kept.

    Raises
    ------
    ConfigError
        The string cannot be read, or a multiplicity is not a positive integer.
    """

    __slots__ = ("_terms",)
    _terms: tuple[Term, ...]

    def __init__(self, terms: str | Irreps | AnyIrrep | Iterable[Term | AnyIrrep] = ()) -> None:
        if isinstance(terms, Irreps):
            parsed = terms._terms
        elif isinstance(terms, str):
            parsed = _parse(terms)
        elif isinstance(terms, Irrep | IrrepPair):
            parsed = ((1, terms),)
        else:
            parsed = tuple(_term(term) for term in terms)
        object.__setattr__(self, "_terms", parsed)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Irreps are immutable")

    def __reduce__(self) -> tuple[type[Irreps], tuple[str]]:
        return Irreps, (str(self),)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms as (multiplicity, irrep)."""
        return self._terms

    @property
    def dim(self) -> int:
        """Number of components, multiplicities included."""
        return sum(mult * irrep.dim for mult, irrep in self._terms)

    @property
    def num_irreps(self) -> int:
        """Number of irreps, the sum of the multiplicities."""
        return sum(mult for mult, _ in self._terms)

    @property
    def is_real(self) -> bool:
        """True if all components are real numbers."""
        return all(irrep.is_real for _, irrep in self._terms)

    @property
    def irreps(self) -> tuple[AnyIrrep, ...]:
        """The irreps of the terms, without multiplicities."""
        return tuple(irrep for _, irrep in self._terms)

    @property
    def multiplicities(self) -> tuple[int, ...]:
        """The multiplicities of the terms."""
        return tuple(mult for mult, _ in self._terms)

    def count(self, irrep: AnyIrrep) -> int:
        """Total multiplicity of an irrep, 0 if it does not occur."""
        return sum(mult for mult, other in self._terms if other == irrep)

    def slices(self) -> list[slice]:
        """For each term its slice of the last axis of the flat form."""
        ends = [0]
        for mult, irrep in self._terms:
            ends.append(ends[-1] + mult * irrep.dim)
        return [slice(start, stop) for start, stop in pairwise(ends)]

    def sorted(self) -> Irreps:
        """The terms in canonical order (0,0), (1,1), (2,0), (0,2), ((2,0)+(0,2)), (2,2), ...; equal irreps keep their order."""
        return Irreps([(mult, irrep) for mult, irrep in sorted(self._terms, key=_term_key)])

    def simplify(self) -> Irreps:
        """Canonical order with equal irreps joined into one term."""
        return Irreps([(self.count(irrep), irrep) for irrep in sorted(set(self.irreps), key=sort_key)])

    def act(self, transform: LorentzTransform, x: Sequence[Tensor] | Tensor) -> list[Tensor] | Tensor:
        """Transform features.

        Parameters
        ----------
        transform
            A Lorentz transform.
        x
            The *list form*, one tensor (multiplicity, ..., dim) per term, or the *flat form*, one tensor whose last axis
            holds the terms one after the other, each as multiplicity blocks of dim.

        Returns
        -------
        The same form.
        """
        if isinstance(x, Tensor):
            return self.flatten(self._act_list(transform, self.unflatten(x)))
        return self._act_list(transform, x)

    def _act_list(self, transform: LorentzTransform, features: Sequence[Tensor]) -> list[Tensor]:
        self._check(features)
        return [irrep.act(transform, part) for (_, irrep), part in zip(self._terms, features, strict=True)]

    def random(self, shape: tuple[int, ...] = (), generator: torch.Generator | None = None) -> list[Tensor]:
        """Normal features of unit variance in list form: float64 (complex128) tensors of shape (multiplicity, *shape, dim)."""
        return [irrep.random((mult, *shape), generator) for mult, irrep in self._terms]

    def flatten(self, features: Sequence[Tensor]) -> Tensor:
        """From the list form to the flat form, shape (..., dim)."""
        self._check(features)
        return torch.cat([part.movedim(0, -2).flatten(-2) for part in features], dim=-1)

    def unflatten(self, x: Tensor) -> list[Tensor]:
        """From the flat form, shape (..., dim), to the list form."""
        if x.shape[-1] != self.dim:
            raise ConfigError(f"{self} has {self.dim} components; the last axis of the flat tensor has {x.shape[-1]}")
        return [
            x[..., part].reshape(*x.shape[:-1], mult, irrep.dim).movedim(-2, 0)
            for (mult, irrep), part in zip(self._terms, self.slices(), strict=True)
        ]

    def _check(self, features: Sequence[Tensor]) -> None:
        shapes = [(part.shape[0], part.shape[-1]) for part in features]
        wanted = [(mult, irrep.dim) for mult, irrep in self._terms]
        if shapes != wanted:
            raise ConfigError(f"features of {self} are tensors (multiplicity, ..., dim) with {wanted}; got {shapes}")

    def __iter__(self) -> Iterator[Term]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    @overload
    def __getitem__(self, index: int) -> Term: ...
    @overload
    def __getitem__(self, index: slice) -> Irreps: ...
    def __getitem__(self, index: int | slice) -> Term | Irreps:
        return Irreps(self._terms[index]) if isinstance(index, slice) else self._terms[index]

    def __add__(self, other: Irreps | str) -> Irreps:
        """The direct sum: the terms of both, in order."""
        return Irreps(self._terms + Irreps(other)._terms)

    def __mul__(self, factor: int) -> Irreps:
        """All multiplicities times ``factor``."""
        return Irreps([(mult * factor, irrep) for mult, irrep in self._terms])

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Irreps) and self._terms == other._terms

    def __hash__(self) -> int:
        return hash(self._terms)

    def __repr__(self) -> str:
        return "+".join(f"{mult}x{irrep}" for mult, irrep in self._terms)


def _parse(text: str) -> tuple[Term, ...]:
    """Terms of a string, see :class:`Irreps`; an empty string has none."""
    terms: list[Term] = []
    position = 0
    while text.strip():
        match = _TERM.match(text, position)
        if match is None or text[match.end() : match.end() + 1] not in ("", "+"):
            raise ConfigError(
                f"cannot read irreps '{text}' at '{text[position:]}': write terms MULTIPLICITYx(k,n) joined by '+', "
                "for example 8x(0,0)+4x(1,1)+2x((2,0)+(0,2))+2x(2,2)"
            )
        mult, k, n, first_k, first_n, second_k, second_n = match.groups()
        if k is not None:
            irrep: AnyIrrep = Irrep(int(k), int(n))
        elif (first_k, first_n) == (second_n, second_k):
            irrep = IrrepPair(int(first_k), int(first_n))
        else:
            raise ConfigError(
                f"irreps '{text}': a pair joins (k,n) and (n,k), as ((2,0)+(0,2)) does; got '{match.group().strip()}'"
            )
        terms.append(_term((int(mult or 1), irrep)))
        if match.end() == len(text):
            break
        position = match.end() + 1
    return tuple(terms)


def _term_key(term: Term) -> tuple[int, int, int, int]:
    return sort_key(term[1])


def _term(value: Term | AnyIrrep) -> Term:
    mult, irrep = (1, value) if isinstance(value, Irrep | IrrepPair) else value
    if isinstance(mult, bool) or not isinstance(mult, int) or mult < 1 or not isinstance(irrep, Irrep | IrrepPair):
        raise ConfigError(f"a term of irreps is (multiplicity >= 1, Irrep(k, n) or IrrepPair(k, n)); got ({mult!r}, {irrep!r})")
    return mult, irrep
