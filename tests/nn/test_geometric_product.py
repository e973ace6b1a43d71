"""The components-first product against the structure constants, and its algebraic backward pass."""

import pytest
import torch

from lorentznet.nn.geometric_product import SPACETIME, geometric_product, vector_product

F64 = torch.float64


def random(*shape, seed=0, dtype=F64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64).to(dtype)


def dense(x, y):
    return torch.einsum("i...,j...,ijk->k...", x, y, SPACETIME.cayley.to(x))


def test_product_equals_the_structure_constants():
    x, y = random(16, 3, 2, 5), random(16, 3, 2, 5, seed=1)
    assert torch.allclose(geometric_product(x, y), dense(x, y), atol=1e-13)


def test_vector_product_equals_the_product_with_an_embedded_vector():
    v, y = random(4, 1, 2, 5), random(16, 3, 2, 5, seed=1)
    embedded = torch.zeros((16, 1, 2, 5), dtype=F64)
    embedded[1:5] = v
    assert torch.allclose(vector_product(v, y), dense(embedded.expand(16, 3, 2, 5), y), atol=1e-13)


def test_product_is_associative():
    x, y, z = (random(16, 4, seed=seed) for seed in range(3))
    left = geometric_product(geometric_product(x, y), z)
    assert torch.allclose(left, geometric_product(x, geometric_product(y, z)), atol=1e-12)


@pytest.mark.parametrize(("product", "rows"), [(geometric_product, 16), (vector_product, 4)])
def test_first_and_second_derivatives(product, rows):
    x, y = random(rows, 2).requires_grad_(), random(16, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(product, (x, y))
    assert torch.autograd.gradgradcheck(product, (x, y))


def test_gradients_of_broadcast_factors_are_summed():
    v, y = random(4, 1, 3).requires_grad_(), random(16, 5, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(vector_product, (v, y))


def test_backward_is_bitwise_repeatable():
    x, y = random(16, 8, 50, dtype=torch.float32).requires_grad_(), random(16, 8, 50, seed=1, dtype=torch.float32)
    first, second = (torch.autograd.grad(geometric_product(x, y).square().sum(), x)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_float32_stays_close_to_float64_and_autocast_does_not_touch_it():
    x, y = random(16, 1000), random(16, 1000, seed=1)
    exact = geometric_product(x, y)
    single = geometric_product(x.float(), y.float())
    assert ((single - exact).norm() / exact.norm()) < 2e-7
    with torch.autocast("cpu", dtype=torch.bfloat16):
        guarded = geometric_product(x.bfloat16(), y.float())
    assert guarded.dtype == torch.float32


def test_wrong_number_of_components_is_refused():
    with pytest.raises(ValueError, match="expected 16 and 16 components"):
        geometric_product(random(4, 2), random(16, 2))
