"""The benchmark of the data path: all ways of reading see the same jets."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "analysis" / "benchmarks"


def test_all_ways_see_all_jets(tmp_path, monkeypatch):
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not part of the installed package")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    data_path = importlib.import_module("data_path")
    sys.modules.pop("data_path")
    path = data_path.make_file(tmp_path / "jets.root", 300)
    assert {name: way(path) for name, way in data_path.WAYS.items()} == dict.fromkeys(data_path.WAYS, 300)
