"""Random Lorentz transforms, one for each jet, made in extended precision where the machine has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lorentznet.data.batch import JetBatch

Matrices = NDArray[np.floating[Any]]
"""Transforms, one for each jet, shape (jets, 4, 4)."""


def boosts(gamma: float, axes: Matrices) -> Matrices:
    r"""Pure boosts of one gamma along unit vectors.

    .. math:: \Lambda^0{}_0 = \gamma, \quad \Lambda^0{}_i = \Lambda^i{}_0 = n_i \sinh y, \quad
              \Lambda^i{}_j = \delta_{ij} + (\gamma - 1) n_i n_j, \qquad \sinh y = \sqrt{(\gamma - 1)(\gamma + 1)}

    Parameters
    ----------
    gamma
        At least 1.
    axes
        Unit vectors n, shape (jets, 3); the result has their dtype.
    """
    g = axes.dtype.type(gamma)
    result = np.zeros((len(axes), 4, 4), axes.dtype)
    result[:, 0, 0] = g
    result[:, 0, 1:] = result[:, 1:, 0] = np.sqrt((g - 1) * (g + 1)) * axes
    result[:, 1:, 1:] = np.eye(3, dtype=axes.dtype) + (g - 1) * axes[:, :, None] * axes[:, None]
    return result


def inverse(matrices: Matrices) -> Matrices:
    r"""Inverse transforms, :math:`\eta\Lambda^T\eta`, without a solve."""
    metric = np.diag(np.array([1, -1, -1, -1], matrices.dtype))
    return metric @ np.swapaxes(matrices, -1, -2) @ metric


def to_rest(momenta: Matrices) -> Matrices:
    r"""Pure boosts to the rest frames of time-like momenta: with u = p / m and g = u^0,

    .. math:: \Lambda^0{}_0 = g, \quad \Lambda^0{}_i = \Lambda^i{}_0 = -u_i, \quad \Lambda^i{}_j = \delta_{ij} + u_i u_j / (1 + g) .

    Parameters
    ----------
    momenta
        Shape (jets, 4); the result has their dtype.
    """
    u = momenta / np.sqrt(momenta[:, 0] ** 2 - (momenta[:, 1:] ** 2).sum(1))[:, None]
    result = np.zeros((len(u), 4, 4), u.dtype)
    result[:, 0, 0] = u[:, 0]
    result[:, 0, 1:] = result[:, 1:, 0] = -u[:, 1:]
    result[:, 1:, 1:] = np.eye(3, dtype=u.dtype) + u[:, 1:, None] * u[:, None, 1:] / (1 + u[:, 0])[:, None, None]
    return result


def transformed(batch: JetBatch, matrices: Matrices) -> JetBatch:
    """The jets seen from another frame each: transformed in extended precision, rounded to float64 once; references along with them."""
    p4 = (matrices[batch.batch.numpy()] @ batch.p4.numpy().astype(matrices.dtype)[..., None])[..., 0]
    references = None
    if "references" in batch:
        extended = batch.references.numpy().astype(matrices.dtype)
        references = torch.from_numpy((matrices[:, None] @ extended[..., None])[..., 0].astype(np.float64))
    return batch.with_momenta(torch.from_numpy(p4.astype(np.float64)), references)


def _normalised(vectors: NDArray[np.float64]) -> Matrices:
    extended = vectors.astype(np.longdouble)
    return extended / np.sqrt((extended**2).sum(-1, keepdims=True))


def _random_boosts(gamma: float, jets: int, random: np.random.Generator) -> Matrices:
    return boosts(gamma, _normalised(random.normal(size=(jets, 3))))


def _beam_boosts(gamma: float, jets: int, random: np.random.Generator) -> Matrices:
    sign = random.choice([-1.0, 1.0], size=jets)
    return boosts(gamma, _normalised(np.stack((0 * sign, 0 * sign, sign), -1)))


def _transverse_boosts(gamma: float, jets: int, random: np.random.Generator) -> Matrices:
    return boosts(gamma, _normalised(np.concatenate((random.normal(size=(jets, 2)), np.zeros((jets, 1))), -1)))


def _rotations(gamma: float, jets: int, random: np.random.Generator) -> Matrices:
    """Uniform over SO(3), from uniform unit quaternions."""
    w, x, y, z = np.moveaxis(_normalised(random.normal(size=(jets, 4))), -1, 0)
    result = np.zeros((jets, 4, 4), w.dtype)
    result[:, 0, 0] = 1
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    result[:, 1:, 1:] = np.moveaxis(np.array(rows), -1, 0)
    return result


def _reflections(gamma: float, jets: int, random: np.random.Generator) -> Matrices:
    return np.broadcast_to(np.diag(np.array([1, -1, -1, -1], np.longdouble)), (jets, 4, 4))


TRANSFORMATIONS: dict[str, Callable[[float, int, np.random.Generator], Matrices]] = {
    "boost": _random_boosts,
    "boost_z": _beam_boosts,
    "boost_transverse": _transverse_boosts,
    "rotation": _rotations,
    "reflection": _reflections,
}
"""Random transforms by name: a function of gamma, the number of jets and a generator."""

WITHOUT_GAMMA = frozenset({"rotation", "reflection"})
"""Transformations that have no gamma: they are measured once, under the key "1"."""
