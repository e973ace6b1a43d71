"""The receiver operating characteristic (ROC) of a discriminant: every threshold at once, ties and weights exact.

Everything is computed from logits in float64: after a float32 softmax or sigmoid thousands of jets share the value 1, and the
tight end of the curve, where the background rejection is read, is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lorentznet.errors import DataError
from lorentznet.evaluate.intervals import LEVEL, Estimate, fraction_interval, normal_on_logit_scale

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """The jets of one class that pass each threshold of a ROC.

    Attributes
    ----------
    counts
        Number of jets, each counted once, int64, shape (thresholds,).
    weights, squares
        Sum of weights and of squared weights, shape (thresholds,).
    """

    counts: NDArray[np.int64]
    weights: Array
    squares: Array

    @property
    def efficiency(self) -> Array:
        """Fraction of the weight that passes, shape (thresholds,)."""
        efficiency: Array = self.weights / self.weights[-1]
        return efficiency

    @property
    def trials(self) -> float:
        """Effective number of jets, (sum w)^2 / sum w^2."""
        return float(self.weights[-1] ** 2 / self.squares[-1])

    def variance(self, efficiency: Array, squares: Array) -> Array:
        r"""Variance of an efficiency whose passing jets have the given sum of squared weights.

        .. math:: V = \frac{(1-\epsilon)^2 \sum_{pass} w^2 + \epsilon^2 \sum_{fail} w^2}{(\sum w)^2}

        which is the binomial variance where all weights are equal.
        """
        failing = np.maximum(self.squares[-1] - squares, 0.0)
        variance: Array = ((1 - efficiency) ** 2 * squares + efficiency**2 * failing) / self.weights[-1] ** 2
        return variance


@dataclass(frozen=True, eq=False)
class Roc:
    """A ROC curve: corner points by falling threshold, from nothing accepted to everything accepted.

    Jets with equal discriminant enter together, so that a tie is a sloped segment (its jets in random order) and not a choice.

    Attributes
    ----------
    thresholds
        Float64, shape (points,), falling; the first is ``inf``. Jets with a discriminant at or above it pass.
    signal, background
        The passing jets of both classes.
    """

    thresholds: Array
    signal: Sample
    background: Sample

    @property
    def signal_efficiency(self) -> Array:
        """Signal efficiency at each threshold, rising from 0 to 1, shape (points,)."""
        return self.signal.efficiency

    @property
    def background_efficiency(self) -> Array:
        """Background efficiency at each threshold, rising from 0 to 1, shape (points,)."""
        return self.background.efficiency

    def auc(self, level: float = LEVEL) -> Estimate:
        r"""Area under the curve: the probability that a signal jet scores above a background jet, a tie counting half.

        The error is DeLong's: with :math:`V_i` the weighted fraction of background jets that signal jet i beats and
        :math:`V_j` the fraction of signal jets that beat background jet j, the variance of the area is

        .. math:: \frac{n_S}{n_S - 1} \frac{\sum_i w_i^2 (V_i - A)^2}{(\sum_i w_i)^2}
                + \frac{n_B}{n_B - 1} \frac{\sum_j w_j^2 (V_j - A)^2}{(\sum_j w_j)^2}

        with effective numbers n; the interval is normal in log(A / (1 - A)).

        References
        ----------
        E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837.
        """
        signal, background = self.signal_efficiency, self.background_efficiency
        beaten = 1 - (background[1:] + background[:-1]) / 2  # of the background, by the signal jets of each threshold
        beating = (signal[1:] + signal[:-1]) / 2
        area = float(np.sum(np.diff(signal) * beaten))
        trials = min(self.signal.trials, self.background.trials)
        if trials <= 1:  # the spread within a class of one jet is unknown
            return Estimate(area, 0.0, 1.0)
        variance = sum(
            sample.trials
            / (sample.trials - 1)
            * float(np.sum(np.diff(sample.squares) * (values - area) ** 2))
            / float(sample.weights[-1]) ** 2
            for sample, values in ((self.signal, beaten), (self.background, beating))
        )
        area = min(max(area, 0.0), 1.0)
        return Estimate(area, *normal_on_logit_scale(area, float(np.sqrt(variance)), trials, level))

    def background_rejection(self, signal_efficiency: float, level: float = LEVEL) -> Estimate:
        """Inverse background efficiency at a signal efficiency, see :meth:`at`."""
        if not 0 < signal_efficiency <= 1:
            raise DataError(f"signal efficiency {signal_efficiency:g} is not in (0, 1]")
        point = self.at(np.array([signal_efficiency]), level)
        value, low, high = (float(point[key][0]) for key in ("background_rejection", "low", "high"))
        return Estimate(value, low, high, int(point["survivors"][0]))

    def at(self, signal_efficiency: ArrayLike, level: float = LEVEL) -> dict[str, NDArray[Any]]:
        r"""The curve at given signal efficiencies, linear in the efficiencies between its corners.

        Where several thresholds have the efficiency asked for, the tightest is taken. The interval of the background efficiency
        is Clopper-Pearson's, with effective counts from the variance

        .. math:: V = V_B(\epsilon_B) + \left(\frac{\epsilon_B(\epsilon_S + \delta) - \epsilon_B(\epsilon_S - \delta)}{2}\right)^2

        whose second term is the uncertainty of the threshold, set by signal jets that are finite in number:
        :math:`\delta^2 = V_S(\epsilon_S)`.

        Parameters
        ----------
        signal_efficiency
            In [0, 1], shape (n,).
        level
            Probability content of the intervals.

        Returns
        -------
        dict of arrays, shape (n,)
            ``signal_efficiency``, ``background_efficiency``, ``background_rejection`` (``inf`` where no background survives), its
            limits ``low`` and ``high``, ``survivors`` (int64, background jets counted once), ``threshold``.
        """
        target = np.asarray(signal_efficiency, np.float64)
        corner, part = self._locate(target)

        def along(values: NDArray[Any]) -> Array:
            after, before = values[corner], values[np.maximum(corner - 1, 0)]
            return np.where(part == 1, after, before + part * (after - before))  # exact at the corners

        background = along(self.background_efficiency)
        variance = self.background.variance(background, along(self.background.squares))
        shift = np.sqrt(self.signal.variance(target, along(self.signal.squares)))
        edges = [self._background_at(np.clip(target + sign * shift, 0, 1)) for sign in (1, -1)]
        variance = variance + np.where(background > 0, (edges[0] - edges[1]) ** 2 / 4, 0.0)
        low, high = fraction_interval(background, variance, self.background.trials, level)
        with np.errstate(divide="ignore"):
            return {
                "signal_efficiency": target,
                "background_efficiency": background,
                "background_rejection": 1 / background,
                "low": 1 / high,
                "high": 1 / low,
                "survivors": np.rint(along(self.background.counts)).astype(np.int64),
                "threshold": self.thresholds[corner],
            }

    def _locate(self, target: Array) -> tuple[NDArray[np.int64], Array]:
        """The first corner that reaches each efficiency, and the way to it from the corner before, in (0, 1]."""
        signal = self.signal_efficiency
        corner = np.minimum(np.searchsorted(signal, target, side="left"), len(signal) - 1)
        before = signal[np.maximum(corner - 1, 0)]
        step = signal[corner] - before
        return corner, np.where(step > 0, (target - before) / np.where(step > 0, step, 1.0), 1.0)

    def _background_at(self, target: Array) -> Array:
        corner, part = self._locate(target)
        background = self.background_efficiency
        before = background[np.maximum(corner - 1, 0)]
        interpolated: Array = before + part * (background[corner] - before)
        return interpolated


def build_roc(signal: NDArray[np.bool_], discriminant: Array, weights: Array) -> Roc:
    """The ROC of checked arrays: is it signal, float64 discriminant, weight; shape (jets,) each, both classes present."""
    order = np.argsort(-discriminant, kind="stable")
    ordered = discriminant[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    signal, weights = signal[order], weights[order]

    def sample(member: NDArray[np.bool_]) -> Sample:
        inside = np.where(member, weights, 0.0)
        return Sample(
            *(np.concatenate(([0], np.cumsum(values)[ends])) for values in (member.astype(np.int64), inside, inside**2))
        )

    return Roc(np.concatenate(([np.inf], ordered[ends])), sample(signal), sample(~signal))
