"""Submissions to HEPData: its own validator accepts them, and the numbers are those of the evaluation."""

import shutil
import sys

import numpy as np
import pytest
import yaml

from lorentznet.cli import main
from lorentznet.errors import DataError, MissingExtraError, OutputError
from lorentznet.evaluate.evaluation import Evaluation
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.summary import evaluate
from lorentznet.reports import hepdata
from lorentznet.reports.page import write_report

CARD = {"name": "toy", "description": "Jets of pp at 14 TeV, pT 550-650 GeV"}


def documents(folder):
    """The comment, and table name -> (what submission.yaml says, the content of its file)."""
    with (folder / "submission.yaml").open(encoding="utf-8") as handle:
        first, *others = yaml.safe_load_all(handle)
    return first["comment"], {
        table["name"]: (table, yaml.safe_load((folder / table["data_file"]).read_text())) for table in others
    }


def assert_same(written, estimate):
    """A value with its errors against an estimate, to the digits written."""
    error = max(min(estimate.high - estimate.value, estimate.value - estimate.low), 1e-12)
    (errors,) = written["errors"]
    assert errors["label"] == "stat"
    both = {"plus": errors["symerror"], "minus": -errors["symerror"]} if "symerror" in errors else errors["asymerror"]
    assert written["value"] == pytest.approx(estimate.value, abs=1e-3 * error)
    assert both["plus"] == pytest.approx(estimate.high - estimate.value, abs=1e-3 * error)
    assert both["minus"] == pytest.approx(estimate.low - estimate.value, abs=1e-3 * error)


def scores(make, name="cg", **more):
    table = make.scores(name, **more)
    table.provenance["prediction"]["card"] = CARD
    return table


@pytest.fixture(scope="module")
def evaluation(make):
    return evaluate(
        [
            scores(make, "cg", jets=1000, distance=1.5),
            scores(make, "<b> 1: 2 - a very long name of a tagger" * 3, jets=1000, distance=1.5, seed=2),
        ]
    )


@pytest.fixture(scope="module")
def folder(evaluation, tmp_path_factory):
    return hepdata.write(evaluation, tmp_path_factory.mktemp("hepdata") / "submission").parent


def test_the_validator_accepts_it(folder):
    assert hepdata.check(folder) == []


def test_the_validator_is_asked(folder, tmp_path):
    """A check that accepts everything would be none."""
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "left.yaml").write_text("a: 1\n")
    data = yaml.safe_load((broken / "results.yaml").read_text())
    data["dependent_variables"][0]["values"].pop()
    (broken / "results.yaml").write_text(yaml.safe_dump(data))
    found = " ".join(hepdata.check(broken))
    assert "left.yaml is not referenced" in found
    assert "Inconsistent length" in found


def test_results_are_those_of_the_evaluation(evaluation, folder):
    table, data = documents(folder)[1]["Table 1: results"]
    keywords = {keyword["name"]: keyword["values"] for keyword in table["keywords"]}
    assert set(keywords) == {"cmenergies", "observables", "phrases"}
    assert keywords["cmenergies"] == [14000.0]
    assert "data_license" not in table
    (taggers,) = data["independent_variables"]
    assert [value["value"] for value in taggers["values"]] == list(evaluation.taggers)
    found = {}
    for variable in data["dependent_variables"]:
        qualifiers = {qualifier["name"]: qualifier["value"] for qualifier in variable["qualifiers"]}
        assert qualifiers.pop("SQRT(S)") == 14000.0
        found[(variable["header"]["name"], *qualifiers.items())] = variable["values"]
    for number, tagger in enumerate(evaluation.taggers.values()):
        assert_same(found["Area under the ROC curve",][number], Estimate.from_dict(tagger["auc"]))
        assert_same(found["Accuracy",][number], Estimate.from_dict(tagger["accuracy"]))
        assert found["Parameters",][number] == {"value": 5021}
        for quantity, title, given in (
            ("background_rejection", "Background rejection", "SIGNAL EFFICIENCY"),
            ("signal_efficiency", "Signal efficiency", "BACKGROUND EFFICIENCY"),
        ):
            for point, numbers in tagger[quantity].items():
                assert_same(found[title, (given, float(point))][number], Estimate.from_dict(numbers))
    assert len(found) == 3 + 2 + len(tagger["signal_efficiency"])


def test_curves_are_those_of_the_evaluation(evaluation, folder):
    comment, tables = documents(folder)
    assert [name[:12] for name in tables] == ["Table 1: res", "Table 2: ROC", "Table 3: ROC"]
    for (table, data), (name, curves) in zip(list(tables.values())[1:], evaluation.curves.items(), strict=True):
        columns = curves["top"]
        known = np.isfinite(columns["background_rejection"])
        (x,), (y,) = data["independent_variables"], data["dependent_variables"]
        np.testing.assert_allclose([value["value"] for value in x["values"]], columns["signal_efficiency"][known])
        for value, *numbers in zip(
            y["values"], *(columns[key][known] for key in ("background_rejection", "low", "high")), strict=True
        ):
            assert_same(value, Estimate(*numbers))
        assert {"name": "TAGGER", "value": name} in y["qualifiers"]
        assert {"name": "SIGNAL", "value": "top"} in y["qualifiers"]
        assert {"name": "BACKGROUND", "value": "qcd"} in y["qualifiers"]
        gone = int(np.sum(~known))
        assert 0 < gone < len(known)  # else the test shows nothing
        last = columns["signal_efficiency"][~known].max()
        assert f"{gone} of 1000 points, at signal efficiencies from 0.001 to {last:g}, are left out" in table["description"]
        assert f"of {columns['low'][~known].min():.4g} or more" in table["description"]
        assert "<" not in table["description"]
        for word in ("1,000 jets (500 qcd, 500 top)", "seeds of the trainings unknown", "68.27 %", "Jeffreys"):
            assert word in table["description"]
            assert word in comment


def test_what_is_not_finite(make, tmp_path):
    """Perfect separation leaves no curve, and a limit in the table of results; both are said."""
    perfect = evaluate([scores(make, "1-3", distance=100.0)])
    folder = hepdata.write(perfect, tmp_path / "perfect").parent
    assert hepdata.check(folder) == []
    ((table, data),) = documents(folder)[1].values()
    assert "no background jet survives anywhere on the curve: 1-3" in table["description"]
    assert "lower limit: no background jet survives" in table["description"].replace("&gt;", ">")
    limits = [v["values"] for v in data["dependent_variables"] if v["header"]["name"] == "Background rejection"]
    assert limits == [
        [{"value": Estimate.from_dict(found).text()}] for found in perfect.taggers["1-3"]["background_rejection"].values()
    ]
    estimate = {"value": 20.0, "low": 10.0, "high": None}
    one_sided = Evaluation({"taggers": {"a": {"auc": estimate, "accuracy": estimate, "background_rejection": {}}}})
    folder = hepdata.write(one_sided, tmp_path / "one").parent
    assert hepdata.check(folder) == []
    ((_, data),) = documents(folder)[1].values()
    errors = data["dependent_variables"][0]["values"][0]["errors"]
    assert errors == [{"asymerror": {"plus": "", "minus": -10.0}, "label": "stat"}]


def test_several_classes(make, tmp_path):
    three = evaluate([make.scores(classes=("qcd", "w", "top"), jets=900)])
    three.add(evaluate([make.scores("b", jets=900)]))
    folder = hepdata.write(three, tmp_path / "three").parent
    assert hepdata.check(folder) == []
    _, tables = documents(folder)
    assert list(tables)[1:] == ["Table 2: ROC of cg: w", "Table 3: ROC of cg: top", "Table 4: ROC of b"]
    values = {variable["header"]["name"]: variable["values"] for variable in tables["Table 1: results"][1]["dependent_variables"]}
    assert {"value": "-"} in values["Accuracy"]  # a signal class has none of its own
    (y,) = tables["Table 3: ROC of cg: top"][1]["dependent_variables"]
    assert {"name": "BACKGROUND", "value": "qcd"} in y["qualifiers"]


@pytest.mark.parametrize("said", [None, "jets", "13 TeV and 14 TeV", "pp at 13.6 TeV"])
def test_energy_is_what_is_known(said, make, tmp_path):
    table = make.scores()
    if said:
        table.provenance["prediction"]["card"] = {"description": said}
    found = evaluate([table])
    expected = [13600.0] if said and "13.6" in said else None
    for energy, wanted in ((None, expected), (7000.0, [7000.0])):
        _, tables = documents(hepdata.write(found, tmp_path, energy).parent)
        for entry, _ in tables.values():
            assert {keyword["name"]: keyword["values"] for keyword in entry["keywords"]}.get("cmenergies") == wanted


def test_an_earlier_submission_leaves_no_tables(make, tmp_path):
    hepdata.write(evaluate([make.scores("old"), make.scores("cg")]), tmp_path)
    hepdata.write(evaluate([make.scores("cg")]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"submission.yaml", "results.yaml", "roc_cg.yaml"}
    assert hepdata.check(tmp_path) == []


def test_nothing_is_written_that_would_be_refused(evaluation, tmp_path, monkeypatch):
    monkeypatch.setattr(hepdata, "check", lambda folder: ["results.yaml: something is wrong"])
    with pytest.raises(OutputError, match=r"submission: HEPData would refuse this: results.yaml: something is wrong"):
        hepdata.write(evaluation, tmp_path / "submission")
    assert list(tmp_path.iterdir()) == []


def test_without_the_validator(evaluation, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hepdata_validator.full_submission_validator", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lorentznet\[hepdata\]'"):
        hepdata.check(folder)
    monkeypatch.setattr(hepdata.importlib.util, "find_spec", lambda name: None)
    hepdata.write(evaluation, tmp_path)
    assert (tmp_path / "submission.yaml").read_bytes() == (folder / "submission.yaml").read_bytes()


def test_from_the_command_line(make, tmp_path, capsys):
    out = tmp_path / "report"
    found = evaluate([make.scores("cg")])
    found.details = {}  # without figures that are not looked at
    found.write(tmp_path / "evaluation")
    make.write_run(tmp_path / "cg", "cg")
    assert main(["report", str(tmp_path), "--out", str(out), "--hepdata"]) == 0
    assert capsys.readouterr().out.split() == [str(out / "index.html"), str(out / "hepdata" / "submission.yaml")]
    assert hepdata.check(out / "hepdata") == []
    again = write_report([out], tmp_path / "again").parent  # a submission inside a report is no part of a study
    assert not (again / "hepdata").exists()
    assert "seed 7" in documents(out / "hepdata")[0]


def test_nothing_to_submit(study, tmp_path):
    with pytest.raises(DataError, match=r"no metrics.json that could go to HEPData; run 'lorentznet evaluate' first"):
        write_report([study / "cg"], tmp_path / "report", submission=True)
    assert list(tmp_path.iterdir()) == []
