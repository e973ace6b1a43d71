"""Jets that a discriminant does not order, as a saturated float32 score makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lorentznet.evaluate.roc import Roc


@dataclass(frozen=True)
class Ties:
    """How far a discriminant fails to order the jets.

    Attributes
    ----------
    jets, distinct
        Numbers of jets and of different values.
    tied
        Number of jets that share their value with a jet of the other class: their order is undefined.
    largest
        Number of jets at the most frequent value, ``value``.
    pairs
        Fraction of the signal-background pairs that are tied, by weight: the AUC is undefined by half of it up and down.
    """

    jets: int
    distinct: int
    tied: int
    largest: int
    value: float
    pairs: float

    def __str__(self) -> str:
        if self.tied == 0:
            return "no ties between the classes"
        return (
            f"{self.tied} of {self.jets} jets share their value with a jet of the other class, at most {self.largest} jets the "
            f"value {self.value:.6g}; AUC undefined by ± {self.pairs / 2:.1e}"
        )


def ties_of(roc: Roc) -> Ties:
    """The report of a ROC that is there already; :func:`lorentznet.evaluate.metrics.ties` makes both."""
    signal, background = np.diff(roc.signal.counts), np.diff(roc.background.counts)
    together = signal + background
    mixed = (signal > 0) & (background > 0)
    largest = int(together.argmax())
    pairs = float(np.sum(np.diff(roc.signal_efficiency) * np.diff(roc.background_efficiency)))
    return Ties(
        jets=int(together.sum()),
        distinct=len(together),
        tied=int(together[mixed].sum()),
        largest=int(together[largest]),
        value=float(roc.thresholds[1 + largest]),
        pairs=pairs if math.isfinite(pairs) else 0.0,
    )
