"""What the package's own equivariant taggers share: the front end, its frame switch, and the symmetry that follows from both."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, nearest
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.frame import FrameConditioner
from lorentznet.taggers.base import Tagger


class EquivariantTagger(Tagger):
    """A float64 front end and a network behind it.

    Subclasses set ``network``, a module from a :class:`~lorentznet.nn.frame.JetFrame` (and the particle scalars of the batch, or
    None) to logits; its configuration has ``mass`` and ``references`` of the front end. Only ``network`` is worth compiling.
    """

    network: nn.Module

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.frame = FrameConditioner(config.mass, config.references)

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits, in the dtype of the network's parameters; momenta are float64 until the front end is done with them."""
        dtype = next(self.network.parameters()).dtype
        frame = self.frame(batch, dtype)
        # Products of components in bfloat16 destroy invariance, and so few channels gain nothing from it: autocast stays outside.
        with torch.autocast(batch.p4.device.type, enabled=False):
            logits: Tensor = self.network(frame, self._extra_scalars(batch, dtype, frame.mask))
        return logits

    def _extra_scalars(self, batch: JetBatch, dtype: torch.dtype, mask: Tensor) -> Tensor | None:
        if not self.config.scalars:
            return None
        scalars = getattr(batch, "scalars", None)
        if scalars is None:
            raise ConfigError(f"tagger '{self.name}' reads {self.config.scalars} scalars of each particle, the jets carry none")
        dense = scalars.new_zeros((*mask.shape, scalars.shape[-1]))
        dense[mask] = scalars
        return dense.to(dtype)

    @property
    def symmetry(self) -> Subgroup:
        """The architecture's group, met with what leaves the reference vectors unchanged (beams up to a scale)."""
        group = Subgroup.of(self.architecture)
        if "beams" in self.frame.references:
            group = group.meet(Subgroup.stabiliser([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, -1.0]], rays=True))
        if "time" in self.frame.references:
            group = group.meet(Subgroup.stabiliser([[1.0, 0.0, 0.0, 0.0]]))
        return group

    def with_references(self, batch: JetBatch) -> JetBatch:
        """The batch with the laboratory's reference vectors attached, if this tagger reads any."""
        return self.frame.with_references(batch)

    def in_frame(self, conditioning: str) -> EquivariantTagger:
        """Switch the front end to ``"frame"`` or ``"lab"``; returns itself."""
        if conditioning not in ("frame", "lab"):
            raise ConfigError(f"unknown conditioning '{conditioning}'; {nearest(conditioning, ('frame', 'lab'))}")
        self.frame.conditioning = conditioning  # type: ignore[assignment]
        return self
