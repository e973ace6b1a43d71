"""A toy tagger, and jets on which it cannot be perfect."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lorentznet.config import build, override
from lorentznet.console import Console
from lorentznet.taggers import base
from lorentznet.train.config import TrainConfig

SPLITS = {"train": [0, 300], "val": [300, 400], "test": [400, 440]}


def _beside(name):
    """A module of this folder, which is not a package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOY, COMPARING = _beside("toy_tagger"), _beside("comparing")


@pytest.fixture
def comparing():
    """What the tests compare: metrics, weights and whole trainings of run folders."""
    return COMPARING


@pytest.fixture
def toy(monkeypatch):
    """The class of the toy tagger, registered as 'toy' while the test lasts."""
    monkeypatch.setitem(base._REGISTRY, "toy", TOY.ToyTagger)
    return TOY.ToyTagger


@pytest.fixture(scope="session")
def jet_file(toys, tmp_path_factory):
    """A ROOT file of toy jets with a card; one label in six is wrong."""
    branches = toys.branches(440, seed=5)
    wrong = np.random.default_rng(1).random(440) < 1 / 6
    branches["label_QCD"] = branches["label_QCD"] ^ wrong
    branches["label_Tbqq"] = ~branches["label_QCD"]
    return toys.write(tmp_path_factory.mktemp("jets") / "jets.root", branches, toys.card(splits=SPLITS))


@pytest.fixture
def make_config(toy, jet_file):
    """A configuration for the toy tagger with dotted changes."""

    def make(**changes):
        values = {
            "tagger": {"name": "toy"},
            "data": {"train": f"{jet_file}#train", "val": f"{jet_file}#val", "batch_size": 32, "bucket": 4},
            "optimizer": {"lr": 0.02, "ema": 0.9},
            "trainer": {"epochs": 3, "accelerator": "cpu", "threads": 1},
            "seed": 3,
        }
        return build(TrainConfig, override(values, {key.replace("__", "."): value for key, value in changes.items()}))

    return make


class ListeningConsole(Console):
    """Keeps what is said; can act on it."""

    def __init__(self, act=lambda text: None):
        super().__init__()
        self.lines = []
        self.act = act

    def say(self, text=""):
        self.lines.append(text)
        self.act(text)


@pytest.fixture
def listening():
    """The class of a console that keeps what is said."""
    return ListeningConsole


@pytest.fixture
def trained(make_config, tmp_path):
    """A training of three epochs of ten steps, never interrupted."""
    from lorentznet.train.training import fit

    run = tmp_path / "first"
    assert fit(make_config(), run) == run / "best.ckpt"
    return run


@pytest.fixture(scope="session")
def toy_weights(toy_study, toys, tmp_path_factory):
    """The tagger of the small study as weights to be given away: the file ``cg-toy.safetensors`` in a folder of its own."""
    import yaml

    from lorentznet.train import pretrained

    folder = tmp_path_factory.mktemp("weights")
    card = folder / "card.yaml"
    about = {"description": "Toy jets", "licence": "CC-BY-4.0", "citation": "Nobody, https://doi.org/10.0/none"}
    card.write_text(yaml.safe_dump(toys.card(**about)))
    return pretrained.export("cg-toy", toy_study.run, toy_study.evaluation, toy_study.invariance, folder / "given", card=card)


@pytest.fixture
def interrupted(listening):
    """``interrupted(config, folder)``: a training that Ctrl-C stops after the first of three epochs."""
    from lorentznet.train.training import fit

    def interrupt(line):
        if "epoch   1/3" in line:
            raise KeyboardInterrupt

    def begin(config, folder):
        with pytest.raises(KeyboardInterrupt):
            fit(config, folder, console=listening(interrupt))

    return begin


@pytest.fixture
def refuses_another(interrupted, make_config, trained, tmp_path, comparing):
    """A training that begins with another one is taken up bit by bit, unless the weights of that have changed.

    ``refuses_another(setting, words)``: the setting names the other training, the words are those of the error. Returned is the folder
    of a training that was interrupted and may not go on.
    """
    from lorentznet.errors import ConfigError
    from lorentznet.train import checkpoint
    from lorentznet.train.training import fit

    def check(setting, words):
        config = make_config(**{setting: str(trained)})
        fit(config, tmp_path / "whole")
        interrupted(config, tmp_path / "resumed")
        fit(config, tmp_path / "resumed", resume=True)
        comparing.assert_same_training(tmp_path / "resumed", tmp_path / "whole")
        interrupted(config, tmp_path / "changed")
        checkpoint.save(trained / "best.ckpt", checkpoint.load(trained / "last.ckpt"))
        with pytest.raises(ConfigError, match=words):
            fit(config, tmp_path / "changed", resume=True)
        return tmp_path / "changed"

    return check
