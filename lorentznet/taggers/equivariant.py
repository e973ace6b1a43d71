"""What the package's own equivariant taggers share: the front end, its frame switch, and the symmetry that follows from both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, nearest
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.frame import FrameConditioner
from lorentznet.taggers.base import Tagger


@dataclass(frozen=True)
class EquivariantConfig:
    """Settings that the equivariant taggers share.

    Attributes
    ----------
    classes
        Number of classes.
    layers
        Number of message-passing layers.
    bells
        Number of radial functions in ln(p_i.p_j / M^2), ln(1 - cos theta) and ln(p_i.p_j / GeV^2).
    hidden
        Width of the read-out.
    heads
        Attention heads of the read-out.
    dropout
        Share of the read-out's hidden units dropped in training.
    mass, references
        See :class:`~lorentznet.nn.frame.FrameConditioner`.
    scalars
        Number of particle scalars that the data set provides.

    Raises
    ------
    ConfigError
        If a number is below what makes a network.
    """

    classes: int = 2
    layers: int = 2
    bells: tuple[int, int, int] = (8, 6, 0)
    hidden: int = 32
    heads: int = 2
    dropout: float = 0.0
    mass: Literal["massless", "keep"] = "massless"
    references: tuple[str, ...] = ()
    scalars: int = 0
    at_least: ClassVar[Mapping[str, int]] = {"classes": 2, "layers": 0, "hidden": 1, "heads": 0, "scalars": 0}

    def __post_init__(self) -> None:
        for name, least in self.at_least.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if min(self.bells) < 0:
            raise ConfigError(f"bells are three numbers of at least 0, got {', '.join(map(str, self.bells))}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must be at least 0 and below 1, got {self.dropout}")


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
