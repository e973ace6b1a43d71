import json

import numpy as np
import pytest

from lorentznet.errors import DataError, OutputError
from lorentznet.evaluate.scores import SUFFIXES, ScoreTable


def table(n=50, classes=("qcd", "top"), **changes):
    random = np.random.default_rng(1)
    logits = random.normal(size=(n, len(classes))) * 20
    logits[:, 0] = 0
    fields = {
        "name": "cg",
        "classes": classes,
        "ids": np.arange(n) + 100,
        "labels": random.integers(-1, len(classes), n),
        "weights": random.random(n),
        "logits": logits,
        "observers": {
            "jet_pt": random.random(n).astype(np.float32),
            "file": np.arange(n, dtype=np.int32) % 2,
            "is_b": np.arange(n) % 3 == 0,
        },
        "provenance": {"tagger": {"name": "cg", "parameters": 5}, "files": ["Jets à 13 TeV.root"]},
    }
    return ScoreTable(**{**fields, **changes})


def assert_equal(first, second):
    assert (first.name, first.classes, first.provenance) == (second.name, second.classes, second.provenance)
    for name in ("ids", "labels", "weights", "logits"):
        a, b = getattr(first, name), getattr(second, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b)
    assert list(first.observers) == list(second.observers)
    for name, column in first.observers.items():
        np.testing.assert_array_equal(column, second.observers[name])
        assert column.dtype == second.observers[name].dtype


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("classes", [("qcd", "top"), ("qcd", "W", "top")])
@pytest.mark.parametrize("n", [50, 1, 0])
def test_comes_back_bit_for_bit(suffix, classes, n, tmp_path):
    written = table(n, classes)
    assert written.write(tmp_path / f"scores{suffix}") == tmp_path / f"scores{suffix}"
    assert_equal(written, ScoreTable.read(tmp_path / f"scores{suffix}"))
    assert [path.name for path in tmp_path.iterdir()] == [f"scores{suffix}"]


COLUMNS = ["jet_id", "label", "weight", "logit_qcd", "logit_top", "score_qcd", "score_top", "jet_pt", "file", "is_b"]


def test_root_as_others_see_it(tmp_path, monkeypatch):
    """A TTree (not an RNTuple) with flat branches, in several baskets, and the provenance as a TObjString."""
    import uproot

    from lorentznet.evaluate import scores

    monkeypatch.setattr(scores, "BASKET", 20)
    written = table()
    written.write(tmp_path / "scores.root")
    with uproot.open(tmp_path / "scores.root") as file:
        assert file.classnames(cycle=False) == {"scores": "TTree", "provenance": "TObjString"}
        tree = file["scores"]
        assert tree.keys() == COLUMNS
        assert tree.num_entries == 50
        assert tree["logit_top"].num_baskets == 3
        np.testing.assert_array_equal(tree["logit_top"].array(library="np"), written.logits[:, 1])
        assert tree["logit_top"].interpretation.from_dtype == np.dtype(">f8")
        assert json.loads(str(file["provenance"]))["provenance"] == written.provenance


def test_parquet_as_others_see_it(tmp_path):
    import pandas

    table().write(tmp_path / "scores.parquet")
    frame = pandas.read_parquet(tmp_path / "scores.parquet")
    assert list(frame) == COLUMNS
    np.testing.assert_array_equal(frame.logit_top, table().logits[:, 1])


def test_hdf5_as_others_see_it(tmp_path):
    import h5py

    table().write(tmp_path / "scores.h5")
    with h5py.File(tmp_path / "scores.h5") as file:
        assert list(file["scores"]) == COLUMNS
        np.testing.assert_array_equal(file["scores/logit_top"], table().logits[:, 1])


def test_scores_are_the_softmax():
    made = table(classes=("a", "b", "c"))
    exact = np.exp(made.logits.astype(np.longdouble))
    np.testing.assert_allclose(made.scores, exact / exact.sum(1, keepdims=True), rtol=1e-12, atol=1e-300)
    two = ScoreTable("x", ("a", "b"), np.arange(2), np.arange(2), np.ones(2), np.array([[0.0, 800.0], [0.0, -800.0]]))
    assert two.scores.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert two.log_odds.tolist() == [800.0, -800.0]
    with pytest.raises(DataError, match="3 classes"):
        _ = made.log_odds


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_that_are_no_score_files(suffix, tmp_path):
    path = tmp_path / f"scores{suffix}"
    with pytest.raises(DataError, match="no such file"):
        ScoreTable.read(path)
    whole = table(5000).write(path).read_bytes()
    for content in (b"", b"text\n" * 30, whole[:100], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            ScoreTable.read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_files_of_others(tmp_path):
    import h5py
    import pyarrow
    import pyarrow.parquet
    import uproot

    with uproot.recreate(tmp_path / "jets.root") as file:
        file.mktree("score", {"x": "f8"}).extend({"x": np.zeros(3)})
    with pytest.raises(DataError, match=r"no tree 'scores'; did you mean 'score'\?"):
        ScoreTable.read(tmp_path / "jets.root")
    with h5py.File(tmp_path / "jets.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(DataError, match="no group 'scores'"):
        ScoreTable.read(tmp_path / "jets.h5")
    columns = {"jet_id": [1], "lable": [1], "weight": [1.0], "logit_a": [1.0], "logit_b": [1.0]}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "jets.parquet")
    with pytest.raises(DataError, match=r"no column 'label'; did you mean 'lable'\?"):
        ScoreTable.read(tmp_path / "jets.parquet")
    with pytest.raises(DataError, match=r"jets\.txt: no such file|not a score file"):
        ScoreTable.read(tmp_path / "jets.txt")


def test_without_provenance_the_columns_tell(tmp_path):
    import pyarrow
    import pyarrow.parquet

    columns = {"jet_id": [1], "label": [1], "weight": [1.0], "logit_a": [0.0], "logit_b": [2.0], "jet_pt": [5.0]}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "mine.parquet")
    read = ScoreTable.read(tmp_path / "mine.parquet")
    assert (read.name, read.classes, list(read.observers)) == ("mine", ("a", "b"), ["jet_pt"])
    assert read.log_odds.tolist() == [2.0]


def test_mistakes_in_writing(tmp_path):
    with pytest.raises(OutputError, match=r"\.txt.*\.root, \.parquet"):
        table().write(tmp_path / "scores.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        table().write(tmp_path / "file" / "scores.root")
    with pytest.raises(DataError, match="'logit_top'"):
        table(observers={"logit_top": np.zeros(50)}).write(tmp_path / "scores.root")
    with pytest.raises(ValueError, match="logits"):
        table(logits=np.zeros((50, 3)))
    with pytest.raises(ValueError, match="jet_pt"):
        table(observers={"jet_pt": np.zeros(49)})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_or_full_write_leaves_the_old_file(suffix, tmp_path, monkeypatch):
    from lorentznet.evaluate import scores

    path = table().write(tmp_path / f"scores{suffix}")
    before = path.read_bytes()
    for error, raised in ((OSError(28, "No space left on device"), OutputError), (KeyboardInterrupt(), KeyboardInterrupt)):
        for writer in ("_write_root", "_write_parquet", "_write_hdf5"):
            original = getattr(scores, writer)

            def failing(path, columns, meta, original=original, error=error):
                original(path, columns, meta)
                raise error

            monkeypatch.setattr(scores, writer, failing)
        with pytest.raises(raised):
            table(20).write(path)
        monkeypatch.undo()
    assert path.read_bytes() == before
    assert [other.name for other in tmp_path.iterdir()] == [path.name]
