"""Score files of others, written here by the libraries that others use."""

import os
from pathlib import Path

import awkward as ak
import numpy as np
import pandas
import pytest
import uproot
from scipy.special import expit

from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.foreign import read_scores, to_logits
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.evaluate.summary import evaluate


def columns(jets=600, seed=1):
    """A label, a weight, an observer, a whole number, a column of logits and one of probabilities."""
    random = np.random.default_rng(seed)
    label = np.arange(jets) % 2
    logit = random.normal(size=jets) + 2 * label
    return {
        "label": label,
        "weight": random.uniform(0.5, 2, jets),
        "jet_pt": random.uniform(500, 600, jets),
        "event": np.arange(jets),
        "deep": logit,
        "prob": expit(logit - 0.5 + random.normal(size=jets)),
    }


def write_root(path, values):
    with uproot.recreate(path) as file:
        tree = file.mktree("t", {name: column.dtype for name, column in values.items()} | {"part_px": "var * float32"})
        tree.extend(values | {"part_px": ak.Array([[1.0, 2.0], []] * (len(values["label"]) // 2))})


WRITERS = {
    "s.npz": lambda path, values: np.savez(path, **values),
    "s.csv": lambda path, values: pandas.DataFrame(values).to_csv(path, index=False),
    "s.parquet": lambda path, values: pandas.DataFrame(values).to_parquet(path),
    "s.root": write_root,
}


@pytest.fixture(params=WRITERS)
def scores(request, tmp_path):
    WRITERS[request.param](tmp_path / request.param, columns())
    return tmp_path / request.param


def test_every_column_of_floats_is_a_tagger(scores):
    deep, prob = read_scores(scores)
    values = columns()
    assert (deep.name, prob.name, deep.classes) == ("deep", "prob", ("background", "signal"))
    np.testing.assert_array_equal(deep.labels, values["label"])
    np.testing.assert_allclose(deep.weights, values["weight"], rtol=1e-15)
    np.testing.assert_allclose(deep.log_odds, values["deep"], rtol=1e-15)
    np.testing.assert_allclose(expit(prob.log_odds), values["prob"], rtol=1e-12)
    assert set(deep.observers) - {"npart_px"} == {"jet_pt", "event"}
    assert (deep.provenance["kind"], prob.provenance["kind"]) == ("logit", "probability")


def test_columns_can_be_chosen(scores):
    (table,) = read_scores(scores, label="label", scores=["prob"], kind="logit", classes=["qcd", "top"])
    assert (table.name, table.classes) == ("prob", ("qcd", "top"))
    np.testing.assert_allclose(table.log_odds, columns()["prob"], rtol=1e-15)


def test_rntuple_and_several_trees(tmp_path):
    with uproot.recreate(tmp_path / "s.root") as file:
        file.mkrntuple("a", {"label": np.array([0, 1]), "x": np.array([0.5, 7.0])})
        file.mkrntuple("b", {"label": np.array([0, 1]), "y": np.array([0.5, 7.0])})
    assert [table.name for table in read_scores(f"{tmp_path / 's.root'}:b")] == ["y"]
    with pytest.raises(DataError, match=r"has 2 trees; name one as .*available: a, b"):
        read_scores(tmp_path / "s.root")
    with pytest.raises(DataError, match="no tree 'c'"):
        read_scores(f"{tmp_path / 's.root'}:c")


def test_several_classes_and_one_hot_labels(tmp_path):
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]])
    np.savez(tmp_path / "s.npz", label=np.eye(3), net=probabilities)
    (table,) = read_scores(tmp_path / "s.npz")
    assert table.classes == ("class0", "class1", "class2")
    np.testing.assert_array_equal(table.labels, [0, 1, 2])
    np.testing.assert_allclose(table.scores[:2], probabilities[:2], rtol=1e-12)
    assert np.isfinite(table.logits).all()
    with pytest.raises(DataError, match="3 classes, but --classes names 2"):
        read_scores(tmp_path / "s.npz", classes=["qcd", "top"])


@pytest.mark.parametrize("suffix", [".root", ".parquet", ".h5"])
def test_own_score_files(suffix, tmp_path):
    z = np.array([[0.0, -1.0], [0.0, 2.0]])
    ScoreTable("cg", ("qcd", "top"), np.arange(2), np.arange(2), np.ones(2), z, {"jet_pt": np.ones(2)}).write(
        tmp_path / f"s{suffix}"
    )
    (table,) = read_scores(tmp_path / f"s{suffix}")
    assert (table.name, table.classes) == ("cg", ("qcd", "top"))
    for options in ({"classes": ["a", "b"]}, {"kind": "probability"}):
        with pytest.raises(ConfigError, match="says itself that it holds logits of qcd, top; leave --classes and --kind out"):
            read_scores(tmp_path / f"s{suffix}", **options)
    np.testing.assert_array_equal(table.logits, z)


def test_probabilities_keep_their_order_and_their_ties():
    p = np.array([0.0, 0.0, 1e-300, 1e-45, 0.2, 0.5, 1 - 1e-16, 1.0])
    logits, about = to_logits(p, "p", len(p))
    z = logits[:, 1]
    assert np.isfinite(z).all()
    assert z[0] == z[1]
    assert np.all(np.diff(z)[1:] > 0) or np.array_equal(np.argsort(z, kind="stable"), np.argsort(p, kind="stable"))
    assert z[5] == 0
    assert about == {"kind": "probability", "saturated": {"0": 2, "1": 1}}
    hard, _ = to_logits(np.array([0, 1, 1]), "p", 3)
    np.testing.assert_array_equal(hard[:, 1], [-1, 1, 1])


def test_single_precision_probabilities_near_one_stay_apart():
    p = np.nextafter(np.float32(1), np.float32(0)) - np.arange(50, dtype=np.float32) * np.float32(2**-24)
    logits, _ = to_logits(p, "p", 50)
    assert np.all(np.diff(logits[:, 1]) < 0)


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"label": None}, {}, "no column 'label'"),
        ({}, {"label": "labels"}, "did you mean 'label'?"),
        ({}, {"scores": ["depe"]}, "no column 'depe'; did you mean 'deep'?"),
        ({"label": np.linspace(0, 1, 600)}, {}, "does not hold classes"),
        ({"deep": np.full(600, np.nan)}, {}, "column 'deep' has 600 NaN or infinite values"),
        ({}, {"kind": "probability"}, "not probabilities"),
        ({"deep": None, "prob": None}, {}, "holds no scores"),
        ({"deep": np.zeros(597)}, {}, "column 'deep' has 597 values, but there are labels of 600 jets"),
        ({"jet_pt": np.zeros(595)}, {}, "column 'jet_pt' has 595 values, but there are labels of 600 jets"),
        ({"label": np.zeros(0, int)}, {}, "holds no jets: column 'label' is empty"),
    ],
)
def test_errors_name_file_and_column(changes, options, words, tmp_path):
    values = {name: column for name, column in (columns() | changes).items() if column is not None}
    np.savez(tmp_path / "s.npz", **values)
    with pytest.raises(DataError, match=words.replace("?", r"\?")) as caught:
        read_scores(tmp_path / "s.npz", **options)
    assert str(caught.value).startswith(str(tmp_path / "s.npz"))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_score_files(tmp_path):
    for name in WRITERS:
        (tmp_path / name).write_bytes(b"nothing of the kind\n\x00\xff")
        with pytest.raises(DataError) as caught:
            read_scores(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"no such score file; did you mean 's.csv'"):
        read_scores(tmp_path / "s.csw")
    with pytest.raises(DataError, match="is a folder"):
        read_scores(tmp_path)
    (tmp_path / "s.txt").touch()
    with pytest.raises(DataError, match="not a score file; they end in"):
        read_scores(tmp_path / "s.txt")


@pytest.mark.parametrize("name", WRITERS)
def test_truncated_files(name, tmp_path):
    WRITERS[name](tmp_path / name, columns())
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    if name.endswith(".csv"):  # a shorter table, perhaps with a damaged last line
        return
    with pytest.raises(DataError, match="cannot be read"):
        read_scores(tmp_path / name)


PUBLISHED = {  # AUC, accuracy, 1/eB at eS = 0.5 and 0.3 of the taggers in the file
    "ParticleNet_v2": (0.98477, 0.9384, 329, 1294),
    "ResNeXt50_v2": (0.98372, 0.9358, 302, 1147),
    "PFN_v0": (0.98208, 0.9321, 257, 889),
    "EFP_v0": (0.98033, 0.9323, 184, 384),
    "P-CNN_v2": (0.98028, 0.9296, 201, 759),
    "EFN_v0": (0.97909, 0.9269, 184, 603),
    "topodnn_v2": (0.97141, 0.9157, 96, 290),
}


@pytest.mark.skipif("LORENTZNET_REFERENCE_DATA" not in os.environ, reason="needs the folder LORENTZNET_REFERENCE_DATA")
def test_published_scores_give_the_published_numbers():
    path = Path(os.environ["LORENTZNET_REFERENCE_DATA"]) / "toptag_reference_scores_404k.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    found = evaluate(read_scores(path)).taggers
    assert set(found) == set(PUBLISHED)
    for name, (auc, accuracy, half, third) in PUBLISHED.items():
        assert found[name]["auc"]["value"] == pytest.approx(auc, abs=0.6e-5)
        assert found[name]["accuracy"]["value"] == pytest.approx(accuracy, abs=0.6e-4)
        assert found[name]["background_rejection"]["0.5"]["value"] == pytest.approx(half, abs=0.6)
        assert found[name]["background_rejection"]["0.3"]["value"] == pytest.approx(third, abs=0.6)


def test_stand_in_of_a_published_file(tmp_path):
    """A float32 npz as taggers publish them gives the metrics of its columns."""
    random = np.random.default_rng(8)
    label = (random.random(4000) < 0.5).astype(np.int8)
    z = {name: random.normal(size=4000) + distance * label for name, distance in (("a", 2.0), ("b", 3.0))}
    np.savez(
        tmp_path / "s.npz",
        label=label,
        jet_pt=random.random(4000),
        **{name: expit(v).astype(np.float32) for name, v in z.items()},
    )
    found = evaluate(read_scores(tmp_path / "s.npz")).taggers
    for name in ("a", "b"):
        assert found[name]["auc"]["value"] == pytest.approx(metrics.auc(label, z[name]).value, abs=1e-5)
        expected = metrics.background_rejection(label, z[name], 0.5)
        assert found[name]["background_rejection"]["0.5"]["survivors"] == pytest.approx(expected.survivors, abs=1)
