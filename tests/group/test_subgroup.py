import copy
import itertools
import math
import pickle

import pytest
import torch

from lorentznet.errors import ConfigError
from lorentznet.group import LorentzTransform, Subgroup, subgroup_names
from lorentznet.group.lie import exponential

GROUPS = {name: Subgroup.of(name) for name in subgroup_names()}
NONCOMPACT = [name for name, group in GROUPS.items() if group.algebra[:, :3].norm() > 0.1]
TIME, X, Y, Z = torch.eye(4, dtype=torch.float64)
BEAMS = torch.stack([TIME + Z, TIME - Z])
ROOT = math.sqrt(2)


def draws(group: Subgroup, count: int, rapidity: float = 3.0) -> list[LorentzTransform]:
    generator = torch.Generator().manual_seed(count)
    return [group.random(rapidity, generator) for _ in range(count)]


def distance_from_identity(element: LorentzTransform) -> float:
    return (element.matrix - torch.eye(4)).abs().max().item()


@pytest.mark.parametrize("name", GROUPS)
def test_names_are_read_and_printed(name):
    assert str(Subgroup.of(name)) == name
    assert Subgroup.of(name) == GROUPS[name]
    assert hash(Subgroup.of(name)) == hash(GROUPS[name])


def test_groups_of_the_catalogue_differ():
    assert len(set(GROUPS.values())) == len(GROUPS)


@pytest.mark.parametrize("name", GROUPS)
def test_algebras_are_closed_under_the_bracket(name):
    """The group that two elements generate stays inside."""
    group = GROUPS[name]
    elements = draws(group, 6, 1.0)
    for a, b in zip(elements[:3], elements[3:], strict=True):
        assert group.contains(a @ b)
        assert group.contains(a.inverse())
        assert group.contains(a @ b @ a.inverse() @ b.inverse())


def test_lattice_laws():
    groups = list(GROUPS.values())
    for a, b in itertools.combinations(groups, 2):
        met = a & b
        assert met == b & a == a.meet(b)
        assert met <= a
        assert met <= b
        assert (a <= b) == (met == a)
        assert not (a < b and b < a)
        if a < b:
            assert b > a
            assert b >= a
            assert not b <= a
    for a, b, c in itertools.islice(itertools.combinations(groups[::3], 3), 60):
        assert (a & b) & c == a & (b & c)
    for group in groups:
        assert group & group == group
        assert GROUPS["1"] <= group <= GROUPS["O(1,3)"]


@pytest.mark.parametrize(
    "chain",
    [
        ["O(1,3)", "O+(1,3)", "SO+(1,3)", "SO(3)", "SO(2)", "1"],
        ["O(1,3)", "SO(1,3)", "SO+(1,3)", "SO(1,1)xSO(2)", "SO(2)"],
        ["O+(1,3)", "O+(1,1)xO(2)", "SO(1,1)xO(2)", "SO(1,1)xSO(2)", "SO(1,1)", "1"],
        ["O+(1,3)", "O(3)", "O(2)xO(1)", "O(2)", "SO(2)"],
        ["O(1,3)", "O(1,2)", "O+(1,2)", "SO+(1,2)", "SO(2)"],
        ["O+(1,3)", "E(2)_+", "SE(2)_+", "SO(2)"],
        ["O(1,3)", "O(1,2)_x", "O(1,1)", "O+(1,1)", "SO(1,1)"],
    ],
)
def test_chains(chain):
    for larger, smaller in itertools.pairwise(chain):
        assert Subgroup.of(smaller) < Subgroup.of(larger)


@pytest.mark.parametrize(
    ("first", "second", "met"),
    [
        ("O(3)", "SO(1,1)xO(2)", "O(2)"),
        ("SO(3)", "SO(1,1)xO(2)", "SO(2)"),
        ("O(3)", "O+(1,1)xO(2)", "O(2)xO(1)"),
        ("E(2)_+", "E(2)_-", "O(2)"),
        ("SE(2)_+", "SE(2)_-", "SO(2)"),
        ("O(3)", "O(1,2)", "O(2)"),
        ("O(1,2)_x", "O(1,2)_y", "O(1,1)"),
        ("O+(1,3)", "O(1,2)", "O+(1,2)"),
        ("SO(1,3)", "O(3)", "SO(3)"),
        ("SO(1,3)", "O+(1,3)", "SO+(1,3)"),
        ("SO(1,1)", "SO(3)", "1"),
        ("E(2)_+", "SO(1,1)xO(2)", "O(2)"),
    ],
)
def test_meets(first, second, met):
    assert Subgroup.of(first) & Subgroup.of(second) == Subgroup.of(met)


@pytest.mark.parametrize("name", GROUPS)
def test_draws_lie_in_the_group_and_in_all_larger_ones(name):
    larger = [group for group in GROUPS.values() if GROUPS[name] <= group]
    for element in draws(GROUPS[name], 8):
        LorentzTransform.from_matrix(element.matrix)
        assert all(group.contains(element) for group in larger)


def test_draws_leave_smaller_and_other_groups():
    """Whenever one group is not contained in another, some of its draws are not either."""
    samples = {name: draws(group, 10, 1.5) for name, group in GROUPS.items()}
    for first, second in itertools.permutations(GROUPS, 2):
        if not GROUPS[first] <= GROUPS[second]:
            assert not all(GROUPS[second].contains(element) for element in samples[first]), (first, second)


@pytest.mark.parametrize("name", NONCOMPACT)
@pytest.mark.parametrize("rapidity", [0.5, 6.0])
def test_draws_are_as_strong_as_asked(name, rapidity):
    found = torch.tensor([element.rapidity for element in draws(GROUPS[name], 60, rapidity)])
    assert found.min() > 0.66 * rapidity
    assert found.max() < 1.34 * rapidity
    assert abs(found.median() - rapidity) < 0.15 * rapidity
    assert found.std() > 0.1 * rapidity


@pytest.mark.parametrize("name", [name for name in GROUPS if name != "1"])
def test_draws_are_never_near_the_identity(name):
    elements = draws(GROUPS[name], 100)
    assert min(map(distance_from_identity, elements)) > 0.04
    assert len(set(elements)) > 90 or GROUPS[name].dimension == 0


@pytest.mark.parametrize("name", GROUPS)
def test_draws_reach_all_components(name):
    group = GROUPS[name]
    found = {(element.is_proper, element.is_orthochronous) for element in draws(group, 60)}
    wanted = {(element.is_proper, element.is_orthochronous) for element in group.components}
    assert found == wanted
    assert group.components[-1] == LorentzTransform.identity()


def test_numbers_of_components():
    expected = {
        "O(1,3)": 4,
        "O+(1,3)": 2,
        "SO(1,3)": 2,
        "SO+(1,3)": 1,
        "O(3)": 2,
        "SO(1,1)xO(2)": 2,
        "O+(1,1)xO(2)": 4,
        "O(2)": 2,
    }
    expected |= {"E(2)_+": 2, "O(1,2)": 4, "SO+(1,2)": 1, "SO(2)": 1, "1": 1}
    assert {name: len(Subgroup.of(name).components) for name in expected} == expected


def test_rotations_of_every_axis_are_drawn():
    axes = torch.stack([element.matrix[1:, 1:] @ Z[1:] for element in draws(GROUPS["SO(3)"], 300)])
    assert axes.mean(0).abs().max() < 0.35
    directions = torch.stack([element.matrix[1:, 0] for element in draws(GROUPS["SO+(1,3)"], 300)])
    directions = directions / directions.norm(dim=1, keepdim=True)
    torch.testing.assert_close(directions.T @ directions / 300, torch.eye(3, dtype=torch.float64) / 3, rtol=0, atol=0.1)


def test_draws_follow_their_generator():
    for name in ("O(1,3)", "E(2)_-"):
        assert draws(GROUPS[name], 5) == draws(GROUPS[name], 5)
    assert LorentzTransform.random("SO+(1,3)", generator=torch.Generator().manual_seed(1)).rapidity > 1.9
    assert LorentzTransform.random(GROUPS["SO(3)"]).rapidity == 0.0
    assert LorentzTransform.random("1") == LorentzTransform.identity()


@pytest.mark.parametrize(
    ("name", "vectors", "rays"),
    [
        ("O(3)", [TIME], False),
        ("O(1,2)", [Z], False),
        ("O(1,2)_x", [X], False),
        ("O(1,2)_y", [5 * Y], False),
        ("E(2)_+", [BEAMS[0]], False),
        ("E(2)_-", [BEAMS[1]], False),
        ("O(2)", [TIME, Z], False),
        ("O(2)", list(BEAMS), False),
        ("O(2)", [ROOT * TIME + Z, ROOT * TIME - Z], False),
        ("O(2)", [TIME, BEAMS[0]], True),
        ("O(2)_x", [TIME, X], False),
        ("O(1,1)", [X, Y], False),
        ("SO(1,1)xO(2)", list(BEAMS), True),
        ("O(3)", [2 * TIME], True),
        ("O(1,3)", [], False),
        ("O(1,3)", [0 * TIME], True),
        ("1", [TIME, X, Y, Z], False),
    ],
)
def test_stabilisers(name, vectors, rays):
    group = Subgroup.stabiliser(torch.stack(vectors) if vectors else torch.zeros(0, 4), rays)
    assert str(group) == name
    for element in draws(group, 10, 2.0):
        for vector in vectors:
            moved = element.matrix @ vector
            if rays:
                moved, vector = moved / moved.norm().clamp_min(1e-9), vector / vector.norm().clamp_min(1e-9)
            torch.testing.assert_close(moved, vector, rtol=0, atol=1e-9 * (1 + vector.norm().item()))


def test_stabilisers_off_the_axes():
    boosted = LorentzTransform.boost([0.0, 0.0, 2.0]).matrix @ TIME
    massive_beam = torch.tensor([6500.0, 0, 0, math.sqrt(6500**2 - 0.938**2)], dtype=torch.float64)
    null_plane = Subgroup.stabiliser(torch.stack([BEAMS[0], X]))
    for vector in (boosted, massive_beam):
        group = Subgroup.stabiliser(vector)
        assert group.dimension == 3
        assert "conjugate of SO(3)" in str(group)
        assert group & GROUPS["O(3)"] == GROUPS["O(2)"]
    for element in draws(Subgroup.stabiliser(boosted), 10):
        torch.testing.assert_close(element.matrix @ boosted, boosted, rtol=0, atol=1e-10)
        assert distance_from_identity(element) > 0.04
    assert null_plane.dimension == 1
    assert str(null_plane) == "1-parameter subgroup with reflections"
    for element in draws(null_plane, 10):
        assert element.rapidity > 1.9
        torch.testing.assert_close(element.matrix @ BEAMS[0], BEAMS[0], rtol=0, atol=1e-9)
    assert str(Subgroup.stabiliser(torch.stack([TIME, X, Z]))) == "discrete subgroup with reflections"
    assert str(Subgroup.stabiliser(torch.tensor([1.0, 0.3, 0.4, 0.5]))) == "conjugate of SO(3)"


def test_scaling_of_references_does_not_matter():
    assert Subgroup.stabiliser(1e-12 * BEAMS) == Subgroup.stabiliser(1e12 * BEAMS) == GROUPS["O(2)"]


def test_membership():
    boost, turn = LorentzTransform.boost([0, 0, 2.0]), LorentzTransform.rotation([0, 0, 2.0])
    assert GROUPS["SO(1,1)xSO(2)"].contains(boost @ turn)
    assert not GROUPS["SO(2)"].contains(boost @ turn)
    assert not GROUPS["SO(3)"].contains(LorentzTransform.boost([0, 0, 1e-4]))
    assert GROUPS["SO(3)"].contains(LorentzTransform.rotation([0, 0, math.pi]) @ LorentzTransform.rotation([1e-3, 2.0, 0]))
    assert not GROUPS["SO+(1,3)"].contains(LorentzTransform.parity())
    assert GROUPS["O+(1,3)"].contains(LorentzTransform.parity())
    assert not GROUPS["O+(1,3)"].contains(LorentzTransform.time_reversal())
    assert GROUPS["E(2)_+"].contains(exponential(torch.tensor([0.0, 1.5, 0, 1.5, 0, 0], dtype=torch.float64)))
    assert not GROUPS["E(2)_-"].contains(exponential(torch.tensor([0.0, 1.5, 0, 1.5, 0, 0], dtype=torch.float64)))


def test_immutable():
    with pytest.raises(AttributeError):
        GROUPS["1"].algebra = GROUPS["O(1,3)"].algebra


def test_aliases_and_unknown_names():
    assert Subgroup.of("SO+(1,1)xSO(2)") == GROUPS["SO(1,1)xSO(2)"]
    assert Subgroup.of("trivial") == GROUPS["1"]
    with pytest.raises(ConfigError, match=r"unknown subgroup 'SO\(1,2\)_w' of O\(1,3\); did you mean") as caught:
        Subgroup.of("SO(1,2)_w")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="finite"):
        Subgroup.stabiliser([[1.0, 0, 0, math.inf]])


def test_subgroups_can_be_copied_and_pickled():
    for group in (Subgroup.of("O(3)"), Subgroup.stabiliser([[1.0, 0.0, 0.0, 1.0]])):
        for again in (copy.copy(group), copy.deepcopy(group), pickle.loads(pickle.dumps(group))):
            assert again == group
            assert hash(again) == hash(group)
