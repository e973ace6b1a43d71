import itertools
from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from lorentznet.errors import ConfigError
from lorentznet.group import (
    METRIC,
    CliffordAlgebra,
    Irrep,
    IrrepPair,
    LorentzTransform,
    Multivectors,
    compound,
    minkowski_dot,
    real_clebsch_gordan,
)

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)

SPACETIME = CliffordAlgebra(1, 3)
ALGEBRAS = [CliffordAlgebra(p, n - p) for n in range(1, 6) for p in range(n + 1)]
PSEUDOSCALAR = SPACETIME.blade("e0123")


def multivectors(algebra, count, seed=0):
    return torch.randn(count, algebra.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def random_orthogonal(algebra, seed):
    """An element of O(p,q): the exponential of a random generator, times a reflection of the first axis."""
    generator = torch.Generator().manual_seed(seed)
    antisymmetric = torch.randn(algebra.n, algebra.n, dtype=torch.float64, generator=generator)
    rotation = torch.from_numpy(expm((torch.diag(algebra.metric) @ (antisymmetric - antisymmetric.T) / 2).numpy()))
    rotation[:, 0] *= -1
    return rotation


def test_layout_of_spacetime():
    assert SPACETIME.blade_names == (
        "1", "e0", "e1", "e2", "e3", "e01", "e02", "e03", "e12", "e13", "e23", "e012", "e013", "e023", "e123", "e0123"
    )  # fmt: skip
    assert SPACETIME.grade_dims == (1, 4, 6, 4, 1)
    assert SPACETIME.grade_slices == (slice(0, 1), slice(1, 5), slice(5, 11), slice(11, 15), slice(15, 16))
    assert SPACETIME.eta.tolist() == [1, 1, -1, -1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, -1, -1]
    assert SPACETIME.reversion_signs.tolist() == [1] * 5 + [-1] * 10 + [1]
    assert str(SPACETIME) == "Cl(1,3)"


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=str)
def test_generators_anticommute(algebra):
    vectors = torch.eye(algebra.dim, dtype=torch.float64)[algebra.grade_slices[1]]
    for mu, nu in itertools.product(range(algebra.n), repeat=2):
        anticommutator = algebra.product(vectors[mu], vectors[nu]) + algebra.product(vectors[nu], vectors[mu])
        expected = 2 * (mu == nu) * algebra.metric[mu] * algebra.blade("1")
        assert torch.equal(anticommutator, expected)


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=str)
def test_blades_are_ordered_products_of_generators(algebra):
    for name in algebra.blade_names[1:]:
        product = algebra.blade("1")
        for digit in name[1:]:
            product = algebra.product(product, algebra.blade("e" + digit))
        assert torch.equal(product, algebra.blade(name))


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=str)
def test_associativity_and_unit(algebra):
    x, y, z = multivectors(algebra, 60).reshape(3, 20, -1)
    left, right = algebra.product(algebra.product(x, y), z), algebra.product(x, algebra.product(y, z))
    torch.testing.assert_close(left, right, rtol=0, atol=1e-12 * left.abs().max().item())
    assert torch.equal(algebra.product(algebra.blade("1"), x), x)
    assert torch.equal(algebra.product(x, algebra.blade("1")), x)


def test_structure_constants_of_spacetime():
    cayley = SPACETIME.cayley
    assert cayley.shape == (16, 16, 16)
    assert int((cayley != 0).sum()) == 256
    assert int((cayley == -1).sum()) == 112
    for i, k in itertools.product(range(16), repeat=2):
        assert cayley[i, k, SPACETIME.products[i, k]] == SPACETIME.signs[i, k]
        assert SPACETIME.blades[SPACETIME.products[i, k]] == SPACETIME.blades[i] ^ SPACETIME.blades[k]


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=str)
def test_grade_paths_obey_the_closed_rule(algebra):
    n = algebra.n
    expected = {
        (left, right, out)
        for left, right, out in itertools.product(range(n + 1), repeat=3)
        if (left + right - out) % 2 == 0 and abs(left - right) <= out <= min(left + right, 2 * n - left - right)
    }
    assert set(algebra.grade_paths) == expected
    assert len(algebra.grade_paths) == len(expected) == {1: 4, 2: 10, 3: 20, 4: 35, 5: 56}[n]


def test_counts_of_grade_paths_of_spacetime():
    paths = SPACETIME.grade_paths
    assert [sum(out == grade for *_, out in paths) for grade in range(5)] == [5, 8, 9, 8, 5]
    assert sum(SPACETIME.grade_dims[out] for *_, out in paths) == 128
    grades = SPACETIME.grades
    terms = {}
    for i, k, j in SPACETIME.cayley.nonzero().tolist():
        path = (int(grades[i]), int(grades[k]), int(grades[j]))
        terms[path] = terms.get(path, 0) + 1
    assert terms[2, 2, 2] == 24
    assert terms[1, 1, 2] == terms[1, 2, 1] == terms[3, 3, 2] == 12
    assert terms[2, 4, 2] == terms[2, 2, 0] == 6
    assert sum(count for (left, _, _), count in terms.items() if left == 1) == 64


def test_dirac_matrices_are_an_independent_oracle():
    """Blades as products of 4x4 Dirac matrices: the matrix of a product is the product of the matrices."""
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    gamma = [np.kron(np.diag([1, -1]), np.eye(2))] + [np.kron(np.array([[0, 1], [-1, 0]]), s) for s in sigma]
    blades = []
    for name in SPACETIME.blade_names:
        matrix = np.eye(4, dtype=complex)
        for digit in name[1:] if name != "1" else "":
            matrix = matrix @ gamma[int(digit)]
        blades.append(matrix)
    blades = np.stack(blades)
    x, y = multivectors(SPACETIME, 2).numpy()
    found = np.tensordot(SPACETIME.product(torch.tensor(x), torch.tensor(y)).numpy(), blades, 1)
    np.testing.assert_allclose(found, np.tensordot(x, blades, 1) @ np.tensordot(y, blades, 1), atol=1e-13)


def test_package_clifford_agrees():
    package = pytest.importorskip("clifford")
    layout, _ = package.Cl(1, 3)
    names = ["".join(str(int(digit) - 1) for digit in name[1:]) for name in list(layout.names)[1:]]
    order = [0] + [1 + names.index(name[1:]) for name in SPACETIME.blade_names[1:]]
    assert list(layout.sig) == SPACETIME.metric.tolist()
    for seed in range(5):
        x, y = multivectors(SPACETIME, 2, seed)
        theirs = [np.zeros(16), np.zeros(16)]
        for mine, their in zip((x, y), theirs, strict=True):
            their[order] = mine.numpy()
        a, b = (package.MultiVector(layout, value) for value in theirs)
        np.testing.assert_allclose((a * b).value[order], SPACETIME.product(x, y).numpy(), atol=1e-13)
        np.testing.assert_allclose((~a).value[order], SPACETIME.reversion(x).numpy(), atol=0)
        np.testing.assert_allclose(a.gradeInvol().value[order], SPACETIME.grade_involution(x).numpy(), atol=0)


def test_opposite_signature_differs_by_contractions():
    """C of (+,-,-,-) = (-1)^r C of (-,+,+,+) with r = (g_i + g_k - g_j)/2 contractions."""
    other = CliffordAlgebra(3, 1)
    relabelled = {"0": "e3", "1": "e0", "2": "e1", "3": "e2"}  # the generator of square -1 comes first
    basis = []
    for name in SPACETIME.blade_names:
        blade = other.blade("1")
        for digit in name[1:] if name != "1" else "":
            blade = other.product(blade, other.blade(relabelled[digit]))
        basis.append(blade)
    basis = torch.stack(basis)
    assert torch.equal(basis @ basis.T, torch.eye(16, dtype=torch.float64))
    opposite = torch.einsum("ia,kb,abc,jc->ikj", basis, basis, other.cayley, basis)
    grades = SPACETIME.grades
    contractions = (grades[:, None, None] + grades[None, :, None] - grades) // 2
    assert torch.equal(SPACETIME.cayley, (-1.0) ** contractions * opposite)
    assert not torch.equal(SPACETIME.cayley, opposite)


@pytest.mark.parametrize("algebra", [CliffordAlgebra(1, 3), CliffordAlgebra(3, 0), CliffordAlgebra(2, 3)], ids=str)
def test_involutions(algebra):
    x, y = multivectors(algebra, 2)
    product = algebra.product(x, y)
    torch.testing.assert_close(
        algebra.reversion(product), algebra.product(algebra.reversion(y), algebra.reversion(x)), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(
        algebra.grade_involution(product),
        algebra.product(algebra.grade_involution(x), algebra.grade_involution(y)),
        rtol=0,
        atol=1e-12,
    )
    assert torch.equal(algebra.reversion(algebra.reversion(x)), x)


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=str)
def test_form_is_the_scalar_part_of_reversed_product(algebra):
    x, y = multivectors(algebra, 2)
    scalar = algebra.product(algebra.reversion(x), y)[0]
    assert algebra.inner(x, y).item() == pytest.approx(scalar.item(), abs=1e-12)
    assert algebra.grade_squares(x).sum().item() == pytest.approx(algebra.inner(x, x).item(), abs=1e-12)


def test_form_on_grades_of_spacetime():
    p, q = multivectors(SPACETIME, 2)[:, :4]
    assert SPACETIME.inner(SPACETIME.embed(p, 1), SPACETIME.embed(q, 1)).item() == pytest.approx(minkowski_dot(p, q).item())
    field = torch.tensor([1.0, 2.0, 3.0, 5.0, 7.0, 11.0], dtype=torch.float64)
    squares = SPACETIME.grade_squares(SPACETIME.embed(field, 2))
    assert squares.tolist() == [0, 0, (25 + 49 + 121) - (1 + 4 + 9), 0, 0]


@quick
@given(st.integers(0, 10_000))
def test_algebraic_backward_identity(seed):
    """b(xy, h) = b(x, h y~) = b(y, x~ h): the gradient of the product is again a product."""
    x, y, h = multivectors(SPACETIME, 3, seed)
    form, product, rev = SPACETIME.inner, SPACETIME.product, SPACETIME.reversion
    value = form(product(x, y), h).item()
    assert form(x, product(h, rev(y))).item() == pytest.approx(value, abs=1e-12)
    assert form(y, product(rev(x), h)).item() == pytest.approx(value, abs=1e-12)


@quick
@given(st.integers(0, 10_000), st.sampled_from(["SO+(1,3)", "O(1,3)", "O(3)", "E(2)_+"]))
def test_action_is_an_automorphism(seed, subgroup):
    generator = torch.Generator().manual_seed(seed)
    element = LorentzTransform.random(subgroup, 2.0, generator)
    x, y = multivectors(SPACETIME, 2, seed)
    acted_x, acted_y = SPACETIME.act(element, x), SPACETIME.act(element, y)
    scale = torch.linalg.matrix_norm(SPACETIME.matrix(element), 2) ** 2
    difference = SPACETIME.act(element, SPACETIME.product(x, y)) - SPACETIME.product(acted_x, acted_y)
    assert difference.abs().max() < 1e-13 * scale
    assert (SPACETIME.grade_squares(acted_x) - SPACETIME.grade_squares(x)).abs().max() < 1e-13 * scale
    assert (element.inverse().act(Multivectors(), acted_x[:, None]) - x[:, None]).abs().max() < 1e-13 * scale


@pytest.mark.parametrize(
    "element", [LorentzTransform.parity(), LorentzTransform.time_reversal()], ids=["parity", "time reversal"]
)
def test_reflections_act_exactly(element):
    x, y = multivectors(SPACETIME, 2)
    acted = SPACETIME.product(SPACETIME.act(element, x), SPACETIME.act(element, y))
    assert torch.equal(SPACETIME.act(element, SPACETIME.product(x, y)), acted)
    assert torch.equal(SPACETIME.act(element, PSEUDOSCALAR), -PSEUDOSCALAR)


@pytest.mark.parametrize("algebra", [algebra for algebra in ALGEBRAS if algebra.n > 1], ids=str)
def test_other_signatures_are_acted_on_too(algebra):
    x, y = multivectors(algebra, 2)
    element = random_orthogonal(algebra, 3)
    found = algebra.product(algebra.act(element, x), algebra.act(element, y))
    torch.testing.assert_close(algebra.act(element, algebra.product(x, y)), found, rtol=0, atol=1e-11 * found.abs().max().item())
    assert torch.linalg.det(algebra.grade_matrix(element, algebra.n)).item() == pytest.approx(-1.0)


def test_many_transforms_act_at_once():
    both = torch.stack([LorentzTransform.random(generator=torch.Generator().manual_seed(seed)).matrix for seed in range(3)])
    together = SPACETIME.matrix(both)
    assert together.shape == (3, 16, 16)
    for found, matrix in zip(together, both, strict=True):
        torch.testing.assert_close(found, SPACETIME.matrix(matrix), rtol=0, atol=0)


@pytest.mark.parametrize("k", range(5))
def test_compound_matrices(k):
    a, b = torch.randn(2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(k))
    assert compound(a, k).shape == (comb(4, k), comb(4, k))
    torch.testing.assert_close(compound(a, k) @ compound(b, k), compound(a @ b, k), rtol=0, atol=1e-12)
    torch.testing.assert_close(compound(torch.stack([a, b]), k)[1], compound(b, k))


def test_minors_by_hand():
    matrix = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 1.0]])
    assert compound(matrix, 2).tolist() == [[6, 2, 1], [-1, 2, 1], [-3, -1, 3]]
    assert compound(matrix, 3).item() == pytest.approx(7.0)


@pytest.mark.parametrize("grade", range(5))
def test_grades_transform_by_minors(grade):
    """The complementary minors used above half of the dimension equal the minors themselves."""
    for subgroup in ("SO+(1,3)", "O(1,3)"):
        element = LorentzTransform.random(subgroup, 1.0, torch.Generator().manual_seed(grade))
        expected = compound(element.matrix, grade)
        torch.testing.assert_close(SPACETIME.grade_matrix(element, grade), expected, rtol=0, atol=1e-12 * element.gamma**2)


def test_axial_vectors_are_as_precise_as_vectors():
    boost = LorentzTransform.boost_gamma(1000.0, [1.0, 2.0, 3.0])
    dual = SPACETIME.grade_to_irrep(3)
    torch.testing.assert_close(dual @ SPACETIME.grade_matrix(boost, 3) @ dual.T, boost.matrix, rtol=1e-14, atol=0)
    assert SPACETIME.grade_matrix(boost, 4).item() == 1.0


@pytest.mark.parametrize("grade", range(5))
def test_grades_are_irreps(grade):
    irrep = [Irrep(0, 0), Irrep(1, 1), IrrepPair(2, 0), Irrep(1, 1), Irrep(0, 0)][grade]
    change = SPACETIME.grade_to_irrep(grade)
    assert torch.equal(change.T @ change, torch.eye(irrep.dim, dtype=torch.float64))
    generator = torch.Generator().manual_seed(grade)
    for _ in range(6):
        element = LorentzTransform.random("O(1,3)", 1.5, generator)
        twist = -1.0 if grade > 2 and not element.is_proper else 1.0
        expected = twist * irrep.representation(element)
        found = change @ SPACETIME.grade_matrix(element, grade) @ change.T
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13 * element.gamma**2)


def test_wedge_product_is_the_clebsch_gordan_product():
    p, q = multivectors(SPACETIME, 2)[:, :4]
    product = SPACETIME.product(SPACETIME.embed(p, 1), SPACETIME.embed(q, 1))
    wedge = SPACETIME.grade_to_irrep(2) @ product[SPACETIME.grade_slices[2]]
    coupled = torch.einsum("abc,a,b->c", real_clebsch_gordan(Irrep(1, 1), Irrep(1, 1), IrrepPair(2, 0))[0], p, q)
    torch.testing.assert_close(wedge, 2**0.5 * coupled, rtol=0, atol=1e-14)


def test_pseudoscalar_is_the_hodge_star_of_bivectors():
    change, field = SPACETIME.grade_to_irrep(2), multivectors(SPACETIME, 1)[0, :6]
    dual = SPACETIME.product(SPACETIME.embed(field, 2), PSEUDOSCALAR)[SPACETIME.grade_slices[2]]
    star = IrrepPair(2, 0).hodge @ change @ field
    assert torch.equal(change @ dual, star) or torch.equal(change @ dual, -star)


def test_product_broadcasts_and_keeps_dtype():
    x, y = torch.randn(5, 1, 16), torch.randn(3, 16)
    assert SPACETIME.product(x, y).shape == (5, 3, 16)
    assert SPACETIME.product(x, y).dtype == torch.float32
    assert SPACETIME.product(x, y.double()).dtype == torch.float64
    assert SPACETIME.act(LorentzTransform.parity(), x).dtype == torch.float32


def test_law_of_multivectors():
    law = Multivectors(3)
    x, again = (law.random((2, 5), torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(x, again)
    assert x.shape == (16, 3, 2, 5)
    assert x.dtype == torch.float64
    assert law.dim == 16
    assert law == Multivectors(3, CliffordAlgebra(1, 3))
    element = LorentzTransform.random("O(1,3)", 1.0, torch.Generator().manual_seed(2))
    acted = element.act(law, x)
    torch.testing.assert_close(acted[1:5], torch.einsum("mn,n...->m...", element.matrix, x[1:5]), rtol=0, atol=1e-13)
    assert torch.equal(acted[0], x[0])
    assert torch.equal(METRIC, torch.diag(SPACETIME.metric))
    with pytest.raises(ConfigError, match="channels 3"):
        law.act(element, x[:, :2])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CliffordAlgebra(3, 3), r"p \+ q <= 5"),
        (lambda: CliffordAlgebra(-1, 3), "p, q >= 0"),
        (lambda: CliffordAlgebra(0, 0), r"1 <= p \+ q"),
        (lambda: SPACETIME.blade("e4"), "available: 1, e0"),
        (lambda: CliffordAlgebra(3, 0).act(LorentzTransform.parity(), torch.zeros(8)), "3 x 3"),
        (
            lambda: CliffordAlgebra(4, 0).act(LorentzTransform.boost([0, 0, 1.5]), torch.zeros(16)),
            r"metric \(\+1, \+1, \+1, \+1\)",
        ),
        (lambda: SPACETIME.grade_matrix(2 * torch.eye(4), 3), r"does not keep the metric .* of Cl\(1,3\)"),
        (lambda: SPACETIME.act(LorentzTransform.parity(), torch.zeros(4)), r"16 components on the last axis; got shape \(4,\)"),
        (lambda: SPACETIME.product(torch.zeros(16), torch.zeros(2, 5)), r"got shape \(2, 5\)"),
        (lambda: SPACETIME.embed(torch.zeros(3, 1), 1), r"grade 1 of Cl\(1,3\) has 4 components; got shape \(3, 1\)"),
        (lambda: SPACETIME.embed(torch.zeros(1), 5), "grades 0 to 4; got 5"),
        (lambda: CliffordAlgebra(3, 1).grade_to_irrep(2), r"CliffordAlgebra\(1, 3\)"),
    ],
)
def test_mistakes_are_named_in_one_line(make, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
