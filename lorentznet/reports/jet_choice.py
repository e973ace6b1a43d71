"""Which jets of a file a report shows: the first of each class for its mean image, and a few single ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lorentznet.data import JetTable, expand, iterate
from lorentznet.data.loading import Jets
from lorentznet.errors import DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.scores import ScoreTable

if TYPE_CHECKING:
    from lorentznet.data import JetSource
    from lorentznet.data.card import CardLike

MOST = 2_000
"""Jets of a class, at most, in its mean image."""
SINGLE = 3
"""Single jets of a class that are drawn by lot where there are no scores."""
SEED = 1
TAGGERS = 3
"""Score files, at most, whose extreme jets are shown."""


@dataclass(frozen=True)
class Pick:
    """A single jet: by lot, or the ``most`` or ``least`` signal-like jet of its class for a tagger."""

    jet: JetTable
    tagger: str = ""
    end: str = ""
    log_odds: float | None = None


@dataclass
class Shown:
    """The jets to show.

    Attributes
    ----------
    source
        Words that named them.
    classes
        Class -> its first jets.
    picks
        Class -> single jets.
    taggers, score_files
        Taggers whose scores were used, and number of score files given.
    signal
        What is weighed against what in the log-odds.
    """

    source: str
    classes: dict[str, JetTable]
    picks: dict[str, list[Pick]] = field(default_factory=dict)
    taggers: tuple[str, ...] = ()
    score_files: int = 0
    signal: str = ""


@dataclass(frozen=True)
class _Extreme:
    """Place of a jet in the scores, and why it is shown."""

    label: int
    tagger: str
    end: str
    place: int
    log_odds: float


def choose(
    files: str | Path | Iterable[str | Path], card: CardLike | None = None, scores: Sequence[str | Path] = (), most: int = MOST
) -> Shown:
    """Choose jets from files of any size, in bounded memory.

    Without scores, reading ends when there are enough jets of every class. With scores all jets are read, to see that they are those of
    the scores.

    Parameters
    ----------
    files
        ``PATH[:TREE][#ROWS]``, one or several.
    card
        Their dataset card, see :func:`lorentznet.data.read`.
    scores
        Score files of the same jets, in the same order; the first :data:`TAGGERS` are used. Signal-like is what has large log-odds of
        class 1 against class 0 or, with more classes, of all others together against class 0.
    most
        Jets of a class for its mean image.

    Raises
    ------
    DataError
        If files or scores cannot be read, or differ in their number of jets, rows, classes or labels.
    """
    sources = expand(files)
    named = ", ".join(str(source) for source in sources)
    tables = _read(scores[:TAGGERS])
    if tables:
        _check_number(tables, sources, named, card)
    extremes = [extreme for path, table in tables.items() for extreme in _extremes(path, table)]
    first: dict[int, list[JetTable]] = {}
    single: dict[int, JetTable] = {}
    start = 0
    for block in iterate(sources, card):
        for path, table in tables.items():
            _check_jets(path, table, block, start)
        for label in np.unique(block.labels).tolist():
            parts = first.setdefault(label, [])
            part = block[np.flatnonzero(block.labels == label)[: most - sum(map(len, parts))]]
            parts.extend([part] if len(part) else [])
        inside = [extreme.place for extreme in extremes if start <= extreme.place < start + len(block)]
        single |= {place: block[place - start] for place in inside}
        start += len(block)
        classes = range(len(block.classes)) or (-1,)
        if not tables and all(sum(map(len, first.get(label, ()))) >= most for label in classes):
            break
    found = {label: JetTable.concatenate(parts) for label, parts in sorted(first.items())}
    shown = Shown(named, {_name(seen, label): seen for label, seen in found.items()})
    for label, seen in found.items():
        picks = [
            Pick(single[extreme.place], extreme.tagger, extreme.end, extreme.log_odds)
            for extreme in extremes
            if extreme.label == label
        ]
        shown.picks[_name(seen, label)] = picks if tables else _by_lot(seen)
    if tables:
        shown.taggers, shown.score_files = tuple(table.name for table in tables.values()), len(scores)
        shown.signal = _signal(next(iter(tables.values())).classes)
    return shown


def _by_lot(table: JetTable) -> list[Pick]:
    places = np.random.default_rng(SEED).choice(len(table), min(SINGLE, len(table)), replace=False)
    return [Pick(table[int(place)]) for place in np.sort(places)]


def _name(table: JetTable, label: int) -> str:
    return table.classes[label] if label >= 0 else "unknown"


def _signal(classes: Sequence[str]) -> str:
    return f"{classes[1]} against {classes[0]}" if len(classes) == 2 else f"all other classes together against {classes[0]}"


def _read(scores: Sequence[str | Path]) -> dict[str, ScoreTable]:
    """File -> its scores; taggers must differ in their names, by which figures tell them apart."""
    tables: dict[str, ScoreTable] = {}
    for path in map(str, scores):
        table = ScoreTable.read(path)
        for other, known in tables.items():
            if known.name == table.name:
                raise DataError(
                    f"{path}: holds scores of '{table.name}', as does {other}; predict one of them with another --name"
                )
        tables[path] = table
    return tables


def _check_number(tables: Mapping[str, ScoreTable], sources: Sequence[JetSource], named: str, card: CardLike | None) -> None:
    """Compare the numbers of jets before any is read."""
    number = 0
    for source in sources:
        with Jets(source, card) as opened:
            number += opened.rows[1] - opened.rows[0]
    for path, table in tables.items():
        if len(table) != number:
            raise DataError(f"{path}: has scores of {len(table):,} jets, but {named} has {number:,}; {_CURE}")


def _check_jets(path: str, table: ScoreTable, block: JetTable, start: int) -> None:
    if block.classes and tuple(table.classes) != tuple(block.classes):
        raise DataError(
            f"{path}: has scores of the classes {', '.join(table.classes)}, but {block.source} has {', '.join(block.classes)}; {_CURE}"
        )
    part = slice(start, start + len(block))
    ids, labels = table.ids[part], table.labels[part]
    differ = np.flatnonzero((ids != block.ids) | (labels != block.labels))
    if len(differ):
        place = int(differ[0])
        raise DataError(
            f"{path}: score {start + place} is of row {ids[place]} with label {labels[place]}, but jet {start + place} of "
            f"{block.source} is row {block.ids[place]} with label {block.labels[place]}; {_CURE}"
        )


def _extremes(path: str, table: ScoreTable) -> Iterator[_Extreme]:
    """The most and the least signal-like jet of each class; one, if they are the same."""
    values = metrics.log_odds(table.logits) if len(table.classes) == 2 else -metrics.log_odds(table.logits, 0, None)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise DataError(
            f"{path}: {len(wrong)} of {len(values)} log-odds are not finite, the first of jet {wrong[0]}; predict again"
        )
    for label in np.unique(table.labels).tolist():
        places: NDArray[np.int64] = np.flatnonzero(table.labels == label)
        highest, lowest = (int(places[which(values[places])]) for which in (np.argmax, np.argmin))
        for end, place in (("most", highest), ("least", lowest)):
            if end == "most" or lowest != highest:
                yield _Extreme(label, table.name, end, place, float(values[place]))


_CURE = "give score files of the same jets in the same order, as 'lorentznet predict' writes them"
