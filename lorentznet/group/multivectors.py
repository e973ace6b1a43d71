"""The law by which multivectors change under Lorentz transforms."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lorentznet.errors import ConfigError
from lorentznet.group.clifford import SPACETIME, CliffordAlgebra
from lorentznet.group.irrep import apply_matrix
from lorentznet.group.transform import LorentzTransform


@dataclass(frozen=True)
class Multivectors:
    """The law of a tensor of multivectors, components first: shape (dim, channels, ...).

    Attributes
    ----------
    channels
        Number of channels, the second axis.
    algebra
        The Clifford algebra, Cl(1,3) by default.
    grades
        Grades that the components belong to, in ascending order; all if None.
    """

    channels: int = 1
    algebra: CliffordAlgebra = SPACETIME
    grades: tuple[int, ...] | None = None

    @property
    def dim(self) -> int:
        """Number of components of one multivector."""
        dims = self.algebra.grade_dims
        return sum(dims if self.grades is None else (dims[grade] for grade in self.grades))

    def random(self, shape: tuple[int, ...] = (), generator: torch.Generator | None = None) -> Tensor:
        """Normal components of unit variance, float64, shape (dim, channels, *shape)."""
        return torch.randn(self.dim, self.channels, *shape, dtype=torch.float64, generator=generator)

    def act(self, transform: LorentzTransform, x: Tensor) -> Tensor:
        """Transform the first axis of ``x``, shape (dim, channels, ...); dtype and device are kept."""
        if x.shape[:2] != (self.dim, self.channels):
            raise ConfigError(f"multivectors are (components {self.dim}, channels {self.channels}, ...); got {tuple(x.shape)}")
        return apply_matrix(self.algebra.matrix(transform, self.grades), x.movedim(0, -1)).movedim(-1, 0)
