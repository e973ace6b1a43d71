"""Columns of true momenta and masses: named in full, by their beginning, in any usual set of components."""

import awkward as ak
import numpy as np
import pytest
import uproot

from lorentznet.data import read
from lorentznet.data.table import JetTable
from lorentznet.errors import DataError
from lorentznet.train.jet_arrays import JetArrays
from lorentznet.train.target import Target

TRUE = np.array([[600.0, 300.0, -400.0, 250.0], [700.0, 100.0, 600.0, -50.0], [0.0, 0.0, 0.0, 0.0]])
MASS = np.sqrt(np.maximum(TRUE[:, 0] ** 2 - (TRUE[:, 1:] ** 2).sum(1), 0))


def table(**observers) -> JetTable:
    return JetTable.from_arrays(np.tile([5.0, 3.0, 4.0, 0.0], (6, 1)), [2, 2, 2], observers=observers, source="jets.root")


def cartesian(stem="aux_genpart_", names=("energy", "px", "py", "pz")) -> dict:
    return {f"{stem}{name}": TRUE[:, k] for k, name in enumerate(names)}


def polar() -> dict:
    pt = np.hypot(TRUE[:, 1], TRUE[:, 2])
    eta = np.arcsinh(TRUE[:, 3] / np.maximum(pt, 1e-9))
    return {"true_pt": pt, "true_eta": eta, "true_phi": np.arctan2(TRUE[:, 2], TRUE[:, 1]), "true_mass": MASS}


@pytest.mark.parametrize(
    ("words", "observers"),
    [
        (("aux_genpart",), cartesian()),
        (("aux_genpart_pz", "aux_genpart_px", "aux_genpart_energy", "aux_genpart_py"), cartesian()),
        (("truth",), cartesian("truth", ("E", "PX", "PY", "PZ"))),
        (("true",), polar()),
        (("true_pt", "true_eta", "true_phi", "true_mass"), polar()),
        (("aux_genpart",), {**cartesian(), **cartesian("aux_genpart_w_"), "aux_pthat": TRUE[:, 0]}),
    ],
    ids=["beginning", "four columns", "capitals", "polar beginning", "polar", "others of a similar name"],
)
def test_four_momenta(words, observers):
    values, present = Target(words, "momentum").values(table(**observers))
    np.testing.assert_allclose(values, TRUE, atol=1e-9)
    assert present.tolist() == [True, True, False]
    mass, present = Target(words, "mass").values(table(**observers))
    np.testing.assert_allclose(mass[:, 0], MASS, rtol=1e-9)
    assert present.tolist() == [True, True, False]


def test_a_single_column_is_a_mass():
    values, present = Target(("gen_mass",), "mass").values(table(gen_mass=MASS))
    assert values[:, 0].tolist() == MASS.tolist()
    assert present.tolist() == [True, True, False]
    assert Target(("gen_mass",), "mass").among(["gen_mass"])
    assert not Target(("gen_mass",), "momentum").among(["gen_mass"])


@pytest.mark.parametrize("column", ["jet_mass", "true_mass"])
def test_targets_in_mev_are_converted_once_whoever_converts_them(column, tmp_path):
    momenta = np.tile([[5e3, 3e3, 4e3, 0.0]], (3, 1))
    branches = {f"part_{name}": ak.Array([momenta[:2, k], momenta[2:, k]]) for k, name in enumerate(("energy", "px", "py", "pz"))}
    with uproot.recreate(tmp_path / "jets.root") as file:
        file["tree"] = branches | {column: np.array([8000.0, 0.0])}
    named = {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"}
    card = {"name": "mev", "units": "MeV", "momenta": named, "observers": [column]}
    values, present = Target((column,), "mass").values(read(tmp_path / "jets.root", card))
    assert values[:, 0].tolist() == [8.0, 0.0]
    assert present.tolist() == [True, False]


@pytest.mark.parametrize(
    ("words", "task", "complaint"),
    [
        (("aux_genprat",), "momentum", "no four-momentum.*aux_genpart_energy.*observers"),
        (
            ("aux_genpart_px", "aux_genpart_py", "aux_genpart_pz", "aux_genpart_enrgy"),
            "momentum",
            "did you mean 'aux_genpart_energy'",
        ),
        (("aux_genpart_px", "aux_genpart_py"), "momentum", "give four columns"),
        (("jet_pt",), "momentum", "four columns"),
        (("nothing",), "mass", "one column, or four"),
    ],
)
def test_mistakes_name_the_nearest(words, task, complaint):
    with pytest.raises(DataError, match=complaint) as caught:
        Target(words, task).values(table(**cartesian(), jet_pt=TRUE[:, 0]))
    assert str(caught.value).startswith("jets.root: ")
    assert "\n" not in str(caught.value)


def test_a_target_that_is_not_finite_is_refused():
    with pytest.raises(DataError, match="not finite for 1 jets \\(first: jet 1\\)"):
        Target(("m",), "mass").values(table(m=np.array([1.0, np.nan, 2.0])))


def test_jets_without_a_target_are_left_out():
    jets = JetArrays.from_tables([table(**cartesian()), table(**cartesian())], Target(("aux_genpart",), "momentum"))
    assert (len(jets), jets.left_out) == (4, 2)
    assert jets.batch(np.array([2, 1])).target.tolist() == [TRUE[0].tolist(), TRUE[1].tolist()]
    with pytest.raises(DataError, match="none of its 3 jets has a target"):
        JetArrays.from_tables([table(m=np.zeros(3))], Target(("m",), "mass"))
