"""Multivectors of some grades only."""

import pytest
import torch

from lorentznet import taggers
from lorentznet.errors import ConfigError
from lorentznet.nn.geometric_product import geometric_product
from lorentznet.nn.invariants import multivector_invariants
from lorentznet.nn.multivector import ALL_GRADES, Grades, MultivectorNorm, hermitian_conjugate
from lorentznet.testing import check_tagger, toy_jets

KEPT = [(0, 1), (0, 1, 2), (0, 1, 3), (0, 1, 2, 3, 4)]


def padded(x: torch.Tensor, grades: Grades) -> torch.Tensor:
    full = x.new_zeros((16, *x.shape[1:]))
    full[list(grades.blades)] = x
    return full


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.mark.parametrize("kept", KEPT)
def test_a_truncated_multivector_is_one_whose_other_grades_vanish(kept, generator):
    grades = Grades(kept)
    x, y = (grades.law(3).random((2, 4), generator) for _ in range(2))
    rows = list(grades.blades)
    time = torch.tensor([[1.25, 0.45, 0.0, 0.6], [1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    full = padded(x, grades)
    product = geometric_product(full, padded(y, grades))[rows]
    assert torch.allclose(geometric_product(x, y, grades.blades), product, atol=1e-13)
    assert torch.allclose(hermitian_conjugate(x, time, grades), hermitian_conjugate(full, time)[rows], atol=1e-13)
    norm = MultivectorNorm(3, grades=grades).double()
    whole = MultivectorNorm(3).double()
    assert torch.allclose(norm(x, time), whole(full, time)[rows], atol=1e-13)
    found = multivector_invariants(x, time, grades).unflatten(0, (-1, 3))
    expected = multivector_invariants(full, time).unflatten(0, (-1, 3))
    assert torch.allclose(found, expected[[0, 1, *(grade + 1 for grade in kept[1:])]], atol=1e-13)


def test_numbers_of_grades_are_spread_over_their_components_and_summed():
    for kept in KEPT:
        grades = Grades(kept)
        numbers = torch.arange(1.0, len(kept) + 1)[:, None]
        spread = grades.spread(numbers)
        assert spread.shape == (len(grades.blades), 1)
        assert torch.equal(grades.sums(spread), numbers * torch.tensor(grades.dims)[:, None])
    assert ALL_GRADES.blades == tuple(range(16))


@pytest.mark.parametrize("kept", [(), (0,), (1, 2), (0, 2), (0, 1, 1), (0, 1, 4, 2), (0, 1, 5)])
def test_grades_that_are_none_are_refused(kept):
    with pytest.raises(ConfigError, match="grades are 0, 1 and any of 2, 3, 4"):
        taggers.create("clifford", "tiny", grades=kept)


@pytest.mark.parametrize("kept", [kept for kept in KEPT if 2 in kept or max(kept) < 2])
def test_a_tagger_of_any_grades_is_invariant(kept):
    tagger = taggers.create("clifford", "tiny", seed=2, grades=kept)
    assert check_tagger(tagger)["check_symmetry"]["fixed"] < 1e-8


def test_a_network_in_bfloat16_stays_near_the_one_in_float32():
    jets = toy_jets(8, seed=3)
    tagger = taggers.create("clifford", "tiny", seed=2).eval()
    with torch.no_grad():
        expected = tagger(jets)
        found = tagger.bfloat16()(jets)
        assert tagger.in_frame("lab")(jets).dtype == torch.bfloat16
    assert found.dtype == torch.bfloat16
    assert (found.float() - expected).abs().max() < 0.05
