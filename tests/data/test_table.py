"""Tables of jets: one memory, two views."""

from itertools import pairwise

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorentznet.data.table import DERIVED, JetTable
from lorentznet.errors import DataError

from .conftest import toy


def table_of(jets, **changes):
    options = {"labels": jets.labels, "weights": jets.weights, "classes": ("qcd", "top"), "observers": {"tau": jets.weights + 1}}
    return JetTable.from_arrays(jets.p4, jets.counts, **(options | changes))


@pytest.fixture
def table(jets):
    return table_of(jets, scalars=np.stack([jets.p4[:, 0], -jets.p4[:, 3]], axis=1))


def test_awkward_view_is_the_same_memory(table, jets):
    assert ak.num(table.constituents).tolist() == jets.counts.tolist()
    assert table.constituents.fields == ["px", "py", "pz", "E"]
    for column, name in enumerate(("E", "px", "py", "pz")):
        assert np.array_equal(ak.to_numpy(ak.flatten(table.constituents[name])), jets.p4[:, column])
    content = ak.to_layout(table.constituents).content["px"].data
    assert np.shares_memory(content, table.momenta)
    assert table.array.fields == ["constituents", "label", "weight", "id", "tau"]
    assert ak.to_numpy(table.array.tau).tolist() == table.observer("tau").tolist()


def test_physics_works_without_registering_anything(table, jets):
    pt = np.hypot(jets.p4[:, 1], jets.p4[:, 2])
    np.testing.assert_allclose(ak.to_numpy(ak.flatten(table.constituents.pt)), pt)
    boosted = table.constituents.boostZ(beta=0.5)
    np.testing.assert_allclose(ak.to_numpy(ak.sum(boosted, axis=1).mass), table.jet_mass)


def test_derived_observers_are_those_of_the_summed_momenta(table, jets):
    offsets = np.concatenate([[0], np.cumsum(jets.counts)])
    sums = np.stack([jets.p4[start:stop].sum(axis=0) for start, stop in pairwise(offsets)])
    np.testing.assert_allclose(table.jet_pt, np.hypot(sums[:, 1], sums[:, 2]))
    np.testing.assert_allclose(table.jet_eta, np.arctanh(sums[:, 3] / np.linalg.norm(sums[:, 1:], axis=1)))
    np.testing.assert_allclose(table.jet_phi, np.arctan2(sums[:, 2], sums[:, 1]))
    np.testing.assert_allclose(table.jet_mass, np.sqrt(sums[:, 0] ** 2 - (sums[:, 1:] ** 2).sum(axis=1)))
    assert np.array_equal(table.jet_nparticles, jets.counts)
    assert set(table.observers).isdisjoint(DERIVED)


def test_observers_of_the_file_come_first(jets):
    table = table_of(jets, observers={"jet_pt": np.full(len(jets), 7.0)})
    assert (table.jet_pt == 7).all()
    assert (table.from_particles("jet_pt") > 7).all()
    with pytest.raises(DataError, match=r"no observer 'jet_mas'; did you mean 'jet_mass'"):
        table.observer("jet_mas")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_indexing_is_that_of_awkward(data):
    jets = toy(20)
    table = table_of(jets, scalars=jets.p4[:, :1])[data.draw(st.integers(0, 5)) :]
    n = len(table)
    which = data.draw(
        st.slices(n)
        | st.lists(st.booleans(), min_size=n, max_size=n).map(lambda mask: np.array(mask, dtype=bool))
        | st.lists(st.integers(-n, n - 1)).map(lambda rows: np.array(rows, dtype=int))
    )
    part = table[which]
    assert part.constituents.tolist() == table.constituents[which].tolist()
    for name in ("labels", "weights", "ids"):
        assert getattr(part, name).tolist() == getattr(table, name)[which].tolist()
    assert part.observer("tau").tolist() == table.observer("tau")[which].tolist()
    assert part.offsets[0] == 0
    assert np.array_equal(part.scalars[:, 0], part.momenta[:, 0])


def test_slices_are_views(table):
    assert np.shares_memory(table[10:20].momenta, table.momenta)


def test_one_jet(table, jets):
    assert np.array_equal(table[3].ids, [3])
    assert np.array_equal(table[-1].momenta, jets.p4[-jets.counts[-1] :])
    with pytest.raises(IndexError):
        table[len(jets)]


def test_concatenate_undoes_cutting(table):
    again = JetTable.concatenate([table[:7], table[7:8], table[8:8], table[8:]])
    assert again.constituents.tolist() == table.constituents.tolist()
    assert again.offsets.tolist() == table.offsets.tolist()
    assert np.array_equal(again.scalars, table.scalars)
    assert again.observer("tau").tolist() == table.observer("tau").tolist()


def test_concatenate_names_its_sources(jets):
    one, two = table_of(jets, source="a.root"), table_of(jets, source="b.root")
    assert JetTable.concatenate([one, two, two]).source == "a.root and 1 more"
    with pytest.raises(DataError, match=r"^b.root: other classes \(top, qcd; qcd, top in a.root\)"):
        JetTable.concatenate([one, table_of(jets, source="b.root", classes=("top", "qcd"))])
    with pytest.raises(DataError, match=r"^b.root: other observers \(none; tau in a.root\)"):
        JetTable.concatenate([one, table_of(jets, source="b.root", observers={})])
    with pytest.raises(DataError, match="no tables"):
        JetTable.concatenate([])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": [1, 2]}, "add up to"),
        ({"counts": [-1, 1]}, "add up to"),
        ({"p4": np.zeros((5, 3))}, r"shape \(n_particles, 4\)"),
        ({"labels": [0]}, "labels must have shape"),
        ({"labels": [2] * 60}, "labels must be -1 or number the classes qcd, top"),
        ({"weights": np.ones((60, 1))}, "weights must have shape"),
        ({"observers": {"tau": [1.0]}}, "tau must have shape"),
        ({"observers": {"label": np.ones(60)}}, "cannot be called label"),
        ({"scalars": np.ones((3, 1))}, "scalars must have one row"),
    ],
)
def test_shapes_are_checked(jets, changes, message):
    arguments = {"p4": jets.p4, "counts": jets.counts, "labels": jets.labels, "classes": ("qcd", "top")} | changes
    with pytest.raises(ValueError, match=message):
        JetTable.from_arrays(**arguments)


def test_empty_table():
    table = JetTable.from_arrays(np.zeros((0, 4)), [], classes=("qcd", "top"))
    assert len(table) == 0
    assert table.class_counts() == {"qcd": 0, "top": 0}
    assert "jets 0" in repr(table)
    assert len(table.array) == 0


def test_shown_in_a_notebook(table):
    shown = table._repr_html_()
    assert shown.startswith("<table>")
    assert "qcd 30, top 30" in shown
    assert "<script" not in JetTable.from_arrays(np.zeros((0, 4)), [], source="<script>")._repr_html_()
    assert repr(table).startswith("JetTable(jets 60, classes qcd 30, top 30, particles per jet ")
