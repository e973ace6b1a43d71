from pathlib import Path

import pytest

from lorentznet.config import parse_overrides, plain
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
        ({"lr": 1}, ["unknown key 'lr'", "did you mean 'optimizer.lr'?"]),
        ({"trainer.epochs": True}, ["trainer.epochs: input should be a number, got True"]),
        ({"data.train": 3}, ["quickstart-cg: data.train: input should be a valid string, got 3"]),
    ],
)
def test_mistakes_are_named(changes, words):
    with pytest.raises(ConfigError) as caught:
        load_config("quickstart-cg", changes)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("2", 2),
        ("true", True),
        ("null", None),
        ("2024-01-01", "2024-01-01"),
        ("good.root#500:", "good.root#500:"),
        ("*.root", "*.root"),
        ("[ab]*.root", "[ab]*.root"),
        ("{a,b}.root", "{a,b}.root"),
        ("run #2.root#0:5", "run #2.root#0:5"),
        ("[run #2.root#500:, *.root]", ["run #2.root#500:", "*.root"]),
        ("[0.9, 0.99]", [0.9, 0.99]),
        ("[]", []),
        ('["a b", c]', ["a b", "c"]),
        ("{layers: 2}", {"layers": 2}),
    ],
)
def test_overrides_are_numbers_lists_and_words_as_they_are(text, value):
    found = parse_overrides(["--key", text, f"--other={text}"])
    assert found == {"key": value, "other": value}
    assert type(found["key"]) is type(value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.val", "--seed", "1"], "--data.val needs a value"),
        (["--data.val", ""], "--data.val is empty; give a value, or null for none"),
        (["--data.val", "[a: , {]"], r"--data.val \[a: , \{\]: cannot be read .*; put words in quotes"),
    ],
)
def test_overrides_that_cannot_be_read(words, message):
    with pytest.raises(ConfigError, match=message):
        parse_overrides(words)


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
