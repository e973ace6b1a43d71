"""asinh against the one of torch, which is exact to the last digits and slow."""

import pytest
import torch

from lorentznet.nn.compression import asinh


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_asinh_to_rounding(dtype):
    largest = torch.finfo(dtype).max
    sizes = torch.cat(
        (torch.logspace(-37, 37, 5000, dtype=dtype), torch.tensor([0.0, 1e-45, largest / 4, torch.inf], dtype=dtype))
    )
    x = torch.cat((sizes, -sizes)).requires_grad_()
    wanted = torch.asinh(x.detach().double()).to(dtype)
    found = asinh(x)
    torch.testing.assert_close(found, wanted, rtol=4 * torch.finfo(dtype).eps, atol=1e-44)
    assert torch.equal(found.signbit(), x.signbit())
    gradient, of_torch = (torch.autograd.grad(function(x).sum(), x)[0] for function in (asinh, torch.asinh))
    torch.testing.assert_close(gradient, of_torch, rtol=4 * torch.finfo(dtype).eps, atol=0)
    assert asinh(torch.tensor([torch.nan], dtype=dtype)).isnan().all()


def test_in_bfloat16_it_is_rounded_once():
    x = torch.linspace(-20, 20, 1001).bfloat16()
    assert torch.equal(asinh(x), torch.asinh(x.double()).bfloat16())


def test_gradients_of_both_orders():
    x = torch.linspace(-3, 3, 7, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(asinh, x)
    assert torch.autograd.gradgradcheck(asinh, x)


def test_a_number_does_not_depend_on_what_stands_beside_it():
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    alone = torch.stack([asinh(number) for number in x])
    for start in range(9):
        for length in (1, 7, 8, 31, 500):
            assert torch.equal(asinh(x[start : start + length]), alone[start : start + length])
