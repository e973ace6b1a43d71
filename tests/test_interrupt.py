"""Ctrl-C in the middle of each long command: exit code 130, one line, nothing half-written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DRIVER = """
import functools, importlib, os, signal, sys
from lorentznet.cli import main
from lorentznet.console import Console

moment, calls = sys.argv.pop(1), int(sys.argv.pop(1))

def interrupting(function):
    @functools.wraps(function)
    def called(*arguments, **settings):
        global calls
        calls -= 1
        if calls < 0:
            os.killpg(0, signal.SIGINT)      # what a terminal does: every process of the command
        return function(*arguments, **settings)
    return called

if moment == "progress":
    original = Console.progress
    class Progress:
        def __init__(self, console, description, total):
            self.manager = original(console, description, total)
        def __enter__(self):
            return interrupting(self.manager.__enter__())
        def __exit__(self, *error):
            return self.manager.__exit__(*error)
    Console.progress = lambda self, description, total: Progress(self, description, total)
else:
    module, _, name = moment.rpartition(".")
    module = importlib.import_module(module)
    setattr(module, name, interrupting(getattr(module, name)))
sys.exit(main(sys.argv[1:]))
"""
DRAWING = "lorentznet.reports.style.save"


def interrupted(argv, moment: str = "progress", calls: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command line that gets Ctrl-C at a call of progress, or of another function, after ``calls`` others."""
    line = [sys.executable, "-c", DRIVER, moment, str(calls), *map(str, argv), "--quiet"]
    return subprocess.run(line, capture_output=True, text=True, check=False, start_new_session=True, timeout=300)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def check(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 130, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("lorentznet: interrupted; ")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict", "evaluate", "invariance", "report"])
def test_nothing_is_left(command, toy_study, tmp_path):
    jets = f"{toy_study.jets}#test"
    lines = {
        "predict": ["predict", toy_study.checkpoint, jets, "--out", tmp_path / "out" / "scores.root"],
        "evaluate": ["evaluate", toy_study.scores, "--out", tmp_path / "out"],
        "invariance": ["invariance", toy_study.checkpoint, jets, "--jets", 20, "--out", tmp_path / "out"],
        "report": ["report", toy_study.evaluation, toy_study.invariance, "--out", tmp_path / "out"],
    }
    check(interrupted(lines[command], "progress" if command in ("predict", "invariance") else DRAWING))
    assert files_below(tmp_path) == set()


@pytest.mark.slow
def test_earlier_results_stay(toy_study, study_copy):
    before = {path: path.read_bytes() for path in study_copy.folder.rglob("*") if path.is_file()}
    check(
        interrupted(
            ["invariance", study_copy.checkpoint, f"{study_copy.jets}#test", "--jets", 20, "--out", study_copy.invariance]
        )
    )
    assert {path: path.read_bytes() for path in study_copy.folder.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_generate(tmp_path):
    pytest.importorskip("pythia8mc")
    line = [
        "generate",
        "--process",
        "top",
        "qcd",
        "--jets",
        20_000,
        "--workers",
        2,
        "--out",
        tmp_path / "out" / "jets.root",
    ]
    start = time.monotonic()
    check(interrupted(line))
    assert time.monotonic() - start < 60, "workers went on after Ctrl-C"
    assert files_below(tmp_path) == set()


@pytest.mark.slow
def test_train_can_be_resumed(toy_study, tmp_path):
    """A training keeps its whole epochs, and goes on from them."""
    from lorentznet.cli import main

    data = ["--data.train", f"{toy_study.jets}#train", "--data.val", f"{toy_study.jets}#val"]
    line = [str(word) for word in ["train", "--config", "quickstart-cg", *data, "--trainer.epochs", 3, "--out", tmp_path / "run"]]
    check(interrupted(line, calls=6))
    left = files_below(tmp_path)
    assert not [name for name in left if Path(name).name.startswith(".") or "tmp" in Path(name).name]
    assert main([*line, *(["--resume"] if "run/last.ckpt" in left else []), "--quiet"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["epochs"] == 3


@pytest.mark.slow
def test_quickstart_goes_on(tmp_path):
    """Ctrl-C while jets are generated: nothing but the record of the settings is there."""
    pytest.importorskip("pythia8mc")
    line = ["quickstart", "--out", tmp_path / "demo", "--jets", 400, "--epochs", 1]
    check(interrupted(line))
    assert files_below(tmp_path) == {"demo/quickstart.json"}


@pytest.mark.slow
def test_ctrl_c_from_outside(toy_study, tmp_path):
    """The signal at a moment that the command did not choose."""
    line = [
        sys.executable,
        "-m",
        "lorentznet",
        "invariance",
        toy_study.checkpoint,
        f"{toy_study.jets}",
        "--jets",
        "400",
        "--out",
        tmp_path / "out",
    ]
    process = subprocess.Popen([*map(str, line), "--quiet"], stderr=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(2.0)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    check(subprocess.CompletedProcess(line, process.returncode, "", errors))
    assert files_below(tmp_path) == set()


def test_ctrl_c_while_a_string_is_executed(tmp_path):
    """As dataclasses do on import; the interpreter would otherwise end by the signal, not with the exit code."""
    package = tmp_path / "interrupted"
    package.mkdir()
    (package / "__main__.py").write_text(
        "import sys\n"
        "from lorentznet import cli\n"
        "def run(argv, console=None):\n"
        "    exec('raise KeyboardInterrupt')\n"
        "cli.execute = run\n"
        "sys.exit(cli.main(['inspect', 'sample']))\n"
    )
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, text=True, check=False)
    check(done)
