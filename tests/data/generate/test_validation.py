"""The validation study runs on the shipped sample, and its observables are right on jets that are known."""

import importlib.util
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

STUDY = Path(__file__).parents[3] / "analysis" / "validation" / "generated_jets.py"


@pytest.fixture(scope="module")
def study():
    if not STUDY.is_file():
        pytest.skip("the studies are not part of the installed package")
    pytest.importorskip("fastjet")
    import sys

    spec = importlib.util.spec_from_file_location("generated_jets", STUDY)
    module = importlib.util.module_from_spec(spec)
    sys.modules["generated_jets"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["generated_jets"]


def test_study_runs(study, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["generated_jets.py", "--jets", "400", "--out", str(tmp_path / "figure")])
    study.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.pdf", "figure.png"]
    lines = capsys.readouterr().out.splitlines()
    assert "generated (Pythia 8 + fast detector)" in lines[0]
    assert any(line.startswith("AUC of tau32") for line in lines)


def test_three_subjets(study):
    """Three hard particles: known pair masses, tau3 = 0, and soft drop keeps all of them."""
    pt, eta, phi = np.array([[300.0, 200, 100]]), np.array([[0.0, 0.4, -0.3]]), np.array([[0.0, 0.1, 0.3]])
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    jets = ak.Array({"px": px, "py": py, "pz": pz, "E": pt * np.cosh(eta)})
    found = study.substructure(ak.zip({name: ak.from_regular(jets[name]) for name in jets.fields}))
    pairs = [
        2 * pt[0, i] * pt[0, j] * (np.cosh(eta[0, i] - eta[0, j]) - np.cos(phi[0, i] - phi[0, j]))
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert found["pair_mass"][0] == pytest.approx(np.sqrt(min(pairs)))
    assert found["soft_drop"][0] == pytest.approx(np.sqrt(sum(pairs)))
    assert found["tau32"][0] == pytest.approx(0, abs=1e-6)


def test_too_few_particles(study):
    """Substructure of two particles is not a number, and does not disturb the other jets."""
    pt, eta = ak.Array([[5.0, 4.0], [300.0, 200.0, 100.0]]), ak.Array([[0.0, 0.1], [0.0, 0.4, -0.3]])
    jets = ak.zip({"px": pt, "py": 0 * pt, "pz": pt * np.sinh(eta), "E": pt * np.cosh(eta)})
    found = study.substructure(jets)
    assert all(np.isnan(values).tolist() == [True, False] for values in found.values())


def test_area_under_the_curve(study):
    value, error = study.auc(np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.0]))
    assert value == pytest.approx(5.5 / 6)
    assert error > 0
