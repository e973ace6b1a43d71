"""Real files, if the folder with them is named by LORENTZNET_REFERENCE_DATA."""

import os
from pathlib import Path

import numpy as np
import pytest

import lorentznet.data as data
from lorentznet.data.inspect import inspect_file
from lorentznet.errors import DataError

FOLDER = os.environ.get("LORENTZNET_REFERENCE_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="LORENTZNET_REFERENCE_DATA is not set")


def path(name):
    found = Path(FOLDER) / name
    if not found.exists():
        pytest.skip(f"{name} is not there")
    return str(found)


@pytest.mark.parametrize(
    ("name", "n_jets", "particles"), [("toptag_reference_train100k.root", 100_000, 49.1), ("toptag_val.root", 9_958, None)]
)
def test_top_tagging_files(name, n_jets, particles):
    last = data.read(path(name), start=n_jets - 2000)
    assert last.ids[-1] == n_jets - 1
    assert last.classes == ("qcd", "top")
    assert np.all((last.jet_pt > 549) & (last.jet_pt < 651))
    np.testing.assert_allclose(last.from_particles("jet_pt"), last.observer("jet_pt"), rtol=1e-4)
    assert particles is None or abs(last.counts.mean() - particles) < 2


@pytest.mark.slow
def test_whole_reference_file():
    found = inspect_file(path("toptag_reference_train100k.root"))
    assert found.classes == {"qcd": 49_960, "top": 50_040}
    assert found.quantiles["jet_nparticles"]["max"] == 150
    assert found.problems == []


def test_many_classes():
    table = data.read(path("jetclass_like.root"), stop=3000)
    assert table.classes == ("QCD", "Hbb", "Hcc", "Hgg", "Zqq", "Wqq", "Tbqq")
    assert min(table.class_counts().values()) > 300


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cms_nanoaod_ttbar_200events.root", "no constituents; make a file with one row per jet of PFNano or btvNano"),
        ("cms_pfnano_10events.root", "PFNano"),
        ("delphes_10events.root", "Delphes"),
        ("jetclass2_100jets.parquet", "no jet file that is known"),
    ],
)
def test_files_that_are_not_read(name, words):
    with pytest.raises(DataError, match=words):
        data.read(path(name))
