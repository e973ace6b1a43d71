"""``lorentznet train`` and ``lorentznet predict`` as they are typed."""

import io
import json

import numpy as np
import pytest

from lorentznet.cli import main
from lorentznet.config import plain
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.train import checkpoint


@pytest.fixture
def line(make_config, tmp_path):
    """The command line of a short training of the toy tagger."""
    import yaml

    config = tmp_path / "my.yaml"
    config.write_text(yaml.safe_dump(plain(make_config(trainer__epochs=2))))
    return ["train", "--config", str(config), "--out", str(tmp_path / "runs" / "toy"), "--quiet"]


def test_from_jets_to_scores(line, jet_file, tmp_path, capsys):
    assert main([*line, "--optimizer.lr", "1e-2", "--seed", "8", "--device", "cpu"]) == 0
    run = tmp_path / "runs" / "toy"
    assert capsys.readouterr().out.strip() == str(run / "best.ckpt")
    info = checkpoint.load_run_info(run)
    assert info["seed"] == 8
    assert info["command"].startswith("lorentznet train --config")
    scores = tmp_path / "scores" / "toy.root"
    assert main(["predict", str(run), f"{jet_file}#test", "--out", str(scores), "--quiet"]) == 0
    assert capsys.readouterr().out.strip() == str(scores)
    table = ScoreTable.read(scores)
    assert (table.name, table.classes, len(table)) == ("toy", ("qcd", "top"), 40)
    assert table.ids.tolist() == list(range(400, 440))
    about = table.provenance["tagger"]
    assert (about["name"], about["parameters"], about["symmetry"], about["seed"], about["epochs"]) == ("toy", 49, "O+(1,3)", 8, 2)
    assert about["seconds"] == info["seconds"]
    assert about["command"] == info["command"]
    how = table.provenance["prediction"]
    assert how["command"].startswith("lorentznet predict")
    assert how["files"] == [f"{jet_file}#test"]
    assert how["card"]["digest"] == info["data"]["card"]["digest"]


def test_a_checkpoint_away_from_its_training(line, jet_file, tmp_path):
    assert main(line) == 0
    moved = tmp_path / "moved.ckpt"
    moved.write_bytes((tmp_path / "runs" / "toy" / "best.ckpt").read_bytes())
    out = tmp_path / "scores.h5"
    assert main(["predict", str(moved), f"{jet_file}#test", "--out", str(out), "--quiet"]) == 0
    table = ScoreTable.read(out)
    assert table.name == "moved"
    assert table.provenance["tagger"]["parameters"] == 49
    assert (
        main(["predict", str(moved), f"{jet_file}#test", "--out", str(out), "--name", "mine", "--batch-size", "3", "--quiet"])
        == 0
    )
    again = ScoreTable.read(out)
    assert again.name == "mine"
    np.testing.assert_allclose(again.logits, table.logits, atol=1e-6)


def test_resume_without_configuration(line, tmp_path, capsys):
    run = tmp_path / "runs" / "toy"
    assert main(line) == 0
    before = (run / "best.ckpt").read_bytes()
    assert main(["train", "--out", str(run), "--resume", "--quiet"]) == 0
    assert (run / "best.ckpt").read_bytes() == before
    assert main(["train", "--out", str(tmp_path / "other"), "--resume", "--quiet"]) == 2
    assert "--config is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--optimizer.lr"], "--optimizer.lr needs a value"),
        (["optimizer.lr", "3"], "'optimizer.lr'"),
        (["--device", "abacus"], "abacus"),
        (["--trainer.epochs", "0"], "trainer.epochs"),
    ],
)
def test_mistakes(words, expected, line, tmp_path, capsys):
    assert main([*line, *words]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_ctrl_c(line, toy, tmp_path, monkeypatch, capsys):
    calls = 0
    original = toy.forward

    def forward(tagger, batch):
        nonlocal calls
        calls += tagger.training
        if calls == 14:
            raise KeyboardInterrupt
        return original(tagger, batch)

    with monkeypatch.context() as patch:
        patch.setattr(toy, "forward", forward)
        assert main(line) == 130
    captured = capsys.readouterr()
    assert (
        captured.err == f"lorentznet: interrupted; {tmp_path}/runs/toy/last.ckpt is complete up to epoch 1, go on with --resume\n"
    )
    assert main([*line, "--resume"]) == 0
    assert json.loads((tmp_path / "runs" / "toy" / "run.json").read_text())["epochs"] == 2


def test_batch_size_that_is_none(line, jet_file, tmp_path, capsys):
    assert main(line) == 0
    run, out = tmp_path / "runs" / "toy", tmp_path / "scores.root"
    assert main(["predict", str(run), str(jet_file), "--out", str(out), "--batch-size", "0", "--quiet"]) == 2
    assert "--batch-size 0" in capsys.readouterr().err
    assert not out.exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal(make_config, tmp_path, monkeypatch):
    """A bar that reaches its end, with a line per epoch above it."""
    import sys

    from lorentznet.console import Console
    from lorentznet.train.training import fit

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    fit(make_config(trainer__epochs=2), tmp_path / "run", console=Console())
    text = screen.getvalue()
    assert "training toy" in text
    assert "20/20" in text
    assert "epoch   1/2" in text
    assert "epoch   2/2" in text
