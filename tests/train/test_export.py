"""Pretrained weights are made of finished trainings and their results; nothing is taken on trust."""

import json
import shutil
from types import SimpleNamespace

import pytest
import yaml

import lorentznet as ln
from lorentznet.errors import CheckpointError, ConfigError, DataError, LorentznetError
from lorentznet.train import checkpoint, model_card, pretrained


@pytest.fixture
def study(study_copy, toy_weights, tmp_path):
    """The small study in a folder of the test's own, with ``export(*runs, **changes)``."""
    card = toy_weights.parent.parent / "card.yaml"

    def export(*runs, **changes):
        settings = {
            "evaluation": study_copy.evaluation,
            "invariance": study_copy.invariance,
            "folder": tmp_path / "out",
            "card": card,
        }
        return pretrained.export("w", list(runs) or study_copy.run, **{**settings, **changes})

    return SimpleNamespace(**vars(study_copy), export=export, out=tmp_path / "out")


def change(path, **changes):
    """Change a JSON file; dots lead into it."""
    content = json.loads(path.read_text())
    for dotted, value in changes.items():
        *parents, last = dotted.split("__")
        level = content
        for parent in parents:
            level = level[parent]
        level[last] = value
    path.write_text(json.dumps(content))


def another(run, seed, **changes):
    """A second training beside a run: the same but for its seed."""
    copy = shutil.copytree(run, run.with_name(f"{run.name}-{seed}"))
    config = yaml.safe_load((copy / "config.yaml").read_text())
    (copy / "config.yaml").write_text(yaml.safe_dump({**config, "seed": seed}))
    change(copy / "run.json", seed=seed, **changes)
    return copy


def test_three_files_that_say_everything(toy_weights, toy_study):
    facts, card = pretrained.facts("cg-toy", toy_weights.parent), pretrained.card("cg-toy", toy_weights.parent)
    info = checkpoint.load_run_info(toy_study.run)
    measured = json.loads((toy_study.evaluation / "metrics.json").read_text())["taggers"]["cg"]
    assert toy_weights.with_suffix(".md").read_text() == card
    assert sorted(path.suffix for path in toy_weights.parent.iterdir()) == [".json", ".md", ".safetensors"]
    assert facts["metrics"]["auc"] == measured["auc"]
    assert facts["data"]["train"] == ["jets.root#train"]
    assert facts["data"]["test"] == ["jets.root#test"]
    assert facts["data"]["digest"] == info["data"]["card"]["digest"]
    assert facts["data"]["jets"] == {"train": 240, "val": 80, "test": measured["jets"]}
    assert facts["training"]["seed"] == info["seed"]
    assert facts["seeds"] == [{"seed": info["seed"], **info["best"]}]
    assert facts["range"] == info["range"]
    scanned = json.loads((toy_study.invariance / "invariance.json").read_text())["taggers"]["cg"]
    rms = scanned["float32"]["frame"]["boost"]["2"]["rms"]
    assert facts["invariance"]["float32"]["frame"]["boost"]["2"] == pytest.approx(rms, rel=0.01)
    for words in ("CC BY 4.0", "https://doi.org/10.0/none", "Toy jets", info["tagger"]["symmetry"], "jets.root#test"):
        assert words in card
    for words in (f"AUC | {measured['auc']['value']:.5f}", "lorentznet train --config quickstart-cg", "torch 2.", "γ = 1000"):
        assert words in card
    folder = str(toy_study.folder)
    assert not any(folder in path.read_text() for path in (toy_weights.with_suffix(".json"), toy_weights.with_suffix(".md")))


def test_the_best_seed_by_validation(study):
    losses = {2: 0.5, 3: 0.01, 4: 0.02}
    runs = [study.run, *(another(study.run, seed, best__val_loss=loss) for seed, loss in losses.items())]
    evaluation = json.loads((study.evaluation / "metrics.json").read_text())
    evaluation["taggers"]["cg"]["provenance"]["tagger"]["seed"] = 3
    facts = pretrained.facts("w", study.export(*runs, evaluation=evaluation).parent)
    assert facts["training"]["seed"] == 3
    assert {seed["seed"]: seed["val_loss"] for seed in facts["seeds"][1:]} == losses
    assert "of 4 trainings the one with the lowest validation loss" in " ".join(model_card.render(facts).split())
    with pytest.raises(DataError, match=r"has the seed 1, the training to be exported is .*cg-3"):
        study.export(*runs)


def test_what_was_learned_from_others(study):
    folder = study.run.resolve().parent
    sources = [str(folder / "tiny" / "seed1" / "best.ckpt"), "/elsewhere/seed2.ckpt", "runs/a/seed3.ckpt", "clifford-tiny"]
    sizes = [("cg", 4946), ("cg", 4946), ("cg", 4946), ("clifford", 4991)]
    known = [
        {"source": source, "tagger": name, "parameters": size, "digest": "0"}
        for source, (name, size) in zip(sources, sizes, strict=True)
    ]
    change(study.run / "run.json", teachers=known)
    config = yaml.safe_load((study.run / "config.yaml").read_text())
    config["distillation"] = {"teachers": sources, "share": 0.75}
    (study.run / "config.yaml").write_text(yaml.safe_dump(config))
    facts = pretrained.facts("w", study.export(study.run).parent)
    named = ["tiny/seed1/best.ckpt", "seed2.ckpt", "runs/a/seed3.ckpt", "clifford-tiny"]
    assert [teacher["source"] for teacher in facts["training"]["teachers"]] == named
    assert facts["training"]["config"]["distillation"] == {"teachers": named, "share": 0.75, "cache": None}
    said = " ".join(model_card.render(facts).split())
    assert "the mean of what 4 taggers (3 `cg` of 4,946 parameters and 1 `clifford` of 4,991 parameters) said of the" in said
    assert "training jets in place of 75 % of the labels; the time of training those is not in this" in said


def test_whose_weights_it_went_on_from(study):
    folder = study.run.resolve().parent
    known = {"source": str(folder / "made/seed1/best.ckpt"), "tagger": "cg", "parameters": 4946, "digest": "0"}
    made = {"jets": [f"{folder}/made.root#0:1000"], "card": {"name": "made", "description": "Jets by lot", "citation": "Nobody"}}
    own = {"jets": checkpoint.load_run_info(study.run)["data"]["train"], "card": None}
    origin = {
        "seen": [f"{folder}/made.root#0:1000"],
        "trained_on": [made, own, {"jets": [f"{folder}/more.root#test"], "card": None}],
    }
    config = yaml.safe_load((study.run / "config.yaml").read_text())
    config["tagger"]["weights"] = known["source"]
    (study.run / "config.yaml").write_text(yaml.safe_dump(config))
    for weights, words in (
        (known, "of `made/seed1/best.ckpt`, the time"),
        ({**known, **origin}, "of `made/seed1/best.ckpt`, which had seen `made.root#0:1000`, the time"),
    ):
        change(study.run / "run.json", weights=weights)
        path = study.export(study.run, folder=study.out / words[-30])
        facts = pretrained.facts("w", path.parent)
        assert facts["training"]["config"]["tagger"]["weights"] == "made/seed1/best.ckpt"
        assert f"Went on from the weights {words} of which is not in this." in " ".join(model_card.render(facts).split())
        assert str(folder) not in path.with_suffix(".json").read_text()
    said = model_card.render(facts)
    assert "\n* `made.root#0:1000`: made: Jets by lot. Cite Nobody.\n* `more.root#test`: nothing is known of them.\n" in said
    assert (
        "| training before, see below | `made.root#0:1000` | 1,000 |\n| training before, see below | `more.root#test` |  |"
        in said
    )
    assert said.count("training before") == 2, "its own jets are not among them"


def refused(study, kind, words, *runs, **changes):
    with pytest.raises(kind, match=words) as caught:
        study.export(*runs, **changes)
    assert isinstance(caught.value, LorentznetError)
    assert "\n" not in str(caught.value)
    assert not study.out.exists()


def test_trainings_that_do_not_belong_together(study):
    other = another(study.run, 2)
    config = yaml.safe_load((other / "config.yaml").read_text())
    config["optimizer"]["lr"] = 0.1
    (other / "config.yaml").write_text(yaml.safe_dump(config))
    refused(study, ConfigError, r"differs from .* in optimizer\.lr", study.run, other)


def test_training_that_is_not_finished(study):
    change(study.run / "run.json", finished=False)
    refused(study, CheckpointError, "not finished")


def test_jets_without_licence(study):
    refused(study, ConfigError, "names no licence", card=None)


def test_results_of_another_tagger(study):
    change(study.invariance / "invariance.json", taggers__cg__symmetry="SO(2)")
    refused(study, DataError, r"has the symmetry SO\(2\)")
    change(study.evaluation / "metrics.json", taggers__cg__provenance__tagger__config__hidden=3)
    refused(study, DataError, "other settings")
    refused(study, DataError, "no tagger 'gc'; did you mean 'cg'", tagger="gc")


def test_results_from_before_a_setting_existed(study):
    path = study.evaluation / "metrics.json"
    metrics = json.loads(path.read_text())
    assert metrics["taggers"]["cg"]["provenance"]["tagger"]["config"].pop("layers_read") == 1
    path.write_text(json.dumps(metrics))
    assert study.export(study.run).exists()


def test_several_taggers_in_one_evaluation(study):
    evaluation = json.loads((study.evaluation / "metrics.json").read_text())
    mine = evaluation["taggers"].pop("cg")
    other = {**mine, "auc": {"value": 0.1, "low": 0.0, "high": 0.2}, "provenance": {}}
    path = study.run / "best.ckpt"
    mine["provenance"]["prediction"]["checkpoint"] = str(path)
    for taggers in ({"cg": other, "a": mine}, {"a": other, "cg": {**mine, "provenance": {}}}):
        facts = pretrained.facts("w", study.export(evaluation={"taggers": taggers}).parent)
        assert facts["metrics"]["auc"] == mine["auc"]
    shutil.rmtree(study.out)
    refused(study, DataError, "cannot tell which tagger belongs to", evaluation={"taggers": {"a": other, "b": other}})
    scan = json.loads((study.invariance / "invariance.json").read_text())["taggers"]["cg"]
    chosen = {"a": other, "b": mine | {"provenance": {}}}
    facts = pretrained.facts(
        "w", study.export(evaluation={"taggers": chosen}, invariance={"taggers": {"a": {}, "b": scan}}, tagger="b").parent
    )
    assert facts["metrics"]["auc"] == mine["auc"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"taggers": {}}'])
def test_results_that_are_none(content, study):
    (study.evaluation / "metrics.json").write_text(content)
    refused(study, DataError, r"metrics\.json")
    (study.evaluation / "metrics.json").unlink()
    refused(study, DataError, r"lorentznet evaluate|metrics\.json")


@pytest.mark.parametrize("rows", ["#train", "#val", "", "#"])
def test_test_jets_that_were_trained_on(rows, study):
    files = [f"{study.jets}{rows}"] if rows != "#" else [f"{study.jets}#100:300"]
    change(study.evaluation / "metrics.json", taggers__cg__provenance__prediction__files=files)
    if rows == "#":
        change(study.run / "run.json", data__train=[f"{study.jets}#0:240"])
    refused(study, DataError, "overlap")


def test_test_jets_that_the_first_weights_were_trained_on(study):
    change(study.run / "run.json", weights={"source": "x", "seen": [f"{study.jets}#test"]})
    refused(study, DataError, "overlap with .*#test, on which the tagger, or one that it began with, was trained")


def test_the_range_is_read_from_the_jets_where_the_checkpoint_does_not_say(study):
    content = checkpoint.read(study.run / "best.ckpt")
    before = content["lorentznet"].pop("range")
    config = yaml.safe_load((study.run / "config.yaml").read_text())
    config["data"]["train"] = f"{study.jets}#train"
    (study.run / "config.yaml").write_text(yaml.safe_dump(config))
    checkpoint.write(content, study.run / "best.ckpt")
    assert ln.load(study.run).training_range is None
    assert ln.load(study.export()).training_range == before


def test_the_script(study, toy_weights, capsys):
    import importlib.util
    from pathlib import Path

    path = Path(__file__).parents[2] / "analysis/pretrained/export.py"
    spec = importlib.util.spec_from_file_location("export_pretrained", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    card = toy_weights.parent.parent / "card.yaml"
    words = [study.run, study.evaluation, study.invariance, "--name", "w", "--card", card, "--folder", study.out]
    assert script.main([str(word) for word in words]) == 0
    assert capsys.readouterr().out.splitlines() == [str(study.out / f"w.{suffix}") for suffix in ("safetensors", "json", "md")]
    text = (study.out / "w.md").read_text()
    (study.out / "w.md").unlink()
    assert script.main(["--cards", "--folder", str(study.out)]) == 0
    assert (study.out / "w.md").read_text() == text
    scan = json.loads((study.invariance / "invariance.json").read_text())
    (tagger,) = scan["taggers"].values()
    tagger["jets"] = 12345
    (study.out / "invariance.json").write_text(json.dumps(scan))
    assert script.main([str(study.out / "invariance.json"), "--rescan", "w", "--folder", str(study.out)]) == 0
    assert pretrained.facts("w", study.out)["invariance"]["jets"] == 12345
    assert "12,345 jets" in (study.out / "w.md").read_text().replace("12345", "12,345")
    tagger["symmetry"] = "O(3)"
    (study.out / "invariance.json").write_text(json.dumps(scan))
    assert script.main([str(study.out / "invariance.json"), "--rescan", "w", "--folder", str(study.out)]) == 2
    assert "has the symmetry O(3)" in capsys.readouterr().err
    assert script.main([str(word) for word in [study.run, study.folder, study.invariance, "--name", "w"]]) == 2
    assert "metrics.json" in capsys.readouterr().err
