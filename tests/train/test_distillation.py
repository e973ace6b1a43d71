"""Learning from other taggers: the soft labels and their loss by hand, a training from wrong labels, and what is refused."""

import hashlib

import numpy as np
import pytest
import torch

import lorentznet as ln
from lorentznet.errors import CheckpointError, ConfigError, DataError
from lorentznet.train import checkpoint
from lorentznet.train.distillation import check_teachers, load_teachers, soft_labels
from lorentznet.train.jet_arrays import JetArrays
from lorentznet.train.objective import Tagging, cross_entropy
from lorentznet.train.trained import Trained
from lorentznet.train.training import fit

CLASSES = ("qcd", "top")


class LogitTagger(ln.taggers.Tagger):
    """Its logits are multiples of a jet's longitudinal momentum, which tells a jet from its mirror image."""

    name, citation = "logit", "none"

    def __init__(self, factors, classes=CLASSES):
        torch.nn.Module.__init__(self)
        self.factors = torch.nn.Parameter(torch.tensor(factors, dtype=torch.float64))
        self.config = type("Config", (), {"classes": len(classes), "scalars": 0})()
        self.class_names = classes

    @property
    def n_outputs(self):
        return len(self.factors)

    def forward(self, batch):
        along = torch.zeros(batch.n_jets, dtype=torch.float64).index_add(0, batch.batch, batch.p4[:, 3])
        return along[:, None] * self.factors + 0.1

    @property
    def symmetry(self):
        raise NotImplementedError


def jets_along(z, labels, **more):
    """Jets of one particle with these longitudinal momenta."""
    z = np.asarray(z, dtype=float)
    momenta = np.stack((np.hypot(1.0, z), np.ones_like(z), np.zeros_like(z), z), 1)
    return JetArrays(momenta, np.ones(len(z), dtype=int), labels, **{"classes": CLASSES, **more})


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def teachers(*factors):
    return [Trained(f"t{n}", LogitTagger([factor]), "") for n, factor in enumerate(factors)]


def test_soft_labels_are_the_mean_of_logarithms():
    z, labels = np.array([0.3, -1.2, 2.0]), np.array([1, 0, 0])
    found = soft_labels(teachers(1.0, 3.0), jets_along(z, labels)).numpy()
    top = sigmoid((1.0 * z + 0.1 + 3.0 * z + 0.1) / 2)
    np.testing.assert_allclose(found, np.stack((1 - top, top), 1), atol=1e-14)


def test_of_both_images_of_a_jet():
    """Whatever changes sign with z falls out of the mean of logits."""
    z, labels = np.array([0.3, -1.2, 2.0]), np.array([1, 0, 0])
    found = soft_labels(teachers(1.0, 3.0), jets_along(z, labels), mirror=True).numpy()
    np.testing.assert_allclose(found[:, 1], sigmoid(0.1), atol=1e-14)


def test_labels_weigh_the_rest():
    z, labels = np.array([0.3, -1.2, 2.0]), np.array([1, 0, 0])
    found = soft_labels(teachers(1.0), jets_along(z, labels), share=0.25).numpy()
    np.testing.assert_allclose(found[:, 1], 0.25 * sigmoid(z + 0.1) + 0.75 * labels, atol=1e-14)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-14)


def test_several_classes():
    classes, z = ("a", "b", "c"), np.array([0.5, -0.5])
    one = Trained("t", LogitTagger([1.0, -2.0, 0.0], classes), "")
    found = soft_labels([one, one], jets_along(z, [0, 2], classes=classes))
    expected = (torch.from_numpy(z)[:, None] * torch.tensor([1.0, -2.0, 0.0], dtype=torch.float64)).softmax(1)
    torch.testing.assert_close(found, expected, atol=1e-14, rtol=0)


def test_batches_carry_them_and_the_loss_takes_them():
    jets = jets_along([0.3, -1.2, 2.0], [1, 0, 0])
    jets.soft_labels = torch.tensor([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]], dtype=torch.float64)
    batch = jets.batch(np.array([2, 0]))
    logits = torch.tensor([[0.7], [-0.4]], dtype=torch.float64)
    p = torch.sigmoid(logits[:, 0])
    q = torch.tensor([0.5, 0.8], dtype=torch.float64)
    torch.testing.assert_close(Tagging().losses(logits, batch), -q * p.log() - (1 - q) * (1 - p).log())
    two = torch.cat((torch.zeros_like(logits), logits), 1)
    torch.testing.assert_close(Tagging().losses(two, batch), Tagging().losses(logits, batch))


def test_certain_soft_labels_are_labels():
    labels = torch.tensor([1, 0, 2, 1])
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    certain = torch.nn.functional.one_hot(labels, 3).double()
    torch.testing.assert_close(cross_entropy(logits, certain), cross_entropy(logits, labels))
    one, labels = logits[:, :1], labels.clamp_max(1)
    certain = torch.nn.functional.one_hot(labels, 2).double()
    torch.testing.assert_close(cross_entropy(one, certain), cross_entropy(one, labels))


def test_a_teacher_is_asked_once(tmp_path):
    jets, scalars = jets_along([0.3, -1.2], [1, 0]), np.array([[1.0], [2.0]])
    one = Trained("t", LogitTagger([1.0]), "one")
    fresh = soft_labels([one], jets, mirror=True)
    torch.testing.assert_close(soft_labels([one], jets, mirror=True, cache=tmp_path), fresh, atol=0, rtol=0)
    (kept,) = tmp_path.iterdir()
    np.save(kept, np.log([[0.25, 0.75], [0.5, 0.5]]))
    again = soft_labels([one], jets, share=0.5, mirror=True, cache=tmp_path)
    torch.testing.assert_close(again, torch.tensor([[0.125, 0.875], [0.75, 0.25]], dtype=torch.float64))
    for teacher, others, mirror in (
        (one, jets, False),
        (Trained("t", one.tagger, "two"), jets, True),
        (one, jets_along([0.3, -1.3], [1, 0]), True),
        (one, jets_along([0.3, -1.2], [1, 0], scalars=scalars), True),
    ):
        expected = soft_labels([teacher], others, mirror=mirror)
        torch.testing.assert_close(soft_labels([teacher], others, mirror=mirror, cache=tmp_path), expected)
    assert len(list(tmp_path.iterdir())) == 5
    np.save(kept, np.zeros((3, 2)))
    with pytest.raises(DataError, match=r"npy: holds float64 of the shape \(3, 2\), not float64 of \(2, 2\); remove the file"):
        soft_labels([one], jets, mirror=True, cache=tmp_path)
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(DataError, match=r"npy: what a teacher said of the jets cannot be read.*remove the file"):
        soft_labels([one], jets, mirror=True, cache=tmp_path)


def test_a_training_learns_what_its_teacher_says(make_config, tmp_path, comparing):
    """A teacher that takes every top jet for QCD and the other way round: its student does as well."""
    fit(make_config(trainer__epochs=12), tmp_path / "teacher")
    teacher = ln.load(tmp_path / "teacher")
    with torch.no_grad():
        teacher.last.weight.neg_()
        teacher.last.bias.neg_()
    path = checkpoint.save(tmp_path / "wrong.ckpt", teacher)
    changes = {"trainer__epochs": 12, "distillation__teachers": [str(tmp_path / "wr*.ckpt")]}
    fit(make_config(**changes), tmp_path / "student")
    assert comparing.rows(tmp_path / "student")[-1]["val_auc"] < 0.25
    known = {"source": str(path), "tagger": "toy", "parameters": 49, "digest": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert checkpoint.load_run_info(tmp_path / "student")["teachers"] == [known]
    assert "teachers" not in checkpoint.load_run_info(tmp_path / "teacher")
    fit(make_config(**changes, distillation__share=0.01), tmp_path / "hardly")
    assert comparing.rows(tmp_path / "hardly")[-1]["val_auc"] > 0.7


def test_a_resumed_training_has_the_same_teachers(refuses_another, make_config, trained):
    changed = refuses_another("distillation__teachers", "trained with other teachers")
    with pytest.raises(ConfigError, match=r"distillation\.share"):
        fit(make_config(distillation__teachers=str(trained), distillation__share=0.5), changed, resume=True)


def test_a_resumed_training_may_keep_what_teachers_said_elsewhere(make_config, interrupted, trained, tmp_path, comparing):
    fit(make_config(distillation__teachers=str(trained)), tmp_path / "whole")
    for run, folder, stop in (("resumed", "a", True), ("resumed", "b", False)):
        config = make_config(distillation__teachers=str(trained), distillation__cache=str(tmp_path / folder))
        if stop:
            interrupted(config, tmp_path / run)
        else:
            fit(config, tmp_path / run, resume=True)
        assert len(list((tmp_path / folder).iterdir())) == 1
    comparing.assert_same_training(tmp_path / "resumed", tmp_path / "whole")


def test_what_cannot_teach(make_config, tmp_path):
    with pytest.raises(ConfigError, match=r"distillation\.teachers: no file or folder matches '.*run\*'"):
        fit(make_config(distillation__teachers=str(tmp_path / "run*")), tmp_path / "a")
    with pytest.raises(CheckpointError, match=r"distillation\.teachers: cg-tinny.*did you mean 'cg-tiny'"):
        fit(make_config(distillation__teachers="cg-tinny"), tmp_path / "a")
    momenta = ln.taggers.create("cg", "tiny", task="momentum")
    with pytest.raises(ConfigError, match="has the task momentum; teachers are taggers"):
        load_teachers([str(checkpoint.save(tmp_path / "m.ckpt", momenta))])
    jets = jets_along([0.3, 1.0], [0, 1])
    with pytest.raises(ConfigError, match="t knows the classes a, b, the training jets have qcd, top"):
        check_teachers([Trained("t", LogitTagger([1.0], ("a", "b")), "")], jets)
    charged = LogitTagger([1.0])
    charged.config.scalars = 2
    with pytest.raises(ConfigError, match="reads 2 scalars of each particle, the training jets have 0"):
        check_teachers([Trained("t", charged, "")], jets)
    with pytest.raises(ConfigError, match="a regression learns from its targets"):
        check_teachers(teachers(1.0), jets_along([0.3], [0], targets=np.ones((1, 4))))
    with pytest.raises(DataError, match="logits of t0 are not finite"):
        soft_labels(teachers(float("inf")), jets)


def test_a_path_that_exists_is_no_pattern(toy, tmp_path):
    path = checkpoint.save(tmp_path / "lr[0.01]" / "best.ckpt", ln.taggers.create("toy"))
    assert [teacher.source for teacher in load_teachers([str(path)])] == [str(path)]


def test_pretrained_weights_teach(jet_file):
    (teacher,) = load_teachers(["clifford-tiny"])
    assert (teacher.tagger.name, teacher.source) == ("clifford", "clifford-tiny")
    jets = JetArrays.from_tables([ln.data.read(f"{jet_file}#0:20")])
    check_teachers([teacher], jets)
    assert soft_labels([teacher], jets, mirror=True).shape == (20, 2)
