"""Paired differences against the pooled formulae, brute force and a bootstrap."""

import numpy as np
import pytest

from lorentznet.errors import DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.paired import Difference, auc_difference, cross_entropies, mean_difference, placements


def two_taggers(jets=600, seed=3, agreement=1.0):
    random = np.random.default_rng(seed)
    labels = np.arange(jets) % 2
    first = random.normal(size=jets) + 2 * labels
    return labels, first, first + agreement * random.normal(size=jets), random.uniform(0.2, 2.0, jets)


def test_difference_of_areas_is_that_of_the_areas():
    labels, first, second, weights = two_taggers()
    for w in (None, weights):
        expected = metrics.auc(labels, second, w).value - metrics.auc(labels, first, w).value
        assert auc_difference(labels, first, second, w).value == pytest.approx(expected, abs=1e-12)


def test_error_against_a_constant_is_that_of_delong():
    """A discriminant that is the same for all jets has the area 1/2 and no error: what is left is the error of the other."""
    labels, first, _, weights = two_taggers()
    for w in (None, weights):
        found = auc_difference(labels, np.zeros(len(labels)), first, w)
        area = metrics.auc(labels, first, w)
        error = (area.high - area.low) / 2
        assert found.value == pytest.approx(area.value - 0.5, abs=1e-12)
        assert found.error == pytest.approx(error, rel=0.02)  # whose interval is normal in the logit of the area


def test_error_of_the_difference_agrees_with_the_bootstrap():
    labels, first, second, _ = two_taggers(400, agreement=0.3)
    found = auc_difference(labels, first, second)
    random = np.random.default_rng(0)
    replicas = []
    for _ in range(300):
        rows = np.concatenate([random.choice(np.flatnonzero(labels == c), (labels == c).sum()) for c in (0, 1)])
        replicas.append(auc_difference(labels[rows], first[rows], second[rows]).value)
    assert found.error == pytest.approx(np.std(replicas), rel=0.15)
    apart = np.hypot(*((area.high - area.low) / 2 for area in (metrics.auc(labels, z) for z in (first, second))))
    assert found.error < 0.5 * apart


def test_the_same_logits_differ_by_exactly_nothing():
    labels, first, _, weights = two_taggers()
    assert auc_difference(labels, first, first, weights) == Difference(0.0, 0.0)
    assert auc_difference(labels, first, 2 * first + 1, weights).value == 0.0
    assert Difference(0.0, 0.0).deviations == 0.0


def test_ties_count_half():
    signal = np.array([True, True, False, False])
    values = np.array([1.0, 0.0, 1.0, -1.0])
    np.testing.assert_allclose(placements(signal, values, np.ones(4)), [0.75, 0.5, 0.25, 1.0])


def test_several_classes_are_the_mean_of_each_against_the_rest():
    random = np.random.default_rng(5)
    labels = np.arange(300) % 3
    first = random.normal(size=(300, 3)) + 1.5 * np.eye(3)[labels]
    second = first + random.normal(size=first.shape)
    each = [auc_difference(labels, first, second, signal=number) for number in range(3)]
    mean = auc_difference(labels, first, second)
    assert mean.value == pytest.approx(np.mean([one.value for one in each]), abs=1e-12)
    assert mean.error < np.mean([one.error for one in each])
    expected = [metrics.auc(labels, z, signal=2, background=0).value for z in (second, first)]
    assert auc_difference(labels, first, second, signal=2, background=0).value == pytest.approx(expected[0] - expected[1])


def test_a_constant_shift_of_all_logits_changes_no_loss():
    labels, first, _, _ = two_taggers()
    two = np.stack((np.zeros_like(first), first), 1)
    shift = np.random.default_rng(1).normal(0, 100, (len(labels), 1))
    np.testing.assert_allclose(cross_entropies(labels, two + shift), cross_entropies(labels, first), atol=1e-10)
    np.testing.assert_allclose(cross_entropies(labels, first), np.log1p(np.exp(np.where(labels, -first, first))), atol=1e-12)


def test_means_and_their_errors():
    random = np.random.default_rng(2)
    before, change = random.normal(0, 50, 500), random.normal(0.3, 1, 500)
    found = mean_difference(before, before + change)
    assert found.value == pytest.approx(change.mean())
    assert found.error == pytest.approx(change.std(ddof=1) / np.sqrt(500))
    twice = mean_difference(np.tile(before, 2), np.tile(before + change, 2), np.repeat([1.0, 0.0], 500))
    assert (twice.value, twice.error) == pytest.approx((found.value, found.error))  # jets without weight do not count


def test_a_class_without_jets_is_refused():
    with pytest.raises(DataError, match=r"the background has no jet"):
        auc_difference([1, 1], [0.0, 1.0], [1.0, 2.0])
    with pytest.raises(DataError, match=r"weights of all 2 jets are zero"):
        mean_difference([0.0, 1.0], [0.0, 1.0], [0.0, 0.0])
