import math

import numpy as np
import pytest
import torch
from torch import nn

from lorentznet.taggers import create, names
from lorentznet.train.config import OptimizerSettings
from lorentznet.train.module import TaggerModule
from lorentznet.train.objective import cross_entropy
from lorentznet.train.optimizer import parameter_groups
from lorentznet.train.validation import validate


def test_cross_entropy_by_hand():
    z = torch.tensor([[0.0], [2.0], [-1.0]])
    one = cross_entropy(z, torch.tensor([0, 1, 0]))
    expected = [math.log(2), math.log1p(math.exp(-2)), math.log1p(math.exp(-1))]
    assert one.tolist() == pytest.approx(expected, rel=1e-6)
    two = cross_entropy(torch.cat((torch.zeros(3, 1), z), 1), torch.tensor([0, 1, 0]))
    torch.testing.assert_close(one, two)


def test_loss_of_a_batch_weighs_jets(toy):
    from lorentznet.testing import toy_jets

    batch = toy_jets(6)
    tagger = create("toy", seed=1, dropout=0.0)
    batch.weight = torch.tensor([0.0, 0.0, 3.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    module = TaggerModule(tagger, OptimizerSettings(), mean_weight=0.5)
    expected = cross_entropy(tagger(batch), batch.y)[2] * 3.0 / 0.5 / 6
    with torch.random.fork_rng(devices=[]):
        torch.testing.assert_close(TaggerModule.training_step(_Detached(module), batch, 0), expected)


class _Detached:
    """A module outside of a trainer."""

    global_step, global_rank = 0, 0

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        return getattr(self._module, name)


@pytest.mark.parametrize("name", [name for name in names() if name != "toy"])
def test_decay_acts_on_matrices_of_every_tagger(name):
    tagger = create(name)
    decayed, free = parameter_groups(tagger, 0.01)
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.01, 0.0)
    assert sum(p.numel() for group in (decayed, free) for p in group["params"]) == tagger.n_parameters
    assert all(p.ndim > 1 for p in decayed["params"])
    of_decayed = {id(p) for p in decayed["params"]}
    for key, parameter in tagger.named_parameters():
        if "bias" in key or "gain" in key:
            assert id(parameter) not in of_decayed, key
    assert decayed["params"]


def test_gains_per_channel_do_not_decay(toy):
    tagger = create("toy")
    decayed, _ = parameter_groups(tagger, 0.01)
    assert {id(p) for p in decayed["params"]} == {id(tagger.first.weight), id(tagger.last.weight)}
    tagger.first.weight.requires_grad_(False)
    assert len(parameter_groups(tagger, 0.01)[0]["params"]) == 1
    assert parameter_groups(nn.ParameterList([nn.Parameter(torch.zeros(3))]), 0.01)[0]["weight_decay"] == 0.0


def weighted_pairs(z, labels, weights):
    """AUC as the weight of ordered pairs, ties half: slow and obvious."""
    total = won = 0.0
    for i in np.flatnonzero(labels == 1):
        for j in np.flatnonzero(labels == 0):
            pair = weights[i] * weights[j]
            total += pair
            won += pair * (z[i] > z[j]) + 0.5 * pair * (z[i] == z[j])
    return won / total


def test_validation_of_two_classes():
    random = np.random.default_rng(2)
    z, labels, weights = random.integers(-3, 4, 60) / 2, random.integers(0, 2, 60), random.random(60)
    result = validate(torch.tensor(z[:, None]), torch.tensor(labels), torch.tensor(weights))
    assert result.auc == pytest.approx(weighted_pairs(z, labels, weights), abs=1e-12)
    losses = np.logaddexp(0, np.where(labels == 1, -z, z))
    assert result.loss == pytest.approx(np.average(losses, weights=weights), rel=1e-12)
    assert result.accuracy == pytest.approx(np.average((z > 0) == (labels == 1), weights=weights), rel=1e-12)


def test_validation_ranks_logits_that_a_sigmoid_cannot_tell_apart():
    z = torch.tensor([[40.0], [41.0], [42.0], [43.0]])
    assert validate(z, torch.tensor([0, 0, 1, 1]), torch.ones(4)).auc == 1.0


def test_validation_of_several_classes():
    random = np.random.default_rng(2)
    z, labels, weights = random.normal(size=(60, 3)), random.integers(0, 3, 60), random.random(60)
    result = validate(torch.tensor(z), torch.tensor(labels), torch.tensor(weights))
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    auc = np.mean([weighted_pairs(p[:, k], (labels == k).astype(int), weights) for k in range(3)])
    assert result.auc == pytest.approx(auc, abs=1e-12)
    assert result.loss == pytest.approx(np.average(-np.log(p[np.arange(60), labels]), weights=weights), rel=1e-12)
    assert result.accuracy == pytest.approx(np.average(z.argmax(1) == labels, weights=weights), rel=1e-12)


def test_validation_of_broken_logits():
    assert math.isnan(validate(torch.tensor([[math.nan], [1.0]]), torch.tensor([0, 1]), torch.ones(2)).loss)
