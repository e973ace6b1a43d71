r"""Differences between two sets of logits of the same jets.

Both are wrong about much the same jets, so a difference is known much better than the two values: its error is taken from the
differences of each jet, and for areas under the ROC curve from those of each jet's *placement*, the fraction of the other class on its
right side (E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lorentznet.errors import DataError
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.metrics import check, log_odds

Array = NDArray[np.float64]


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
    losses: Array = highest + np.log(np.exp(z - highest[:, None]).sum(axis=1)) - z[np.arange(len(z)), y]
    return losses


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
        change = placed[1] - placed[0]
        mean = float(np.average(change[is_signal], weights=weight[is_signal]))
        value += mean / len(signals)
        for members in (is_signal, ~is_signal):
            influence[np.flatnonzero(chosen)[members]] += _influence(change[members], weight[members], mean) / len(signals)
    return Difference(value, float(np.sqrt(np.sum(influence**2))))


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
    placed = np.empty(len(discriminant))
    for members, name in ((is_signal, "background"), (~is_signal, "signal")):
        others = discriminant[~members]
        order = np.argsort(others, kind="stable")
        total = np.concatenate(([0.0], np.cumsum(weights[~members][order])))
        if not total[-1] > 0:
            raise DataError(f"the {name} has no jet or no weight; an area under the ROC curve needs jets of both classes")
        below, upto = (np.searchsorted(others[order], discriminant[members], side=side) for side in ("left", "right"))
        fraction = (total[below] + total[upto]) / (2 * total[-1])
        placed[members] = fraction if name == "background" else 1 - fraction
    return placed


def _influence(values: Array, weights: Array, mean: float) -> Array:
    """What each value adds to the error of their weighted mean; the sum of squares is the variance."""
    total = weights.sum()
    trials = total**2 / np.sum(weights**2) if total > 0 else 0.0
    bessel = np.sqrt(trials / (trials - 1)) if trials > 1 else 0.0
    added: Array = bessel * weights * (values - mean) / (total if total > 0 else 1.0)
    return added
