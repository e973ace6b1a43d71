"""Values with their intervals.

All intervals are central and hold 68.27 % of probability (one standard deviation of a normal distribution) unless another level
is asked for. Counting experiments get Jeffreys' intervals, whose coverage, averaged over the unknown probability, is the level;
that of Clopper-Pearson's, which can be asked for, is never below it and far above it for few counts. Weighted ones take *effective*
counts: a fraction f with variance V is as uncertain as f n_eff successes in n_eff = f (1 - f) / V unweighted trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from lorentznet.errors import ConfigError, nearest

LEVEL = float(special.erf(math.sqrt(0.5)))
"""Probability content of an interval: that of one standard deviation, 68.27 %."""
Method = Literal["jeffreys", "clopper-pearson"]
"""How the interval of a count is made."""


@dataclass(frozen=True)
class Estimate:
    """A measured value with its interval.

    Attributes
    ----------
    value
        The value; ``inf`` for a background rejection with no surviving background jet.
    low, high
        Limits of the interval; ``inf`` where there is no upper limit.
    survivors
        For a background rejection: the number of background jets, each counted once, that pass.

    Examples
    --------
    >>> print(Estimate(0.98477, 0.984616, 0.984922))
    0.98477 ± 0.00015
    >>> print(Estimate(1294.2, 1197.0, 1402.0, survivors=156))
    1294 +108 -97 (156 survive)
    >>> print(Estimate(math.inf, 543.0, math.inf, survivors=0))
    > 543 (0 survive)
    """

    value: float
    low: float
    high: float
    survivors: int | None = None

    def __str__(self) -> str:
        return self.text() if self.survivors is None else f"{self.text()} ({self.survivors} survive)"

    def text(self) -> str:
        """The value and its errors: two digits of the smaller, whole numbers in full, one error if both agree within 5 %."""
        shown, plus, minus = self.rounded()
        if not plus:
            return shown
        return f"{shown} ± {plus}" if plus == minus else f"{shown} +{plus} -{minus}"

    def rounded(self, digits: int = 2, alike: float = 0.05) -> tuple[str, str, str]:
        """The value, its upper and its lower error, as numbers to be read; the errors are empty where there are none.

        Parameters
        ----------
        digits
            Of the smaller error; whole numbers are written in full.
        alike
            Errors that differ by no more than this fraction of the larger become one, the larger.

        Examples
        --------
        >>> Estimate(0.98477, 0.984616, 0.984922).rounded()
        ('0.98477', '0.00015', '0.00015')
        >>> Estimate(math.inf, 543.0, math.inf).rounded()
        ('> 543', '', '')
        """
        if not math.isfinite(self.value):
            return f"> {self.low:.3g}", "", ""
        up, down = self.high - self.value, self.value - self.low
        smallest = min((error for error in (up, down) if math.isfinite(error) and error > 0), default=0.0)
        if smallest == 0:
            return f"{self.value:.4g}", "", ""
        places = max(digits - 1 - math.floor(math.log10(smallest)), 0)
        shown, plus, minus = (_rounded(number, places) for number in (self.value, up, down))
        if math.isfinite(up) and abs(up - down) <= alike * max(up, down):
            plus = minus = max(plus, minus, key=float)
        return shown, plus, minus

    def as_dict(self) -> dict[str, Any]:
        """``{value, low, high}`` (and ``survivors``) for JSON, with None for what is infinite."""
        numbers = {
            key: number if math.isfinite(number) else None
            for key, number in zip(("value", "low", "high"), self._limits, strict=True)
        }
        return numbers if self.survivors is None else {**numbers, "survivors": self.survivors}

    @classmethod
    def from_dict(cls, numbers: dict[str, Any]) -> Estimate:
        """The inverse of :meth:`as_dict`; only a rejection may be infinite."""
        value, low, high = (math.inf if numbers.get(key) is None else float(numbers[key]) for key in ("value", "low", "high"))
        return cls(value, low, high, numbers.get("survivors"))

    @property
    def _limits(self) -> tuple[float, float, float]:
        return self.value, self.low, self.high


def _rounded(number: float, digits: int) -> str:
    return f"{number:.{digits}f}" if number < 1e9 else f"{number:.0e}"


def tail_of(level: float) -> float:
    """Probability on either side of a central interval; :class:`~lorentznet.errors.ConfigError` if the level is no probability.

    Examples
    --------
    >>> round(tail_of(0.9), 3)
    0.05
    """
    if not 0 < level < 1:
        raise ConfigError(f"an interval holds a level of probability between 0 and 1, got {level:g}; write 0.95 for 95 %")
    return (1 - level) / 2


def clopper_pearson(
    passed: ArrayLike, trials: ArrayLike, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Central interval of a probability from a count.

    The limits solve P(X >= passed | low) = P(X <= passed | high) = (1 - level) / 2; they are quantiles of beta distributions,
    which also defines them for effective (non-integer) counts. The interval never covers less than ``level``, and covers more
    when the counts are small. With nothing passed ``low`` is 0, with everything passed ``high`` is 1.

    Parameters
    ----------
    passed, trials
        Counts, 0 <= passed <= trials, of any common shape.
    level
        Probability content.

    Returns
    -------
    low, high
        Limits, of the same shape.

    References
    ----------
    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404.

    Examples
    --------
    >>> low, high = clopper_pearson(0, 100)
    >>> float(low), round(float(high), 4)
    (0.0, 0.0182)
    """
    passed, trials = np.broadcast_arrays(np.asarray(passed, np.float64), np.asarray(trials, np.float64))
    tail = tail_of(level)
    failed = np.maximum(trials - passed, 0.0)
    none, every = passed <= 0, failed <= 0
    low = np.where(none, 0.0, special.betaincinv(np.where(none, 1.0, passed), failed + 1, tail))
    high = np.where(every, 1.0, special.betaincinv(passed + 1, np.where(every, 1.0, failed), 1 - tail))
    return low, high


def jeffreys(passed: ArrayLike, trials: ArrayLike, level: float = LEVEL) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Central interval of a probability from a count, that covers ``level`` on average and not at least.

    The limits are quantiles of the beta distribution with parameters passed + 1/2 and failed + 1/2, the posterior of Jeffreys' prior.
    With nothing passed ``low`` is 0 and ``high`` the limit of Clopper and Pearson; with everything passed the same is mirrored.

    Parameters
    ----------
    passed, trials
        Counts, 0 <= passed <= trials, of any common shape; they need not be whole.
    level
        Probability content.

    Returns
    -------
    low, high
        Limits, of the same shape.

    References
    ----------
    L. D. Brown, T. T. Cai, A. DasGupta, Statist. Sci. 16 (2001) 101, section 3.1.1.

    Examples
    --------
    >>> low, high = jeffreys(4, 100)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0247, 0.0644)
    """
    passed, trials = np.broadcast_arrays(np.asarray(passed, np.float64), np.asarray(trials, np.float64))
    tail = tail_of(level)
    failed = np.maximum(trials - passed, 0.0)
    low, high = (special.betaincinv(np.maximum(passed, 0.0) + 0.5, failed + 0.5, part) for part in (tail, 1 - tail))
    lowest, highest = clopper_pearson(passed, trials, level)
    edge = (passed <= 0) | (failed <= 0)
    return np.where(edge, lowest, low), np.where(edge, highest, high)


def count_interval(
    passed: ArrayLike, trials: ArrayLike, level: float = LEVEL, method: Method = "jeffreys"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """:func:`jeffreys` or :func:`clopper_pearson`; :class:`~lorentznet.errors.ConfigError` for another method."""
    if method not in get_args(Method):
        raise ConfigError(f"unknown interval '{method}'; {nearest(method, get_args(Method))}")
    return (jeffreys if method == "jeffreys" else clopper_pearson)(passed, trials, level)


def fraction_variance(fraction: ArrayLike, passing: ArrayLike, failing: ArrayLike, total: ArrayLike) -> NDArray[np.float64]:
    r"""Variance of a fraction f of weights.

    .. math:: V = \frac{(1-f)^2 \sum_{pass} w^2 + f^2 \sum_{fail} w^2}{(\sum w)^2}

    which is the binomial variance where all weights are equal.

    Parameters
    ----------
    fraction, passing, failing, total
        f, the sums of squared weights of what passes and fails, and the sum of all weights.

    Examples
    --------
    >>> float(fraction_variance(0.25, 25, 75, 100)) == 0.25 * 0.75 / 100
    True
    """
    f, squares, rest, weight = (np.asarray(values, np.float64) for values in (fraction, passing, failing, total))
    return ((1 - f) ** 2 * squares + f**2 * np.maximum(rest, 0.0)) / weight**2


def variance_in_classes(parts: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    r"""Variance of a sum over jets whose number in each class is given, as it is in a test set.

    .. math:: \sum_c \Big(\sum_{j \in c} u_j^2 - \frac{1}{n_c} \big(\sum_{j \in c} u_j\big)^2\Big)

    Parameters
    ----------
    parts, labels
        What each jet adds to the sum, and its class, shape (jets,).

    Examples
    --------
    >>> variance_in_classes(np.array([1.0, 1.0, 2.0, 4.0]), np.array([0, 0, 1, 1]))
    2.0
    """
    jets, sums, squares = (np.bincount(labels, values) for values in (None, parts, parts**2))
    return float(np.sum(np.maximum(squares - sums**2 / np.maximum(jets, 1), 0.0)))


def fraction_interval(
    fraction: ArrayLike, variance: ArrayLike, trials: ArrayLike, level: float = LEVEL, method: Method = "jeffreys"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a fraction of weights with the given variance.

    Parameters
    ----------
    fraction, variance
        The fraction f and its variance V, of any common shape.
    trials
        Effective number of jets (sum w)^2 / sum w^2, used where V vanishes (nothing or everything passed); elsewhere the
        effective number is f (1 - f) / V.
    level, method
        Probability content, and the interval that takes these counts.
    """
    fraction, variance = np.broadcast_arrays(np.asarray(fraction, np.float64), np.asarray(variance, np.float64))
    spread = fraction * (1 - fraction)
    known = (variance > 0) & (spread > 0)
    effective = np.where(known, spread / np.where(known, variance, 1.0), trials)
    return count_interval(fraction * effective, effective, level, method)


def normal_on_logit_scale(value: float, error: float, trials: float, level: float = LEVEL) -> tuple[float, float]:
    """Interval of a probability-like value that never leaves (0, 1): normal in log(v / (1 - v)).

    Parameters
    ----------
    value, error
        The value v in [0, 1] and its standard deviation.
    trials
        Effective sample size of the smaller class: where v is 0 or 1 the error cannot be estimated and the limit is that of
        a count of zero in so many trials.
    """
    if value in (0.0, 1.0) or error == 0:
        low, high = clopper_pearson(value * trials, trials, level)
        return float(low), float(high)
    middle = special.logit(value)
    half = -special.ndtri(tail_of(level)) * error / (value * (1 - value))
    return float(special.expit(middle - half)), float(special.expit(middle + half))
