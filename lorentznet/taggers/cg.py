r"""The graph-based Clebsch-Gordan tagger: irreps of the Lorentz group on every particle, mixed, multiplied and summed over the jet.

Each particle carries features F in irreps (k, n) of the Lorentz group. A layer

* mixes channels of each irrep (Schur's lemma) and gates them with the scalars of the particle,
* sums over neighbours: :math:`\sum_j f_{ij} F_j` and :math:`\sum_j f_{ij}\,(u_i - u_j)\otimes F_j`, with learned radial weights f of
  pair invariants,
* multiplies the features, and the sums, with themselves by Clebsch-Gordan products,
* mixes all of it into an update, normalised by the rest-frame norm, whose invariants make new scalars and gates by an MLP, and adds it.

Logits are an MLP of functions of the invariants, pooled over the particles. u_i = p_i / E_i with E_i the energy in the jet rest
frame; all of it behind the float64 front end of :mod:`lorentznet.nn.frame`. The idea of the network is that of the Lorentz Group
Network; the real basis, the factorised messages, normalisation, gates, residuals, pooling and front end are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from lorentznet.errors import ConfigError
from lorentznet.group.irreps import IrrepPair
from lorentznet.nn.cg_layer import CGLayer
from lorentznet.nn.embedding import ParticleScalars, directions
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.graph import graph_of
from lorentznet.nn.invariants import VECTOR, IrrepInvariants
from lorentznet.nn.lgn import LGNNetwork
from lorentznet.nn.radial import PairBasis
from lorentznet.taggers.base import register
from lorentznet.taggers.cg_irreps import check_reached, check_without_vectors, sorted_irreps
from lorentznet.taggers.equivariant import EquivariantConfig, EquivariantTagger, make_readout, read_out, refuse_unused


@dataclass(frozen=True)
class CGConfig(EquivariantConfig):
    """Settings of the Clebsch-Gordan tagger, besides those of :class:`~lorentznet.taggers.equivariant.EquivariantConfig`.

    Attributes
    ----------
    irreps
        Features of a particle, for example ``"16x(0,0)+8x(1,1)+4x((2,0)+(0,2))+4x(2,2)"``; scalars must be among them, and
        vectors if there is anything besides. Products are truncated to the same irreps.
    maxdim
        Add the irreps (k, n) with k, n < maxdim that ``irreps`` does not name, in as many channels as the fewest of those it names.
    products
        Channels of the messages and of the Clebsch-Gordan products.
    width
        Hidden units of the MLP of a particle's invariants in each layer.
    hodge
        Let mixing use the Hodge star, and products make pseudotensors: twice the paths, and parity is broken.
    order
        2 adds messages of second order in u_i - u_j, see :mod:`lorentznet.nn.second_order`.
    design
        ``residual`` layers as above, or the levels of the Lorentz Group Network of 2020, see :mod:`lorentznet.nn.lgn`: the sizes of
        ``lgn`` are ``irreps`` (of one multiplicity), ``maxdim``, ``layers`` and the first number of ``bells``, and it takes ``hodge``,
        references, graphs, particle scalars and masses; it has no other sizes, and no momenta to read out.
    """

    irreps: str = "32x(0,0)+8x(1,1)"
    maxdim: int | None = None
    products: int = 8
    width: int = 48
    hodge: bool = False
    order: Literal[1, 2] = 1
    design: Literal["residual", "lgn"] = "residual"
    at_least: ClassVar[Mapping[str, int]] = {**EquivariantConfig.at_least, "products": 1, "width": 1}


class CGNetwork(nn.Module):
    """Embedding, layers and read-out behind the front end."""

    def __init__(self, config: CGConfig, n_references: int, outputs: int) -> None:
        super().__init__()
        self.irreps = sorted_irreps(config.irreps, config.maxdim)
        present = [irrep for _, irrep in self.irreps]
        self.vector_term = present.index(VECTOR) if VECTOR in present else None
        if self.vector_term is None:
            check_without_vectors(
                self.irreps, {"messages of order 2": config.order == 2, "the task 'momentum'": config.task == "momentum"}
            )
        check_reached(self.irreps, config.hodge, config.order)
        self.basis = PairBasis(*config.bells, fused=not config.edge_functions)
        self.features = ParticleScalars(n_references, config.scalars)
        scalars = self.irreps.terms[0][0]
        vectors = 0 if self.vector_term is None else self.irreps.terms[self.vector_term][0]
        self.embed_scalars = nn.Linear(self.features.n_features, scalars)
        self.embed_vectors = nn.Linear(self.features.n_features, vectors) if vectors else None
        self.layers = nn.ModuleList(
            CGLayer(
                self.irreps,
                config.products,
                config.width,
                self.basis.n_functions,
                not config.hodge,
                config.order,
                config.edge_functions,
            )
            for _ in range(config.layers)
        )
        self.invariants = IrrepInvariants(self.irreps)
        self.layers_read = config.layers_read
        of_particle = self.layers_read * self.invariants.count
        self.readout = make_readout(config, of_particle, vectors * (vectors + 3) // 2, vectors, outputs)

    def forward(self, frame: JetFrame, extra: Tensor | None) -> Tensor:
        """Logits, or what the task reads out, shape (jets, outputs); see :func:`~lorentznet.taggers.equivariant.read_out`."""
        scalars = self.features(frame, extra).movedim(0, -1)
        vectors = directions(frame)
        features = [vectors.new_zeros((mult, *vectors.shape[:-1], irrep.dim)) for mult, irrep in self.irreps]
        features[0] = torch.where(frame.nodes[..., None], self.embed_scalars(scalars), 0).movedim(-1, 0)[..., None]
        if self.vector_term is not None and self.embed_vectors is not None:
            features[self.vector_term] = (1 + self.embed_vectors(scalars)).movedim(-1, 0)[..., None] * vectors
        graph = graph_of(frame)
        basis = self.basis.pairs(frame, graph)
        of_layers = [features]
        for layer in self.layers:
            of_layers.append(layer(of_layers[-1], basis, vectors, frame, graph))
        particles = torch.cat([self.invariants(features, frame.time) for features in of_layers[-self.layers_read :]])
        found = vectors.new_zeros((0, *vectors.shape)) if self.vector_term is None else of_layers[-1][self.vector_term]
        return read_out(self.readout, particles, found, frame)


_OF_LGN = (
    "design",
    "irreps",
    "maxdim",
    "layers",
    "bells",
    "hodge",
    "classes",
    "scalars",
    "task",
    "mass",
    "references",
    "references_as",
    "graph",
    "neighbours",
)


def make_network(config: CGConfig, n_references: int, outputs: int) -> nn.Module:
    """The network of a configuration's design."""
    if config.design == "residual":
        return CGNetwork(config, n_references, outputs)
    refuse_unused(config, "lgn", _OF_LGN)
    irreps = sorted_irreps(config.irreps, config.maxdim)
    if VECTOR not in [irrep for _, irrep in irreps]:
        raise ConfigError(f"irreps: '{config.irreps}' lacks {VECTOR}; design lgn needs scalars (0,0) and vectors (1,1)")
    check_reached(irreps, config.hodge)
    if len(set(irreps.multiplicities)) > 1:
        raise ConfigError(f"irreps: '{config.irreps}' has several multiplicities; design lgn needs one for all irreps")
    if min(config.layers, config.bells[0]) < 1:
        found = f"layers {config.layers}, bells {config.bells[0]}"
        raise ConfigError(f"design lgn needs at least one layer and one bell (the first number of bells), got {found}")
    if config.task == "momentum":
        raise ConfigError("task: design lgn reads out invariants only, 'momentum' needs design residual; possible: tagging, mass")
    return LGNNetwork(irreps, config.layers, config.bells[0], n_references, config.scalars, outputs, config.hodge)


@register
class CGTagger(EquivariantTagger):
    """Clebsch-Gordan network over the jet's complete graph, or the nearest neighbours of each particle.

    Invariant under O+(1,3) (rotations, boosts, parity), or SO+(1,3) if ``hodge`` is on and pairs (k,n)+(n,k) are read.
    """

    name: ClassVar[str] = "cg"
    citation: ClassVar[str] = (
        "Bogatskiy et al., Lorentz Group Equivariant Neural Network for Particle Physics (2020), arXiv:2006.04780"
    )
    Config: ClassVar[type] = CGConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {
            "irreps": "12x(0,0)+4x(1,1)+2x((2,0)+(0,2))+2x(2,2)",
            "products": 3,
            "width": 14,
            "bells": (8, 6, 6),
            "pooled": 13,
            "hidden": 14,
            "heads": 1,
        },
        "small": {
            "irreps": "32x(0,0)+8x(1,1)",
            "products": 8,
            "layers": 3,
            "bells": (8, 6, 6),
            "hidden": 56,
            "heads": 4,
        },
        "default": {
            "irreps": "96x(0,0)+12x(1,1)",
            "products": 8,
            "width": 160,
            "layers": 3,
            "bells": (8, 6, 6),
            "pooled": 64,
            "hidden": 112,
            "heads": 6,
            "dropout": 0.1,
        },
        "lgn": {"design": "lgn", "irreps": "8x(0,0)+8x(1,1)+8x((2,0)+(0,2))+8x(2,2)", "layers": 3, "bells": (20, 0, 0)},
    }

    def __init__(self, config: CGConfig) -> None:
        super().__init__(config)
        self.network = make_network(config, self.frame.n_reference_scalars, self.n_outputs)
        # Without a pair there is nothing for the star to act on, and no product of the other irreps is a pseudotensor; and only the
        # second of the levels of 2020 reads what the star has made.
        pairs = any(isinstance(irrep, IrrepPair) for _, irrep in sorted_irreps(config.irreps, config.maxdim))
        broken = config.hodge and pairs and config.layers >= (2 if config.design == "lgn" else 1)
        self.architecture = "SO+(1,3)" if broken else "O+(1,3)"
