r"""The Clifford O(1,3) tagger: multivector message passing with geometric products, and an MLP on invariants.

Each particle carries multivectors x of Cl(1,3) and scalars h. A layer sums over neighbours with learned radial weights f,

.. math:: X_i = \sum_j f_{ij}\, x_j ,\qquad Y_i = \sum_j f_{ij}\, (u_i - u_j)\, x_j ,

multiplies multivectors with each other, mixes channels grade by grade, and feeds invariants of the result to the scalars. With
u_i = p_i / E_i, E_i being the energy in the jet rest frame, all of it behind the float64 front end of :mod:`lorentznet.nn.frame`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lorentznet.nn.edge import EdgeFunctions
from lorentznet.nn.embedding import ParticleScalars, directions
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.geometric_product import geometric_product
from lorentznet.nn.graph import ALL_PAIRS, Graph, graph_of
from lorentznet.nn.invariants import multivector_invariants
from lorentznet.nn.message import CliffordMessage, aggregate
from lorentznet.nn.multivector import MultivectorMixing, MultivectorNorm, per_component
from lorentznet.nn.radial import PairBasis, RadialWeights
from lorentznet.taggers.base import register
from lorentznet.taggers.equivariant import EquivariantConfig, EquivariantTagger, make_readout, read_out


@dataclass(frozen=True)
class CliffordConfig(EquivariantConfig):
    """Settings of the Clifford tagger, besides those of :class:`~lorentznet.taggers.equivariant.EquivariantConfig`.

    Attributes
    ----------
    multivectors, scalars_hidden
        Channels of a particle: multivectors of Cl(1,3), and scalars.
    """

    multivectors: int = 4
    scalars_hidden: int = 16
    at_least: ClassVar[Mapping[str, int]] = {**EquivariantConfig.at_least, "multivectors": 1, "scalars_hidden": 1}


class CliffordLayer(nn.Module):
    """One layer: messages, geometric products, mixing, norm and gate; invariants feed the scalars; both with a residual.

    Parameters
    ----------
    multivectors, scalars
        Channels of a particle.
    n_functions
        Size of the pair basis.
    edge_functions
        Number of non-linear functions of edges; 0 for radial weights.
    """

    def __init__(self, multivectors: int, scalars: int, n_functions: int, edge_functions: int = 0) -> None:
        super().__init__()
        self.edges = EdgeFunctions(n_functions, scalars, edge_functions) if edge_functions else None
        n_functions = edge_functions or n_functions
        self.plain = RadialWeights(n_functions, multivectors)
        self.directed = RadialWeights(n_functions, multivectors)
        self.scalar_weights = RadialWeights(n_functions, multivectors)
        self.message = CliffordMessage(multivectors)
        self.left = MultivectorMixing(3 * multivectors, multivectors)
        self.right = MultivectorMixing(3 * multivectors, multivectors, bias=True)
        self.mix = MultivectorMixing(4 * multivectors, multivectors)
        self.norm = MultivectorNorm(multivectors)
        self.gate = nn.Linear(scalars, 5 * multivectors)
        self.to_grade_zero = nn.Linear(scalars, multivectors)
        self.to_message = nn.Linear(scalars, multivectors)
        self.mlp = nn.Sequential(nn.Linear(scalars + 7 * multivectors, scalars), nn.SiLU(), nn.Linear(scalars, scalars))

    def forward(
        self, x: Tensor, h: Tensor, basis: Tensor, vectors: Tensor, frame: JetFrame, graph: Graph = ALL_PAIRS
    ) -> tuple[Tensor, Tensor]:
        """New multivectors (16, channels, jets, particles) and scalars (jets, particles, channels)."""
        # Scalars enter as grade 0, so that a product with them is a gate and a message carries them along.
        x = torch.cat((x[:1] + self.to_grade_zero(h).movedim(-1, 0)[None], x[1:]))
        if self.edges is not None:
            basis = self.edges([h.movedim(-1, 0)[..., None]], basis, graph)
        sums = self.message(x, vectors, self.plain(basis), self.directed(basis), graph)
        own = torch.cat((x, sums), 1)
        product = geometric_product(self.left(own), self.right(own))
        update = self.norm(self.mix(torch.cat((own, product), 1)), frame.time)
        invariants = multivector_invariants(update, frame.time).movedim(0, -1)
        heard = aggregate(self.scalar_weights(basis), self.to_message(h).movedim(-1, 0)[None], graph)[0].movedim(0, -1)
        h = h + self.mlp(torch.cat((h, heard, invariants), -1))
        gates = torch.sigmoid(self.gate(h)).movedim(-1, 0).unflatten(0, (5, -1))
        x = x + update * per_component(gates)
        real = frame.nodes
        return torch.where(real, x, 0), torch.where(real[..., None], h, 0)


class CliffordNetwork(nn.Module):
    """Embedding, layers and read-out behind the front end."""

    def __init__(self, config: CliffordConfig, n_references: int, outputs: int) -> None:
        super().__init__()
        channels, scalars = config.multivectors, config.scalars_hidden
        self.basis = PairBasis(*config.bells)
        self.features = ParticleScalars(n_references, config.scalars)
        self.embed_scalars = nn.Linear(self.features.n_features, scalars)
        self.embed_vectors = nn.Linear(self.features.n_features, channels)
        self.layers = nn.ModuleList(
            CliffordLayer(channels, scalars, self.basis.n_functions, config.edge_functions) for _ in range(config.layers)
        )
        self.readout = make_readout(config, scalars + 6 * channels, channels * (channels + 3) // 2, channels, outputs)

    def forward(self, frame: JetFrame, extra: Tensor | None) -> Tensor:
        """Logits, or what the task reads out, shape (jets, outputs); see :func:`~lorentznet.taggers.equivariant.read_out`."""
        features = self.features(frame, extra).movedim(0, -1)
        h = self.embed_scalars(features)
        vectors = directions(frame)
        grade_one = (1 + self.embed_vectors(features)).movedim(-1, 0)[None] * vectors.movedim(-1, 0)[:, None]
        x = grade_one.new_zeros((16, *grade_one.shape[1:]))
        x = torch.cat((x[:1], grade_one, x[5:]))
        graph = graph_of(frame)
        basis = self.basis(frame, graph)
        for layer in self.layers:
            x, h = layer(x, h, basis, vectors, frame, graph)
        particles = torch.cat((h.movedim(-1, 0), multivector_invariants(x, frame.time)))
        return read_out(self.readout, particles, x[1:5].movedim(0, -1), frame)


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
        "tiny": {"multivectors": 2, "scalars_hidden": 8, "hidden": 16, "heads": 1},
        "small": {"multivectors": 4, "scalars_hidden": 16, "hidden": 32},
    }

    def __init__(self, config: CliffordConfig) -> None:
        super().__init__(config)
        self.network = CliffordNetwork(config, self.frame.n_reference_scalars, self.n_outputs)
