"""Ensembles: single, mean and median, for few jets and for members that let nothing pass."""

import numpy as np
import pytest
from scipy.special import expit

from lorentznet.errors import DataError
from lorentznet.evaluate import bootstrap, ensemble, metrics
from lorentznet.evaluate.ensembles import combine, over_members
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.scores import ScoreTable


def members(number=5, jets=20_000, noise=1.0, classes=("qcd", "top"), seed=1):
    """Trainings with a common part and noise of their own; of several classes each logit is shifted by what does not matter."""
    random = np.random.default_rng(seed)
    labels = np.arange(jets) % len(classes)
    common = random.normal(size=(jets, len(classes))) + 2 * np.eye(len(classes))[labels]
    about = {"tagger": {"parameters": 100, "symmetry": "SO+(1,3)", "seed": 0}, "prediction": {"files": ["jets.root#test"]}}
    tables = []
    for member in range(number):
        logits = common + noise * random.normal(size=common.shape) + random.normal(size=(jets, 1))
        provenance = {**about, "tagger": {**about["tagger"], "seed": member}}
        tables.append(ScoreTable(f"s{member}", classes, np.arange(jets), labels, np.ones(jets), logits, {}, provenance))
    return tables


def test_single_mean_and_median():
    tables = members()
    found = ensemble(tables, "cg", (0.3, 0.5))
    part = found.numbers["classes"]["top"]["background_rejection"]["0.5"]
    singles = [metrics.background_rejection(table.labels, table.log_odds, 0.5).value for table in tables]
    assert part["single"]["value"] == pytest.approx(np.mean(singles))
    assert part["single"]["spread"] == pytest.approx(np.std(singles, ddof=1))
    assert part["single"]["values"] == singles
    odds = np.stack([table.log_odds for table in tables])
    for output, combined in (("mean", odds.mean(0)), ("median", np.median(odds, 0))):
        expected = metrics.background_rejection(tables[0].labels, combined, 0.5)
        assert part[output]["value"] == pytest.approx(expected.value)
        assert part[output]["survivors"] == expected.survivors
    assert part["mean"]["value"] > 1.5 * part["single"]["value"], "what differs between members averages out"
    np.testing.assert_allclose(found.table.log_odds, odds.mean(0))
    assert found.table.provenance["tagger"] == {"parameters": 500, "symmetry": "SO+(1,3)"}
    assert found.table.provenance["prediction"]["files"] == ["jets.root#test"]
    assert found.numbers["members"] == ["s0", "s1", "s2", "s3", "s4"]
    assert "1/εB at εS = 0.3" in str(found)


def test_logits_keep_what_probabilities_lose():
    """After a float32 sigmoid every second signal jet is exactly 1."""
    tables = members(3)
    shifted = [table.log_odds + 17 for table in tables]
    saturated = np.mean([expit(z.astype(np.float32)) for z in shifted], axis=0)
    exact = metrics.background_rejection(tables[0].labels, combine(tables).log_odds, 0.3).value
    assert exact > 1.2 * metrics.background_rejection(tables[0].labels, saturated, 0.3).value


def test_of_several_classes():
    tables = members(4, 3000, classes=("qcd", "w", "top"))
    median = combine(tables, "median")
    for number in (1, 2):
        differences = np.stack([table.logits[:, number] - table.logits[:, 0] for table in tables])
        np.testing.assert_allclose(median.logits[:, number] - median.logits[:, 0], np.median(differences, axis=0))
    assert set(ensemble(tables).numbers["classes"]) == {"w", "top"}


def test_members_without_survivors():
    found = over_members([Estimate(np.inf, 50.0, np.inf, 0), Estimate(100.0, 60.0, 200.0, 2)])
    assert (found["value"], found["high"], found["spread"], found["values"]) == (None, None, None, [None, 100.0])
    assert found["low"] == 55
    assert found["survivors"] == 1
    assert over_members([Estimate(0.9, 0.8, 0.95)])["spread"] is None


def test_what_is_no_ensemble():
    with pytest.raises(DataError, match="ensemble 'cg': 1 score table; an ensemble has at least two members"):
        ensemble(members(1), "cg")
    with pytest.raises(DataError, match="s0: tagger 's0' has 100 jets, but s0 has 200"):
        ensemble([*members(1, 200), *members(1, 100)])


def test_bootstrap_agrees_with_the_interval():
    table = members(1, 6000)[0]
    measured = metrics.background_rejection(table.labels, table.log_odds, 0.5)
    drawn = bootstrap.rejections(table.labels == 1, [table.log_odds], (0.5,))[0, 0]
    assert drawn[0] == pytest.approx(measured.value, rel=0.02)
    low, high = np.quantile(drawn[1:], [0.15865, 0.84135])
    assert high - low == pytest.approx(measured.high - measured.low, rel=0.25)
    general = bootstrap.interval(
        lambda *jets: metrics.background_rejection(*jets[:2], 0.5, jets[2]).value, table.labels, table.log_odds
    )
    assert general.high - general.low == pytest.approx(measured.high - measured.low, rel=0.25)
    again = bootstrap.rejections(table.labels == 1, [table.log_odds] * 2, (0.5,))
    np.testing.assert_array_equal(again[0], again[1])
