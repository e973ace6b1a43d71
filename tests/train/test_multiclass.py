"""Seven classes and particle scalars, in a file with the branch names of JetClass: trained, predicted, evaluated."""

import json

import awkward as ak
import numpy as np
import pytest

import lorentznet as ln
from lorentznet.cli import main
from lorentznet.evaluate.scores import ScoreTable

CLASSES = ("Hbb", "Hcc", "Hgg", "QCD", "Tbqq", "Wqq", "Zqq")


@pytest.fixture
def jets(toys, tmp_path):
    """Toy jets of seven classes that the charges of the particles tell apart."""
    branches = toys.branches(210, seed=6)
    counts = ak.num(branches["part_px"])
    labels = np.arange(210) % 7
    charge = np.random.default_rng(1).integers(-1, 2, int(ak.sum(counts))) + np.repeat(labels, counts)
    branches = {name: values for name, values in branches.items() if not name.startswith("label_")}
    branches |= {f"label_{name}": labels == k for k, name in enumerate(CLASSES)}
    branches["part_charge"] = ak.unflatten(charge.astype(np.float32), counts)
    classes = {name: f"label_{name}" for name in CLASSES}
    card = toys.card(classes=classes, scalars=["part_charge"], splits={"train": [0, 140], "val": [140, 175], "test": [175, 210]})
    return toys.write(tmp_path / "jetclass.root", branches, card)


@pytest.mark.parametrize("name", ["cg", "clifford"])
def test_from_jets_to_metrics(name, jets, tmp_path):
    run, scores, out = tmp_path / name, tmp_path / "scores.root", tmp_path / "evaluation"
    data = ["--data.train", f"{jets}#train", "--data.val", f"{jets}#val", "--data.batch_size", "20"]
    options = [
        "--tagger.preset",
        "tiny",
        "--trainer.epochs",
        "3",
        "--optimizer.lr",
        "0.02",
        "--optimizer.ema",
        "0",
        "--trainer.threads",
        "1",
    ]
    assert main(["train", "--config", f"quickstart-{name}", *data, *options, "--out", str(run), "--quiet"]) == 0
    course = np.genfromtxt(run / "metrics.csv", delimiter=",", names=True)["train_loss"]
    assert course[-1] < course[0]
    tagger = ln.load(run)
    assert (tagger.config.classes, tagger.config.scalars, tagger.n_outputs) == (7, 1, 7)
    assert tagger.class_names == CLASSES
    assert main(["predict", str(run), f"{jets}#test", "--out", str(scores), "--quiet"]) == 0
    assert ScoreTable.read(scores).logits.shape == (35, 7)
    assert main(["evaluate", str(scores), "--out", str(out), "--quiet"]) == 0
    numbers = json.loads((out / "metrics.json").read_text())["taggers"][name]
    assert set(numbers["classes"]) == set(CLASSES[1:])
    assert set(numbers["jets"]) == set(CLASSES)
