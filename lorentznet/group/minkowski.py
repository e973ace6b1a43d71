"""The one convention of the package: metric (+, -, -, -), component order (E, px, py, pz), GeV.

Every reader converts to it, every layer relies on it. The products below are written out term by term, so that no matrix
unit with a reduced mantissa (TF32) and no autocast ever touches them.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

SIGNATURE: tuple[float, float, float, float] = (1.0, -1.0, -1.0, -1.0)
"""Diagonal of the metric in the order (E, px, py, pz)."""

METRIC: Tensor = torch.diag(torch.tensor(SIGNATURE, dtype=torch.float64))
"""The metric as a (4, 4) float64 matrix; not to be modified in place."""

FourVectors = TypeVar("FourVectors", Tensor, npt.NDArray[np.floating])


def minkowski_dot(a: FourVectors, b: FourVectors) -> FourVectors:
    r"""Minkowski product :math:`a\cdot b = a^0 b^0 - \vec a\cdot\vec b`.

    Parameters
    ----------
    a, b
        Four-vectors (E, px, py, pz) on the last axis, tensors or numpy arrays; leading axes broadcast.

    Returns
    -------
    Products in the unit of a times the unit of b (GeV² for momenta), shape of the broadcast leading axes.

    Notes
    -----
    For nearly collinear momenta of small mass the terms cancel: the relative error is the rounding unit times
    :math:`E_a E_b / (a\cdot b)`. Use the pair invariants of :mod:`lorentznet.nn.frame` there.

    Examples
    --------
    >>> import torch
    >>> minkowski_dot(torch.tensor([5.0, 0.0, 0.0, 3.0]), torch.tensor([2.0, 0.0, 0.0, -1.0])).item()
    13.0
    """
    return a[..., 0] * b[..., 0] - a[..., 1] * b[..., 1] - a[..., 2] * b[..., 2] - a[..., 3] * b[..., 3]


def minkowski_square(a: FourVectors) -> FourVectors:
    r"""Minkowski square :math:`a\cdot a`, the squared mass (GeV²) of a momentum.

    Parameters
    ----------
    a
        Four-vectors (E, px, py, pz) on the last axis, a tensor or a numpy array.

    Examples
    --------
    >>> import numpy as np
    >>> float(minkowski_square(np.array([5.0, 0.0, 0.0, 3.0])))
    16.0
    """
    return minkowski_dot(a, a)
