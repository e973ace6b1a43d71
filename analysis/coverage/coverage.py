"""How often the intervals of the package hold the truth, in pseudo-experiments whose truth is known.

Signal and background jets have normal log-odds, so that every efficiency, area and calibration is known. The distance of the two is
drawn anew for each experiment, within ten percent, and so are fixed cuts: counts are whole numbers, and the coverage of *any* interval
of a count swings up and down with its unknown mean; what can be asked for is the mean over truths like this one. Weights are
exponential: the effective number of jets is half of their number, and the largest of 10,000 weights about ten times the mean.

    python analysis/coverage/coverage.py [--experiments 2000] [--seed 1] [--quick] [--json]

The first table has the coverage of central intervals that should hold 68.27 %; beside it that of Clopper-Pearson's, which is the
conservative choice (``--intervals clopper-pearson`` of ``lorentznet evaluate``). The second has the p-values of two taggers that are
equally good: the probability of the Kolmogorov-Smirnov test that they are uniform, and how many are below 5 and 32 %. Ratios of whole
counts come in steps, which this test sees where few jets pass one cut and not the other.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri
from scipy.stats import kstest

from lorentznet.evaluate import bootstrap, calibration, metrics, paired
from lorentznet.evaluate.binned import BinnedClass
from lorentznet.evaluate.intervals import LEVEL, Estimate

Array = NDArray[np.float64]
NEAR = 0.02
RATES = (0.005, 0.05)
FIXED = (0.005, 0.02)


@dataclass(frozen=True)
class Size:
    """Numbers of jets, the distance of the classes in their standard deviation, and signal efficiencies to look at.

    Where ``resampled`` the bootstrap, which takes long, is looked at too.
    """

    signal: int
    background: int
    distance: float
    efficiencies: tuple[float, ...]
    resampled: bool = False


SIZES = (
    Size(5000, 5000, 2.5, (0.3, 0.5, 0.7)),
    Size(500, 2000, 2.0, (0.3, 0.5, 0.7), resampled=True),
)


@dataclass
class Tally:
    """Experiments of one quantity: how many intervals held the truth, also the conservative ones, and the mean count."""

    experiments: int = 0
    covered: int = 0
    conservative: int | None = None
    counts: list[float] = field(default_factory=list)

    def add(self, found: Estimate, truth: float, wide: Estimate | None, count: float | None) -> None:
        """One experiment."""
        self.experiments += 1
        self.covered += found.low <= truth <= found.high
        if wide is not None:
            self.conservative = (self.conservative or 0) + int(wide.low <= truth <= wide.high)
        if count is not None:
            self.counts.append(count)

    @property
    def numbers(self) -> dict[str, Any]:
        """For JSON."""
        wide = None if self.conservative is None else self.conservative / self.experiments
        coverage = self.covered / self.experiments
        return {
            "experiments": self.experiments,
            "coverage": coverage,
            "error": float(np.sqrt(LEVEL * (1 - LEVEL) / self.experiments)),
            "clopper_pearson": wide,
            "mean_count": float(np.mean(self.counts)) if self.counts else None,
        }


Measured = tuple[str, Estimate, float, Estimate | None, float | None]


def separation(labels: Array, z: Array, weights: Array | None, size: Size, d: float) -> Iterator[Measured]:
    """Rejections, signal efficiencies, area and accuracy."""
    roc = metrics.roc_curve(labels, z, weights)
    for point in size.efficiencies:
        found, wide = (roc.background_rejection(point, method=method) for method in ("jeffreys", "clopper-pearson"))
        yield f"1/εB at εS = {point:g}", found, 1 / ndtr(-d - ndtri(1 - point)), wide, found.survivors
    for rate in RATES:
        found, wide = (roc.signal_efficiency_at(rate, method=method) for method in ("jeffreys", "clopper-pearson"))
        yield f"εS at εB = {rate:g}", found, float(ndtr(d + ndtri(rate))), wide, found.survivors
    yield "AUC", roc.auc(), float(ndtr(d / np.sqrt(2))), None, None
    share = size.signal / (size.signal + size.background)
    cut = d / 2 + np.log((1 - share) / share) / d  # where the log-odds vanish
    truth = share * ndtr(d - cut) + (1 - share) * ndtr(cut)
    found, wide = (metrics.accuracy(labels, z, weights, method=method) for method in ("jeffreys", "clopper-pearson"))
    yield "accuracy", found, float(truth), wide, None


def fixed_cut(labels: Array, x: Array, weights: Array | None, shift: float) -> Iterator[Measured]:
    """Efficiencies of the background at given thresholds, as in bins of an observer."""
    members = labels == 0
    w = np.ones(len(x)) if weights is None else weights
    background = BinnedClass(members, w[members], x[members])
    for efficiency in FIXED:
        truth = efficiency * shift
        passing = (x[members] > -ndtri(truth)).astype(float)
        found, wide = (
            background.in_bins(np.zeros(len(x), int), 1, passing, LEVEL, method) for method in ("jeffreys", "clopper-pearson")
        )
        estimates = [Estimate(*(float(part[key][0]) for key in ("", "low", "high"))) for part in (found, wide)]
        yield f"efficiency {efficiency:g} at a fixed cut", estimates[0], truth, estimates[1], float(found["passed"][0])


def calibrated(labels: Array, z: Array, weights: Array | None, size: Size, d: float) -> Iterator[Measured]:
    """Scores of the probabilities, a bin of the reliability, and the temperature."""
    share = size.signal / (size.signal + size.background)
    grid = np.linspace(-9, 9 + d, 4001)
    density = np.stack([(1 - share) * np.exp(-(grid**2) / 2), share * np.exp(-((grid - d) ** 2) / 2)])
    density /= density.sum()
    p = expit(d * (grid - d / 2) + np.log(share / (1 - share)))
    found, wide = (calibration.measure(labels, z, weights, method=method) for method in ("jeffreys", "clopper-pearson"))
    yield "Brier score", found.brier, float((density[0] * p**2 + density[1] * (1 - p) ** 2).sum()), None, None
    yield "NLL", found.nll, -float((density[0] * np.log1p(-p) + density[1] * np.log(p)).sum()), None, None
    bins = calibration.BINS
    edges = (np.log(q / (1 - q) * (1 - share) / share) / d + d / 2 for q in ((bins // 3) / bins, (bins // 3 + 1) / bins))
    low, high = edges
    parts = [part * (ndtr(high - shift) - ndtr(low - shift)) for part, shift in ((1 - share, 0.0), (share, d))]
    row = bins // 3
    estimates = [
        Estimate(*(float(part.reliability[key][row]) for key in ("fraction", "fraction_low", "fraction_high")))
        for part in (found, wide)
    ]
    count = float(found.reliability["jets"][row] * found.reliability["fraction"][row])
    yield "fraction in a bin of the reliability", estimates[0], float(parts[1] / sum(parts)), estimates[1], count
    yield "temperature", calibration.fit_temperature(labels, 1.7 * z, weights), 1.7, None, None


def resampled(labels: Array, z: Array, weights: Array | None, point: float, d: float, seed: int) -> Iterator[Measured]:
    """The same by drawing the jets again."""
    drawn = bootstrap.rejections(labels == 1, [z], (point,), weights, seed=seed)[0, 0]
    low, high = np.quantile(drawn[1:], [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    yield f"1/εB at εS = {point:g}, bootstrap", Estimate(drawn[0], low, high), 1 / ndtr(-d - ndtri(1 - point)), None, None
    area = bootstrap.interval(lambda *jets: metrics.auc(*jets).value, labels, z, weights, seed=seed)
    yield "AUC, bootstrap", area, float(ndtr(d / np.sqrt(2))), None, None


def coverage(size: Size, weighted: bool, experiments: int, seed: int) -> dict[str, dict[str, Any]]:
    """Quantity -> the numbers of its tally."""
    random, found = np.random.default_rng((seed, size.signal, weighted)), {}
    labels = np.repeat([1, 0], (size.signal, size.background))
    share = size.signal / len(labels)
    for number in range(experiments):
        d = size.distance * random.uniform(0.9, 1.1)
        x = random.normal(size=len(labels)) + d * labels
        z = d * (x - d / 2) + np.log(share / (1 - share))
        weights = random.exponential(size=len(labels)) if weighted else None
        measured = [
            *separation(labels, z, weights, size, d),
            *fixed_cut(labels, x, weights, random.uniform(0.8, 1.25)),
            *calibrated(labels, z, weights, size, d),
        ]
        if size.resampled:
            measured += resampled(labels, z, weights, size.efficiencies[-1], d, number)
        for name, *rest in measured:
            found.setdefault(name, Tally()).add(*rest)
    return {name: tally.numbers for name, tally in found.items()}


def null(size: Size, weighted: bool, experiments: int, seed: int) -> dict[str, dict[str, float]]:
    """Two taggers with the same separation and noise of their own: p-values of the difference, quantity -> what they look like."""
    random = np.random.default_rng((seed, size.background, weighted, 7))
    labels = np.repeat([1, 0], (size.signal, size.background))
    points = size.efficiencies[1:]
    tests: dict[str, Callable[..., Any]] = {"AUC difference (DeLong)": paired.auc_difference} | {
        f"ratio of 1/εB at εS = {point:g}": lambda *jets, point=point: paired.rejection_ratio(*jets[:3], point, jets[3])
        for point in points
    }
    values: dict[str, list[float]] = {name: [] for name in tests}
    for _ in range(experiments):
        common = size.distance * labels + 0.9 * random.normal(size=len(labels))
        both = [common + np.sqrt(1 - 0.81) * random.normal(size=len(labels)) for _ in range(2)]
        weights = random.exponential(size=len(labels)) if weighted else None
        for name, test in tests.items():
            values[name].append(test(labels, *both, weights).p_value)
    return {
        name: {
            "ks": float(kstest(p, "uniform").pvalue),
            "below_0.05": float(np.mean(np.array(p) < 0.05)),
            "below_0.32": float(np.mean(np.array(p) < 0.32)),
            "undefined": float(np.mean(np.isnan(p))),
        }
        for name, p in values.items()
    }


def show(covered: Sequence[tuple[Size, bool, dict[str, Any]]], tested: Sequence[tuple[Size, bool, dict[str, Any]]]) -> None:
    """Print the tables."""
    head = f"{'jets (S + B)':<14}{'weights':<13}{'quantity':<40}{'mean count':>11}{'coverage':>18}{'Clopper-Pearson':>18}"
    print(f"Intervals that should hold {100 * LEVEL:.2f} %\n\n{head}")
    for size, weighted, found in covered:
        for name, numbers in found.items():
            count = "" if numbers["mean_count"] is None else f"{numbers['mean_count']:.1f}"
            wide = "" if numbers["clopper_pearson"] is None else f"{100 * numbers['clopper_pearson']:.1f} %"
            value = f"{100 * numbers['coverage']:.1f} ± {100 * numbers['error']:.1f} %"
            print(f"{_jets(size):<14}{_weights(weighted):<13}{name:<40}{count:>11}{value:>18}{wide:>18}")
    every = [abs(numbers["coverage"] - LEVEL) for _, _, found in covered for numbers in found.values()]
    within = sum(distance <= NEAR for distance in every)
    print(f"\n{within} of {len(every)} within {100 * NEAR:.0f} % of the level, the farthest {100 * max(every):.1f} % from it")
    print("\nTests of a difference between equally good taggers\n")
    print(f"{'jets (S + B)':<14}{'weights':<13}{'quantity':<40}{'KS p':>11}{'below 5 %':>18}{'below 32 %':>18}")
    for size, weighted, found in tested:
        for name, numbers in found.items():
            below = "".join(f"{100 * numbers[key]:.1f} %".rjust(18) for key in ("below_0.05", "below_0.32"))
            print(f"{_jets(size):<14}{_weights(weighted):<13}{name:<40}{numbers['ks']:>11.3f}{below}")


def _jets(size: Size) -> str:
    return f"{size.signal} + {size.background}"


def _weights(weighted: bool) -> str:
    return "exponential" if weighted else "none"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=2000, metavar="N", help="pseudo-experiments (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the pseudo-experiments (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="100 experiments, with statistical errors of 5 %%")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args(arguments)
    experiments = 100 if args.quick else args.experiments
    cases = [(size, weighted) for size in SIZES for weighted in (False, True)]
    covered = [(size, weighted, coverage(size, weighted, experiments, args.seed)) for size, weighted in cases]
    tested = [(SIZES[0], weighted, null(SIZES[0], weighted, experiments, args.seed)) for weighted in (False, True)]
    show(covered, tested)
    if args.json:
        numbers = {
            key: {f"{_jets(size)}, {_weights(weighted)}": found for size, weighted, found in rows}
            for key, rows in (("coverage", covered), ("p_values", tested))
        }
        print(json.dumps({"level": LEVEL, "seed": args.seed, **numbers}))


if __name__ == "__main__":
    main()
