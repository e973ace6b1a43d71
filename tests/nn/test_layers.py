"""Layers against slow, obvious versions of themselves."""

import pytest
import torch

from lorentznet.group import Irreps, LorentzTransform, minkowski_dot
from lorentznet.group.irreps import Irrep, real_irreps
from lorentznet.nn.geometric_product import SPACETIME
from lorentznet.nn.message import CGMessage, CliffordMessage
from lorentznet.nn.multivector import ALL_GRADES, MultivectorNorm, hermitian_conjugate
from lorentznet.nn.norm import rest_boost, rest_square
from lorentznet.nn.pairs import pair_mask
from lorentznet.nn.pool import JetPool, masked_mean
from lorentznet.nn.radial import PairBasis, _Bells, _bells

F64 = torch.float64
ALL = Irreps("2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)")


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(3)


def randn(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=F64)


@pytest.mark.parametrize("irreps", [ALL, Irreps([(2, irrep) for irrep in real_irreps(4)])], ids=str)
def test_factorised_cg_message_equals_the_sum_over_edges(irreps, generator):
    layer = CGMessage(irreps).double()
    features, vectors = irreps.random((2, 5), generator), randn(generator, 2, 5, 4)
    weights = randn(generator, 4, 2, 5, 5)
    plain, directed = weights.chunk(2)
    fast = layer(features, vectors, weights)
    n = len(features)
    for term, x in enumerate(features):
        assert torch.allclose(fast[term], torch.einsum("cbij,cbjd->cbid", plain, x), atol=1e-12)
    edges = vectors[:, :, None] - vectors[:, None]
    neighbours = [x[:, :, None].expand(-1, -1, 5, -1, -1) for x in features]
    direct = [torch.einsum("cbij,cbijd->cbid", directed, z) for z in layer.product(neighbours, edges)]
    assert len(direct) == len(fast) - n >= 6
    for slow, quick in zip(direct, fast[n:], strict=True):
        assert torch.allclose(slow, quick, atol=1e-12)


def test_factorised_clifford_message_equals_the_sum_over_edges(generator):
    layer = CliffordMessage(2)
    x, vectors = randn(generator, 16, 2, 2, 5), randn(generator, 2, 5, 4)
    weights = randn(generator, 4, 2, 5, 5)
    plain, directed = weights.chunk(2)
    fast = layer(x, vectors, weights)
    edges = vectors[:, :, None] - vectors[:, None]
    products = torch.einsum("bijm,kcbj,mkl->lcbij", edges, x, SPACETIME.cayley[1:5])
    assert torch.allclose(fast[:, :2], torch.einsum("cbij,kcbj->kcbi", plain, x), atol=1e-12)
    assert torch.allclose(fast[:, 2:], torch.einsum("cbij,lcbij->lcbi", directed, products), atol=1e-12)


def test_rest_frame_norm_is_the_euclidean_norm_after_the_boost(generator):
    space = randn(generator, 3)
    time = torch.cat(((1 + space.square().sum()).sqrt()[None], space))
    to_rest = LorentzTransform.boost(-space / space.norm() * torch.asinh(space.norm()))
    assert torch.allclose(to_rest.matrix @ time, torch.tensor([1.0, 0, 0, 0], dtype=F64), atol=1e-12)
    for _, irrep in ALL:
        x = randn(generator, 2, 1, 4, irrep.dim)
        there = irrep.act(to_rest, x)
        assert torch.allclose(rest_square(x, irrep, time[None]), there.square().sum(-1), rtol=1e-10)
        if irrep == Irrep(1, 1):
            metric = rest_boost(irrep, time) @ rest_boost(irrep, time)
            signs = torch.tensor([1.0, -1, -1, -1], dtype=F64)
            assert torch.allclose(metric, 2 * torch.outer(signs * time, signs * time) - torch.diag(signs), atol=1e-12)
    x = randn(generator, 16, 2, 1, 4)
    conjugate = hermitian_conjugate(x, time[None])
    boosted = SPACETIME.act(to_rest, x.movedim(0, -1)).movedim(-1, 0)
    assert torch.allclose(ALL_GRADES.sums(x * conjugate), ALL_GRADES.sums(boosted.square()), rtol=1e-10)


def test_multivector_norm_of_nothing_is_nothing_with_finite_gradient():
    x = torch.zeros((16, 3, 1, 2), dtype=F64, requires_grad=True)
    y = MultivectorNorm(3).double()(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert not y.any()
    assert torch.isfinite(gradient).all()


def test_pools_see_real_particles_only(generator):
    values, mask = randn(generator, 2, 4, 3), torch.tensor([[True] * 3 + [False], [True, False, False, False]])
    energy = torch.where(mask, randn(generator, 2, 4).abs(), 0)
    poisoned = torch.where(mask[..., None], values, torch.nan)
    pool = JetPool(3, heads=2).double()
    wide = torch.cat((poisoned, torch.full((2, 6, 3), torch.nan, dtype=F64)), 1)
    wide_mask, wide_energy = torch.cat((mask, torch.zeros(2, 6, dtype=torch.bool)), 1), torch.cat((energy, torch.zeros(2, 6)), 1)
    assert torch.equal(pool(values, energy, mask), pool(wide, wide_energy, wide_mask))
    assert torch.allclose(masked_mean(poisoned, mask)[0], values[0, :3].mean(0))
    assert torch.allclose(masked_mean(poisoned, mask)[1], values[1, 0])


def test_an_empty_jet_pools_to_zero():
    pool = JetPool(3, heads=1)
    out = pool(torch.full((1, 2, 3), torch.nan), torch.zeros((1, 2)), torch.zeros((1, 2), dtype=torch.bool))
    assert not out.any()


RANGES = [(8, -14.0, -1.5), (3, -8.0, 0.7)]


def bells(x, number, low, high):
    """The obvious way."""
    width = (high - low) / (number - 1)
    centres = low + width * torch.arange(number, dtype=F64)
    return torch.exp(-0.5 * ((x - centres.view(-1, 1, 1, 1)) / width).square())


def test_bells_from_their_neighbours_are_bells(generator):
    real = torch.rand((3, 7, 7), generator=generator) < 0.7
    x = torch.rand((3, 7, 7), generator=generator, dtype=F64) * 20 - 18
    rows = _Bells.apply(RANGES, real, x, x)
    expected = torch.cat([bells(x, *limits) for limits in RANGES] + [torch.ones(1, 3, 7, 7, dtype=F64)]) * real
    assert (rows - expected).abs().max() < 1e-14
    assert (_bells(RANGES, real, (x, torch.where(real, x, torch.nan))) - expected).abs().max() < 1e-14
    for function in (lambda x: _Bells.apply(RANGES, real, x, 0.5 * x), lambda x: _bells(RANGES, real, (x, 0.5 * x))):
        assert torch.autograd.gradcheck(function, x.clamp(-16.0).requires_grad_())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (F64, 1e-13)])
def test_many_bells_are_bells_too(dtype, tolerance):
    """Made one from the other all the way from the middle, the outer ones of thirty would be out of the range of float32."""
    real = torch.ones((1, 1, 500), dtype=torch.bool)
    for number in (12, 13, 30, 100):
        x = torch.linspace(-4.0, number + 3.0, 500, dtype=dtype).view(1, 1, -1)
        for rows in (_Bells.apply([(number, 0.0, number - 1.0)], real, x), _bells([(number, 0.0, number - 1.0)], real, [x])):
            assert (rows[:-1].double() - bells(x.double(), number, 0.0, number - 1.0)).abs().max() < tolerance


def test_slopes_of_bells_are_those_of_what_is_computed(generator):
    """Beyond five widths the argument stands still, and gradients are zero, eager and compiled."""
    real = torch.rand((3, 7, 7), generator=generator) < 0.7
    x = (torch.rand((3, 7, 7), generator=generator, dtype=F64) * 80 - 45).requires_grad_()
    weights = torch.randn((sum(number for number, _, _ in RANGES) + 1, 1, 1, 1), generator=generator, dtype=F64)
    slopes = [
        torch.autograd.grad((weights * rows).sum(), x)[0]
        for rows in (_Bells.apply(RANGES, real, x, 0.5 * x), _bells(RANGES, real, (x, 0.5 * x)))
    ]
    assert torch.allclose(*slopes, rtol=0, atol=1e-14)
    assert (slopes[0] == 0).any()
    assert (slopes[0].abs() > 1e-2).any()


def test_a_pair_basis_has_a_bell():
    with pytest.raises(ValueError, match="at least one bell"):
        PairBasis(0, 0, 0)


def test_far_away_and_masked_bells_vanish():
    mask = pair_mask(torch.tensor([[True, True, False]]))
    assert mask.tolist() == [[[False, True, False], [True, False, False], [False, False, False]]]
    far = torch.tensor([[[1e6, -1e6], [-torch.inf, torch.inf]]], dtype=F64)
    rows = _Bells.apply([RANGES[0]], torch.tensor([[[True, True], [True, False]]]), far)
    assert rows[:-1].max() < 1e-5
    assert torch.equal(rows[:, 0, 1, 1], torch.zeros(9, dtype=F64))
    assert PairBasis(8, 6, 2).n_functions == 17


def test_minkowski_dot_of_features_is_the_form_of_the_vector_irrep(generator):
    a, b = randn(generator, 5, 4), randn(generator, 5, 4)
    assert torch.allclose(((a @ Irrep(1, 1).metric) * b).sum(-1), minkowski_dot(a, b))


def test_a_network_that_was_float32_is_exact_again_in_float64(generator):
    layer = CGMessage(ALL).float()
    features, vectors = ALL.random((2, 5), generator), randn(generator, 2, 5, 4)
    weights = randn(generator, 4, 2, 5, 5)
    layer([x.float() for x in features], vectors.float(), weights.float())
    transform = LorentzTransform.boost(torch.tensor([0.7, -1.0, 0.3], dtype=F64))
    there = layer.double()(ALL.act(transform, features), Irrep(1, 1).act(transform, vectors), weights)
    here = layer.irreps_out.act(transform, layer(features, vectors, weights))
    for a, b in zip(here, there, strict=True):
        assert torch.allclose(a, b, atol=1e-11)
