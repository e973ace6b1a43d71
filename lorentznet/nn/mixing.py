r"""Linear maps that commute with the Lorentz group: channels of one irrep are mixed among themselves.

By Schur's lemma an equivariant linear map between irreps is a multiple of the identity, so per irrep

.. math:: y_m = \sum_n W_{mn}\, x_n \;(+\, b_m \text{ for scalars}).

A pair (k,n)+(n,k) is of complex type: its commutant is spanned by 1 and the Hodge star, and the map may be a + b*, with the star
odd under parity.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lorentznet.group.irreps import Irrep, IrrepPair, Irreps
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.constant import Constant

SCALAR = Irrep(0, 0)


class IrrepMixing(EquivariantModule):
    """Mix channels within each irrep.

    Parameters
    ----------
    irreps_in
        Terms of the input; several terms of the same irrep are mixed together.
    irreps_out
        Terms of the output. An irrep that the input lacks gives zeros.
    bias
        Add a learned constant to scalar outputs.
    hodge
        Allow the Hodge star for pairs (k,n)+(n,k); the layer then commutes with proper transforms only.
    """

    def __init__(self, irreps_in: Irreps, irreps_out: Irreps, bias: bool = True, hodge: bool = False) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = irreps_in, irreps_out
        self.sources = [[n for n, (_, given) in enumerate(irreps_in) if given == wanted] for _, wanted in irreps_out]
        self.weights = nn.ParameterList()
        self.stars = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        self.hodges: dict[str, Constant] = {}
        self.parity = True
        for term, (mult, irrep) in enumerate(irreps_out):
            fan_in = sum(irreps_in.terms[n][0] for n in self.sources[term])
            self.weights.append(nn.Parameter(torch.randn(mult, fan_in) / max(fan_in, 1) ** 0.5))
            if bias and irrep == SCALAR:
                self.biases[str(term)] = nn.Parameter(torch.zeros(mult))
            if hodge and isinstance(irrep, IrrepPair) and fan_in:
                self.parity = False
                self.stars[str(term)] = nn.Parameter(torch.randn(mult, fan_in) / fan_in**0.5)
                self.hodges[str(term)] = Constant(irrep.hodge.T.contiguous())

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Mixed features; each tensor is (multiplicity, ..., dim)."""
        return [self._mix(term, features) for term in range(len(self.sources))]

    def _mix(self, term: int, features: Sequence[Tensor]) -> Tensor:
        weight, sources = self.weights[term], self.sources[term]
        if not sources:
            dim = self.irreps_out.terms[term][1].dim
            return features[0].new_zeros((weight.shape[0], *features[0].shape[1:-1], dim))
        x = features[sources[0]] if len(sources) == 1 else torch.cat([features[n] for n in sources])
        y = (weight @ x.flatten(1)).view(weight.shape[0], *x.shape[1:])
        if str(term) in self.stars:
            starred = x @ self.hodges[str(term)].like(x)
            y = y + (self.stars[str(term)] @ starred.flatten(1)).view_as(y)
        if str(term) in self.biases:
            y = y + self.biases[str(term)].view(-1, *[1] * (y.ndim - 1))
        return y

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """With and without the star, with split terms and a missing irrep."""
        wide = Irreps("3x(0,0)+2x(1,1)+2x((2,0)+(0,2))+1x(2,2)+2x(0,0)")
        return (
            cls(wide, Irreps("4x(0,0)+3x(1,1)+1x((2,0)+(0,2))+2x(2,2)")),
            cls(wide, Irreps("2x(1,1)+2x((2,0)+(0,2))+1x(3,3)"), hodge=True),
        )
