"""The layout of the top-tagging reference, written by pandas itself, is read without pandas."""

import subprocess
import sys

import numpy as np
import pytest

import lorentznet.data as data
from lorentznet.data.readers import open_reader
from lorentznet.errors import DataError, MissingExtraError

from .conftest import toy, write_pandas


def pandas_frame(path):
    """What pandas reads."""
    return pytest.importorskip("pandas").read_hdf(path, "table")


@pytest.mark.parametrize("ttv", [np.int64, np.float32])
@pytest.mark.parametrize("slots", [12, 30])
def test_every_number_comes_back(tmp_path, jets, slots, ttv):
    table = data.read(write_pandas(tmp_path / "jets.h5", jets, slots, ttv))
    assert np.array_equal(table.counts, jets.counts)
    assert np.array_equal(table.momenta, jets.p4.astype(np.float32).astype(np.float64))
    assert np.array_equal(table.labels, jets.labels)
    assert table.classes == ("qcd", "top")
    assert table.observers == ("truthE", "truthPX", "truthPY", "truthPZ", "ttv")
    assert table.card.format == "pandas-hdf5"


def test_description_groups_numbered_columns(tmp_path, jets):
    with open_reader(str(write_pandas(tmp_path / "jets.h5", jets, 15))) as reader:
        found = reader.describe()
    assert found.container == "pandas table 'table'"
    assert found.names("particle") == ("E", "PX", "PY", "PZ")
    assert {branch.type for branch in found.branches if branch.kind == "particle"} == {"float32 x 15"}
    assert found.names("jet") == ("truthE", "truthPX", "truthPY", "truthPZ", "ttv", "is_signal_new")


@pytest.mark.parametrize("options", [{}, {"complib": "zlib", "complevel": 5}, {"complib": "blosc", "complevel": 5}])
def test_pieces_and_compression(tmp_path, jets, options):
    if options.get("complib") == "blosc":
        pytest.importorskip("tables")
    path = write_pandas(tmp_path / "jets.h5", jets, **options)
    whole = data.read(path)
    assert np.array_equal(whole.momenta, jets.p4.astype(np.float32))
    pieces = data.JetTable.concatenate(list(data.iterate(path, jets=7)))
    assert np.array_equal(pieces.momenta, whole.momenta)
    assert np.array_equal(pieces.ids, np.arange(len(jets)))
    assert np.array_equal(data.read(path, start=59).momenta, whole[59].momenta)


def test_blosc_without_pytables_names_the_extra(tmp_path, jets, monkeypatch):
    path = write_pandas(tmp_path / "jets.h5", jets, complib="blosc", complevel=5)
    monkeypatch.setitem(sys.modules, "tables", None)
    with pytest.raises(MissingExtraError, match=r"jets.h5: .*blosc.*pip install 'lorentznet\[toptag\]'"):
        data.read(path)


def test_pandas_is_not_needed(tmp_path, jets):
    path = write_pandas(tmp_path / "jets.h5", jets)
    code = "import sys; sys.modules['pandas'] = sys.modules['tables'] = None\n"
    code += "import lorentznet.data as data; print(len(data.read(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(jets))]


def test_one_jet(tmp_path):
    jets = toy(1)
    assert np.array_equal(data.read(write_pandas(tmp_path / "jets.h5", jets)).momenta, jets.p4.astype(np.float32))


def test_a_zero_component_is_not_padding(tmp_path, jets):
    jets.p4[0] = [50.0, 50.0, 0.0, 0.0]
    table = data.read(write_pandas(tmp_path / "jets.h5", jets))
    assert np.array_equal(table.counts, jets.counts)


def test_interior_padding_slot_is_dropped(tmp_path, jets):
    jets.p4[1] = 0
    table = data.read(write_pandas(tmp_path / "jets.h5", jets))
    assert table.counts[0] == jets.counts[0] - 1
    assert np.array_equal(table.counts[1:], jets.counts[1:])


def test_missing_column(tmp_path, jets):
    path = write_pandas(tmp_path / "jets.h5", jets)
    card = {
        "name": "toy",
        "format": "pandas-hdf5",
        "units": "GeV",
        "momenta": {"px": "PX", "py": "PY", "pz": "PZ", "E": "EN"},
        "label": {"branch": "is_signal", "values": {"qcd": 0, "top": 1}},
    }
    with pytest.raises(DataError, match=r"no branch 'EN' \(momenta: E.*available: E, PX, PY, PZ"):
        data.read(path, card)
    with pytest.raises(DataError, match=r"no branch 'is_signal' \(label.*did you mean 'is_signal_new'"):
        data.read(path, card | {"momenta": card["momenta"] | {"E": "E"}})
    with pytest.raises(DataError, match=r"is of format pandas-hdf5, but card 'toy' is for root"):
        data.read(path, {key: value for key, value in card.items() if key != "format"})


def test_several_tables_are_told_apart_by_name(tmp_path, jets):
    path = write_pandas(tmp_path / "jets.h5", jets)
    frame = pandas_frame(path)
    frame.iloc[:7].to_hdf(path, key="few", format="table")
    with pytest.raises(DataError, match=r"jets.h5: holds several tables \((few, table|table, few)\); name one: .*jets.h5:"):
        data.read(path)
    assert len(data.read(f"{path}:few")) == 7
    with pytest.raises(DataError, match=r"jets.h5: has no table 'fewer'; did you mean 'few'"):
        data.read(f"{path}:fewer")


def test_components_of_unequal_numbers_are_refused(tmp_path, jets):
    path = write_pandas(tmp_path / "jets.h5", jets)
    frame = pandas_frame(path).drop(columns="PZ_19")
    frame.to_hdf(tmp_path / "cut.h5", key="table", format="table")
    with pytest.raises(
        DataError, match=r"cut.h5: '\w+' has (19|20) numbered columns, other branches of card '.*' another number"
    ):
        data.read(tmp_path / "cut.h5")


def test_fixed_format_is_explained(tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"E_0": [1.0]}).to_hdf(tmp_path / "jets.h5", key="table", format="fixed")
    with pytest.raises(DataError, match=r"to_hdf\(..., format='table'\)"):
        data.read(tmp_path / "jets.h5")


def test_other_hdf5_is_explained(tmp_path):
    import h5py

    with h5py.File(tmp_path / "jets.h5", "w") as file:
        file["Pmu"] = np.zeros((3, 4))
    with pytest.raises(DataError, match=r"its layout is not known.*HDF5 files \(pandas table\), ROOT files"):
        data.read(tmp_path / "jets.h5")


def test_names_of_columns_cannot_run_code(tmp_path, jets):
    import pickle

    import h5py

    class Evil:
        def __reduce__(self):
            return (print, ("code was run",))

    path = write_pandas(tmp_path / "jets.h5", jets)
    with h5py.File(path, "r+") as file:
        file["table/table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(Evil(), 0))
    with pytest.raises(DataError, match="is not a name of a column"):
        data.read(path)


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_truncated_file(tmp_path, jets, keep):
    path = write_pandas(tmp_path / "jets.h5", jets)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DataError, match=r"jets.h5: damaged or truncated HDF5 file .*copy or make it again"):
        data.read(path)
