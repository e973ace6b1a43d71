"""What is refused before anything is generated, how chunks are handed out, and the sample that ships."""

import itertools
import sys

import numpy as np
import pytest

import lorentznet as ln
from lorentznet.commands.generate import parse_splits
from lorentznet.data.generate import generate, split_rows
from lorentznet.data.generate.selecting import Jets
from lorentznet.data.generate.workers import Stream
from lorentznet.errors import ConfigError, MissingExtraError, OutputError


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"processes": ["tops", "qcd"]}, ConfigError, "'tops'; did you mean 'top'"),
        ({"processes": ["top", "top"]}, ConfigError, "given twice"),
        ({"processes": []}, ConfigError, "no process"),
        ({"jets": 1}, ConfigError, "--jets 1"),
        ({"seed": -1}, ConfigError, "--seed -1"),
        ({"level": "detectr"}, ConfigError, "did you mean 'detector'"),
        ({"workers": 0}, ConfigError, "--workers 0"),
        ({"pt_hat_min": 700.0}, ConfigError, "--pt-hat-min 700"),
        ({"splits": {"train": 0.9, "test": 0.2}}, ConfigError, "train=0.9 test=0.2"),
        ({"splits": {"train": float("nan")}}, ConfigError, "train=nan"),
        ({"out": "jets.h5"}, OutputError, "jets.h5"),
        ({"out": "file/jets.root"}, OutputError, "file"),
        ({"out": "folder.root"}, OutputError, "is a folder"),
    ],
)
def test_refused(changes, error, words, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.root").mkdir()
    order = {"processes": ["top", "qcd"], "jets": 10, "out": "jets.root", "seed": 1} | changes
    with pytest.raises(error, match=words) as caught:
        generate(**order | {"out": tmp_path / order["out"]})
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.root"]


@pytest.mark.parametrize(("hidden", "title"), [(("pythia8mc", "pythia8"), "Pythia 8"), (("fastjet",), "FastJet")])
def test_missing_generators(hidden, title, monkeypatch, tmp_path):
    if title == "FastJet":
        pytest.importorskip("pythia8mc")
    for name in hidden:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"{title}.*pip install 'lorentznet\[gen\]'"):
        generate(["top", "qcd"], 10, tmp_path / "jets.root", seed=1)
    assert list(tmp_path.iterdir()) == []


class TestSplits:
    def test_small_files_have_no_empty_splits(self):
        assert split_rows(3, {"train": 0.7, "val": 0.1, "test": 0.2}) == {"train": (0, 2), "test": (2, 3)}

    @pytest.mark.parametrize("jets", [2, 17, 4000, 99_999])
    def test_every_row_is_in_one_split(self, jets):
        rows = list(split_rows(jets, {"train": 0.7, "val": 0.1, "test": 0.2}).values())
        assert rows[0][0] == 0
        assert rows[-1][1] == jets
        assert all(one[1] == following[0] for one, following in itertools.pairwise(rows))

    @pytest.mark.parametrize("words", [["0.7", "0.1"], ["a=0.5", "a=0.5"], ["x"], ["0.1"] * 4, ["1x=0.5"]])
    def test_words(self, words):
        if words == ["0.7", "0.1"]:
            assert parse_splits(words) == {"train": 0.7, "val": 0.1}
            return
        with pytest.raises(ConfigError, match="--splits"):
            parse_splits(words)


def jets(number, first):
    """Jets of one particle each, numbered by their momentum."""
    ones, numbers = np.ones(number, dtype=np.int64), np.arange(first, first + number, dtype=np.float32)
    none = np.zeros((number, 4))
    return Jets(ones, numbers, numbers, numbers, numbers, ones.astype(np.int8), ones.astype(np.int8), none, none, numbers)


def test_chunks_out_of_order():
    stream = Stream("qcd", 25, events=30)
    assert [stream.next_chunk() for _ in range(4)] == [0, 1, 2, 3]
    assert stream.promised == pytest.approx(4 * 9 / 25)
    stream.add(2, jets(10, 200))
    stream.add(1, jets(10, 100))
    assert (stream.kept, stream.missing, stream.idle) == (20, 25, False)
    stream.add(0, jets(10, 0))
    assert (stream.kept, stream.missing, stream.idle) == (25, -5, False)
    stream.add(3, jets(10, 300))
    assert stream.jets().px.tolist() == [*range(10), *range(100, 110), *range(200, 205)]


def test_a_poor_chunk_is_made_good():
    stream = Stream("qcd", 5, events=30)
    assert stream.useful_workers == 1
    stream.next_chunk()
    assert stream.promised > 1
    stream.add(0, jets(0, 0))
    assert stream.idle
    assert stream.missing == 5


class TestSample:
    def test_size(self):
        path = ln.data.sample_path()
        assert path.stat().st_size + path.with_suffix(".yaml").stat().st_size < 3_000_000

    def test_jets(self):
        table = ln.data.sample()
        assert len(table) == 4000
        assert table.classes == ("qcd", "top")
        assert np.bincount(table.labels).tolist() == [2000, 2000]
        assert table.card.splits == {"train": (0, 2800), "val": (2800, 3200), "test": (3200, 4000)}
        assert "lorentznet generate --process qcd top --jets 4000" in table.card.description
        pt = table.observer("jet_pt")
        assert ((pt >= 550) & (pt <= 650)).all()

    def test_top_jets_weigh_as_much_as_a_top(self):
        table = ln.data.sample()
        mass = table.observer("jet_mass")
        assert np.median(mass[table.labels == 1]) == pytest.approx(173, abs=3)
        assert np.median(mass[table.labels == 0]) < 90
        assert table.counts[table.labels == 1].mean() == pytest.approx(50, abs=1.5)
        assert table.counts[table.labels == 0].mean() == pytest.approx(38.5, abs=1.5)

    @pytest.mark.parametrize("split", ["train", "val", "test"])
    def test_splits_are_fair_mixtures(self, split):
        labels = ln.data.read(f"{ln.data.sample_path()}#{split}").labels
        assert abs(labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(labels))
