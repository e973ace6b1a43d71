"""From outside: a file of float64 jets and its boosted copy get the same logits."""

import math

import awkward as ak
import numpy as np
import pytest
import torch
import uproot

import lorentznet as ln
from lorentznet.cli import main
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.group import LorentzTransform
from lorentznet.train.checkpoint import save

CARD = """
name: float64-jets
units: GeV
momenta: {px: part_px, py: part_py, pz: part_pz, E: part_energy}
classes: {qcd: label_QCD, top: label_Tbqq}
"""


def write(path, table, momenta):
    columns = {name: ak.unflatten(momenta[:, k], table.counts) for k, name in enumerate(("energy", "px", "py", "pz"))}
    branches = {
        "part": ak.zip(columns),
        "label_QCD": (table.labels == 0).astype("int32"),
        "label_Tbqq": (table.labels == 1).astype("int32"),
    }
    with uproot.recreate(path) as file:
        tree = file.mktree(
            "tree", {name: ak.type(values).content if name == "part" else values.dtype for name, values in branches.items()}
        )
        tree.extend(branches)
    path.with_suffix(".yaml").write_text(CARD)
    return path


@pytest.mark.parametrize("gamma", [2.0, 100.0])
@pytest.mark.parametrize("name", ["cg", "clifford"])
def test_a_file_and_its_boosted_copy_get_the_same_logits(name, gamma, tmp_path, capfd):
    table = ln.data.sample()[:300]
    boost = LorentzTransform.boost(math.acosh(gamma) * torch.tensor([1.0, 2.0, -2.0], dtype=torch.float64) / 3)
    tagger = ln.taggers.create(name, "small", seed=1)
    tagger.class_names = ("qcd", "top")
    checkpoint = save(tmp_path / "tagger.ckpt", tagger, classes=("qcd", "top"))
    logits = []
    for stem, momenta in (("here", table.momenta), ("there", table.momenta @ boost.matrix.numpy().T)):
        jets = write(tmp_path / f"{stem}.root", table, momenta)
        assert main(["predict", str(checkpoint), str(jets), "--out", str(tmp_path / f"{stem}_scores.root"), "--quiet"]) == 0
        logits.append(ScoreTable.read(tmp_path / f"{stem}_scores.root").log_odds)
    here, there = logits
    assert len(here) == 300
    assert (
        np.sqrt(np.mean((here - there) ** 2)) / np.std(here) < 1e-5
    )  # float32 networks, fresh weights, whose logits spread little
