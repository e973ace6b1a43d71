r"""Layers on multivectors of Cl(1,3), components first: (16, channels, jets, particles).

The grades 0 ... 4 are irreps (scalar, vector, bivector, axial vector, pseudoscalar), so an equivariant linear map has one weight per
grade and pair of channels, and a positive norm needs the jet's time axis: with x^+ = u ~x u the Hermitian conjugate seen by the
observer u, :math:`|x|_u^2 = \langle x^+ x\rangle_0`, in the rest frame the plain sum of squares.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lorentznet.group.clifford import Multivectors
from lorentznet.nn.base import EquivariantModule, example_time
from lorentznet.nn.geometric_product import FORM, REVERSION, SPACETIME, vector_product

GRADE_DIMS = SPACETIME.grade_dims
"""Number of components of each grade, (1, 4, 6, 4, 1)."""


class MultivectorMixing(EquivariantModule):
    """y_m^(g) = sum_n W[g, m, n] x_n^(g), with a bias on the scalar component.

    Parameters
    ----------
    channels_in, channels_out
        Numbers of multivectors.
    bias
        Add a learned constant to the scalar component.
    """

    def __init__(self, channels_in: int, channels_out: int, bias: bool = False) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = Multivectors(channels_in), Multivectors(channels_out)
        self.weight = nn.Parameter(torch.randn(5, channels_out, channels_in) / channels_in**0.5)
        self.bias = nn.Parameter(torch.zeros(channels_out)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Mixed multivectors."""
        y = torch.bmm(per_component(self.weight), x.flatten(2)).view(16, -1, *x.shape[2:])
        if self.bias is not None:
            scalar = y[:1] + self.bias.view(1, -1, *[1] * (x.ndim - 2))
            y = torch.cat((scalar, y[1:]))
        return y

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """With and without bias."""
        return cls(3, 2), cls(2, 4, bias=True)


class MultivectorNorm(EquivariantModule):
    """Divide each grade of all channels by its root mean square rest-frame norm, with a learned gain per channel and grade.

    Parameters
    ----------
    channels
        Number of multivectors.
    epsilon
        Floor of the mean square.
    """

    def __init__(self, channels: int, epsilon: float = 1e-2) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = Multivectors(channels)
        self.epsilon = epsilon
        self.gain = nn.Parameter(torch.ones(5, channels))

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Normalised multivectors; ``time`` is u of each jet, shape (jets, 4), or None in the rest frame."""
        conjugate = x if time is None else hermitian_conjugate(x, time)
        grades = per_grade(x * conjugate)
        scale = (grades.mean(1, keepdim=True).clamp_min(0) + self.epsilon).rsqrt() * self.gain.view(5, -1, *[1] * (x.ndim - 2))
        return x * per_component(scale)

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Three channels."""
        return (cls(3),)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Multivectors and a boosted time axis."""
        return *super().example_inputs(generator), example_time(generator)


def per_grade(components: Tensor) -> Tensor:
    """Sum over the components of each grade: (16, ...) to (5, ...)."""
    return torch.stack([part.sum(0) for part in components.split(GRADE_DIMS)])


def per_component(grades: Tensor) -> Tensor:
    """One number per grade, (5, ...), handed to all its components, (16, ...).

    By expansion, not by an index: the gradient of an index is summed by parallel threads in an order that changes from run to run.
    """
    return torch.cat([part.expand(dim, *part.shape[1:]) for part, dim in zip(grades.split(1), GRADE_DIMS, strict=True)])


def hermitian_conjugate(x: Tensor, time: Tensor) -> Tensor:
    """Components y_A with sum_A y_A x_A = |x|_u^2, grade by grade; ``time`` has shape (jets, 4), x (16, channels, jets, particles)."""
    u = time.T[:, None, :, None]
    signs = FORM.like(x).view(-1, *[1] * (x.ndim - 1))
    reverse = REVERSION.like(x).view(-1, *[1] * (x.ndim - 1))
    # <x^+ x>_0 = b(~x^+, x) with ~x^+ = u x u; a vector stands on the left of each product by u x u = ~(u ~(u x)).
    return signs * reverse * vector_product(u, reverse * vector_product(u, x))
