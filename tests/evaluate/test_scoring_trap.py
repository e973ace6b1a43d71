"""Only differences of logits are scores: a random constant added to both logits of a jet must not reach a published number."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lorentznet.cli import main
from lorentznet.evaluate.scores import ScoreTable


@pytest.mark.parametrize("suffix", ["root", "parquet", "h5"])
def test_a_score_file_of_a_tagger_with_two_logits_is_ranked_by_their_difference(tmp_path, suffix):
    random = np.random.default_rng(7)
    labels = np.tile([0, 1], 1500)
    grid = 2.0**-20  # on this grid all sums are exact
    z = np.round((labels + random.normal(size=len(labels))) / grid) * grid
    constant = np.round(random.normal(0, 100, len(labels)) / grid) * grid
    assert roc_auc_score(labels, z + constant) < 0.6 < roc_auc_score(labels, z)

    def evaluated(name, shift):
        table = ScoreTable(
            ids=np.arange(len(labels)),
            labels=labels,
            weights=np.ones(len(labels)),
            logits=np.stack((shift, z + shift), axis=1),
            classes=("qcd", "top"),
            name="two-logits",
        )
        out = tmp_path / name
        assert main(["evaluate", str(table.write(tmp_path / f"{name}.{suffix}")), "--out", str(out), "--quiet"]) == 0
        return json.loads((out / "metrics.json").read_text())["taggers"]

    plain, shifted = (evaluated(*case) for case in (("plain", np.zeros(len(labels))), ("shifted", constant)))
    for taggers in (plain, shifted):  # a loss is computed from each logit, and rounded; its digits are compared below
        taggers["loss"] = taggers["two-logits"]["calibration"].pop("nll")
    assert shifted.pop("loss") == pytest.approx(plain.pop("loss"), rel=1e-12)
    assert shifted == plain
