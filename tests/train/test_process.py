"""What a training says, and what it leaves behind in its process."""

import logging
import os
import signal
import subprocess
import sys
import warnings

import torch

from lorentznet.console import Console
from lorentznet.train.training import fit


def test_nothing_of_the_process_is_changed(make_config, tmp_path):
    torch.manual_seed(5)
    expected = torch.get_rng_state()
    before = (torch.get_num_threads(), list(warnings.filters), logging.getLogger("lightning.pytorch").level)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    during = {}
    console = Console(quiet=True)
    console.say = lambda text="": during.update({number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGINT)})
    fit(make_config(trainer__epochs=1), tmp_path / "run", console=console)
    assert torch.equal(torch.get_rng_state(), expected)
    assert (torch.get_num_threads(), list(warnings.filters), logging.getLogger("lightning.pytorch").level) == before
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert during == {number: handlers[number] for number in during}, "signal handlers were installed outside of Slurm"


def test_what_is_said(make_config, capfd, tmp_path):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        fit(make_config(), tmp_path / "run", console=Console())
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "300 jets for training, 100 for validation; classes qcd, top"
    assert lines[1].startswith("toy: 49 parameters, symmetry O+(1,3), on cpu, 1 thread")
    assert sum(line.startswith("epoch ") for line in lines) == 3
    assert all(line.startswith(("epoch ", "training toy: ")) for line in lines[2:]), lines
    assert [str(warning.message) for warning in heard] == []


def test_threads(monkeypatch):
    from lorentznet.train.threads import available_threads, cpu_threads

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert available_threads() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert available_threads() == 3
    before = torch.get_num_threads()
    with cpu_threads(2) as number:
        assert number == torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


def test_memory_is_kept_only_where_that_is_possible():
    code = "from lorentznet.train.allocator import keep_freed_memory; print(keep_freed_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("True", "False")
    if sys.platform.startswith("linux") and "glibc" in os.confstr("CS_GNU_LIBC_VERSION"):
        assert done.stdout.strip() == "True"
