"""The benchmark beside the published code, here beside a stand-in of its interface."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "analysis" / "benchmarks" / "published_lgn.py"
STAND_IN = """
import torch


class LGNTopTag(torch.nn.Module):
    def __init__(self, num_channels, maxdim, device, dtype, **settings):
        super().__init__()
        self.last = torch.nn.Linear(4, 2, dtype=dtype)

    def forward(self, data):
        assert data["Pmu"].shape == (16, 52, 4)
        assert data["edge_mask"].shape == (16, 52, 52)
        return self.last(data["Pmu"].sum(1))
"""


@pytest.mark.slow
def test_table_and_json(tmp_path):
    if not PATH.is_file():
        pytest.skip("the benchmarks are not part of the installed package")
    models = tmp_path / "src" / "lgn" / "models"
    refused = subprocess.run([sys.executable, PATH, tmp_path], capture_output=True, text=True, check=False)
    assert "holds no src/lgn/models; give a checkout of LorentzGroupNetwork" in refused.stderr
    models.mkdir(parents=True)
    (models / "__init__.py").write_text(STAND_IN)
    run = subprocess.run([sys.executable, PATH, tmp_path, "--quick", "--json"], capture_output=True, text=True, check=True)
    *lines, last = run.stdout.splitlines()
    found = json.loads(last)
    assert found["published_parameters"] == 10
    assert found.keys() == {
        "published_parameters",
        "published_jets_per_cpu_second",
        "lgn_over_published",
        "tiny_over_published",
    }
    assert found["lgn_over_published"] < 1, "a stand-in of one layer is faster"
    assert any(line.startswith("tiny, scalars and vectors") for line in lines)
