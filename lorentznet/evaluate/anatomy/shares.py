r"""How much of the update of the features comes along each path.

The update is a mixing of several inputs, :math:`y = \sum_p W_p x_p`. The share of path p is the root mean square over the particles of
the rest-frame norm of :math:`W_p x_p`, divided by the quadrature sum over all paths to the same irrep: squares of shares add up to one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lorentznet.evaluate.anatomy.removal import Edit
from lorentznet.nn.mixing import IrrepMixing
from lorentznet.nn.multivector import MultivectorMixing

Place = tuple[int, int]
"""Input and output of a mixing: terms of irreps, or block of channels and grade of multivectors."""


class Shares:
    """Sums of the contributions of all blocks of some mixings, filled while a network runs behind its rest-frame front end.

    Parameters
    ----------
    network
        The network.
    mixings
        Names of its mixings, :class:`~lorentznet.nn.mixing.IrrepMixing` or :class:`~lorentznet.nn.multivector.MultivectorMixing`; the
        channels of the latter are blocks of as many as it gives out.
    """

    def __init__(self, network: nn.Module, mixings: Sequence[str]) -> None:
        self.network, self.mixings = network, mixings
        self.squares: dict[tuple[str, Place], float] = defaultdict(float)
        self.mask: Tensor | None = None

    def edits(self) -> list[Edit]:
        """What has to be watched."""
        return [_Frame(self), *(_Mixing(self, name) for name in self.mixings)]

    def share(self, module: str, place: Place) -> float:
        """The share of a block among all blocks with its output; zero if nothing arrives there."""
        whole = sum(square for (name, (_, out)), square in self.squares.items() if name == module and out == place[1])
        return (self.squares[module, place] / whole) ** 0.5 if whole > 0 else 0.0

    def norm(self, module: str, place: Place) -> float:
        """Frobenius norm of the weights of a block."""
        mixing = self.network.get_submodule(module)
        return float(torch.cat([weight.flatten() for weight in _weights(mixing, place)]).double().norm())


class _Frame(Edit):
    """Which particles are real in the jets that come."""

    module, before = "", True

    def __init__(self, shares: Shares) -> None:
        self.shares = shares

    def look(self, args: tuple[Any, ...], output: Any) -> None:
        self.shares.mask = args[0].mask

    def change(self, args: tuple[Any, ...], output: Any) -> Any:
        return args


class _Mixing(Edit):
    before = True

    def __init__(self, shares: Shares, module: str) -> None:
        self.shares, self.module = shares, module

    def look(self, args: tuple[Any, ...], output: Any) -> None:
        mixing = self.shares.network.get_submodule(self.module)
        for place, square in _squares(mixing, args[0]):
            mask = self.shares.mask
            self.shares.squares[self.module, place] += float((square if mask is None else square[mask]).double().sum())

    def change(self, args: tuple[Any, ...], output: Any) -> Any:
        return args


def places(mixing: nn.Module) -> list[Place]:
    """All blocks of a mixing."""
    if isinstance(mixing, IrrepMixing):
        return [(given, out) for out, sources in enumerate(mixing.sources) for given in sources]
    if isinstance(mixing, MultivectorMixing):
        grades, channels, given = mixing.weight.shape
        return [(block, grade) for block in range(given // channels) for grade in range(grades)]
    raise TypeError(f"no blocks are known of a {type(mixing).__name__}")


def _weights(mixing: nn.Module, place: Place) -> list[Tensor]:
    """The weights of a block; of irreps with a Hodge star, those of the star too."""
    given, out = place
    if isinstance(mixing, IrrepMixing):
        sources = mixing.sources[out]
        start = sum(mixing.irreps_in.terms[source][0] for source in sources[: sources.index(given)])
        columns = slice(start, start + mixing.irreps_in.terms[given][0])
        stars = [mixing.stars[str(out)]] if str(out) in mixing.stars else []
        return [weight.detach()[:, columns] for weight in (mixing.weights[out], *stars)]
    if isinstance(mixing, MultivectorMixing):
        channels = mixing.weight.shape[1]
        return [mixing.weight.detach()[out, :, given * channels : (given + 1) * channels]]
    raise TypeError(f"no blocks are known of a {type(mixing).__name__}")


def _squares(mixing: nn.Module, x: Any) -> Iterator[tuple[Place, Tensor]]:
    """Squared norm of what each block adds, summed over channels, shape (jets, particles)."""
    for place in places(mixing):
        weight, *star = _weights(mixing, place)
        given, out = place
        if isinstance(mixing, IrrepMixing):
            y = torch.einsum("mn,n...->m...", weight, x[given])
            if star:
                y = y + torch.einsum("mn,n...->m...", star[0], x[given] @ mixing.hodges[str(out)].like(x[given]))
            yield place, y.square().sum((0, -1))
        else:
            assert isinstance(mixing, MultivectorMixing)
            channels = weight.shape[0]
            block = x.split(mixing.grades.dims)[out][:, given * channels : (given + 1) * channels]
            yield place, torch.einsum("mn,an...->am...", weight, block).square().sum((0, 1))
