"""A new format is one class."""

from pathlib import Path

import numpy as np
import pytest

import lorentznet.data as data
from lorentznet.data import readers
from lorentznet.data.readers.base import Branch, Description, RawJets, Reader, require


class NumpyReader(Reader):
    """Jets of two particles as an array of numbers (jet, particle, component)."""

    format = "toy-npy"
    title = "npy files"
    magic = b"\x93NUMPY"

    def __init__(self, path, tree=None):
        self.path, self.array = path, np.load(path)

    def describe(self):
        return Description("array", len(self.array), tuple(Branch(name, "float64", "particle") for name in "exyz"), 10)

    def read(self, start, stop, card):
        require(card.particle_branches, "particle", self.describe(), card, self.path)
        flat = self.array[start:stop].reshape(-1, 4)
        return RawJets({name: flat[:, column] for column, name in enumerate("exyz")}, np.full(stop - start, 2), {})

    def close(self):
        del self.array


CARD = {"name": "toy", "units": "GeV", "format": "toy-npy", "momenta": {"px": "x", "py": "y", "pz": "z", "E": "e"}}


@pytest.fixture
def jets(tmp_path):
    momenta = np.random.default_rng(0).normal(0, 50, (35, 2, 3))
    path = tmp_path / "jets.anything"
    with path.open("wb") as file:
        np.save(file, np.concatenate([np.linalg.norm(momenta, axis=2, keepdims=True) + 1, momenta], axis=2))
    return path


def test_a_subclass_is_found_by_the_content_of_the_file(jets):
    assert {"root", "pandas-hdf5", "toy-npy"} <= set(readers.formats())
    table = data.read(jets, CARD)
    assert len(table) == 35
    assert (table.counts == 2).all()
    assert [len(part) for part in data.iterate(jets, CARD, jets=10)] == [10, 10, 10, 5]
    assert np.array_equal(np.sort(table.momenta[:, 0]), np.sort(np.load(Path(jets))[..., 0].ravel()))


def test_checks_are_those_of_every_format(jets):
    array = np.load(jets)
    array[3, 1, 0] = np.nan
    with jets.open("wb") as file:
        np.save(file, array)
    with pytest.raises(data.checks.DataError, match="jet 3: NaN"):
        data.read(jets, CARD)


def test_files_of_a_format_that_is_not_known_list_those_that_are(tmp_path):
    (tmp_path / "jets.txt").write_text("px py pz")
    with pytest.raises(
        data.checks.DataError, match=r"jets are read from HDF5 files \(pandas table\), ROOT files \(TTree or RNTuple\)"
    ):
        data.read(tmp_path / "jets.txt")
