r"""Differences between two sets of logits of the same jets.

Both are wrong about much the same jets, so a difference is known much better than the two values: its error is taken from the
differences of each jet, and for areas under the ROC curve from those of each jet's *placement*, the fraction of the other class on its
right side (E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from lorentznet.errors import DataError
from lorentznet.evaluate.intervals import LEVEL, Estimate, tail_of
from lorentznet.evaluate.metrics import check, log_odds, roc_curve
from lorentznet.evaluate.roc import Roc

Array = NDArray[np.float64]
SLOPE = 0.1
"""Signal efficiencies within this distance of the working point, at most, tell how fast the background efficiency rises."""


@dataclass(frozen=True)
class Difference:
    """A difference with its standard error.

    Examples
    --------
    >>> print(Difference(0.0123, 0.0021), Difference(-0.0002, 0.0004))
    +0.0123 ± 0.0021 -0.00020 ± 0.00040
    """

    value: float
    error: float

    def __str__(self) -> str:
        text = Estimate(self.value, self.value - self.error, self.value + self.error).text()
        return text if text.startswith("-") else f"+{text}"

    @property
    def deviations(self) -> float:
        """The difference in units of its error; 0 where nothing changed at all."""
        return self.value / self.error if self.error > 0 else float(np.copysign(np.inf, self.value)) if self.value else 0.0

    @property
    def p_value(self) -> float:
        """Probability of a difference at least as large, to either side, if there were none; normal in the difference."""
        return float(special.erfc(abs(self.deviations) / np.sqrt(2)))

    def as_dict(self) -> dict[str, float]:
        """``{value, error}``."""
        return {"value": self.value, "error": self.error}

    @classmethod
    def from_dict(cls, numbers: dict[str, Any]) -> Difference:
        """The inverse of :meth:`as_dict`."""
        return cls(float(numbers["value"]), float(numbers["error"]))


def cross_entropies(labels: ArrayLike, logits: ArrayLike) -> Array:
    """Minus the log of the probability of its class, for each jet, in nats.

    Parameters
    ----------
    labels, logits
        As in :mod:`lorentznet.evaluate.metrics`.

    Examples
    --------
    >>> cross_entropies([0, 1], [0.0, 0.0]).round(4).tolist()
    [0.6931, 0.6931]
    """
    y, z, _ = check(labels, logits)
    highest = z.max(axis=1)
    return highest + np.log(np.exp(z - highest[:, None]).sum(axis=1)) - z[np.arange(len(z)), y]


def mean_difference(before: ArrayLike, after: ArrayLike, weights: ArrayLike | None = None) -> Difference:
    r"""Weighted mean of ``after - before`` and its standard error :math:`\sqrt{\tfrac{n}{n-1}\sum_j w_j^2 (d_j-\bar d)^2} / \sum_j w_j`.

    Examples
    --------
    >>> mean_difference([1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0])
    Difference(value=1.0, error=0.0)
    """
    change = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    w = np.ones(len(change)) if weights is None else np.asarray(weights, np.float64)
    if not w.sum() > 0:
        raise DataError(f"the weights of all {len(w)} jets are zero; a mean needs some weight")
    mean = float(np.average(change, weights=w))
    return Difference(mean, float(np.sqrt(np.sum(_influence(change, w, mean) ** 2))))


def auc_difference(
    labels: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    signal: int | None = None,
    background: int | None = None,
) -> Difference:
    """Change of the area under the ROC curve from one set of logits to another, with DeLong's error for the same jets.

    Parameters
    ----------
    labels, before, after, weights
        Labels, two sets of logits, weights of the same jets, see :mod:`lorentznet.evaluate.metrics`.
    signal, background
        Class numbers, ``background=None`` standing for all other classes. ``signal=None`` takes class 1 where there are two, else the
        mean over all classes.

    Raises
    ------
    DataError
        As :func:`lorentznet.evaluate.metrics.check`, and if a class has no jet or no weight.

    Examples
    --------
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> auc_difference(labels, [0.0, 1.0, 2.0, 1.5, 2.5, 3.0], [0.0, 1.0, 4.0, 1.5, 2.5, 3.0]).value.__round__(4)
    -0.2222
    """
    y, first, w = check(labels, before, weights)
    _, second, _ = check(labels, after, weights)
    classes = first.shape[1]
    signals = [signal] if signal is not None else [1] if classes == 2 else [n for n in range(classes) if n != background]
    value, influence = 0.0, np.zeros(len(y))
    for number in signals:
        chosen = (y == number) | (y == background) if background is not None else np.ones(len(y), bool)
        is_signal, weight = y[chosen] == number, w[chosen]
        placed = [placements(is_signal, log_odds(z, number, background)[chosen], weight) for z in (first, second)]
        mean, moved = _moved(is_signal, placed[0], placed[1], weight)
        value += mean / len(signals)
        influence[chosen] += moved / len(signals)
    return Difference(value, float(np.sqrt(np.sum(influence**2))))


def placement_difference(is_signal: NDArray[np.bool_], before: Array, after: Array, weights: Array) -> Difference:
    """:func:`auc_difference` of :func:`placements` that are there already."""
    value, moved = _moved(is_signal, before, after, weights)
    return Difference(value, float(np.sqrt(np.sum(moved**2))))


def _moved(is_signal: NDArray[np.bool_], before: Array, after: Array, weights: Array) -> tuple[float, Array]:
    """Difference of the areas, and what each jet adds to its error."""
    change = after - before
    mean = float(np.average(change[is_signal], weights=weights[is_signal]))
    moved = np.empty(len(change))
    for members in (is_signal, ~is_signal):
        moved[members] = _influence(change[members], weights[members], mean)
    return mean, moved


@dataclass(frozen=True)
class Ratio:
    """A ratio with its interval, normal in the logarithm; all ``nan`` where it is not known.

    Examples
    --------
    >>> print(Ratio.of(0.182, 0.08))
    1.200 +0.100 -0.092
    """

    value: float
    low: float
    high: float
    p_value: float

    @classmethod
    def of(cls, logarithm: float, error: float, level: float = LEVEL) -> Ratio:
        """From the logarithm and its standard error; the p-value is that of a ratio of one."""
        width = -special.ndtri(tail_of(level)) * error
        low, value, high = (float(np.exp(logarithm + shift)) for shift in (-width, 0, width))
        return cls(value, low, high, Difference(logarithm, error).p_value)

    def __str__(self) -> str:
        return "unknown" if np.isnan(self.value) else Estimate(self.value, self.low, self.high).text()

    def as_dict(self) -> dict[str, float | None]:
        """``{value, low, high, p_value}`` for JSON, None where it is not known."""
        return {key: None if np.isnan(number) else number for key, number in vars(self).items()}


def rejection_ratio(
    labels: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    signal_efficiency: float = 0.3,
    weights: ArrayLike | None = None,
    *,
    signal: int = 1,
    background: int | None = None,
    level: float = LEVEL,
) -> Ratio:
    r"""Ratio of the background rejections of two sets of logits, after over before, at one signal efficiency of the same jets.

    Each jet moves the logarithm of a background efficiency, a background jet by itself and a signal jet through the threshold, by

    .. math:: \frac{w_j}{\sum_B w} \frac{1_j - \epsilon_B}{\epsilon_B} \quad\text{or}\quad
              -\frac{w_i}{\sum_S w} \frac{\mathrm{d}\ln\epsilon_B}{\mathrm{d}\epsilon_S} (1_i - \epsilon_S),

    where 1 stands for a jet that passes; the variance of the ratio is the sum of the squared differences of these. Jets that pass both
    cuts, or neither, nearly cancel.

    Raises
    ------
    DataError
        As :func:`lorentznet.evaluate.metrics.roc_curve`.
    """
    y, first, w = check(labels, before, weights)
    _, second, _ = check(labels, after, weights)
    if background is not None:
        chosen = (y == signal) | (y == background)
        y, first, second, w = y[chosen], first[chosen], second[chosen], w[chosen]
    discriminants = [log_odds(z, signal, background) for z in (first, second)]
    rocs = [roc_curve(y == signal, z, w) for z in discriminants]
    return ratio_of(rocs, discriminants, y == signal, w, signal_efficiency, level)


def ratio_of(
    rocs: Sequence[Roc],
    discriminants: Sequence[Array],
    is_signal: NDArray[np.bool_],
    weights: Array,
    signal_efficiency: float,
    level: float = LEVEL,
) -> Ratio:
    """:func:`rejection_ratio` of ROC curves that are there already, before and after, with their discriminants."""
    logarithms, moved = [], []
    for roc, z in zip(rocs, discriminants, strict=True):
        width = min(SLOPE, signal_efficiency / 2, (1 - signal_efficiency) / 2)
        low, middle, high = roc.at(signal_efficiency + width * np.array([-1.0, 0.0, 1.0]))["background_efficiency"]
        if not middle > 0:
            return Ratio(np.nan, np.nan, np.nan, np.nan)
        slope = (np.log(high) - np.log(max(low, middle**2 / high))) / (2 * width) if width > 0 else 0.0
        passing = roc.passing(z, signal_efficiency)
        logarithms.append(float(np.log(middle)))
        moved.append(np.where(is_signal, -slope * (passing - signal_efficiency), (passing - middle) / middle))
    change = moved[1] - moved[0]
    variance = sum(float(np.sum(_influence(change[members], weights[members], 0.0) ** 2)) for members in (is_signal, ~is_signal))
    return Ratio.of(logarithms[0] - logarithms[1], float(np.sqrt(variance)), level)


def placements(is_signal: NDArray[np.bool_], discriminant: Array, weights: Array) -> Array:
    """For a signal jet the fraction of the background below it, for a background jet that of the signal above it; ties count half.

    The weighted mean over either class is the area under the ROC curve.

    Parameters
    ----------
    is_signal, discriminant, weights
        Shape (jets,).

    Examples
    --------
    >>> placements(np.array([False, False, True, True]), np.array([-1.0, 0.5, 0.2, 3.0]), np.ones(4)).tolist()
    [1.0, 0.5, 0.5, 1.0]
    """
    order = np.argsort(discriminant, kind="stable")
    ordered, signal, weight = discriminant[order], is_signal[order], weights[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1  # of jets with one value
    sizes = np.diff(ends, prepend=0)
    placed = np.empty(len(discriminant))
    for others, name in ((~signal, "background"), (signal, "signal")):
        total = np.append(0.0, np.cumsum(np.where(others, weight, 0.0)))[np.append(0, ends)]
        if not total[-1] > 0:
            raise DataError(f"the {name} has no jet or no weight; an area under the ROC curve needs jets of both classes")
        fraction = np.repeat((total[:-1] + total[1:]) / (2 * total[-1]), sizes)[~others]
        placed[order[~others]] = fraction if name == "background" else 1 - fraction
    return placed


def _influence(values: Array, weights: Array, mean: float) -> Array:
    """What each value adds to the error of their weighted mean; the sum of squares is the variance."""
    total = weights.sum()
    trials = total**2 / np.sum(weights**2) if total > 0 else 0.0
    bessel = np.sqrt(trials / (trials - 1)) if trials > 1 else 0.0
    return bessel * weights * (values - mean) / (total if total > 0 else 1.0)
