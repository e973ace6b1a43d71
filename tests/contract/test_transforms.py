"""The random transforms of the contract are strong, and weak ones are noticed."""

import pytest
import torch

from lorentznet.group.subgroup import Subgroup, subgroup_names
from lorentznet.group.transform import LorentzTransform
from lorentznet.testing import check_strong, check_symmetry, strong_transforms
from lorentznet.testing.transforms import RAPIDITY

WITH_BOOSTS = ["O(1,3)", "O+(1,3)", "SO(1,3)", "SO+(1,3)", "O+(1,1)xO(2)", "SO(1,1)xO(2)", "SO(1,1)xSO(2)", "O+(1,2)"]


@pytest.mark.parametrize("name", WITH_BOOSTS)
def test_boosts_have_the_rapidity_asked_for(name: str) -> None:
    rapidities = torch.tensor([transform.rapidity for transform in strong_transforms(Subgroup.of(name), 100, seed=5)])
    low, median, high = rapidities.quantile(torch.tensor([0.05, 0.5, 0.95])).tolist()
    assert low > 0.6 * RAPIDITY
    assert 0.85 * RAPIDITY < median < 1.15 * RAPIDITY
    assert high > 1.2 * RAPIDITY


@pytest.mark.parametrize("name", [name for name in subgroup_names() if name != "1"])
def test_no_transform_is_near_the_identity_and_all_are_in_the_group(name: str) -> None:
    group = Subgroup.of(name)
    transforms = strong_transforms(group, 16, rapidity=1.5, seed=7)
    distances = [float((transform.matrix - torch.eye(4, dtype=torch.float64)).abs().max()) for transform in transforms]
    assert min(distances) > 0.04  # 1 - cos 0.3, the smallest rotation
    assert all(group.contains(transform, tolerance=1e-6) for transform in transforms)


def test_rotations_are_large() -> None:
    angles = [float(torch.acos((transform.matrix.trace() - 2) / 2)) for transform in strong_transforms(Subgroup.of("SO(3)"), 200)]
    assert min(angles) > 0.25
    assert torch.tensor(angles).median() > 1.0


def test_reflections_are_drawn() -> None:
    transforms = strong_transforms(Subgroup.of("O(1,3)"), 64)
    kinds = {(transform.is_proper, transform.is_orthochronous) for transform in transforms}
    assert len(kinds) == 4


class _Sampler(Subgroup):
    """SO+(1,3), drawn badly."""

    def __init__(self, draw: object) -> None:
        whole = Subgroup.of("SO+(1,3)")
        super().__init__(whole.algebra, whole.reflections)
        _Sampler.draw = draw

    def random(self, rapidity: float = 3.0, generator: torch.Generator | None = None) -> LorentzTransform:
        return _Sampler.draw(rapidity, generator)


@pytest.mark.parametrize(
    ("draw", "complaint"),
    [
        (lambda rapidity, generator: LorentzTransform.identity(), "weakest"),
        (lambda rapidity, generator: LorentzTransform.random("SO+(1,3)", 0.05, generator), "median"),
        (lambda rapidity, generator: LorentzTransform.random("SO(3)", rapidity, generator), "median"),
        (lambda rapidity, generator: LorentzTransform.boost([0.0, 0.0, 0.8 * rapidity]), "largest"),
    ],
    ids=["identity", "weak boosts", "rotations only", "short of the rapidity"],
)
def test_weak_samplers_are_noticed(draw: object, complaint: str) -> None:
    with pytest.raises(AssertionError, match=rf"check_strong: .*{complaint}"):
        strong_transforms(_Sampler(draw), 32)


def test_a_sampler_without_reflections_is_noticed() -> None:
    proper = [LorentzTransform.random("SO+(1,3)", generator=torch.Generator().manual_seed(k)) for k in range(32)]
    with pytest.raises(AssertionError, match="improper"):
        check_strong(proper, Subgroup.of("O+(1,3)"))


def test_the_symmetry_clause_checks_its_own_transforms() -> None:
    from lorentznet import taggers

    weak = _Sampler(lambda rapidity, generator: LorentzTransform.random("SO+(1,3)", 0.05, generator))
    with pytest.raises(AssertionError, match="check_strong"):
        check_symmetry(taggers.create("cg", "tiny", seed=0), group=weak)


def test_too_few_transforms_prove_nothing() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        check_strong([LorentzTransform.identity()], Subgroup.of("SO+(1,3)"))
