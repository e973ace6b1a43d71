r"""Layers on multivectors of Cl(1,3), components first: (components, channels, jets, particles).

The grades 0 ... 4 are irreps (scalar, vector, bivector, axial vector, pseudoscalar), so an equivariant linear map has one weight per
grade and pair of channels, and a positive norm needs the jet's time axis: with x^+ = u ~x u the Hermitian conjugate seen by the
observer u, :math:`|x|_u^2 = \langle x^+ x\rangle_0`, in the rest frame the plain sum of squares. A network may keep some grades only:
its multivectors then have the components of these, 5 for scalars and vectors, 11 with bivectors, 16 for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lorentznet.group.multivectors import Multivectors
from lorentznet.nn.base import EquivariantModule, example_time
from lorentznet.nn.constant import Constant
from lorentznet.nn.geometric_product import ALL, FORM, REVERSION, SPACETIME, vector_product


@dataclass(frozen=True)
class Grades:
    """The grades that multivectors consist of: scalars and vectors, and any of the others.

    Attributes
    ----------
    kept
        Ascending numbers from 0 to 4.
    dims
        Number of components of each grade.
    blades
        Components, numbered as in the full algebra.
    form
        Signs of the invariant form, one a component.

    Raises
    ------
    ValueError
        If the scalars (0) or the vectors (1) are missing, or a number is not a grade.

    Examples
    --------
    >>> Grades((0, 1, 2)).blades
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    """

    kept: tuple[int, ...] = (0, 1, 2, 3, 4)
    # made at once: torch.compile cannot look into the lock of a cached property
    dims: tuple[int, ...] = field(init=False, repr=False, compare=False)
    blades: tuple[int, ...] = field(init=False, repr=False, compare=False)
    form: Constant = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kept[:2] != (0, 1) or sorted(set(self.kept)) != list(self.kept) or self.kept[-1] > 4:
            raise ValueError(f"grades are 0, 1 and any of 2, 3, 4 in ascending order, got {', '.join(map(str, self.kept))}")
        blades = tuple(blade for blade in ALL if SPACETIME.blades[blade].bit_count() in self.kept)
        object.__setattr__(self, "dims", tuple(SPACETIME.grade_dims[grade] for grade in self.kept))
        object.__setattr__(self, "blades", blades)
        object.__setattr__(self, "form", Constant(FORM.value[list(blades)]))

    def law(self, channels: int) -> Multivectors:
        """How so many channels transform."""
        return Multivectors(channels, grades=self.kept)

    def sums(self, components: Tensor) -> Tensor:
        """Sum over the components of each grade: (components, ...) to (grades, ...)."""
        return torch.stack([part.sum(0) for part in components.split(self.dims)])

    def squares(self, x: Tensor) -> Tensor:
        """The invariant q of each grade: (components, ...) to (grades, ...)."""
        return self.sums(self.form.like(x).view(-1, *[1] * (x.ndim - 1)) * x.square())

    def mixed(self, weight: Tensor, x: Tensor) -> Tensor:
        """Channels mixed grade by grade: weights (grades, out, in) on (components, in, ...)."""
        return torch.bmm(self.spread(weight), x.flatten(2)).view(x.shape[0], weight.shape[1], *x.shape[2:])

    def spread(self, values: Tensor) -> Tensor:
        """One number per grade, (grades, ...), handed to all its components, (components, ...).

        By expansion, not by an index: the gradient of an index is summed by parallel threads in an order that changes from run to run.
        """
        return torch.cat([part.expand(dim, *part.shape[1:]) for part, dim in zip(values.split(1), self.dims, strict=True)])


ALL_GRADES = Grades()


class MultivectorMixing(EquivariantModule):
    """y_m^(g) = sum_n W[g, m, n] x_n^(g), with a bias on the scalar component.

    Parameters
    ----------
    channels_in, channels_out
        Numbers of multivectors.
    bias
        Add a learned constant to the scalar component.
    grades
        What the multivectors consist of.
    """

    def __init__(self, channels_in: int, channels_out: int, bias: bool = False, grades: Grades = ALL_GRADES) -> None:
        super().__init__()
        self.grades = grades
        self.irreps_in, self.irreps_out = grades.law(channels_in), grades.law(channels_out)
        self.weight = nn.Parameter(torch.randn(len(grades.kept), channels_out, channels_in) / channels_in**0.5)
        self.bias = nn.Parameter(torch.zeros(channels_out)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Mixed multivectors."""
        y = self.grades.mixed(self.weight, x)
        if self.bias is not None:
            scalar = y[:1] + self.bias.view(1, -1, *[1] * (x.ndim - 2))
            y = torch.cat((scalar, y[1:]))
        return y

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """With and without bias; without axial vectors and pseudoscalars."""
        return cls(3, 2), cls(2, 4, bias=True), cls(3, 2, grades=Grades((0, 1, 2)))


class MultivectorNorm(EquivariantModule):
    """Divide each grade of all channels by its root mean square rest-frame norm, with a learned gain per channel and grade.

    Parameters
    ----------
    channels
        Number of multivectors.
    epsilon
        Floor of the mean square.
    grades
        What the multivectors consist of.
    """

    def __init__(self, channels: int, epsilon: float = 1e-2, grades: Grades = ALL_GRADES) -> None:
        super().__init__()
        self.grades = grades
        self.irreps_in = self.irreps_out = grades.law(channels)
        self.epsilon = epsilon
        self.gain = nn.Parameter(torch.ones(len(grades.kept), channels))

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Normalised multivectors; ``time`` is u of each jet, shape (jets, 4), or None in the rest frame."""
        conjugate = x if time is None else hermitian_conjugate(x, time, self.grades)
        squares = self.grades.sums(x * conjugate)
        gain = self.gain.view(*self.gain.shape, *[1] * (x.ndim - 2))
        scale = (squares.mean(1, keepdim=True).clamp_min(0) + self.epsilon).rsqrt() * gain
        return x * self.grades.spread(scale)

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """All grades, and scalars and vectors."""
        return cls(3), cls(2, grades=Grades((0, 1)))

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Multivectors and a boosted time axis."""
        return *super().example_inputs(generator), example_time(generator)


def hermitian_conjugate(x: Tensor, time: Tensor, grades: Grades = ALL_GRADES) -> Tensor:
    """Components y_A with sum_A y_A x_A = |x|_u^2, grade by grade.

    Parameters
    ----------
    x
        Multivectors of these grades, shape (components, channels, jets, particles).
    time
        u of each jet, shape (jets, 4).
    grades
        What the multivectors consist of.
    """
    if grades != ALL_GRADES:  # u x u has the grades of x, but u x has others
        blades = torch.tensor(grades.blades, device=x.device)
        return hermitian_conjugate(x.new_zeros((16, *x.shape[1:])).index_copy(0, blades, x), time)[blades]
    u = time.T[:, None, :, None]
    signs = FORM.like(x).view(-1, *[1] * (x.ndim - 1))
    reverse = REVERSION.like(x).view(-1, *[1] * (x.ndim - 1))
    # <x^+ x>_0 = b(~x^+, x) with ~x^+ = u x u; a vector stands on the left of each product by u x u = ~(u ~(u x)).
    return (signs * reverse * vector_product(u, reverse * vector_product(u, x))).to(x)
