"""Random Lorentz transforms for tests, and the proof that they are strong.

A symmetry test is blind if its transforms are close to the identity. Every clause that draws transforms has them checked here.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lorentznet.group.subgroup import Subgroup
from lorentznet.group.transform import LorentzTransform
from lorentznet.testing.measure import require

RAPIDITY = 3.0
"""Typical rapidity of the boosts; the strongest are beyond it."""


def strong_transforms(group: Subgroup, number: int, rapidity: float = RAPIDITY, seed: int = 0) -> list[LorentzTransform]:
    """Random elements of a group, shown to be strong by :func:`check_strong`.

    Parameters
    ----------
    group
        A subgroup of O(1,3); the trivial one gives identities, unchecked.
    number
        How many transforms.
    rapidity
        Typical rapidity of the boosts, where the group has any.
    seed
        Seed of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    transforms = [group.random(rapidity, generator) for _ in range(number)]
    if group != Subgroup.of("1"):
        check_strong(transforms, group, rapidity)
    return transforms


def check_strong(transforms: Sequence[LorentzTransform], group: Subgroup, rapidity: float = RAPIDITY) -> dict[str, float]:
    r"""None is near the identity; boosts have the rapidity asked for, rotations large angles, and reflections do occur.

    The strength of a transform is the largest element of :math:`|\Lambda - 1|`: about 1 for a large rotation,
    2 for a reflection, sinh of the rapidity for a boost.

    Parameters
    ----------
    transforms
        At least four draws.
    group
        Where they come from.
    rapidity
        The rapidity asked for.

    Returns
    -------
    dict
        ``weakest`` (the least strength), ``median_rapidity`` and ``largest_rapidity``.

    Raises
    ------
    AssertionError
        If the draws are weak.
    """
    if len(transforms) < 4:
        raise ValueError(f"the strength of a sample needs at least 4 transforms, got {len(transforms)}")
    identity = torch.eye(4, dtype=torch.float64)
    weakest = min(float((transform.matrix - identity).abs().max()) for transform in transforms)
    rapidities = torch.tensor([transform.rapidity for transform in transforms], dtype=torch.float64)
    median, largest = float(rapidities.median()), float(rapidities.max())
    require("check_strong", "weakness (1 / distance from the identity) of the weakest transform", 1 / max(weakest, 1e-300), 10.0)
    if _has_boosts(group):
        require("check_strong", f"asked rapidity {rapidity:g} over the median one", rapidity / max(median, 1e-300), 1.5)
        if len(transforms) >= 16:
            require("check_strong", f"asked rapidity {rapidity:g} over the largest one", rapidity / max(largest, 1e-300), 1.0)
    for what, drawn, held in (
        (
            "improper",
            {transform.is_proper for transform in transforms},
            {sign[0] * sign[1] * sign[2] * sign[3] for sign in group.reflections},
        ),
        ("time-reversing", {transform.is_orthochronous for transform in transforms}, {sign[0] for sign in group.reflections}),
    ):
        if len(held) == 2 and len(transforms) >= 16 and len(drawn) < 2:
            raise AssertionError(f"check_strong: {group} has {what} elements, but {len(transforms)} draws hold only one kind")
    return {"weakest": weakest, "median_rapidity": median, "largest_rapidity": largest}


def stacked(transforms: Sequence[LorentzTransform]) -> Tensor:
    """Matrices of transforms, shape (number, 4, 4), float64."""
    return torch.stack([transform.matrix for transform in transforms])


def _has_boosts(group: Subgroup) -> bool:
    """True if the group holds pure boosts along some axis."""
    rotations = Subgroup.of("O(3)")
    return (group & rotations).dimension < group.dimension
