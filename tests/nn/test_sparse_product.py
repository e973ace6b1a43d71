"""Products by sparse tables agree with the sum over the whole table."""

import pytest
import torch

from lorentznet.group.irreps import Irreps
from lorentznet.nn.cg_product import VectorProduct
from lorentznet.nn.message import CGMessage
from lorentznet.nn.sparse_product import SparseProduct

IRREPS = "2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)"


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sparse_table(*shape: int) -> torch.Tensor:
    table = random(*shape)
    return torch.where(random(*shape, seed=1) > 1, table, 0)


@pytest.mark.parametrize("rows", [(4, 5, 5), (4, 20, 28), (1, 3, 2)])
def test_agrees_with_the_sum_over_the_table(rows):
    table = sparse_table(*rows)
    u, x = random(rows[0], 1, 3, 7, seed=2), random(rows[1], 2, 3, 7, seed=3)
    expected = torch.einsum("mac,mkbn,akbn->ckbn", table, u.expand(-1, 2, -1, -1), x)
    torch.testing.assert_close(SparseProduct(table)(u, x), expected, rtol=1e-13, atol=1e-13)


def test_keeps_the_entries_of_the_table_that_are_not_zero():
    table = sparse_table(4, 5, 5)
    product = SparseProduct(table)
    again = torch.zeros_like(table)
    for m, a, c, value in product.entries:
        again[m, a, c] = value
    assert torch.equal(again, table)


def test_gradients_of_both_factors():
    product = SparseProduct(sparse_table(4, 5, 6))
    u, x = random(4, 1, 2, 3, seed=2).requires_grad_(), random(5, 2, 2, 3, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(product, (u, x))


def test_rows_without_entries_are_zero_and_so_are_their_gradients():
    table = torch.zeros(2, 3, 2, dtype=torch.float64)
    table[0, 1, 0] = 2.0
    u, x = random(2, 1, 4).requires_grad_(), random(3, 1, 4, seed=1).requires_grad_()
    z = SparseProduct(table)(u, x)
    z.sum().backward()
    assert torch.equal(z[1], torch.zeros(1, 4, dtype=torch.float64))
    torch.testing.assert_close(z[0], 2 * u[0] * x[1])
    assert not u.grad[1].any()
    assert not x.grad[[0, 2]].any()


@pytest.mark.parametrize("needed", [(True, True), (True, False), (False, True)])
def test_operator_is_what_the_compiler_is_told(needed):
    product, u, x = SparseProduct(sparse_table(4, 5, 6)), random(4, 1, 2, 3, seed=2), random(2, 5, 2, 3, seed=3).transpose(0, 1)
    for factor, need in zip((u, x), needed, strict=True):
        factor.requires_grad_(need)
    torch.library.opcheck(torch.ops.lorentznet.sparse_product.default, (u, x, product.key))
    gradient = random(6, 2, 2, 3, seed=4)
    backward = torch.ops.lorentznet.sparse_product_backward.default
    torch.library.opcheck(backward, (gradient, u.detach(), x.detach(), product.key, list(needed)))


def test_half_precision_factors_are_multiplied_in_float32():
    product, u, x = SparseProduct(sparse_table(4, 5, 5)), random(4, 1, 8, seed=2), random(5, 1, 8, seed=3)
    low = product(u.bfloat16(), x.bfloat16())
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, product(u.bfloat16().float(), x.bfloat16().float()))


def test_products_of_messages_are_those_of_the_planned_paths():
    message = CGMessage(Irreps(IRREPS))
    features = message.irreps_in.random((3, 6), torch.Generator().manual_seed(0))
    vectors = random(3, 6, 4, seed=1)
    rows = torch.cat([feature.movedim(-1, 0) for feature in features])
    product = message.with_vector(vectors.movedim(-1, 0)[:, None], rows).movedim(0, -1)
    expected = torch.cat(VectorProduct(message.irreps_in)(features, vectors), -1)
    torch.testing.assert_close(product, expected, rtol=1e-12, atol=1e-12)
    assert len(message.with_vector.entries) == 74


@pytest.mark.parametrize("entries", [5, 40])
def test_few_entries_are_written_out_for_a_compiler(entries, monkeypatch):
    table = torch.zeros(4, 5, 6, dtype=torch.float64)
    places = torch.randperm(table.numel(), generator=torch.Generator().manual_seed(1))[:entries]
    table.view(-1)[places] = random(entries)
    product = SparseProduct(table)
    u, x = random(4, 1, 2, 3, seed=2).requires_grad_(), random(5, 2, 2, 3, seed=3).requires_grad_()
    expected = product(u, x)
    gradients = torch.autograd.grad(expected.square().sum(), (u, x))
    calls = []
    multiply = SparseProduct.multiply
    monkeypatch.setattr(SparseProduct, "multiply", lambda *given: calls.append(1) or multiply(*given))
    compiled = torch.compile(lambda u, x: product(u, x), backend="aot_eager", fullgraph=True)(u, x)
    assert bool(calls) is (entries == 40)
    torch.testing.assert_close(compiled, expected)
    torch.testing.assert_close(torch.autograd.grad(compiled.square().sum(), (u, x)), gradients)
