"""Files of momenta and masses, and their resolutions with bootstrap errors."""

import json

import numpy as np
import pytest

from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate import regression
from lorentznet.evaluate.regression import RegressionEvaluation, evaluate, resolution
from lorentznet.evaluate.regression_table import RegressionTable, is_regression

RNG = np.random.default_rng(3)


def momenta(mass, pt):
    phi, pz = RNG.uniform(-3, 3, len(pt)), RNG.normal(0, 300, len(pt))
    space = np.stack((pt * np.cos(phi), pt * np.sin(phi), pz), axis=1)
    return np.concatenate((np.sqrt(mass**2 + (space**2).sum(1))[:, None], space), axis=1)


def table(jets=2000, task="momentum", without=100, **changes) -> RegressionTable:
    """Targets of mass 173; the jets are 8 % too heavy or light, the network 4 %, 2 % of bias."""
    truth = momenta(np.full(jets, 173.0), RNG.uniform(400, 600, jets))
    spread = RNG.normal(size=jets)
    scaled = {width: truth * (1 + width * spread)[:, None] for width in (0.04, 0.08)}
    truth[:without] = 0
    values = {
        "name": "net",
        "task": task,
        "ids": np.arange(jets),
        "labels": np.ones(jets, dtype=np.int64),
        "weights": np.ones(jets),
        "predictions": 1.02 * scaled[0.04],
        "jets": scaled[0.08],
        "targets": truth,
        "observers": {"jet_pt": np.arange(jets, dtype=np.float32)},
        "provenance": {"tagger": {"parameters": 7}},
    } | changes
    if task == "mass":
        for key in ("predictions", "targets"):
            values[key] = np.sqrt(np.maximum(values[key][:, :1] ** 2 - (values[key][:, 1:] ** 2).sum(1, keepdims=True), 0))
    return RegressionTable(**values)


@pytest.mark.parametrize("suffix", [".root", ".parquet", ".h5"])
@pytest.mark.parametrize("task", ["momentum", "mass"])
def test_files_come_back_as_they_were(task, suffix, tmp_path):
    written = table(20, task, without=3)
    path = written.write(tmp_path / f"net{suffix}")
    assert is_regression(path)
    read = RegressionTable.read(path)
    assert (read.name, read.task, read.provenance) == (written.name, task, written.provenance)
    for name, column in written.columns.items():
        np.testing.assert_array_equal(read.columns[name], column)
    names = ["pred_E", "pred_px", "pred_py", "pred_pz"] if task == "momentum" else ["pred_mass"]
    assert [name for name in written.columns if name.startswith("pred_")] == names


def test_other_files_are_none(tmp_path, toy_study):
    assert not is_regression(toy_study.scores)
    assert not is_regression(tmp_path / "nothing.root")
    with pytest.raises(DataError, match="no column 'pred_mass'"):
        RegressionTable.read(toy_study.scores)


def test_an_observer_cannot_take_the_name_of_a_column():
    with pytest.raises(DataError, match="'pred_E'"):
        _ = table(4, without=0, observers={"pred_E": np.zeros(4)}).columns
    with pytest.raises(ValueError, match="predictions must have shape"):
        table(4, without=0, predictions=np.zeros((4, 3)))


@pytest.mark.parametrize("task", ["momentum", "mass"])
def test_figures_are_those_that_were_put_in(task):
    found = evaluate([table(task=task)], ["net.root"]).regressions["net"]
    assert (found["jets"], found["without_target"], found["parameters"]) == (1900, 100, 7)
    assert set(found["quantities"]) == ({"mass", "pt", "energy"} if task == "momentum" else {"mass"})
    for part in found["quantities"].values():
        network, jet = part["network"], part["jet"]
        assert network["bias"]["value"] == pytest.approx(0.02, abs=0.005)
        assert network["resolution"]["value"] == pytest.approx(0.04, rel=0.06)
        assert jet["resolution"]["value"] == pytest.approx(0.08, rel=0.06)
        for estimate in (network["bias"], network["resolution"], jet["resolution"], part["ratio"]):
            assert estimate["low"] < estimate["value"] < estimate["high"]
        # the same jets in both: their fluctuations leave the ratio
        relative = (jet["resolution"]["high"] - jet["resolution"]["low"]) / jet["resolution"]["value"]
        assert (part["ratio"]["high"] - part["ratio"]["low"]) / part["ratio"]["value"] < 0.3 * relative


def test_bootstrap_errors_cover():
    """The interval of the median is that of a normal sample: sigma sqrt(pi / 2n) up and down."""
    responses = {"network": RNG.normal(1, 0.1, 4000), "jet": RNG.normal(1, 0.1, 4000)}
    bias = regression._compared(responses, np.ones(4000), seed=1)["network"]["bias"]
    assert 0.5 * (bias["high"] - bias["low"]) == pytest.approx(0.1 * np.sqrt(np.pi / 8000), rel=0.25)


def test_weights_count():
    response = np.concatenate([RNG.normal(1, 0.1, 5000), RNG.normal(3, 0.1, 5000)])
    weights = np.repeat([1.0, 0.0], 5000)
    assert resolution(response, weights) == pytest.approx(resolution(response[:5000], weights[:5000]), rel=1e-3)
    heavy = resolution(response[:5000], RNG.integers(1, 3, 5000).astype(float))
    assert heavy[1] == pytest.approx(0.1, rel=0.05)


def test_errors():
    with pytest.raises(DataError, match=r"a\.root: has no targets"):
        evaluate([table(targets=None)], ["a.root"])
    with pytest.raises(DataError, match="1 of 5 jets have a target"):
        evaluate([table(5, without=4)])
    with pytest.raises(ConfigError, match="two regressions are named 'net'"):
        evaluate([table(50, without=0), table(50, without=0)])


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("predictions", np.nan, "the predictions of 3 of 50 jets are NaN or infinite"),
        ("jets", np.inf, "the jet momenta of 3 of 50 jets are NaN or infinite"),
        ("targets", np.nan, "the targets of 3 of 50 jets are NaN or infinite"),
        ("weights", np.nan, "the weights of 3 of 50 jets are negative, NaN or infinite"),
        ("weights", -1.0, "the weights of 3 of 50 jets are negative, NaN or infinite"),
    ],
)
def test_numbers_that_no_resolution_can_be_made_of(column, value, words):
    spoilt = table(50, without=0)
    getattr(spoilt, column)[:3] = value
    with pytest.raises(DataError, match=rf"^a\.root: {words}"):
        evaluate([spoilt], ["a.root"])


def test_written_and_read(tmp_path):
    found = evaluate([table(300), table(300, "mass", name="m")])
    found.write(tmp_path)
    assert json.loads((tmp_path / "regression.json").read_text()) == found.numbers
    again = RegressionEvaluation.read(tmp_path)
    assert again.cells() == found.cells()
    assert len((tmp_path / "regression.csv").read_text().splitlines()) == 1 + 5 * 3 + 5
    assert "plain jet" in found.table()
    histogram = np.genfromtxt(tmp_path / "response_net_pt.csv", delimiter=",", names=True)
    assert histogram["network"].sum() == pytest.approx(1)
    (tmp_path / "regression.json").write_text("{}")
    with pytest.raises(DataError, match="evaluate the predictions again"):
        RegressionEvaluation.read(tmp_path)
