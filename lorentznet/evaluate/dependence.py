r"""How efficiencies depend on what a jet is: its transverse momentum, pseudorapidity, mass and number of particles.

A working point is one threshold for all jets, that of a signal efficiency of the whole sample. Efficiencies of the signal and of the
background are then given in bins of an observer; their intervals are those of the counts in the bin, without the uncertainty of the
threshold, which all bins share. How far the cut shapes the mass spectrum of the background is the Jensen-Shannon divergence of the
spectra before and after it, in bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from lorentznet.errors import DataError, nearest
from lorentznet.evaluate.binned import BinnedClass, Columns, bin_edges, bin_of
from lorentznet.evaluate.intervals import LEVEL, Method
from lorentznet.evaluate.roc import Roc

Array = NDArray[np.float64]
OBSERVERS = ("jet_pt", "jet_eta", "jet_mass", "jet_sdmass", "jet_nparticles")
"""What is looked at, where it is there."""
MASSES = ("jet_mass", "jet_sdmass")
"""The mass whose spectrum is looked at: the first that is there."""
BINS, MAP_BINS = 10, 5
MASS_BINS, SPECTRUM_BINS = 20, 40
"""Bins of the divergence, with as many background jets each, and of the spectrum that is drawn, of equal width."""
FEWEST = 5.0
"""Effective number of passing jets in a bin, expected if the efficiency is the same everywhere, that a test of this needs."""


@dataclass(frozen=True, eq=False)
class WorkingPoints:
    """One tagger at several thresholds.

    Attributes
    ----------
    signal, background
        Jets of the two classes.
    passing
        Signal efficiency -> how much of each signal jet and of each background jet passes.
    """

    signal: BinnedClass
    background: BinnedClass
    passing: Mapping[float, tuple[Array, Array]]

    @classmethod
    def of(
        cls,
        is_signal: NDArray[np.bool_],
        is_background: NDArray[np.bool_],
        discriminant: Array,
        weights: Array,
        roc: Roc,
        signal_efficiencies: Sequence[float],
    ) -> WorkingPoints:
        """The thresholds of a ROC; arrays of shape (jets,)."""
        signal, background = (BinnedClass(member, weights[member], discriminant[member]) for member in (is_signal, is_background))
        passing = {
            point: (roc.passing(signal.discriminant, point), roc.passing(background.discriminant, point))
            for point in signal_efficiencies
        }
        return cls(signal, background, passing)

    def along(
        self, values: NDArray[Any], bins: int = BINS, level: float = LEVEL, method: Method = "jeffreys"
    ) -> tuple[Columns, dict[str, Any]]:
        """Efficiencies in bins of an observer that hold about the same number of jets.

        Parameters
        ----------
        values
            The observer of all jets; jets where it is not finite are left out.
        bins
            Number of bins; fewer if the observer has fewer values.
        level, method
            Of the intervals.

        Returns
        -------
        columns
            A row for each working point and bin: ``signal_efficiency`` of the working point, edges ``low`` and ``high``, and for
            ``signal`` and ``background``: the efficiency, its limits ``<class>_low`` and ``<class>_high``, ``<class>_jets`` and
            ``<class>_passed``.
        summary
            Signal efficiency -> class -> lowest and highest efficiency of a bin, and the p-value of a chi-squared test of the same
            efficiency everywhere (None where a bin would expect fewer than five effective jets that pass, or fail).

        Raises
        ------
        DataError
            If the observer has less than two finite values.
        """
        edges = bin_edges(values, bins)
        place = bin_of(values, edges)
        return self._rows({"low": edges[:-1], "high": edges[1:]}, place, level, method)

    def map(
        self, first: NDArray[Any], second: NDArray[Any], bins: int = MAP_BINS, level: float = LEVEL, method: Method = "jeffreys"
    ) -> Columns:
        """The same in two observers; edges ``x_low``, ``x_high``, ``y_low``, ``y_high``."""
        x, y = bin_edges(first, bins), bin_edges(second, bins)
        rows, columns = len(x) - 1, len(y) - 1
        inside = bin_of(first, x), bin_of(second, y)
        place = np.where((inside[0] < rows) & (inside[1] < columns), inside[0] * columns + inside[1], rows * columns)
        across, up = np.divmod(np.arange(rows * columns), columns)
        edges = {"x_low": x[across], "x_high": x[across + 1], "y_low": y[up], "y_high": y[up + 1]}
        return self._rows(edges, place, level, method)[0]

    def _rows(self, edges: Columns, place: NDArray[np.int64], level: float, method: Method) -> tuple[Columns, dict[str, Any]]:
        bins = len(next(iter(edges.values())))
        parts: list[Columns] = []
        summary: dict[str, Any] = {}
        for point, passing in self.passing.items():
            part: Columns = {"signal_efficiency": np.full(bins, point), **edges}
            for name, jets, of_class in (("signal", self.signal, passing[0]), ("background", self.background, passing[1])):
                found = jets.in_bins(place, bins, of_class, level, method)
                summary.setdefault(f"{point:g}", {})[name] = _flatness(found)
                del found["trials"]
                part |= {f"{name}_{key}".rstrip("_"): column for key, column in found.items()}
            parts.append(part)
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}, summary

    def sculpting(self, mass: NDArray[Any], bins: int = MASS_BINS) -> tuple[Columns, dict[str, Any]]:
        r"""The mass spectrum of the background before and after the cut.

        .. math:: \mathrm{JSD} = \tfrac12 \sum_b p_b \log_2 \frac{p_b}{m_b} + \tfrac12 \sum_b q_b \log_2 \frac{q_b}{m_b},
                  \quad m = (p + q) / 2

        with the fractions p of all background jets and q of those that pass, in bins that hold the same number of background jets; 0 bit
        where the spectrum keeps its shape, at most 1 bit.

        Returns
        -------
        columns
            Edges ``low`` and ``high`` of bins of equal width between the quantiles 0.001 and 0.999, the outermost of which hold what
            lies beyond; the fraction of the background ``before`` and ``after_<signal efficiency>``.
        summary
            Signal efficiency -> ``jsd`` in ``unit`` bit, ``expected`` (its mean if the cut had nothing to do with the mass, from the
            finite number of jets), ``jets`` that pass. Both are empty if the background has less than two masses.
        """
        values = np.asarray(mass, np.float64)[self.background.member]
        known = np.isfinite(values)
        values, weights = values[known], self.background.weights[known]
        if not len(values) or values.min() == values.max():
            return {}, {}
        lowest, highest = np.quantile(values, [0.001, 0.999])
        edges = np.linspace(lowest, highest, SPECTRUM_BINS + 1)
        drawn = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, SPECTRUM_BINS - 1)
        place = bin_of(values, bin_edges(values, bins))

        def spectrum(w: Array) -> Array:
            total = w.sum()
            return np.bincount(drawn, w, SPECTRUM_BINS) / total if total > 0 else np.full(SPECTRUM_BINS, np.nan)

        columns: Columns = {"low": edges[:-1], "high": edges[1:], "before": spectrum(weights)}
        summary = {}
        for point, (_, passing) in self.passing.items():
            w = weights * passing[known]
            columns[f"after_{point:g}"] = spectrum(w)
            summary[f"{point:g}"] = {"unit": "bit", **_divergence(place, weights, w), "jets": int(np.count_nonzero(w))}
        return columns, summary


def _divergence(place: NDArray[np.int64], before: Array, after: Array) -> dict[str, float | None]:
    """Divergence of the weights before and after in bins, and its expectation from the number of jets; None if none is left."""
    total = float(after.sum())
    if not total > 0:
        return {"jsd": None, "expected": None}
    full, left = np.bincount(place, before), 1 - total / float(before.sum())  # jets that pass are among those before
    fractions, jets = full[full > 0] / full.sum(), total**2 / float((after**2).sum())
    found = jensen_shannon(full, np.bincount(place, after, len(full)))
    return {"jsd": found, "expected": left * _expected(fractions, max(round(jets), 1))}


def _expected(fractions: Array, jets: int) -> float:
    """Mean divergence of the fractions from what so many jets drawn from them show."""
    if jets > 100 * len(fractions):
        return float((len(fractions) - 1) / (8 * np.log(2) * jets))
    counts = np.arange(jets + 1)
    p, q = fractions[:, None], counts / jets
    terms = (special.rel_entr(p, (p + q) / 2) + special.rel_entr(q, (p + q) / 2)) / (2 * np.log(2))
    log_binomial = special.gammaln(jets + 1) - special.gammaln(counts + 1) - special.gammaln(jets - counts + 1)
    probability = np.exp(log_binomial + special.xlogy(counts, p) + special.xlog1py(jets - counts, -p))
    return float((probability * terms).sum())


def jensen_shannon(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Jensen-Shannon divergence of two histograms in bits, whatever their sums.

    Examples
    --------
    >>> jensen_shannon(np.array([1.0, 1.0]), np.array([3.0, 3.0])), jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    (0.0, 1.0)
    """
    p, q = first / first.sum(), second / second.sum()
    m = (p + q) / 2
    return max(float((special.rel_entr(p, m).sum() + special.rel_entr(q, m).sum()) / (2 * np.log(2))), 0.0)


def chosen(observers: Mapping[str, NDArray[Any]], names: Sequence[str] = ()) -> list[str]:
    """The observers to look at: those named, else those of :data:`OBSERVERS` that are there and have more than one value.

    Raises
    ------
    DataError
        If one that is named is not there or has less than two finite values.
    """
    for name in names:
        if name not in observers:
            raise DataError(f"no observer '{name}' beside the scores; {nearest(name, observers)}")
        if not _varies(observers[name]):
            raise DataError(f"the observer '{name}' has less than two finite values; name others")
    return list(names) or [name for name in OBSERVERS if name in observers and _varies(observers[name])]


def _varies(values: NDArray[Any]) -> bool:
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    return bool(len(numbers)) and float(numbers.min()) < float(numbers.max())


def _flatness(found: Columns) -> dict[str, Any]:
    """Lowest and highest efficiency, and the chi-squared test that it is the same in all bins."""
    filled = np.isfinite(found[""])
    if not filled.any():
        return {"lowest": None, "highest": None, "p_value": None}
    efficiency, trials = found[""][filled], found["trials"][filled]
    mean = float(np.average(efficiency, weights=trials))
    enough = filled.sum() > 1 and float(trials.min()) * min(mean, 1 - mean) >= FEWEST
    chi2 = float((trials * (efficiency - mean) ** 2).sum() / (mean * (1 - mean))) if enough else 0.0
    return {
        "lowest": float(efficiency.min()),
        "highest": float(efficiency.max()),
        "p_value": float(special.chdtrc(filled.sum() - 1, chi2)) if enough else None,
    }
