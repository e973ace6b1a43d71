"""Toy jets, and writers of jet files that share no code with the readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot


@dataclass
class Toy:
    """Jets as plain arrays: p4 is (E, px, py, pz)."""

    p4: np.ndarray
    counts: np.ndarray
    labels: np.ndarray
    weights: np.ndarray

    def __len__(self):
        return len(self.counts)

    def jagged(self, column, dtype):
        return ak.unflatten(self.p4[:, column].astype(dtype), self.counts)

    def columns(self, dtype=np.float32):
        """The branches of a JetClass-like file."""
        energy, px, py, pz = (self.jagged(column, dtype) for column in range(4))
        return {
            "part": ak.zip({"px": px, "py": py, "pz": pz, "energy": energy}),
            "jet_pt": np.hypot(ak.to_numpy(ak.sum(px, axis=1)), ak.to_numpy(ak.sum(py, axis=1))).astype(dtype),
            "jet_energy": ak.to_numpy(ak.sum(energy, axis=1)).astype(dtype),
            "jet_weight": self.weights,
            "label_QCD": (self.labels == 0).astype(np.int8),
            "label_Tbqq": (self.labels == 1).astype(np.int8),
        }


def toy(n_jets=60, seed=0, most=12, sort=True):
    """Massive particles around an axis; a tenth of a TeV each."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, most + 1, n_jets)
    n = counts.sum()
    pt, eta, phi = rng.exponential(50, n) + 1, rng.normal(0, 0.4, n), rng.normal(0, 0.4, n)
    jet = np.repeat(np.arange(n_jets), counts)
    if sort:
        pt = pt[np.lexsort((-pt, jet))]
    mass = rng.choice([0.1396, 0.4937, 0.9383], n)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    p4 = np.stack([np.sqrt(px**2 + py**2 + pz**2 + mass**2), px, py, pz], axis=1)
    return Toy(p4, counts, rng.permutation(np.arange(n_jets) % 2), rng.uniform(0.5, 1.5, n_jets))


def write_ttree(path: Path, columns: dict, chunk: int = 25, name: str = "tree") -> Path:
    """A TTree: what a person would write with uproot's mktree."""
    types = {key: (value.type.content if isinstance(value, ak.Array) else value.dtype) for key, value in columns.items()}
    with uproot.recreate(path) as file:
        tree = file.mktree(name, types)
        length = len(next(iter(columns.values())))
        for start in range(0, length, chunk):
            tree.extend({key: value[start : start + chunk] for key, value in columns.items()})
    return path


def write_ntuple(path: Path, columns: dict, chunk: int = 25, name: str = "tree") -> Path:
    """An RNTuple with the same names of columns."""
    flat = {}
    for key, value in columns.items():
        fields = ak.fields(value) if isinstance(value, ak.Array) else []
        flat |= {f"{key}_{field}": value[field] for field in fields} if fields else {key: value}
    length = len(next(iter(flat.values())))
    with uproot.recreate(path) as file:
        ntuple = file.mkrntuple(name, {key: value[:chunk] for key, value in flat.items()})
        for start in range(chunk, length, chunk):
            ntuple.extend({key: value[start : start + chunk] for key, value in flat.items()})
    return path


def write_pandas(path: Path, jets: Toy, slots: int = 20, ttv=np.int64, **options) -> Path:
    """The layout of the top-tagging reference, written by pandas itself."""
    pandas = pytest.importorskip("pandas")
    padded = np.zeros((len(jets), slots, 4), dtype=np.float32)
    offsets = np.concatenate([[0], np.cumsum(jets.counts)])
    for jet in range(len(jets)):
        padded[jet, : jets.counts[jet]] = jets.p4[offsets[jet] : offsets[jet + 1]]
    names = [f"{component}_{slot}" for slot in range(slots) for component in ("E", "PX", "PY", "PZ")]
    frame = pandas.DataFrame(padded.reshape(len(jets), -1), columns=names)
    truth = pandas.DataFrame({f"truth{component}": np.zeros(len(jets), np.float32) for component in ("E", "PX", "PY", "PZ")})
    frame = pandas.concat(
        [frame, truth, pandas.DataFrame({"ttv": np.zeros(len(jets), ttv), "is_signal_new": jets.labels})], axis=1
    )
    frame.to_hdf(path, key="table", format="table", **options)
    return path


WRITERS = {"TTree": write_ttree, "RNTuple": write_ntuple}


@pytest.fixture
def jets():
    return toy()


@pytest.fixture(params=WRITERS)
def root_writer(request):
    return WRITERS[request.param]


@pytest.fixture
def root_file(tmp_path, jets):
    return write_ttree(tmp_path / "jets.root", jets.columns())
