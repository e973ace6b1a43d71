"""Pretrained weights: loading by name, everything that can be wrong with their files, the commands that take them."""

import hashlib
import json
import shutil
import struct

import pytest
import torch

import lorentznet as ln
from lorentznet.cli import main
from lorentznet.errors import CheckpointError
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.group.convention import convention
from lorentznet.train import checkpoint, pretrained, weights_file


@pytest.fixture
def folder(toy_weights, tmp_path, monkeypatch):
    """A folder with the weights ``cg-toy``, which the package takes for its own while the test lasts."""
    copy = shutil.copytree(toy_weights.parent, tmp_path / "given")
    monkeypatch.setattr(pretrained, "FOLDER", copy)
    monkeypatch.chdir(tmp_path)
    return copy


def same(tagger, other):
    left, right = tagger.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_the_list_is_what_lies_in_the_folder(folder, tmp_path):
    assert pretrained.names() == ["cg-toy"]
    for suffix in (".safetensors", ".json"):
        shutil.copy(folder / f"cg-toy{suffix}", folder / f"another{suffix}")
    assert pretrained.names() == ["another", "cg-toy"]
    assert pretrained.names(tmp_path) == pretrained.names(tmp_path / "nowhere") == []


def test_a_name_gives_the_trained_tagger(folder, toy_study):
    trained = ln.load(toy_study.checkpoint)
    for tagger in (
        ln.load("cg-toy"),
        ln.load("cg-toy", name="cg"),
        pretrained.load("cg-toy", folder),
        ln.load(folder / "cg-toy.safetensors"),
    ):
        assert same(tagger, trained)
        assert (tagger.config, tagger.class_names, tagger.training) == (trained.config, ("qcd", "top"), False)
        assert tagger.training_range == trained.training_range
        assert {parameter.dtype for parameter in tagger.parameters()} == {torch.float32}
    assert checkpoint.about("cg-toy")["classes"] == ("qcd", "top")


def test_what_is_in_the_files(folder):
    from safetensors import safe_open

    with safe_open(folder / "cg-toy.safetensors", "pt") as file:
        header = file.metadata()
    assert header["lorentznet"] == str(weights_file.FORMAT)
    assert header["irreps"] == convention()
    facts = pretrained.facts("cg-toy")
    assert facts["sha256"] == hashlib.sha256((folder / "cg-toy.safetensors").read_bytes()).hexdigest()
    assert ln.taggers.create(**facts["tagger"]).n_parameters == facts["parameters"]


def test_a_path_wins_over_a_name(folder, toy_study, tmp_path):
    with pytest.raises(CheckpointError, match="not of 'clifford'"):
        ln.load("cg-toy", name="clifford")
    other = ln.taggers.create("clifford", "tiny", seed=1)
    checkpoint.save(tmp_path / "cg-toy" / "best.ckpt", other)
    assert ln.load("cg-toy").name == "clifford"


def refused(word, *words, **settings):
    with pytest.raises(CheckpointError) as caught:
        ln.load(word, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert all(str(part) in message for part in words), message


def test_unknown_names(folder):
    refused("cg-toi", "cg-toi: no such file", "did you mean 'cg-toy'?")
    refused("somewhere/cg-toy", "somewhere/cg-toy: no such file")
    with pytest.raises(CheckpointError, match="did you mean 'cg-toy'"):
        pretrained.load("cgtoy")
    (folder / "cg-toy.safetensors").unlink()
    refused("cg-toy", "no such file", "nothing is available")


def told(folder, **changes):
    """Change what the JSON says; None removes."""
    path = folder / "cg-toy.json"
    facts = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in facts.items() if value is not None}))


def sealed(folder, content):
    """Other weights, with size and digest in the JSON that fit them."""
    (folder / "cg-toy.safetensors").write_bytes(content)
    told(folder, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.999])
def test_truncated(kept, folder):
    path = folder / "cg-toy.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    refused("cg-toy", path, "truncated", f"of {len(whole)} bytes")


@pytest.mark.parametrize("place", [0, 9, 200, -1])
def test_a_flipped_bit(place, folder):
    path = folder / "cg-toy.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    refused("cg-toy", path, "damaged", "SHA-256")


def test_missing_and_foreign_description(folder):
    path = folder / "cg-toy.json"
    path.write_text("{")
    refused("cg-toy", path, "not valid JSON")
    path.write_text('{"format": 1, "bytes": 3}')
    refused("cg-toy", path, "lacks sha256, tagger, classes")
    path.write_text("[]")
    refused("cg-toy", path)
    path.unlink()
    refused("cg-toy", path, "missing", "install lorentznet again")


def test_newer_format(folder):
    told(folder, format=99)
    refused("cg-toy", "format 99", "newer lorentznet")


def reheaded(content, **changes):
    """A safetensors file with other metadata."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] |= changes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def test_newer_format_in_the_header(folder):
    sealed(folder, reheaded((folder / "cg-toy.safetensors").read_bytes(), lorentznet="7"))
    refused("cg-toy", "format 7", "newer lorentznet")


def test_irreps_in_another_order(folder):
    other = "(0,0) (2,2) (1,1); basis 3"
    sealed(folder, reheaded((folder / "cg-toy.safetensors").read_bytes(), irreps=other))
    refused("cg-toy", other, convention())


@pytest.mark.parametrize("content", [b"", b"no tensors at all", struct.pack("<Q", 1 << 60) + b"{}"])
def test_no_tensors(content, folder):
    sealed(folder, content)
    refused("cg-toy", folder / "cg-toy.safetensors", "safetensors")


def test_weights_of_another_shape(folder):
    facts = pretrained.facts("cg-toy")
    told(folder, tagger={**facts["tagger"], "hidden": facts["tagger"]["hidden"] + 1})
    refused("cg-toy", "shape", "expected", "another version")


def test_settings_and_taggers_of_another_version(folder):
    tagger = pretrained.facts("cg-toy")["tagger"]
    told(folder, tagger={**tagger, "depth": 3})
    refused("cg-toy", "'depth'", "another version")
    told(folder, tagger={**tagger, "name": "cgg"})
    refused("cg-toy", "'cgg'", "did you mean 'cg'?")


def test_predict_by_name(folder, toy_study, tmp_path):
    out = tmp_path / "scores.root"
    assert main(["predict", "cg-toy", f"{toy_study.jets}#test", "--out", str(out), "--quiet"]) == 0
    table, before = ScoreTable.read(out), ScoreTable.read(toy_study.scores)
    assert table.name == "cg-toy"
    assert table.logits.tolist() == before.logits.tolist()
    which = table.provenance["prediction"]["pretrained"]
    facts = pretrained.facts("cg-toy")
    assert which == {key: facts[key] for key in ("name", "format", "sha256", "irreps", "made")}
    assert which["made"] == ln.__version__
    assert "checkpoint" not in table.provenance["prediction"]
    about = table.provenance["tagger"]
    assert (about["seed"], about["epochs"]) == (before.provenance["tagger"]["seed"], before.provenance["tagger"]["epochs"])
    assert len(ln.train.predict("cg-toy", f"{toy_study.jets}#test")) == len(table)


def test_invariance_by_name(folder, toy_study, tmp_path, capsys):
    out = tmp_path / "invariance"
    words = ["cg-toy", str(toy_study.run), f"{toy_study.jets}#test"]
    assert main(["invariance", *words, "--jets", "10", "--out", str(out), "--quiet"]) == 0
    assert set(json.loads((out / "invariance.json").read_text())["taggers"]) == {"cg-toy", "cg"}


@pytest.mark.parametrize("command", ["predict", "invariance"])
def test_commands_with_an_unknown_name(command, folder, toy_study, tmp_path, capsys):
    assert main([command, "cg-toi", f"{toy_study.jets}#test", "--out", str(tmp_path / "out.root"), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("lorentznet: error: cg-toi: no such file")
    assert "did you mean 'cg-toy'?" in error
    assert error.count("\n") == 1


def test_list_and_card(folder, capsys):
    assert main(["pretrained", "--quiet"]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "tagger", "parameters", "symmetry", "AUC", "trained", "on"]
    facts = pretrained.facts("cg-toy")
    assert line.split()[:4] == ["cg-toy", "cg", f"{facts['parameters']:,}", facts["symmetry"]]
    assert line.endswith("240 jets, toy")
    assert main(["pretrained", "cg-toy"]) == 0
    assert capsys.readouterr().out == (folder / "cg-toy.md").read_text()
    assert main(["pretrained", "cg-toy", "cg-tos"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "did you mean 'cg-toy'?" in captured.err


def test_empty_folder(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "nowhere")
    assert main(["pretrained"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no pretrained weights" in captured.err
