"""Intervals against scipy and in words."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from lorentznet.errors import ConfigError
from lorentznet.evaluate.intervals import (
    LEVEL,
    Estimate,
    clopper_pearson,
    count_interval,
    fraction_interval,
    jeffreys,
    normal_on_logit_scale,
)


def test_level_is_one_standard_deviation():
    assert pytest.approx(0.6826894921) == LEVEL


@pytest.mark.parametrize("passed", [0, 1, 3, 50, 99, 100])
@pytest.mark.parametrize("level", [LEVEL, 0.95])
def test_clopper_pearson_is_that_of_scipy(passed, level):
    expected = binomtest(passed, 100).proportion_ci(level, method="exact")
    np.testing.assert_allclose(clopper_pearson(passed, 100, level), (expected.low, expected.high), rtol=1e-7, atol=1e-15)


@pytest.mark.parametrize("method", ["jeffreys", "clopper-pearson"])
def test_fraction_interval_is_that_of_the_count_for_equal_weights(method):
    fraction = np.array([0.0, 0.03, 1.0])
    given = fraction_interval(fraction, fraction * (1 - fraction) / 200, 200, method=method)
    np.testing.assert_allclose(given, count_interval(fraction * 200, 200, method=method))


def coverage(interval, trials, probability):
    """Exact probability that the interval of a count holds the truth."""
    counts = np.arange(trials + 1)
    low, high = interval(counts, trials)
    return binom.pmf(counts, trials, probability)[(low <= probability) & (probability <= high)].sum()


@pytest.mark.parametrize("expected", [(3, 6), (6, 12), (12, 25), (25, 50)])
def test_jeffreys_covers_the_level_on_average_and_clopper_pearson_at_least(expected):
    trials, probabilities = 1000, np.geomspace(*expected, 60) / 1000
    covered = {
        name: [coverage(method, trials, p) for p in probabilities] for name, method in (("j", jeffreys), ("c", clopper_pearson))
    }
    assert np.mean(covered["j"]) == pytest.approx(LEVEL, abs=0.01)
    assert min(covered["c"]) >= LEVEL
    assert np.mean(covered["c"]) > LEVEL + 0.03


def test_nothing_passed_keeps_the_limit_of_clopper_and_pearson():
    for passed in (0, 50):
        assert jeffreys(passed, 50) == clopper_pearson(passed, 50)
    low, high = jeffreys(np.arange(51), 50)
    assert np.all(np.diff(low) > 0)
    assert np.all(np.diff(high)[1:] > 0)
    assert np.all(low[1:-1] > clopper_pearson(np.arange(51), 50)[0][1:-1])


@pytest.mark.parametrize("level", [95, 1.0, 0.0, -0.5, math.nan])
@pytest.mark.parametrize("interval", [clopper_pearson, jeffreys, lambda k, n, level: normal_on_logit_scale(k / n, 0.1, n, level)])
def test_a_level_is_a_probability(interval, level):
    with pytest.raises(ConfigError, match=r"between 0 and 1, got .*; write 0.95 for 95 %"):
        interval(3, 10, level)


def test_intervals_have_names():
    with pytest.raises(ConfigError, match="unknown interval 'jeffrey'; did you mean 'jeffreys'"):
        count_interval(3, 10, method="jeffrey")


def test_logit_scale_stays_within_bounds():
    low, high = normal_on_logit_scale(0.999, 0.002, 100)
    assert 0.9 < low < 0.999 < high < 1
    assert normal_on_logit_scale(0.5, 0.0, 100) == tuple(float(limit) for limit in clopper_pearson(50, 100))
    low, high = normal_on_logit_scale(0.5, 0.001, 100)
    assert (high - low) / 2 == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.98477, 0.9846, 0.985), "0.98477 +0.00023 -0.00017"),
        (Estimate(329.2, 316, 343), "329 ± 14"),
        (Estimate(95.5, 93.4, 97.6), "95.5 ± 2.1"),
        (Estimate(100.0, 60.0, math.inf, 1), "100 +inf -40 (1 survive)"),
        (Estimate(1.0, 1.0, 1.0), "1"),
    ],
)
def test_words(estimate, words):
    assert str(estimate) == words


def test_round_trip_through_json():
    for estimate in (Estimate(0.9, 0.8, 0.95), Estimate(math.inf, 20.0, math.inf, 0), Estimate(10.0, 8.0, 13.0, 7)):
        assert Estimate.from_dict(estimate.as_dict()) == estimate
