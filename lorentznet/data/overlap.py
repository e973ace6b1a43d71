"""Whether two words name the same jets of a file."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

from lorentznet.data.card import CardLike, find_card
from lorentznet.data.source import JetSource
from lorentznet.errors import ConfigError, DataError

Rows = tuple[float, float]
"""First row, and row after the last."""


def overlap(left: JetSource, right: JetSource, card: CardLike | None = None, by_name: bool = False) -> bool | None:
    """True if some jets of a file are named by both; None if that cannot be told, as the card that defines a split is not there.

    Files that are both there are the same if they are one file (or ``by_name``: if their names are), others if their names are: of what
    was read on another machine no more is known.

    Examples
    --------
    >>> from lorentznet.data.source import parse
    >>> overlap(parse("jets.root#0:100"), parse("data/jets.root#90:120")), overlap(parse("jets.root#0:9"), parse("jets.root#9:"))
    (True, False)
    """
    if not _one_file(Path(left.path), Path(right.path), by_name):
        return False
    if None in (left.rows, right.rows) or left.rows == right.rows:
        return True
    first, second = _rows(left, card), _rows(right, card)
    if first is None or second is None:  # two splits of a card that is not there are two by their names
        return False if isinstance(left.rows, str) and isinstance(right.rows, str) else None
    return max(first[0], second[0]) < min(first[1], second[1])


def overlapping(left: Iterable[JetSource], right: Iterable[JetSource], card: CardLike | None = None) -> list[tuple[str, str]]:
    """All pairs of words, out of two sets of them, that certainly name some jets twice."""
    others = list(right)
    return [(str(one), str(other)) for one in left for other in others if overlap(one, other, card)]


def repeated(sources: Iterable[JetSource], card: CardLike | None = None) -> list[tuple[str, str]]:
    """All pairs out of one set of words that certainly name some jets twice."""
    return [(str(one), str(other)) for one, other in combinations(sources, 2) if overlap(one, other, card)]


def _one_file(left: Path, right: Path, by_name: bool) -> bool:
    if not by_name and left.exists() and right.exists():
        return left.samefile(right)
    return left.name == right.name


def _rows(source: JetSource, card: CardLike | None) -> Rows | None:
    """The rows of a word that names some; None if it names a split of a card that is not there."""
    if isinstance(source.rows, slice):
        return source.rows.start or 0, float("inf") if source.rows.stop is None else source.rows.stop
    try:
        found = find_card(source.path, card)[0]
    except (ConfigError, DataError):  # said by whoever reads the jets
        return None
    return None if found is None else found.splits.get(str(source.rows))
