"""The evaluation of several taggers: its files, its tables, what it refuses."""

import csv
import json
import math

import numpy as np
import pytest

from lorentznet.errors import DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.evaluate.summary import Evaluation, evaluate


def table(name="cg", jets=1000, distance=2.0, classes=("qcd", "top"), seed=1, **changes):
    """Scores of a tagger of normal log-odds."""
    random = np.random.default_rng(seed)
    labels = np.arange(jets) % len(classes)
    logits = random.normal(size=(jets, len(classes))) + distance * np.eye(len(classes))[labels]
    about = {"tagger": {"parameters": 5021, "symmetry": "SO+(1,3)", "seconds": 12.5}, "prediction": {"device": "cpu"}}
    values = {
        "name": name,
        "classes": classes,
        "ids": np.arange(jets),
        "labels": labels,
        "weights": np.ones(jets),
        "logits": logits,
        "observers": {},
        "provenance": about,
    }
    return ScoreTable(**(values | changes))


def test_numbers_are_those_of_the_metrics():
    scores = table(weights=np.random.default_rng(2).uniform(0.5, 2, 1000))
    tagger = evaluate([scores], signal_efficiencies=(0.3, 0.5, 0.7)).taggers["cg"]
    given = scores.labels, scores.logits
    assert tagger["auc"] == metrics.auc(*given, scores.weights).as_dict()
    assert tagger["accuracy"] == metrics.accuracy(*given, scores.weights).as_dict()
    assert set(tagger["background_rejection"]) == {"0.3", "0.5", "0.7"}
    assert tagger["background_rejection"]["0.7"] == metrics.background_rejection(*given, 0.7, scores.weights).as_dict()
    assert tagger["parameters"] == 5021
    assert tagger["symmetry"] == "SO+(1,3)"
    assert tagger["jets"] == {"qcd": 500, "top": 500}
    assert tagger["provenance"]["prediction"] == {"device": "cpu"}


def test_written_and_read_again(tmp_path):
    evaluation = evaluate([table("cg"), table("a b/c", seed=2, distance=9.0)], ["x.root", "y.root"])
    evaluation.write(tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    tables = {f"{kind}_{stem}.csv" for kind in ("roc", "scores", "reliability") for stem in ("cg", "a_b_c")}
    assert files == {"metrics.json", "metrics.csv", "comparisons.csv", *tables}
    again = Evaluation.read(tmp_path)
    assert again.numbers == json.loads((tmp_path / "metrics.json").read_text()) == evaluation.numbers
    for name in evaluation.taggers:
        for what in ("curves", "histograms"):
            before, after = getattr(evaluation, what)[name]["top"], getattr(again, what)[name]["top"]
            assert list(before) == list(after)
            for column in before:
                np.testing.assert_array_equal(before[column], after[column])
    assert again.taggers["a b/c"]["background_rejection"]["0.3"] == {
        "value": None,
        "low": pytest.approx(272, abs=1),
        "high": None,
        "survivors": 0,
    }
    assert again.numbers["dataset"] == {
        "jets": 1000,
        "classes": {"qcd": 500, "top": 500},
        "weighted": False,
        "score_files": ["x.root", "y.root"],
    }
    with (tmp_path / "metrics.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 2 * (4 + 2 + 4)
    separation = {"auc", "accuracy", "background_rejection", "signal_efficiency"}
    assert {row["quantity"] for row in rows} == separation | {"ece", "ece_expected", "brier", "nll"}
    assert {row["background_efficiency"] for row in rows if row["quantity"] == "signal_efficiency"} == {"0.01", "0.001"}
    assert rows[0]["value"] == repr(evaluation.taggers["cg"]["auc"]["value"])


def test_curve_and_histogram():
    scores = table()
    evaluation = evaluate([scores])
    curve, histogram = evaluation.curves["cg"]["top"], evaluation.histograms["cg"]["top"]
    at = np.flatnonzero(np.isclose(curve["signal_efficiency"], 0.5))[0]
    rejection = Estimate.from_dict(evaluation.taggers["cg"]["background_rejection"]["0.5"])
    for key, value in (("background_rejection", rejection.value), ("low", rejection.low), ("high", rejection.high)):
        assert curve[key][at] == pytest.approx(value)
    assert curve["survivors"][at] == rejection.survivors
    for name in ("qcd", "top"):
        assert histogram[name].sum() == pytest.approx(1)
        assert histogram[f"{name}_jets"].sum() == 500
    inside = (scores.log_odds >= histogram["low"][20]) & (scores.log_odds < histogram["high"][20])
    assert histogram["top_jets"][20] == np.count_nonzero(inside & (scores.labels == 1))


def test_several_classes():
    evaluation = evaluate([table(classes=("qcd", "w", "top"), jets=900)])
    tagger = evaluation.taggers["cg"]
    assert set(tagger["classes"]) == set(evaluation.curves["cg"]) == {"w", "top"}
    assert tagger["background_rejection"] == {}
    scores = table(classes=("qcd", "w", "top"), jets=900)
    against = metrics.background_rejection(scores.labels, scores.logits, 0.5, signal=2, background=0)
    assert tagger["classes"]["top"]["background_rejection"]["0.5"] == against.as_dict()
    assert tagger["auc"]["value"] == pytest.approx(
        np.mean([metrics.auc(scores.labels, scores.logits, signal=i).value for i in range(3)])
    )
    assert [row[0] for row in evaluation.cells()] == ["tagger", "cg", "cg: w", "cg: top"]


def observed(**changes):
    """Scores with observers beside them."""
    random = np.random.default_rng(9)
    jets = changes.get("jets", 1000)
    observers = {
        "jet_pt": random.uniform(500, 600, jets),
        "jet_eta": random.normal(size=jets),
        "jet_mass": random.gamma(4, 20, jets),
        "aux_x": np.arange(jets),
    }
    return table(observers=observers, **changes)


def test_dependence_is_written_and_read_again(tmp_path):
    for classes, jets in ((("qcd", "top"), 1000), (("qcd", "w", "top"), 1200)):
        evaluation = evaluate([observed(classes=classes, jets=jets)])
        evaluation.write(tmp_path)
        again = Evaluation.read(tmp_path)
        assert again.numbers == evaluation.numbers
        signals = [f":{name}" for name in classes[1:]]
        assert set(again.details["cg"]) == {
            "reliability",
            *(kind + of for kind in ("dependence", "map", "mass") for of in signals),
        }
        for kind, columns in evaluation.details["cg"].items():
            for name, column in columns.items():
                np.testing.assert_array_equal(column, again.details["cg"][kind][name])
        parts = [again.taggers["cg"]] if len(classes) == 2 else list(again.taggers["cg"]["classes"].values())
        for part in parts:
            assert set(part["dependence"]) == {"jet_pt", "jet_eta", "jet_mass"}
            assert part["mass_sculpting"]["0.5"]["unit"] == "bit"
            assert part["map"] == {"x": "jet_pt", "y": "jet_eta"}
    assert list(evaluate([observed()], observers=["aux_x"]).taggers["cg"]["dependence"]) == ["aux_x"]
    with pytest.raises(DataError, match=r"s.root: tagger 'cg': no observer 'aux_y'"):
        evaluate([observed()], ["s.root"], observers=["aux_y"])


def test_temperature_is_fitted_to_other_jets():
    random = np.random.default_rng(4)

    def calibrated(seed, factor):
        z = np.random.default_rng(seed).normal(0, 2, 4000)
        labels = (random.random(4000) < 1 / (1 + np.exp(-z))).astype(int)
        return table(jets=4000, labels=labels, logits=factor * np.stack((np.zeros(4000), z), 1))

    found = evaluate([calibrated(1, 3.0)], calibrate={"cg": calibrated(2, 3.0)})
    part = found.taggers["cg"]["calibration"]
    assert part["temperature"]["value"] == pytest.approx(3, rel=0.08)
    assert part["temperature"]["jets"] == 4000
    assert part["scaled"]["ece"] < 2 * part["scaled"]["ece_expected"] < part["ece"]
    assert set(found.details["cg"]) == {"reliability", "scaled_reliability"}
    assert "cg, scaled" in found.table()


def test_comparison_with_a_chosen_baseline():
    tables = [table("cg"), table("b", seed=2), table("c", seed=3)]
    comparison = evaluate(tables, baseline="b").numbers["comparisons"][0]
    assert (comparison["baseline"], comparison["signal"], set(comparison["taggers"])) == ("b", "top", {"cg", "c"})
    assert comparison["correlation"]["taggers"] == ["cg", "b", "c"]
    assert "comparisons" not in evaluate(tables[:1]).numbers
    several = evaluate([table(name, classes=("qcd", "w", "top"), jets=900, seed=seed) for name, seed in (("a", 1), ("b", 2))])
    assert [part["signal"] for part in several.numbers["comparisons"]] == ["w", "top"]
    assert "Against a on the same jets, signal top" in several.table()


def test_conservative_intervals_can_be_asked_for():
    default, wide = (evaluate([table()], method=method) for method in ("jeffreys", "clopper-pearson"))
    for key in ("0.3", "0.5"):
        one, other = (found.taggers["cg"]["background_rejection"][key] for found in (default, wide))
        assert other["low"] < one["low"] < one["value"] == other["value"]
    assert default.numbers["intervals"]["accuracy"].startswith("Jeffreys")
    assert wide.numbers["intervals"]["accuracy"].startswith("Clopper-Pearson")


def test_evaluations_are_joined():
    first, second = evaluate([table("a"), table("b", seed=2)]), evaluate([observed(name="c"), table("d", seed=3)])
    second.numbers["ensembles"] = {"e": {"members": ["c", "d"], "classes": {}}}
    first.add(second)
    assert set(first.taggers) == set(first.curves) == set(first.details) == {"a", "b", "c", "d"}
    assert [part["baseline"] for part in first.numbers["comparisons"]] == ["a", "c"]
    assert set(first.numbers["ensembles"]) == {"e"}


def test_a_tagger_that_gives_all_jets_one_score(tmp_path):
    evaluation = evaluate([table("cg"), table("none", logits=np.zeros((1000, 2)))])
    evaluation.write(tmp_path)
    assert "unknown" in evaluation.table()


def test_tables_for_people():
    evaluation = evaluate([table("cg"), table("<b>", distance=9.0)])
    text = evaluation.table()
    assert "1,000 jets (500 qcd, 500 top)" in text
    assert "survive)" in text
    assert "5,021" in text
    page = evaluation._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (table("cg"), "another score file has a tagger of this name"),
        (table("b", jets=900), "900 jets, but a.root has 1000"),
        (table("b", labels=1 - np.arange(1000) % 2), "other labels than a.root for 1000 of 1000 jets"),
        (table("b", classes=("qcd", "w")), "has classes qcd, w, but a.root has qcd, top"),
        (table("b", logits=np.full((1000, 2), np.nan)), "logits of 1000 of 1000 jets are NaN"),
        (table("b", weights=np.full(1000, -1.0)), "weights of 1000 of 1000 jets are negative"),
    ],
)
def test_what_does_not_fit_is_refused(other, words):
    with pytest.raises(DataError, match=words) as caught:
        evaluate([table("cg"), other], ["a.root", "b.root"])
    assert str(caught.value).startswith("b.root: tagger ")
    assert "\n" not in str(caught.value)


def test_a_class_that_is_never_present():
    with pytest.raises(DataError, match=r"s.root: tagger 'cg': none of the 1000 jets is of class 'top'"):
        evaluate([table(labels=np.zeros(1000, int))], ["s.root"])
    with pytest.raises(DataError, match="no scores"):
        evaluate([])


def test_damaged_results(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        Evaluation.read(tmp_path)
    for text in ("{", "[]", '{"taggers": {"cg": {}}}'):
        (tmp_path / "metrics.json").write_text(text)
        with pytest.raises(DataError, match=r"is not the metrics.json of 'lorentznet evaluate'"):
            Evaluation.read(tmp_path)
    evaluate([table()]).write(tmp_path)
    (tmp_path / "roc_cg.csv").unlink()
    with pytest.raises(DataError, match=r"roc_cg.csv: cannot be read"):
        Evaluation.read(tmp_path)


def test_json_holds_no_infinities(tmp_path):
    evaluate([table(distance=20.0)]).write(tmp_path)

    def refuse(word):
        raise AssertionError(word)

    numbers = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=refuse)
    assert Estimate.from_dict(numbers["taggers"]["cg"]["background_rejection"]["0.5"]).value == math.inf
