"""Is what was read jets? Nothing wrong is ever skipped in silence.

A :class:`Problem` says which jets, what is wrong and what to do. Reading raises the first one; ``lorentznet inspect`` shows all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lorentznet.data.card import MOMENTUM_SETS, USUAL_MOMENTA, DatasetCard
from lorentznet.data.readers.base import Description
from lorentznet.data.table import JetTable
from lorentznet.errors import DataError

MASS_SHELL_TOLERANCE = 1e-3
"""A particle's energy may fall below its momentum by this fraction, as that of momenta stored with ten bits does."""

_LIGHTLIKE = 64 * float(np.finfo(np.float64).eps)

PLAUSIBLE_PT, PLAUSIBLE_MASS = 2e4, 2e3
"""Median jet pT and mass in GeV that jets of no collider reach together; both, because boosted jets keep their mass."""

_ENDINGS = {
    "px": "px",
    "py": "py",
    "pz": "pz",
    "pt": "pt",
    "eta": "eta",
    "phi": "phi",
    "energy": "E",
    "e": "E",
    "mass": "mass",
    "m": "mass",
}


@dataclass(frozen=True)
class Problem:
    """Something that makes jets unusable.

    Attributes
    ----------
    rows
        Rows of the jets concerned; empty if it is the file as a whole.
    what, cure
        What is wrong with the first of them, and what to do.
    """

    rows: np.ndarray
    what: str
    cure: str

    def among(self, ids: np.ndarray) -> Problem:
        """The problem of those of its jets that are among these rows."""
        return Problem(self.rows[np.isin(self.rows, ids)], self.what, self.cure)

    def line(self, source: str) -> str:
        """One line that names the file, the first jet and the cure."""
        if not len(self.rows):
            return f"{source}: {self.what}; {self.cure}"
        more = f" (and {len(self.rows) - 1} more)" if len(self.rows) > 1 else ""
        return f"{source}: jet {self.rows[0]}{more}: {self.what}; {self.cure}"


_REMOVE = "correct or remove these jets in the file"


def find_problems(table: JetTable) -> list[Problem]:
    """All problems of the jets of a table: no constituents, non-finite or impossible momenta, bad weights."""
    empty = np.flatnonzero(table.counts == 0)
    problems = [Problem(table.ids[empty], "has no constituents", _REMOVE)] if len(empty) else []
    bad_weights = np.flatnonzero(~np.isfinite(table.weights))
    if len(bad_weights):
        problems.append(Problem(table.ids[bad_weights], f"its weight is {table.weights[bad_weights[0]]}", _REMOVE))
    momenta = table.momenta.reshape(-1)
    if not np.isfinite(np.vdot(momenta, momenta)):  # one pass over the memory where all is well
        broken = np.logical_not(np.isfinite(table.momenta).all(axis=1))
        problems += _of_particles(table, broken, "NaN or infinite momentum", _REMOVE)
    cure = "check the order (E, px, py, pz) and the names of the momenta in the card"
    return problems + _of_particles(table, _below_mass_shell(table.momenta), "energy below the momentum", cure)


def without_rest_frame(table: JetTable, keep_masses: bool = False) -> np.ndarray:
    """Which jets have no rest frame, shape (n_jets,): a single particle, or all exactly collinear, so that the mass vanishes.

    As in the front end of the networks (:mod:`lorentznet.nn.frame`): to rounding, M^2 <= 64 epsilon E^2; and whatever mass a single
    particle has, unless masses of particles are kept (``mass: keep`` of a tagger).
    """
    owner = np.repeat(np.arange(len(table)), table.counts)
    energy, *space = (np.bincount(owner, component, minlength=len(table)) for component in table.momenta.T)
    lightlike = energy**2 - sum(p**2 for p in space) <= _LIGHTLIKE * energy**2
    found: np.ndarray = lightlike if keep_masses else lightlike | (table.counts <= 1)
    return found


def _below_mass_shell(momenta: np.ndarray) -> np.ndarray:
    """Which particles have E < |p| beyond rounding (or E < 0)."""
    energy = momenta[:, 0]
    square = momenta[:, 1] ** 2
    square += momenta[:, 2] ** 2
    square += momenta[:, 3] ** 2
    square *= (1 - MASS_SHELL_TOLERANCE) ** 2
    below: np.ndarray = energy * np.abs(energy) < square
    return below


def _of_particles(table: JetTable, bad: np.ndarray, what: str, cure: str) -> list[Problem]:
    particles = np.flatnonzero(bad)
    if not len(particles):
        return []
    jets = np.searchsorted(table.offsets, particles, side="right") - 1
    place = particles[0] - table.offsets[jets[0]]
    numbers = ", ".join(f"{number:.6g}" for number in table.momenta[particles[0]])
    return [Problem(table.ids[np.unique(jets)], f"{what}: constituent {place} has (E, px, py, pz) = ({numbers})", cure)]


def find_wrong_units(table: JetTable, jets: int = 1000) -> list[Problem]:
    """MeV read as GeV, or the reverse, or TeV read as GeV, seen from the first ``jets`` jets of a table."""
    first = table[:jets]
    if not len(first.momenta):
        return []
    with np.errstate(all="ignore"):
        pt, mass = np.median(first.from_particles("jet_pt")), np.median(first.from_particles("jet_mass"))
    units = table.card.units if table.card else "GeV"
    nobody = np.zeros(0, dtype=np.int64)
    if pt > PLAUSIBLE_PT and mass > PLAUSIBLE_MASS:
        cure = "write 'units: MeV' in the card if the file is in MeV" if units == "GeV" else "check the units of the file"
        return [Problem(nobody, f"the median jet has pT {pt:.3g} GeV and mass {mass:.3g} GeV, read as {units}", cure)]
    if pt < 2:
        cure = "write 'units: GeV' in the card if the file is in GeV" if units == "MeV" else "is the file in TeV? write it in GeV"
        return [Problem(nobody, f"the median jet has pT {pt:.3g} GeV, read as {units}", cure)]
    return []


def raise_first(problems: Sequence[Problem], source: str) -> None:
    """Raise the first problem, if there is one, as :class:`DataError`."""
    if problems:
        raise DataError(problems[0].line(source))


def labels_from_flags(flags: np.ndarray, names: Sequence[str], rows: np.ndarray) -> tuple[np.ndarray, list[Problem]]:
    """Labels from one flag per class, shape (n_jets, n_classes), bool; exactly one must be set."""
    number = flags.sum(axis=1)
    labels = np.where(number == 1, flags.argmax(axis=1), -1)
    problems = []
    none, several = np.flatnonzero(number == 0), np.flatnonzero(number > 1)
    if len(none):
        what = f"belongs to no class of the card ({', '.join(names)})"
        problems.append(Problem(rows[none], what, "name all its classes in the card, or remove such jets"))
    if len(several):
        both = ", ".join(name for name, flag in zip(names, flags[several[0]], strict=True) if flag)
        what = f"belongs to several classes ({both})"
        problems.append(Problem(rows[several], what, "correct the classes in the card or the flags in the file"))
    return labels, problems


def labels_from_column(
    column: np.ndarray, values: Sequence[int], names: Sequence[str], rows: np.ndarray
) -> tuple[np.ndarray, list[Problem]]:
    """Labels from one number per jet; each must be the value of a class."""
    labels = np.full(len(column), -1, dtype=np.int64)
    for label, value in enumerate(values):
        labels[column == value] = label
    unknown = np.flatnonzero(labels < 0)
    if not len(unknown):
        return labels, []
    known = ", ".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
    found = ", ".join(str(value) for value in np.unique(column[unknown])[:5])
    what = f"its label is none of {known} (found: {found})"
    return labels, [Problem(rows[unknown], what, "name all values in the card, or remove such jets")]


def why_not_jets(found: Description) -> str:
    """In words: why the branches of this file cannot be taken for jets without a card, and what to do."""
    names = {branch.name for branch in found.branches}
    flat = "not read yet; make one row per jet"
    if "FatJet_pt" in names and "PFCands_pt" in names:
        return f"{found.container} is CMS PFNano: its candidates stand in index tables, which are {flat}"
    if "FatJet_pt" in names:
        return f"{found.container} is CMS NanoAOD: it has jets but no constituents; make a file with one row per jet of PFNano or btvNano"
    if {"Jet", "Particle"} <= names:
        return f"{found.container} is Delphes output: its constituents are references, which are {flat}"
    particles = found.names("particle")
    if not particles:
        return f"{found.container} has no branch with one number per particle: no constituents (branches: {_some(names)})"
    return (
        f"{found.container} has no dataset card and its branches follow no known naming (per particle: {_some(particles)}); "
        "write a card beside the file that names units, momenta and classes, or give one with --card"
    )


def momenta_hints(found: Description) -> list[str]:
    """Which momenta a card for this file could name, or what is nearest to the usual names."""
    collections: dict[str, dict[str, str]] = {}
    for name in found.names("particle"):
        for ending, component in _ENDINGS.items():
            prefix = name[: len(name) - len(ending)]
            if name.lower().endswith(ending) and (not prefix or not prefix[-1].isalnum()):
                collections.setdefault(prefix, {}).setdefault(component, name)
    for named in collections.values():
        for components in MOMENTUM_SETS:
            if set(components) <= set(named):
                return [f"a card for it could say  momenta: {{{', '.join(f'{part}: {named[part]}' for part in components)}}}"]
    names = [branch.name for branch in found.branches]
    missing = [wanted for wanted in USUAL_MOMENTA if wanted not in names]
    close = {wanted: difflib.get_close_matches(wanted, names, n=1, cutoff=0.4) for wanted in missing}
    return [f"'{wanted}' is missing" + (f"; nearest: '{close[wanted][0]}'" if close[wanted] else "") for wanted in missing]


def suspicions(sums: JetTable, card: DatasetCard, n_jets: int, unsorted: int) -> Iterator[str]:
    """What a careful physicist would ask about jets that can be read.

    Parameters
    ----------
    sums
        The jets; of their particles only ``jet_pt``, ``jet_mass`` and ``jet_nparticles`` are looked at, and ``stated_pt``: the
        transverse momentum that the file gives.
    card
        Their card.
    n_jets
        Number of rows of the file.
    unsorted
        Number of jets whose particles are not in the order of falling transverse momentum.
    """
    counts, pt, labels = sums.columns["jet_nparticles"], sums.columns["jet_pt"], sums.labels
    if not sums.classes:
        yield "the card names no classes: these jets can be scored, but not trained on"
    for name, number in sums.class_counts().items():
        if not number:
            yield f"no jet of class '{name}' is present; training on these rows is refused"
    if len(sums) > 50 and len(set(labels.tolist())) > 1 and np.count_nonzero(np.diff(labels)) < 2 * len(sums.classes):
        yield "the jets stand class after class: rows taken from a part of the file hold one class"
    if unsorted > 0.01 * len(sums):
        yield f"{unsorted:,} jets have particles that are not in the order of falling pT; they are sorted when read"
    copies = len(sums) - len(np.unique(pt + 1j * sums.columns["jet_mass"]))
    if copies:
        yield f"{copies:,} times a jet is the copy of another (same pT and mass): training and test jets may overlap"
    full, nearly = (int((counts == counts.max() - less).sum()) for less in (0, 1))
    if counts.max() >= 10 and full > max(5, 0.01 * len(sums), 3 * nearly):
        yield f"{full:,} jets have exactly {counts.max()} particles, the largest number: they seem to be cut off there"
    if "stated_pt" in sums.columns:
        with np.errstate(all="ignore"):
            off = float(np.median(np.abs(sums.columns["stated_pt"] / pt - 1)))
        if not off < 0.02:
            yield f"jet_pt differs from the sum of the particles by {100 * off:.0f} % (median): other units, or particles missing"
    negative = int((sums.weights < 0).sum())
    if negative:
        yield f"{negative:,} jets have negative weights"
    ordered = sorted(card.splits.items(), key=lambda split: split[1])
    for name, (_, stop) in ordered:
        if stop > n_jets:
            yield f"split '{name}' ends at row {stop}, but the file has {n_jets:,} jets"
    for (one, (_, stop)), (other, (start, _)) in pairwise(ordered):
        if start < stop:
            yield f"splits '{one}' and '{other}' share rows {start}:{stop}"


def _some(names: Iterable[str], most: int = 12) -> str:
    listed = sorted(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
