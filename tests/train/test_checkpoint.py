import json
import pickle

import pytest
import torch

from lorentznet.errors import CheckpointError
from lorentznet.group.convention import convention
from lorentznet.taggers import create, names
from lorentznet.testing import toy_jets
from lorentznet.train import checkpoint


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tagger_comes_back_as_it_was(name, dtype, tmp_path):
    tagger = create(name, seed=3).to(dtype).eval()
    tagger.class_names = ("qcd", "top")
    path = checkpoint.save(tmp_path / "best.ckpt", tagger, epoch=4, val_loss=0.5)
    loaded = checkpoint.load(path, name=name)
    assert (type(loaded), loaded.config, loaded.class_names) == (type(tagger), tagger.config, ("qcd", "top"))
    assert not loaded.training
    batch = toy_jets(5)
    with torch.no_grad():
        assert torch.equal(loaded(batch), tagger(batch))
    assert checkpoint.about(path)["epoch"] == 4
    assert checkpoint.about(tmp_path)["classes"] == ("qcd", "top")


@pytest.fixture
def saved(toy, tmp_path):
    """A checkpoint of the toy tagger."""
    tagger = create("toy", seed=1)
    tagger.class_names = ("qcd", "top")
    return checkpoint.save(tmp_path / "run" / "best.ckpt", tagger)


def refused(path, *words, **settings):
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert all(word in message for word in words), message


def test_a_run_folder_means_its_best(saved):
    assert checkpoint.load(saved.parent).name == "toy"
    refused(saved.parent.parent, "best.ckpt")


def test_missing(saved):
    refused(saved.with_name("bets.ckpt"), "no such file", "did you mean 'best.ckpt'?")


@pytest.mark.parametrize("content", [b"", b"P", b"text\n" * 50, b"\x80\x02K\x01.", pickle.dumps({"a": 1}), b"PK\x03\x04 cut off"])
def test_no_checkpoint(content, tmp_path):
    (tmp_path / "best.ckpt").write_bytes(content)
    refused(tmp_path / "best.ckpt", "damaged" if content.startswith(b"PK") else "not a checkpoint")


@pytest.mark.parametrize("kept", [0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_truncated(kept, saved):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(kept * len(whole))])
    refused(saved, "truncated")


@pytest.mark.parametrize(
    "content", [{"state_dict": {"w": torch.zeros(2)}}, torch.zeros(3), {"lorentznet": 3}, {"lorentznet": {"format": 1}}, [1, 2]]
)
def test_of_another_program(content, tmp_path):
    torch.save(content, tmp_path / "other.ckpt")
    refused(tmp_path / "other.ckpt", "not a checkpoint written by lorentznet")


def test_code_in_a_file_is_not_run(saved, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trapped"), "w"))

    torch.save({**checkpoint.read(saved), "trap": Trap()}, saved)
    refused(saved)
    assert not (tmp_path / "trapped").exists()


def changed(path, **changes):
    content = checkpoint.read(path)
    content["lorentznet"].update(changes)
    torch.save(content, path)


def test_newer_format(saved):
    changed(saved, format=99)
    refused(saved, "format 99", "newer lorentznet")


def test_unknown_tagger(saved):
    changed(saved, tagger={"name": "cgg", "classes": 2})
    refused(saved, "'cgg'", "did you mean 'cg'?")


def test_another_tagger_than_asked_for(saved):
    refused(saved, "'toy'", "'clifford'", name="clifford")
    assert checkpoint.load(saved, name="toy").name == "toy"


def test_settings_of_another_version(saved):
    changed(saved, tagger={"name": "toy", "classes": 2, "depth": 3})
    refused(saved, "'depth'", "another version")


def test_weights_of_another_shape(saved):
    changed(saved, tagger={"name": "toy", "classes": 2, "hidden": 5})
    refused(saved, "'gain'", "(8, 1)", "(5, 1)")


def test_other_weights(saved):
    weights = checkpoint.read(saved)["lorentznet"]["weights"]
    changed(saved, weights={**weights, "more": torch.zeros(1)})
    refused(saved, "unknown weights 'more'")
    changed(saved, weights={key: value for key, value in weights.items() if key != "last.bias"})
    refused(saved, "lacks the weights 'last.bias'")


def test_run_info(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"name": "a"}))
    assert checkpoint.load_run_info(tmp_path) == checkpoint.load_run_info(tmp_path / "best.ckpt") == {"name": "a"}
    (tmp_path / "kept.json").write_text(json.dumps({"name": "b"}))
    assert checkpoint.load_run_info(tmp_path / "kept.ckpt") == {"name": "b"}, "its own, not that of the folder"
    for content in ("{", "3"):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(CheckpointError, match=r"run\.json"):
            checkpoint.load_run_info(tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(CheckpointError, match=r"run\.json"):
        checkpoint.load_run_info(tmp_path)


def test_writing_where_one_cannot(toy, tmp_path):
    from lorentznet.errors import OutputError

    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        checkpoint.save(tmp_path / "file" / "best.ckpt", create("toy"))


def test_irreps_in_another_order(saved):
    other = "(0,0) (2,2) (1,1); basis 3"
    assert checkpoint.read(saved)["lorentznet"]["irreps"] == convention()
    changed(saved, irreps=other)
    refused(saved, other, convention(), "train again")


def test_checkpoint_from_before_the_order_was_stored(saved):
    content = checkpoint.read(saved)
    del content["lorentznet"]["irreps"], content["lorentznet"]["range"]
    torch.save(content, saved)
    assert checkpoint.load(saved).training_range is None


def test_the_range_of_the_training_is_kept(toy, tmp_path):
    tagger = create("toy")
    tagger.training_range = {"jets": 3, "pt": {"0.5": 600.0}}
    assert checkpoint.load(checkpoint.save(tmp_path / "a.ckpt", tagger)).training_range == tagger.training_range
