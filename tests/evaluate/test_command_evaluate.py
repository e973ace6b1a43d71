"""``lorentznet evaluate`` and ``lorentznet report`` from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from lorentznet.cli import main
from lorentznet.evaluate.scores import ScoreTable


def write_scores(path: Path, name="cg", seed=1, jets=400) -> Path:
    random = np.random.default_rng(seed)
    labels = np.arange(jets) % 2
    logits = np.stack((np.zeros(jets), random.normal(size=jets) + 3 * labels - 1.5), axis=1)
    ScoreTable(name, ("qcd", "top"), np.arange(jets), labels, np.ones(jets), logits).write(path)
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
        *("metrics.json", "metrics.csv", "roc.png", "roc.pdf", "scores.png", "scores.pdf"),
        *("roc_cg.csv", "roc_clifford.csv", "scores_cg.csv", "scores_clifford.csv"),
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


def test_remarks_on_foreign_scores(tmp_path, capsys):
    label = np.arange(200) % 2
    np.savez(tmp_path / "s.npz", y=label, hard=label.astype(float), wrong=np.where(label, 0.1, 0.9) + np.arange(200) * 1e-4)
    line = ["evaluate", str(tmp_path / "s.npz"), "--label", "y", "--classes", "qcd", "top", "--out", str(tmp_path / "out")]
    assert main(line) == 0
    said = capsys.readouterr()
    assert "hard: 100 probabilities are exactly 0 and 100 exactly 1" in said.err
    assert "wrong: AUC below 0.5" in said.err
    assert "200 jets (100 qcd, 100 top)" in said.out
    assert main([*line, "--scores", "hard"]) == 0
    assert "wrong" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--signal-efficiency", "30"], "--signal-efficiency 30: must be above 0 and at most 1"),
        (["--label", "lable"], "no column 'lable'"),
        (["--scores", "hart"], "did you mean 'hard'?"),
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
