import pytest
import torch
from torch import nn

from lorentznet.train.ema import MovingAverage


def stepped(module, average, steps, generator):
    """Random steps; the values of the first parameter after each."""
    path = []
    for _ in range(steps):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator))
        average.update()
        path.append(next(module.parameters()).detach().clone())
    return path


def test_is_the_weighted_mean_of_its_definition():
    module = nn.Linear(3, 2)
    start = module.weight.detach().clone()
    average = MovingAverage(module, 0.8)
    expected = start
    for t, value in enumerate(stepped(module, average, 60, torch.Generator().manual_seed(1)), 1):
        decay = min(0.8, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * value
    torch.testing.assert_close(average.averaged_state()["weight"], expected)
    assert not torch.equal(module.weight, average.averaged_state()["weight"])


def test_swapping_twice_changes_nothing():
    module = nn.BatchNorm1d(3)
    average = MovingAverage(module, 0.9)
    stepped(module, average, 3, torch.Generator().manual_seed(1))
    weight, mean = module.weight.detach().clone(), average.average["weight"].clone()
    average.swap()
    assert torch.equal(module.weight, mean)
    assert torch.equal(average.average["weight"], weight)
    average.swap()
    assert torch.equal(module.weight, weight)
    state = average.averaged_state()
    assert torch.equal(state["weight"], mean)
    assert torch.equal(module.weight, weight)
    assert set(state) == set(module.state_dict())


def test_saved_state_continues():
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    a, b = MovingAverage(first, 0.9), MovingAverage(second, 0.9)
    generator = torch.Generator().manual_seed(1)
    stepped(first, a, 5, generator)
    second.load_state_dict(first.state_dict())
    b.load_state_dict(a.state_dict())
    state = generator.get_state()
    stepped(first, a, 5, generator)
    generator.set_state(state)
    stepped(second, b, 5, generator)
    assert torch.equal(a.averaged_state()["weight"], b.averaged_state()["weight"])


def test_off():
    module = nn.Linear(3, 2)
    average = MovingAverage(module, 0.0)
    stepped(module, average, 3, torch.Generator().manual_seed(1))
    assert torch.equal(average.averaged_state()["weight"], module.weight)


def test_follows_the_module_to_another_dtype():
    module = nn.Linear(3, 2)
    average = MovingAverage(module, 0.9)
    module.double()
    average.update()
    assert average.averaged_state()["weight"].dtype == torch.float64


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_shared_parameters_are_averaged_once(decay):
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    module[1].weight = module[0].weight
    average = MovingAverage(module, decay)
    stepped(module, average, 3, torch.Generator().manual_seed(1))
    state = average.averaged_state()
    assert torch.equal(state["0.weight"], state["1.weight"])
