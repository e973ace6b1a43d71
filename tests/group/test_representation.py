"""Representations against independent constructions: exponentials, products, tensors."""

import math

import pytest
import torch
from scipy.linalg import expm

from lorentznet.errors import ConfigError
from lorentznet.group import GENERATORS, Irrep, IrrepPair, LorentzTransform, real_irreps
from lorentznet.group import representation as rep
from lorentznet.group.lie import exponential, logarithm

LABELS = [(k, n) for k in range(3) for n in range(3)] + [(3, 1), (1, 3), (3, 3), (4, 0)]
IRREPS = [Irrep(k, n) for k, n in LABELS]
PAIRS = [IrrepPair(k, n) for k, n in LABELS if k > n]
COMPLEX = torch.complex128


def draws(count: int, rapidity: float = 2.0, subgroup: str = "SO+(1,3)") -> list[LorentzTransform]:
    generator = torch.Generator().manual_seed(count)
    return [LorentzTransform.random(subgroup, rapidity, generator) for _ in range(count)]


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


def commutator(a, b):
    return a @ b - b @ a


@pytest.mark.parametrize(("k", "n"), LABELS)
def test_commutators_and_casimirs(k, n):
    boosts, turns = rep.canonical_generators(k, n)
    for i in range(3):
        j, m = (i + 1) % 3, (i + 2) % 3
        torch.testing.assert_close(commutator(turns[i], turns[j]), 1j * turns[m], rtol=0, atol=1e-12)
        torch.testing.assert_close(commutator(turns[i], boosts[j]), 1j * boosts[m], rtol=0, atol=1e-12)
        torch.testing.assert_close(commutator(boosts[i], boosts[j]), 1j * turns[m], rtol=0, atol=1e-12)
    one = torch.eye((k + 1) * (n + 1), dtype=COMPLEX)
    for generators, label in (((turns + boosts) / 2, k), ((turns - boosts) / 2, n)):
        casimir = (generators @ generators).sum(0)
        torch.testing.assert_close(casimir, label / 2 * (label / 2 + 1) * one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("irrep", IRREPS + PAIRS, ids=str)
def test_generators_in_the_basis_obey_the_lorentz_algebra(irrep):
    generators = irrep.generators()
    for first in range(6):
        for second in range(6):
            bracket = commutator(GENERATORS[first], GENERATORS[second])
            # the invariant inner product of the algebra reads the coefficients off the four-vector matrices
            coefficients = torch.einsum("mn,kmn->k", bracket, GENERATORS) / 2
            expected = torch.einsum("k,kab->ab", coefficients.to(irrep.dtype), generators)
            torch.testing.assert_close(commutator(generators[first], generators[second]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("irrep", IRREPS + PAIRS, ids=str)
def test_closed_form_is_the_exponential(irrep):
    for element in draws(5):
        generator = torch.einsum("k,kab->ab", logarithm(element.matrix).to(irrep.dtype), irrep.generators())
        expected = torch.from_numpy(expm(generator.numpy()))
        found = irrep.representation(element)
        sign = 1 if (irrep.k + irrep.n) % 2 == 0 or relative(found, expected) < 1 else -1  # spinors: two-valued
        assert relative(sign * found, expected) < 1e-12


@pytest.mark.parametrize("irrep", IRREPS + PAIRS, ids=str)
def test_representation_of_products(irrep):
    elements = draws(6)
    for a, b in zip(elements[:3], elements[3:], strict=True):
        expected = irrep.representation(a) @ irrep.representation(b)
        found = irrep.representation(a @ b)
        sign = 1 if (irrep.k + irrep.n) % 2 == 0 or relative(found, expected) < 1 else -1
        scale = torch.linalg.matrix_norm(irrep.representation(a), 2) * torch.linalg.matrix_norm(irrep.representation(b), 2)
        assert (sign * found - expected).abs().max() < 1e-12 * scale


@pytest.mark.parametrize(("k", "n"), LABELS)
def test_closed_form_of_products_in_sl2c(k, n):
    """D(A B) = D(A) D(B) without a sign to choose, and the generators are its derivatives at one."""
    first, second = (rep.lift(element.matrix) for element in draws(2, rapidity=1.0))
    found, expected = (
        rep.canonical_matrix(k, n, first @ second),
        rep.canonical_matrix(k, n, first) @ rep.canonical_matrix(k, n, second),
    )
    assert relative(found, expected) < 1e-12
    boosts, turns = rep.canonical_generators(k, n)
    pauli = torch.stack([rep._pauli(torch.tensor(0.0), axis) for axis in torch.eye(3, dtype=torch.float64)])
    for axis in range(3):
        for size, generator in ((0.8, boosts[axis]), (-0.8j, turns[axis])):
            element = torch.from_numpy(expm((size * pauli[axis] / 2).numpy()))
            grown = torch.from_numpy(expm((size * generator).numpy()))
            assert relative(rep.canonical_matrix(k, n, element), grown) < 1e-12


@pytest.mark.parametrize("irrep", [irrep for irrep in IRREPS + PAIRS if irrep.has_reflections], ids=str)
def test_representation_of_products_with_reflections(irrep):
    elements = draws(24, subgroup="O(1,3)")
    assert {(a.is_proper, a.is_orthochronous) for a in elements} == {(x, y) for x in (True, False) for y in (True, False)}
    for a, b in zip(elements[:12], elements[12:], strict=True):
        scale = torch.linalg.matrix_norm(irrep.representation(a), 2) * torch.linalg.matrix_norm(irrep.representation(b), 2)
        difference = irrep.representation(a @ b) - irrep.representation(a) @ irrep.representation(b)
        assert difference.abs().max() < 1e-12 * scale


@pytest.mark.parametrize("gamma", [1.0, 1.0 + 1e-9, 10.0, 1000.0])
def test_lift_covers_the_transform(gamma):
    pauli = torch.stack([rep._pauli(*pair) for pair in zip(torch.eye(4)[:, 0], torch.eye(4)[:, 1:], strict=True)])
    for turn in ([0.0, 0.0, 0.0], [0.4, -1.0, 2.0], [math.pi, 0.0, 0.0]):
        element = LorentzTransform.boost_gamma(gamma, [1.0, -2.0, 0.5]) @ LorentzTransform.rotation(turn)
        lifted = rep.lift(element.matrix)
        assert (torch.linalg.det(lifted) - 1).abs() < 1e-13 * gamma
        found = torch.einsum("mab,bc,ncd,da->mn", pauli, lifted, pauli, lifted.mH).real / 2
        assert relative(found, element.matrix) < 1e-13


def test_four_vector_is_cartesian():
    root = math.sqrt(1 / 2)
    to_canonical = torch.tensor(
        [[1, 0, 0, 0], [0, root, 1j * root, 0], [0, 0, 0, 1], [0, -root, 1j * root, 0]], dtype=COMPLEX
    )  # rows (l m) = (0 0), (1 -1), (1 0), (1 +1) on (t, x, y, z)
    torch.testing.assert_close(rep.cartesian_basis(1, 1).mH, to_canonical, rtol=0, atol=1e-15)
    for element in draws(5):
        canonical = rep.canonical_matrix(1, 1, rep.lift(element.matrix))
        assert relative(to_canonical @ element.matrix.to(COMPLEX) @ to_canonical.mH, canonical) < 1e-13
        assert torch.equal(Irrep(1, 1).representation(element), element.matrix)
    torch.testing.assert_close(Irrep(1, 1).generators(), GENERATORS, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("k", "n"), LABELS)
def test_conjugation_relation(k, n):
    relation = rep.conjugation(k, n).to(COMPLEX)
    torch.testing.assert_close(relation @ relation.mH, torch.eye(len(relation), dtype=COMPLEX), rtol=0, atol=1e-15)
    for element in draws(3):
        lifted = rep.lift(element.matrix)
        conjugate = rep.canonical_matrix(k, n, lifted).conj()
        assert relative(relation @ conjugate @ relation.mH, rep.canonical_matrix(n, k, lifted)) < 1e-12


def test_conjugation_of_bivectors_by_hand():
    """z^(0,2)_{1,-m} = (-1)^(m-1) conj z^(2,0)_{1,m}."""
    assert rep.conjugation(2, 0).tolist() == [[0, 0, 1], [0, -1, 0], [1, 0, 0]]


@pytest.mark.parametrize("k", range(5))
def test_cartesian_basis_makes_tensors_real(k):
    basis = rep.cartesian_basis(k, k)
    torch.testing.assert_close(basis @ basis.mH, torch.eye((k + 1) ** 2, dtype=COMPLEX), rtol=0, atol=1e-14)
    for element in draws(3):
        matrix = basis @ rep.canonical_matrix(k, k, rep.lift(element.matrix)) @ basis.mH
        assert matrix.imag.abs().max() < 1e-12 * matrix.real.abs().max()


@pytest.mark.parametrize("irrep", IRREPS + PAIRS, ids=str)
def test_rotations_are_orthogonal_and_boosts_hermitian(irrep):
    one = torch.eye(irrep.dim, dtype=irrep.dtype)
    turn = irrep.representation(LorentzTransform.rotation([0.3, -1.2, 2.0]))
    torch.testing.assert_close(turn @ turn.mH, one, rtol=0, atol=1e-12)
    boost = irrep.representation(LorentzTransform.boost([0.7, -0.2, 1.1]))
    assert relative(boost, boost.mH) < 1e-13
    if irrep.is_real:
        assert not turn.is_complex()
        assert not boost.is_complex()
        assert torch.linalg.eigvalsh(boost).min() > 0  # symmetric and positive: a pure boost has its polar decomposition here too


@pytest.mark.parametrize("irrep", IRREPS + PAIRS, ids=str)
@pytest.mark.parametrize("rapidity", [0.5, 3.0])
def test_growth_under_boosts(irrep, rapidity):
    boost = irrep.representation(LorentzTransform.boost([0.0, 0.6 * rapidity, -0.8 * rapidity]))
    norm = torch.linalg.matrix_norm(boost, 2).item()
    assert norm == pytest.approx(math.exp(rapidity * (irrep.k + irrep.n) / 2), rel=1e-12)


@pytest.mark.parametrize("irrep", IRREPS + PAIRS, ids=str)
def test_invariant_form(irrep):
    metric = irrep.metric
    assert torch.linalg.det(metric).abs().item() == pytest.approx(1.0)
    for element in draws(3) + (draws(4, subgroup="O(1,3)") if irrep.has_reflections else []):
        matrix = irrep.representation(element)
        scale = torch.linalg.matrix_norm(matrix, 2) ** 2
        assert (matrix.mT @ metric @ matrix - metric).abs().max() < 1e-13 * scale


def test_form_of_tensors_is_diagonal():
    assert Irrep(1, 1).metric.diagonal().tolist() == [1, -1, -1, -1]
    assert Irrep(2, 2).metric.diagonal().tolist() == [1, -1, -1, -1, 1, 1, 1, 1, 1]
    torch.testing.assert_close(IrrepPair(2, 0).metric, torch.diag(torch.tensor([-1.0] * 3 + [1.0] * 3, dtype=torch.float64)))


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_hodge_star(pair):
    star = pair.hodge
    assert torch.equal(star @ star, -torch.eye(pair.dim, dtype=torch.float64))
    for element in draws(2):
        matrix = pair.representation(element)
        torch.testing.assert_close(star @ matrix, matrix @ star, rtol=0, atol=1e-12 * matrix.abs().max().item())
    if pair.has_reflections:
        parity = pair.representation(LorentzTransform.parity())
        torch.testing.assert_close(star @ parity, -parity @ star, rtol=0, atol=1e-14)


def test_commutant_of_a_pair_is_spanned_by_one_and_hodge():
    for pair in (IrrepPair(2, 0), IrrepPair(3, 1)):
        one = torch.eye(pair.dim, dtype=torch.float64)
        conditions = torch.cat([torch.kron(x, one) - torch.kron(one, x.T.contiguous()) for x in pair.generators()])
        assert int((torch.linalg.svdvals(conditions) < 1e-9).sum()) == 2
        assert (conditions @ pair.hodge.flatten()).abs().max() < 1e-12


def test_bivector_is_electric_and_magnetic():
    """p ^ q with E^i = F^{i0}, B = -(F^23, F^31, F^12) transforms as the (2,0) pair."""

    def bivector(p, q):
        field = torch.outer(p, q) - torch.outer(q, p)
        return torch.cat([field[1:, 0], -torch.stack([field[2, 3], field[3, 1], field[1, 2]])])

    p, q = torch.randn(2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for element in draws(12, subgroup="O(1,3)"):
        expected = bivector(element.matrix @ p, element.matrix @ q)
        assert relative(IrrepPair(2, 0).act(element, bivector(p, q)), expected) < 1e-11


def test_total_reflection_counts_the_rank():
    total = LorentzTransform.parity() @ LorentzTransform.time_reversal()
    for irrep in real_irreps(5):
        expected = (-1.0) ** irrep.k * torch.eye(irrep.dim, dtype=torch.float64)
        torch.testing.assert_close(irrep.representation(total), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("irrep", [Irrep(2, 0), Irrep(0, 2), Irrep(1, 0), IrrepPair(1, 0), IrrepPair(2, 1)], ids=str)
def test_reflections_are_refused_where_they_do_not_act(irrep):
    assert not irrep.has_reflections
    with pytest.raises(ConfigError, match="reflections do not act") as caught:
        irrep.representation(LorentzTransform.parity())
    assert "\n" not in str(caught.value)


def test_many_transforms_at_once():
    elements = draws(6, subgroup="O(1,3)")
    stacked = torch.stack([element.matrix for element in elements]).reshape(2, 3, 4, 4)
    for irrep in real_irreps(3):
        many = irrep.representation(stacked)
        assert many.shape == (2, 3, irrep.dim, irrep.dim)
        torch.testing.assert_close(many[1, 2], irrep.representation(elements[5]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("irrep", real_irreps(3), ids=str)
def test_precision_at_gamma_1000(irrep):
    boost = LorentzTransform.boost_gamma(1000.0, [1.0, 2.0, -1.0])
    turned = boost @ LorentzTransform.rotation([0.2, -0.4, 1.0])
    expected = irrep.representation(boost) @ irrep.representation(LorentzTransform.rotation([0.2, -0.4, 1.0]))
    assert relative(irrep.representation(turned), expected) < 1e-12


@pytest.mark.parametrize(
    "coefficients",
    [
        [0.0] * 6,
        [1e-9, 0, 0, 0, 2e-9, 0],
        [0, 0, 1.5, 0, 0, 0],
        [0, 0, 0, 0, math.pi, 0],
        [0, 0, 2.0, 0, 0, math.pi],
        [0, 1.2, 0, 1.2, 0, 0],  # a null rotation
        [0.3, -1.0, 0.4, 2.0, 0.1, -1.0],
    ],
)
def test_logarithm_inverts_the_exponential(coefficients):
    element = exponential(torch.tensor(coefficients, dtype=torch.float64))
    again = exponential(logarithm(element.matrix))
    assert again.is_close(element, 1e-9)
    if abs(coefficients[4]) + abs(coefficients[5]) < 3:
        torch.testing.assert_close(logarithm(element.matrix), torch.tensor(coefficients, dtype=torch.float64), rtol=0, atol=1e-7)
