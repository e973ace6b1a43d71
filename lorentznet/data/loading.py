"""From files to tables: :func:`read` and :func:`iterate`.

A reader gives columns as they are stored; here a card turns them into jets: units to GeV, momenta to (E, px, py, pz), particles
sorted by transverse momentum, labels in the card's order, everything checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lorentznet.data import checks, selection
from lorentznet.data.card import CardLike, DatasetCard, builtin_card, find_card
from lorentznet.data.readers import Description, RawJets, Reader, open_reader
from lorentznet.data.source import JetSource, expand, parse, sample_path
from lorentznet.data.table import DERIVED, JetTable
from lorentznet.errors import DataError

BLOCK, LARGEST_BLOCK = 10_000, 100_000
"""Jets that are read at once: at least the first, at most the second number, whatever the file stores together."""

IN_UNITS = ("jet_pt", "jet_mass", "jet_energy")
"""Observers that are converted to GeV like the momenta."""


Words = str | Path | JetSource


def read(path: Words, card: CardLike | None = None, start: int = 0, stop: int | None = None, select: bool = False) -> JetTable:
    """Read the jets of a file.

    Parameters
    ----------
    path
        ``PATH[:TREE][#ROWS]``, see :mod:`lorentznet.data.source`.
    card
        A dataset card or its file; None takes the one beside the file, or one that fits the names of its branches.
    start, stop
        First jet and jet after the last, among the rows that ``path`` names.
    select
        Apply the card's selection: for training only, as it drops jets.

    Raises
    ------
    DataError
        If the file cannot be read, or anything is wrong with its jets: the message names the file, the jet and the cure.
    ConfigError
        If the card is not valid.
    """
    source = parse(path)
    with Jets(source, card) as jets:
        first, last = jets.rows
        if start < 0 or (stop is not None and stop <= start) or first + start >= last:
            raise DataError(
                f"{source}: no jet is in rows {start}:{'' if stop is None else stop}; {last - first} jets can be read"
            )
        first, last = first + start, last if stop is None else min(last, first + stop)
        tables = [table for table in jets.blocks(first, last, BLOCK, select) if len(table)]
    if not tables:
        raise DataError(
            f"{source}: none of its {last - first} jets passes the selection '{jets.card.selection}' of the card; change it"
        )
    return JetTable.concatenate(tables)


def iterate(
    files: Words | Iterable[Words], card: CardLike | None = None, jets: int = BLOCK, select: bool = False
) -> Iterator[JetTable]:
    """Go through files of any size in bounded memory: tables of at most ``jets`` jets, in file order, every jet once.

    Parameters
    ----------
    files
        One or several ``PATH[:TREE][#ROWS]``; ``PATH`` may be a pattern.
    card
        As in :func:`read`; None looks for the card of each file.
    jets
        Most jets in a table; a table never holds jets of two files.
    select
        As in :func:`read`.

    Raises
    ------
    DataError, ConfigError
        As in :func:`read`, when the jet in question is reached.
    """
    if jets < 1:
        raise DataError(f"tables of {jets} jets cannot be made; give at least 1")
    for source in expand(files):
        with Jets(source, card) as opened:
            for table in opened.blocks(*opened.rows, jets, select):
                for first in range(0, len(table), jets):
                    yield table[first : first + jets]


def number_of_jets(files: Words | Iterable[Words], card: CardLike | None = None) -> int:
    """Jets that words name, before any selection."""
    total = 0
    for source in expand(files):
        with Jets(source, card) as opened:
            total += opened.rows[1] - opened.rows[0]
    return total


def sample() -> JetTable:
    """The generated top and QCD jets that ship with the package (see the card beside :func:`sample_path`)."""
    return read(sample_path())


class Jets:
    """An open jet file with its card and rows; used in a ``with`` statement.

    Parameters
    ----------
    source
        The file.
    card
        As in :func:`read`.

    Attributes
    ----------
    card, origin
        The card, and where it was found.
    found
        What the file holds.
    rows
        First row and row after the last of the source.
    """

    def __init__(self, source: JetSource, card: CardLike | None = None) -> None:
        self.source = source
        known, self.origin = find_card(source.path, card)
        self.reader: Reader = open_reader(source.path, source.tree or (known.tree if known else None))
        try:
            self.found: Description = self.reader.describe()
            if known is None:
                known = builtin_card(self.found.names("jet"), self.found.names("particle"))
                self.origin = "the names of the branches"
            if known is None:
                raise DataError(f"{source.path}: {checks.why_not_jets(self.found)}")
            if known.format != self.reader.format:
                raise DataError(
                    f"{source.path}: is of format {self.reader.format}, but card '{known.name}' is for {known.format}; "
                    "correct 'format' in the card"
                )
            if not self.found.n_jets:
                raise DataError(f"{source.path}: {self.found.container} is empty: it holds no jets; make the file again")
            self.card: DatasetCard = known
            self.rows = source.row_range(self.found.n_jets, known)
        except BaseException:
            self.reader.close()
            raise

    def __enter__(self) -> Jets:
        return self

    def __exit__(self, *error: object) -> None:
        self.reader.close()

    def check_selection(self) -> None:
        """Refuse a card whose selection reads what neither the file has nor :data:`DERIVED`, by :class:`ConfigError`."""
        if self.card.selection:
            selection.check(self.card.selection, {*self.found.names("jet"), *DERIVED}, self.source.path)

    def blocks(self, first: int, last: int, jets: int, select: bool = False) -> Iterator[JetTable]:
        """Tables of the rows from ``first`` to ``last``, in pieces that the file stores together; the first problem is raised."""
        if select:
            self.check_selection()
        for start, stop in self.pieces(first, last, jets):
            block = self.block(start, stop, select)
            problems = [*block.problems, *checks.find_problems(block.table)]
            if start == first:
                problems += checks.find_wrong_units(block.table)
            checks.raise_first(problems, self.source.path)
            yield block.table

    def pieces(self, first: int, last: int, jets: int) -> Iterator[tuple[int, int]]:
        """Row ranges of about ``jets`` jets that begin where the file begins a basket, cluster or chunk."""
        unit = min(self.found.block, LARGEST_BLOCK) or 1
        step = unit * max(1, min(jets, LARGEST_BLOCK) // unit)
        while first < last:
            stop = min(last, (first // step + 1) * step)
            yield first, stop
            first = stop

    def block(self, start: int, stop: int, select: bool = False) -> Block:
        """The jets of rows ``start`` to ``stop``, with what is wrong with their labels; momenta are not checked yet."""
        raw = self.reader.read(start, stop, self.card)
        return _assemble(raw, self.card, np.arange(start, stop), self.source.path, select)


@dataclass(frozen=True)
class Block:
    """Jets as they were read, and the problems of their labels."""

    table: JetTable
    problems: list[checks.Problem]


def _assemble(raw: RawJets, card: DatasetCard, rows: np.ndarray, path: str, select: bool) -> Block:
    """Jets from stored columns, after a card."""
    offsets = np.zeros(len(raw.counts) + 1, dtype=np.int64)
    np.cumsum(raw.counts, out=offsets[1:])
    momenta = _momenta(raw, card)
    scalars = np.stack([raw.particles[name] for name in card.scalars], axis=1).astype(np.float64) if card.scalars else None
    order = falling_pt(momenta, offsets) if card.sort else None
    if order is not None:
        momenta = momenta[order]
        scalars = None if scalars is None else scalars[order]
    labels, problems = _labels(raw, card, rows)
    table = JetTable(
        momenta=momenta,
        offsets=offsets,
        labels=labels,
        weights=np.asarray(raw.jets[card.weight], dtype=np.float64) if card.weight else np.ones(len(rows)),
        ids=rows,
        classes=card.class_names,
        columns={name: _in_gev(raw.jets[name], name, card) for name in card.observers},
        scalars=scalars,
        scalar_names=card.scalars,
        source=path,
        card=card,
        pt_sorted=card.sort,
    )
    if select and card.selection:
        names = selection.names(card.selection)
        with np.errstate(all="ignore"):  # bad momenta are found by the checks
            derived = {name: table.observer(name) for name in names if name in DERIVED and name not in raw.jets}
        stored = {name: _in_gev(values, name, card) for name, values in raw.jets.items()}
        passed = selection.evaluate(card.selection, derived | stored, path)
        table = table[passed]
        problems = [left for problem in problems if len((left := problem.among(table.ids)).rows)]
    return Block(table, problems)


def _in_gev(values: np.ndarray, name: str, card: DatasetCard) -> np.ndarray:
    return values / 1000 if card.units == "MeV" and name in IN_UNITS else values


def _momenta(raw: RawJets, card: DatasetCard) -> np.ndarray:
    """(E, px, py, pz) in GeV, shape (n_particles, 4), float64."""
    stored = {component: raw.particles[branch] for component, branch in card.momenta.branches.items()}
    if set(stored) != {"px", "py", "pz", "E"}:
        import vector

        given: Any = vector.array({component: np.asarray(values, dtype=np.float64) for component, values in stored.items()})
        stored = {"px": given.px, "py": given.py, "pz": given.pz, "E": given.E}
    momenta = np.empty((len(stored["E"]), 4))
    with np.errstate(invalid="ignore"):  # a NaN is found by the checks, with its jet
        for column, component in enumerate(("E", "px", "py", "pz")):
            momenta[:, column] = stored[component]
    if card.units == "MeV":
        momenta /= 1000
    return momenta


def falling_pt(momenta: np.ndarray, offsets: np.ndarray) -> np.ndarray | None:
    """Order of the particles by falling transverse momentum within each jet, or None if that is the order they have.

    Only jets that are out of order are sorted; equal momenta keep their order.

    Parameters
    ----------
    momenta
        (E, px, py, pz), shape (n_particles, 4).
    offsets
        Of the jets, shape (n_jets + 1,).
    """
    square = momenta[:, 1] ** 2
    square += momenta[:, 2] ** 2
    rises = square[1:] > square[:-1]
    ends = offsets[1:-1]
    rises[ends[(ends > 0) & (ends < len(square))] - 1] = False
    places = np.flatnonzero(rises)
    if not len(places):
        return None
    jets = np.unique(np.searchsorted(offsets, places, side="right") - 1)
    counts = np.diff(offsets)[jets]
    particles = np.repeat(offsets[jets] - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    order = np.arange(len(square))
    order[particles] = particles[np.lexsort((-square[particles], np.repeat(jets, counts)))]
    return order


def _labels(raw: RawJets, card: DatasetCard, rows: np.ndarray) -> tuple[np.ndarray, list[checks.Problem]]:
    if card.label:
        values = list(card.label.values.values())
        return checks.labels_from_column(raw.jets[card.label.branch], values, card.class_names, rows)
    if card.classes:
        flags = np.stack([raw.jets[branch] != 0 for branch in card.classes.values()], axis=1)
        return checks.labels_from_flags(flags, card.class_names, rows)
    return np.full(len(rows), -1, dtype=np.int64), []
