"""The benchmark of the Clifford taggers, on a few small jets: what it prints under which name."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "analysis" / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    """The script, which imports its neighbours as scripts do."""
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not part of the installed package")
    sys.path.insert(0, str(BENCHMARKS))
    threads = torch.get_num_threads()
    yield importlib.import_module("clifford_tagger")
    torch.set_num_threads(threads)
    sys.path.remove(str(BENCHMARKS))
    for name in ("clifford_tagger", "measuring", "edgewise_cgenn"):
        sys.modules.pop(name, None)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # the profiler warns of memory that was there before
def test_published_beside_the_oracle(benchmark):
    found, oracle_seconds = benchmark.published_beside_the_oracle(2, 12, 1, 1)
    assert found["published_parameters"] == 320_594
    assert found["published_difference"] < 1e-6
    assert found["published_factorised_speedup"] > 1
    assert found["published_memory_ratio"] < 1
    assert oracle_seconds > 0


def test_presets_beside_others(benchmark):
    found = benchmark.presets_beside_others(2, 10, 1, oracle_seconds=1.0)
    ratio = found["medium_over_published_edgewise"]
    assert ratio == pytest.approx(found["medium_jets_per_cpu_second"]), "of an oracle that takes a second for a jet"
    assert abs(found["plain_transformer_parameters"] / found["medium_parameters"] - 1) < 0.1
    assert ("medium_over_slim" in found) == bool(importlib.util.find_spec("lgatr"))


def test_gradients_of_the_presets_are_right_in_float32_and_those_of_the_published_network_are_not(benchmark):
    batch = benchmark.massless_jets(2)
    torch.testing.assert_close(batch.p4[:, 0], batch.p4[:, 1:].norm(dim=1), rtol=1e-15, atol=0)
    found = benchmark.gradient_errors(2, 1)
    assert max(found[f"gradient_error_{preset}"] for preset in ("tiny", "small", "medium")) < 1e-3
    assert found["gradient_error_published"] > 1e-3
