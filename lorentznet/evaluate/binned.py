"""Efficiencies of the jets of one class in bins of what the jets are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorentznet.errors import DataError
from lorentznet.evaluate.intervals import Method, fraction_interval, fraction_variance
from lorentznet.evaluate.roc import POOL

Array = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class BinnedClass:
    """The jets of one class, to be counted in bins.

    Attributes
    ----------
    member
        Which jets these are.
    weights, discriminant
        Of these jets.
    """

    member: NDArray[np.bool_]
    weights: Array
    discriminant: Array

    def in_bins(self, place: NDArray[np.int64], bins: int, passing: Array, level: float, method: Method) -> Columns:
        """Efficiency in bins with its limits, numbers of jets and of those that pass; NaN where there is none.

        Parameters
        ----------
        place
            Bin of each jet of all classes, ``bins`` for those that are in none.
        bins
            Their number.
        passing
            How much of each of these jets passes, from 0 to 1.
        level, method
            Of the interval.
        """
        inside, w = place[self.member], self.weights

        def summed(values: Array) -> Array:
            return np.bincount(inside, values, bins + 1)[:bins].astype(np.float64, copy=False)

        weight, squares, passed, passed_squares = (summed(x) for x in (w, w**2, w * passing, w**2 * passing))
        jets, counts = np.bincount(inside, minlength=bins + 1)[:bins], summed(passing)
        if np.any(w != w[0]):
            for number in np.flatnonzero((weight > 0) & (counts < POOL)):
                passed_squares[number] = passed[number] * self._unevenness(inside == number)
        efficiency, low, high, trials = fractions(weight, squares, passed, passed_squares, level, method)
        return {
            "": efficiency,
            "low": low,
            "high": high,
            "jets": jets,
            "passed": np.rint(counts).astype(np.int64),
            "trials": trials,
        }

    def _unevenness(self, chosen: NDArray[np.bool_]) -> float:
        """Mean squared over the mean weight of the most signal-like jets of a bin, see :meth:`lorentznet.evaluate.roc.Sample.variance`."""
        w, z = self.weights[chosen], self.discriminant[chosen]
        if len(w) > POOL:
            w = w[np.argpartition(-z, POOL)[:POOL]]
        return float((w**2).sum() / w.sum()) if w.sum() > 0 else 1.0


def fractions(
    weight: Array, squares: Array, passed: Array, passed_squares: Array, level: float, method: Method
) -> tuple[Array, Array, Array, Array]:
    """How much of the weight of each bin passes, the limits of that, and the effective number of trials; NaN (and 1) without weight.

    Parameters
    ----------
    weight, squares
        Sums of the weights in each bin, and of their squares.
    passed, passed_squares
        The same of what passes.
    level, method
        Of the interval.
    """
    filled = weight > 0
    fraction, low, high = np.full((3, len(weight)), np.nan)
    trials = np.ones(len(weight))
    weight, squares, passed, passed_squares = (x[filled] for x in (weight, squares, passed, passed_squares))
    known = np.minimum(passed / weight, 1.0)
    variance = fraction_variance(known, passed_squares, squares - passed_squares, weight)
    fraction[filled], trials[filled] = known, weight**2 / squares
    low[filled], high[filled] = fraction_interval(known, variance, trials[filled], level, method)
    return fraction, low, high, trials


def bin_edges(values: NDArray[Any], bins: int) -> Array:
    """Edges of bins with about as many values each; fewer where values repeat. :class:`DataError` if there are less than two."""
    numbers = np.asarray(values, np.float64)
    edges: Array = np.unique(np.quantile(numbers[np.isfinite(numbers)], np.linspace(0, 1, bins + 1)))
    if len(edges) == 1:
        raise DataError("the observer has less than two finite values")
    return edges


def bin_of(values: NDArray[Any], edges: Array) -> NDArray[np.int64]:
    """Bin of each value, the last of them closed; the number of bins for values that are not finite."""
    numbers, bins = np.asarray(values, np.float64), len(edges) - 1
    place = np.minimum(np.searchsorted(edges, numbers, side="right") - 1, bins - 1)
    return np.where(np.isfinite(numbers) & (place >= 0), place, bins)
