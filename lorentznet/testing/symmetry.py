"""Clauses on what must not matter: the frame, the order of the particles, padding, company."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.evaluate.rearrangements import joined, permuted
from lorentznet.group.subgroup import Subgroup, subgroup_names
from lorentznet.nn.frame import JetFrame
from lorentznet.taggers.base import Tagger
from lorentznet.testing.jets import toy_jets
from lorentznet.testing.measure import awakened, change, change_of_frame, logits_of, require, spread
from lorentznet.testing.transforms import RAPIDITY, stacked, strong_transforms

TOLERANCE = 1e-8
"""Bound on the change of a float64 logit under strong Lorentz transforms, in units of the logits' spread."""

EXACT = 1e-12
"""The same where only the order of sums changes."""

PHYSICAL = "O+(1,3)"
"""Momenta of particles have positive energy: transforms that reverse time are of no use to tell taggers apart."""


def check_symmetry(
    tagger: Tagger,
    jets: JetBatch | None = None,
    group: Subgroup | None = None,
    along: Subgroup | None = None,
    rapidity: float = RAPIDITY,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> dict[str, float]:
    r"""f(L p) = f(p) in float64 for strong random L from the declared symmetry, another one for each jet.

    If the tagger's ``output_law`` is that of four-vectors, f(L p) = L f(p); changes are then relative, see
    :func:`~lorentznet.testing.measure.change_of_frame`.

    If the tagger reads reference vectors r, also f(L p, L r) = f(p, r) for L from the group of its architecture.

    Parameters
    ----------
    tagger
        A tagger; it is left as it is.
    jets
        Jets in the laboratory without attached references; toy jets if None.
    group
        Transforms of the particles alone; the tagger's declared ``symmetry`` if None.
    along
        Transforms of particles and references together; the tagger's ``architecture`` if it names one, else SO+(1,3).
    rapidity
        Typical rapidity of the boosts.
    tolerance
        Bound on the largest change, in units of the logits' spread.
    seed
        Seed of the transforms.

    Returns
    -------
    dict
        Largest change under ``"fixed"`` and, where there are references, ``"along"``.

    Raises
    ------
    AssertionError
        If a change exceeds the tolerance, or the transforms are weak.
    """
    clause = "check_symmetry"
    tagger, jets = awakened(tagger), toy_jets() if jets is None else jets
    logits = logits_of(tagger, jets)
    sigma = spread(clause, logits)
    group = tagger.symmetry if group is None else group
    measured = {"fixed": _changed(tagger, jets, logits, sigma, group, rapidity, seed)}
    require(clause, f"the change of the logits under the declared {group}, over their spread,", measured["fixed"], tolerance)
    attached = tagger.with_references(jets)
    if "references" in attached:
        along = Subgroup.of(tagger.architecture) if along is None else along
        measured["along"] = _changed(tagger, attached, logits, sigma, along, rapidity, seed + 1)
        what = f"the change of the logits under {along} with references transformed along, over their spread,"
        require(clause, what, measured["along"], tolerance)
    return measured


def check_symmetry_is_maximal(
    tagger: Tagger, jets: JetBatch | None = None, rapidity: float = RAPIDITY, threshold: float = 1e-6, seed: int = 0
) -> dict[str, float]:
    """No larger group of the catalogue leaves the logits unchanged, references held fixed.

    A beam that is never used, or a declared symmetry smaller than the real one, fails here.

    Parameters
    ----------
    tagger, jets, rapidity, seed
        As in :func:`check_symmetry`.
    threshold
        A group is respected if the largest change of a logit is below this, in units of the logits' spread.

    Returns
    -------
    dict
        The largest change by the name of each next larger group.
    """
    clause = "check_symmetry_is_maximal"
    tagger, jets = awakened(tagger), toy_jets() if jets is None else jets
    logits = logits_of(tagger, jets)
    sigma = spread(clause, logits)
    measured = {}
    for larger in _next_larger(tagger.symmetry):
        moved = measured[str(larger)] = _changed(tagger, jets, logits, sigma, larger, rapidity, seed)
        if moved < threshold:
            raise AssertionError(
                f"{clause}: declared is {tagger.symmetry}, but under {larger} the change of the logits over their spread is only "
                f"{moved:.3g}; a broken symmetry gives at least {threshold:.3g}"
            )
    return measured


def check_permutation(tagger: Tagger, jets: JetBatch | None = None, tolerance: float = EXACT, seed: int = 0) -> float:
    """The order of a jet's particles does not matter.

    Parameters
    ----------
    tagger, jets
        As in :func:`check_symmetry`.
    tolerance
        Bound on the largest change of a float64 logit, in units of the logits' spread.
    seed
        Seed of the permutations.
    """
    clause = "check_permutation"
    tagger, jets = awakened(tagger), toy_jets() if jets is None else jets
    logits = logits_of(tagger, jets)
    sigma = spread(clause, logits)
    measured = change(logits_of(tagger, permuted(jets, np.random.default_rng(seed))), logits, sigma)
    return require(clause, "the change of the logits when particles are permuted, over their spread,", measured, tolerance)


def check_padding(tagger: Tagger, jets: JetBatch | None = None, tolerance: float = EXACT) -> dict[str, float]:
    """What fills the slots without particle does not matter, nor how many there are.

    A jet keeps its logit in the company of a jet four times as long as the longest, and of jets without particles; and if the
    padding behind the front end (:class:`~lorentznet.nn.frame.JetFrame`) is filled with NaN.

    Parameters
    ----------
    tagger, jets, tolerance
        As in :func:`check_permutation`.
    """
    clause = "check_padding"
    tagger, jets = awakened(tagger), toy_jets() if jets is None else jets
    logits = logits_of(tagger, jets)
    sigma = spread(clause, logits)
    longest = int(jets.counts.max())
    scalars = jets.scalars.shape[1] if "scalars" in jets else 0
    long_one = toy_jets(1, seed=99, particles=4 * longest)
    few = jets.select(slice(0, 8))
    companies = {
        "a longer jet": joined([few, _like(long_one, scalars)]),
        "jets without particles": joined([few, _empty(scalars), _like(long_one, scalars), _empty(scalars)]),
    }
    measured = {}
    for name, company in companies.items():
        measured[name] = change(logits_of(tagger, company)[: few.n_jets], logits[: few.n_jets], sigma)
        require(clause, f"the change of the logits in the company of {name}, over their spread,", measured[name], tolerance)
    if bool((jets.counts < longest).any()) and _poison(tagger, jets):
        measured["NaN"] = change(logits_of(tagger, jets), logits, sigma)
        require(clause, "the change of the logits when padding is NaN, over their spread,", measured["NaN"], tolerance)
    return measured


def check_alone(tagger: Tagger, jets: JetBatch | None = None, tolerance: float = EXACT) -> float:
    """A jet scores alone as in company, and wherever it stands in the batch.

    Parameters
    ----------
    tagger, jets, tolerance
        As in :func:`check_permutation`.
    """
    clause = "check_alone"
    tagger, jets = awakened(tagger), toy_jets() if jets is None else jets
    logits = logits_of(tagger, jets)
    sigma = spread(clause, logits)
    alone = torch.cat([logits_of(tagger, jets.select([number])) for number in range(jets.n_jets)])
    backwards = logits_of(tagger, jets.select(torch.arange(jets.n_jets - 1, -1, -1))).flip(0)
    measured = max(change(alone, logits, sigma), change(backwards, logits, sigma))
    return require(clause, "the change of a jet's logit without its company, over the spread,", measured, tolerance)


def _changed(tagger: Tagger, jets: JetBatch, logits: Tensor, sigma: float, group: Subgroup, rapidity: float, seed: int) -> float:
    transforms = strong_transforms(group, max(jets.n_jets, 4), rapidity, seed)[: jets.n_jets]
    return change_of_frame(tagger, logits, jets, stacked(transforms), sigma)


def _next_larger(group: Subgroup) -> list[Subgroup]:
    """The smallest groups of the catalogue that are larger, among those that keep energies positive."""
    found: list[Subgroup] = []
    for name in subgroup_names():
        candidate = Subgroup.of(name) & Subgroup.of(PHYSICAL)
        if group < candidate and candidate not in found:
            found.append(candidate)
    return [candidate for candidate in found if not any(other < candidate for other in found)]


def _like(jets: JetBatch, scalars: int) -> JetBatch:
    """The same jets with so many scalars (zeros) for each particle."""
    return JetBatch.from_arrays(
        jets.p4, jets.counts, y=jets.y, scalars=jets.p4.new_zeros((len(jets.p4), scalars)) if scalars else None
    )


def _empty(scalars: int) -> JetBatch:
    return _like(JetBatch.from_arrays(torch.zeros((0, 4)), [0], y=[0]), scalars)


def _poison(tagger: Tagger, jets: JetBatch) -> bool:
    """From now on fill the padding of every :class:`JetFrame` that a part of the tagger gives with NaN; False if none does."""
    seen: list[bool] = []

    def fill(module: nn.Module, inputs: object, output: object) -> object:
        if not isinstance(output, JetFrame):
            return output
        seen.append(True)
        return poisoned(output)

    for part in tagger.modules():
        part.register_forward_hook(fill)
    logits_of(tagger, jets.select(slice(0, 2)))
    return bool(seen)


def poisoned(frame: JetFrame) -> JetFrame:
    """A copy of the frame with NaN in all particle and pair slots without particle."""
    import dataclasses

    nodes = frame.nodes
    pairs = nodes[:, :, None] & nodes[:, None]
    nan = float("nan")
    return dataclasses.replace(
        frame,
        momenta=frame.momenta.masked_fill(~nodes[..., None], nan),
        energy=frame.energy.masked_fill(~nodes, nan),
        log_product=frame.log_product.masked_fill(~pairs, nan),
        log_angle=frame.log_angle.masked_fill(~pairs, nan),
        reference_scalars=frame.reference_scalars.masked_fill(~nodes[..., None], nan),
    )
