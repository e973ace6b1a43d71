import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from lorentznet.errors import ConfigError
from lorentznet.group import (
    GENERATOR_NAMES,
    GENERATORS,
    METRIC,
    LorentzTransform,
    boost_matrix,
    minkowski_square,
    rotation_matrix,
)
from lorentznet.group.lie import matrix_exponential

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def three_vectors(largest: float) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(-largest, largest, allow_nan=False), min_size=3, max_size=3)


@st.composite
def transforms(draw: st.DrawFn) -> LorentzTransform:
    """Boosts of rapidity up to 3.5, rotations and reflections, in a product."""
    element = LorentzTransform.boost(draw(three_vectors(2.0))) @ LorentzTransform.rotation(draw(three_vectors(3.0)))
    for reflection in (LorentzTransform.parity(), LorentzTransform.time_reversal()):
        if draw(st.booleans()):
            element = element @ reflection
    return element


def defect(element: LorentzTransform) -> float:
    return ((element.matrix.T @ METRIC @ element.matrix - METRIC).abs().max() / element.matrix.square().sum()).item()


def commutator(a, b):
    return a @ b - b @ a


def test_generators_obey_the_lorentz_algebra():
    boosts, rotations = GENERATORS[:3], GENERATORS[3:]
    assert GENERATOR_NAMES == ("Kx", "Ky", "Kz", "Jx", "Jy", "Jz")
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        assert torch.equal(commutator(rotations[i], rotations[j]), rotations[k])
        assert torch.equal(commutator(rotations[i], boosts[j]), boosts[k])
        assert torch.equal(commutator(boosts[i], boosts[j]), -rotations[k])
        assert torch.equal(commutator(rotations[i], boosts[i]), torch.zeros(4, 4, dtype=torch.float64))
    assert rotations[2][1, 2] == -1
    assert rotations[2][2, 1] == 1


@quick
@given(three_vectors(3.0))
def test_closed_forms_are_exponentials(vector):
    x = torch.tensor(vector, dtype=torch.float64)
    boost = torch.from_numpy(expm(torch.einsum("k,kmn->mn", x, GENERATORS[:3]).numpy()))
    torch.testing.assert_close(boost_matrix(x), boost, rtol=0, atol=1e-12 * boost.abs().max().item())
    rotation = torch.from_numpy(expm(torch.einsum("k,kmn->mn", x, GENERATORS[3:]).numpy()))
    torch.testing.assert_close(rotation_matrix(x), rotation, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e-12, 1e-5])
def test_small_vectors_lose_no_precision(size):
    x = torch.tensor([0.0, size, 0.0], dtype=torch.float64)
    assert boost_matrix(x)[0, 2].item() == pytest.approx(size, rel=1e-9)
    assert rotation_matrix(x)[1, 3].item() == pytest.approx(size, rel=1e-9)
    assert bool(torch.isfinite(boost_matrix(x)).all())


def test_matrices_of_many_vectors_at_once():
    x = torch.randn(3, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for many, single in ((boost_matrix, LorentzTransform.boost), (rotation_matrix, LorentzTransform.rotation)):
        torch.testing.assert_close(many(x)[2, 3], single(x[2, 3]).matrix, rtol=1e-14, atol=1e-15)


def test_boost_moves_a_particle_at_rest_along_the_axis():
    moved = LorentzTransform.boost([0.0, 1.2, 0.0]).matrix @ torch.tensor([2.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(moved, torch.tensor([2 * math.cosh(1.2), 0, 2 * math.sinh(1.2), 0], dtype=torch.float64))


def test_rotation_is_right_handed():
    turned = LorentzTransform.rotation([0.0, 0.0, math.pi / 2]).matrix @ torch.tensor([1.0, 3.0, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(turned, torch.tensor([1.0, 0.0, 3.0, 0.0], dtype=torch.float64))


@quick
@given(transforms(), transforms(), transforms())
def test_group_laws(a, b, c):
    scale = a.gamma * b.gamma * c.gamma
    assert defect(a @ b @ c) < 1e-13
    assert LorentzTransform.from_matrix((a @ b).matrix) == a @ b
    assert ((a @ b) @ c).matrix.sub((a @ (b @ c)).matrix).abs().max() < 1e-13 * scale
    assert (a @ a.inverse()).matrix.sub(torch.eye(4)).abs().max() < 1e-13 * a.gamma**2
    assert (a @ b).inverse().matrix.sub((b.inverse() @ a.inverse()).matrix).abs().max() < 1e-13 * scale


@quick
@given(transforms(), transforms())
def test_components_multiply(a, b):
    assert (a @ b).is_proper == (a.is_proper == b.is_proper)
    assert (a @ b).is_orthochronous == (a.is_orthochronous == b.is_orthochronous)


def test_reflections():
    parity, reversal = LorentzTransform.parity(), LorentzTransform.time_reversal()
    assert (parity.is_proper, parity.is_orthochronous) == (False, True)
    assert (reversal.is_proper, reversal.is_orthochronous) == (False, False)
    assert (parity @ reversal).matrix.tolist() == (-torch.eye(4)).tolist()
    assert parity.rapidity == reversal.rapidity == 0.0


def test_rapidity_and_gamma():
    axis = torch.tensor([1.0, -2.0, 2.0], dtype=torch.float64) / 3
    first, second = LorentzTransform.boost(1.5 * axis), LorentzTransform.boost(2.5 * axis)
    turned = LorentzTransform.rotation([0.3, 1.0, -2.0])
    assert (first @ second).rapidity == pytest.approx(4.0, rel=1e-13)
    assert (turned @ first @ turned.inverse()).rapidity == pytest.approx(1.5, rel=1e-13)
    assert (first @ LorentzTransform.time_reversal()).rapidity == pytest.approx(1.5, rel=1e-13)
    for gamma in (1.0, 1.1, 1000.0):
        boost = LorentzTransform.boost_gamma(gamma, [0.0, 3.0, 4.0])
        assert boost.gamma == pytest.approx(gamma, rel=1e-12)
        assert defect(boost) < 1e-15


def test_wigner_rotation_is_a_rotation():
    """Boosting a moving jet to rest, seen from a boosted frame, differs from the direct boost by a rotation."""
    generator = torch.Generator().manual_seed(4)
    for _ in range(20):
        element, jet_boost = (LorentzTransform.random("SO+(1,3)", 1.5, generator) for _ in range(2))
        jet = jet_boost.matrix[:, 0]
        moved = element.matrix @ jet

        def to_rest(momentum):
            direction = momentum[1:] / momentum[1:].norm()
            return LorentzTransform.boost(-direction * torch.asinh(momentum[1:].norm()))

        wigner = (to_rest(moved) @ element @ to_rest(jet).inverse()).matrix
        torch.testing.assert_close(wigner[0], torch.tensor([1.0, 0, 0, 0], dtype=torch.float64), rtol=0, atol=1e-10)
        torch.testing.assert_close(wigner[1:, 1:] @ wigner[1:, 1:].T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-10)
        assert (wigner - torch.eye(4)).abs().max() > 1e-3


def test_mass_is_kept_at_gamma_1000():
    momenta = torch.tensor([[5.0, 1.0, 2.0, 3.0], [1.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    boosted = momenta @ LorentzTransform.boost_gamma(1000.0, [1.0, 1.0, 0.0]).matrix.T
    change = minkowski_square(boosted) - minkowski_square(momenta)
    assert (change.abs() < 4e-16 * boosted[:, 0] ** 2 * 4).all()


def test_values_are_frozen_hashable_and_comparable():
    a, b = LorentzTransform.boost([0, 0, 1]), LorentzTransform.boost([0, 0, 1])
    assert a == b
    assert len({a, b, a.inverse()}) == 2
    assert a != a.matrix.tolist()
    assert a.is_close(LorentzTransform.boost([0, 0, 1 + 1e-15]))
    assert not a.is_close(LorentzTransform.boost([0, 0, 1.001]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        a.matrix = b.matrix
    assert repr(LorentzTransform.parity()).startswith("LorentzTransform([[1, 0, 0, 0], [0, -1, 0, 0]")


def test_acting_on_an_invariant_changes_nothing():
    x = torch.ones(3)
    assert LorentzTransform.parity().act(None, x) is x


def test_only_transforms_multiply():
    with pytest.raises(TypeError):
        LorentzTransform.identity() @ torch.eye(4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LorentzTransform.from_matrix(torch.eye(3)), "4 x 4"),
        (lambda: LorentzTransform.from_matrix(torch.diag(torch.tensor([1.0, 1, 1, 1.1]))), "metric"),
        (lambda: LorentzTransform.from_matrix(torch.full((4, 4), math.nan)), "metric"),
        (lambda: LorentzTransform.boost([0.0, 1.0]), "rapidity vector"),
        (lambda: LorentzTransform.rotation([0.0, 1.0, math.inf]), "rotation vector"),
        (lambda: LorentzTransform.boost_gamma(0.5, [0, 0, 1]), "gamma >= 1"),
        (lambda: LorentzTransform.boost_gamma(2.0, [0, 0, 0]), "non-zero axis"),
        (lambda: LorentzTransform.random("SO(13)"), "did you mean"),
    ],
)
def test_mistakes_are_named_in_one_line(make, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [1e-6, 0.003, 0.02, 0.04, 0.3, 2.0])
def test_matrix_exponential_keeps_its_digits_at_every_size(size):
    generator = size * (GENERATORS[0] + 0.3 * GENERATORS[4])
    found, expected = matrix_exponential(generator), torch.from_numpy(expm(generator.numpy()))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14 * expected.abs().max().item())
