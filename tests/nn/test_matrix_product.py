"""The fast way of Clebsch-Gordan products gives what the general way gives, and what the formulae of the matrices say."""

import pytest
import torch

from lorentznet.group.irreps import Irrep, IrrepPair, Irreps
from lorentznet.group.minkowski import METRIC, minkowski_dot
from lorentznet.group.transform import LorentzTransform
from lorentznet.nn.cg_product import SelfProduct, VectorProduct
from lorentznet.nn.matrix_product import MatrixPlan, matrix_basis

ALL = Irreps("3x(0,0)+3x(1,1)+3x((2,0)+(0,2))+3x(2,2)")
BIVECTOR, TENSOR = IrrepPair(2, 0), Irrep(2, 2)


def products(reflections):
    """Each product, fast and general, and its arguments."""
    generator = torch.Generator().manual_seed(3)
    features = [feature.requires_grad_() for feature in ALL.random((2, 5), generator)]
    vectors = torch.randn((2, 5, 4), generator=generator, dtype=torch.float64, requires_grad=True)
    for layer, arguments in ((SelfProduct, (features,)), (VectorProduct, (features, vectors))):
        yield layer(ALL, reflections), layer(ALL, reflections, fast=False), arguments, [*features, vectors]


@pytest.mark.parametrize("reflections", [True, False])
def test_fast_and_general_products_and_their_gradients_agree(reflections):
    for fast, general, arguments, leaves in products(reflections):
        assert fast.irreps_out == general.irreps_out
        assert any(fast.plans)
        assert not any(general.plans)
        outputs = [layer(*arguments) for layer in (fast, general)]
        for one, other in zip(*outputs, strict=True):
            assert (one - other).abs().max() <= 1e-12 * other.abs().max().clamp_min(1)
        gradients = [torch.autograd.grad(sum(z.pow(3).sum() for z in out), leaves, allow_unused=True) for out in outputs]
        for one, other in zip(*gradients, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                assert (one - other).abs().max() <= 1e-12 * other.abs().max()


def test_all_products_that_keep_parity_are_fast():
    for layer in (SelfProduct(ALL), VectorProduct(ALL)):
        scalars = [0 in pair for pair in layer.pairs]  # multiplied number by number
        assert [plan is None for plan in layer.plans] == scalars


def test_bivectors_and_tensors_are_matrices_that_act_on_vectors():
    generator = torch.Generator().manual_seed(4)
    transform = LorentzTransform.random(rapidity=2.0, generator=generator)
    eta = METRIC.double()
    for irrep, sign in ((BIVECTOR, -1), (TENSOR, 1)):
        x = torch.randn(irrep.dim, generator=generator, dtype=torch.float64)
        matrix, moved = (torch.einsum("a,amn->mn", y, matrix_basis(irrep)) for y in (x, irrep.act(transform, x)))
        assert torch.allclose(eta @ matrix, sign * (eta @ matrix).T)
        assert abs(matrix.trace()) < 1e-12
        expected = transform.matrix @ matrix @ transform.inverse().matrix
        assert (moved - expected).abs().max() < 1e-11 * expected.abs().max()
    assert matrix_basis(Irrep(3, 3)) is None


def test_a_table_that_is_no_matrix_product_has_no_plan():
    table = torch.randn(36, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert MatrixPlan.find(BIVECTOR, BIVECTOR, table) is None
    scalar = MatrixPlan.find(Irrep(1, 1), Irrep(1, 1), METRIC.double().reshape(16, 1))
    a, b = torch.randn((2, 7, 4), generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    assert torch.allclose(scalar.multiply(a, b)[..., 0], minkowski_dot(a, b))
