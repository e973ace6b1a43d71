"""Trainings with two processes (gloo, on the CPU), which Lightning starts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lorentznet.train import checkpoint

TWO = """
import os, signal, sys
import torch.distributed
sys.path.insert(0, sys.argv[1])
from toy_tagger import ToyTagger, register_toy
from lorentznet.console import Console
from lorentznet.train import fit, load_config

register_toy()
rank, number, call = os.environ.get("LOCAL_RANK", "0"), int(sys.argv[4]), int(sys.argv[5])
original = ToyTagger.forward
calls = 0

def forward(self, batch):
    global calls
    calls += self.training
    if number and rank == "1" and calls == call and self.training:
        os.kill(os.getpid(), number)                 # one process is signalled alone
    return original(self, batch)

ToyTagger.forward = forward
fit(load_config(sys.argv[3]), sys.argv[2], resume="resume" in sys.argv, console=Console())
if torch.distributed.is_initialized():               # its threads could abort the process at the end of the interpreter
    sys.exit(f"process {rank} leaves its process group behind")
"""


@pytest.fixture
def train_two(make_config, tmp_path):
    """Run a training with two processes."""
    import yaml

    from lorentznet.config import plain

    (tmp_path / "two.py").write_text(TWO)

    def run(out, number=0, call=0, environment=(), *words, **changes):
        changes = {"trainer__devices": 2, "trainer__strategy": "ddp", "data__batch_size": 16, **changes}
        (tmp_path / "two.yaml").write_text(yaml.safe_dump(plain(make_config(**changes))))
        line = [sys.executable, tmp_path / "two.py", Path(__file__).parent, out, tmp_path / "two.yaml", int(number), call, *words]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
        return subprocess.run(
            list(map(str, line)), env={**clean, **dict(environment)}, capture_output=True, text=True, check=False, timeout=200
        )

    return run


@pytest.mark.slow
def test_two_processes_train_one_tagger(train_two, make_config, tmp_path):
    """Twice the processes with half the batch each: the same steps as one process, up to rounding and dropout."""
    plain = {"tagger__options": {"dropout": 0.0}, "data__bucket": 1}
    done = train_two(tmp_path / "two", **plain)
    assert done.returncode == 0, done.stderr
    assert sum(line.startswith("epoch ") for line in done.stderr.splitlines()) == 3, done.stderr
    assert {path.name for path in (tmp_path / "two").iterdir()} == {
        "config.yaml",
        "run.json",
        "metrics.csv",
        "best.ckpt",
        "last.ckpt",
    }
    info = checkpoint.load_run_info(tmp_path / "two")
    assert info["finished"]
    last = checkpoint.read(tmp_path / "two" / "last.ckpt")
    assert last["global_step"] == 30
    # every validation jet was counted once: the figures are those of the checkpoint on one process
    import lorentznet as ln
    from lorentznet.train.prediction import logits
    from lorentznet.train.validation import validate

    config = make_config()
    table = ln.data.read(config.val_words[0])
    z = torch.from_numpy(logits(ln.load(tmp_path / "two"), table)[:, 1:])
    result = validate(z, torch.from_numpy(table.labels), torch.from_numpy(table.weights))
    assert result.loss == pytest.approx(info["best"]["val_loss"], rel=1e-5)
    assert result.auc == pytest.approx(info["best"]["val_auc"], abs=1e-9)


@pytest.mark.slow
def test_one_of_two_processes_is_signalled(comparing, train_two, tmp_path):
    environment = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "bash"}  # inside a job, processes started by the trainer
    start = time.monotonic()
    done = train_two(tmp_path / "run", signal.SIGUSR1, 4, environment, trainer__epochs=5, data__batch_size=4)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 120
    assert (tmp_path / "run" / "REQUEUE").exists()
    assert checkpoint.read(tmp_path / "run" / "last.ckpt")["global_step"] == 10
    done = train_two(tmp_path / "run", 0, 0, environment, "resume", trainer__epochs=5, data__batch_size=4)
    assert done.returncode == 0, done.stderr
    done = train_two(tmp_path / "reference", 0, 0, environment, trainer__epochs=5, data__batch_size=4)
    comparing.assert_same_training(tmp_path / "run", tmp_path / "reference")
