"""What is in a jet file, as a person wants to read it; behind ``lorentznet inspect``."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lorentznet.data import checks
from lorentznet.data.card import CardLike
from lorentznet.data.loading import BLOCK, Jets, falling_pt
from lorentznet.data.readers import Branch, open_reader
from lorentznet.data.source import JetSource, parse
from lorentznet.data.table import JetTable
from lorentznet.errors import ConfigError, DataError

QUANTITIES = {"jet_pt": "jet pT [GeV]", "jet_mass": "jet mass [GeV]", "jet_nparticles": "particles per jet"}
QUANTILES = {"min": 0.0, "10 %": 0.1, "median": 0.5, "90 %": 0.9, "max": 1.0}


@dataclass
class Inspection:
    """What was found in a jet file.

    Attributes
    ----------
    file, container, n_jets
        The file, what kind of table it holds, and the number of jets in it.
    branches
        All columns.
    rows
        First row and row after the last of those that were looked at.
    card
        Name, origin, digest and units of the card; empty if there is none.
    classes
        Class -> number of jets.
    quantiles
        Quantity -> quantile -> value, over all sound jets.
    medians
        Class -> quantity -> median.
    weights
        Smallest, mean and largest weight, and how many are negative; empty if the card names none.
    splits
        Name -> rows.
    selection
        The card's selection and how many jets pass it; empty if there is none.
    unsorted
        Number of jets whose particles are not in the order of falling transverse momentum in the file.
    problems
        What makes reading fail, with the cure, one line each.
    warnings
        What looks suspicious.
    """

    file: str
    container: str
    n_jets: int
    branches: tuple[Branch, ...] = ()
    rows: tuple[int, int] = (0, 0)
    card: dict[str, str] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    quantiles: dict[str, dict[str, float]] = field(default_factory=dict)
    medians: dict[str, dict[str, float]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    splits: dict[str, tuple[int, int]] = field(default_factory=dict)
    selection: dict[str, Any] = field(default_factory=dict)
    unsorted: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """Everything as lines for a reader."""
        lines = [
            self.file,
            f"  {self.container}, {self.n_jets:,} {'jets' if self.card else 'rows'}, {len(self.branches)} branches",
        ]
        if self.card and self.rows != (0, self.n_jets):
            lines.append(f"  rows       {self.rows[0]}:{self.rows[1]}")
        if self.card:
            lines.append(f"  card       {self.card['name']} (from {self.card['origin']}), momenta in {self.card['units']}")
        if self.selection:
            read = self.rows[1] - self.rows[0]
            lines.append(
                f"  selection  {self.selection['condition']}: {self.selection['passed']:,} of {read:,} jets pass, in training"
            )
        total = sum(self.classes.values())
        for place, (name, number) in enumerate(self.classes.items()):
            medians = self.medians.get(name, {})
            shown = ", ".join(
                f"{label.removesuffix(' [GeV]')} {medians[key]:.4g}" for key, label in QUANTITIES.items() if key in medians
            )
            share = f"{100 * number / total:.1f} %" if total else "-"
            lines.append(
                f"  {'' if place else 'classes':<10} {name:<12} {number:>9,} {share:>8}{'   medians: ' + shown if shown else ''}"
            )
        if self.quantiles:
            lines.append(f"  {'':<20}" + "".join(f"{name:>10}" for name in QUANTILES))
            for key, values in self.quantiles.items():
                lines.append(f"  {QUANTITIES[key]:<20}" + "".join(f"{values[name]:>10.4g}" for name in QUANTILES))
        if self.weights:
            lines.append("  weights    " + ", ".join(f"{name} {value:.6g}" for name, value in self.weights.items()))
        if self.splits:
            lines.append("  splits     " + ", ".join(f"{name} {start}:{stop}" for name, (start, stop) in self.splits.items()))
        for kind, title in (("jet", "per jet"), ("particle", "per particle"), ("other", "other")):
            lines += _folded(title, [branch for branch in self.branches if branch.kind == kind])
        lines += [f"  warning    {text}" for text in self.warnings]
        return lines + [f"  PROBLEM    {text}" for text in self.problems]


def inspect_file(
    word: str | Path | JetSource,
    card: CardLike | None = None,
    advance: Callable[[int], None] | None = None,
    watch: Callable[[JetTable], None] | None = None,
) -> Inspection:
    """Look at every jet of a file.

    Parameters
    ----------
    word
        ``PATH[:TREE][#ROWS]``.
    card
        As in :func:`lorentznet.data.read`.
    advance
        Called with the number of jets that were looked at, for a progress bar.
    watch
        Called with the sound jets, table by table.

    Returns
    -------
    Inspection
        Of a file that cannot be read as jets it has the branches and the reason.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged or of no known format.
    """
    source = parse(word)
    try:
        jets = Jets(source, card)
    except DataError as error:
        with open_reader(source.path, source.tree) as reader:  # raises again if it is the file itself that is bad
            found = reader.describe()
        hints = checks.momenta_hints(found) if "no dataset card" in str(error) else []
        return Inspection(str(source), found.container, found.n_jets, found.branches, problems=[str(error)], warnings=hints)
    with jets:
        result = Inspection(
            file=str(source),
            container=jets.found.container,
            n_jets=jets.found.n_jets,
            branches=jets.found.branches,
            rows=jets.rows,
            card={"name": jets.card.name, "origin": jets.origin, "units": jets.card.units, "digest": jets.card.digest},
            splits=jets.card.splits,
        )
        try:
            jets.check_selection()
            result.selection = {"condition": jets.card.selection, "passed": 0} if jets.card.selection else {}
        except ConfigError as error:
            result.problems.append(str(error))
        jets.card = jets.card.replace(sort=False)  # to see the order that the file has
        try:
            sums, problems = _look(jets, result, advance or (lambda n: None), watch or (lambda table: None))
        except DataError as error:
            result.problems.append(str(error))
            return result
    result.problems += [problem.line(source.path) for problem in problems]
    _summarise(sums, result, jets)
    return result


def _look(
    jets: Jets, result: Inspection, advance: Callable[[int], None], watch: Callable[[JetTable], None]
) -> tuple[JetTable, list[checks.Problem]]:
    """Go through the jets, block by block: their sums as a table of one-particle jets, and all problems, each kind once."""
    kinds: dict[str, checks.Problem] = {}
    sums: list[JetTable] = []
    zeros = beams = lightlike = 0
    for start, stop in jets.pieces(*jets.rows, BLOCK):
        block = jets.block(start, stop)
        table = block.table
        for problem in [*block.problems, *checks.find_problems(table), *(checks.find_wrong_units(table) if not sums else [])]:
            kind = problem.what.partition(":")[0]
            earlier = kinds.get(kind)
            rows = problem.rows if earlier is None else np.concatenate([earlier.rows, problem.rows])
            kinds[kind] = dataclasses.replace(earlier or problem, rows=rows)
        bad = [problem.rows for problem in kinds.values()]
        sound = table[~np.isin(table.ids, np.concatenate(bad))] if bad else table
        order = falling_pt(sound.momenta, sound.offsets)
        if order is not None:
            moved = np.flatnonzero(order != np.arange(len(order)))
            result.unsorted += len(np.unique(np.searchsorted(sound.offsets, moved, side="right")))
        transverse = (sound.momenta[:, 1:3] != 0).any(axis=1)
        zeros += int((~(sound.momenta != 0).any(axis=1)).sum())
        beams += int((~transverse & (sound.momenta[:, 3] != 0)).sum())
        lightlike += int(checks.without_rest_frame(sound).sum())
        if result.selection:
            result.selection["passed"] += len(jets.block(start, stop, select=True).table)
        sums.append(_summed(sound))
        watch(sound)
        advance(stop - start)
    if result.selection and not result.selection["passed"]:
        result.warnings.append("no jet passes the card's selection: there is none to train with")
    if lightlike:
        result.warnings.append(f"{lightlike:,} jets have no rest frame: a single particle, or all exactly collinear")
    if zeros:
        result.warnings.append(f"{zeros:,} particles have no momentum at all: padding of fixed-size arrays?")
    if beams:
        result.warnings.append(f"{beams:,} particles fly exactly along the beam: reference vectors that were added to the jets?")
    return JetTable.concatenate(sums), list(kinds.values())


def _summed(table: JetTable) -> JetTable:
    """The jets without their particles: all that is needed of a block of any size later on."""
    names = ("jet_pt", "jet_mass")
    columns = {name: table.from_particles(name) if len(table) else np.zeros(0) for name in names}
    stated = {"stated_pt": table.columns["jet_pt"]} if "jet_pt" in table.columns else {}
    return dataclasses.replace(
        table,
        momenta=np.zeros((0, 4)),
        offsets=np.zeros(len(table) + 1, dtype=np.int64),
        columns={**columns, "jet_nparticles": table.counts, **stated},
        scalars=None,
    )


def _summarise(sums: JetTable, result: Inspection, jets: Jets) -> None:
    """Numbers and suspicions of all sound jets."""
    result.classes = sums.class_counts()
    if not len(sums):
        return
    for name in QUANTITIES:
        values = np.quantile(sums.columns[name], list(QUANTILES.values()))
        result.quantiles[name] = dict(zip(QUANTILES, values.tolist(), strict=True))
    for label, name in enumerate(sums.classes):
        of_class = sums.labels == label
        if of_class.any():
            result.medians[name] = {quantity: float(np.median(sums.columns[quantity][of_class])) for quantity in QUANTITIES}
    if jets.card.weight:
        weights = sums.weights
        result.weights = {
            "min": weights.min(),
            "mean": weights.mean(),
            "max": weights.max(),
            "negative": int((weights < 0).sum()),
        }
    result.warnings += checks.suspicions(sums, jets.card, jets.found.n_jets, result.unsorted)


def _folded(title: str, branches: Iterable[Branch], width: int = 120, most: int = 24) -> list[str]:
    """Names of branches after a title, type by type, in lines of a readable width; of very many the first ones."""
    types: dict[str, list[str]] = {}
    for branch in branches:
        types.setdefault(branch.type, []).append(branch.name)
    lines: list[str] = []
    for kind, names in types.items():
        text = f"{kind}: " + ", ".join([*names[:most], *([f"... and {len(names) - most} more"] if len(names) > most else [])])
        lines += textwrap.wrap(text, width, initial_indent=f"  {'' if lines else title:<13}", subsequent_indent=" " * 17)
    return lines
