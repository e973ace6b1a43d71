r"""Particle flow and energy flow networks: a sum over particles between two MLPs.

.. math:: \mathrm{PFN} = F\Big(\sum_i \Phi(p_i)\Big), \qquad \mathrm{EFN} = F\Big(\sum_i z_i\, \Phi(\hat p_i)\Big)

with z_i the share of particle i in the sum of transverse momenta and :math:`\hat p_i` its direction. Any function of a set of particles
has the first form; any infrared and collinear safe one has the second. Particles come in detector coordinates
(:mod:`lorentznet.nn.detector_frame`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.detector_frame import DetectorFeatures
from lorentznet.taggers.base import Tagger, register
from lorentznet.taggers.sizes import check_sizes


@dataclass(frozen=True)
class PFNConfig:
    """Settings of the particle flow network; the defaults are the published sizes.

    Attributes
    ----------
    classes
        Number of classes.
    phi, f
        Widths of the layers of the MLP of a particle, and of the hidden layers of that of the jet.
    energy_weighted
        The energy flow network, which is infrared and collinear safe.
    align
        Turn and reflect the image of the jet until its axes are those of the coordinates, as is common for top jets.
    energies
        Add energies to the features of a particle; the network then changes under boosts along the beam.
    dropout
        Share of the jet's hidden units dropped in training.
    scalars
        Number of particle scalars that the data set provides. An energy flow network that reads any is not safe.

    Raises
    ------
    ConfigError
        If a number is below what makes a network, or an energy flow network is to read energies.
    """

    classes: int = 2
    phi: tuple[int, ...] = (100, 100, 256)
    f: tuple[int, ...] = (100, 100, 100)
    energy_weighted: bool = False
    align: bool = True
    energies: bool = False
    dropout: float = 0.0
    scalars: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, {"classes": 2, "scalars": 0})
        if not self.phi or min((*self.phi, *self.f)) < 1:
            raise ConfigError(f"phi and f are widths of at least 1, phi not empty; got {list(self.phi)} and {list(self.f)}")
        if self.energy_weighted and self.energies:
            raise ConfigError("energy_weighted and energies exclude each other: an energy flow network reads directions only")


@register
class ParticleFlowNetwork(Tagger):
    """Particle flow network, or energy flow network with ``energy_weighted``.

    Invariant under rotations about the beam and boosts along it, and under reflections if jets are aligned; not under the boosts if
    ``energies`` are read.
    """

    name: ClassVar[str] = "pfn"
    citation: ClassVar[str] = (
        "Komiske, Metodiev, Thaler, Energy Flow Networks: Deep Sets for Particle Jets (2019), arXiv:1810.05165"
    )
    Config: ClassVar[type] = PFNConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {"phi": (28, 28, 36), "f": (36, 32)},
        "small": {"phi": (80, 80, 128), "f": (128, 96)},
        "default": {"phi": (192, 192, 320), "f": (288, 192)},
        "published": {},
        "efn": {"energy_weighted": True},
    }

    def __init__(self, config: PFNConfig) -> None:
        super().__init__(config)
        self.infrared_safe = config.energy_weighted and not config.scalars  # type: ignore[misc]
        self.coordinates = DetectorFeatures(config.align, config.energies, config.scalars)
        self.architecture = str(self.coordinates.symmetry)
        features = 2 + config.scalars if config.energy_weighted else self.coordinates.n_features
        self.phi = nn.Sequential(*_layers((features, *config.phi), 0.0))
        self.f = nn.Sequential(
            *_layers((config.phi[-1], *config.f), config.dropout), nn.Linear((config.phi[-1], *config.f)[-1], self.n_outputs)
        )

    @property
    def symmetry(self) -> Subgroup:
        """That of the features: rotations about the beam, boosts along it unless energies are read, reflections if aligned."""
        return self.coordinates.symmetry

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits, in the dtype of the parameters; coordinates are computed in float64."""
        frame = self.coordinates(batch, next(self.parameters()).dtype)
        features, weight = frame.features, frame.mask.to(frame.fraction)
        if self.config.energy_weighted:
            features = torch.cat((features[..., :2], features[..., self.coordinates.n_features - self.config.scalars :]), -1)
            weight = frame.fraction
        return self.f((self.phi(features) * weight[..., None]).sum(1))


def _layers(widths: tuple[int, ...], dropout: float) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        linear = nn.Linear(before, after)
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return layers
