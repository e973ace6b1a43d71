"""What every equivariant layer says of itself, so that it can be tested without further argument.

A *law* tells how a tensor changes when the jet is seen from another frame: :class:`~lorentznet.group.irreps.Irreps` (features
of a network: a list with one tensor ``(multiplicity, ..., dim)`` per term), :class:`~lorentznet.group.irreps.Irrep` (one tensor
whose last axis transforms), :class:`~lorentznet.group.multivectors.Multivectors` (components first, ``(16, channels, ...)``) or
``None`` (invariant). Layers declare the laws of their inputs and outputs and offer small examples; the contract in
:mod:`lorentznet.testing` collects all subclasses and checks f(Lx) = L f(x) for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lorentznet.group.irreps import Irrep

Law = Any


class EquivariantModule(nn.Module):
    """A layer that commutes with Lorentz transforms.

    Subclasses set ``irreps_in`` and ``irreps_out`` in their constructor, and say by :meth:`examples` how to make small
    instances of them. A layer whose ``forward`` takes more than its features overrides :meth:`example_inputs`.
    """

    parity: bool = True
    """True if the layer commutes with reflections too, not only with proper transforms."""

    irreps_in: Law
    irreps_out: Law

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Small instances to be tested; a subclass without any fails the contract."""
        return ()

    def example_inputs(self, generator: torch.Generator) -> tuple[tuple[Any, Law], ...]:
        """Arguments of ``forward``, each with its law, float64, for two jets of five particles.

        The default is the features of ``irreps_in`` alone. A boolean tensor among them is taken as the mask of real particles: the
        contract then fills padding with NaN and demands that nothing changes.
        """
        return ((self.irreps_in.random((2, 5), generator), self.irreps_in),)


def example_time(generator: torch.Generator) -> tuple[Tensor, Law]:
    """Time axes u of two jets in motion, shape (2, 4), u^2 = 1, with their law: an argument for :meth:`example_inputs`."""
    space = torch.randn((2, 3), generator=generator, dtype=torch.float64)
    return torch.cat(((1 + space.square().sum(-1, keepdim=True)).sqrt(), space), -1), Irrep(1, 1)


def collected_layers() -> Iterator[type[EquivariantModule]]:
    """All subclasses of :class:`EquivariantModule` that are loaded, parents before children."""
    waiting = list(EquivariantModule.__subclasses__())
    while waiting:
        layer = waiting.pop(0)
        waiting.extend(layer.__subclasses__())
        yield layer
