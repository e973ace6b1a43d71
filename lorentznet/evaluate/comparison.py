"""Taggers beside each other on the same jets: how alike their scores are, which is better, and what both know together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from lorentznet.evaluate.intervals import LEVEL
from lorentznet.evaluate.paired import Difference, Ratio, placement_difference, placements, ratio_of
from lorentznet.evaluate.roc import Roc, build_roc

Array = NDArray[np.float64]
FITTED = 25_000
"""Jets of each class, at most, in each half that a combination is fitted to: three numbers need no more."""


@dataclass(eq=False)
class Scored:
    """A discriminant with its ROC and the placements of its jets, made when they are first asked for.

    Attributes
    ----------
    discriminant, is_signal, weights
        Shape (jets,), jets of the two classes only.
    """

    discriminant: Array
    is_signal: NDArray[np.bool_]
    weights: Array
    _roc: Roc | None = None
    _placed: Array | None = None

    @property
    def roc(self) -> Roc:
        """The ROC."""
        self._roc = self._roc or build_roc(self.is_signal, self.discriminant, self.weights)
        return self._roc

    @property
    def placed(self) -> Array:
        """See :func:`lorentznet.evaluate.paired.placements`."""
        if self._placed is None:
            self._placed = placements(self.is_signal, self.discriminant, self.weights)
        return self._placed

    def area_against(self, other: Scored) -> Difference:
        """Area under this curve minus that under the other."""
        return placement_difference(self.is_signal, other.placed, self.placed, self.weights)

    def rejection_over(self, other: Scored, signal_efficiency: float, level: float = LEVEL) -> Ratio:
        """Background rejection of this over that of the other."""
        return ratio_of(
            (other.roc, self.roc), (other.discriminant, self.discriminant), self.is_signal, self.weights, signal_efficiency, level
        )


def correlations(taggers: Mapping[str, Scored]) -> dict[str, list[list[float | None]]]:
    """Spearman's correlation of the scores, for signal and background jets apart: two taggers that know the same have 1.

    Returns
    -------
    dict
        ``signal`` and ``background``: a matrix in the order of the taggers, as lists; weighted ranks, ties in the middle. None for a
        tagger that gives all jets one score.

    Examples
    --------
    >>> jets = np.array([False, False, False, True, True]), np.ones(5)
    >>> found = correlations({name: Scored(np.array(z), *jets) for name, z in (("a", [1.0, 2, 3, 1, 2]), ("b", [1.0, 3, 2, 5, 4]))})
    >>> found["signal"][0][1], found["background"][0][1]
    (-1.0, 0.5)
    """
    result: dict[str, list[list[float | None]]] = {}
    for name in ("signal", "background"):
        rows = []
        for scored in taggers.values():
            members = scored.is_signal if name == "signal" else ~scored.is_signal
            weights = scored.weights[members]
            ranks = _ranks(scored.discriminant[members], weights)
            ranks -= np.average(ranks, weights=weights)
            ranks *= np.sqrt(weights)
            norm = np.sqrt(np.sum(ranks**2))
            rows.append(ranks / norm if norm > 0 else np.full(len(ranks), np.nan))
        found = ((float(one @ other) for other in rows) for one in rows)
        result[name] = [[None if np.isnan(number) else round(number, 12) for number in row] for row in found]
    return result


def _ranks(values: Array, weights: Array) -> Array:
    order = np.argsort(values, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True)) + 1
    total = np.append(0.0, np.cumsum(weights[order]))[np.append(0, ends)]
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((total[:-1] + total[1:]) / 2, np.diff(ends, prepend=0))
    return ranks


def combine(first: Scored, second: Scored) -> tuple[Scored, tuple[float, float]]:
    """The best sum of two log-odds, by logistic regression.

    The weights are fitted to every second jet of each class and used for the others, and the other way round: what the combination
    gains is not what it has seen.

    Returns
    -------
    combined, weights
        The combination, and the weights of the two, the mean over both halves.
    """
    jets = len(first.discriminant)
    inputs = np.stack((np.ones(jets), first.discriminant, second.discriminant), axis=1)
    of_class = [np.flatnonzero(members) for members in (first.is_signal, ~first.is_signal)]
    combined, fits = np.empty(jets), []
    for half in (0, 1):
        rows = np.concatenate([numbers[half::2][:FITTED] for numbers in of_class])
        fits.append(_logistic(inputs[rows], first.is_signal[rows], first.weights[rows]))
        for numbers in of_class:
            combined[numbers[1 - half :: 2]] = inputs[numbers[1 - half :: 2]] @ fits[-1]
    mean = np.mean(fits, axis=0)
    return Scored(combined, first.is_signal, first.weights), (float(mean[1]), float(mean[2]))


def _logistic(inputs: Array, is_signal: NDArray[np.bool_], weights: Array) -> Array:
    """Coefficients of a logistic regression, by Newton's steps with a slight pull to zero, so that separated classes have an end."""
    scale = np.maximum(np.sqrt(np.mean(inputs**2, axis=0)), 1e-300)
    x, w = inputs / scale, weights / weights.mean() if weights.any() else weights
    found, pull = np.zeros(x.shape[1]), 1e-3 * np.eye(x.shape[1])
    loss = np.inf
    for _ in range(50):
        p = special.expit(x @ found)
        step = np.linalg.solve((x * (w * p * (1 - p))[:, None]).T @ x + pull, x.T @ (w * (is_signal - p)) - pull @ found)
        size = 1.0
        while size > 1e-6:  # a shorter step where a whole one goes too far
            new = found + size * step
            z = x @ new
            reached = float(np.sum(w * (np.logaddexp(0, z) - is_signal * z)) + new @ pull @ new / 2)
            if reached <= loss:
                break
            size /= 2
        if size <= 1e-6 or loss - reached <= 1e-10 * abs(reached):
            break
        found, loss = new, reached
    return found / scale


def compare(
    taggers: Mapping[str, Scored], baseline: str, signal_efficiencies: Sequence[float], level: float = LEVEL
) -> dict[str, dict[str, Any]]:
    """Each tagger against one of them.

    Returns
    -------
    dict
        Tagger -> ``auc_difference`` (``value``, ``error``, ``p_value``), ``rejection_ratio`` (signal efficiency -> ``value``, ``low``,
        ``high``, ``p_value``) and ``combination`` of both: ``weights`` by tagger, ``auc``, and over the better of the two alone
        ``auc_gain`` and ``rejection_gain``.
    """
    base, result = taggers[baseline], {}
    for name, scored in taggers.items():
        if name == baseline:
            continue
        difference = scored.area_against(base)
        ratios = {point: scored.rejection_over(base, point, level) for point in signal_efficiencies}
        together, weights = combine(base, scored)
        better = scored if difference.value > 0 else base
        gains = {
            point: together.rejection_over(scored if ratio.value > 1 else base, point, level) for point, ratio in ratios.items()
        }
        gain = together.area_against(better)
        result[name] = {
            "auc_difference": difference.as_dict() | {"p_value": difference.p_value},
            "rejection_ratio": {f"{point:g}": ratio.as_dict() for point, ratio in ratios.items()},
            "combination": {
                "weights": {baseline: weights[0], name: weights[1]},
                "auc": together.roc.auc(level).as_dict(),
                "auc_gain": gain.as_dict() | {"p_value": gain.p_value},
                "rejection_gain": {f"{point:g}": ratio.as_dict() for point, ratio in gains.items()},
            },
        }
    return result
