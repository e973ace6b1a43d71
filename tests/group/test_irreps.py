import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lorentznet.errors import ConfigError
from lorentznet.group import CliffordAlgebra, Irrep, IrrepPair, Irreps, LorentzTransform, real_irreps

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)

irreps_of_one = st.one_of(
    st.builds(Irrep, st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from([IrrepPair(2, 0), IrrepPair(3, 1), IrrepPair(1, 0)]),
)
terms = st.lists(st.tuples(st.integers(1, 12), irreps_of_one), max_size=5)


@pytest.mark.parametrize(
    ("text", "dim", "real"),
    [
        ("8x(0,0)+4x(1,1)+2x(2,0)+2x(0,2)", 8 + 16 + 6 + 6, False),
        ("8x((2,0)+(0,2))", 48, True),
        ("32x(0,0)+16x(1,1)+8x((2,0)+(0,2))+8x(2,2)", 32 + 64 + 48 + 72, True),
        ("1x(3,3)", 16, True),
        ("", 0, True),
    ],
)
def test_prints_as_it_is_written(text, dim, real):
    irreps = Irreps(text)
    assert str(irreps) == repr(irreps) == text
    assert irreps.dim == dim
    assert irreps.is_real == real


@quick
@given(terms)
def test_round_trips(value):
    irreps = Irreps(value)
    assert Irreps(str(irreps)) == Irreps(irreps) == pickle.loads(pickle.dumps(irreps)) == copy.deepcopy(irreps) == irreps
    assert hash(Irreps(str(irreps))) == hash(irreps)
    assert list(irreps) == [irreps[i] for i in range(len(irreps))] == value


@quick
@given(terms, terms)
def test_sums_and_order(first, second):
    a, b = Irreps(first), Irreps(second)
    total = a + b
    assert total.dim == a.dim + b.dim
    assert total[: len(a)] == a
    assert total[len(a) :] == b
    simple = total.simplify()
    assert simple.dim == total.dim
    assert simple.num_irreps == total.num_irreps
    assert len(set(simple.irreps)) == len(simple)
    assert simple == (b + a).simplify() == simple.sorted()
    assert sorted(total.sorted().terms, key=str) == sorted(total.terms, key=str)


def test_ways_of_writing():
    expected = Irreps("4x(1,1)+1x(0,0)")
    assert Irreps(" 4 x ( 1 , 1 ) + (0,0)") == Irreps("4*(1,1)+(0,0)") == Irreps([(4, Irrep(1, 1)), Irrep(0, 0)]) == expected
    assert Irreps(IrrepPair(2, 0)) == Irreps("((2,0)+(0,2))")
    assert expected + "2x(2,2)" == Irreps("4x(1,1)+1x(0,0)+2x(2,2)")
    assert expected * 3 == 3 * expected == Irreps("12x(1,1)+3x(0,0)")


def test_queries():
    irreps = Irreps("8x(0,0)+4x(1,1)+2x((2,0)+(0,2))+1x(1,1)")
    assert irreps.terms == ((8, Irrep(0, 0)), (4, Irrep(1, 1)), (2, IrrepPair(2, 0)), (1, Irrep(1, 1)))
    assert irreps.multiplicities == (8, 4, 2, 1)
    assert irreps.irreps[2] == IrrepPair(2, 0)
    assert irreps.slices() == [slice(0, 8), slice(8, 24), slice(24, 36), slice(36, 40)]
    assert irreps.count(Irrep(1, 1)) == 5
    assert irreps.count(Irrep(2, 2)) == 0
    assert irreps.num_irreps == 15
    assert str(irreps.simplify()) == "8x(0,0)+5x(1,1)+2x((2,0)+(0,2))"
    assert str(Irreps("(2,2)+(0,2)+((2,0)+(0,2))+(2,0)+(1,1)+(0,0)").sorted()) == (
        "1x(0,0)+1x(1,1)+1x(2,0)+1x((2,0)+(0,2))+1x(0,2)+1x(2,2)"
    )


def test_immutable():
    irreps = Irreps("8x(0,0)")
    with pytest.raises(AttributeError):
        irreps._terms = ()
    with pytest.raises(AttributeError):
        irreps.name = "x"
    with pytest.raises(AttributeError):
        Irrep(1, 1).k = 2


@pytest.mark.parametrize(
    "text",
    ["8x", "(1,1", "8x(1,1)+", "+(1,1)", "8x(1,-1)", "8x(1,1) 4x(0,0)", "8x1o", "8y(1,1)", "(1)", "8x(a,b)", "(1,1)-(0,0)"],
)
def test_unreadable_strings_are_named(text):
    with pytest.raises(ConfigError, match=r"cannot read irreps.*for example 8x\(0,0\)") as caught:
        Irreps(text)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Irreps("2x((2,0)+(0,3))"), "a pair joins"),
        (lambda: Irreps("2x((0,2)+(2,0))"), "k > n"),
        (lambda: Irreps("((1,1)+(1,1))"), "k > n"),
        (lambda: Irreps("0x(1,1)"), "multiplicity >= 1"),
        (lambda: Irreps([(2.0, Irrep(1, 1))]), "multiplicity >= 1"),
        (lambda: Irreps([(2, "(1,1)")]), "multiplicity >= 1"),
        (lambda: Irrep(-1, 0), "integers >= 0"),
        (lambda: Irrep(1.0, 0), "integers >= 0"),
        (lambda: Irrep(True, 0), "integers >= 0"),
        (lambda: IrrepPair(1, 2), "k > n"),
    ],
)
def test_mistakes_are_named_in_one_line(make, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_products_of_irreps():
    assert Irrep(1, 1) * Irrep(1, 1) == (Irrep(0, 0), Irrep(2, 0), Irrep(0, 2), Irrep(2, 2))
    assert Irrep(1, 1) * Irrep(2, 0) == (Irrep(1, 1), Irrep(3, 1))
    for a, b in [((2, 3), (4, 1)), ((2, 2), (2, 2))]:
        first, second = Irrep(*a), Irrep(*b)
        assert sum(c.dim for c in first * second) == first.dim * second.dim
        assert first * second == second * first
    with pytest.raises(TypeError):
        Irrep(1, 1) * 2


def test_real_irreps():
    assert list(map(str, real_irreps(3))) == ["(0,0)", "(1,1)", "((2,0)+(0,2))", "(2,2)"]
    assert list(map(str, real_irreps(4)[4:])) == ["((3,1)+(1,3))", "(3,3)"]
    assert sum(irrep.dim for irrep in real_irreps(3)) == 20
    assert all(irrep.is_real and irrep.has_reflections for irrep in real_irreps(5))


def test_list_form_and_flat_form_act_alike():
    irreps = Irreps("3x(0,0)+2x(1,1)+2x((2,0)+(0,2))+1x(2,2)")
    generator = torch.Generator().manual_seed(0)
    features = irreps.random((2, 5), generator)
    assert [tuple(part.shape) for part in features] == [(3, 2, 5, 1), (2, 2, 5, 4), (2, 2, 5, 6), (1, 2, 5, 9)]
    assert all(part.dtype == torch.float64 for part in features)
    flat = irreps.flatten(features)
    assert flat.shape == (2, 5, irreps.dim)
    for part, again in zip(features, irreps.unflatten(flat), strict=True):
        assert torch.equal(part, again)
    # second multiplicity of the vectors: components 3 + 4 ... 3 + 8 of the flat form
    assert torch.equal(flat[..., 7:11], features[1][1])
    transform = LorentzTransform.random("O(1,3)", 2.0, generator)
    acted = transform.act(irreps, features)
    torch.testing.assert_close(irreps.flatten(acted), transform.act(irreps, flat), rtol=0, atol=1e-13)
    assert torch.equal(acted[0], features[0])
    torch.testing.assert_close(acted[1], torch.einsum("mn,...n->...m", transform.matrix, features[1]))
    for part, before in zip(transform.inverse().act(irreps, acted), features, strict=True):
        torch.testing.assert_close(part, before, rtol=0, atol=1e-9)


def test_acting_keeps_dtype_and_complex_irreps_are_complex():
    generator = torch.Generator().manual_seed(1)
    boost = LorentzTransform.boost([0, 0, 1.0])
    assert boost.act(Irrep(2, 2), torch.ones(3, 9)).dtype == torch.float32
    features = Irreps("2x(2,0)+1x(0,0)").random((3,), generator)
    assert [part.dtype for part in features] == [torch.complex128, torch.float64]
    assert boost.act(Irreps("2x(2,0)"), features[:1])[0].dtype == torch.complex128
    assert boost.act(Irrep(2, 0), torch.ones(3)).dtype == torch.complex64


def test_random_has_unit_variance_and_follows_its_generator():
    irreps = Irreps("4x(1,1)+1x(2,0)")
    first, second = (irreps.random((2000,), torch.Generator().manual_seed(5)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
        assert a.abs().square().mean().item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda L: L.act(Irrep(2, 2), torch.zeros(3, 8)), "9 components"),
        (lambda L: L.act(Irreps("2x(1,1)"), torch.zeros(3, 9)), "8 components"),
        (lambda L: L.act(Irreps("2x(1,1)"), [torch.zeros(3, 5, 4)]), "multiplicity"),
        (lambda L: L.act(Irreps("2x(1,1)+1x(0,0)"), [torch.zeros(2, 5, 4)]), "multiplicity"),
    ],
)
def test_wrong_shapes_are_named(act, words):
    with pytest.raises(ConfigError, match=words):
        act(LorentzTransform.parity())


def test_whole_numbers_are_transformed_as_numbers():
    boost = LorentzTransform.boost(torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    found = Irrep(1, 1).act(boost, torch.tensor([1, 0, 0, 0]))
    assert torch.equal(found, boost.matrix[:, 0])
    assert torch.equal(CliffordAlgebra(1, 3).act(boost, torch.eye(16, dtype=torch.int64)[1])[1:5], boost.matrix[:, 0])
