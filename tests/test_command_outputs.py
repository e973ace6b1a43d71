"""Output folders that cannot be written and disks that are full: one line, exit code 2, nothing half-written."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from lorentznet.cli import main

WRITERS = ["generate", "train", "predict", "evaluate", "invariance", "report", "quickstart"]


@pytest.fixture
def writing(toy_study):
    """Command lines that write to ``out``, by name of the command."""

    def lines(out):
        jets, data = toy_study.jets, ["--data.train", f"{toy_study.jets}#train", "--data.val", f"{toy_study.jets}#val"]
        return {
            "generate": ["generate", "--process", "top", "qcd", "--jets", 200, "--workers", 1, "--out", out / "jets.root"],
            "train": ["train", "--config", "quickstart-cg", *data, "--trainer.epochs", 1, "--out", out / "run"],
            "predict": ["predict", toy_study.checkpoint, f"{jets}#test", "--out", out / "scores.root"],
            "evaluate": ["evaluate", toy_study.scores, "--out", out / "evaluation"],
            "invariance": ["invariance", toy_study.checkpoint, f"{jets}#test", "--jets", 20, "--out", out / "invariance"],
            "report": ["report", toy_study.evaluation, toy_study.invariance, "--out", out / "report"],
            "quickstart": ["quickstart", "--jets", 200, "--epochs", 1, "--out", out / "quickstart"],
        }

    return lines


@pytest.mark.parametrize("command", WRITERS)
def test_output_below_a_file(command, refused, writing, tmp_path):
    (tmp_path / "out").write_text("a file")
    refused(writing(tmp_path / "out")[command], tmp_path / "out", "--out")


@pytest.mark.parametrize("command", ["generate", "predict"])
def test_output_file_that_is_a_folder(command, refused, writing, tmp_path):
    out = Path(writing(tmp_path)[command][-1])
    out.mkdir()
    refused(writing(tmp_path)[command], out, "folder")


@pytest.mark.parametrize("command", ["train", "evaluate", "invariance", "report", "quickstart"])
def test_output_folder_that_is_a_file(command, refused, writing, tmp_path):
    out = Path(writing(tmp_path)[command][-1])
    out.write_text("a file")
    refused(writing(tmp_path)[command], out, "folder")


@pytest.mark.parametrize("command", [*WRITERS, "explain"])
def test_no_name_for_the_output(command, writing, toy_study, tmp_path, monkeypatch, capsys):
    """What ``--out "$OUT"`` gives where OUT is not set."""
    monkeypatch.chdir(tmp_path)
    explain = {"explain": ["explain", toy_study.checkpoint, toy_study.jets, "--out", ""]}
    words = [*(writing(tmp_path) | explain)[command][:-1], ""]
    assert main(list(map(str, words))) == 2
    assert "--out: is empty; give the name" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_report_into_the_folder_that_it_reads(refused, toy_study):
    refused(["report", toy_study.evaluation, "--out", toy_study.evaluation], toy_study.evaluation, "report goes there")


@pytest.mark.slow
@pytest.mark.parametrize("command", WRITERS[:-1])
def test_full_disk(command, writing, tmp_path):
    """No file may grow beyond 200 bytes, which is how a full disk looks to the one who writes."""
    if command == "generate":
        pytest.importorskip("pythia8mc")
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-B", "-m", "lorentznet", *map(str, writing(tmp_path / "out")[command]), "--quiet"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("lorentznet: error: ")
    assert str(tmp_path / "out") in done.stderr
    assert "cannot be written" in done.stderr
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not written
