"""What a user can do wrong: one line that names the file and the cure, exit code 2, nothing left behind."""

import io
import sys
import zipfile
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch

from lorentznet.cli import main


@pytest.fixture
def reading(toy_study, tmp_path):
    """Command lines that read a jet file, by name of the command."""

    def lines(jets, rows=""):
        out = tmp_path / "out"
        train = ["train", "--config", "quickstart-cg", "--trainer.epochs", 1, "--out", out]
        return {
            "inspect": ["inspect", f"{jets}{rows}"],
            "train": [*train, "--data.train", f"{jets}#0:200", "--data.val", f"{jets}#200:300"],
            "predict": ["predict", toy_study.checkpoint, f"{jets}{rows}", "--out", tmp_path / "scores.root"],
            "invariance": ["invariance", toy_study.checkpoint, f"{jets}{rows}", "--out", out],
        }

    return lines


READERS = ["inspect", "train", "predict", "invariance"]
USERS = READERS[1:]
"""Commands that use the jets; ``inspect`` describes what is wrong with them instead."""


@pytest.mark.parametrize("command", READERS)
def test_no_such_file(command, refused, reading, tmp_path):
    refused(reading(tmp_path / "jetts.root")[command], tmp_path / "jetts.root", "no such file")


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("name", ["jets.root", "jets.h5"])
def test_not_a_jet_file(command, name, refused, reading, tmp_path):
    (tmp_path / name).write_text("px py pz E\n" * 100)
    refused(reading(tmp_path / name)[command], tmp_path / name)


@pytest.mark.parametrize("command", READERS)
def test_unknown_kind_of_file(command, refused, reading, tmp_path):
    (tmp_path / "jets.txt").write_text("px py pz E\n")
    refused(reading(tmp_path / "jets.txt")[command], tmp_path / "jets.txt")


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.6, 0.98])
def test_truncated_file(command, kept, refused, reading, toys, tmp_path):
    path = toys.write(tmp_path / "jets.root")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    refused(reading(path)[command], path)


@pytest.mark.parametrize("command", USERS)
def test_missing_branch(command, refused, reading, toys, tmp_path):
    card = toys.card(momenta={"px": "part_px", "py": "part_py", "pz": "part_pzz", "E": "part_energy"})
    path = toys.write(tmp_path / "jets.root", card=card)
    refused(reading(path)[command], path, "part_pzz", "did you mean 'part_pz'?")


@pytest.mark.parametrize("command", USERS)
def test_wrong_units(command, refused, reading, toys, tmp_path):
    branches = toys.branches()
    scaled = {name: values * 1000 if name.startswith("part_") else values for name, values in branches.items()}
    path = toys.write(tmp_path / "jets.root", scaled)
    refused(reading(path)[command], path, "MeV", "units")


@pytest.mark.parametrize("command", USERS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_momenta_that_are_no_numbers(command, value, refused, reading, toys, tmp_path):
    branches = toys.branches()
    flat = ak.to_numpy(ak.flatten(branches["part_px"])).copy()
    flat[1000] = value
    branches["part_px"] = ak.unflatten(flat, ak.num(branches["part_px"]))
    path = toys.write(tmp_path / "jets.root", branches)
    refused(reading(path)[command], path)


@pytest.mark.parametrize("command", USERS)
def test_jets_without_constituents(command, refused, reading, toys, tmp_path):
    branches = toys.branches()
    empty = np.arange(400) == 7
    branches = {
        name: ak.where(empty, ak.Array([[]] * 400), values) if name.startswith("part_") else values
        for name, values in branches.items()
    }
    path = toys.write(
        tmp_path / "jets.root", {name: ak.values_astype(v, np.float64) if "part" in name else v for name, v in branches.items()}
    )
    refused(reading(path)[command], path, "7")


def test_class_never_present_in_training(refused, reading, toys, tmp_path):
    branches = toys.branches()
    branches["label_QCD"], branches["label_Tbqq"] = np.ones(400, bool), np.zeros(400, bool)
    path = toys.write(tmp_path / "jets.root", branches)
    refused(reading(path)["train"], path, "top")


def test_class_never_present_in_evaluation(refused, toy_study, toys, tmp_path):
    branches = toys.branches()
    branches["label_QCD"], branches["label_Tbqq"] = np.ones(400, bool), np.zeros(400, bool)
    path = toys.write(tmp_path / "jets.root", branches)
    scores = tmp_path / "scores.root"
    assert main(["predict", str(toy_study.checkpoint), f"{path}#test", "--out", str(scores), "--quiet"]) == 0
    refused(["evaluate", scores, "--out", tmp_path / "out"], scores, "top")


@pytest.mark.parametrize("command", READERS)
def test_card_with_an_unknown_key(command, refused, reading, toys, tmp_path):
    path = toys.write(tmp_path / "jets.root", card=toys.card(unit="GeV"))
    refused(reading(path)[command], tmp_path / "jets.yaml", "'unit'", "did you mean 'units'?")


@pytest.mark.parametrize("command", READERS)
def test_unknown_split(command, refused, reading, toys, tmp_path):
    path = toys.write(tmp_path / "jets.root")
    lines = reading(path, "#tset")
    line = [str(word).replace("#0:200", "#tset") for word in lines[command]]
    refused(line, path, "'tset'", "did you mean 'test'?")


@pytest.mark.parametrize("command", READERS)
def test_rows_past_the_end(command, refused, reading, toys, tmp_path):
    path = toys.write(tmp_path / "jets.root")
    line = [str(word).replace("#0:200", "#400:") for word in reading(path, "#400:")[command]]
    refused(line, path, "400")


class TestCheckpoints:
    @pytest.fixture(params=["predict", "invariance"])
    def line(self, request, toy_study, tmp_path):
        def make(checkpoint):
            out = tmp_path / ("scores.root" if request.param == "predict" else "out")
            return [request.param, checkpoint, f"{toy_study.jets}#test", "--out", out]

        return make

    def test_missing(self, line, refused, tmp_path):
        refused(line(tmp_path / "best.ckpt"), tmp_path / "best.ckpt", "no such file")

    @pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
    def test_no_checkpoint(self, content, line, refused, tmp_path):
        (tmp_path / "best.ckpt").write_bytes(content)
        refused(line(tmp_path / "best.ckpt"), tmp_path / "best.ckpt")

    def test_truncated(self, line, refused, tmp_path, toy_study):
        whole = toy_study.checkpoint.read_bytes()
        (tmp_path / "best.ckpt").write_bytes(whole[: len(whole) // 2])
        refused(line(tmp_path / "best.ckpt"), tmp_path / "best.ckpt")

    def test_of_another_program(self, line, refused, tmp_path):
        torch.save({"state_dict": {"weight": torch.zeros(3)}, "epoch": 1}, tmp_path / "best.ckpt")
        refused(line(tmp_path / "best.ckpt"), tmp_path / "best.ckpt")

    def test_with_code_in_it(self, line, refused, tmp_path):
        """Files from strangers are data; what is not data is not run."""
        torch.save({"state_dict": {}, "hook": Path("/")}, tmp_path / "best.ckpt")
        refused(line(tmp_path / "best.ckpt"), tmp_path / "best.ckpt")

    def test_of_another_tagger(self, line, refused, tmp_path, toy_study):
        """The name of one tagger with the weights of another."""
        stored = torch.load(toy_study.checkpoint, weights_only=True)
        renamed = _renamed(stored, "cg", "clifford")
        assert renamed != stored
        torch.save(renamed, tmp_path / "best.ckpt")
        refused(line(tmp_path / "best.ckpt"), tmp_path / "best.ckpt")

    def test_of_a_tagger_that_is_not_known(self, line, refused, tmp_path, toy_study):
        torch.save(_renamed(torch.load(toy_study.checkpoint, weights_only=True), "cg", "cgg"), tmp_path / "best.ckpt")
        refused(line(tmp_path / "best.ckpt"), tmp_path / "best.ckpt", "'cgg'", "did you mean 'cg'?")

    def test_on_a_device_that_is_not_there(self, line, refused, toy_study):
        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
        refused([*line(toy_study.checkpoint), "--device", "cuda"], "cuda", "cpu")

    def test_unknown_device(self, line, refused, toy_study):
        refused([*line(toy_study.checkpoint), "--device", "gpuu"], "gpuu")


def _renamed(value, old, new):
    """The nested plain values of a checkpoint with the value ``old`` of every ``name`` replaced."""
    if isinstance(value, dict):
        return {key: new if key == "name" and item == old else _renamed(item, old, new) for key, item in value.items()}
    return value


class TestTraining:
    def test_resume_with_another_tagger(self, refused, study_copy):
        data = ["--data.train", f"{study_copy.jets}#train", "--data.val", f"{study_copy.jets}#val"]
        line = ["train", "--config", "quickstart-clifford", *data, "--trainer.epochs", 2, "--resume", "--out", study_copy.run]
        refused(line, study_copy.run)

    def test_folder_of_another_run(self, refused, study_copy):
        data = ["--data.train", f"{study_copy.jets}#train", "--data.val", f"{study_copy.jets}#val"]
        refused(["train", "--config", "quickstart-cg", *data, "--out", study_copy.run], study_copy.run, "--resume")

    def test_no_such_configuration(self, refused, tmp_path):
        refused(
            ["train", "--config", "quickstart-gc", "--out", tmp_path / "out"], "'quickstart-gc'", "did you mean 'quickstart-cg'?"
        )
        refused(["train", "--config", tmp_path / "my.yaml", "--out", tmp_path / "out"], tmp_path / "my.yaml", "no such file")

    def test_unknown_setting(self, refused, reading, toys, tmp_path):
        line = reading(toys.write(tmp_path / "jets.root"))["train"]
        refused([*line, "--optimizer.rl", "1e-3"], "'rl'", "did you mean 'lr'?")
        refused([*line, "--optimizer.lr", "-1"], "optimizer.lr", "-1")
        refused([*line, "--tagger.options.layres", "4"], "'layres'", "did you mean 'layers'?")
        refused([*line, "--card", tmp_path / "no.yaml"], "no.yaml")
        refused([*line, "--distillation.teachers", "cg-tiny,cg-small"], "a list of settings is written '[cg-tiny, cg-small]'")

    def test_unknown_tagger(self, refused, reading, toys, tmp_path):
        line = reading(toys.write(tmp_path / "jets.root"))["train"]
        refused([*line, "--tagger.name", "cliford"], "'cliford'", "did you mean 'clifford'?")


class TestScores:
    def test_no_such_file(self, refused, tmp_path):
        refused(["evaluate", tmp_path / "scores.root", "--out", tmp_path / "out"], tmp_path / "scores.root", "no such")

    @pytest.mark.parametrize("name", ["scores.root", "scores.parquet", "scores.h5", "scores.npz"])
    def test_no_score_file(self, name, refused, tmp_path):
        (tmp_path / name).write_text("nothing of the kind")
        refused(["evaluate", tmp_path / name, "--out", tmp_path / "out"], tmp_path / name)

    def test_jets_instead_of_scores(self, refused, toy_study, tmp_path):
        refused(["evaluate", toy_study.jets, "--out", tmp_path / "out"], toy_study.jets)

    def test_unknown_suffix_of_scores(self, refused, toy_study, tmp_path):
        line = ["predict", toy_study.checkpoint, f"{toy_study.jets}#test", "--out", tmp_path / "scores.txt"]
        refused(line, tmp_path / "scores.txt", ".root", ".parquet")

    def test_archive_without_scores(self, refused, tmp_path):
        with zipfile.ZipFile(tmp_path / "scores.npz", "w") as archive:
            buffer = io.BytesIO()
            np.save(buffer, np.zeros(3))
            archive.writestr("something.npy", buffer.getvalue())
        refused(["evaluate", tmp_path / "scores.npz", "--out", tmp_path / "out"], tmp_path / "scores.npz", "something")


class TestReport:
    def test_no_such_folder(self, refused, tmp_path):
        refused(["report", tmp_path / "evaluation", "--out", tmp_path / "out"], tmp_path / "evaluation", "no such folder")

    def test_folder_without_results(self, refused, tmp_path):
        (tmp_path / "evaluation").mkdir()
        refused(["report", tmp_path / "evaluation", "--out", tmp_path / "out"], tmp_path / "evaluation")

    def test_damaged_results(self, refused, study_copy, tmp_path):
        (study_copy.evaluation / "metrics.json").write_text("{")
        refused(["report", study_copy.evaluation, "--out", tmp_path / "out"], study_copy.evaluation / "metrics.json")


class TestGenerate:
    def test_unknown_process(self, refused, tmp_path):
        refused(["generate", "--process", "tpo", "qcd", "--jets", 10, "--out", tmp_path / "jets.root"], "tpo", "top")

    def test_no_jets(self, refused, tmp_path):
        refused(["generate", "--process", "top", "qcd", "--jets", 0, "--out", tmp_path / "jets.root"], "--jets")

    def test_without_the_generators(self, refused, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pythia8mc", None)
        refused(
            ["generate", "--process", "top", "qcd", "--jets", 10, "--out", tmp_path / "jets.root"],
            "pythia8mc",
            "pip install",
            "gen",
        )
