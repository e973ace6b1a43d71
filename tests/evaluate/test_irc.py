"""Infrared and collinear safety: functions of the textbook, and what is made of their changes."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from lorentznet.data.batch import JetBatch
from lorentznet.evaluate import irc
from lorentznet.evaluate.adapters import ModuleTagger
from lorentznet.evaluate.invariance import scan
from lorentznet.evaluate.invariance_points import Change
from lorentznet.testing import toy_jets

Function = Callable[[Tensor, Tensor], Tensor]
JETS = toy_jets(12, seed=4, particles=8)


def log_mass(momenta: Tensor, mask: Tensor) -> Tensor:
    jets = momenta.sum(1)
    return 0.5 * (jets[:, 0].square() - jets[:, 1:].square().sum(-1)).log()


def thrust_like(momenta: Tensor, mask: Tensor) -> Tensor:
    """A sum over energies squared angles: safe, and linear in the soft momentum."""
    energy = momenta[..., 0]
    jets = momenta.sum(1)
    axis = jets[:, 1:] / jets[:, 1:].norm(dim=1, keepdim=True)
    return (energy - (momenta[..., 1:] * axis[:, None]).sum(-1)).sum(1) / energy.sum(1)


def energies_squared(momenta: Tensor, mask: Tensor) -> Tensor:
    """pTD^2: infrared safe, not collinear safe."""
    return (momenta[..., 0] / momenta[..., 0].sum(1, keepdim=True)).square().sum(1)


@pytest.mark.parametrize(
    ("function", "soft", "collinear"),
    [
        (log_mass, True, True),
        (thrust_like, True, True),
        (energies_squared, True, False),
        (lambda momenta, mask: mask.sum(1).double(), False, False),
    ],
)
def test_safety_is_that_of_the_textbook(function: Function, soft: bool, collinear: bool) -> None:
    jets, options = toy_jets(40, seed=4, particles=8), {"transformations": (), "dtypes": ("float64",), "parts": ("irc",)}
    emissions = scan(ModuleTagger(function), jets, **options).taggers["module"].emissions
    assert (emissions["soft"].safe, emissions["collinear"].safe) == (soft, collinear)
    assert list(emissions["soft"].changes) == ["0.1", "0.01", "0.001", "0.0001", "1e-05", "1e-06"]
    if function is thrust_like:
        assert emissions["soft"].slope == pytest.approx(1, abs=0.02)
        assert emissions["collinear"].slope == pytest.approx(1, abs=0.1) or emissions["collinear"].slope > 1
    if not soft:
        assert emissions["soft"].slope == pytest.approx(0, abs=0.01)


def test_verdicts_of_emissions_follow_the_numbers() -> None:
    def emission(*rms: float) -> irc.Emission:
        return irc.judged({f"{10.0**-power:g}": Change(value, value) for power, value in enumerate(rms, 1)})

    falling = emission(1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
    assert falling.safe
    assert falling.slope == pytest.approx(1)
    assert emission(1.0, 1e-10, 0, 0, 0, 0).safe
    assert emission(1.0, 1e-10, 0, 0, 0, 0).slope is None
    flat = emission(0.3, 0.2, 0.2, 0.2, 0.2, 0.2)
    assert not flat.safe
    assert flat.slope == pytest.approx(0)
    assert not emission(1.0, 0.9, 0.8, 0.7, 0.6, 0.5).safe
    assert not emission(*[math.inf] * 6).safe


def test_soft_particles_and_splittings_are_what_they_are_called() -> None:
    batch = JetBatch.from_arrays(JETS.p4, JETS.counts, y=JETS.y, scalars=JETS.p4[:, :1] > 10)
    soft = irc.with_soft(batch, 1e-3, np.random.default_rng(1))
    assert torch.equal(soft.counts, batch.counts + 1)
    assert torch.equal(soft.y, batch.y)
    last = soft.p4[soft.ptr[1:] - 1]
    energy = torch.zeros(12, dtype=torch.float64).index_add(0, batch.batch, batch.p4[:, 0])
    torch.testing.assert_close(last[:, 0], 1e-3 * energy)
    torch.testing.assert_close(last[:, 1:].norm(dim=1), last[:, 0])
    whole = torch.zeros(12, 3, dtype=torch.float64).index_add(0, batch.batch, batch.p4[:, 1:])
    cosine = (whole * last[:, 1:]).sum(1) / (whole.norm(dim=1) * last[:, 0])
    assert float(cosine.min()) > 0.9  # in the jet
    split = irc.with_splitting(batch, 1e-2, np.random.default_rng(1))
    assert torch.equal(split.counts, batch.counts + 1)
    after = torch.zeros(12, 4, dtype=torch.float64).index_add(0, split.batch, split.p4)
    torch.testing.assert_close(after[:, 0], energy)
    assert float((after[:, 1:] - whole).norm(dim=1).max()) < 1e-4 * float(energy.max())
    daughters = split.p4[split.ptr[1:] - 1]
    for jet in range(12):
        own = split.p4[split.ptr[jet] : split.ptr[jet + 1] - 1]
        angles = torch.atan2(
            torch.linalg.cross(own[:, 1:], daughters[jet, 1:].expand(len(own), 3)).norm(dim=1), own[:, 1:] @ daughters[jet, 1:]
        )
        assert float((angles - 1e-2).abs().min()) < 1e-9


def test_jets_without_particles_stay_so() -> None:
    batch = JetBatch.from_arrays(JETS.p4[: int(JETS.counts[0])], [0, int(JETS.counts[0]), 0])
    for emit in irc.EMISSIONS.values():
        assert emit(batch, 0.1, np.random.default_rng(1)).counts.tolist() == [0, int(JETS.counts[0]) + 1, 0]
