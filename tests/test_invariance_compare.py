"""The comparison of the invariance of taggers: one table of the package's own two and of L-GATr-slim through the adapter."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from lorentznet.testing import check_alone, check_padding, check_permutation, toy_jets

SCRIPT = Path(__file__).parents[1] / "analysis" / "invariance" / "compare.py"


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    pytest.importorskip("lgatr")
    if not SCRIPT.is_file():
        pytest.skip("the studies are not part of the installed package")
    spec = importlib.util.spec_from_file_location("compare", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_slim_is_a_tagger_like_any_other(compare: ModuleType) -> None:
    jets, tagger = toy_jets(6, particles=8), compare.slim(seed=1).double()
    for check in (check_permutation, check_padding, check_alone):
        check(tagger, jets)
    moved = tagger.with_references(jets).transformed(torch.eye(4, dtype=torch.float64)[[0, 2, 3, 1]])
    with torch.no_grad():
        torch.testing.assert_close(tagger(moved), tagger(jets))
        same = torch.equal(compare.slim(seed=1)(jets), compare.slim(seed=1)(jets))
    assert same


def test_one_table_holds_all_three(compare: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["cg-tiny", "clifford-tiny", "--jets", "6", "--gammas", "1.1", "1000", "--dtypes", "float32", "--out", str(tmp_path)]
    assert compare.main(words) == 0
    printed = capsys.readouterr().out
    taggers = json.loads((tmp_path / "invariance.json").read_text())["taggers"]
    assert list(taggers) == ["cg-tiny", "clifford-tiny", "lgatr-slim, fresh"]
    for name, numbers in taggers.items():
        assert numbers["references"]
        assert f"{name}: float32, rest frame" in printed
        assert f"{name}: random boosts: " in printed
        rest, lab = (numbers["float32"][front]["boost"]["1000"]["rms"] for front in ("frame", "lab"))
        assert rest < 1e-3
        assert lab is None or lab > 100 * rest


def test_mistakes_are_one_line(compare: ModuleType, capsys: pytest.CaptureFixture) -> None:
    assert compare.main(["cg-huge"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("compare: error: ")
    assert error.count("\n") == 1
