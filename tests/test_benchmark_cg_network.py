"""The benchmark of the Clebsch-Gordan networks runs and prints what it promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "analysis" / "benchmarks" / "cg_network.py"


@pytest.mark.slow
def test_the_benchmark_prints_its_ratios():
    done = subprocess.run([sys.executable, SCRIPT, "--quick", "--json"], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout.splitlines()[-1])
    expected = {
        "lgn_step_speedup",
        "lgn_memory_ratio",
        "tiny_step_speedup",
        "default_forward_over_transformer",
        "default_step_over_transformer",
    }
    assert expected <= numbers.keys()
    assert all(numbers[key] > 0 for key in expected)
    assert numbers["lgn_step_speedup"] > 2  # a ratio of twenty: what is left of it on the busiest machine
    assert numbers["lgn_memory_ratio"] < 0.1, "allocations, which no other process changes"
