"""All kernels of the geometric product, weighted and not, against the structure constants."""

import pytest
import torch
from product_cases import (
    CONNECTED,
    F32,
    F64,
    FEW,
    MANY,
    NO_BIVECTORS,
    PER_CHANNEL,
    UNWEIGHTED,
    WEIGHTS,
    arguments,
    evaluated,
    random,
    relative,
)

from lorentznet.nn.geometric_product import ALL, FORM, REVERSION, geometric_product, vector_product
from lorentznet.nn.product_eager import eager, full_precision
from lorentznet.nn.product_terms import VECTOR, product_terms


def written_out(x, y, weights):
    """The sum over channels and paths, one at a time."""
    grades = [0] + [1] * 4 + [2] * 6 + [3] * 4 + [4]
    terms = product_terms(ALL, ALL, ALL)
    masks = [torch.tensor([float(grade == wanted) for grade in grades], dtype=F64) for wanted in range(5)]
    result = torch.zeros(16, weights.shape[0], x.shape[2], dtype=F64)
    for m in range(weights.shape[0]):
        for n in range(weights.shape[1]):
            for p, (left, right, out) in enumerate(terms.paths):
                parts = x[:, n] * masks[left][:, None], y[:, n] * masks[right][:, None]
                result[:, m] += weights[m, n, p] * masks[out][:, None] * geometric_product(*parts, kernel="dense")
    return result


def test_weighted_products_are_what_their_formulae_say():
    (x, y, weights), _ = arguments(CONNECTED, 4)
    expected = written_out(x, y, weights)
    assert relative([geometric_product(x, y, weights=weights, kernel="dense")], [expected])[0] < 1e-14
    diagonal = torch.zeros(3, 3, 35, dtype=F64)
    per_channel = random(3, 35)
    diagonal[range(3), range(3)] = per_channel
    found = geometric_product(x, y, weights=per_channel, kernel="dense")
    assert relative([found], [written_out(x, y, diagonal)])[0] < 1e-14
    ones = geometric_product(x, y, weights=torch.ones(3, 35, dtype=F64))
    assert relative([ones], [geometric_product(x, y)])[0] < 1e-14


@pytest.mark.parametrize("blades", [ALL, NO_BIVECTORS], ids=["all grades", "without bivectors"])
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("elements", [FEW, MANY])
def test_eager_agrees_with_the_structure_constants(kind, elements, blades):
    inputs, gradient = arguments(kind, elements, blades)
    expected = evaluated(inputs, gradient, blades=blades)
    assert max(relative(evaluated(inputs, gradient, kernel="eager", blades=blades), expected)) < 1e-12


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("elements", [FEW, MANY])
@pytest.mark.parametrize("kernel", ["dense", "eager"])
def test_float32_is_precise(kind, elements, kernel):
    inputs, gradient = arguments(kind, elements)
    found = relative(evaluated(inputs, gradient, F32, kernel), evaluated(inputs, gradient))
    assert max(found[:3]) < 2e-7
    assert max(found) < 1e-6  # weights: sums over all elements


@pytest.mark.parametrize("large", range(5))
@pytest.mark.parametrize("elements", [FEW, MANY])
def test_grades_of_different_size_do_not_spoil_each_other(elements, large):
    """Every grade of a product with one grade 10^4 times the others is as precise as its own terms allow."""
    (x, y), _ = arguments(UNWEIGHTED, elements, channels=1)
    dims = torch.tensor([1, 4, 6, 4, 1])
    scale = torch.ones(5, dtype=F64)
    scale[large] = 1e4
    x, y = (factor * scale.repeat_interleave(dims)[:, None, None] for factor in (x, y))
    exact, found = (geometric_product(a, b) for a, b in ((x.float().double(), y.float().double()), (x.float(), y.float())))
    for one, other in zip(found.split(dims.tolist()), exact.split(dims.tolist()), strict=True):
        assert relative([one], [other])[0] < 2e-7


def test_components_that_cancel_lose_what_their_terms_lose():
    """Nearly parallel light-like vectors: the error is small beside the terms of p.q, not beside p.q."""
    direction = torch.nn.functional.normalize(random(3, 1000), dim=0)
    close = torch.nn.functional.normalize(direction + 1e-2 * random(3, 1000, seed=1), dim=0)
    p, q = (torch.cat((torch.ones(1, 1000, dtype=F64), n)).float() for n in (direction, close))
    embedded = torch.cat((torch.zeros(1, 1000), q, torch.zeros(11, 1000)))
    exact = vector_product(p.double(), embedded.double())
    error = (vector_product(p, embedded) - exact)[0].abs()
    assert error.max() < 5e-7
    assert exact[0].abs().median() < 1e-3


@pytest.mark.parametrize("kernel", ["dense", "eager"])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_first_and_second_derivatives(kind, kernel):
    blades = NO_BIVECTORS[:5]
    inputs, _ = arguments(kind, 1, blades)

    def product(x, y, weights=None):
        return geometric_product(x, y, blades, weights, kernel)

    inputs = [value.requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(product, inputs)
    assert torch.autograd.gradgradcheck(product, inputs)


def test_derivatives_in_the_whole_algebra():
    inputs = [value.requires_grad_() for value in arguments(PER_CHANNEL, 1)[0]]
    assert torch.autograd.gradcheck(lambda x, y, w: geometric_product(x, y, weights=w), inputs)


def test_gradients_of_some_inputs_only():
    (x, y, weights), gradient = arguments(CONNECTED, 3)
    expected = evaluated((x, y, weights), gradient)[1:]
    for number, name in enumerate("xyw"):
        leaves = {"x": x.clone(), "y": y.clone(), "w": weights.clone()}
        leaf = leaves[name].requires_grad_()
        for kernel in ("dense", "eager"):
            result = geometric_product(leaves["x"], leaves["y"], weights=leaves["w"], kernel=kernel)
            torch.testing.assert_close(torch.autograd.grad(result, leaf, gradient)[0], expected[number], rtol=1e-12, atol=1e-12)


def test_gradients_are_products_with_signs_of_the_form_and_the_reversion():
    x, y, g = (random(16, 40, seed=seed) for seed in range(3))
    eta, reverse = FORM.value[:, None], REVERSION.value[:, None]
    leaves = [x.requires_grad_(), y.requires_grad_()]
    found = torch.autograd.grad(geometric_product(*leaves), leaves, g)
    torch.testing.assert_close(found[0], (eta * geometric_product(eta * g, reverse * y)).detach(), rtol=0, atol=1e-13)
    torch.testing.assert_close(found[1], (eta * geometric_product(reverse * x, eta * g)).detach(), rtol=0, atol=1e-13)
    for terms in (product_terms(ALL, ALL, ALL), product_terms(VECTOR, ALL, ALL)):
        assert terms.for_left.for_left.terms == terms.for_right.for_right.terms == terms.terms


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("elements", [FEW, MANY])
def test_every_run_gives_the_same_bits(kind, elements):
    inputs, gradient = arguments(kind, elements)
    for one, other in zip(*(evaluated(inputs, gradient, F32, "eager") for _ in range(2)), strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def reduced_precision():
    """Matrix products in the lowest precision that torch offers."""
    backends = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul
    before = [backend.fp32_precision for backend in backends]
    backends[0].fp32_precision, backends[1].fp32_precision = "tf32", "bf16"
    yield [backend.fp32_precision for backend in backends]
    for backend, precision in zip(backends, before, strict=True):
        backend.fp32_precision = precision


@pytest.mark.parametrize("kernel", ["dense", "eager"])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_autocast_and_reduced_precision_leave_it_alone(kind, kernel, reduced_precision):
    inputs, gradient = arguments(kind, 60)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = evaluated(inputs, gradient, F32, kernel)  # the backward pass inside as well
    assert max(relative(found, evaluated(inputs, gradient))) < 1e-6
    with full_precision():
        assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.matmul.fp32_precision == "ieee"
    assert [torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision] == reduced_precision


@pytest.mark.parametrize("kind", WEIGHTS)
def test_matrix_products_of_kernels_ask_for_full_precision(kind, reduced_precision, monkeypatch):
    """Whether this machine has a lower precision or not."""
    asked = []

    def watched(function):
        def call(*arguments, **options):
            asked.append((torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision))
            return function(*arguments, **options)

        return call

    for owner, name in ((torch, "einsum"), (torch.Tensor, "__matmul__"), (torch.Tensor, "__rmatmul__")):
        monkeypatch.setattr(owner, name, watched(getattr(owner, name)))
    inputs, gradient = arguments(kind, 60)
    for kernel in ("dense", "eager"):
        evaluated(inputs, gradient, F32, kernel)
    assert asked
    assert set(asked) == {("ieee", "ieee")}


def test_full_precision_leaves_an_inherited_precision_inherited():
    before = torch.backends.fp32_precision
    matmul = torch.backends.cuda.matmul
    try:
        torch.backends.fp32_precision = "tf32"
        with full_precision():
            assert matmul.fp32_precision == "ieee"
        assert matmul.fp32_precision == "tf32"
        torch.backends.fp32_precision = "ieee"
        assert matmul.fp32_precision == "ieee"
    finally:
        torch.backends.fp32_precision = before


def test_low_precision_arguments_are_multiplied_in_float32():
    (x, y, weights), _ = arguments(PER_CHANNEL, 5)
    assert geometric_product(x.bfloat16(), y.half(), weights=weights.bfloat16()).dtype == F32


@pytest.mark.parametrize("weighted", [False, True])
def test_axes_broadcast_and_may_be_empty_or_strided(weighted):
    x, y = random(16, 3, 2, 5), random(16, 1, 5, seed=1)
    weights = random(3, 35, seed=2) if weighted else None
    found = geometric_product(x, y, weights=weights)
    expected = geometric_product(x, y[:, None].expand(16, 3, 2, 5).contiguous(), weights=weights, kernel="dense")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    strided = x.movedim(-1, 1).contiguous().movedim(1, -1)
    torch.testing.assert_close(geometric_product(strided, y, weights=weights), found, rtol=0, atol=0)
    for shape in ((16, 3, 0, 5), (16, 3, 2, 0)):
        assert geometric_product(random(*shape), y[..., : shape[-1]], weights=weights).shape == shape


def test_one_product_of_two_multivectors():
    x, y = random(16), random(16, seed=1)
    torch.testing.assert_close(geometric_product(x, y), geometric_product(x, y, kernel="dense"), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"kernel": "eagr"},
            r"unknown kernel 'eagr'.* did you mean 'eager'\? \(available: auto, compiled, dense, eager, triton\)",
        ),
        ({"weights": random(3, 34)}, r"3 channels and 35 grade paths .* got \(3, 34\)"),
        ({"weights": random(2, 35)}, r"got \(2, 35\)"),
        ({"weights": random(35)}, r"got \(35,\)"),
        ({"blades": (0, 1)}, "blades 0, 1 are not those of whole grades"),
        ({"blades": [0, 0]}, "blades 0, 0 are not those of whole grades, each once"),
        ({"blades": (0, 16)}, "blades 0, 16 are not"),
        ({"weights": random(2, 3, 35), "kernel": "compiled"}, r"no fully connected weights.* possible: auto, dense, eager"),
        ({"blades": (0, 1, 2, 3, 4)}, "expected 5 and 5 components"),
    ],
)
def test_mistakes_are_named_in_one_line(options, words):
    with pytest.raises(ValueError, match=words) as caught:
        geometric_product(random(16, 3, 2), random(16, 3, 2), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("blades", [ALL, NO_BIVECTORS, VECTOR])
def test_the_order_in_which_terms_are_added_holds_every_term_once(blades):
    for product in (
        product_terms(blades, ALL, ALL),
        product_terms(blades, ALL, ALL).for_left,
        product_terms(blades, ALL, ALL).for_right,
    ):
        leading = [tuple(term[:4]) for term in product.leading if term is not None]
        assert [out for _, _, out, _ in leading] == [out for out, term in enumerate(product.leading) if term is not None]
        assert all(sign == 1 for _, _, _, sign in leading)
        following = [term for columns in product.following for term in zip(*columns, strict=True)]
        assert sorted(leading + following) == sorted(tuple(term[:4]) for term in product.terms)
        assert [out for _, _, out, _ in following] == sorted(out for _, _, out, _ in following)
        assert sorted(term for columns in product.rounds for term in zip(*columns, strict=True)) == sorted(following)
        assert all(len(set(columns.out)) == len(columns.out) for columns in product.rounds), "a row twice at once"


def test_blocks_do_not_show(monkeypatch):
    inputs, gradient = arguments(UNWEIGHTED, MANY)
    expected = evaluated(inputs, gradient)
    monkeypatch.setattr("lorentznet.nn.product_eager.BLOCK", 1000)  # five of different length
    assert max(relative(evaluated(inputs, gradient, kernel="eager"), expected)) < 1e-14


def test_a_row_without_terms_is_zero():
    """No product of a scalar and a vector is a bivector."""
    terms = product_terms((0,), (1, 2, 3, 4), (1, 5))
    assert [term is None for term in terms.leading] == [False, True]
    result = eager(torch.ones(1, 5000), torch.ones(4, 5000), terms)
    assert torch.equal(result, torch.tensor([[1.0], [0.0]]).expand(2, 5000))
