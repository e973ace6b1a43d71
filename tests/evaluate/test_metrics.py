"""Metrics against scikit-learn, against hand-made numbers, and against the traps that published code fell into."""

import numpy as np
import pytest
from scipy.special import expit, ndtr, ndtri
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from lorentznet.errors import DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.intervals import LEVEL


def sample(jets=2000, seed=1, distance=2.0):
    """Labels, normal log-odds with unit spread, weights."""
    random = np.random.default_rng(seed)
    labels = np.arange(jets) % 2
    return labels, random.normal(size=jets) + distance * labels, random.uniform(0.1, 3, jets)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("digits", [None, 1, 0])
def test_auc_is_that_of_scikit_learn(weighted, digits):
    labels, logits, weights = sample()
    logits = logits if digits is None else np.round(logits, digits)  # ties
    weights = weights if weighted else None
    expected = roc_auc_score(labels, logits, sample_weight=weights)
    assert metrics.auc(labels, logits, weights).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_roc_is_that_of_scikit_learn(weighted):
    labels, logits, weights = sample(300)
    logits, weights = np.round(logits, 1), weights if weighted else None
    background, signal, thresholds = sklearn_roc_curve(labels, logits, sample_weight=weights, drop_intermediate=False)
    roc = metrics.roc_curve(labels, logits, weights)
    np.testing.assert_allclose(roc.signal_efficiency, signal, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(roc.background_efficiency, background, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(roc.thresholds[1:], thresholds[1:])
    assert roc.signal_efficiency[-1] == roc.background_efficiency[-1] == 1


def test_shapes_of_logits_are_equivalent():
    labels, z, weights = sample(500)
    pair = np.stack((np.zeros_like(z), z), axis=1)
    for function in (metrics.auc, metrics.accuracy, metrics.background_rejection):
        given = [function(labels, logits, weights=weights) for logits in (z, z[:, None], pair)]
        assert given[0] == given[1] == given[2]


def test_a_constant_added_to_both_logits_of_a_jet_changes_nothing():
    """Scores that are a single softmax output depend on differences only; an absolute logit would see the constant."""
    labels, z, _ = sample(4000)
    grid = 2.0**-20  # on this grid all sums are exact
    pair = np.round(np.stack((-z / 2, z / 2), axis=1) / grid) * grid
    shift = np.round(np.random.default_rng(2).normal(0, 100, (len(z), 1)) / grid) * grid
    assert roc_auc_score(labels, (pair + shift)[:, 1]) < 0.6
    for function in (metrics.auc, metrics.accuracy, metrics.background_rejection):
        assert function(labels, pair + shift) == function(labels, pair)
    three = np.concatenate((pair, pair[:, :1] * 0.5), axis=1)
    assert metrics.auc(labels, three + shift, signal=1).value == pytest.approx(metrics.auc(labels, three, signal=1).value)


def test_float64_logits_keep_the_tight_end_that_float32_scores_lose():
    random = np.random.default_rng(3)
    labels = np.repeat([0, 1], 20_000)
    logits = np.where(labels == 1, 22 + 2 * random.normal(size=40_000), 15 + 3 * random.normal(size=40_000))
    saturated = expit(logits.astype(np.float32))
    report = metrics.ties(labels, saturated)
    assert report.largest > 10_000
    assert report.value == 1
    assert metrics.ties(labels, logits).tied == 0
    exact = metrics.background_rejection(labels, logits, 0.3).value
    assert exact > 1.5 * metrics.background_rejection(labels, saturated, 0.3).value


def test_rejection_by_hand():
    """100 background jets at 1, ..., 100 and signal jets at 90.5, ..., 99.5."""
    labels = np.repeat([0, 1], [100, 10])
    logits = np.concatenate((np.arange(1.0, 101), np.arange(90.5, 100)))
    rejection = metrics.background_rejection(labels, logits, signal_efficiency=0.3)
    assert (rejection.value, rejection.survivors) == (pytest.approx(100 / 3), 3)  # 98, 99, 100 lie above 97.5
    assert rejection.low < rejection.value < rejection.high
    assert metrics.background_rejection(labels, logits, signal_efficiency=1).survivors == 10


def test_rejection_is_interpolated_within_ties():
    """Of 10 signal and 40 background jets that share one value, each efficiency takes its share."""
    labels, logits = np.repeat([1, 0, 0], [10, 40, 60]), np.repeat([1.0, 1.0, 0.0], [10, 40, 60])
    for efficiency in (0.1, 0.5, 1.0):
        rejection = metrics.background_rejection(labels, logits, signal_efficiency=efficiency)
        assert rejection.value == pytest.approx(100 / (40 * efficiency))
        assert rejection.survivors == round(40 * efficiency)


def test_order_of_the_jets_is_immaterial():
    labels, logits, weights = sample(1000)
    logits = np.round(logits, 1)
    order = np.random.default_rng(4).permutation(1000)
    for function in (metrics.auc, metrics.background_rejection):
        one, other = function(labels, logits, weights=weights), function(labels[order], logits[order], weights=weights[order])
        np.testing.assert_allclose([one.value, one.low, one.high], [other.value, other.low, other.high], rtol=1e-9)
        assert one.survivors == other.survivors


def test_weights_that_are_counts_repeat_jets():
    labels, logits, _ = sample(400)
    counts = np.random.default_rng(5).integers(1, 4, 400)
    repeated = np.repeat(labels, counts), np.repeat(logits, counts)
    for function in (metrics.auc, metrics.accuracy, metrics.background_rejection):
        assert function(labels, logits, weights=counts).value == pytest.approx(function(*repeated).value, rel=1e-12)
    assert (
        metrics.background_rejection(labels, logits, 0.5, counts).survivors
        < metrics.background_rejection(*repeated, 0.5).survivors
    )


def test_equal_weights_change_nothing():
    labels, logits, _ = sample(400)
    for function in (metrics.auc, metrics.accuracy, metrics.background_rejection):
        one, other = function(labels, logits), function(labels, logits, weights=np.full(400, 0.37))
        np.testing.assert_allclose([one.value, one.low, one.high], [other.value, other.low, other.high], rtol=1e-10)


def test_uneven_weights_widen_the_intervals():
    labels, logits, _ = sample(20_000)
    uneven = np.where(np.arange(20_000) % 20 < 2, 10.0, 0.1)
    for function in (metrics.auc, metrics.accuracy, metrics.background_rejection):
        even, weighted = function(labels, logits), function(labels, logits, weights=uneven)
        assert weighted.high - weighted.low > 2 * (even.high - even.low)


def test_no_survivor_gives_a_lower_limit():
    labels, logits = np.repeat([0, 1], 100), np.repeat([0.0, 1.0], 100)
    rejection = metrics.background_rejection(labels, logits, 0.5)
    assert (rejection.value, rejection.high, rejection.survivors) == (np.inf, np.inf, 0)
    assert rejection.low == pytest.approx(1 / (1 - ((1 - LEVEL) / 2) ** (1 / 100)))
    assert rejection.as_dict() == {"value": None, "low": rejection.low, "high": None, "survivors": 0}
    assert str(rejection).startswith("> 5")
    perfect = metrics.auc(labels, logits)
    assert perfect.value == perfect.high == 1
    assert 0.97 < perfect.low < 1


def test_of_several_classes():
    random = np.random.default_rng(6)
    labels = random.integers(0, 3, 3000)
    logits = random.normal(size=(3000, 3)) + 2 * np.eye(3)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert metrics.accuracy(labels, logits).value == np.mean(logits.argmax(1) == labels)
    rest = metrics.auc(labels, logits, signal=2).value
    assert rest == pytest.approx(roc_auc_score(labels == 2, probabilities[:, 2]), rel=1e-12)
    pair = labels != 1
    ratio = probabilities[pair, 2] / (probabilities[pair, 2] + probabilities[pair, 0])
    against_qcd = metrics.auc(labels, logits, signal=2, background=0).value
    assert against_qcd == pytest.approx(roc_auc_score(labels[pair] == 2, ratio), rel=1e-12)
    with pytest.raises(DataError, match="no class 3"):
        metrics.auc(labels, logits, signal=3)


def test_accuracy_counts_log_odds_above_zero_as_signal():
    assert metrics.accuracy([0, 1, 0, 1], [-0.1, 0.1, 0.2, 0.0]).value == 0.5
    assert metrics.accuracy([0, 1], [-1.0, 1.0], [3.0, 1.0]).value == 1


def test_signal_efficiency_by_hand():
    """100 background jets at 1, ..., 100 and 10 signal jets at 90.5, ..., 99.5: one background jet, at 100, lies above them all."""
    labels, logits = np.repeat([0, 1], [100, 10]), np.concatenate((np.arange(1.0, 101), np.arange(90.5, 100)))
    found = metrics.signal_efficiency(labels, logits, 0.04)
    assert (found.value, found.survivors) == (pytest.approx(0.3), 4)  # 97, 98, 99, 100 pass, and of the signal what is above 97
    assert found.low < 0.3 < found.high
    assert metrics.signal_efficiency(labels, logits, 0.005).value == 0
    assert metrics.signal_efficiency(labels, logits, 1).value == 1
    with pytest.raises(DataError, match="background efficiency 0 is not in"):
        metrics.signal_efficiency(labels, logits, 0)


@pytest.mark.parametrize("weighted", [False, True])
def test_signal_efficiency_and_rejection_are_one_curve(weighted):
    labels, logits, weights = sample(4000)
    weights = weights if weighted else None
    for efficiency in (0.3, 0.7):
        rejection = metrics.background_rejection(labels, logits, efficiency, weights)
        found = metrics.signal_efficiency(labels, logits, 1 / rejection.value, weights)
        assert found.value == pytest.approx(efficiency, abs=8e-3)  # both take the tightest threshold: a step of the curve apart
    same = metrics.signal_efficiency(labels, logits, 0.1, None if weights is None else 5 * weights)
    np.testing.assert_allclose(same.low, metrics.signal_efficiency(labels, logits, 0.1, weights).low, rtol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_intervals_cover(weighted):
    """Toys of two normal distributions, whose AUC, accuracy and efficiencies are known; their distance is drawn anew each time."""
    random, toys, jets = np.random.default_rng(7), 400, 1500
    labels = np.repeat([0, 1], jets)
    names = ("auc", "accuracy", "rejection 0.3", "rejection 0.7", "signal efficiency", "clopper-pearson")
    covered = dict.fromkeys(names, 0)
    for _ in range(toys):
        distance = random.uniform(1.8, 2.2)
        logits = random.normal(size=2 * jets) + distance * (labels - 0.5)
        weights = random.exponential(size=2 * jets) if weighted else None
        roc = metrics.roc_curve(labels, logits, weights)
        rejections = {point: 1 / ndtr(-distance - ndtri(1 - point)) for point in (0.3, 0.7)}
        for name, estimate, truth in zip(
            names,
            (
                roc.auc(),
                metrics.accuracy(labels, logits, weights),
                roc.background_rejection(0.3),
                roc.background_rejection(0.7),
                roc.signal_efficiency_at(0.05),
                roc.background_rejection(0.3, method="clopper-pearson"),
            ),
            (
                ndtr(distance / np.sqrt(2)),
                ndtr(distance / 2),
                rejections[0.3],
                rejections[0.7],
                ndtr(distance - ndtri(0.95)),
                rejections[0.3],
            ),
            strict=True,
        ):
            covered[name] += estimate.low <= truth <= estimate.high
    conservative = covered.pop("clopper-pearson")
    # 2.3 % is the statistical error of 400 toys
    assert all(abs(number / toys - LEVEL) < 0.06 for number in covered.values()), covered
    assert conservative > covered["rejection 0.3"]


def test_ties_are_counted():
    report = metrics.ties([0, 1, 0, 1, 0, 0], [1.0, 1.0, 1.0, 2.0, 0.0, 0.0])
    assert (report.jets, report.distinct, report.tied, report.largest, report.value) == (6, 3, 3, 3, 1.0)
    assert report.pairs == pytest.approx(2 / 8)
    assert "3 of 6 jets" in str(report)
    assert str(metrics.ties([0, 1], [0.0, 1.0])) == "no ties between the classes"


@pytest.mark.parametrize(
    ("labels", "logits", "weights", "words"),
    [
        ([0, 0, 0], [1.0, 2, 3], None, "no jet is of class 1"),
        ([1, 1, 1], [1.0, 2, 3], None, "other than it"),
        ([0, 1], [1.0, 2, 3], None, r"logits of 3 jets, but labels of shape \(2,\)"),
        ([0, 1, 1], [1.0, 2, 3], [1.0, 1], r"weights of shape \(2,\)"),
        ([0, 1, 1], [1.0, np.nan, np.inf], None, "2 of 3 jets are NaN or infinite"),
        ([0, 1, 1], [1.0, 2, 3], [1.0, -1, np.nan], "weights of 2 of 3 jets are negative"),
        ([0, 1, 1], [1.0, 2, 3], [1.0, 0, 0], "weights of all 2 jets of class 1 are zero"),
        ([0, 1, 2], [1.0, 2, 3], None, "from 0 to 1, found 0 to 2"),
        ([0, 1, -1], [1.0, 2, 3], None, r"1 of 3 jets have no label \(-1\)"),
        ([0, 1, 0.5], [1.0, 2, 3], None, "whole numbers"),
        ([], [], None, "no jets"),
        ([0, 1], ["a", "b"], None, "must be numbers"),
        ([0, 1], np.zeros((2, 2, 2)), None, "shape"),
    ],
)
def test_errors_are_one_line(labels, logits, weights, words):
    with pytest.raises(DataError, match=words) as caught:
        metrics.background_rejection(labels, logits, weights=weights)
    assert "\n" not in str(caught.value)


def test_a_class_against_itself():
    for metric in (metrics.auc, metrics.background_rejection):
        with pytest.raises(DataError, match="class 1 cannot be signal and background; give two classes"):
            metric([0, 1, 0, 1], np.zeros((4, 3)), signal=1, background=1)


def test_signal_efficiency_out_of_range():
    with pytest.raises(DataError, match="not in"):
        metrics.background_rejection([0, 1], [0.0, 1.0], signal_efficiency=0.0)


def test_accuracy_of_one_answer_for_all_jets():
    """Nothing varies within the classes, and yet the share that is right is known no better than from so many jets."""
    labels = [0] * 419 + [1] * 381
    found = metrics.accuracy(labels, np.ones(800))
    assert found.value == 381 / 800
    assert 1e-3 < found.value - found.low < 1e-2 or 1e-3 < found.high - found.value < 1e-2
    assert found.low < found.value < found.high
