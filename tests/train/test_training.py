"""From a configuration to a run folder."""

import numpy as np
import pytest
import torch
import yaml

import lorentznet as ln
from lorentznet.config import plain
from lorentznet.console import Console
from lorentznet.errors import ConfigError, DataError
from lorentznet.taggers import names
from lorentznet.train import checkpoint
from lorentznet.train.prediction import logits
from lorentznet.train.training import fit, load_jets
from lorentznet.train.validation import validate


def test_the_run_folder(comparing, make_config, trained, jet_file):
    assert {path.name for path in trained.iterdir()} == comparing.FILES
    assert yaml.safe_load((trained / "config.yaml").read_text()) == plain(make_config())
    table = comparing.rows(trained)
    assert [row["epoch"] for row in table] == [1, 2, 3]
    assert set(table[0]) == {"epoch", "train_loss", "val_loss", "val_auc", "val_accuracy", "lr", "seconds", "cpu_seconds"}
    info = checkpoint.load_run_info(trained)
    best = min(table, key=lambda row: row["val_loss"])
    assert info["best"] == {key: pytest.approx(best[key]) for key in ("epoch", "val_loss", "val_auc")}
    assert info["name"] == "first"
    assert info["classes"] == ["qcd", "top"]
    assert info["tagger"]["name"] == "toy"
    assert info["tagger"]["parameters"] == 3 * 8 + 8 + 8 + 8 + 1
    assert info["tagger"]["symmetry"] == "O+(1,3)"
    assert info["data"]["jets"] == {"train": 300, "val": 100}
    assert info["data"]["card"] == {"name": "toy", "digest": ln.data.read(jet_file).card.digest}
    assert (info["epochs"], info["seed"], info["finished"]) == (3, 3, True)
    for clock in ("seconds", "cpu_seconds"):
        assert info[clock] == pytest.approx(sum(row[clock] for row in table), abs=0.01)
    assert 0 < info["cpu_seconds"] < 1.3 * info["seconds"] + 0.1, "one thread cannot be busier than the clock"
    assert {"python", "torch", "lightning", "lorentznet"} <= set(info["versions"])


def test_the_best_checkpoint_gives_the_validation_figures_of_its_epoch(trained, jet_file):
    """The averaged weights are what was validated and what was kept."""
    table = ln.data.read(f"{jet_file}#val")
    tagger = ln.load(trained)
    z = torch.from_numpy(logits(tagger, table)[:, 1:])
    result = validate(z, torch.from_numpy(table.labels), torch.from_numpy(table.weights))
    best = checkpoint.load_run_info(trained)["best"]
    assert result.loss == pytest.approx(best["val_loss"], rel=1e-6)
    assert result.auc == pytest.approx(best["val_auc"], abs=1e-9)
    assert checkpoint.about(trained) == {"tagger": checkpoint.about(trained)["tagger"], "classes": ("qcd", "top"), **best}


def test_it_learns(comparing, make_config, tmp_path):
    fit(make_config(trainer__epochs=12), tmp_path / "run")
    table = comparing.rows(tmp_path / "run")
    assert table[-1]["val_auc"] > 0.75
    assert table[-1]["train_loss"] < 0.8 * table[0]["train_loss"]


def test_averaged_weights_differ_from_the_last(comparing, make_config, tmp_path):
    fit(make_config(), tmp_path / "on")
    content = checkpoint.read(tmp_path / "on" / "last.ckpt")
    last = {key.removeprefix("tagger."): value for key, value in content["state_dict"].items()}
    assert not comparing.same(last, content["lorentznet"]["weights"])
    fit(make_config(optimizer__ema=0), tmp_path / "off")
    content = checkpoint.read(tmp_path / "off" / "last.ckpt")
    last_off = {key.removeprefix("tagger."): value for key, value in content["state_dict"].items()}
    assert comparing.same(last_off, content["lorentznet"]["weights"])
    assert comparing.same(last_off, last), "averaging must not change the training itself"


def test_same_seed_same_bits(comparing, make_config, trained, tmp_path):
    fit(make_config(), tmp_path / "again")
    fit(make_config(seed=4), tmp_path / "other")
    for name in ("best.ckpt", "last.ckpt"):
        assert comparing.same(comparing.weights(trained / name), comparing.weights(tmp_path / "again" / name))
        assert not comparing.same(comparing.weights(trained / name), comparing.weights(tmp_path / "other" / name))
    assert comparing.without_seconds(trained) == comparing.without_seconds(tmp_path / "again")


def test_early_stopping(make_config, tmp_path):
    fit(
        make_config(trainer__epochs=40, trainer__patience=2, optimizer__lr=0.5, optimizer__schedule="constant", optimizer__ema=0),
        tmp_path / "run",
    )
    info = checkpoint.load_run_info(tmp_path / "run")
    assert info["epochs"] < 40
    assert info["epochs"] == info["best"]["epoch"] + 2
    assert info["finished"]


def test_the_course_of_the_learning_rate_covers_the_training(comparing, make_config, tmp_path):
    fit(make_config(optimizer__schedule="cosine", optimizer__warm_up=0.0), tmp_path / "run")
    course = [row["lr"] / 0.02 for row in comparing.rows(tmp_path / "run")]
    assert course == pytest.approx([0.747, 0.244, 1e-4], abs=0.03)


def test_weights_of_jets_matter(comparing, make_config, toys, jet_file, tmp_path):
    branches = toys.branches(400)
    results = {}
    for name, factor in (("equal", 1.0), ("scaled", 1000.0), ("other", None)):
        weight = np.full(400, factor) if factor else np.where(branches["label_Tbqq"], 5.0, 1.0)
        path = toys.write(tmp_path / f"{name}.root", {**branches, "w": weight}, toys.card(weight="w"))
        fit(make_config(data__train=f"{path}#train", data__val=f"{path}#val", trainer__epochs=1), tmp_path / name)
        results[name] = comparing.weights(tmp_path / name / "last.ckpt")
    torch.testing.assert_close(results["equal"], results["scaled"])
    assert not torch.allclose(results["equal"]["last.bias"], results["other"]["last.bias"])


def test_several_classes_and_particle_scalars(comparing, make_config, toys, tmp_path):
    import awkward as ak

    branches = toys.branches(400)
    kind = np.arange(400) % 3
    branches |= {f"label_{k}": kind == k for k in range(3)} | {"part_charge": ak.ones_like(branches["part_px"])}
    card = toys.card(classes={"a": "label_0", "b": "label_1", "c": "label_2"}, scalars=["part_charge"])
    path = toys.write(tmp_path / "jets.root", branches, card)
    run = tmp_path / "run"
    fit(make_config(data__train=f"{path}#train", data__val=f"{path}#val", trainer__epochs=1), run)
    tagger = ln.load(run)
    assert (tagger.class_names, tagger.config.classes, tagger.config.scalars) == (("a", "b", "c"), 3, 1)
    assert 0 < comparing.rows(run)[0]["val_auc"] < 1


def test_selection_cuts_training_jets_only(make_config, toys, tmp_path):
    path = toys.write(tmp_path / "jets.root", card=toys.card(selection="jet_pt > 600"))
    passed = int((ln.data.read(f"{path}#train").observer("jet_pt") > 600).sum())
    assert 0 < passed < 240
    fit(make_config(data__train=f"{path}#train", data__val=f"{path}#val", trainer__epochs=1), tmp_path / "run")
    assert checkpoint.load_run_info(tmp_path / "run")["data"]["jets"] == {"train": passed, "val": 80}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"tagger__name": "toyy"}, ConfigError, ["'toyy'", "did you mean 'toy'?"]),
        ({"tagger__preset": "wid"}, ConfigError, ["did you mean 'wide'?"]),
        ({"tagger__options": {"hiden": 3}}, ConfigError, ["did you mean 'hidden'?"]),
        ({"tagger__options": {"classes": 3}}, ConfigError, ["2 classes"]),
        ({"tagger__options": {"seed": 3}}, ConfigError, ["'seed'"]),
        ({"data__train": "nowhere.root"}, DataError, ["nowhere.root"]),
        ({"trainer__accelerator": "cuda"}, ConfigError, ["cuda"]),
        ({"trainer__accelerator": "abacus"}, ConfigError, ["abacus"]),
        ({"trainer__strategy": "abacus"}, ConfigError, ["abacus"]),
        ({"optimizer__lr": 1e38, "optimizer__clip": 0}, ConfigError, ["not finite", "optimizer.lr"]),
    ],
)
def test_mistakes_leave_nothing(changes, error, words, make_config, tmp_path):
    if changes.get("trainer__accelerator") == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(error) as caught:
        fit(make_config(**changes), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_validation_jets_of_other_classes(make_config, toys, tmp_path):
    path = toys.write(tmp_path / "jets.root", card=toys.card(classes={"light": "label_QCD", "top": "label_Tbqq"}))
    with pytest.raises(DataError, match="light, top"):
        fit(make_config(data__val=f"{path}#val"), tmp_path / "run")


def test_float64(make_config, tmp_path):
    fit(make_config(trainer__precision="64-true", trainer__epochs=1), tmp_path / "run")
    assert next(ln.load(tmp_path / "run").parameters()).dtype == torch.float64


def test_initial_weights_depend_on_the_seed_only(comparing, make_config):
    from lorentznet.train.building import build_tagger

    torch.manual_seed(1)
    first = build_tagger(make_config(), ("a", "b")).state_dict()
    torch.manual_seed(2)
    assert comparing.same(first, build_tagger(make_config(), ("a", "b")).state_dict())
    assert not comparing.same(first, build_tagger(make_config(seed=9), ("a", "b")).state_dict())


@pytest.mark.parametrize("name", names())
def test_taggers_of_the_package_learn(comparing, name, toys, tmp_path):
    from lorentznet.train.config import load_config

    jets = toys.write(tmp_path / "jets.root")
    changes = {"data.train": f"{jets}#0:160", "data.val": f"{jets}#160:240", "tagger.preset": "tiny", "data.batch_size": 16}
    changes |= {"tagger.name": name, "tagger.options": {}, "trainer.epochs": 2, "trainer.accelerator": "cpu"}
    fit(load_config("quickstart-cg", changes), tmp_path / "run")
    assert comparing.rows(tmp_path / "run")[-1]["val_auc"] > 0.8


@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
@pytest.mark.parametrize("optimizer", ["adamw", "soap"])
def test_other_precisions_with_clipping(comparing, make_config, optimizer, precision, tmp_path):
    fit(make_config(trainer__precision=precision, optimizer__name=optimizer, optimizer__clip=1.0), tmp_path / "run")
    assert comparing.rows(tmp_path / "run")[-1]["val_auc"] > 0.6


def test_scalars_of_mirrored_jets_are_spoken_of(make_config, toys, listening, tmp_path):
    lines = []
    jets = toys.write(tmp_path / "jets.root", toys.branches(60, seed=1), toys.card(scalars=["part_energy"]))
    words = {"data__train": f"{jets}#0:40", "data__val": f"{jets}#40:60"}
    for mirror in (True, False):
        fit(make_config(**words, data__mirror=mirror, trainer__epochs=1), tmp_path / str(mirror), console=listening(lines.append))
        assert any("data.mirror: mirrored jets keep the particle scalars (part_energy)" in line for line in lines) == mirror
        lines.clear()


@pytest.mark.slow
def test_compiled(comparing, make_config, trained, tmp_path):
    fit(make_config(trainer__compile=True, tagger__options={"dropout": 0.0}), tmp_path / "compiled")
    fit(make_config(tagger__options={"dropout": 0.0}), tmp_path / "eager")
    assert (
        comparing.weights(tmp_path / "compiled" / "best.ckpt").keys()
        == comparing.weights(tmp_path / "eager" / "best.ckpt").keys()
    )
    torch.testing.assert_close(
        comparing.weights(tmp_path / "compiled" / "last.ckpt"),
        comparing.weights(tmp_path / "eager" / "last.ckpt"),
        rtol=1e-3,
        atol=1e-4,
    )


def test_validation_jets_that_train_are_said(make_config, jet_file, capsys):
    for val, said in (("#val", False), ("#0:30", True)):
        load_jets(make_config(data__train=f"{jet_file}#train", data__val=f"{jet_file}{val}"), Console())
        assert ("have jets in common: validation cannot show overfitting" in capsys.readouterr().err) is said


def test_a_selection_that_nothing_passes_is_said(make_config, toys, tmp_path):
    path = toys.write(tmp_path / "none.root", card=toys.card(selection="jet_pt > 1e9"))
    with pytest.raises(DataError, match=r"data.train: .*none\.root#train: no jets were read; if the card has a selection"):
        load_jets(make_config(data__train=f"{path}#train", data__val=f"{path}#val"))


def test_what_is_read_twice_or_cut_is_said(make_config, toys, tmp_path, capsys):
    jets = toys.write(tmp_path / "jets.root", card=toys.card(selection="jet_pt > 600"))
    words = {"data__train": [f"{jets}#0:100", f"{jets}#50:200"], "data__val": f"{jets}#240:320"}
    train, _ = load_jets(make_config(**words), Console())
    said = capsys.readouterr().err
    assert 0 < len(train) < 250
    assert f"the card's selection, jet_pt > 600, keeps {len(train)} of 250 training jets" in said
    assert f"warning: data.train: {jets}#0:100 and {jets}#50:200 have jets in common, which count twice" in said
    assert "data.val" not in said


def test_jets_of_negative_weight_train_and_do_not_validate(make_config, toys, tmp_path):
    branches = toys.branches(60)
    branches["w"] = np.where(np.arange(60) % 5 == 0, -1.0, 1.0)
    jets = toys.write(tmp_path / "jets.root", branches, card=toys.card(weight="w"))
    words = {"data__train": f"{jets}#0:40", "data__val": f"{jets}#40:60"}
    with pytest.raises(DataError, match="the weights of 4 of 20 jets are negative; efficiencies need weights of at least zero"):
        load_jets(make_config(**words), None)
    words["data__val"] = f"{jets}#41:45"
    assert float(load_jets(make_config(**words), None)[0].weights.min()) == -1
