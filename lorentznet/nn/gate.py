r"""Gates: the only non-linearity that tensors can have channel by channel.

Scalars pass through an MLP's activation; a tensor is multiplied by a scalar function of the scalars,
:math:`x_c \to \sigma(a_c\cdot s + b_c)\, x_c`, which commutes with every transform.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lorentznet.group.irreps import Irreps
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.mixing import SCALAR


class Gate(EquivariantModule):
    """SiLU on scalars, sigmoid gates made from the scalars on everything else.

    Parameters
    ----------
    irreps
        Terms of the features; the first must be the scalars.
    """

    def __init__(self, irreps: Irreps) -> None:
        super().__init__()
        if irreps.terms[0][1] != SCALAR:
            raise ValueError(f"the first term of a gate must be the scalars (0,0), got {irreps}")
        self.irreps_in = self.irreps_out = irreps
        self.mults = [mult for mult, _ in irreps.terms[1:]]
        self.linear = nn.Linear(irreps.terms[0][0], sum(self.mults)) if self.mults else None

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Gated features."""
        scalars, *tensors = features
        if self.linear is None:
            return [functional.silu(scalars)]
        flat = self.linear.weight @ scalars.flatten(1) + self.linear.bias[:, None]
        gates = torch.sigmoid(flat).view(-1, *scalars.shape[1:]).split(self.mults)
        return [functional.silu(scalars), *(gate * tensor for gate, tensor in zip(gates, tensors, strict=True))]

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Scalars alone, and with tensors."""
        return cls(Irreps("4x(0,0)")), cls(Irreps("3x(0,0)+2x(1,1)+1x((2,0)+(0,2))+2x(2,2)"))
