r"""Gates and the update of the scalars: where an equivariant network is non-linear beyond its products.

A tensor may be multiplied by any function of invariants, :math:`x_c \to g_c(s)\, x_c`, which commutes with every transform; scalars may be
replaced by any function of invariants.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lorentznet.group.irreps import Irrep, Irreps
from lorentznet.nn.base import EquivariantModule, example_time
from lorentznet.nn.invariants import IrrepInvariants
from lorentznet.nn.mixing import SCALAR


class ScalarGate(EquivariantModule):
    r"""Multiply every channel by :math:`2\sigma(a_c \cdot s + b_c)`, a number between 0 and 2.

    Parameters
    ----------
    irreps
        Terms of the features.
    scalars
        Number of scalars s that gate them.
    """

    def __init__(self, irreps: Irreps, scalars: int) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = irreps
        self.scalars = scalars
        self.mults = [mult for mult, _ in irreps]
        self.linear = nn.Linear(scalars, sum(self.mults))

    def forward(self, features: Sequence[Tensor], scalars: Tensor) -> list[Tensor]:
        """Gated features; ``scalars`` has the shape (scalars, jets, particles, 1)."""
        gates = 2 * torch.sigmoid(self.linear.weight @ scalars.flatten(1) + self.linear.bias[:, None])
        split = gates.view(sum(self.mults), *scalars.shape[1:]).split(self.mults)
        return [gate * feature for gate, feature in zip(split, features, strict=True)]

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """All irreps up to maxdim 3."""
        return (cls(Irreps("3x(0,0)+2x(1,1)+1x((2,0)+(0,2))+2x(2,2)"), 4),)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features and scalars."""
        law = Irreps([(self.scalars, SCALAR)])
        return *super().example_inputs(generator), (law.random((2, 5), generator)[0], Irrep(0, 0))


class InvariantGate(EquivariantModule):
    r"""An MLP of the invariants of a particle: its first outputs are new scalars, the others gates :math:`\sigma(\cdot)` of the tensors.

    The invariants are the scalars, asinh of the square of every tensor and of the energy of every vector in the jet's rest frame, see
    :class:`~lorentznet.nn.invariants.IrrepInvariants`.

    Parameters
    ----------
    irreps
        Terms of the features; the first must be the scalars.
    width
        Hidden units.
    """

    def __init__(self, irreps: Irreps, width: int) -> None:
        super().__init__()
        if irreps.terms[0][1] != SCALAR:
            raise ValueError(f"the first term of a gate must be the scalars (0,0), got {irreps}")
        self.irreps_in = self.irreps_out = irreps
        self.mults = [mult for mult, _ in irreps]
        self.invariants = IrrepInvariants(irreps)
        self.mlp = nn.Sequential(nn.Linear(self.invariants.count, width), nn.SiLU(), nn.Linear(width, sum(self.mults)))

    def forward(self, features: Sequence[Tensor], time: Tensor | None = None) -> list[Tensor]:
        """Gated features; ``time`` is u of each jet, shape (jets, 4), or None in the rest frame."""
        invariants = self.invariants(features, time)
        scalars, *gates = self.mlp(invariants.movedim(0, -1)).movedim(-1, 0)[..., None].split(self.mults)
        return [scalars, *(torch.sigmoid(gate) * tensor for gate, tensor in zip(gates, features[1:], strict=True))]

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Scalars alone, and with tensors."""
        return cls(Irreps("4x(0,0)"), 8), cls(Irreps("3x(0,0)+2x(1,1)+1x((2,0)+(0,2))+2x(2,2)"), 8)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features and a boosted time axis."""
        return *super().example_inputs(generator), example_time(generator)
