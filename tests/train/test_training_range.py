"""What the training jets were, and the one line that is said of jets that are others."""

import json

import numpy as np
import pytest

import lorentznet as ln
from lorentznet.cli import main
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.train import checkpoint
from lorentznet.train.training_range import NAMES, RangeCheck, measure, quantities


def jets(n, seed=1, scale=1.0):
    """Momenta and counts of toy jets."""
    batch = ln.testing.toy_jets(n, seed)
    return scale * batch.p4.numpy(), batch.counts.numpy()


def test_quantities_are_those_of_each_jet_alone():
    p4, counts = jets(20)
    table = ln.data.JetTable.from_arrays(p4, counts)
    found = quantities(p4, counts)
    assert list(found) == list(NAMES)
    np.testing.assert_allclose(found["pt"], table.jet_pt, rtol=1e-12)
    np.testing.assert_allclose(found["abs_eta"], np.abs(table.jet_eta), rtol=1e-9)
    np.testing.assert_allclose(found["mass"], table.jet_mass, rtol=1e-6)
    assert found["constituents"].tolist() == counts.tolist()
    ends = np.cumsum(counts)
    assert found["softest"].tolist() == [
        min(p4[end - number : end, 0]) for end, number in zip(ends.tolist(), counts.tolist(), strict=True)
    ]


def test_jets_at_the_edge_of_what_is_possible():
    """Along the beam, without particles, at rest, and none at all: numbers all the same."""
    p4 = np.array([[5.0, 0, 0, 5], [3, 0, 0, 0], [13, 3, 4, 12]])
    found = quantities(p4, [1, 0, 1, 1])
    assert all(np.isfinite(values).all() and len(values) == 3 for values in found.values())
    assert found["pt"].tolist() == [0, 0, 5]
    assert found["abs_eta"][0] == pytest.approx(20)
    check = RangeCheck(measure(p4, [1, 1, 1]))
    check.add(np.zeros((0, 4)), np.zeros(0, dtype=int))
    check.add(p4, [1, 1, 1])
    assert check.jets == 3
    assert measure(np.zeros((0, 4)), []) == {"jets": 0, **{name: {} for name in NAMES}}


def test_quiet_inside_and_clear_outside():
    known = measure(*jets(2000))
    same, other = RangeCheck(known), RangeCheck(known)
    same.add(*jets(1000, seed=2))
    assert same.sentence() == ""
    other.add(*jets(600, seed=2))
    other.add(*jets(400, seed=3, scale=1.7))
    line = other.sentence()
    assert other.shares["pt"] == pytest.approx(0.4, abs=0.01)
    assert line.startswith(f"trained on pT {known['pt']['0.001']:.3g}-{known['pt']['0.999']:.3g} GeV, |eta| < ")
    assert f"-{known['constituents']['0.999']:.0f} constituents" in line
    assert "40 % of these jets are outside in pT" in line
    assert line.endswith("; scores are extrapolations")
    assert "\n" not in line


@pytest.mark.parametrize(("scale", "unit"), [(1e3, "MeV"), (1e-3, "TeV")])
def test_wrong_units_are_guessed(scale, unit):
    check = RangeCheck(measure(*jets(200)))
    check.add(*jets(50, scale=scale))
    assert f"in {unit}?" in check.sentence()


def test_nothing_known_nothing_said():
    check = RangeCheck(None)
    check.add(*jets(10))
    assert (check.jets, check.sentence()) == (0, "")


@pytest.fixture(scope="module")
def fast(toys, tmp_path_factory):
    """The toy jets of the study, at twice their momenta."""
    branches = {name: 2 * values if name.startswith(("part_", "jet_pt")) else values for name, values in toys.branches().items()}
    return toys.write(tmp_path_factory.mktemp("fast") / "fast.root", branches)


def test_a_training_keeps_its_range(toy_study):
    table = ln.data.read(f"{toy_study.jets}#train")
    known = ln.load(toy_study.checkpoint).training_range
    assert known == measure(table.momenta, table.counts) == checkpoint.load_run_info(toy_study.run)["range"]
    assert known["jets"] == 240


def test_predict_warns(toy_study, fast, tmp_path, capsys):
    out = tmp_path / "scores.root"
    assert main(["predict", str(toy_study.run), f"{toy_study.jets}#train", "--out", str(out)]) == 0
    assert "outside" not in capsys.readouterr().err
    assert "extrapolation" not in ScoreTable.read(out).provenance["prediction"]
    assert main(["predict", str(toy_study.run), f"{fast}#train", "--out", str(out)]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "outside" in line]
    assert line.startswith("warning: cg was trained on pT ")
    assert ScoreTable.read(out).provenance["prediction"]["extrapolation"] in line


def test_inspect_warns_for_the_weights_that_are_named(toy_study, fast, capsys):
    assert main(["inspect", str(fast), "--quiet"]) == 0
    assert "outside" not in capsys.readouterr().out
    assert main(["inspect", f"{toy_study.jets}#train", "--for", str(toy_study.run), "--quiet"]) == 0
    assert "outside" not in capsys.readouterr().out
    assert main(["inspect", str(fast), str(toy_study.jets), "--for", str(toy_study.run), "--quiet"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "outside" in line]
    assert line.startswith(f"  warning    {toy_study.run} was trained on pT ")
    assert main(["inspect", str(fast), "--for", str(toy_study.run), "--json", "--quiet"]) == 0
    assert "outside in pT" in json.loads(capsys.readouterr().out)[0]["warnings"][-1]


def test_inspect_for_weights_that_do_not_know(toy_study, tmp_path, refused):
    tagger = ln.load(toy_study.checkpoint)
    tagger.training_range = None
    path = checkpoint.save(tmp_path / "silent.ckpt", tagger)
    refused(["inspect", toy_study.jets, "--for", path], path, "does not say")
