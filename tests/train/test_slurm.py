"""Trainings that are stopped by signals, in processes of their own with the environment that Slurm would give them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lorentznet.train import checkpoint
from lorentznet.train.training import fit

SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_JOB_NAME": "lorentznet",
    "SLURM_NTASKS": "1",
    "SLURM_NTASKS_PER_NODE": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_JOB_NUM_NODES": "1",
    "SLURM_NODELIST": "localhost",
    "MASTER_ADDR": "127.0.0.1",
}

DRIVER = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from toy_tagger import ToyTagger, register_toy
from lorentznet.console import Console
from lorentznet.train import fit, load_config

register_toy()
run, number, call, resume = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), "resume" in sys.argv
original = ToyTagger.forward
calls = 0

def forward(self, batch):
    global calls
    calls += self.training
    if number and calls == call and self.training:
        os.kill(os.getpid(), number)
    return original(self, batch)

ToyTagger.forward = forward
print(fit(load_config(sys.argv[5]), run, resume=resume, console=Console()))
"""


@pytest.fixture
def train(make_config, tmp_path):
    """Run a training in a process of its own that sends itself a signal at one of its steps."""
    import yaml

    from lorentznet.config import plain

    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(plain(make_config())))

    def run(out, number=0, call=0, environment=SLURM, *words):
        line = [
            sys.executable,
            "-c",
            DRIVER,
            str(Path(__file__).parent),
            str(out),
            str(int(number)),
            str(call),
            str(config),
            *words,
        ]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
        return subprocess.run(line, env={**clean, **environment}, capture_output=True, text=True, check=False, timeout=120)

    return run


@pytest.fixture
def stopped(make_config, toy, monkeypatch, tmp_path):
    """Train in this process, as if in a Slurm job, with a signal to oneself at one of the steps."""

    def run(out, number, call, resume=False):
        calls = 0
        original = toy.forward

        def forward(tagger, batch):
            nonlocal calls
            calls += tagger.training
            if tagger.training and calls == call:
                os.kill(os.getpid(), number)
            return original(tagger, batch)

        with monkeypatch.context() as patch:
            patch.setattr(toy, "forward", forward)
            for key, value in SLURM.items():
                patch.setenv(key, value)
            before = [signal.getsignal(other) for other in (signal.SIGUSR1, signal.SIGTERM)]
            result = fit(make_config(), out, resume=resume)
            assert [signal.getsignal(other) for other in (signal.SIGUSR1, signal.SIGTERM)] == before
        return result

    return run


@pytest.mark.parametrize(("number", "call"), [(signal.SIGUSR1, 14), (signal.SIGTERM, 3), (signal.SIGUSR1, 1)])
def test_a_signal_stops_at_the_end_of_the_batch(number, call, comparing, stopped, trained, make_config, tmp_path):
    run = tmp_path / "run"
    assert stopped(run, number, call) == run / ("best.ckpt" if call > 10 else "last.ckpt")
    names = {path.name for path in run.iterdir()}
    assert {"REQUEUE", "last.ckpt"} <= names
    assert not {name for name in names if name.startswith(".")}
    assert checkpoint.read(run / "last.ckpt")["global_step"] == call
    fit(make_config(), run, resume=True)
    assert not (run / "REQUEUE").exists()
    comparing.assert_same_training(run, trained)


def test_stopped_twice(comparing, stopped, trained, make_config, tmp_path):
    run = tmp_path / "run"
    stopped(run, signal.SIGUSR1, 14)
    stopped(run, signal.SIGUSR1, 3, resume=True)
    assert checkpoint.read(run / "last.ckpt")["global_step"] == 17
    fit(make_config(), run, resume=True)
    comparing.assert_same_training(run, trained)


def test_a_signal_in_the_last_batch_of_an_epoch_finishes_the_epoch(comparing, stopped, trained, make_config, tmp_path):
    run = tmp_path / "run"
    stopped(run, signal.SIGUSR1, 20)
    assert (run / "REQUEUE").exists()
    assert checkpoint.load_run_info(run)["epochs"] == 2
    fit(make_config(), run, resume=True)
    comparing.assert_same_training(run, trained)


def test_a_signal_in_the_last_batch_of_all_finishes_the_training(stopped, tmp_path):
    assert stopped(tmp_path / "run", signal.SIGUSR1, 30) == tmp_path / "run" / "best.ckpt"
    assert not (tmp_path / "run" / "REQUEUE").exists()
    assert checkpoint.load_run_info(tmp_path / "run")["finished"]


def test_a_job(train, tmp_path):
    """A process in the environment of a Slurm job, stopped from inside and started again."""
    run = tmp_path / "run"
    done = train(run, signal.SIGUSR1, 14)
    assert done.returncode == 0, done.stderr
    assert "stopped by the batch system" in done.stderr
    assert (run / "REQUEUE").exists()
    done = train(run, 0, 0, SLURM, "resume")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(run / "best.ckpt")
    assert checkpoint.load_run_info(run)["finished"]
    assert not (run / "REQUEUE").exists()


@pytest.mark.slow
def test_outside_of_slurm_other_signals_have_their_usual_meaning(train, tmp_path):
    done = train(tmp_path / "usr1", signal.SIGUSR1, 3, {})
    assert done.returncode == -signal.SIGUSR1


@pytest.mark.slow
@pytest.mark.parametrize("call", [3, 14])
def test_terminated_outside_of_slurm(call, comparing, train, trained, make_config, tmp_path):
    """Everything up to the end of the batch is kept, as other batch systems want it that evict jobs."""
    run = tmp_path / "run"
    done = train(run, signal.SIGTERM, call, {})
    assert done.returncode == 143, done.stderr
    assert f"terminated; {run / 'last.ckpt'} is complete, go on with --resume" in done.stderr
    assert not (run / "REQUEUE").exists()
    assert checkpoint.read(run / "last.ckpt")["global_step"] == call
    fit(make_config(), run, resume=True)
    comparing.assert_same_training(run, trained)


@pytest.mark.slow
def test_ctrl_c_from_outside(comparing, train, trained, make_config, tmp_path):
    """Without Slurm, a real SIGINT in the middle of an epoch."""
    done = train(tmp_path / "run", signal.SIGINT, 14, {})
    assert "KeyboardInterrupt: interrupted; " in done.stderr
    assert "up to epoch 1, go on with --resume" in done.stderr
    fit(make_config(), tmp_path / "run", resume=True)
    comparing.assert_same_training(tmp_path / "run", trained)


FAKES = {
    "srun": '#!/bin/bash\necho "$@" > srun.txt\nmkdir -p runs/a; [ -n "$STOPPED" ] && touch runs/a/REQUEUE; exit "${CODE:-0}"\n',
    "scontrol": '#!/bin/bash\nif [ "$1" = show ]; then echo node7; echo node8; else echo "$@" > scontrol.txt; fi\n',
}


@pytest.mark.parametrize(("stopped", "code"), [("1", 0), ("1", 1), ("", 0), ("", 2)])
def test_the_batch_script(stopped, code, tmp_path):
    """The script of the project with stand-ins for Slurm's programs."""
    script = Path(__file__).parents[2] / "analysis" / "slurm" / "train.sbatch"
    for name, text in FAKES.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STOPPED": stopped, "CODE": str(code), "SLURM_JOB_ID": "4711"}
    environment |= {
        "SLURM_CPUS_PER_TASK": "8",
        "SLURM_JOB_NODELIST": "node[7-8]",
        "SLURM_NNODES": "2",
        "SLURM_NTASKS_PER_NODE": "4",
    }
    line = ["bash", script, "quickstart-cg", "runs/a", "--seed", "2"]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    started = (tmp_path / "srun.txt").read_text()
    assert "-m lorentznet train --config quickstart-cg --out runs/a --resume" in started
    assert "--trainer.nodes 2 --trainer.devices 4" in started
    assert "--seed 2" in started
    assert (tmp_path / "scontrol.txt").exists() == bool(stopped)
    assert not (tmp_path / "runs" / "a" / "REQUEUE").exists()
    assert done.returncode == (0 if stopped else code)
