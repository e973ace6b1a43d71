"""Comparison of taggers on the same jets: the error of a difference is much smaller than that of each value.

A *tagger* here is the mean over its seeds: of the area under the ROC curve, or of the background rejection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorentznet.evaluate import bootstrap
from lorentznet.evaluate.paired import placement_difference, placements

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

QUANTILES = (0.15865, 0.84135)


def area(signal: Bools, scores: Sequence[Floats], others: Sequence[Floats] = ()) -> tuple[float, float]:
    """Mean area under the curve, or its difference to that of other scores, and the error from the finite number of test jets."""
    before = _mean_placements(signal, others) if others else np.zeros(len(signal))
    found = placement_difference(signal, before, _mean_placements(signal, scores), np.ones(len(signal)))
    return found.value, found.error


def _mean_placements(signal: Bools, scores: Sequence[Floats]) -> Floats:
    """Each jet's placement, mean over the seeds; its spread gives the variance of the mean area."""
    weights = np.ones(len(signal))
    mean: Floats = np.mean([placements(signal, z, weights) for z in scores], axis=0)
    return mean


def rejections(signal: Bools, scores: Sequence[Floats], efficiencies: Sequence[float], seed: int = 1) -> Floats:
    """Mean background rejections over the seeds, for the sample (first) and its replicas, shape (efficiencies, 1 + replicas)."""
    mean: Floats = bootstrap.rejections(signal, scores, efficiencies, seed=seed).mean(axis=0)
    return mean


def compare(signal: Bools, scores: Sequence[Floats], others: Sequence[Floats], efficiencies: Sequence[float]) -> dict[str, Any]:
    """Difference of the areas, its error from the test jets and (where both have several) from the seeds, and ratio of the background
    rejections with its central 68 % interval."""
    difference, error = area(signal, scores, others)
    areas = [np.array([area(signal, [z])[0] for z in found]) for found in (scores, others)]
    known = all(len(values) > 1 for values in areas)  # one training says nothing of what another would have given
    spread = float(np.sqrt(sum(values.var(ddof=1) / len(values) for values in areas))) if known else None
    ratios = rejections(signal, scores, efficiencies) / rejections(signal, others, efficiencies)
    return {
        "auc_difference": {"value": difference, "test_error": error, "seed_error": spread},
        **{
            f"rejection_ratio_{efficiency:g}": dict(
                zip(("value", "low", "high"), (float(x) for x in (ratio[0], *np.quantile(ratio[1:], QUANTILES))), strict=True)
            )
            for efficiency, ratio in zip(efficiencies, ratios, strict=True)
        },
    }
