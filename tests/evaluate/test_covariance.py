"""The covariance scan of momentum regressions."""

import csv
import json

import pytest
import torch

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate import covariance, invariance
from lorentznet.testing import toy_jets
from lorentznet.testing.measure import awakened


@pytest.fixture(scope="module")
def scanned():
    tagger = awakened(taggers.create("cg", "tiny", seed=1, task="momentum", references=("beams",)))
    steps = []
    result = covariance.scan({"net": tagger}, toy_jets(8), gammas=(2.0, 100.0), progress=steps.append)
    assert sum(steps) == covariance.measurements(gammas=(2.0, 100.0))
    return result


def test_the_front_end_keeps_momenta_covariant(scanned):
    numbers = scanned.regressions["net"]
    assert numbers["float64"]["frame"]["boost"]["2"]["max"] < 1e-10
    assert numbers["float64"]["frame"]["rotation"]["1"]["max"] < 1e-10
    assert numbers["float32"]["frame"]["boost"]["100"]["rms"] < 1e-5
    assert numbers["float32"]["lab"]["boost"]["100"]["rms"] > 1e-3


def test_in_float64_the_error_is_that_of_rounding(scanned):
    """Up to a factor of three, at strong boosts; at weak ones there is nothing but the last digits."""
    found, floor = scanned.regressions["net"]["float64"]["frame"], scanned.regressions["net"]["floor"]
    for transformation in ("boost", "boost_z"):
        assert floor[transformation]["100"]["rms"] > 1e-13
        assert found[transformation]["100"]["rms"] <= 3 * floor[transformation]["100"]["rms"]


def test_order_padding_and_company_change_nothing_but_rounding(scanned):
    for conditioning, rounding in (("frame", 1e-12), ("lab", 1e-8)):
        for rearrangement in ("permutation", "padding", "company"):
            assert scanned.regressions["net"]["float64"][conditioning][rearrangement]["1"]["max"] < rounding


def test_a_network_that_looks_at_its_neighbours_is_found_out(monkeypatch):
    tagger = awakened(taggers.create("cg", "tiny", seed=1, task="momentum"))
    forward = type(tagger).forward
    monkeypatch.setattr(type(tagger), "forward", lambda self, batch: forward(self, batch) + 1e-3 * batch.p4[0])
    asked = {"transformations": ("permutation", "padding", "company"), "dtypes": ("float64",)}
    found = covariance.scan({"net": tagger}, toy_jets(8), **asked).regressions["net"]["float64"]["frame"]
    assert found["permutation"]["1"]["max"] > 1e-6
    assert found["company"]["1"]["max"] > 1e-6
    assert found["padding"]["1"]["max"] < 1e-12, "the first jet is the first beside a longer one too"


def test_written_and_shown(scanned, tmp_path):
    paths = scanned.write(tmp_path)
    assert json.loads(paths[0].read_text())["regressions"] == scanned.regressions
    with paths[1].open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == (4 + 1) * (3 * 2 + 2) + 4 * 3, (
        "boosts of two gammas, rotation and reflection, all with floor, and rearrangements"
    )
    assert sum(row["conditioning"] == "floor" for row in rows) == 3 * 2 + 2
    assert "floor, rounding alone" in scanned.table()
    assert {row["transformation"] for row in rows} == set(invariance.EVERYTHING)
    assert "gamma 100" in scanned.table()
    assert "float32 network behind the float64 rest frame" in scanned.table()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"transformations": ("bost",)}, "covariance: unknown transformation 'bost'; did you mean 'boost'"),
        ({"dtypes": ("autocast",)}, "covariance: unknown dtype 'autocast'; .*bfloat16"),
        ({"gammas": (2.0, 0.5)}, "covariance: gammas must be at least 1, got 2, 0.5"),
    ],
)
def test_what_cannot_be_asked(asked, words):
    momentum = taggers.create("cg", "tiny", seed=1, task="momentum")
    with pytest.raises(ConfigError, match=words):
        covariance.scan({"net": momentum}, toy_jets(4), **asked)


def test_jets_without_particles_have_no_momentum_to_compare():
    tagger = awakened(taggers.create("cg", "tiny", seed=1, task="momentum"))
    jets = toy_jets(4)
    some = JetBatch.from_arrays(jets.p4, [*jets.counts.tolist(), 0])
    found = covariance.scan({"net": tagger}, some, gammas=(2.0,), dtypes=("float64",), transformations=("boost",))
    assert found.regressions["net"]["float64"]["frame"]["boost"]["2"]["max"] < 1e-10
    assert found.about["empty_jets"] == 1
    assert "(4 jets, 1 without particles left out, seed 1)" in found.table()
    with pytest.raises(DataError, match="covariance: no jet has a particle"):
        covariance.scan({"net": tagger}, JetBatch.from_arrays(torch.zeros(0, 4), [0]))


def test_momenta_are_not_scanned_for_invariance_nor_logits_for_covariance():
    momentum, logit = taggers.create("cg", "tiny", seed=1, task="momentum"), taggers.create("cg", "tiny", seed=1)
    with pytest.raises(ConfigError, match="scan their covariance"):
        invariance.scan(momentum, toy_jets(4), gammas=(2.0,))
    with pytest.raises(ConfigError, match="scan its invariance"):
        covariance.scan({"net": logit}, toy_jets(4))
