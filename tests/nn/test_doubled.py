"""What rounding takes is found exactly: checked in rational numbers."""

from fractions import Fraction

import pytest
import torch

from lorentznet.nn.doubled import minkowski_dot, two_product, two_sum

F64 = torch.float64


def numbers(seed, n=200):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, generator=generator, dtype=F64) * 10 ** (12 * torch.rand(n, generator=generator, dtype=F64) - 6)


@pytest.mark.parametrize(("operation", "exact"), [(two_sum, Fraction.__add__), (two_product, Fraction.__mul__)])
def test_result_and_error_are_together_exact(operation, exact):
    a, b = numbers(1), numbers(2)
    value, error = operation(a, b)
    for x, y, rounded, lost in zip(a.tolist(), b.tolist(), value.tolist(), error.tolist(), strict=True):
        assert rounded == float(exact(Fraction(x), Fraction(y)))
        assert Fraction(rounded) + Fraction(lost) == exact(Fraction(x), Fraction(y))


def test_products_of_light_momenta_keep_their_digits():
    """E^2 - p^2 of a particle of 1 MeV and 1 TeV: 1e-12 of E^2, of which plain float64 has four digits."""
    space = numbers(3, 300).view(100, 3)
    space = 1000 * space / space.norm(dim=1, keepdim=True)
    momenta = torch.cat(((space.square().sum(1, keepdim=True) + 1e-6).sqrt(), space), 1)
    others = momenta.flip(0)
    for factor in (momenta, others):
        found = minkowski_dot(momenta, factor)
        for p, q, value in zip(momenta.tolist(), factor.tolist(), found.tolist(), strict=True):
            terms = [Fraction(x) * Fraction(y) for x, y in zip(p, q, strict=True)]
            exact = float(terms[0] - sum(terms[1:]))
            assert value == pytest.approx(exact, rel=1e-15)


def test_gradients_are_those_of_the_plain_operations():
    generator = torch.Generator().manual_seed(4)
    a, b = (torch.randn((5, 4), generator=generator, dtype=F64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(minkowski_dot, (a, b))
