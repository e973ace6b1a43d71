"""What a reader of a file format is.

A reader knows one container and nothing of physics: it lists the branches of a file, and gives the columns that a card names,
as they are stored. Units, classes, order and checks come later and are the same for all formats.

A new format is one file in this folder with one subclass of :class:`Reader`; it is found by itself.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from lorentznet.data.card import DatasetCard
from lorentznet.errors import DataError, LorentznetError, nearest


@dataclass(frozen=True)
class Branch:
    """A column of a file: its name, its type in words, and whether it holds one number per jet or one per particle."""

    name: str
    type: str
    kind: Literal["jet", "particle", "other"]


@dataclass(frozen=True)
class Description:
    """What a file holds.

    Attributes
    ----------
    container
        In words, with the name of the tree: ``TTree 'tree'``.
    n_jets
        Number of rows.
    branches
        All columns.
    block
        Rows that are stored together: reading fewer costs as much.
    """

    container: str
    n_jets: int
    branches: tuple[Branch, ...]
    block: int

    def names(self, kind: str) -> tuple[str, ...]:
        """Names of the columns of one kind."""
        return tuple(branch.name for branch in self.branches if branch.kind == kind)


@dataclass(frozen=True)
class RawJets:
    """Columns as they are stored, of consecutive rows of a file.

    Attributes
    ----------
    particles
        Branch -> one number per particle, flat, jet after jet, shape (n_particles,).
    counts
        Number of particles of each jet, shape (n_jets,).
    jets
        Branch -> one number per jet, shape (n_jets,).
    """

    particles: Mapping[str, np.ndarray]
    counts: np.ndarray
    jets: Mapping[str, np.ndarray]


class Reader(abc.ABC):
    """A file that is open for reading; used in a ``with`` statement.

    Parameters
    ----------
    path
        Of the file.
    tree
        Which of the tables in the file to read; None takes the only one.
    """

    format: ClassVar[str]
    """Name of the format, as cards write it."""

    title: ClassVar[str]
    """Name of the format for people."""

    magic: ClassVar[bytes]
    """First bytes of every file of the container."""

    @abc.abstractmethod
    def __init__(self, path: str, tree: str | None = None) -> None: ...

    @classmethod
    def recognises(cls, path: str, head: bytes) -> bool:
        """True if this reader takes the file; ``head`` is its first bytes."""
        return head.startswith(cls.magic)

    @abc.abstractmethod
    def describe(self) -> Description:
        """What the file holds, without reading the jets."""

    @abc.abstractmethod
    def read(self, start: int, stop: int, card: DatasetCard) -> RawJets:
        """The columns that a card names, of rows ``start`` to ``stop``.

        Besides :attr:`DatasetCard.jet_branches` and :attr:`DatasetCard.particle_branches` these are the names in the card's
        selection that the file has.

        Raises
        ------
        DataError
            If the file is damaged, or lacks a branch (with the nearest match).
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def damaged(path: str, kind: str) -> Iterator[None]:
    """Turn whatever a library raises on a broken file into one line that names it."""
    try:
        yield
    except (LorentznetError, MemoryError):
        raise
    except Exception as error:  # uproot alone raises some ten kinds of errors on truncated files
        lines = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
        if isinstance(error, ImportError):
            raise DataError(f"{path}: a library is missing that reads such files ({reason}); install it") from error
        if "://" in path:
            raise DataError(
                f"{path}: cannot be read from there ({reason}); correct the address, or copy the file here"
            ) from error
        raise DataError(f"{path}: damaged or truncated {kind} file ({reason}); copy or make it again") from error


def require(
    wanted: Mapping[str, str], kind: Literal["jet", "particle"], found: Description, card: DatasetCard, path: str
) -> None:
    """Refuse a file that lacks a branch of the card; the message lists those that it has, and the nearest one."""
    branches = {branch.name: branch for branch in found.branches}
    per = {"jet": "one number per jet", "particle": "one number per particle", "other": "something else"}
    for name, role in wanted.items():
        if name not in branches:
            options: Iterable[str] = found.names(kind) or branches
            raise DataError(
                f"{path}: {found.container} has no branch '{name}' ({role} in card '{card.name}'); {nearest(name, options)}; "
                "correct the card or give another with --card"
            )
        if branches[name].kind != kind:
            what = f"holds {per[branches[name].kind]} ({branches[name].type}), not {per[kind]}"
            possible = nearest(name, found.names(kind))
            raise DataError(f"{path}: branch '{name}' ({role} in card '{card.name}') {what}; {possible}")


def available(names: Iterable[str], kind: Literal["jet", "particle"], found: Description) -> list[str]:
    """Those of the names that the file has as branches of this kind."""
    there = set(found.names(kind))
    return [name for name in names if name in there]
