"""Intervals against scipy and in words."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from lorentznet.evaluate.intervals import LEVEL, Estimate, clopper_pearson, fraction_interval, normal_on_logit_scale


def test_level_is_one_standard_deviation():
    assert pytest.approx(0.6826894921) == LEVEL


@pytest.mark.parametrize("passed", [0, 1, 3, 50, 99, 100])
@pytest.mark.parametrize("level", [LEVEL, 0.95])
def test_clopper_pearson_is_that_of_scipy(passed, level):
    expected = binomtest(passed, 100).proportion_ci(level, method="exact")
    np.testing.assert_allclose(clopper_pearson(passed, 100, level), (expected.low, expected.high), rtol=1e-7, atol=1e-15)


def test_fraction_interval_is_clopper_pearson_for_equal_weights():
    fraction = np.array([0.0, 0.03, 1.0])
    given = fraction_interval(fraction, fraction * (1 - fraction) / 200, 200)
    np.testing.assert_allclose(given, clopper_pearson(fraction * 200, 200))


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
