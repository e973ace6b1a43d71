r"""Normalisation by a norm that is positive definite *and* covariant.

The invariant form of a Lorentz irrep is indefinite, so no invariant norm of a single feature exists. A jet has a time axis of its
own, though, u = P/M, and the Euclidean norm in the rest frame

.. math:: |x|_u^2 = |D(\Lambda_u)\, x|^2

is unchanged when x and u are transformed together. Behind the rest-frame front end it is
the plain Euclidean norm.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lorentznet.group.irreps import Irrep, Irreps
from lorentznet.group.lie import matrix_exponential
from lorentznet.nn.base import EquivariantModule, example_time
from lorentznet.nn.kinematics import safe_norm


def rest_boost(irrep: Irrep, time: Tensor) -> Tensor:
    """D(Lambda_u), the boost to the rest frame, a symmetric matrix.

    Parameters
    ----------
    irrep
        A real irrep (or pair).
    time
        u, shape (..., 4), time-like with u^2 = 1.

    Returns
    -------
    Tensor, shape (..., dim, dim)
    """
    length = safe_norm(time[..., 1:])
    rapidity = torch.asinh(length) / torch.where(length > 0, length, 1)
    generator = torch.einsum("...i,iab->...ab", time[..., 1:] * rapidity[..., None], irrep.generators()[:3].real.to(time))
    return matrix_exponential(-generator)


def rest_square(x: Tensor, irrep: Irrep, time: Tensor | None) -> Tensor:
    """|x|_u^2 of features (channels, jets, particles, dim); ``time`` is (jets, 4), or None in the rest frame."""
    if time is None or irrep.dim == 1:
        return x.square().sum(-1)
    # Not x^T D(Lambda_u^2) x: its terms, larger by the square of the boost, cancel, and rounding may leave less than zero.
    return (x @ rest_boost(irrep, time)).square().sum(-1)


class RestFrameNorm(EquivariantModule):
    """Divide each irrep's channels by their root mean square rest-frame norm.

    y_c = g_c x_c / sqrt(mean_c |x_c|_u^2 + epsilon), with a learned gain per channel. A feature that vanishes stays zero with a
    finite gradient.

    Parameters
    ----------
    irreps
        Terms of the features, in and out.
    epsilon
        Floor of the mean square.
    """

    def __init__(self, irreps: Irreps, epsilon: float = 1e-2) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = irreps
        self.epsilon = epsilon
        self.gains = nn.ParameterList(nn.Parameter(torch.ones(mult)) for mult, _ in irreps)

    def forward(self, features: Sequence[Tensor], time: Tensor | None = None) -> list[Tensor]:
        """Normalised features; ``time`` is u of each jet, shape (jets, 4), or None in the rest frame."""
        normalised = []
        for x, gain, (_, irrep) in zip(features, self.gains, self.irreps_in, strict=True):
            mean_square = rest_square(x, irrep, time).mean(0)
            scale = (mean_square + self.epsilon).rsqrt()
            normalised.append(x * scale[None, ..., None] * gain.view(-1, *[1] * (x.ndim - 1)))
        return normalised

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """One of each irrep up to maxdim 3."""
        return (cls(Irreps("3x(0,0)+2x(1,1)+2x((2,0)+(0,2))+1x(2,2)")),)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features and a boosted time axis."""
        return *super().example_inputs(generator), example_time(generator)
