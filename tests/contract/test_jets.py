"""The jets that ship with the contract."""

import pytest
import torch

from lorentznet.group.minkowski import minkowski_square
from lorentznet.testing import degenerate_jets, toy_jets


def totals(batch: object) -> torch.Tensor:
    return torch.zeros(batch.n_jets, 4, dtype=torch.float64).index_add(0, batch.batch, batch.p4)


def test_toy_jets_are_deterministic() -> None:
    first, second, other = toy_jets(6, seed=3), toy_jets(6, seed=3), toy_jets(6, seed=4)
    assert torch.equal(first.p4, second.p4)
    assert first.p4.dtype == torch.float64
    assert first.p4.shape != other.p4.shape or not torch.equal(first.p4, other.p4)


def test_toy_jets_look_like_boosted_tops_and_light_jets() -> None:
    batch = toy_jets(400, seed=1)
    jets = totals(batch)
    mass, pt = minkowski_square(jets).sqrt(), jets[:, 1:3].norm(dim=1)
    light, top = batch.y == 0, batch.y == 1
    assert int(light.sum()) == int(top.sum()) == 200
    assert 165 < mass[top].median() < 185
    assert mass[light].median() < 60
    assert 500 < pt.min() < pt.max() < 700
    assert float(torch.asinh(jets[:, 3] / pt).abs().max()) < 2.2
    assert 20 < batch.counts.double().mean() < 28
    assert int(batch.counts.min()) >= 3


def test_toy_particles_are_massless_to_the_last_bits() -> None:
    p4 = toy_jets(50).p4
    assert float((minkowski_square(p4).abs() / p4[:, 0] ** 2).max()) < 1e-15
    assert float(p4[:, 0].min()) > 0


def test_no_jets_are_an_empty_batch() -> None:
    assert toy_jets(0).n_jets == 0


def test_degenerate_jets_are_what_they_are_called() -> None:
    jets = degenerate_jets()
    for name in (
        "one massless particle",
        "collinear particles",
        "two collinear massless particles",
        "one massless particle along the beam",
    ):
        assert abs(float(minkowski_square(totals(jets[name]))[0])) < 1e-9 * float(totals(jets[name])[0, 0]) ** 2, name
    assert torch.equal(jets["all momenta zero"].p4, torch.zeros(2, 4, dtype=torch.float64))
    assert float(jets["soft particle of 1e-6 GeV"].p4[:, 0].min()) == pytest.approx(1e-6)
    assert float(minkowski_square(jets["particle outside the light cone by rounding"].p4).min()) < 0
    assert {batch.n_jets for batch in jets.values()} == {1}
