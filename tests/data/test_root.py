"""Files written directly with uproot, as TTree and as RNTuple, come back as they are."""

import re

import awkward as ak
import numpy as np
import pytest
import uproot

import lorentznet.data as data
from lorentznet.data.readers import open_reader
from lorentznet.errors import ConfigError, DataError

from .conftest import toy, write_ntuple, write_ttree

CARD = {
    "name": "toy",
    "units": "GeV",
    "momenta": {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"},
    "classes": {"qcd": "label_QCD", "top": "label_Tbqq"},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_comes_back(tmp_path, jets, root_writer, dtype):
    table = data.read(root_writer(tmp_path / "jets.root", jets.columns(dtype)))
    assert np.array_equal(table.momenta, jets.p4.astype(dtype).astype(np.float64))
    assert table.momenta.dtype == np.float64
    assert np.array_equal(table.counts, jets.counts)
    assert np.array_equal(table.labels, jets.labels)
    assert table.classes == ("qcd", "top")
    assert np.array_equal(table.ids, np.arange(len(jets)))
    assert np.array_equal(table.observer("jet_pt"), jets.columns(dtype)["jet_pt"])


def test_reader_names_the_container(tmp_path, jets):
    for writer, word in ((write_ttree, "TTree 'tree'"), (write_ntuple, "RNTuple 'tree'")):
        with open_reader(str(writer(tmp_path / f"{writer.__name__}.root", jets.columns()))) as reader:
            found = reader.describe()
        assert found.container == word
        assert found.n_jets == len(jets)
        assert {"part_px", "part_py", "part_pz", "part_energy"} == set(found.names("particle"))
        assert {"jet_pt", "label_QCD", "label_Tbqq"} <= set(found.names("jet"))


@pytest.mark.parametrize("n_jets", [1, 2, 26])
def test_small_files_and_the_last_jet(tmp_path, root_writer, n_jets):
    jets = toy(n_jets)
    table = data.read(root_writer(tmp_path / "jets.root", jets.columns(np.float64)))
    assert len(table) == n_jets
    assert np.array_equal(table[-1].momenta, jets.p4[-jets.counts[-1] :])


@pytest.mark.parametrize("size", [1, 7, 25, 26, 60, 1000])
def test_reading_in_pieces_is_reading(tmp_path, jets, root_writer, size):
    path = root_writer(tmp_path / "jets.root", jets.columns())
    whole, pieces = data.read(path), list(data.iterate(path, jets=size))
    assert max(len(piece) for piece in pieces) <= size
    together = data.JetTable.concatenate(pieces)
    assert np.array_equal(together.ids, whole.ids)
    assert np.array_equal(together.momenta, whole.momenta)
    assert np.array_equal(together.labels, whole.labels)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (24, 26), (25, 50), (59, 60), (30, None), (3, 1000)])
def test_row_ranges(tmp_path, jets, root_writer, start, stop):
    path = root_writer(tmp_path / "jets.root", jets.columns())
    whole, part = data.read(path), data.read(path, start=start, stop=stop)
    assert np.array_equal(part.ids, np.arange(start, len(jets) if stop is None else min(stop, len(jets))))
    assert np.array_equal(part.momenta, whole[start:stop].momenta)


def test_missing_branch_is_named_with_the_nearest(tmp_path, jets, root_writer):
    path = root_writer(tmp_path / "jets.root", jets.columns())
    card = CARD | {"momenta": CARD["momenta"] | {"pz": "part_zp"}}
    with pytest.raises(
        DataError, match=rf"^{re.escape(str(path))}: .* no branch 'part_zp'.*did you mean 'part_pz'\?.*part_energy"
    ):
        data.read(path, card)
    with pytest.raises(DataError, match=r"no branch 'label_top' \(class 'top'.*available: .*label_Tbqq"):
        data.read(path, CARD | {"classes": {"qcd": "label_QCD", "top": "label_top"}})


def test_branch_of_the_wrong_kind_is_refused(tmp_path, jets, root_writer):
    path = root_writer(tmp_path / "jets.root", jets.columns())
    with pytest.raises(DataError, match=r"'jet_energy'.*one number per jet.*not one number per particle"):
        data.read(path, CARD | {"momenta": CARD["momenta"] | {"E": "jet_energy"}})
    with pytest.raises(DataError, match=r"'part_px'.*one number per particle.*not one number per jet"):
        data.read(path, CARD | {"observers": ["part_px"]})


def test_collections_of_different_length_are_refused(tmp_path, jets):
    columns = jets.columns()
    columns["other"] = ak.zip({"energy": ak.concatenate([columns["part"].energy, columns["part"].energy[:, :1]], axis=1)})
    path = write_ttree(tmp_path / "jets.root", columns)
    with pytest.raises(DataError, match=r"jet 0 has \d+ particles in 'part_px' but \d+ in 'other_energy'"):
        data.read(path, CARD | {"momenta": CARD["momenta"] | {"E": "other_energy"}})


def test_selection_gives_the_same_rows_for_ttree_and_rntuple(tmp_path, jets):
    card = CARD | {"selection": "(jet_pt > 100) & (jet_nparticles >= 4)"}
    tables = [
        data.read(w(tmp_path / f"{w.__name__}.root", jets.columns()), card, select=True) for w in (write_ttree, write_ntuple)
    ]
    expected = np.flatnonzero((jets.columns()["jet_pt"] > 100) & (jets.counts >= 4))
    assert 0 < len(expected) < len(jets)
    for table in tables:
        assert np.array_equal(table.ids, expected)
    assert np.array_equal(tables[0].momenta, tables[1].momenta)


def test_selection_cuts_only_when_asked(tmp_path, jets, root_writer):
    card = CARD | {"selection": "jet_pt > 100"}
    assert len(data.read(root_writer(tmp_path / "jets.root", jets.columns()), card)) == len(jets)


def test_selection_that_keeps_nothing_is_an_error(root_file):
    with pytest.raises(DataError, match=r"none of its 60 jets passes .* 'jet_pt > 1e9'"):
        data.read(root_file, CARD | {"selection": "jet_pt > 1e9"}, select=True)


def test_a_selection_of_a_name_that_is_not_there_lists_what_the_file_has(root_file):
    card = CARD | {"selection": "jet_ptt > 100", "observers": []}
    with pytest.raises(ConfigError, match=r"reads 'jet_ptt', which is not there; did you mean 'jet_pt'\?.*jet_mass.*label_QCD"):
        data.read(root_file, card, select=True)
    assert len(data.read(root_file, card)) == 60
    (problem,) = data.inspect.inspect_file(root_file, card).problems
    assert "did you mean 'jet_pt'" in problem


@pytest.mark.parametrize("energy", ["mass", "E"])
def test_momenta_from_pt_eta_phi(tmp_path, jets, energy):
    import vector

    given = vector.array({name: jets.p4[:, column] for column, name in enumerate(("E", "px", "py", "pz"))})
    flat = {"pt": given.pt, "eta": given.eta, "phi": given.phi, energy: getattr(given, energy)}
    columns = jets.columns() | {"cand": ak.zip({name: ak.unflatten(values, jets.counts) for name, values in flat.items()})}
    path = write_ttree(tmp_path / "jets.root", columns)
    table = data.read(path, CARD | {"momenta": {name: f"cand_{name}" for name in flat}})
    np.testing.assert_allclose(table.momenta, jets.p4, rtol=1e-9, atol=1e-9)


def test_energy_from_mass_is_on_the_mass_shell_in_float32(tmp_path, jets):
    mass = np.full(len(jets.p4), np.float32(0.13957))
    columns = jets.columns() | {"part_mass": ak.unflatten(mass, jets.counts)}
    table = data.read(
        write_ntuple(tmp_path / "jets.root", columns), CARD | {"momenta": {n: f"part_{n}" for n in ("px", "py", "pz", "mass")}}
    )
    np.testing.assert_allclose(ak.to_numpy(ak.flatten(table.constituents.mass)), mass, rtol=1e-4)


def test_mev_is_converted(tmp_path, jets):
    in_gev = data.read(write_ttree(tmp_path / "gev.root", jets.columns(np.float64)))
    jets.p4 *= 1000
    card = CARD | {"units": "MeV", "observers": ["jet_pt", "jet_energy", "jet_weight"]}
    table = data.read(write_ttree(tmp_path / "mev.root", jets.columns(np.float64)), card)
    np.testing.assert_allclose(table.momenta, in_gev.momenta, rtol=1e-14)
    np.testing.assert_allclose(table.observer("jet_pt"), table.from_particles("jet_pt"), rtol=1e-9)
    assert np.array_equal(table.observer("jet_weight"), jets.weights)


@pytest.mark.parametrize("where", ["of the particles", "in the file", "an observer"])
def test_a_selection_is_in_gev_wherever_its_column_comes_from(where, tmp_path, jets):
    jets.p4 *= 1000
    columns = jets.columns(np.float64)
    if where == "of the particles":
        del columns["jet_pt"]
    card = CARD | {"units": "MeV", "observers": ["jet_pt"] if where == "an observer" else []}
    path = write_ttree(tmp_path / "mev.root", columns)
    passed = data.read(path, card | {"selection": "jet_pt > 100"}, select=True)
    wanted = data.read(path, card).jet_pt > 100
    assert 0 < wanted.sum() < len(wanted)
    assert passed.ids.tolist() == np.flatnonzero(wanted).tolist()


def test_weights_and_scalars(tmp_path, jets, root_writer):
    charge = ak.unflatten(np.random.default_rng(1).integers(-1, 2, len(jets.p4)).astype(np.int8), jets.counts)
    columns = jets.columns() | {"part": ak.with_field(jets.columns()["part"], charge, "charge")}
    table = data.read(root_writer(tmp_path / "jets.root", columns), CARD | {"weight": "jet_weight", "scalars": ["part_charge"]})
    assert np.array_equal(table.weights, jets.weights)
    assert np.array_equal(table.scalars[:, 0], ak.to_numpy(ak.flatten(charge)))
    assert table.scalar_names == ("part_charge",)


def test_unsorted_particles_are_sorted_with_their_scalars(tmp_path):
    jets = toy(sort=False)
    columns = jets.columns(np.float64)
    columns["part"] = ak.with_field(columns["part"], columns["part"].pz, "tag")
    path = write_ttree(tmp_path / "jets.root", columns)
    table = data.read(path, CARD | {"scalars": ["part_tag"]})
    falling = ak.sort(np.hypot(columns["part"].px, columns["part"].py), axis=1, ascending=False)
    np.testing.assert_allclose(ak.to_numpy(ak.flatten(table.constituents.pt)), ak.to_numpy(ak.flatten(falling)))
    assert np.array_equal(table.scalars[:, 0], table.momenta[:, 3])
    assert table.pt_sorted
    as_stored = data.read(path, CARD | {"sort": False})
    assert np.array_equal(as_stored.momenta, jets.p4)
    assert not as_stored.pt_sorted


def test_one_label_column(tmp_path, jets):
    columns = jets.columns() | {"kind": np.where(jets.labels == 1, 6, 21).astype(np.int32)}
    card = {key: value for key, value in CARD.items() if key != "classes"}
    card["label"] = {"branch": "kind", "values": {"gluon": 21, "top": 6}}
    table = data.read(write_ttree(tmp_path / "jets.root", columns), card)
    assert table.classes == ("gluon", "top")
    assert np.array_equal(table.labels, jets.labels)


def test_card_without_classes_gives_unknown_labels(root_file, jets):
    table = data.read(root_file, {key: value for key, value in CARD.items() if key != "classes"})
    assert (table.labels == -1).all()
    assert table.class_counts() == {"unknown": len(jets)}


def test_several_trees(tmp_path, jets):
    path = tmp_path / "jets.root"
    columns = jets.columns()
    types = {key: (value.type.content if isinstance(value, ak.Array) else value.dtype) for key, value in columns.items()}
    with uproot.recreate(path) as file:
        for name in ("first", "second"):
            file.mktree(name, types)
        file["first"].extend(columns)
        file["second"].extend({key: value[:7] for key, value in columns.items()})
    assert len(data.read(f"{path}:second")) == 7
    assert len(data.read(path, CARD | {"tree": "first"})) == len(jets)
    with pytest.raises(DataError, match=r"several trees \(first, second\)"):
        data.read(path)
    with pytest.raises(DataError, match="no tree 'secnd'; did you mean 'second'"):
        data.read(f"{path}:secnd")


def test_latest_cycle_is_read(tmp_path, jets):
    path = tmp_path / "jets.root"
    columns = jets.columns()
    types = {key: (value.type.content if isinstance(value, ak.Array) else value.dtype) for key, value in columns.items()}
    with uproot.recreate(path) as file:
        file.mktree("tree", types).extend({key: value[:5] for key, value in columns.items()})
        file.mktree("tree", types).extend({key: value[:9] for key, value in columns.items()})
    assert len(data.read(path)) == 9


def test_file_without_tree(tmp_path):
    path = tmp_path / "other.root"
    with uproot.recreate(path) as file:
        file["title"] = "no jets"
    with pytest.raises(DataError, match="holds no TTree or RNTuple"):
        data.read(path)


def test_nanoaod_has_no_constituents(tmp_path):
    pt = ak.values_astype(ak.Array([[300.0, 200.0], []]), np.float32)
    path = write_ttree(tmp_path / "nano.root", {"FatJet": ak.zip({"pt": pt, "eta": pt})}, name="Events")
    with pytest.raises(
        DataError, match="NanoAOD: it has jets but no constituents; make a file with one row per jet of PFNano or btvNano"
    ):
        data.read(path)


@pytest.mark.parametrize(
    ("branches", "words"),
    [
        (
            ("FatJet", "PFCands"),
            "is CMS PFNano: its candidates stand in index tables, which are not read yet; make one row per jet",
        ),
        (("Jet", "Particle"), "is Delphes output: its constituents are references, which are not read yet; make one row per jet"),
    ],
)
def test_formats_that_are_recognised_and_refused(branches, words, tmp_path):
    pt = ak.values_astype(ak.Array([[300.0, 200.0], []]), np.float32)
    columns = {name: ak.zip({"pt": pt, "eta": pt}) for name in branches}
    if "Particle" in branches:  # Delphes has branches of these names themselves
        columns = dict.fromkeys(branches, pt)
    path = write_ttree(tmp_path / "jets.root", columns, name="Events")
    with pytest.raises(DataError, match=words):
        data.read(path)


def test_colon_in_the_name_of_a_file(tmp_path, jets):
    path = write_ttree(tmp_path / "jets.root", jets.columns())
    moved = path.rename(tmp_path / "a:b.root")
    assert len(data.read(moved)) == len(jets)
    assert len(data.read(str(moved))) == len(jets)
