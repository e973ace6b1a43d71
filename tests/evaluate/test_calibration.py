"""Calibration against scikit-learn, against jets whose probabilities are known, and for weights that repeat jets."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from lorentznet.errors import DataError
from lorentznet.evaluate import bootstrap, calibration


def jets(number=4000, seed=1, spread=2.0):
    """Labels, log-odds that are exactly calibrated, weights."""
    random = np.random.default_rng(seed)
    z = random.normal(0, spread, number)
    return (random.random(number) < expit(z)).astype(int), z, random.uniform(0.1, 3, number)


def several(number=3000, seed=2):
    random = np.random.default_rng(seed)
    z = 2 * random.normal(size=(number, 3))
    y = (softmax(z, axis=1).cumsum(1) < random.random((number, 1))).sum(1)
    return y, z, random.uniform(0.1, 3, number)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_scikit_learn(weighted):
    for y, z, w in (jets(), several()):
        w = w if weighted else None
        p = expit(z) if z.ndim == 1 else softmax(z, axis=1)
        found = calibration.measure(y, z, w)
        assert found.nll.value == pytest.approx(log_loss(y, p, sample_weight=w), rel=1e-9)
        assert found.brier.value == pytest.approx(brier_score_loss(y, p, sample_weight=w), rel=1e-9)
        assert found.brier.low < found.brier.value < found.brier.high


def test_reliability_is_that_of_scikit_learn():
    y, z, _ = jets()
    rows = calibration.reliability(y, z, bins=10)
    fraction, probability = calibration_curve(y, expit(z), n_bins=10)
    np.testing.assert_allclose(rows["fraction"], fraction)
    np.testing.assert_allclose(rows["probability"], probability)
    assert rows["jets"].sum() == 4000
    assert rows["share"].sum() == pytest.approx(1)
    assert np.all((rows["fraction_low"] < rows["fraction"]) & (rows["fraction"] < rows["fraction_high"]))


def test_weights_that_are_counts_repeat_jets():
    y, z, _ = several(600)
    counts = np.random.default_rng(5).integers(0, 4, 600)
    one, other = calibration.measure(y, z, counts), calibration.measure(np.repeat(y, counts), np.repeat(z, counts, axis=0))
    assert (one.ece, one.nll.value, one.brier.value) == pytest.approx((other.ece, other.nll.value, other.brier.value))
    assert calibration.fit_temperature(y, z, counts).value == pytest.approx(
        calibration.fit_temperature(np.repeat(y, counts), np.repeat(z, counts, axis=0)).value
    )


def test_error_of_the_calibrated_is_the_expected_one():
    found = [calibration.measure(*jets(seed=seed)[:2]) for seed in range(40)]
    assert np.mean([one.ece for one in found]) == pytest.approx(np.mean([one.ece_expected for one in found]), rel=0.06)
    y, z, _ = jets()
    assert calibration.measure(y, 2 * z).ece > 4 * calibration.measure(y, z).ece_expected


@pytest.mark.parametrize("factor", [0.01, 0.5, 1.0, 3.0, 1000.0])
def test_temperature_is_found(factor):
    for y, z, _ in (jets(20_000), several(20_000)):
        found = calibration.fit_temperature(y, factor * z)
        assert found.low < found.value < found.high
        assert abs(found.value / factor - 1) < 3 * (found.high - found.low) / 2 / factor
        best = calibration.measure(y, factor * z / found.value).nll.value
        for other in (0.98, 1.02):
            assert calibration.measure(y, factor * z / (other * found.value)).nll.value > best


def test_error_of_the_temperature_agrees_with_the_bootstrap():
    y, z, w = jets(1500)
    found = calibration.fit_temperature(y, z, w)
    drawn = bootstrap.interval(lambda *jets: calibration.fit_temperature(*jets).value, y, z, w, replicas=100)
    assert drawn.value == found.value
    assert found.high - found.low == pytest.approx(drawn.high - drawn.low, rel=0.25)


def test_scaling_fitted_on_other_jets_calibrates():
    y, z, _ = jets(20_000, seed=3)
    temperature = calibration.fit_temperature(*jets(20_000, seed=4)[:1], 2.5 * jets(20_000, seed=4)[1]).value
    before, after = calibration.measure(y, 2.5 * z), calibration.measure(y, 2.5 * z / temperature)
    assert after.ece < 2 * after.ece_expected < before.ece


def test_extreme_logits_stay_finite():
    found = calibration.measure([0, 1, 1, 0], [-800.0, 800.0, -800.0, 1e-300])
    assert found.nll.value == pytest.approx((800 + np.log(2)) / 4)
    assert found.reliability["jets"][[0, 7, 14]].tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("labels", "logits", "words"),
    [
        ([0, 0, 1, 1], [-1.0, -2.0, 1.0, 2.0], "the logits separate the classes of all 4 jets"),
        ([1, 1, 0, 0], [-1.0, -2.0, 1.0, 2.0], "have nothing to do with their classes"),
        ([0, 1], [0.0, 0.0], "have nothing to do with their classes"),
    ],
)
def test_no_temperature(labels, logits, words):
    with pytest.raises(DataError, match=words) as caught:
        calibration.fit_temperature(labels, logits)
    assert "\n" not in str(caught.value)


def test_no_weight():
    with pytest.raises(DataError, match="weights of all 2 jets are zero"):
        calibration.measure([0, 1], [0.0, 1.0], [0.0, 0.0])
