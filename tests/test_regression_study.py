"""The study of momentum and mass of top quarks, on few jets of the sample: its files and its figure."""

import importlib
import json
import sys
from pathlib import Path

import pytest

STUDY = Path(__file__).parents[1] / "analysis" / "regression"


@pytest.mark.slow
def test_the_study_runs_from_words_to_figure(tmp_path, monkeypatch):
    if not STUDY.is_dir():
        pytest.skip("the studies are not part of the installed package")
    monkeypatch.syspath_prepend(str(STUDY))
    regression = importlib.import_module("regression")
    words = ["--train", "sample#0:400", "--val", "sample#400:480", "--test", "sample#480:560"]
    regression.study(regression.parse([str(tmp_path), *words, "--epochs", "1", "--covariance-jets", "4"]))
    sys.modules.pop("regression")
    found = json.loads((tmp_path / "evaluation" / "regression.json").read_text())["regressions"]
    assert {name: entry["task"] for name, entry in found.items()} == {"momentum": "momentum", "mass": "mass"}
    assert all(0 < entry["jets"] < 80 for entry in found.values()), "QCD jets have no target"
    errors = json.loads((tmp_path / "covariance" / "covariance.json").read_text())["regressions"]["momentum"]
    assert errors["float64"]["frame"]["boost"]["10"]["max"] < 1e-10
    assert (tmp_path / "resolution.png").stat().st_size > 10_000
