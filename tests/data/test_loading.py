"""From stored columns to jets: order, pieces, the shipped sample, batches."""

import subprocess
import sys
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lorentznet.data as data
from lorentznet.data.loading import Jets, falling_pt
from lorentznet.errors import DataError

from .conftest import toy, write_ttree


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=8))
def test_order_by_falling_pt(jets):
    """Against awkward's stable sort, with ties and with jets of no particles."""
    counts = np.array([len(jet) for jet in jets], dtype=int)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    pt = np.array([value for jet in jets for value in jet], dtype=float)
    momenta = np.stack([pt + 1, pt * 0.6, pt * 0.8, np.arange(len(pt))], axis=1) if len(pt) else np.zeros((0, 4))
    order = falling_pt(momenta, offsets)
    local = ak.argsort(ak.unflatten(pt, counts), axis=1, ascending=False, stable=True) if len(counts) else ak.Array([])
    expected = ak.to_numpy(ak.flatten(local + offsets[:-1])) if len(pt) else np.zeros(0, dtype=int)
    assert np.array_equal(np.arange(len(pt)) if order is None else order, expected)
    assert (order is None) == np.array_equal(expected, np.arange(len(pt)))


@given(st.integers(0, 300), st.integers(1, 300), st.integers(1, 90), st.integers(1, 120))
def test_pieces_cover_every_row_once(first, length, block, jets):
    opened = object.__new__(Jets)
    opened.found = SimpleNamespace(block=block)
    pieces = list(opened.pieces(first, first + length, jets))
    assert [row for start, stop in pieces for row in range(start, stop)] == list(range(first, first + length))
    assert all(stop - start <= max(jets, block) for start, stop in pieces)
    assert all(start % block == 0 for start, _ in pieces[1:])


def test_iterate_goes_through_files_in_order(tmp_path):
    files = [write_ttree(tmp_path / f"{name}.root", toy(30, seed).columns()) for seed, name in enumerate("cab")]
    tables = list(data.iterate(files, jets=20))
    assert [(table.source, len(table), table.ids[0]) for table in tables] == [
        (str(file), length, start) for file in files for length, start in ((20, 0), (5, 20), (5, 25))
    ]
    assert not np.array_equal(tables[0].momenta, tables[3].momenta)


def test_iterate_selects_only_when_asked(root_file, jets):
    card = data.DatasetCard.from_mapping(data.read(root_file).card.as_mapping() | {"selection": "jet_pt > 100"})
    expected = np.flatnonzero(jets.columns()["jet_pt"] > 100)
    assert (
        np.concatenate([table.ids for table in data.iterate(root_file, card, jets=7, select=True)]).tolist() == expected.tolist()
    )
    assert sum(len(table) for table in data.iterate(root_file, card, jets=7)) == len(jets)


def test_iterate_stops_at_the_bad_jet(tmp_path, jets):
    jets.p4[-1, 2] = np.nan
    tables = data.iterate(write_ttree(tmp_path / "jets.root", jets.columns()), jets=25)
    assert [len(next(tables)), len(next(tables))] == [25, 25]
    with pytest.raises(DataError, match="jet 59: NaN"):
        next(tables)
    with pytest.raises(DataError, match="give at least 1"):
        next(data.iterate("jets.root", jets=0))


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 5), (5, 3), (60, None)])
def test_rows_that_hold_no_jet(root_file, start, stop):
    with pytest.raises(DataError, match="no jet is in rows"):
        data.read(root_file, start=start, stop=stop)


def test_collate_is_columnar(root_file, jets):
    table = data.read(root_file)
    batch = data.collate(table)
    assert batch.n_jets == batch.num_graphs == len(jets)
    assert batch.p4.dtype == torch.float64
    assert np.shares_memory(batch.p4.numpy(), table.momenta)
    assert np.array_equal(batch.ptr.numpy(), table.offsets)
    assert np.array_equal(batch.batch.numpy(), np.repeat(np.arange(len(jets)), jets.counts))
    assert np.array_equal(batch.y.numpy(), jets.labels)
    assert (batch.weight == 1).all()
    assert "scalars" not in batch


def test_collate_of_a_part(root_file):
    table = data.read(root_file)
    part, batch = table[10:20], data.collate(table[10:20])
    assert np.array_equal(batch.p4.numpy(), part.momenta)
    assert batch.ptr[0] == 0
    assert batch.ptr[-1] == len(batch.p4)


def test_collate_passes_scalars_weights_and_leaves_out_unknown_labels(jets):
    table = data.JetTable.from_arrays(jets.p4, jets.counts, weights=jets.weights, scalars=jets.p4[:, :2])
    batch = data.collate(table)
    assert np.array_equal(batch.scalars.numpy(), jets.p4[:, :2])
    assert np.array_equal(batch.weight.numpy(), jets.weights)
    assert "y" not in batch


def test_a_batch_needs_neither_awkward_nor_vector_nor_readers():
    code = "import sys, lorentznet.data as data; data.JetBatch; data.collate; data.DatasetCard; data.parse\n"
    code += "print([name for name in ('awkward', 'uproot', 'vector', 'h5py', 'pydantic') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names():
    for name in data.__all__:
        assert getattr(data, name) is not None
    assert set(data.__all__) <= set(dir(data))
    with pytest.raises(AttributeError, match="has no attribute 'rea'"):
        data.rea  # noqa: B018


def test_shipped_sample():
    table = data.sample()
    assert table.classes == ("qcd", "top")
    assert len(table) >= 3000
    counts = table.class_counts()
    assert 0.45 < counts["top"] / len(table) < 0.55
    assert abs(np.median(table.jet_mass[table.labels == 1]) - 173) < 10
    assert np.all((table.jet_pt > 549) & (table.jet_pt < 651))
    assert table.card.splits
