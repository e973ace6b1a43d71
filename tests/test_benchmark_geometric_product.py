"""The benchmark of the geometric product runs and prints what it promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "analysis" / "benchmarks" / "geometric_product.py"


@pytest.mark.slow
def test_the_benchmark_prints_its_ratios():
    words = [sys.executable, SCRIPT, "--quick", "--json", "--kernels", "eager"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout.splitlines()[-1])
    assert numbers["eager_over_dense"] == min(numbers["eager_over_dense_forward"], numbers["eager_over_dense_with_backward"])
    assert numbers["eager_over_dense"] > 1
    assert all(numbers[f"{key}_eager_over_dense_kept"] > 0 for key in ("weighted", "connected", "vector"))
    assert numbers["products"] == 16_000
