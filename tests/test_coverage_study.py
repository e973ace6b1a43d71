"""The coverage study: its table on a few pseudo-experiments, and that its truths are true."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from lorentznet.evaluate.intervals import LEVEL

PATH = Path(__file__).parents[1] / "analysis" / "coverage" / "coverage.py"


@pytest.fixture(scope="module")
def study():
    if not PATH.is_file():
        pytest.skip("the studies are not part of the installed package")
    spec = importlib.util.spec_from_file_location("coverage_study", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["coverage_study"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["coverage_study"]


def test_table(study, capsys, monkeypatch):
    monkeypatch.setattr(study, "SIZES", (study.Size(200, 400, 2.0, (0.3, 0.6), resampled=True),))
    study.main(["--experiments", "6", "--json"])
    *lines, last = capsys.readouterr().out.splitlines()
    numbers = json.loads(last)
    assert numbers["level"] == LEVEL
    assert set(numbers["coverage"]) == set(numbers["p_values"]) == {"200 + 400, none", "200 + 400, exponential"}
    found = numbers["coverage"]["200 + 400, none"]
    assert {"1/εB at εS = 0.3", "AUC", "accuracy", "temperature", "NLL", "AUC, bootstrap"} <= set(found)
    assert all(0 <= part["coverage"] <= 1 and part["experiments"] == 6 for part in found.values())
    assert sum("exponential" in line for line in lines) == len(found) + 2


@pytest.mark.parametrize(("signal", "background"), [(60_000, 60_000), (30_000, 120_000)])
def test_truths_are_those_of_very_many_jets(study, signal, background):
    size = study.Size(signal, background, 2.0, (0.3, 0.7))
    random = np.random.default_rng(1)
    labels = np.repeat([1, 0], (signal, background))
    x = random.normal(size=len(labels)) + size.distance * labels
    z = size.distance * (x - size.distance / 2) + np.log(signal / background)
    measured = [
        *study.separation(labels, z, None, size, size.distance),
        *study.fixed_cut(labels, x, None, 1.1),
        *study.calibrated(labels, z, None, size, size.distance),
    ]
    for name, found, truth, _, _ in measured:
        assert abs(found.value - truth) < 4 * (found.high - found.low) / 2, name


def test_p_values(study):
    found = study.null(study.Size(300, 300, 1.5, (0.3, 0.5)), False, 40, 1)
    assert set(found) == {"AUC difference (DeLong)", "ratio of 1/εB at εS = 0.5"}
    assert found["AUC difference (DeLong)"]["below_0.05"] < 0.25
