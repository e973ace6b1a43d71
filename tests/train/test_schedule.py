import pytest
import torch

from lorentznet.train.schedule import learning_rate_factor


@pytest.mark.parametrize("steps", [10, 200])
def test_one_cycle_is_that_of_torch(steps):
    """The course of torch's OneCycleLR (cosine, its default shape), which is an independent implementation."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=steps, pct_start=0.3, final_div_factor=400.0)
    for step in range(steps):
        own = learning_rate_factor(step, steps)
        # torch puts the highest rate at 0.3 * steps - 1 instead of 0.3 * (steps - 1)
        assert own == pytest.approx(oracle.get_last_lr()[0], abs=2.5 / steps)
        optimizer.step()
        if step < steps - 1:
            oracle.step()
    assert learning_rate_factor(steps - 1, steps) == pytest.approx(1e-4)


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
@pytest.mark.parametrize("warm_up", [None, 0.0, 0.2, 0.9])
@pytest.mark.parametrize("steps", [1, 2, 3, 100])
def test_rises_then_falls(schedule, warm_up, steps):
    course = [learning_rate_factor(step, steps, schedule, warm_up) for step in range(steps)]
    assert all(0 < value <= 1 for value in course)
    top = course.index(max(course))
    assert course[: top + 1] == sorted(course[: top + 1])
    assert course[top:] == sorted(course[top:], reverse=True)
    if steps == 100:
        assert max(course) == pytest.approx(1.0, abs=1e-3)
        part = {None: 0.3 if schedule == "one-cycle" else 0.05}.get(warm_up, warm_up)
        assert abs(top - part * 99) <= 1
        assert course[-1] == pytest.approx(1.0 if schedule == "constant" else 1e-4)
