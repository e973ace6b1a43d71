import math

import pytest
import torch
from scipy.linalg import expm

from lorentznet.group.su2 import spin_matrices, spin_matrix, su2_clebsch_gordan

SPINS = range(6)


def random_elements(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    entries = torch.randn(count, 2, 2, dtype=torch.complex128, generator=generator)
    return entries / torch.linalg.det(entries).sqrt()[:, None, None]


@pytest.mark.parametrize(
    ("labels", "value"),
    [  # 2 j1, 2 m1, 2 j2, 2 m2, 2 j, 2 m; Particle Data Group table
        ((1, 1, 1, -1, 2, 0), math.sqrt(1 / 2)),
        ((1, 1, 1, -1, 0, 0), math.sqrt(1 / 2)),
        ((1, -1, 1, 1, 0, 0), -math.sqrt(1 / 2)),
        ((2, 2, 1, -1, 3, 1), math.sqrt(1 / 3)),
        ((2, 0, 1, 1, 1, 1), -math.sqrt(1 / 3)),
        ((2, 2, 2, -2, 4, 0), math.sqrt(1 / 6)),
        ((2, 0, 2, 0, 4, 0), math.sqrt(2 / 3)),
        ((2, 0, 2, 0, 2, 0), 0.0),
        ((2, 0, 2, 0, 0, 0), -math.sqrt(1 / 3)),
        ((4, 2, 2, 0, 4, 2), math.sqrt(1 / 6)),
        ((3, 3, 3, -3, 6, 0), math.sqrt(1 / 20)),
        ((4, 4, 4, -4, 2, 0), math.sqrt(2 / 5)),
    ],
)
def test_tabulated_coefficients(labels, value):
    two_j1, two_m1, two_j2, two_m2, two_j, two_m = labels
    table = su2_clebsch_gordan(two_j1, two_j2, two_j)
    found = table[(two_m1 + two_j1) // 2, (two_m2 + two_j2) // 2, (two_m + two_j) // 2]
    assert found.item() == pytest.approx(value, abs=1e-15)


def test_orthogonality_and_completeness():
    for two_j1 in SPINS:
        for two_j2 in SPINS:
            stacked = torch.cat(
                [su2_clebsch_gordan(two_j1, two_j2, j) for j in range(abs(two_j1 - two_j2), two_j1 + two_j2 + 1, 2)], dim=-1
            ).flatten(0, 1)
            torch.testing.assert_close(stacked.T @ stacked, torch.eye(len(stacked), dtype=torch.float64), rtol=0, atol=1e-14)


def test_exchange_and_reflection_signs():
    for two_j1, two_j2, two_j in [(1, 2, 3), (2, 2, 2), (3, 2, 1), (4, 3, 5)]:
        sign = (-1) ** ((two_j1 + two_j2 - two_j) // 2)
        table = su2_clebsch_gordan(two_j1, two_j2, two_j)
        torch.testing.assert_close(su2_clebsch_gordan(two_j2, two_j1, two_j).transpose(0, 1), sign * table, rtol=0, atol=1e-15)
        torch.testing.assert_close(table.flip(0, 1, 2), sign * table, rtol=0, atol=1e-15)


def test_intertwining_of_the_spin_algebra():
    for two_j1, two_j2, two_j in [(1, 1, 2), (2, 1, 1), (2, 3, 5), (4, 4, 4)]:
        table = su2_clebsch_gordan(two_j1, two_j2, two_j).to(torch.complex128)
        for s1, s2, s in zip(*(spin_matrices(j) for j in (two_j1, two_j2, two_j)), strict=True):
            both = torch.einsum("abz,ax->xbz", table, s1) + torch.einsum("abz,bx->axz", table, s2)
            torch.testing.assert_close(both, torch.einsum("abz,yz->aby", table, s), rtol=0, atol=1e-14)


@pytest.mark.parametrize("labels", [(1, 1, 1), (2, 2, 6), (0, 2, 0)])
def test_spins_that_do_not_couple(labels):
    with pytest.raises(ValueError, match="do not couple"):
        su2_clebsch_gordan(*labels)


@pytest.mark.parametrize("two_j", SPINS)
def test_spin_algebra(two_j):
    sx, sy, sz = spin_matrices(two_j)
    torch.testing.assert_close(sx @ sy - sy @ sx, 1j * sz, rtol=0, atol=1e-14)
    torch.testing.assert_close(sy @ sz - sz @ sy, 1j * sx, rtol=0, atol=1e-14)
    casimir = sx @ sx + sy @ sy + sz @ sz
    torch.testing.assert_close(
        casimir, two_j / 2 * (two_j / 2 + 1) * torch.eye(two_j + 1, dtype=casimir.dtype), rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("two_j", SPINS)
def test_spin_matrix_is_a_homomorphism(two_j):
    a, b = random_elements(10), random_elements(11)[:10]
    product = spin_matrix(two_j, a @ b)
    difference = spin_matrix(two_j, a) @ spin_matrix(two_j, b) - product
    assert (difference.abs().amax((1, 2)) / product.abs().amax((1, 2))).max() < 1e-11


@pytest.mark.parametrize("two_j", SPINS)
def test_spin_matrix_is_the_exponential_of_the_spin_matrices(two_j):
    vector = torch.tensor([0.3 - 0.8j, -1.1 + 0.2j, 0.5 + 1.4j], dtype=torch.complex128)
    # the defining representation on (up, down): descending m
    element = torch.from_numpy(expm(torch.einsum("i,imn->mn", vector, spin_matrices(1)).flip(0, 1).numpy()))
    expected = torch.from_numpy(expm(torch.einsum("i,imn->mn", vector, spin_matrices(two_j)).numpy()))
    torch.testing.assert_close(spin_matrix(two_j, element), expected, rtol=1e-12, atol=1e-13 * expected.abs().max().item())
