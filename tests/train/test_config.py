from pathlib import Path

import pytest

from lorentznet.config import plain
from lorentznet.errors import ConfigError
from lorentznet.taggers import create, names
from lorentznet.train.config import CONFIGS, differences, load_config, shipped

ANALYSIS = Path(__file__).parents[2] / "analysis"


@pytest.mark.parametrize("source", [*shipped(), *sorted(ANALYSIS.glob("reference_*/*.yaml"))], ids=str)
def test_configurations_of_the_project_can_be_built(source):
    config = load_config(source)
    tagger = create(config.tagger.name, config.tagger.preset, **config.tagger.options)
    assert tagger.name in names()
    assert config.train_words[0].partition("#")[2]
    assert config.val_words[0].partition("#")[2]


def test_every_tagger_of_the_quickstart_is_shipped():
    assert {"quickstart-cg", "quickstart-clifford"} <= set(shipped())
    assert all((CONFIGS / f"{name}.yaml").exists() for name in shipped())


def test_overrides_change_what_they_name():
    config = load_config("quickstart-cg", {"optimizer.lr": 0.1, "seed": 7, "data.train": ["a.root", "b.root#0:5"]})
    assert (config.optimizer.lr, config.seed, config.train_words) == (0.1, 7, ("a.root", "b.root#0:5"))
    assert config.optimizer.weight_decay == load_config("quickstart-cg").optimizer.weight_decay


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer.rl": 1}, ["'rl'", "did you mean 'lr'?"]),
        ({"epochs": 3}, ["'epochs'"]),
        ({"optimizer.lr": -1}, ["optimizer.lr", "-1"]),
        ({"optimizer.lr": "fast"}, ["optimizer.lr", "fast"]),
        ({"optimizer.schedule": "step"}, ["optimizer.schedule", "one-cycle"]),
        ({"optimizer.ema": 1.0}, ["optimizer.ema"]),
        ({"trainer.epochs": 0}, ["trainer.epochs"]),
        ({"data.batch_size": 0}, ["data.batch_size"]),
        ({"trainer.precision": "8"}, ["trainer.precision"]),
        ({"optimizer": 3}, ["optimizer"]),
    ],
)
def test_mistakes_are_named(changes, words):
    with pytest.raises(ConfigError) as caught:
        load_config("quickstart-cg", changes)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_unknown_source(tmp_path):
    with pytest.raises(ConfigError, match=r"did you mean 'quickstart-cg'\?"):
        load_config("quickstart-gc")
    with pytest.raises(ConfigError, match=r"mine\.yaml: no such file"):
        load_config(tmp_path / "mine.yaml")
    (tmp_path / "mine.yaml").write_text("tagger: {name: cg}\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: data"):
        load_config(tmp_path / "mine.yaml")


def test_differences_ignore_the_choice_of_the_machine():
    config = load_config("quickstart-cg")
    same = load_config(
        "quickstart-cg", {"trainer.threads": 7, "trainer.accelerator": "cpu", "trainer.devices": [3], "trainer.compile": True}
    )
    other = load_config("quickstart-cg", {"trainer.devices": 2, "optimizer.lr": 1.0, "data.card": "x.yaml"})
    assert differences(plain(config), same) == []
    assert differences(plain(config), other) == ["data.card", "optimizer.lr", "trainer.devices"]


def test_a_setting_that_an_older_version_did_not_write_has_its_default():
    config = load_config("quickstart-cg")
    older = plain(config)
    del older["data"]["mirror"], older["optimizer"]["name"]
    assert differences(older, config) == []
    assert differences(older, load_config("quickstart-cg", {"data.mirror": True})) == ["data.mirror"]
