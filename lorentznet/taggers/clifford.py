r"""The Clifford O(1,3) tagger: multivector message passing with geometric products, and an MLP on invariants.

Each particle carries multivectors x of Cl(1,3), or those grades of them that pay, and scalars h; layers
(:mod:`lorentznet.nn.clifford_layer`) see the directions u_i = p_i / E_i, E_i being the energy in the jet rest frame, all of it behind
the float64 front end of :mod:`lorentznet.nn.frame`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from lorentznet.errors import ConfigError
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.cgenn import CGENN
from lorentznet.nn.cgenn_frame import BeamParticles
from lorentznet.nn.clifford_layer import CliffordLayer
from lorentznet.nn.embedding import ParticleScalars, directions
from lorentznet.nn.frame import FrameConditioner, JetFrame
from lorentznet.nn.graph import graph_of
from lorentznet.nn.invariants import multivector_invariants
from lorentznet.nn.multivector import Grades
from lorentznet.nn.radial import PairBasis
from lorentznet.taggers.base import register
from lorentznet.taggers.equivariant import EquivariantConfig, EquivariantTagger, make_readout, read_out, refuse_unused


@dataclass(frozen=True)
class CliffordConfig(EquivariantConfig):
    """Settings of the Clifford tagger, besides those of :class:`~lorentznet.taggers.equivariant.EquivariantConfig`.

    Attributes
    ----------
    multivectors, scalars_hidden
        Channels of a particle: multivectors of Cl(1,3), and scalars.
    grades
        Grades that the multivectors consist of: 0 scalars and 1 vectors always, 2 bivectors, 3 axial vectors, 4 pseudoscalars.
    path_weights
        Learned weights of the grade paths of products, one for each channel and path, see
        :func:`~lorentznet.nn.geometric_product.geometric_product`; without them the mixing of channels before and after a product is
        all that is learned.
    design
        ``residual`` layers as above, or the published network of 2023, see :mod:`lorentznet.nn.cgenn`: ``cgenn`` takes ``multivectors``,
        ``scalars_hidden``, ``layers``, ``hidden`` and ``dropout``, and has no other sizes.
    padded
        ``cgenn`` only: treat padding as published, so that the logits of a jet depend on the longest jet of its batch.
    """

    multivectors: int = 4
    scalars_hidden: int = 16
    grades: tuple[int, ...] = (0, 1, 2, 3, 4)
    path_weights: bool = False
    design: Literal["residual", "cgenn"] = "residual"
    padded: bool = False
    at_least: ClassVar[Mapping[str, int]] = {**EquivariantConfig.at_least, "multivectors": 1, "scalars_hidden": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            Grades(self.grades)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        if {3, 4} & set(self.grades) and 2 not in self.grades:
            dead = " and ".join(str(grade) for grade in self.grades if grade > 2)
            raise ConfigError(
                f"grades: {', '.join(map(str, self.grades))} lack 2, without which no product of vectors makes {dead}; "
                f"add 2, or leave {dead} out"
            )
        if self.padded and self.design != "cgenn":
            raise ConfigError("padded: true needs design cgenn; design residual does not depend on padding")


class CliffordNetwork(nn.Module):
    """Embedding, layers and read-out behind the front end."""

    def __init__(self, config: CliffordConfig, n_references: int, outputs: int) -> None:
        super().__init__()
        channels, scalars = config.multivectors, config.scalars_hidden
        self.grades = Grades(config.grades)
        self.basis = PairBasis(*config.bells, fused=not config.edge_functions)
        self.features = ParticleScalars(n_references, config.scalars)
        self.embed_scalars = nn.Linear(self.features.n_features, scalars)
        self.embed_vectors = nn.Linear(self.features.n_features, channels)
        self.layers = nn.ModuleList(
            CliffordLayer(channels, scalars, self.basis.n_functions, config.edge_functions, self.grades, config.path_weights)
            for _ in range(config.layers)
        )
        self.layers_read = config.layers_read
        of_particle = self.layers_read * (scalars + (1 + len(self.grades.kept)) * channels)
        self.readout = make_readout(config, of_particle, channels * (channels + 3) // 2, channels, outputs)

    def forward(self, frame: JetFrame, extra: Tensor | None) -> Tensor:
        """Logits, or what the task reads out, shape (jets, outputs); see :func:`~lorentznet.taggers.equivariant.read_out`."""
        features = self.features(frame, extra).movedim(0, -1)
        h = self.embed_scalars(features)
        vectors = directions(frame)
        grade_one = (1 + self.embed_vectors(features)).movedim(-1, 0)[None] * vectors.movedim(-1, 0)[:, None]
        x = grade_one.new_zeros((len(self.grades.blades), *grade_one.shape[1:]))
        x = torch.cat((x[:1], grade_one, x[5:]))
        graph = graph_of(frame)
        basis = self.basis.pairs(frame, graph)
        of_layers = [(x, h)]
        for layer in self.layers:
            of_layers.append(layer(*of_layers[-1], basis, vectors, frame, graph))
        rows = [(h.movedim(-1, 0), multivector_invariants(x, frame.time, self.grades)) for x, h in of_layers[-self.layers_read :]]
        particles = torch.cat([row for pair in rows for row in pair])
        return read_out(self.readout, particles, of_layers[-1][0][1:5].movedim(0, -1), frame)


_OF_CGENN = ("design", "multivectors", "scalars_hidden", "layers", "hidden", "dropout", "classes", "padded")


def published_network(config: CliffordConfig) -> CGENN:
    """The network of design ``cgenn``; :class:`~lorentznet.errors.ConfigError` if it is asked for what it has not."""
    only: dict[str, Any] = {
        "mass": "keep",
        "references": ("beams",),
        "references_as": "particles",
        "graph": "all",
        "edges": "radial",
    }
    only |= {"scalars": 0, "task": "tagging", "grades": (0, 1, 2, 3, 4), "path_weights": False}
    for name, value in only.items():
        if getattr(config, name) != value:
            found, possible = (", ".join(map(str, x)) if isinstance(x, tuple) else x for x in (getattr(config, name), value))
            raise ConfigError(
                f"{name}: '{found}' needs design residual; design cgenn has {possible}, as preset published sets it"
            )
    refuse_unused(config, "cgenn", (*only, *_OF_CGENN))
    return CGENN(
        config.multivectors, config.scalars_hidden, config.layers, config.hidden, config.dropout, config.classes, config.padded
    )


@register
class CliffordTagger(EquivariantTagger):
    """Multivector message passing over the jet's complete graph, or the nearest neighbours of each particle.

    Invariant under O+(1,3) (rotations, boosts, parity).
    """

    name: ClassVar[str] = "clifford"
    citation: ClassVar[str] = "Ruhe, Brandstetter, Forré, Clifford Group Equivariant Neural Networks (2023), arXiv:2305.11141"
    architecture = "O+(1,3)"
    Config: ClassVar[type] = CliffordConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {
            "multivectors": 3,
            "scalars_hidden": 16,
            "grades": (0, 1, 2),
            "bells": (8, 6, 6),
            "pooled": 0,
            "hidden": 16,
            "heads": 1,
        },
        "small": {
            "multivectors": 6,
            "scalars_hidden": 48,
            "grades": (0, 1, 2),
            "layers": 3,
            "bells": (8, 6, 6),
            "pooled": 0,
            "hidden": 32,
            "heads": 2,
        },
        "medium": {
            "multivectors": 8,
            "scalars_hidden": 168,
            "grades": (0, 1, 2),
            "layers": 3,
            "bells": (8, 6, 6),
            "pooled": 64,
            "hidden": 128,
            "heads": 4,
        },
        "published": {
            "design": "cgenn",
            "multivectors": 8,
            "scalars_hidden": 72,
            "grades": (0, 1, 2, 3, 4),
            "layers": 4,
            "hidden": 64,
            "dropout": 0.2,
            "mass": "keep",
            "references": ("beams",),
            "references_as": "particles",
        },
    }

    def __init__(self, config: CliffordConfig) -> None:
        super().__init__(config)
        if config.design == "cgenn":
            self.frame: FrameConditioner = BeamParticles()
            self.network: nn.Module = published_network(config)
        else:
            self.network = CliffordNetwork(config, self.frame.n_reference_scalars, self.n_outputs)

    @property
    def symmetry(self) -> Subgroup:
        """The architecture's group, met with what leaves the reference vectors unchanged; the published beams have a length."""
        return self.frame.symmetry if isinstance(self.frame, BeamParticles) else super().symmetry
