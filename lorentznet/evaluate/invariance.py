r"""How invariant a trained tagger really is: the change of its logit when the jets are seen from another frame.

For jets j and transforms L_j (random axis or rotation for each jet) the change is measured in units of the spread of the logit,

.. math:: d_j = \frac{z(\Lambda_j p_j) - z(p_j)}{\sigma(z)},

both logits being taken in the same mode: with the float64 rest-frame front end (``"frame"``) or without it (``"lab"``), the
network in float32 or float64. Momenta are transformed in extended precision and rounded to float64, and reference vectors (beams,
time) are transformed along: what is left is the error of finite precision and any breaking of the symmetry. The *floor* is the part
that no network can avoid: the rounded momenta are taken back in extended precision and given to the float64 tagger.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, DataError, nearest
from lorentznet.evaluate.invariance_result import Change, InvarianceResult, TaggerInvariance, gamma_key
from lorentznet.evaluate.transformations import TRANSFORMATIONS, WITHOUT_GAMMA, Matrices, inverse

if TYPE_CHECKING:
    from lorentznet.data.card import CardLike
    from lorentznet.data.loading import Words
    from lorentznet.data.table import JetTable
    from lorentznet.taggers.base import Tagger

GAMMAS = (1.1, 2.0, 10.0, 100.0, 1000.0)
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}
CONDITIONINGS = ("frame", "lab")
RUNS = 20
"""Stretches of rows that :func:`draw` takes from a file."""


def scan(
    tagger: Tagger,
    jets_in: JetTable | JetBatch,
    gammas: Sequence[float] = GAMMAS,
    transformations: Sequence[str] = ("boost", "boost_z", "rotation"),
    dtypes: Sequence[str] = ("float32", "float64"),
    conditionings: Sequence[str] = CONDITIONINGS,
    jets: int = 1000,
    seed: int = 1,
    device: str | torch.device = "cpu",
    progress: Callable[[int], None] | None = None,
    name: str | None = None,
    chunk: int | None = None,
) -> InvarianceResult:
    """Change of the logit of a trained tagger under random Lorentz transforms.

    Parameters
    ----------
    tagger
        Any tagger; it is left as it is (a copy is measured, in eval mode).
    jets_in
        Jets as a table or batch, float64 GeV.
    gammas
        Boost factors, each at least 1.
    transformations
        Names out of :data:`~lorentznet.evaluate.transformations.TRANSFORMATIONS`.
    dtypes
        Precision of the network: ``"float32"``, ``"float64"``, ``"bfloat16"``.
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

    Returns
    -------
    InvarianceResult
        With the floor of the input's rounding.

    Raises
    ------
    ConfigError
        For an unknown transformation, dtype or conditioning, or a gamma below 1.
    DataError
        If the logit does not differ between the jets, so that there is no unit to measure in.
    """
    for given, known, what in (
        (transformations, TRANSFORMATIONS, "transformation"),
        (dtypes, DTYPES, "dtype"),
        (conditionings, CONDITIONINGS, "conditioning"),
    ):
        for word in given:
            if word not in known:
                raise ConfigError(f"invariance: unknown {what} '{word}'; {nearest(word, known)}")
    if any(not gamma >= 1 for gamma in gammas):
        raise ConfigError(f"invariance: gammas must be at least 1, got {', '.join(f'{gamma:g}' for gamma in gammas)}")
    name = name or tagger.name
    if tagger.output_law is not None:
        raise ConfigError(f"tagger '{name}': its outputs are momenta, which change with the frame; scan their covariance instead")
    measured = _Measured(tagger, device, chunk or (32 if torch.device(device).type == "cpu" else 512), dtypes)
    batch = evenly_spaced(jets_in, jets)
    # Jets of one size stand together, so that little of a chunk is padding.
    batch = tagger.with_references(batch.select(torch.argsort(batch.counts, stable=True)))
    sigma, reference = measured.spread(batch, name)
    modes = [(dtype, conditioning) for conditioning in measured.conditionings(conditionings) for dtype in dtypes]
    result = TaggerInvariance(
        jets=batch.n_jets,
        seed=seed,
        device=str(device),
        logit_std=sigma,
        symmetry=str(tagger.symmetry),
        references="references" in batch,
    )
    baseline = {mode: measured.logits(batch, *mode) for mode in modes}
    for transformation in transformations:
        for number, gamma in enumerate([1.0] if transformation in WITHOUT_GAMMA else gammas):
            random = np.random.default_rng([seed, sorted(TRANSFORMATIONS).index(transformation), number])
            matrices = TRANSFORMATIONS[transformation](gamma, batch.n_jets, random)
            moved = transformed(batch, matrices)
            for mode in modes:
                change = _change(measured.logits(moved, *mode), baseline[mode], sigma)
                result.curves.setdefault(mode, {}).setdefault(transformation, {})[gamma_key(gamma)] = change
                if progress is not None:
                    progress(1)
            rounded = transformed(moved, inverse(matrices))
            floor = _change(measured.logits(rounded, "float64", measured.best), reference, sigma)
            result.floor.setdefault(transformation, {})[gamma_key(gamma)] = floor
            if progress is not None:
                progress(1)
    return InvarianceResult({name: result})


def measurements(
    gammas: Sequence[float] = GAMMAS,
    transformations: Sequence[str] = ("boost", "boost_z", "rotation"),
    dtypes: Sequence[str] = ("float32", "float64"),
    conditionings: Sequence[str] = CONDITIONINGS,
) -> int:
    """The number of steps that :func:`scan` reports for a tagger with a frame switch."""
    points = sum(1 if transformation in WITHOUT_GAMMA else len(gammas) for transformation in transformations)
    return points * (len(dtypes) * len(conditionings) + 1)


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


class _Measured:
    """Copies of a tagger in all its modes; the tagger itself is not touched."""

    def __init__(self, tagger: Tagger, device: str | torch.device, chunk: int, dtypes: Sequence[str]) -> None:
        self.copies = {dtype: copy.deepcopy(tagger).to(device, DTYPES[dtype]).eval() for dtype in {*dtypes, "float64"}}
        self.device, self.chunk = device, chunk
        try:
            self.copies["float64"].in_frame("frame")
            self.switchable = True
        except ConfigError:
            self.switchable = False

    @property
    def best(self) -> str:
        """The conditioning in which the tagger is most precise."""
        return "frame" if self.switchable else "lab"

    def conditionings(self, wanted: Sequence[str]) -> tuple[str, ...]:
        return tuple(wanted) if self.switchable else ("lab",)

    def logits(self, batch: JetBatch, dtype: str, conditioning: str) -> Tensor:
        """Logits in float64, shape (jets, outputs); of several classes relative to their mean, as the softmax sees them."""
        tagger = self.copies[dtype]
        if self.switchable:
            tagger = tagger.in_frame(conditioning)
        parts = []
        with torch.no_grad():
            for start in range(0, batch.n_jets, self.chunk):
                part = batch.select(slice(start, start + self.chunk)).to(self.device)
                parts.append(tagger(part).double().cpu())
        logits = torch.cat(parts)
        return logits - logits.mean(1, keepdim=True) if logits.shape[1] > 1 else logits

    def spread(self, batch: JetBatch, name: str) -> tuple[float, Tensor]:
        """Standard deviation of the float64 logit over the jets, the unit of all changes, and these logits."""
        if batch.n_jets == 0:
            raise DataError(f"tagger '{name}': there are no jets to measure its invariance with; give a file with at least two")
        logits = self.logits(batch, "float64", self.best)
        finite = logits[torch.isfinite(logits).all(1)]
        sigma = math.sqrt(float((finite - finite.mean(0)).square().sum(1).mean() / finite.shape[1])) if len(finite) else 0.0
        if not sigma > 0:
            what = "is the same for all" if len(finite) else "is not finite for any"
            raise DataError(f"tagger '{name}': its logit {what} of {batch.n_jets} jets; give different jets or train it first")
        return sigma, logits


def evenly_spaced(jets_in: JetTable | JetBatch, number: int) -> JetBatch:
    """At most ``number`` jets, evenly spaced, so that a file sorted by class gives all classes."""
    total = jets_in.n_jets if isinstance(jets_in, JetBatch) else len(jets_in)
    chosen = np.arange(total) if total <= number else np.arange(number) * total // number
    if isinstance(jets_in, JetBatch):
        return jets_in.select(torch.from_numpy(chosen)).cpu()
    from lorentznet.data import collate

    batch: JetBatch = collate(jets_in[chosen])
    return batch


def transformed(batch: JetBatch, matrices: Matrices) -> JetBatch:
    """The jets seen from another frame each: transformed in extended precision, rounded to float64 once."""
    p4 = (matrices[batch.batch.numpy()] @ batch.p4.numpy().astype(matrices.dtype)[..., None])[..., 0]
    references = None
    if "references" in batch:
        extended = batch.references.numpy().astype(matrices.dtype)
        references = torch.from_numpy((matrices[:, None] @ extended[..., None])[..., 0].astype(np.float64))
    return batch.with_momenta(torch.from_numpy(p4.astype(np.float64)), references)


def _change(logits: Tensor, baseline: Tensor, sigma: float) -> Change:
    difference = (logits - baseline) / sigma
    flips = float((_decision(logits) != _decision(baseline)).double().mean())
    bad = int((~torch.isfinite(difference).all(1)).sum())
    if bad:
        return Change(math.inf, math.inf, bad, flips)
    return Change(float(difference.square().mean().sqrt()), float(difference.abs().max()), 0, flips)


def _decision(logits: Tensor) -> Tensor:
    return logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)
