"""Comparisons of taggers: correlation against scipy, combination against what is optimal, ratios against the bootstrap."""

import numpy as np
import pytest
from scipy.stats import kstest, spearmanr

from lorentznet.evaluate import bootstrap, metrics, paired
from lorentznet.evaluate.comparison import Scored, combine, compare, correlations


def two(jets=6000, seed=1, noises=(0.5, 0.5)):
    """Two taggers with a common part and noise of their own, and weights."""
    random = np.random.default_rng(seed)
    labels = np.arange(jets) % 2
    common = 2 * labels + 0.6 * random.normal(size=jets)
    weights = random.uniform(0.2, 2, jets)
    return labels, [common + noise * random.normal(size=jets) for noise in noises], weights


def scored(labels, discriminants, weights=None):
    w = np.ones(len(labels)) if weights is None else weights
    return {f"t{number}": Scored(z, labels == 1, w) for number, z in enumerate(discriminants)}


def test_correlation_is_that_of_scipy():
    labels, (a, b), _ = two(800)
    a = np.round(a, 1)  # ties
    found = correlations(scored(labels, (a, b)))
    for name, number in (("signal", 1), ("background", 0)):
        chosen = labels == number
        assert found[name][0][1] == pytest.approx(spearmanr(a[chosen], b[chosen]).statistic, abs=1e-9)
        assert found[name][1][1] == 1
    assert correlations(scored(labels, (a, np.zeros(800))))["signal"][0][1] is None


def test_weights_that_are_counts_repeat_jets():
    labels, (a, b), _ = two(400)
    counts = np.random.default_rng(5).integers(1, 4, 400)
    one = correlations(scored(labels, (a, b), counts.astype(float)))
    other = correlations(scored(*(np.repeat(labels, counts), [np.repeat(z, counts) for z in (a, b)])))
    assert one["signal"][0][1] == pytest.approx(other["signal"][0][1], abs=1e-6)


def test_combination_is_nearly_the_optimal_sum():
    """Of two measurements with noise 0.5 and 1 the second deserves a quarter of the weight, whatever its scale."""
    random = np.random.default_rng(2)
    labels = np.arange(40_000) % 2
    a, b = (1.0 * labels + noise * random.normal(size=len(labels)) for noise in (0.5, 1.0))
    both = scored(labels, (a, 30 * b))
    together, weights = combine(both["t0"], both["t1"])
    assert weights[0] == pytest.approx(4, rel=0.05)
    assert 30 * weights[1] == pytest.approx(1, rel=0.1)
    best = metrics.auc(labels, 4 * a + b).value
    assert together.roc.auc().value == pytest.approx(best, abs=2e-4)


def test_a_combination_with_noise_gains_nothing():
    """The weights are fitted to other jets: what is learnt by chance is not counted as a gain."""
    gains = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        labels = np.arange(400) % 2
        taggers = scored(labels, (1.5 * labels + random.normal(size=400), random.normal(size=400)))
        together, _ = combine(taggers["t0"], taggers["t1"])
        gains.append(together.area_against(taggers["t0"]).value)
    assert np.mean(gains) < 0


def test_labels_in_any_order_and_separated_classes():
    labels = np.repeat([0, 1], 300)
    random = np.random.default_rng(1)
    taggers = scored(labels, (10.0 * labels + random.random(600), labels + random.normal(size=600)))
    together, weights = combine(taggers["t0"], taggers["t1"])
    assert np.isfinite(weights).all()
    assert together.roc.auc().value > 0.999


def test_comparison_agrees_with_the_paired_differences():
    labels, zs, weights = two()
    found = compare(scored(labels, zs, weights), "t0", (0.3, 0.7))["t1"]
    difference = paired.auc_difference(labels, *zs, weights)
    assert found["auc_difference"] == {**difference.as_dict(), "p_value": difference.p_value}
    ratio = paired.rejection_ratio(labels, *zs, 0.7, weights)
    assert found["rejection_ratio"]["0.7"] == ratio.as_dict()
    values = [metrics.background_rejection(labels, z, 0.7, weights).value for z in zs]
    assert ratio.value == pytest.approx(values[1] / values[0])
    assert found["combination"]["auc_gain"]["value"] > 5 * found["combination"]["auc_gain"]["error"]
    assert found["combination"]["auc"]["value"] > max(metrics.auc(labels, z, weights).value for z in zs)


@pytest.mark.parametrize("weighted", [False, True])
def test_ratio_agrees_with_the_bootstrap(weighted):
    labels, zs, weights = two(8000, noises=(0.5, 0.8))
    weights = weights if weighted else None
    found = paired.rejection_ratio(labels, *zs, 0.7, weights)
    drawn = bootstrap.rejections(labels == 1, zs, (0.7,), weights)[:, 0]
    ratios = drawn[1] / drawn[0]
    assert found.value == pytest.approx(ratios[0], rel=0.02)
    low, high = np.quantile(ratios[1:], [0.15865, 0.84135])
    assert np.log(found.high / found.low) == pytest.approx(np.log(high / low), rel=0.25)


@pytest.mark.parametrize("weighted", [False, True])
def test_p_values_are_uniform_where_there_is_no_difference(weighted):
    found = {"auc": [], "ratio": []}
    for seed in range(150):
        labels, zs, weights = two(3000, seed)
        weights = weights if weighted else None
        found["auc"].append(paired.auc_difference(labels, *zs, weights).p_value)
        found["ratio"].append(paired.rejection_ratio(labels, *zs, 0.8, weights).p_value)
    for name, values in found.items():
        assert kstest(values, "uniform").pvalue > 1e-3, name


def test_no_survivors_have_no_ratio():
    labels = np.repeat([0, 1], 50)
    found = paired.rejection_ratio(labels, labels.astype(float), np.arange(100.0), 0.5)
    assert found.as_dict() == {"value": None, "low": None, "high": None, "p_value": None}
    assert str(found) == "unknown"
    same = paired.rejection_ratio(labels, *[np.random.default_rng(1).normal(size=100)] * 2, 0.5)
    assert (same.value, same.p_value) == (1, 1)


def test_ratio_of_one_class_of_several():
    random = np.random.default_rng(5)
    labels = np.arange(3000) % 3
    first = random.normal(size=(3000, 3)) + 1.5 * np.eye(3)[labels]
    second = first + random.normal(size=first.shape)
    values = [metrics.background_rejection(labels, z, 0.5, signal=2, background=0).value for z in (first, second)]
    found = paired.rejection_ratio(labels, first, second, 0.5, signal=2, background=0)
    assert found.value == pytest.approx(values[1] / values[0])
    assert found.p_value < 0.01
