"""From jets with true momenta to resolutions: train, resume, predict, evaluate, scan, report, as they are typed."""

import csv
import json

import numpy as np
import pytest
import torch

import lorentznet as ln
from lorentznet.cli import main
from lorentznet.evaluate.regression_table import RegressionTable
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.train import checkpoint, load_config
from lorentznet.train.building import build_tagger
from lorentznet.train.trained import Trained

SPLITS = {"train": [0, 96], "val": [96, 144], "test": [144, 200]}
COMPONENTS = ("energy", "px", "py", "pz")


@pytest.fixture(scope="module")
def jets(toys, tmp_path_factory):
    """Toy jets; the truth of a top jet is 0.9 of its momentum, QCD jets have none."""
    import awkward as ak

    branches = toys.branches(200, seed=4)
    top = np.asarray(branches["label_Tbqq"])
    for component in COMPONENTS:
        branches[f"aux_genpart_{component}"] = np.where(
            top, 0.9 * ak.to_numpy(ak.sum(branches[f"part_{component}"], axis=1)), 0.0
        )
    observers = ["jet_pt", *(f"aux_genpart_{component}" for component in COMPONENTS)]
    return toys.write(tmp_path_factory.mktemp("truth") / "jets.root", branches, toys.card(splits=SPLITS, observers=observers))


def line(jets, out, task="momentum", **changes):
    words = {
        "data.train": f"{jets}#train",
        "data.val": f"{jets}#val",
        "data.target": "aux_genpart",
        "data.batch_size": 16,
        "tagger.preset": "tiny",
        "tagger.options.task": task,
        "trainer.epochs": 3,
        "trainer.threads": 1,
        "optimizer.lr": 0.004,
        "optimizer.ema": 0,
    }
    words |= {key.replace("__", "."): value for key, value in changes.items()}
    options = [word for key, value in words.items() if value is not None for word in (f"--{key}", value)]
    return [str(word) for word in ("train", "--config", "quickstart-cg", *options, "--out", out, "--quiet")]


@pytest.fixture(scope="module")
def runs(jets, tmp_path_factory):
    """A trained regression of each task, and what it predicts for the test jets."""
    folder = tmp_path_factory.mktemp("runs")
    for task in ("momentum", "mass"):
        assert main(line(jets, folder / task, task)) == 0
        assert main(["predict", str(folder / task), f"{jets}#test", "--out", str(folder / f"{task}.root"), "--quiet"]) == 0
    return folder


def rows(run):
    with (run / "metrics.csv").open() as handle:
        return list(csv.DictReader(handle))


def test_the_run_folder(runs):
    momentum, mass = rows(runs / "momentum"), rows(runs / "mass")
    figures = ["val_loss", "val_bias", "val_resolution"]
    assert list(mass[0])[:5] == ["epoch", "train_loss", *figures]
    assert list(momentum[0])[:7] == ["epoch", "train_loss", *figures, "val_mass_bias", "val_mass_resolution"]
    assert float(momentum[2]["val_loss"]) < 0.9 * float(momentum[0]["val_loss"])
    info = checkpoint.load_run_info(runs / "momentum")
    assert set(info["best"]) == {"epoch", "val_loss", "val_resolution"}
    assert (info["task"], info["classes"], info["data"]["target"]) == ("momentum", [], ["aux_genpart"])
    assert info["data"]["jets"] == {"train": 48, "val": 24}
    tagger = ln.load(runs / "momentum")
    assert (tagger.task, tagger.target, tagger.class_names) == ("momentum", ("aux_genpart",), ())


def test_resumed_is_the_same_as_never_interrupted(jets, runs, comparing, tmp_path, monkeypatch):
    run = tmp_path / "momentum"
    with monkeypatch.context() as patch:
        from lorentznet.console import Console

        def stop(console, text=""):
            if "epoch   1/3" in text:
                raise KeyboardInterrupt

        patch.setattr(Console, "say", stop)
        assert main(line(jets, run)) == 130
    assert len(rows(run)) == 1
    assert main([*line(jets, run), "--resume"]) == 0
    assert comparing.same(comparing.weights(run / "best.ckpt"), comparing.weights(runs / "momentum" / "best.ckpt"))
    timing = {"seconds", "cpu_seconds"}
    assert [{key: row[key] for key in row if key not in timing} for row in rows(run)] == [
        {key: row[key] for key in row if key not in timing} for row in rows(runs / "momentum")
    ]


def test_predictions(jets, runs):
    table, jet_table = RegressionTable.read(runs / "momentum.root"), ln.data.read(f"{jets}#test")
    assert (table.name, table.task, len(table)) == ("momentum", "momentum", 56)
    assert table.ids.tolist() == list(range(144, 200))
    np.testing.assert_allclose(np.hypot(table.jets[:, 1], table.jets[:, 2]), jet_table.jet_pt, rtol=1e-9)
    top = jet_table.labels == 1
    np.testing.assert_allclose(table.targets[top], 0.9 * table.jets[top], rtol=1e-6)
    assert not table.targets[~top].any()
    assert np.median(np.abs(table.predictions[top, 0] / table.jets[top, 0] - 0.9)) < 0.08
    assert table.provenance["tagger"]["config"]["task"] == "momentum"
    mass = RegressionTable.read(runs / "mass.root")
    assert mass.predictions.shape == mass.targets.shape == (56, 1)
    with pytest.raises(ln.errors.DataError, match="logit_<class>"):
        ScoreTable.read(runs / "momentum.root")


def test_a_file_without_targets_is_predicted_all_the_same(runs, toys, tmp_path):
    plain = toys.write(tmp_path / "plain.root", toys.branches(20), toys.card(classes={}, splits={}))
    out = tmp_path / "plain.parquet"
    assert main(["predict", str(runs / "mass"), str(plain), "--out", str(out), "--quiet"]) == 0
    table = RegressionTable.read(out)
    assert table.targets is None
    assert len(table) == 20
    assert main(["evaluate", str(out), "--out", str(tmp_path / "evaluation"), "--quiet"]) == 2


def test_evaluation(runs, tmp_path, capsys):
    out = tmp_path / "evaluation"
    assert main(["evaluate", str(runs / "momentum.root"), str(runs / "mass.root"), "--out", str(out), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "plain jet" in printed
    numbers = json.loads((out / "regression.json").read_text())["regressions"]
    assert set(numbers) == {"momentum", "mass"}
    assert (numbers["momentum"]["jets"], numbers["momentum"]["without_target"]) == (28, 28)
    plain = numbers["momentum"]["quantities"]["mass"]["jet"]
    assert plain["bias"]["value"] == pytest.approx(1 / 0.9 - 1, rel=1e-5)
    assert plain["resolution"]["value"] == pytest.approx(0, abs=1e-5)
    assert abs(numbers["momentum"]["quantities"]["pt"]["network"]["bias"]["value"]) < 0.08
    assert {path.name for path in out.iterdir()} >= {"regression.csv", "response_momentum_pt.png", "response_mass_mass.csv"}


def test_scores_and_momenta_are_not_mixed(runs, toy_study, refused, tmp_path):
    refused(["evaluate", runs / "momentum.root", toy_study.scores, "--out", tmp_path / "e"], "holds scores", "two commands")
    for words in (["--baseline", "x"], ["--signal-efficiency", "0.1"], ["--label", "y"], ["--observers", "jet_pt"]):
        line = ["evaluate", runs / "momentum.root", "--out", tmp_path / "e", *words]
        refused(line, f"{words[0]} says nothing of momenta or masses, which these files hold: leave it out")


def test_covariance_and_report(runs, jets, tmp_path, capsys):
    out = tmp_path / "study"
    words = [runs / "momentum", runs / "mass", f"{jets}#test", "--jets", "6", "--out", out / "invariance", "--quiet"]
    assert main(["invariance", *map(str, words)]) == 0
    assert "|L^-1 f(Lx) - f(x)| / |f(x)|" in capsys.readouterr().out
    curves = json.loads((out / "invariance" / "covariance.json").read_text())["regressions"]["momentum"]
    assert curves["float64"]["frame"]["boost"]["10"]["max"] < 1e-9
    assert curves["float32"]["frame"]["boost"]["1000"]["rms"] < 1e-5
    masses = json.loads((out / "invariance" / "invariance.json").read_text())["taggers"]
    assert set(masses) == {"mass"}
    assert masses["mass"]["quantity"] == "mass"
    assert "auc" not in masses["mass"]["float32"]["frame"]["boost"]["10"]
    assert masses["mass"]["unmoved"] == {}
    assert main(["evaluate", str(runs / "momentum.root"), "--out", str(out / "evaluation"), "--quiet"]) == 0
    assert main(["report", str(runs), str(out), "--out", str(tmp_path / "report"), "--quiet"]) == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Momentum and mass" in page
    assert "the mass changes by" in page
    assert "logit" not in page
    assert "momentum finds the mass of 28 jets" in page
    assert (tmp_path / "report" / "regression.json").exists()
    assert not (tmp_path / "report" / "training_auc.png").exists()


def test_covariance_as_it_is_asked_for(runs, jets, refused, tmp_path, capfd):
    words = ["invariance", runs / "momentum", f"{jets}#test", "--jets", "4", "--out", tmp_path / "scan"]
    asked = ["--gammas", "2", "--dtypes", "float64", "--transformations", "boost", "rotation"]
    assert main([str(word) for word in (*words, *asked)]) == 0
    assert f"wrote {tmp_path / 'scan' / 'covariance.json'}" in capfd.readouterr().err
    curves = json.loads((tmp_path / "scan" / "covariance.json").read_text())["regressions"]["momentum"]
    assert set(curves) == {"float64", "floor"}
    assert {name: list(points) for name, points in curves["float64"]["frame"].items()} == {"boost": ["2"], "rotation": ["1"]}
    refused([*words, "--parts", "irc"], "--parts", "momentum predicts momenta")
    refused([*words, "--transformations", "paddling"], "unknown transformation 'paddling'; did you mean 'padding'")
    assert main([str(word) for word in (*words, *asked, "--parts")]) == 0, "nothing besides is asked for"


@pytest.mark.parametrize("first", ["cg-tiny", "mass"])
def test_weights_for_another_task_get_a_new_last_layer(first, runs, jets, tmp_path, capsys):
    """A logit is no ln(m / M), and the other way round."""
    weights = runs / "mass" if first == "mass" else first
    changes = {"tagger.weights": weights, "tagger.preset": "null", "trainer.epochs": 1}
    changes |= {"tagger.options.task": "tagging", "data.target": None} if first == "mass" else {"tagger.options.task": "mass"}
    assert main(line(jets, tmp_path / "run", **changes)[:-1]) == 0
    assert "; anew, for other answers: network.readout.mlp." in capsys.readouterr().err
    assert checkpoint.load_run_info(tmp_path / "run")["weights"]["source"] == str(weights)
    config = load_config(tmp_path / "run" / "config.yaml")
    begun = build_tagger(config, ("qcd", "top"), start=Trained.find(str(weights), "tagger.weights")).eval()
    taken = ln.load(weights).state_dict()
    assert {key for key, value in begun.state_dict().items() if not torch.equal(value, taken[key])} == {
        "network.readout.mlp.6.weight",
        "network.readout.mlp.6.bias",
    }
    table = ln.data.read(f"{jets}#test")
    found = begun(ln.data.collate(table)).detach()[:, 0].numpy()
    np.testing.assert_allclose(found, np.zeros(len(table)) if first == "mass" else table.jet_mass, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data.target": None}, ["data.target is missing", "--data.target aux_genpart"]),
        ({"data.target": "aux_genprat"}, ["aux_genprat", "aux_genpart_energy", "observers"]),
        ({"tagger.options.task": "tagging"}, ["task is tagging"]),
        ({"tagger.options.task": "momenta"}, ["task"]),
    ],
    ids=["no target", "unknown target", "tagging with a target", "unknown task"],
)
def test_mistakes(changes, words, jets, refused, tmp_path):
    refused(line(jets, tmp_path / "run", **changes)[:-1], *words)


def test_no_jet_has_a_target(jets, toys, refused, tmp_path):
    card = tmp_path / "card.yaml"
    import yaml

    observers = [f"aux_genpart_{component}" for component in COMPONENTS]
    card.write_text(yaml.safe_dump(toys.card(splits=SPLITS, observers=observers, selection="label_QCD == 1")))
    refused(line(jets, tmp_path / "run", **{"data.card": card})[:-1], "none of its", "has a target")
