"""``lorentznet evaluate`` and ``lorentznet report`` from the command line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lorentznet.cli import main
from lorentznet.evaluate.scores import ScoreTable


def write_scores(path: Path, name="cg", seed=1, jets=400, observers=None) -> Path:
    path.parent.mkdir(exist_ok=True)
    random = np.random.default_rng(seed)
    labels = np.arange(jets) % 2
    logits = np.stack((np.zeros(jets), random.normal(size=jets) + 3 * labels - 1.5), axis=1)
    ScoreTable(name, ("qcd", "top"), np.arange(jets), labels, np.ones(jets), logits, observers or {}).write(path)
    return path


def test_evaluate_then_report(tmp_path, capsys):
    files = [write_scores(tmp_path / "cg.root"), write_scores(tmp_path / "clifford.parquet", "clifford", 2)]
    assert main(["evaluate", *map(str, files), "--out", str(tmp_path / "evaluation"), "--signal-efficiency", "0.5"]) == 0
    table = capsys.readouterr().out
    assert table.startswith("tagger")
    assert "clifford" in table
    assert "400 jets (200 qcd, 200 top)" in table
    names = {path.name for path in (tmp_path / "evaluation").iterdir()}
    assert names == {
        *("metrics.json", "metrics.csv", "comparisons.csv"),
        *(f"{figure}.{suffix}" for figure in ("roc", "scores", "reliability") for suffix in ("png", "pdf")),
        *(f"{kind}_{name}.csv" for kind in ("roc", "scores", "reliability") for name in ("cg", "clifford")),
    }
    numbers = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert set(numbers["taggers"]["cg"]["background_rejection"]) == {"0.5"}
    assert numbers["command"].startswith("lorentznet evaluate")
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report" / "index.html")
    assert "clifford" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_patterns_and_taggers_of_one_name(tmp_path):
    for seed in (1, 2):
        write_scores(tmp_path / f"seed{seed}.h5", seed=seed)
    assert main(["evaluate", str(tmp_path / "seed*.h5"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert set(json.loads((tmp_path / "out" / "metrics.json").read_text())["taggers"]) == {"seed1: cg", "seed2: cg"}


def test_ensemble_of_files_and_of_columns(tmp_path, capsys):
    for seed in range(3):
        write_scores(tmp_path / f"cg-seed{seed}.h5", seed=seed)
    out = tmp_path / "out"
    assert main(["evaluate", "--ensemble", f"cg={tmp_path}/cg-seed*.h5", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "Ensembles\n" in said
    numbers = json.loads((out / "metrics.json").read_text())
    assert set(numbers["taggers"]) == set(numbers["ensembles"]) == {"cg"}
    assert len(numbers["ensembles"]["cg"]["members"]) == 3
    rejection = numbers["ensembles"]["cg"]["classes"]["top"]["background_rejection"]["0.5"]
    assert numbers["taggers"]["cg"]["background_rejection"]["0.5"] == rejection["mean"]
    with (out / "ensembles.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {row["output"] for row in rows} == {"single", "mean", "median"}
    assert len(rows) == 9

    label = np.arange(400) % 2
    columns = {f"net_{n}": label * 2 + np.random.default_rng(n).normal(size=400) for n in range(4)}
    np.savez(tmp_path / "s.npz", label=label, **columns)
    assert main(["evaluate", str(tmp_path / "s.npz"), "--ensemble", "nets=net_*", "--baseline", "nets", "--out", str(out)]) == 0
    numbers = json.loads((out / "metrics.json").read_text())
    assert set(numbers["taggers"]) == {*columns, "nets"}
    assert numbers["comparisons"][0]["baseline"] == "nets"
    assert main(["report", str(out), "--out", str(tmp_path / "report")]) == 0
    assert "Against nets on the same jets" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_calibration_observers_and_working_points(tmp_path, capsys):
    random = np.random.default_rng(3)
    observers = {
        "jet_pt": random.uniform(500, 600, 400),
        "jet_eta": random.normal(size=400),
        "jet_mass": random.gamma(4, 20, 400),
    }
    scores = write_scores(tmp_path / "test" / "cg.root", observers=observers)
    other = write_scores(tmp_path / "val" / "cg.root", seed=5)
    out = tmp_path / "out"
    line = ["evaluate", str(scores), "--out", str(out), "--background-efficiency", "0.1", "--intervals", "clopper-pearson"]
    assert main([*line, "--calibrate", str(other)]) == 0
    capsys.readouterr()
    tagger = json.loads((out / "metrics.json").read_text())["taggers"]["cg"]
    assert set(tagger["signal_efficiency"]) == {"0.1"}
    assert tagger["calibration"]["temperature"]["jets"] == 400
    assert set(tagger["dependence"]) == {"jet_pt", "jet_eta", "jet_mass"}
    figures = {path.stem for path in out.glob("*.png")}
    assert {"mass_sculpting", "map_cg", "signal_efficiency_jet_pt", "background_efficiency_jet_mass", "reliability"} <= figures
    assert main([*line, "--calibrate", str(scores)]) == 2
    assert "these are the scores that are evaluated" in capsys.readouterr().err
    assert main([*line, "--calibrate", str(write_scores(tmp_path / "x.h5", "clif"))]) == 2
    assert "holds scores of 'clif', which is not evaluated" in capsys.readouterr().err


def test_remarks_on_foreign_scores(tmp_path, capsys):
    label = np.arange(200) % 2
    np.savez(tmp_path / "s.npz", y=label, hard=label.astype(float), wrong=np.where(label, 0.1, 0.9) + np.arange(200) * 1e-4)
    line = ["evaluate", str(tmp_path / "s.npz"), "--label", "y", "--classes", "qcd", "top", "--out", str(tmp_path / "out")]
    assert main(line) == 0
    said = capsys.readouterr()
    assert "hard: 100 probabilities are exactly 0 and 100 exactly 1" in said.err
    assert "wrong: AUC below 0.5" in said.err
    assert "s.npz: taken as taggers: hard, wrong; choose by --scores" in said.err
    assert "200 jets (100 qcd, 100 top)" in said.out
    assert main([*line, "--scores", "hard"]) == 0
    said = capsys.readouterr()
    assert "wrong" not in said.out
    assert "taken as taggers" not in said.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--signal-efficiency", "30"], "--signal-efficiency 30: must be above 0 and at most 1"),
        (["--label", "lable"], "no column 'lable'"),
        (["--scores", "hart"], "did you mean 'hard'?"),
        (["--background-efficiency", "0"], "--background-efficiency 0: must be above 0"),
        (["--baseline", "hart"], "--baseline hart: no such tagger; did you mean 'hard'?"),
        (["--observers", "jet_pt"], "no observer 'jet_pt' beside the scores"),
        (["--ensemble", "hard"], "--ensemble hard: give a name and a pattern"),
        (["--ensemble", "a=hart*"], "--ensemble a=hart*: no file and no tagger is called so"),
        (["--ensemble", "a=hard"], "an ensemble has at least two members"),
    ],
)
def test_mistakes_leave_nothing_behind(options, words, tmp_path, capsys):
    np.savez(tmp_path / "s.npz", label=np.arange(200) % 2, hard=np.linspace(0, 1, 200))
    assert main(["evaluate", str(tmp_path / "s.npz"), "--out", str(tmp_path / "out"), *options]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert {path.name for path in tmp_path.iterdir()} == {"s.npz"}


def test_nothing_to_evaluate(tmp_path, capsys):
    assert main(["evaluate", "--out", str(tmp_path / "out")]) == 2
    assert "no score files: give some, or --ensemble NAME=PATTERN" in capsys.readouterr().err
