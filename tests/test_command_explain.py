"""``lorentznet explain`` from the command line."""

import json

import numpy as np
import pytest

import lorentznet as ln
from lorentznet import taggers
from lorentznet.cli import main
from lorentznet.train import save
from lorentznet.train.training_range import measure

SMALL = {"irreps": "3x(0,0)+2x(1,1)", "layers": 1, "products": 2, "width": 4, "bells": (2, 2, 2), "hidden": 4, "heads": 1}


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint of any tagger."""

    def make(name="cg", **options):
        tagger = taggers.create(name, seed=1, **{**(SMALL if name == "cg" else {}), **options})
        if tagger.task == "tagging":
            tagger.class_names = ("qcd", "top")
        return save(tmp_path / f"{name}.ckpt", tagger)

    return make


@pytest.fixture
def jets(toys, tmp_path):
    return toys.write(tmp_path / "jets.root", toys.branches(30))


def test_files_and_table(checkpoint, jets, tmp_path, capsys):
    line = ["explain", checkpoint(), f"{jets}#0:30", "--out", tmp_path / "out", "--jets", "12", "--name", "small"]
    assert main(list(map(str, line))) == 0
    said = capsys.readouterr()
    assert said.out.startswith("small on 12 jets (")
    for word in ("irreps:", "vectors v", "invariants:", "ln M, everywhere", "paths", "layer 1: own v"):
        assert word in said.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"explain.{end}" for end in ("json", "csv", "png", "pdf")}
    numbers = json.loads((tmp_path / "out" / "explain.json").read_text())
    assert numbers["checkpoint"].endswith("cg.ckpt")
    assert numbers["command"].startswith("lorentznet explain ")
    assert sum(numbers["jets"].values()) == 12
    assert all({"kind", "name", "loss", "auc"} <= set(part) for part in numbers["removed"])


def test_jets_that_the_tagger_does_not_know_are_told(checkpoint, toys, tmp_path, capsys):
    branches = toys.branches(40)
    rows = np.arange(40) % 4 == 3
    branches |= {"label_Hbb": rows} | {name: branches[name] & ~rows for name in ("label_QCD", "label_Tbqq")}
    path = toys.write(
        tmp_path / "jets.root", branches, toys.card(classes={name: f"label_{name}" for name in ("QCD", "Hbb", "Tbqq")})
    )
    tagger = ln.load(checkpoint())
    far = ln.testing.toy_jets(20, particles=5)
    tagger.training_range = measure(100 * far.p4.numpy(), far.counts.numpy())
    save(tmp_path / "cg.ckpt", tagger)
    for command in ("explain", "invariance"):
        few = ["--jets", "12", "--out", str(tmp_path / command)]
        some = ["--parts", "--transformations", "boost", "--gammas", "2"] if command == "invariance" else []
        assert main([command, str(tmp_path / "cg.ckpt"), str(path), *few, *some]) == 0
        said = capsys.readouterr().err
        assert "warning: cg was trained on" in said
        assert ("warning: jets of other classes than qcd, top are left out: Hbb" in said) == (command == "explain")


def test_what_cannot_be_explained(checkpoint, jets, toys, refused, tmp_path):
    out = ["--out", tmp_path / "out"]
    refused(["explain", checkpoint("pfn"), jets, *out], "pfn.ckpt: tagger 'pfn' has no irreps or grades")
    refused(["explain", checkpoint(task="mass"), jets, *out], "task 'mass'")
    tagger = checkpoint()
    refused(["explain", tagger, jets, *out, "--jets", "1"], "--jets 1: at least 2")
    refused(["explain", tagger, jets, *out, "--seed", "-1"], "--seed -1")
    refused(["explain", tagger, tmp_path / "jetts.root", *out], "jetts.root", "no such file")
    refused(["explain", tmp_path / "other.ckpt", jets, *out], "other.ckpt", "did you mean 'cg.ckpt'?")
    refused(["explain", tagger, f"{jets}#0:1", *out], "is of class 'top'")
    others = toys.write(tmp_path / "others.root", toys.branches(30), toys.card(classes={"a": "label_QCD", "b": "label_Tbqq"}))
    refused(["explain", tagger, others, *out], "others.root", "classes a, b", "qcd, top")
    unlabelled = toys.card()
    del unlabelled["classes"]
    bare = toys.write(tmp_path / "bare.root", toys.branches(30), unlabelled)
    refused(["explain", tagger, bare, *out], "bare.root", "label")
