"""Efficiencies in bins by hand and by brute force, flatness, and the divergence of mass spectra."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import kstest

from lorentznet.errors import DataError
from lorentznet.evaluate import dependence, metrics
from lorentznet.evaluate.intervals import LEVEL, jeffreys


def points(labels, z, weights=None, efficiencies=(0.5,)):
    weights = np.ones(len(labels)) if weights is None else weights
    roc = metrics.roc_curve(labels, z, weights)
    return dependence.WorkingPoints.of(labels == 1, labels == 0, z, weights, roc, efficiencies)


def jets(number=8000, seed=1, slope=0.0):
    """Labels, log-odds, pT that shifts the log-odds of the background, weights."""
    random = np.random.default_rng(seed)
    labels, pt = np.arange(number) % 2, random.uniform(500, 600, number)
    z = random.normal(size=number) + 2 * labels + slope * (pt - 550) / 50 * (1 - labels)
    return labels, z, pt, random.uniform(0.5, 2, number)


def test_bins_by_brute_force():
    labels, z, pt, weights = jets()
    pt[:5] = np.nan
    found, _ = points(labels, z, weights, (0.3, 0.5)).along(pt)
    assert len(found["low"]) == 2 * dependence.BINS
    threshold = {point: metrics.roc_curve(labels, z, weights).at(np.array([point]))["threshold"][0] for point in (0.3, 0.5)}
    for row in range(len(found["low"])):
        inside = (pt >= found["low"][row]) & (pt < found["high"][row])
        for name, number in (("signal", 1), ("background", 0)):
            jets_of = inside & (labels == number)
            passing = z[jets_of] > threshold[found["signal_efficiency"][row]]
            expected = weights[jets_of][passing].sum() / weights[jets_of].sum()
            assert found[name][row] == pytest.approx(expected, abs=4e-3)  # the jet at the threshold, or at the last edge
            assert abs(found[f"{name}_passed"][row] - passing.sum()) <= 1
            assert abs(found[f"{name}_jets"][row] - jets_of.sum()) <= 1
            assert found[f"{name}_low"][row] <= found[name][row] < found[f"{name}_high"][row]
    assert found["signal_jets"][: dependence.BINS].sum() + found["background_jets"][: dependence.BINS].sum() == len(labels) - 5


def test_intervals_without_weights_are_those_of_counts():
    labels, z, pt, _ = jets()
    found, _ = points(labels, z).along(pt)
    low, high = jeffreys(found["background"] * found["background_jets"], found["background_jets"])
    np.testing.assert_allclose(found["background_low"], low)
    np.testing.assert_allclose(found["background_high"], high)


def test_intervals_with_weights_cover():
    """The weights are uneven, and few background jets pass in a bin."""
    random, covered, of = np.random.default_rng(3), 0, 0
    threshold = 1.4
    for _ in range(60):
        labels, z, pt = np.zeros(3000, int), random.normal(size=3000), random.random(3000)
        weights = random.exponential(size=3000)
        background = dependence.BinnedClass(labels == 0, weights, z)
        place = (10 * pt).astype(int)
        found = background.in_bins(place, 10, (z > threshold).astype(float), LEVEL, "jeffreys")
        truth = 0.08075665923377107  # of a normal distribution beyond 1.4
        covered += np.count_nonzero((found["low"] <= truth) & (truth <= found["high"]))
        of += 10
    assert covered / of == pytest.approx(LEVEL, abs=0.05)


def test_flatness():
    flat = [points(*jets(seed=seed)[:2]).along(jets(seed=seed)[2])[1]["0.5"]["background"]["p_value"] for seed in range(60)]
    assert kstest(flat, "uniform").pvalue > 1e-3
    labels, z, pt, _ = jets(slope=0.5)
    summary = points(labels, z).along(pt)[1]["0.5"]
    assert summary["background"]["p_value"] < 1e-6
    assert summary["background"]["highest"] > 3 * summary["background"]["lowest"]
    assert summary["signal"]["p_value"] > 1e-3
    few = points(labels[:400], z[:400]).along(pt[:400])[1]["0.5"]["background"]
    assert few["p_value"] is None


def test_whole_numbers_and_classes_that_are_not_everywhere():
    labels, z, _, _ = jets(400)
    count = np.where(labels == 1, 30, 20) + np.arange(400) % 3
    found, summary = points(labels, z).along(count)
    assert np.isnan(found["background"]).sum() + np.isnan(found["signal"]).sum() > 0
    assert summary["0.5"]["signal"]["lowest"] >= 0
    assert sum(found["signal_jets"]) == 200


def test_map_sums_to_the_bins():
    labels, z, pt, weights = jets()
    eta = np.random.default_rng(2).normal(size=len(pt))
    eta[3] = np.inf
    found = points(labels, z, weights).map(pt, eta)
    assert len(found["x_low"]) == dependence.MAP_BINS**2
    along, _ = points(labels, z, weights).along(pt, bins=dependence.MAP_BINS)
    sums = [found["background_jets"][found["x_low"] == low].sum() for low in along["low"]]
    np.testing.assert_allclose(sums, along["background_jets"], atol=1)


def test_divergence():
    random = np.random.default_rng(1)
    p, q = random.random(20), random.random(20)
    assert dependence.jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert dependence.jensen_shannon(p, 3 * p) == 0
    assert dependence.jensen_shannon(np.array([1.0, 0]), np.array([0, 5.0])) == 1
    few, many = (dependence._expected(np.full(20, 0.05), jets) for jets in (2000, 2001))
    assert few == pytest.approx(many, rel=0.01), "the sum and what it tends to"


@pytest.mark.parametrize("weighted", [False, True])
def test_mass_that_has_nothing_to_do_with_the_cut(weighted):
    found = []
    for seed in range(30):
        labels, z, _, weights = jets(4000, seed)
        mass = np.random.default_rng(100 + seed).gamma(4, 20, len(labels))
        columns, summary = points(labels, z, weights if weighted else None).sculpting(mass)
        found.append((summary["0.5"]["jsd"], summary["0.5"]["expected"]))
        assert columns["before"].sum() == pytest.approx(1) == columns["after_0.5"].sum()
    measured, expected = np.mean(found, axis=0)
    assert measured == pytest.approx(expected, rel=0.1)


def test_a_cut_on_the_mass_is_seen():
    labels, _, mass, _ = jets()
    _, summary = points(labels, mass + 50 * labels, efficiencies=(0.5, 0.99)).sculpting(mass)
    assert summary["0.5"] == {"unit": "bit", "jsd": None, "expected": None, "jets": 0}
    assert summary["0.99"]["jsd"] > 10 * summary["0.99"]["expected"]
    assert points(labels, mass).sculpting(np.ones(len(labels))) == ({}, {})


def test_observers_are_chosen():
    there = {
        "jet_pt": np.arange(4.0),
        "jet_eta": np.ones(4),
        "jet_mass": np.full(4, np.nan),
        "x": np.arange(4),
        "jet_phi": np.arange(4),
    }
    assert dependence.chosen(there) == ["jet_pt"]
    assert dependence.chosen(there, ["x", "jet_phi"]) == ["x", "jet_phi"]
    with pytest.raises(DataError, match=r"no observer 'jet_p' beside the scores; did you mean 'jet_p"):
        dependence.chosen(there, ["jet_p"])
    with pytest.raises(DataError, match="'jet_eta' has less than two finite values"):
        dependence.chosen(there, ["jet_eta"])
