r"""How invariant a trained tagger really is: the change of its logit when the jets are seen from another frame.

For jets j and transforms L_j (random axis or rotation for each jet) the change is measured in units of the spread of the logit,

.. math:: d_j = \frac{z(\Lambda_j p_j) - z(p_j)}{\sigma(z)},

both logits being taken in the same mode: with the float64 rest-frame front end (``"frame"``) or without it (``"lab"``), the
network in float32 or float64. Momenta are transformed in extended precision and rounded to float64, and reference vectors (beams,
time) are transformed along: what is left is the error of finite precision and any breaking of the symmetry. The *floor* is the part
that no network can avoid: the rounded momenta are taken back in extended precision and given to the float64 tagger.

Measured in the same way is what must not matter besides (the order of the particles, padding, other jets of the batch:
:mod:`~lorentznet.evaluate.rearrangements`), which layer breaks what (:mod:`~lorentznet.evaluate.invariance_layers`), whether the logit
is infrared and collinear safe (:mod:`~lorentznet.evaluate.irc`), and what each mode changes of the logit of the jets as they are, against
the most precise mode: a logit that is invariant in bfloat16 need not be that in float64. Where the jets have labels it is also said how
well the transformed ones are told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, nearest
from lorentznet.evaluate import invariance_layers, irc
from lorentznet.evaluate.invariance_result import InvarianceResult, TaggerInvariance
from lorentznet.evaluate.invariance_words import gamma_key
from lorentznet.evaluate.measured import CONDITIONINGS, PRECISIONS, Measured, change, separate
from lorentznet.evaluate.rearrangements import REARRANGEMENTS, rearranged, spaced_rows
from lorentznet.evaluate.transformations import TRANSFORMATIONS, WITHOUT_GAMMA, inverse, transformed

if TYPE_CHECKING:
    from lorentznet.data.card import CardLike
    from lorentznet.data.loading import Words
    from lorentznet.data.table import JetTable
    from lorentznet.taggers.base import Tagger

GAMMAS = (1.01, 1.1, 2.0, 10.0, 100.0, 1000.0, 10_000.0)
EVERYTHING = (*TRANSFORMATIONS, *REARRANGEMENTS)
PARTS = ("layers", "irc")
"""What is measured besides transformations and rearrangements."""
RUNS = 20
"""Stretches of rows that :func:`draw` takes from a file."""


def scan(
    tagger: Tagger,
    jets_in: JetTable | JetBatch,
    gammas: Sequence[float] = GAMMAS,
    transformations: Sequence[str] = EVERYTHING,
    dtypes: Sequence[str] = ("float32", "float64"),
    conditionings: Sequence[str] = CONDITIONINGS,
    jets: int = 1000,
    seed: int = 1,
    device: str | torch.device = "cpu",
    progress: Callable[[int], None] | None = None,
    name: str | None = None,
    chunk: int | None = None,
    parts: Sequence[str] = PARTS,
) -> InvarianceResult:
    """Change of the logit of a trained tagger under random Lorentz transforms, and what else must not matter to it.

    Parameters
    ----------
    tagger
        Any tagger; it is left as it is (a copy is measured, in eval mode). Other networks become one by
        :mod:`lorentznet.evaluate.adapters`.
    jets_in
        Jets as a table or batch, float64 GeV.
    gammas
        Boost factors, each at least 1.
    transformations
        Names out of :data:`~lorentznet.evaluate.transformations.TRANSFORMATIONS` and
        :data:`~lorentznet.evaluate.rearrangements.REARRANGEMENTS`.
    dtypes
        Precision of the network: ``"float32"``, ``"float64"``, ``"bfloat16"``, or ``"autocast"``: float32 under torch's bfloat16 autocast.
    conditionings
        ``"frame"``: float64 front end, then the network in its dtype; ``"lab"``: no rest frame, everything in that dtype. A
        tagger without such a switch has one mode only, which is called ``"lab"``.
    jets
        Use at most so many jets, evenly spaced over those given.
    seed
        Seed of the axes and rotations.
    device
        Where the tagger runs.
    progress
        Called with the number of further measurements done, out of :func:`measurements`.
    name
        Name of the tagger in the result; its registered name if None.
    chunk
        Jets in one call of the tagger; if None few on a CPU, so that they stay in its cache, and many elsewhere.
    parts
        Any of ``"layers"`` and ``"irc"``.

    Returns
    -------
    InvarianceResult
        With the floor of the input's rounding.

    Raises
    ------
    ConfigError
        For an unknown transformation, dtype, conditioning or part, or a gamma below 1.
    DataError
        If the logit does not differ between the jets, so that there is no unit to measure in.
    """
    known = {
        "transformation": (transformations, EVERYTHING),
        "dtype": (dtypes, PRECISIONS),
        "conditioning": (conditionings, CONDITIONINGS),
        "part": (parts, PARTS),
    }
    check_asked("invariance", gammas, known)
    name = name or tagger.name
    if tagger.output_law is not None:
        raise ConfigError(f"tagger '{name}': its outputs are momenta, which change with the frame; scan their covariance instead")
    step = progress or (lambda done: None)
    measured = Measured(tagger, device, dtypes, conditionings, chunk)
    batch = evenly_spaced(jets_in, jets)
    # Jets of one size stand together, so that little of a chunk is padding.
    batch = tagger.with_references(batch.select(torch.argsort(batch.counts, stable=True)))
    quantity = "mass" if tagger.task == "mass" else "logit"
    if quantity == "mass" and "y" in batch:  # which tells no classes apart
        batch = batch.clone()
        del batch.y
    sigma, reference = measured.spread(batch, name)
    baseline = {mode: measured.logits(batch, mode) for mode in measured.modes}
    result = TaggerInvariance(
        jets=batch.n_jets,
        seed=seed,
        device=str(device),
        quantity=quantity,
        logit_std=sigma,
        symmetry=str(tagger.symmetry),
        references="references" in batch,
        unmoved={mode: told for mode, logits in baseline.items() if (told := separate(logits, batch)) is not None},
        precision={mode: change(logits, reference, sigma) for mode, logits in baseline.items() if mode != measured.best},
    )
    for transformation in (word for word in transformations if word in TRANSFORMATIONS):
        for number, gamma in enumerate([1.0] if transformation in WITHOUT_GAMMA else gammas):
            random = np.random.default_rng([seed, sorted(TRANSFORMATIONS).index(transformation), number])
            matrices = TRANSFORMATIONS[transformation](gamma, batch.n_jets, random)
            moved = transformed(batch, matrices)
            for mode in measured.modes:
                found = change(measured.logits(moved, mode), baseline[mode], sigma, batch)
                result.curves.setdefault(mode, {}).setdefault(transformation, {})[gamma_key(gamma)] = found
                step(1)
            if measured.exact == "float64":
                rounded = measured.logits(transformed(moved, inverse(matrices)), measured.best)
                result.floor.setdefault(transformation, {})[gamma_key(gamma)] = change(rounded, reference, sigma)
                step(1)
    for rearrangement in (word for word in transformations if word in REARRANGEMENTS):
        for mode in measured.modes:
            random = np.random.default_rng([seed, len(TRANSFORMATIONS)])
            rows, logits = rearranged(partial(measured.logits, mode=mode), batch, rearrangement, random)
            found = change(logits, baseline[mode][rows], sigma)
            result.curves.setdefault(mode, {})[rearrangement] = {gamma_key(1.0): found}
            step(1)
    if "layers" in parts:
        for mode in measured.modes:
            errors = invariance_layers.scan(measured, batch, mode, seed=seed)
            if errors:
                result.layers[mode] = errors
            step(1)
    if "irc" in parts:
        result.emissions = irc.scan(measured, batch, reference, sigma, seed=seed, progress=step)
    return InvarianceResult({name: result})


def check_asked(scan: str, gammas: Sequence[float], asked: Mapping[str, tuple[Sequence[str], Collection[str]]]) -> None:
    """Refuse what a scan, called ``scan`` in the message, cannot do, by :class:`ConfigError`.

    Parameters
    ----------
    scan
        Name of the scan.
    gammas
        Boost factors; at least 1.
    asked
        Kind -> names that are asked for, and those that are known.
    """
    for what, (given, known) in asked.items():
        for word in given:
            if word not in known:
                raise ConfigError(f"{scan}: unknown {what} '{word}'; {nearest(word, known)}")
    if any(not gamma >= 1 for gamma in gammas):
        raise ConfigError(f"{scan}: gammas must be at least 1, got {', '.join(f'{gamma:g}' for gamma in gammas)}")


def measurements(
    gammas: Sequence[float] = GAMMAS,
    transformations: Sequence[str] = EVERYTHING,
    dtypes: Sequence[str] = ("float32", "float64"),
    conditionings: Sequence[str] = CONDITIONINGS,
    parts: Sequence[str] = PARTS,
) -> int:
    """The number of steps that :func:`scan` reports for a tagger with a frame switch."""
    points = sum(1 if word in WITHOUT_GAMMA else len(gammas) for word in transformations if word in TRANSFORMATIONS)
    modes = len(dtypes) * len(conditionings)
    once = sum(word in REARRANGEMENTS for word in transformations) + ("layers" in parts)
    return points * (modes + 1) + once * modes + ("irc" in parts) * len(irc.EMISSIONS) * len(irc.SIZES)


def draw(files: Words | Iterable[Words], jets: int = 1000, card: CardLike | None = None) -> JetTable:
    """Jets of files, in runs that are spaced evenly over each file, so that little is read and no class is missed.

    Parameters
    ----------
    files
        ``PATH[:TREE][#ROWS]``, one or several; patterns are expanded.
    jets
        How many to draw; all if there are fewer. Each file gives its share, at least one.
    card
        A dataset card; the one of each file if None.

    Raises
    ------
    DataError, ConfigError
        As :func:`lorentznet.data.read`; also if fewer than one jet is asked for.
    """
    from lorentznet.data import JetTable
    from lorentznet.data.loading import BLOCK, Jets
    from lorentznet.data.source import expand

    if jets < 1:
        raise ConfigError(f"invariance: at least 1 jet is needed, got {jets}")
    sources = expand(files)
    rows = []
    for source in sources:
        with Jets(source, card) as opened:
            rows.append(opened.rows)
    total = sum(last - first for first, last in rows)
    tables: list[JetTable] = []
    for source, (first, last) in zip(sources, rows, strict=True):
        number = last - first
        share = min(number, max(1, round(jets * number / total)))
        runs = min(RUNS, share)
        with Jets(source, card) as opened:
            for run in range(runs):
                start = first + run * number // runs
                length = (run + 1) * share // runs - run * share // runs
                tables += opened.blocks(start, start + length, BLOCK)
    return JetTable.concatenate(tables)


def evenly_spaced(jets_in: JetTable | JetBatch, number: int) -> JetBatch:
    """At most ``number`` jets, evenly spaced, so that a file sorted by class gives all classes."""
    if isinstance(jets_in, JetBatch):
        return jets_in.select(spaced_rows(jets_in.n_jets, number)).cpu()
    from lorentznet.data import collate

    return collate(jets_in[spaced_rows(len(jets_in), number).numpy()])
