r"""Are the probabilities of a tagger what they say? Calibration errors, reliability, and temperature scaling.

With two classes the probability is that of class 1, compared with the fraction of jets that are of class 1; with more it is that of
the most probable class, compared with the accuracy. A calibration holds for the mix of classes of the jets that are evaluated.
Functions take labels, logits and weights as in :mod:`lorentznet.evaluate.metrics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from lorentznet.errors import DataError
from lorentznet.evaluate.binned import fractions
from lorentznet.evaluate.intervals import LEVEL, Estimate, Method, tail_of, variance_in_classes
from lorentznet.evaluate.metrics import check
from lorentznet.evaluate.paired import cross_entropies

Array = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]
BINS = 15
"""Bins of the probability, of equal width."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far probabilities are from what happens.

    Attributes
    ----------
    ece
        Expected calibration error: mean over the jets of the distance between probability and observed fraction in their bin.
    ece_expected
        Its expectation for so many jets if the probabilities were true: it is never zero, because fractions fluctuate.
    brier
        Mean of the squared distance to what happened: (p - y)^2 for two classes, summed over all classes if there are more.
    nll
        Negative log-likelihood (cross-entropy) per jet in nats.
    reliability
        See :func:`reliability`.
    """

    ece: float
    ece_expected: float
    brier: Estimate
    nll: Estimate
    reliability: Columns

    def as_dict(self) -> dict[str, Any]:
        """The numbers for JSON, without the reliability."""
        return {
            "ece": self.ece,
            "ece_expected": self.ece_expected,
            "bins": len(self.reliability["low"]),
            "brier": self.brier.as_dict(),
            "nll": self.nll.as_dict(),
        }


def measure(
    labels: ArrayLike,
    logits: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = BINS,
    level: float = LEVEL,
    method: Method = "jeffreys",
) -> Calibration:
    """Calibration errors and scores of the probabilities, with the intervals that the number of jets gives.

    Raises
    ------
    DataError
        As :func:`lorentznet.evaluate.metrics.check`, or if all weights are zero.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015 (ECE); G. W. Brier, Mon. Wea. Rev. 78 (1950) 1.

    Examples
    --------
    >>> found = measure([0, 0, 1, 1], [-1.0, 0.5, 0.2, 3.0])
    >>> round(found.brier.value, 4), round(found.nll.value, 4)
    (0.1662, 0.4835)
    """
    y, z, w = check(labels, logits, weights)
    rows = reliability(y, z, w, bins=bins, level=level, method=method)
    distance = np.abs(rows["fraction"] - rows["probability"])
    filled = rows["share"] > 0
    p = special.softmax(z, axis=1)
    p[np.arange(len(y)), y] -= 1
    squares = p[:, 1] ** 2 if z.shape[1] == 2 else (p**2).sum(axis=1)
    return Calibration(
        ece=float(np.sum((rows["share"] * distance)[filled])),
        ece_expected=float(np.sum((rows["share"] * rows["expected"])[filled])),
        brier=_mean(squares, y, w, level),
        nll=_mean(cross_entropies(y, z), y, w, level),
        reliability=rows,
    )


def reliability(
    labels: ArrayLike,
    logits: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = BINS,
    level: float = LEVEL,
    method: Method = "jeffreys",
) -> Columns:
    r"""The reliability diagram as columns.

    Returns
    -------
    dict of arrays, shape (bins,)
        ``low``, ``high`` edge of the probability; ``probability``, its mean in the bin; ``fraction``, what is observed, with limits
        ``fraction_low`` and ``fraction_high``; ``share`` of the total weight; ``jets``; ``expected``, the mean distance
        :math:`\sqrt{2/\pi}\,\sqrt{\sum w^2 p (1 - p)}/\sum w` of fraction and probability if the probabilities were true.
        NaN where no jet is in the bin.
    """
    y, z, w = check(labels, logits, weights)
    if not w.sum() > 0:
        raise DataError(f"the weights of all {len(w)} jets are zero; a calibration needs some weight")
    if z.shape[1] == 2:
        p, right = special.expit(z[:, 1] - z[:, 0]), y == 1
    else:
        p, right = special.softmax(z, axis=1).max(axis=1), z.argmax(axis=1) == y
    place = np.minimum((p * bins).astype(np.int64), bins - 1)

    def summed(values: NDArray[Any]) -> Array:
        return np.bincount(place, values, bins).astype(np.float64, copy=False)

    weight = summed(w)
    fraction, low, high, _ = fractions(weight, summed(w**2), summed(w * right), summed(w**2 * right), level, method)
    with np.errstate(invalid="ignore"):
        mean = summed(w * p) / weight
        expected = np.sqrt(2 / np.pi * summed(w**2 * p * (1 - p))) / weight
    edges = np.linspace(0, 1, bins + 1)
    return {
        "low": edges[:-1],
        "high": edges[1:],
        "probability": mean,
        "fraction": fraction,
        "fraction_low": low,
        "fraction_high": high,
        "share": weight / w.sum(),
        "jets": np.bincount(place, minlength=bins),
        "expected": expected,
    }


def fit_temperature(labels: ArrayLike, logits: ArrayLike, weights: ArrayLike | None = None, *, level: float = LEVEL) -> Estimate:
    r"""The temperature T for which logits / T have the smallest negative log-likelihood.

    One parameter can hardly overfit; still, fit it to other jets than those evaluated. The order of the jets, and with it the ROC of two
    classes, is left as it is. The interval is normal in log T.

    Raises
    ------
    DataError
        As :func:`lorentznet.evaluate.metrics.check`; and where there is no minimum, because the logits separate the classes completely
        or have nothing to do with them.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, ICML 2017, section 4.2.

    Examples
    --------
    >>> labels = [0, 0, 0, 1, 1, 1, 1, 0]
    >>> logits = [-9.0, -6.0, 3.0, -3.0, 6.0, 9.0, 3.0, -3.0]
    >>> print(fit_temperature(labels, logits))
    3.2 +1.9 -1.2
    """
    y, z, w = check(labels, logits, weights)
    right = z[np.arange(len(z)), y]

    def slopes(beta: float) -> tuple[float, float, float]:
        """First and second derivative of the loss by 1 / T, and the variance of the first."""
        p = special.softmax(beta * z, axis=1)
        mean = (p * z).sum(axis=1)
        first = w * (mean - right)
        second = np.maximum((p * z**2).sum(axis=1) - mean**2, 0.0)
        return float(first.sum()), float((w * second).sum()), variance_in_classes(first, y)

    low, high = 0.0, 1.0
    if not slopes(0.0)[0] < 0:
        raise DataError(
            f"no temperature: the logits of {len(y)} jets have nothing to do with their classes; are the labels the right ones?"
        )
    if not float((w * (z.max(axis=1) - right)).sum()) > 0:
        raise DataError(f"no temperature: the logits separate the classes of all {len(y)} jets; take more jets")
    while slopes(high)[0] < 0:
        low, high = high, 2 * high
    beta = high
    for _ in range(100):
        first, second, variance = slopes(beta)
        low, high = (beta, high) if first < 0 else (low, beta)
        step = beta - first / second if second > 0 else np.inf
        new = step if low < step < high else (low + high) / 2
        if abs(new - beta) <= 1e-10 * beta:
            break
        beta = float(new)
    width = -special.ndtri(tail_of(level)) * np.sqrt(variance) / second / beta
    return Estimate(1 / beta, float(np.exp(-width) / beta), float(np.exp(width) / beta))


def _mean(values: Array, labels: NDArray[np.int64], weights: Array, level: float) -> Estimate:
    """Weighted mean with its normal interval, for given numbers of jets of each class."""
    total = float(weights.sum())
    mean = float((weights * values).sum()) / total
    half = -special.ndtri(tail_of(level)) * np.sqrt(variance_in_classes(weights * (values - mean) / total, labels))
    return Estimate(mean, mean - float(half), mean + float(half))
