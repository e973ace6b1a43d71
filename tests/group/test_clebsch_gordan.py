import itertools

import pytest
import torch

from lorentznet.errors import ConfigError
from lorentznet.group import (
    Irrep,
    IrrepPair,
    LorentzTransform,
    clebsch_gordan,
    minkowski_dot,
    minkowski_square,
    null_space_intertwiners,
    product_paths,
    real_clebsch_gordan,
    real_irreps,
    self_product_paths,
    vector_product_paths,
)
from lorentznet.group.clebsch_gordan import canonical_clebsch_gordan

SCALAR, VECTOR, TENSOR, BIVECTOR = Irrep(0, 0), Irrep(1, 1), Irrep(2, 2), IrrepPair(2, 0)
LETTERS = {"s": SCALAR, "v": VECTOR, "f": BIVECTOR, "t": TENSOR}
SMALL = [Irrep(k, n) for k in range(3) for n in range(3)]
FACTORS = [
    *itertools.combinations_with_replacement(SMALL, 2),
    (Irrep(3, 3), Irrep(1, 1)),
    (Irrep(3, 1), Irrep(1, 2)),
    (Irrep(4, 0), Irrep(2, 2)),
]
COUNTS = {  # independent real intertwiners up to the Hodge star of the result: any, and in a self-product
    **{"sss": (1, 1), "svv": (1, 1), "sff": (1, 1), "stt": (1, 1), "vvs": (1, 1), "vvf": (1, 0), "vvt": (1, 1)},
    **{"vfv": (2, 2), "vtv": (1, 1), "ffs": (2, 2), "fff": (1, 0), "fft": (2, 1), "ftf": (1, 1), "ftt": (2, 2)},
    **{"tts": (1, 1), "ttf": (1, 0), "ttt": (1, 1)},
}
NAMES = {irrep: letter for letter, irrep in LETTERS.items()}


def draws(count, subgroup="SO+(1,3)", rapidity=1.5):
    generator = torch.Generator().manual_seed(count)
    return [LorentzTransform.random(subgroup, rapidity, generator) for _ in range(count)]


def four_vectors(count):
    return torch.randn(count, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def intertwining_defect(tensor, a, b, c, transform, sign=1.0):
    """Relative difference between the product of the transformed and the transformed product."""
    d_a, d_b, d_c = (irrep.representation(transform).to(tensor.dtype) for irrep in (a, b, c))
    left = torch.einsum("abc,ax,by->xyc", tensor, d_a, d_b)
    right = sign * torch.einsum("xyd,cd->xyc", tensor, d_c)
    scale = torch.linalg.matrix_norm(d_a, 2) * torch.linalg.matrix_norm(d_b, 2)
    return ((left - right).abs().max() / scale).item()


@pytest.mark.parametrize(("a", "b"), FACTORS, ids=str)
def test_coefficients_are_unitary_intertwine_and_have_an_exchange_sign(a, b):
    coefficients = {c: clebsch_gordan(a, b, c) for c in a * b}
    stacked = torch.cat([value.flatten(0, 1).to(torch.complex128) for value in coefficients.values()], dim=-1)
    torch.testing.assert_close(stacked.mH @ stacked, torch.eye(a.dim * b.dim, dtype=torch.complex128), rtol=0, atol=1e-12)
    element = draws(1)[0]
    signs = (1.0,) if (a.k + a.n) % 2 == 0 and (b.k + b.n) % 2 == 0 else (1.0, -1.0)  # spinors: a sign is free
    for c, value in coefficients.items():
        assert min(intertwining_defect(value, a, b, c, element, sign) for sign in signs) < 1e-12
        sign = (-1) ** ((a.k + b.k - c.k) // 2 + (a.n + b.n - c.n) // 2)
        torch.testing.assert_close(clebsch_gordan(b, a, c).transpose(0, 1), sign * value, rtol=0, atol=1e-14)


def test_coefficients_are_orthonormal_for_all_irreps_up_to_three():
    irreps = [Irrep(k, n) for k in range(4) for n in range(4)]
    for a, b in itertools.combinations_with_replacement(irreps, 2):
        stacked = torch.cat([canonical_clebsch_gordan(a, b, c).flatten(0, 1) for c in a * b], dim=-1)
        torch.testing.assert_close(stacked.T @ stacked, torch.eye(a.dim * b.dim, dtype=torch.float64), rtol=0, atol=1e-12)


def test_of_37_ordered_self_paths_19_are_independent():
    """Of the channel-wise products of (0,0), (1,1), (2,0), (0,2), (2,2) with themselves 6 vanish and 12 repeat others."""
    irreps = [SCALAR, VECTOR, Irrep(2, 0), Irrep(0, 2), TENSOR]
    generator = torch.Generator().manual_seed(5)
    features = {irrep: torch.randn(20, irrep.dim, dtype=torch.complex128, generator=generator) for irrep in irreps}
    vanishing, independent, paths = 0, 0, 0
    for c in irreps:
        products = [
            torch.einsum("abc,na,nb->nc", canonical_clebsch_gordan(a, b, c).to(torch.complex128), features[a], features[b])
            for a, b in itertools.product(irreps, repeat=2)
            if c in a * b
        ]
        paths += len(products)
        vanishing += sum(product.abs().max().item() < 1e-14 for product in products)
        independent += int(torch.linalg.matrix_rank(torch.stack([product.flatten() for product in products])))
    assert (paths, vanishing, independent) == (37, 6, 19)


@pytest.mark.parametrize("letters", ["vvf", "vft", "ttt", "fft"])
def test_products_of_transformed_features_at_large_boosts(letters):
    """The intertwining holds to rounding, relative to the growth of the factors, at gamma = 100."""
    a, b, c = (LETTERS[letter] for letter in letters)
    element = LorentzTransform.boost_gamma(100.0, [1.0, -2.0, 0.5]) @ LorentzTransform.rotation([0.3, 1.0, -0.4])
    paths = real_clebsch_gordan(a, b, c)
    assert len(paths) == len(null_space_intertwiners(a, b, c)) // (2 if isinstance(c, IrrepPair) else 1)
    for path in paths:
        assert intertwining_defect(path, a, b, c, element) < 1e-12


def test_real_tensors_have_real_coefficients():
    for a, b in itertools.product([Irrep(k, k) for k in range(4)], repeat=2):
        for c in a * b:
            coefficients = clebsch_gordan(a, b, c)
            assert coefficients.is_complex() == (not c.is_real)
            assert coefficients.shape == (a.dim, b.dim, c.dim)


def test_products_of_four_vectors():
    """[p q]_(0,0) = p.q / 2, and the form of [p p]_(2,2) is 3/4 (p^2)^2."""
    p, q = four_vectors(20), four_vectors(40)[20:]
    scalar = torch.einsum("abc,na,nb->nc", clebsch_gordan(VECTOR, VECTOR, SCALAR), p, q)[:, 0]
    torch.testing.assert_close(scalar, minkowski_dot(p, q) / 2, rtol=0, atol=1e-13)
    tensor = torch.einsum("abc,na,nb->nc", clebsch_gordan(VECTOR, VECTOR, TENSOR), p, p)
    form = torch.einsum("na,ab,nb->n", tensor, TENSOR.metric, tensor)
    torch.testing.assert_close(form, 0.75 * minkowski_square(p) ** 2, rtol=0, atol=1e-12)


def test_riemann_silberstein_vector():
    """[p q]_(2,0) = (E + iB)/2 of F = p ^ q; the (0,2) product is -(E - iB)/2; the form is -(E + iB)^2 / 4."""
    p, q = four_vectors(2)
    field = torch.outer(p, q) - torch.outer(q, p)
    electric, magnetic = field[1:, 0], -torch.stack([field[2, 3], field[3, 1], field[1, 2]])
    to_cartesian = _cartesian_block()
    for irrep, expected in ((Irrep(2, 0), electric + 1j * magnetic), (Irrep(0, 2), -(electric - 1j * magnetic))):
        z = torch.einsum("abc,a,b->c", clebsch_gordan(VECTOR, VECTOR, irrep), p.to(torch.complex128), q.to(torch.complex128))
        torch.testing.assert_close(to_cartesian @ z, expected / 2, rtol=0, atol=1e-14)
        torch.testing.assert_close(z @ irrep.metric @ z, -(expected**2).sum() / 4, rtol=0, atol=1e-13)
    pair = torch.einsum("abc,a,b->c", real_clebsch_gordan(VECTOR, VECTOR, BIVECTOR)[0], p, q)
    scale = pair[0] / electric[0]
    torch.testing.assert_close(pair, scale * torch.cat([electric, magnetic]), rtol=0, atol=1e-13)


def _cartesian_block():
    """Spherical components m = -1, 0, 1 of a vector to (x, y, z), from the four-vector map."""
    root = 0.5**0.5
    spherical = torch.tensor([[root, 1j * root, 0], [0, 0, 1], [-root, 1j * root, 0]], dtype=torch.complex128)
    return spherical.mH


@pytest.mark.parametrize("name", COUNTS)
def test_numbers_of_real_intertwiners(name):
    a, b, c = (LETTERS[letter] for letter in name)
    assert len(real_clebsch_gordan(a, b, c)) == len(real_clebsch_gordan(b, a, c)) == COUNTS[name][0]


def test_no_other_real_intertwiners():
    for i, j, out in itertools.product("svft", repeat=3):
        if i + j + out not in COUNTS and j + i + out not in COUNTS:
            assert real_clebsch_gordan(LETTERS[i], LETTERS[j], LETTERS[out]).shape[0] == 0
            assert null_space_intertwiners(LETTERS[i], LETTERS[j], LETTERS[out]).shape[0] == 0


WIDER = [
    (BIVECTOR, VECTOR, IrrepPair(3, 1)),
    (VECTOR, IrrepPair(1, 0), IrrepPair(1, 0)),
    (IrrepPair(1, 0), IrrepPair(1, 0), SCALAR),
]


@pytest.mark.parametrize(("a", "b", "c"), [tuple(LETTERS[x] for x in name) for name in COUNTS] + WIDER, ids=str)
def test_real_intertwiners_span_the_null_space(a, b, c):
    found = real_clebsch_gordan(a, b, c)
    if isinstance(c, IrrepPair):
        found = torch.cat([found, found @ c.hodge.T])
    oracle = null_space_intertwiners(a, b, c).flatten(1)
    assert len(found) == len(oracle) > 0
    flat = found.flatten(1)
    torch.testing.assert_close(flat @ oracle.T @ oracle, flat, rtol=0, atol=1e-12)
    assert torch.linalg.matrix_rank(flat) == len(oracle)


def test_complex_coefficients_against_the_null_space():
    for a, b, c in [(VECTOR, VECTOR, Irrep(2, 0)), (Irrep(2, 0), Irrep(1, 1), Irrep(3, 1)), (Irrep(1, 0), Irrep(0, 1), VECTOR)]:
        oracle = null_space_intertwiners(a, b, c)
        assert len(oracle) == 1
        overlap = (oracle[0].conj() * clebsch_gordan(a, b, c)).sum().abs() / clebsch_gordan(a, b, c).norm()
        assert overlap.item() == pytest.approx(1.0, abs=1e-12)


def test_paths_of_the_self_product():
    paths = self_product_paths(real_irreps(3))
    assert len(paths) == 17
    assert sum(path.out.dim for path in paths) == 87
    found = {}
    for path in paths:
        name = NAMES[path.i] + NAMES[path.j] + NAMES[path.out]
        found[name] = found.get(name, 0) + 1
        if path.i == path.j:
            torch.testing.assert_close(path.tensor, path.tensor.transpose(0, 1), rtol=0, atol=1e-14)
    assert found == {name: counts[1] for name, counts in COUNTS.items() if counts[1]}


def test_paths_of_the_product_with_a_vector():
    paths = vector_product_paths(real_irreps(3))
    assert len(paths) == 7
    assert sum(path.out.dim for path in paths) == 32
    assert all(path.i == VECTOR for path in paths)


@pytest.mark.parametrize(
    "paths", [self_product_paths(real_irreps(3)), vector_product_paths(real_irreps(3))], ids=["self", "vector"]
)
def test_paths_are_equivariant_with_their_parity(paths):
    elements = draws(6, "O(1,3)")
    assert {element.is_proper for element in elements} == {True, False}
    for path in paths:
        for element in elements:
            sign = 1.0 if element.is_proper else float(path.parity)
            assert intertwining_defect(path.tensor, path.i, path.j, path.out, element, sign) < 1e-12


def test_parities_of_known_paths():
    """F_{mu nu} F^{mu nu} is a scalar, F *F a pseudoscalar; F p is a vector, *F p an axial vector."""
    assert [path.parity for path in product_paths([BIVECTOR], [BIVECTOR], [SCALAR])] == [1, -1]
    assert [path.parity for path in product_paths([VECTOR], [BIVECTOR], [VECTOR])] == [1, -1]
    field = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    even, odd = (
        torch.einsum("abc,a,b->c", path.tensor, field, field) for path in product_paths([BIVECTOR], [BIVECTOR], [SCALAR])
    )
    electric, magnetic = field[:3], field[3:]
    assert (even / (electric @ electric - magnetic @ magnetic)).abs().item() == pytest.approx(1 / 6**0.5, abs=1e-12)
    assert (odd / (2 * electric @ magnetic)).abs().item() == pytest.approx(1 / 6**0.5, abs=1e-12)


def test_paths_have_unit_variance():
    generator = torch.Generator().manual_seed(11)
    features = {irrep: irrep.random((40_000,), generator) for irrep in real_irreps(3)}
    others = {irrep: irrep.random((40_000,), generator) for irrep in real_irreps(3)}
    for path in vector_product_paths(real_irreps(3)):
        z = torch.einsum("abc,na,nb->nc", path.tensor, others[path.i], features[path.j])
        assert z.var(dim=0).mean().item() == pytest.approx(1.0, abs=0.05)
    for path in self_product_paths(real_irreps(3)):
        z = torch.einsum("abc,na,nb->nc", path.tensor, features[path.i], features[path.j])
        assert z.var(dim=0).mean().item() == pytest.approx(1.0, abs=0.05)


def test_outputs_can_be_chosen():
    paths = self_product_paths([SCALAR, VECTOR], outputs=[VECTOR])
    assert [(path.i, path.j, path.out) for path in paths] == [(SCALAR, VECTOR, VECTOR)]
    assert vector_product_paths([SCALAR, VECTOR], outputs=[BIVECTOR])[0].j == VECTOR


def test_tables_cannot_be_spoiled_through_a_result():
    clebsch_gordan(VECTOR, VECTOR, SCALAR).zero_()
    real_clebsch_gordan(VECTOR, VECTOR, SCALAR).zero_()
    assert clebsch_gordan(VECTOR, VECTOR, SCALAR).abs().max() > 0
    assert real_clebsch_gordan(VECTOR, VECTOR, SCALAR).abs().max() > 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: clebsch_gordan(VECTOR, VECTOR, Irrep(1, 1)), r"does not contain \(1,1\)"),
        (lambda: clebsch_gordan(VECTOR, VECTOR, BIVECTOR), "real_clebsch_gordan"),
        (lambda: real_clebsch_gordan(VECTOR, VECTOR, Irrep(2, 0)), "take the pair"),
        (lambda: real_clebsch_gordan(VECTOR, Irrep(0, 2), VECTOR), "take the pair"),
        (lambda: self_product_paths([VECTOR, VECTOR]), "distinct"),
    ],
)
def test_mistakes_are_named_in_one_line(make, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
