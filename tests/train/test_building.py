"""Training on from trained weights: what is taken, what begins anew, what is refused."""

import hashlib

import pytest
import torch

import lorentznet as ln
from lorentznet.errors import CheckpointError, ConfigError
from lorentznet.train import checkpoint
from lorentznet.train.building import build_tagger, find_start, what_is_kept
from lorentznet.train.trained import Trained, seen, trained_on
from lorentznet.train.training import fit

BINARY, OTHERS = ("qcd", "top"), ("qcd", "w", "z")


def saved(path, name="pfn", preset="tiny", classes=BINARY, **options):
    """A tagger with weights of its own in a file."""
    tagger = ln.taggers.create(name, preset, seed=7, classes=len(classes), **options)
    tagger.class_names = classes
    return str(checkpoint.save(path, tagger))


def starting(make_config, weights, **changes):
    return make_config(tagger__weights=weights, **{"tagger__name": "pfn", **changes})


def test_the_network_is_that_of_the_weights(make_config, tmp_path):
    path = saved(tmp_path / "a.ckpt", "cg", "tiny", references=("beams", "time"))
    config = starting(make_config, path, tagger__name="cg", tagger__options={"dropout": 0.2})
    start = find_start(config)
    tagger = build_tagger(config, BINARY, 0, start)
    assert tagger.config.references == ("beams", "time")
    assert tagger.config.dropout == 0.2
    assert tagger.training
    for key, value in ln.train.load(path).state_dict().items():
        assert torch.equal(tagger.state_dict()[key], value), key
    assert what_is_kept(tagger, start) == f"goes on from the weights of {path}"


def test_the_last_layer_begins_anew_for_other_classes(make_config, tmp_path):
    config = starting(make_config, saved(tmp_path / "a.ckpt"))
    start = find_start(config)
    tagger = build_tagger(config, OTHERS, 0, start)
    own, before = tagger.state_dict(), start.tagger.state_dict()
    anew = [key for key in own if own[key].shape != before[key].shape]
    assert len(anew) == 2
    assert all(torch.equal(own[key], before[key]) for key in own if key not in anew)
    assert what_is_kept(tagger, start).endswith(f"anew, for other classes: {', '.join(anew)}")
    same = build_tagger(config, ("qcd", "w"), 0, start)
    assert what_is_kept(same, start).endswith("which know the classes qcd, top, for qcd, w")


def test_scalars_that_the_weights_do_not_know_are_not_used(make_config, tmp_path):
    config = starting(make_config, saved(tmp_path / "a.ckpt", "cg"), tagger__name="cg")
    start = find_start(config)
    tagger = build_tagger(config, BINARY, 3, start)
    assert tagger.config.scalars == 0
    assert what_is_kept(tagger, start, 3).endswith("these read no scalars of particles, the 3 of the jets are not used")
    config = starting(make_config, saved(tmp_path / "b.ckpt", "cg", scalars=3), tagger__name="cg")
    assert build_tagger(config, BINARY, 3, find_start(config)).config.scalars == 3
    for found in (0, 2):
        with pytest.raises(ConfigError, match=rf"b\.ckpt reads 3 scalars .* the training jets have {found}"):
            build_tagger(config, BINARY, found, find_start(config))


def test_a_training_goes_on_from_the_weights(make_config, trained, tmp_path, comparing):
    """With a rate of nearly nothing it stays where the first training ended; from weights by lot it is far from there."""
    slow = {"trainer__epochs": 1, "optimizer__lr": 1e-12, "optimizer__ema": 0.0}
    fit(make_config(**slow, tagger__weights=str(trained)), tmp_path / "on")
    fit(make_config(**slow), tmp_path / "anew")
    best = min(row["val_loss"] for row in comparing.rows(trained))
    assert comparing.rows(tmp_path / "on")[0]["val_loss"] == pytest.approx(best, rel=1e-6)
    assert comparing.rows(tmp_path / "anew")[0]["val_loss"] > 1.01 * best
    info = checkpoint.load_run_info(tmp_path / "on")
    digest = hashlib.sha256((trained / "best.ckpt").read_bytes()).hexdigest()
    before = checkpoint.load_run_info(trained)["data"]
    known = {"source": str(trained), "tagger": "toy", "parameters": 49, "digest": digest}
    assert info["weights"] == {
        **known,
        "seen": [*before["train"], *before["val"]],
        "trained_on": [{"jets": before["train"], "card": before["card"]}],
    }
    assert "weights" not in checkpoint.load_run_info(tmp_path / "anew")


def test_what_was_seen_through_others():
    first = {"data": {"train": ["a#0:9"], "val": ["a#9:12"]}}
    second = {**first, "weights": {"seen": ["b#0:9"]}, "teachers": [{"seen": ["a#0:9", "c"]}, {"source": "unknown"}]}
    assert seen(first) == ["a#0:9", "a#9:12"]
    assert seen(second) == ["a#0:9", "a#9:12", "c", "b#0:9"]
    third = {"data": {"train": ["d"], "card": {"name": "D"}}, "teachers": [{"trained_on": trained_on(second)}] * 2}
    assert trained_on(third) == [{"jets": ["d"], "card": {"name": "D"}}, {"jets": ["a#0:9"], "card": None}]
    data = ln.train.pretrained.facts("clifford-small")["data"]
    assert Trained.find("clifford-small", "here").facts["seen"] == data["train"] + data["val"]
    assert "mpi.root#0:96000" in Trained.find("cg-small", "here").facts["seen"]


def test_a_resumed_training_began_with_the_same_weights(refuses_another, make_config):
    changed = refuses_another("tagger__weights", "began with other weights")
    with pytest.raises(ConfigError, match=r"tagger\.weights"):
        fit(make_config(), changed, resume=True)


def test_pretrained_weights_by_name(make_config):
    tagger = build_tagger(starting(make_config, "cg-tiny", tagger__name="cg"), BINARY, 0, Trained.find("cg-tiny", "here"))
    jets = ln.data.collate(ln.data.read(f"{ln.data.sample_path()}#0:5"))
    assert torch.equal(tagger.eval()(jets), ln.load("cg-tiny")(jets))


def test_what_cannot_be_gone_on_from(make_config, tmp_path):
    path = saved(tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match=r"tagger\.weights: cg-tinny: no such file.*did you mean 'cg-tiny'"):
        find_start(starting(make_config, "cg-tinny"))
    with pytest.raises(ConfigError, match=r"a\.ckpt is a tagger 'pfn', tagger\.name is 'cg'; set tagger\.name to pfn"):
        find_start(starting(make_config, path, tagger__name="cg"))
    with pytest.raises(ConfigError, match=r"do not fit .* leave tagger\.preset \(null\) and these options out"):
        find_start(starting(make_config, path, tagger__preset="small"))
    momenta = str(checkpoint.save(tmp_path / "m.ckpt", ln.taggers.create("cg", "tiny", task="momentum")))
    with pytest.raises(ConfigError, match="task is tagging, that of the weights momentum"):
        find_start(starting(make_config, momenta, tagger__name="cg"))
