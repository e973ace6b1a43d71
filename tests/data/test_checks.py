"""What is wrong with a file is said in one line that names the file, the jet and the cure."""

import os
import re

import awkward as ak
import numpy as np
import pytest

import lorentznet.data as data
from lorentznet.data.card import DatasetCard
from lorentznet.errors import DataError, LorentznetError

from .conftest import toy, write_ttree


def refused(path, card=None, **options):
    """The message of the error, which must be one line that begins with the file."""
    with pytest.raises(DataError) as caught:
        data.read(path, card, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def first_particle(jets, jet):
    return int(np.concatenate([[0], np.cumsum(jets.counts)])[jet])


def test_no_such_file(tmp_path, root_file):
    assert "no such file; did you mean" in refused(root_file.with_name("jet.root"))
    assert "no such file; the folder" in refused(tmp_path / "nowhere" / "jets.root")


def test_folder(tmp_path):
    assert f"is a folder; name the files in it, e.g. '{tmp_path}/*.root'" in refused(tmp_path)


@pytest.mark.parametrize("content", [b"a text file, no jets", b"\x00" * 100])
@pytest.mark.parametrize("name", ["jets.root", "jets.h5"])
def test_neither_root_nor_hdf5(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    assert "no jet file that is known (it begins with" in refused(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "title"),
    [(b"PK\x03\x04zip", "npz or another zip archive"), (b"PAR1....", "Parquet"), (b"\x1f\x8b\x08", "compressed by gzip")],
)
def test_other_formats_are_called_by_their_names(tmp_path, content, title):
    (tmp_path / "jets").write_bytes(content)
    assert f"jets: is {title}, which is not read; jets are read from" in refused(tmp_path / "jets")


def test_empty_file(tmp_path):
    (tmp_path / "jets.root").write_bytes(b"")
    assert "the file is empty" in refused(tmp_path / "jets.root")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(root_file):
    root_file.chmod(0)
    assert "cannot be read (Permission denied)" in refused(root_file)


@pytest.mark.parametrize("keep", [10, 100, 0.1, 0.5, 0.9, -1])
def test_truncated_root_file(tmp_path, jets, root_writer, keep):
    path = root_writer(tmp_path / "jets.root", jets.columns())
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if 0 < keep < 1 else keep])
    assert "truncated ROOT file" in refused(path)


def test_corrupt_root_file_is_never_a_traceback(tmp_path, jets, root_writer):
    path = root_writer(tmp_path / "jets.root", toy(200).columns())
    good, content = data.read(path), path.read_bytes()
    rng = np.random.default_rng(0)
    messages = []
    for _ in range(25):
        start = int(rng.integers(100, len(content) - 200))
        path.write_bytes(content[:start] + rng.bytes(150) + content[start + 150 :])
        try:
            assert len(data.read(path)) == len(good)
        except LorentznetError as error:
            messages.append(str(error))
    assert len(messages) >= 5
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", range(4))
def test_nan_and_infinite_momenta(tmp_path, jets, root_writer, value, column):
    jets.p4[first_particle(jets, 42), column] = value
    message = refused(root_writer(tmp_path / "jets.root", jets.columns()))
    assert ": jet 42: NaN or infinite momentum: constituent " in message
    assert "correct or remove these jets" in message


def test_number_of_bad_jets_is_counted(tmp_path, jets):
    for jet in (4, 17, 21):
        jets.p4[first_particle(jets, jet), 1] = np.nan
    assert ": jet 4 (and 2 more): NaN" in refused(write_ttree(tmp_path / "jets.root", jets.columns()))


def test_the_row_in_the_file_is_named(tmp_path, jets):
    jets.p4[first_particle(jets, 42), 1] = np.nan
    path = write_ttree(tmp_path / "jets.root", jets.columns())
    assert ": jet 42: NaN" in refused(path, start=30)
    assert len(data.read(path, stop=42)) == 42
    assert len(data.read(path, start=43)) == 17


def test_energy_below_momentum(tmp_path, jets):
    particle = first_particle(jets, 5)
    jets.p4[particle, 0] = 0.9 * np.linalg.norm(jets.p4[particle, 1:])
    message = refused(write_ttree(tmp_path / "jets.root", jets.columns()))
    assert ": jet 5: energy below the momentum: constituent 0 has (E, px, py, pz) = (" in message


def test_swapped_branches_are_noticed(tmp_path, root_file):
    momenta = {"E": "part_px", "px": "part_py", "py": "part_pz", "pz": "part_energy"}
    card = {"name": "swapped", "units": "GeV", "momenta": momenta, "classes": {"qcd": "label_QCD", "top": "label_Tbqq"}}
    assert "check the order (E, px, py, pz) and the names of the momenta in the card" in refused(root_file, card)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_of_massless_particles_is_accepted(tmp_path, jets, dtype):
    jets.p4[:, 0] = np.linalg.norm(jets.p4[:, 1:], axis=1)
    bits = np.ascontiguousarray(jets.p4[:, 0], dtype=np.float32).view(np.uint32)
    jets.p4[:, 0] = (bits & np.uint32(0xFFFFE000)).view(np.float32)  # an energy of ten bits, rounded down
    assert len(data.read(write_ttree(tmp_path / "jets.root", jets.columns(dtype)))) == len(jets)


def test_jet_without_constituents(tmp_path, jets, root_writer):
    columns = jets.columns()
    empty = ak.Array([3, 8])
    keep = ~np.isin(np.arange(len(jets)), empty)
    columns["part"] = columns["part"][ak.broadcast_arrays(keep, columns["part"].px)[0]]
    message = refused(root_writer(tmp_path / "jets.root", columns))
    assert ": jet 3 (and 1 more): has no constituents; correct or remove" in message


@pytest.mark.parametrize(
    ("flag", "what"), [(0, "belongs to no class of the card (qcd, top)"), (1, "belongs to several classes (qcd, top)")]
)
def test_each_jet_needs_one_class(tmp_path, jets, root_writer, flag, what):
    columns = jets.columns()
    columns["label_QCD"][11] = columns["label_Tbqq"][11] = flag
    assert f": jet 11: {what}" in refused(root_writer(tmp_path / "jets.root", columns))


def test_unknown_value_of_a_label(tmp_path, jets):
    columns = jets.columns() | {"kind": np.where(np.arange(len(jets)) == 9, 7, jets.labels).astype(np.int32)}
    card = {"name": "toy", "units": "GeV", "momenta": {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"}}
    card["label"] = {"branch": "kind", "values": {"qcd": 0, "top": 1}}
    path = write_ttree(tmp_path / "jets.root", columns)
    assert ": jet 9: its label is none of qcd: 0, top: 1 (found: 7)" in refused(path, card)
    card["selection"] = "kind < 2"
    assert len(data.read(path, card, select=True)) == len(jets) - 1


def test_weights_must_be_finite(tmp_path, jets):
    jets.weights[6] = np.nan
    path = write_ttree(tmp_path / "jets.root", jets.columns())
    card = DatasetCard.from_mapping(
        {
            "name": "toy",
            "units": "GeV",
            "momenta": {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"},
            "weight": "jet_weight",
        }
    )
    assert ": jet 6: its weight is nan" in refused(path, card)
    assert len(data.read(path)) == len(jets)


def test_mev_read_as_gev_is_noticed(tmp_path, jets, root_writer):
    jets.p4 *= 1000
    path = root_writer(tmp_path / "jets.root", jets.columns())
    assert "read as GeV; write 'units: MeV' in the card" in refused(path)
    assert "read as GeV; write 'units: MeV' in the card" in refused(path, start=50)


def test_tev_read_as_gev_is_noticed(tmp_path, jets, root_writer):
    jets.p4 /= 1000
    assert "read as GeV; is the file in TeV? write it in GeV" in refused(root_writer(tmp_path / "jets.root", jets.columns()))


def test_gev_read_as_mev_is_noticed(root_file):
    card = {"name": "toy", "units": "MeV", "momenta": {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"}}
    assert "read as MeV; write 'units: GeV' in the card" in refused(root_file, card)


def test_boosted_jets_are_not_taken_for_mev(tmp_path, jets):
    gamma = 1000.0
    matrix = np.eye(4)
    matrix[0, 0] = matrix[1, 1] = gamma
    matrix[0, 1] = matrix[1, 0] = np.sqrt(gamma**2 - 1)
    jets.p4 = jets.p4 @ matrix
    table = data.read(write_ttree(tmp_path / "jets.root", jets.columns(np.float64)))
    assert np.median(table.from_particles("jet_pt")) > 1e5


def test_file_of_no_jets(tmp_path, jets):
    columns = {key: value[:0] for key, value in jets.columns().items()}
    assert "is empty: it holds no jets" in refused(write_ttree(tmp_path / "jets.root", columns))


def test_no_card_and_foreign_names(tmp_path, jets):
    columns = jets.columns()
    path = write_ttree(tmp_path / "jets.root", {"cand": columns["part"], "label": columns["label_QCD"]})
    message = refused(path)
    assert re.search(r"has no dataset card .*cand_energy, cand_px.*write a card beside the file", message)
