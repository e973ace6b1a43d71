"""Errors of anything by drawing the jets again: Poisson bootstrap, each jet counted 0, 1, 2, ... times, one time on average.

For taggers on the same jets take the same seed: their draws are the same, and a difference or a ratio keeps what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lorentznet.evaluate.intervals import LEVEL, Estimate, tail_of
from lorentznet.evaluate.metrics import check

Array = NDArray[np.float64]
REPLICAS = 200


def interval(
    statistic: Callable[[NDArray[np.int64], Array, Array], float],
    labels: ArrayLike,
    logits: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    replicas: int = REPLICAS,
    seed: int = 1,
    level: float = LEVEL,
) -> Estimate:
    """A number with its bootstrap interval: the central quantiles of the replicas.

    Parameters
    ----------
    statistic
        Function of labels, logits and weights, such as ``lambda *jets: metrics.auc(*jets).value``.
    labels, logits, weights
        As in :mod:`lorentznet.evaluate.metrics`.
    replicas, seed
        Number of draws, and of the generator.
    level
        Probability content.

    Examples
    --------
    >>> from lorentznet.evaluate import metrics
    >>> labels, logits = np.arange(400) % 2, np.random.default_rng(0).normal(size=400) + 2 * (np.arange(400) % 2)
    >>> print(interval(lambda *jets: metrics.auc(*jets).value, labels, logits))
    0.938 +0.012 -0.013
    >>> print(metrics.auc(labels, logits))
    0.938 +0.010 -0.012
    """
    tail = tail_of(level)
    y, z, w = check(labels, logits, weights)
    draws = [statistic(y, z, w * counts) for counts in _draws(len(y), replicas, seed)]
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(statistic(y, z, w), float(low), float(high))


def rejections(
    is_signal: NDArray[np.bool_],
    discriminants: Sequence[Array],
    signal_efficiencies: Sequence[float],
    weights: Array | None = None,
    *,
    replicas: int = REPLICAS,
    seed: int = 1,
) -> Array:
    """Background rejections of taggers on the same jets, for the jets as they are and for each draw.

    The threshold is the jet that reaches the signal efficiency, without interpolation; where no background passes, the rejection is
    that of a single jet of mean weight.

    Parameters
    ----------
    is_signal, discriminants, weights
        Shape (jets,), one discriminant a tagger.
    signal_efficiencies
        Working points.
    replicas, seed
        Number of draws, and of the generator.

    Returns
    -------
    array, shape (taggers, working points, 1 + replicas)
        The first of the last axis is that of the jets as they are.
    """
    w = np.ones(len(is_signal)) if weights is None else weights
    orders = [np.argsort(-z, kind="stable") for z in discriminants]
    single = float(w[~is_signal].mean())
    result = np.empty((len(orders), len(signal_efficiencies), 1 + replicas))
    for column, counts in enumerate(chain([np.ones(1, np.int64)], _draws(len(w), replicas, seed))):
        drawn = w * counts
        for row, order in enumerate(orders):
            ordered, signal = drawn[order], is_signal[order]
            passed, background = np.cumsum(ordered * signal), np.cumsum(ordered * ~signal)
            threshold = np.searchsorted(passed, np.asarray(signal_efficiencies) * passed[-1])
            result[row, :, column] = background[-1] / np.maximum(background[threshold], single)
    return result


def _draws(jets: int, replicas: int, seed: int) -> Iterator[NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    return (random.poisson(1.0, jets) for _ in range(replicas))
