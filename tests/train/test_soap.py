"""The optimiser SOAP: beside an implementation made elsewhere, beside Adam, and in trainings that are interrupted."""

import copy

import pytest
import torch
from torch import nn

from lorentznet.taggers import create
from lorentznet.train import checkpoint
from lorentznet.train.config import OptimizerSettings
from lorentznet.train.optimizer import make_optimizer
from lorentznet.train.soap import SOAP
from lorentznet.train.training import fit

OPTIONS = {"lr": 1e-2, "betas": (0.95, 0.95)}


def problem(seed=0):
    """A square matrix, whose gradients have full rank (the bases are unique), and a vector; with their loss."""
    random = torch.Generator().manual_seed(seed)
    made = [torch.randn(*shape, dtype=torch.float64, generator=random) for shape in ((7, 7), (5,), (40, 7), (7, 30))]
    parameters = [x.requires_grad_() for x in made[:2]]
    return parameters, lambda: ((made[2] @ made[0] @ made[3] - 1) ** 2).mean() + (made[1] ** 4).sum()


def descend(optimizer, loss, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
    return float(value.detach())


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_is_the_published_optimiser(decay):
    other = pytest.importorskip("pytorch_optimizer").SOAP
    found = []
    for make in (SOAP, other):
        parameters, loss = problem()
        descend(make(parameters, weight_decay=decay, **OPTIONS), loss, 65)
        found.append(parameters)
    # Eigenvectors of the smallest eigenvalues of the first gradient are not known to full precision; the other one lets weights decay
    # after the step, not before: of second order in the learning rate.
    for mine, theirs, start in zip(*found, problem()[0], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-4 if decay == 0 else 1e-3)
        assert (mine - start).abs().median() > 0.1


def test_everything_but_matrices_moves_as_by_adam():
    """Up to the first step, whose gradient makes the bases."""
    values = torch.randn(6, dtype=torch.float64)
    mine, plain = values.clone().requires_grad_(), values.clone().requires_grad_()
    descend(SOAP([mine], weight_decay=0.1, **OPTIONS), lambda: (mine**4).sum(), 31)
    descend(torch.optim.AdamW([plain], weight_decay=0.1, **OPTIONS), lambda: (plain**4).sum(), 30)
    torch.testing.assert_close(mine, plain, rtol=1e-12, atol=1e-14)


def test_a_stack_of_matrices_is_updated_like_each_of_them():
    random = torch.Generator().manual_seed(1)
    start, target = (torch.randn(3, 4, 4, dtype=torch.float64, generator=random) for _ in range(2))
    stack = start.clone().requires_grad_()
    single = [x.clone().requires_grad_() for x in start]
    descend(SOAP([stack], **OPTIONS), lambda: ((stack - target) ** 2 @ target**2).sum(), 35)
    descend(SOAP(single, **OPTIONS), lambda: sum(((x - y) ** 2 @ y**2).sum() for x, y in zip(single, target, strict=True)), 35)
    torch.testing.assert_close(stack, torch.stack(single), rtol=0, atol=1e-5)


def test_correlated_inputs_do_not_slow_it_down():
    """A linear regression whose inputs have scales from 1 to 1,000 along rotated axes: Adam, which sees the axes only, lags behind."""
    random = torch.Generator().manual_seed(2)
    rotation = torch.linalg.qr(torch.randn(10, 10, dtype=torch.float64, generator=random))[0]
    inputs = torch.randn(400, 10, dtype=torch.float64, generator=random) * torch.logspace(-1.5, 1.5, 10) @ rotation
    truth = torch.randn(10, 6, dtype=torch.float64, generator=random) / 3
    losses = []
    for make in (SOAP, torch.optim.AdamW):
        weights = torch.zeros(10, 6, dtype=torch.float64, requires_grad=True)
        losses.append(
            descend(make([weights], weight_decay=0, **OPTIONS), lambda w=weights: ((inputs @ (w - truth)) ** 2).mean(), 200)
        )
    assert losses[0] < losses[1] / 4


def test_matrices_that_are_too_long_have_no_bases():
    weights = torch.ones(4, 9, requires_grad=True)
    optimizer = SOAP([weights], largest=8, **OPTIONS)
    descend(optimizer, lambda: (weights**2).sum(), 3)
    assert set(optimizer.state[weights]) == {"step", "mean", "square"}


def test_saved_and_restored_it_goes_on_the_same():
    parameters, loss = problem()
    optimizer = SOAP(parameters, **OPTIONS)
    descend(optimizer, loss, 25)
    kept, state = [x.detach().clone() for x in parameters], copy.deepcopy(optimizer.state_dict())
    descend(optimizer, loss, 17)
    after = [x.detach().clone() for x in parameters]
    again = SOAP(parameters, **OPTIONS)
    again.load_state_dict(state)
    with torch.no_grad():
        for x, value in zip(parameters, kept, strict=True):
            x.copy_(value)
    descend(again, loss, 17)
    assert all(torch.equal(x, value) for x, value in zip(parameters, after, strict=True))


def test_gradients_that_are_not_finite_do_not_end_in_linear_algebra():
    weights = torch.ones(3, 3, requires_grad=True)
    optimizer = SOAP([weights], **OPTIONS)
    for scale in (float("nan"), 1.0, 1.0):
        optimizer.zero_grad()
        (scale * weights**2).sum().backward()
        optimizer.step()
    assert torch.isfinite(weights).all()
    assert not torch.equal(weights, torch.ones(3, 3))


def test_gains_per_channel_are_no_matrices():
    tagger = create("clifford", "tiny")
    optimizer = make_optimizer(tagger, OptimizerSettings(name="soap"))
    names = {id(parameter): name for name, parameter in tagger.named_parameters()}
    plain = {names[id(p)] for group in optimizer.param_groups if group["largest"] == 0 for p in group["params"]}
    assert "network.layers.0.norm.gain" in plain
    assert not any(name.endswith("weight") and "norm" not in name for name in plain)
    assert isinstance(make_optimizer(nn.Linear(2, 2), OptimizerSettings()), torch.optim.AdamW)


def test_an_interrupted_training_is_the_same_as_a_whole_one(comparing, make_config, listening, tmp_path):
    def stop(line):
        if "epoch   2/3" in line:
            raise KeyboardInterrupt

    config = make_config(optimizer__name="soap", optimizer__betas=[0.95, 0.95])
    fit(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(config, tmp_path / "resumed", console=listening(stop))
    fit(config, tmp_path / "resumed", resume=True)
    comparing.assert_same_training(tmp_path / "resumed", tmp_path / "whole")
    assert checkpoint.load_run_info(tmp_path / "whole")["best"]["val_auc"] > 0.7
