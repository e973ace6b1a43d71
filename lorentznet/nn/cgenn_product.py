r"""Products and norm of the CGENN: geometric products with one weight per grade path, and the published layer norm.

With :math:`r_n = (R x)_n` a second mixing of the channels, one weight w per pair of channels and path p = (i, k -> j) of grades,

.. math:: y_m^{(j)} = \frac{1}{\sqrt 2}\Big[(L x)_m^{(j)} + \sum_{n, (i, k)} w_{mnp}\,\langle x_n^{(i)} r_n^{(k)}\rangle_j\Big].

(Ruhe, Brandstetter, Forré, arXiv:2305.11141.)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lorentznet.group.multivectors import Multivectors
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.geometric_product import FORM, SPACETIME, geometric_product
from lorentznet.nn.multivector import ALL_GRADES, MultivectorMixing


class FullyConnectedProduct(EquivariantModule):
    """The fully connected product with its linear part, see the module.

    Parameters
    ----------
    channels_in, channels_out
        Numbers of multivectors.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = Multivectors(channels_in), Multivectors(channels_out)
        self.left = MultivectorMixing(channels_in, channels_out, bias=True)
        self.right = MultivectorMixing(channels_in, channels_in)
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, len(SPACETIME.grade_paths)) / (5 * channels_in) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Multivectors (16, channels, jets, particles), or with any other axes behind the second."""
        return (self.left(x) + geometric_product(x, self.right(x), weights=self.weight).to(x)) / 2**0.5

    def of_combined(self, z: Tensor, combine: Tensor, filled: Sequence[slice]) -> Tensor:
        """The same for x = combine z, without the bias.

        Parameters
        ----------
        z
            Multivectors (16, channels of z, ...).
        combine
            Shape (channels of x, channels of z).
        filled
            Which channels of x there are; the rows of the others are zero.
        """
        x, weight, right = (
            torch.cat([y[..., part, :] for part in filled], -2) for y in (combine, self.weight, self.right.weight)
        )
        product = geometric_product(
            ALL_GRADES.mixed(x.expand(5, -1, -1), z), ALL_GRADES.mixed(right @ combine, z), weights=weight
        )
        return (ALL_GRADES.mixed(self.left.weight @ combine, z) + product.to(z)) / 2**0.5

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """More and fewer channels."""
        return cls(3, 2), cls(2, 4)


def smooth_root(square: Tensor) -> Tensor:
    r"""(q^2 + 1e-16)^(1/4), a smoothed root of \|q\|."""
    return (square.square() + 1e-16).sqrt().sqrt()


class MultivectorLayerNorm(EquivariantModule):
    r"""a_c x_c / (mean over channels of (q(x_c)^2 + 1e-16)^(1/4) + 1e-6), with the invariant q of all grades together.

    q is indefinite: it vanishes for large x too, and the norm then amplifies by up to 1e4.

    Parameters
    ----------
    channels
        Number of multivectors.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = Multivectors(channels)
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised multivectors (16, channels, ...)."""
        signs = FORM.like(x).view(-1, *[1] * (x.ndim - 1))
        return x * self.scale((signs * x.square()).sum(0))

    def scale(self, square: Tensor) -> Tensor:
        """What multiplies each channel, from q, both of shape (channels, ...)."""
        return self.gain.view(-1, *[1] * (square.ndim - 1)) / (smooth_root(square).mean(0, keepdim=True) + 1e-6)

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Three channels."""
        return (cls(3),)
