"""The receiver operating characteristic (ROC) of a discriminant: every threshold at once, ties and weights exact.

Everything is computed from logits in float64: after a float32 softmax or sigmoid thousands of jets share the value 1, and the
tight end of the curve, where the background rejection is read, is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lorentznet.errors import DataError
from lorentznet.evaluate.intervals import LEVEL, Estimate, Method, fraction_interval, fraction_variance, normal_on_logit_scale

Array = NDArray[np.float64]
POOL = 100
"""Jets, at least, whose weights tell how uneven those of the passing jets are; see :meth:`Sample.variance`."""
WINDOW = 1.75
"""Standard deviations of an efficiency to either side in which the slope of the curve is measured."""


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
        return self.weights / self.weights[-1]

    @property
    def trials(self) -> float:
        """Effective number of jets, (sum w)^2 / sum w^2."""
        return float(self.weights[-1] ** 2 / self.squares[-1])

    def variance(self, efficiency: Array, along: Callable[[NDArray[Any]], Array]) -> Array:
        """Variance of an efficiency (:func:`lorentznet.evaluate.intervals.fraction_variance`).

        A sum of few uneven weights tells its own variance badly, and too small when the sum is small by chance: where fewer than
        :data:`POOL` jets pass, the mean squared over the mean weight is that of the first :data:`POOL`.

        Parameters
        ----------
        efficiency
            Where to give it.
        along
            Takes what belongs to the thresholds to these efficiencies.
        """
        squares = along(self.squares)
        pool = np.searchsorted(self.counts, min(POOL, int(self.counts[-1])))
        if self.weights[pool] > 0:
            pooled = along(self.weights) * (self.squares[pool] / self.weights[pool])
            squares = np.where(along(self.counts) < POOL, pooled, squares)
        return fraction_variance(efficiency, squares, self.squares[-1] - squares, self.weights[-1])


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

    def background_rejection(self, signal_efficiency: float, level: float = LEVEL, method: Method = "jeffreys") -> Estimate:
        """Inverse background efficiency at a signal efficiency, see :meth:`at`."""
        if not 0 < signal_efficiency <= 1:
            raise DataError(f"signal efficiency {signal_efficiency:g} is not in (0, 1]")
        point = self.at(np.array([signal_efficiency]), level, method)
        value, low, high = (float(point[key][0]) for key in ("background_rejection", "low", "high"))
        return Estimate(value, low, high, int(point["survivors"][0]))

    def signal_efficiency_at(self, background_efficiency: float, level: float = LEVEL, method: Method = "jeffreys") -> Estimate:
        """Signal efficiency at a background efficiency, interpolated and with the interval of :meth:`at`, roles exchanged.

        Where several thresholds have the background efficiency asked for, the tightest is taken, that of a background jet: the loosest
        would let pass more than this on average.
        """
        if not 0 < background_efficiency <= 1:
            raise DataError(f"background efficiency {background_efficiency:g} is not in (0, 1]")
        target = np.array([background_efficiency])
        along, value, low, high = self._crossing(self.background, self.signal, target, level, method)
        return Estimate(float(value[0]), float(low[0]), float(high[0]), int(np.rint(along(self.background.counts))[0]))

    def at(self, signal_efficiency: ArrayLike, level: float = LEVEL, method: Method = "jeffreys") -> dict[str, NDArray[Any]]:
        r"""The curve at given signal efficiencies, linear in the efficiencies between its corners.

        Where several thresholds have the efficiency asked for, the tightest is taken. The interval of the background efficiency
        is that of a count, with effective counts from the variance

        .. math:: V = V_B(\epsilon_B) + \frac{(\epsilon_B(\epsilon_S + k\delta) - \epsilon_B(\epsilon_S - k\delta))^2 - v}{4 k^2}

        whose second term is the uncertainty of the threshold, set by signal jets that are finite in number:
        :math:`\delta^2 = V_S(\epsilon_S)`, and :math:`v` what the background jets between these efficiencies, being counted, add to the
        square by chance; k is :data:`WINDOW`, less where the curve ends.

        Parameters
        ----------
        signal_efficiency
            In [0, 1], shape (n,).
        level, method
            Probability content of the intervals, and their kind.

        Returns
        -------
        dict of arrays, shape (n,)
            ``signal_efficiency``, ``background_efficiency``, ``background_rejection`` (``inf`` where no background survives), its
            limits ``low`` and ``high``, ``survivors`` (int64, background jets counted once), ``threshold``.
        """
        target = np.asarray(signal_efficiency, np.float64)
        along, background, low, high = self._crossing(self.signal, self.background, target, level, method)
        with np.errstate(divide="ignore"):
            return {
                "signal_efficiency": target,
                "background_efficiency": background,
                "background_rejection": 1 / background,
                "low": 1 / high,
                "high": 1 / low,
                "survivors": np.rint(along(self.background.counts)).astype(np.int64),
                "threshold": self.thresholds[self._locate(self.signal_efficiency, target)[0]],
            }

    def passing(self, discriminant: Array, signal_efficiency: float) -> Array:
        """How much of each jet passes at a signal efficiency: 1 above the threshold, 0 below, at it what the interpolation takes."""
        corner, part = self._locate(self.signal_efficiency, np.array([signal_efficiency]))
        threshold = self.thresholds[corner[0]]
        return np.where(discriminant == threshold, part[0], np.where(discriminant > threshold, 1.0, 0.0))

    def _crossing(
        self, given: Sample, other: Sample, target: Array, level: float, method: Method
    ) -> tuple[Callable[[NDArray[Any]], Array], Array, Array, Array]:
        """Where one class has the efficiencies asked for: a function that interpolates there, and the other's efficiency with limits."""
        mine = given.efficiency
        along = self._along(mine, target)
        value = along(other.efficiency)
        shift = np.sqrt(given.variance(target, along))
        edges = [np.clip(target + sign * WINDOW * shift, 0, 1) for sign in (1, -1)]
        above, below = (self._along(mine, edge) for edge in edges)
        change = above(other.efficiency) - below(other.efficiency)
        chance = (above(other.squares) - below(other.squares)) / other.weights[-1] ** 2
        part = np.divide(shift, edges[0] - edges[1], out=np.zeros(len(target)), where=shift > 0)
        variance = other.variance(value, along) + np.where(value > 0, np.maximum(change**2 - chance, 0.0) * part**2, 0.0)
        low, high = fraction_interval(value, variance, other.trials, level, method)
        return along, value, low, high

    def _along(self, efficiency: Array, target: Array) -> Callable[[NDArray[Any]], Array]:
        corner, part = self._locate(efficiency, target)

        def along(values: NDArray[Any]) -> Array:
            after, before = values[corner], values[np.maximum(corner - 1, 0)]
            return np.where(part == 1, after, before + part * (after - before))  # exact at the corners

        return along

    @staticmethod
    def _locate(efficiency: Array, target: Array) -> tuple[NDArray[np.int64], Array]:
        """The first corner that reaches each efficiency, and the way to it from the corner before, in (0, 1]."""
        corner = np.minimum(np.searchsorted(efficiency, target, side="left"), len(efficiency) - 1)
        before = efficiency[np.maximum(corner - 1, 0)]
        step = efficiency[corner] - before
        return corner, np.where(step > 0, (target - before) / np.where(step > 0, step, 1.0), 1.0)


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
