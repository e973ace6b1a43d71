"""The benchmark of the evaluation: its table and its JSON on few jets."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "analysis" / "benchmarks" / "evaluation.py"


@pytest.mark.slow
def test_table_and_json():
    if not PATH.is_file():
        pytest.skip("the benchmarks are not part of the installed package")
    run = subprocess.run(
        [sys.executable, PATH, "--jets", "3000", "--taggers", "2", "--json"], capture_output=True, text=True, check=True
    )
    *lines, last = run.stdout.splitlines()
    numbers = json.loads(last)
    assert (numbers["jets"], numbers["taggers"]) == (3000, 2)
    assert numbers["cpu"] > 0 < numbers["peak_megabytes"]
    for word in ("read", "evaluate", "write and draw", "scikit-learn"):
        assert any(line.startswith(word) for line in lines)
