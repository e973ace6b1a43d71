"""The losses of the tasks by hand, and that they look the same from every frame."""

import numpy as np
import pytest
import torch

from lorentznet.data.batch import JetBatch
from lorentznet.group.transform import LorentzTransform
from lorentznet.testing import toy_jets
from lorentznet.train.objective import Mass, Momentum, Tagging, huber, in_jet_frame
from lorentznet.train.validation import central


def with_target(jets: JetBatch, target: torch.Tensor) -> JetBatch:
    jets = jets.clone()
    jets.target = target
    return jets


def momenta_of(jets: JetBatch) -> torch.Tensor:
    return torch.zeros(jets.n_jets, 4, dtype=torch.float64).index_add(0, jets.batch, jets.p4)


def test_huber_is_quadratic_then_linear():
    x = torch.tensor([0.0, 1e-9, 1e-3, 10.0], dtype=torch.float64)
    assert huber(x**2).tolist() == pytest.approx([0.0, 0.5 * 1e-16, 0.5e-4, 99.005], rel=1e-4)


def test_the_rest_frame_of_the_jet():
    jets = toy_jets(6)
    total = momenta_of(jets)
    found = in_jet_frame(total[:, None], jets)[:, 0]
    torch.testing.assert_close(found, torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).expand(6, 4), atol=1e-9, rtol=0)
    single = JetBatch.from_arrays([[5.0, 3.0, 4.0, 0.0]], [1])
    assert in_jet_frame(momenta_of(single)[:, None], single)[0, 0].tolist() == pytest.approx([1.0, 0.6, 0.8, 0.0])
    heavy = JetBatch.from_arrays([[5.0 * (1 + 1e-7), 3.0, 4.0, 0.0]], [1])  # what makes it heavy may be rounding
    assert in_jet_frame(momenta_of(heavy)[:, None], heavy)[0, 0].tolist() == pytest.approx([1.0, 0.6, 0.8, 0.0], abs=1e-6)


def test_the_loss_of_momenta_is_the_same_in_every_frame():
    jets = toy_jets(6, seed=2)
    total = momenta_of(jets)
    target, found = 0.95 * total, total + torch.randn(6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    losses = Momentum().losses(found, with_target(jets, target))
    assert bool((losses > 0).all())
    matrix = LorentzTransform.boost([0.5, -1.0, 1.5]).matrix @ LorentzTransform.rotation([0.3, 1.0, -2.0]).matrix
    moved = Momentum().losses(found @ matrix.T, with_target(jets.transformed(matrix), target @ matrix.T))
    torch.testing.assert_close(moved, losses, rtol=1e-8, atol=1e-12)
    assert Momentum().losses(target, with_target(jets, target)).tolist() == pytest.approx([0.0] * 6, abs=1e-12)


def test_gradients_are_finite_where_the_mass_is_imaginary():
    jets = toy_jets(3)
    found = torch.tensor([[1.0, 500.0, 0.0, 0.0]] * 3, dtype=torch.float64, requires_grad=True)
    Momentum().losses(found, with_target(jets, momenta_of(jets))).sum().backward()
    assert bool(torch.isfinite(found.grad).all())


def test_the_loss_of_masses():
    jets = with_target(toy_jets(2), torch.tensor([[100.0], [50.0]], dtype=torch.float64))
    losses = Mass().losses(torch.tensor([[100.0], [55.0]], dtype=torch.float64), jets)
    assert losses.tolist() == pytest.approx([0.0, np.hypot(1, np.log(1.1) / 0.1) - 1])


def test_figures():
    target = torch.tensor([[100.0]] * 5, dtype=torch.float64)
    outputs = target * torch.tensor([[0.9], [1.0], [1.1], [1.2], [5.0]], dtype=torch.float64)
    weights, losses = torch.ones(5), torch.arange(5.0)
    figures = Mass().figures(outputs, target, weights, losses)
    assert figures["val_loss"] == 2.0
    assert figures["val_bias"] == pytest.approx(0.1)
    assert set(figures) == {"val_loss", "val_bias", "val_resolution"}
    outputs[0] = float("nan")
    assert all(np.isnan(value) for value in Mass().figures(outputs, target, weights, losses).values())
    assert Tagging.headline == "val_auc"


def test_bias_and_resolution_of_a_normal_distribution():
    response = 1.1 + 0.2 * torch.randn(100_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bias, resolution = central(response, torch.ones(100_000))
    assert bias == pytest.approx(0.1, abs=3e-3)
    assert resolution == pytest.approx(0.2 / 1.1, rel=0.02)
    doubled = central(torch.cat((response, response[:10] + 100)), torch.cat((torch.ones(100_000), torch.zeros(10))))
    assert doubled == pytest.approx((bias, resolution), rel=1e-6)
