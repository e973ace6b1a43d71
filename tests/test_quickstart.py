"""The row of commands: what runs, what is kept, what is said."""

import json
import re
import shlex
from pathlib import Path

import pytest

from lorentznet import cli
from lorentznet.commands import quickstart
from lorentznet.errors import MissingExtraError

STEPS = ["generate", "train cg", "train clifford", "predict cg", "predict clifford", "evaluate", "invariance", "report"]


@pytest.fixture
def row(monkeypatch):
    """The lines that quickstart runs; instead of the commands, their outputs are made."""
    lines = []

    def execute(argv, console):
        lines.append(list(argv))
        args = cli.parse(argv)
        if argv[0] in row_of.failing:
            raise row_of.failing.pop(argv[0])
        out = Path(args.out)
        made = {"train": out / "best.ckpt", "report": out / "index.html", "evaluate": out / "x", "invariance": out / "x"}.get(
            argv[0], out
        )
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()

    row_of = execute
    row_of.failing = {}
    row_of.lines = lines
    monkeypatch.setattr(quickstart, "_execute", execute)
    return row_of


def commands(row):
    return [line[0] for line in row.lines]


def test_the_row(row, tmp_path, capsys):
    out = tmp_path / "demo"
    assert (
        cli.main(["quickstart", "--out", str(out), "--jets", "2000", "--epochs", "1", "--seed", "3", "--device", "cuda:1"]) == 0
    )
    assert commands(row) == [step.split()[0] for step in STEPS]
    captured = capsys.readouterr()
    assert captured.out == f"{out / 'report' / 'index.html'}\n"
    printed = [shlex.split(line)[1:] for line in re.findall(r"\$ (.*)", captured.err)]
    assert printed == row.lines
    assert [name for name in STEPS if re.search(rf"\] {name}: \d+ s$", captured.err, re.MULTILINE)] == STEPS
    parsed = [cli.parse(line) for line in row.lines]
    assert parsed[0].jets == 2000
    assert all(args.seed == 3 for args in parsed if hasattr(args, "seed"))
    assert all(args.device == "cuda:1" for args in parsed[1:] if hasattr(args, "device"))
    assert all(args.overrides[-2:] == ["--trainer.epochs", "1"] for args in parsed[1:3])


def test_relative_folder_gives_an_absolute_path(row, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["quickstart", "--out", "demo", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path}/demo/report/index.html\n"
    assert captured.err == ""
    assert not any("--trainer.epochs" in line for line in row.lines), "epochs are those of the configurations"


def test_finished_steps_are_kept(row, tmp_path):
    line = ["quickstart", "--out", str(tmp_path / "demo"), "--quiet"]
    row.failing["evaluate"] = KeyboardInterrupt()
    assert cli.main(line) == 130
    assert commands(row)[-1] == "evaluate"
    row.lines.clear()
    assert cli.main(line) == 0
    assert commands(row) == ["evaluate", "invariance", "report"]
    row.lines.clear()
    assert cli.main(line) == 0
    assert commands(row) == []


def test_interrupted_training_is_resumed(row, tmp_path):
    line = ["quickstart", "--out", str(tmp_path / "demo"), "--quiet"]
    row.failing["train"] = KeyboardInterrupt()
    assert cli.main(line) == 130
    assert "--resume" not in row.lines[-1]
    (tmp_path / "demo" / "cg").mkdir()
    (tmp_path / "demo" / "cg" / "last.ckpt").touch()
    row.lines.clear()
    assert cli.main(line) == 0
    assert ["--resume" in words for words in row.lines[:2]] == [True, False]


def test_lost_results_are_made_again_with_what_follows(row, tmp_path):
    line = ["quickstart", "--out", str(tmp_path / "demo"), "--quiet"]
    assert cli.main(line) == 0
    row.lines.clear()
    (tmp_path / "demo" / "scores" / "clifford.root").unlink()
    assert cli.main(line) == 0
    assert commands(row) == ["predict", "evaluate", "invariance", "report"]
    row.lines.clear()
    (tmp_path / "demo" / "jets.root").unlink()
    assert cli.main(line) == 0
    assert commands(row) == ["generate", "predict", "predict", "evaluate", "invariance", "report"]


def test_interrupt_says_how_to_go_on(row, tmp_path, capsys):
    row.failing["predict"] = KeyboardInterrupt()
    assert cli.main(["quickstart", "--out", str(tmp_path / "demo"), "--quiet"]) == 130
    assert capsys.readouterr().err == "lorentznet: interrupted; finished steps are kept, the same command goes on from there\n"


@pytest.mark.parametrize("changes", [["--jets", "3000"], ["--seed", "2"], ["--epochs", "2"]])
def test_other_settings_need_another_folder(changes, row, tmp_path, capsys):
    line = ["quickstart", "--out", str(tmp_path / "demo"), "--jets", "2000", "--quiet"]
    assert cli.main(line) == 0
    capsys.readouterr()
    row.lines.clear()
    assert cli.main([*line, *changes]) == 2
    assert row.lines == []
    message = capsys.readouterr().err
    assert f"{tmp_path / 'demo'}: holds a quickstart made with --jets 2000 --seed 1" in message
    assert "another --out" in message


def test_a_folder_of_something_else_is_left_alone(row, tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("...")
    assert cli.main(["quickstart", "--out", str(tmp_path), "--quiet"]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_damaged_record(row, tmp_path, capsys):
    (tmp_path / "quickstart.json").write_text("[]")
    assert cli.main(["quickstart", "--out", str(tmp_path), "--quiet"]) == 2
    assert "quickstart.json" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--jets", "10"], ["--epochs", "0"]])
def test_sizes_that_make_no_sense(words, row, tmp_path, capsys):
    assert cli.main(["quickstart", "--out", str(tmp_path / "demo"), *words]) == 2
    assert words[0] in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_the_shipped_jets_stand_in_for_the_generators(row, tmp_path, capsys):
    import lorentznet as ln

    row.failing["generate"] = MissingExtraError("pythia8mc is not installed; pip install 'lorentznet[gen]'")
    assert cli.main(["quickstart", "--out", str(tmp_path / "demo")]) == 0
    assert "pythia8mc is not installed" in capsys.readouterr().err
    jets = tmp_path / "demo" / "jets.root"
    assert len(ln.data.read(jets)) == len(ln.data.sample())
    assert {name: len(ln.data.read(f"{jets}#{name}")) for name in ("train", "val", "test")}
    assert commands(row)[1:] == [step.split()[0] for step in STEPS[1:]]


def test_a_missing_package_elsewhere_is_an_error(row, tmp_path, capsys):
    row.failing["report"] = MissingExtraError("matplotlib is not installed")
    assert cli.main(["quickstart", "--out", str(tmp_path / "demo"), "--quiet"]) == 2
    assert "matplotlib" in capsys.readouterr().err


@pytest.mark.slow
def test_from_nothing_to_a_report(tmp_path, capfd):
    """With the shipped jets where the generators are not installed."""
    out = tmp_path / "demo"
    assert cli.main(["quickstart", "--out", str(out), "--jets", "400", "--epochs", "1", "--quiet"]) == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines()[-1] == str(out / "report" / "index.html")
    page = (out / "report" / "index.html").read_text()
    assert not re.search(r"(src|href)=.(https?:)?//", page), "the page must need nothing but itself"
    assert "data:image/" in page or "<svg" in page
    metrics = json.loads((out / "report" / "metrics.json").read_text())["taggers"]
    invariance = json.loads((out / "report" / "invariance.json").read_text())["taggers"]
    assert set(metrics) == set(invariance) == {"cg", "clifford"}
    for name in metrics:
        assert metrics[name]["parameters"] <= 50_000
        for quantity in (metrics[name]["auc"], metrics[name]["accuracy"], *metrics[name]["background_rejection"].values()):
            assert quantity["low"] <= quantity["value"] <= (quantity["high"] if quantity["high"] is not None else float("inf"))
        assert set(metrics[name]["background_rejection"]) == {"0.3", "0.5"}
        assert all(isinstance(item["survivors"], int | float) for item in metrics[name]["background_rejection"].values())
        for precision in ("float32", "float64"):
            for conditioning in ("frame", "lab"):
                curves = invariance[name][precision][conditioning]
                boosts = {"boost", "boost_z", "boost_transverse"}
                assert set(curves) == {*boosts, "rotation", "reflection", "permutation", "padding", "company"}
                assert set(curves["rotation"]) == {"1"}
                assert all(set(point) >= {"rms", "max"} for curve in curves.values() for point in curve.values())
        assert invariance[name]["float32"]["frame"]["boost"]["1000"]["rms"] < 1e-4
    assert not [path for path in out.rglob(".*")], "temporary files were left"
