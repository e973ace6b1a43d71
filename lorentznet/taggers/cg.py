r"""The graph-based Clebsch-Gordan tagger: irreps of the Lorentz group on every particle, mixed, multiplied and summed over the jet.

Each particle carries features F in irreps (k, n) of the Lorentz group. A layer

* mixes channels of each irrep (Schur's lemma),
* sums over neighbours: :math:`\sum_j f_{ij} F_j` and :math:`\sum_j f_{ij}\,(u_i - u_j)\otimes F_j`, with learned radial weights f of
  pair invariants,
* multiplies the features, and the sums, with themselves by Clebsch-Gordan products,
* mixes all of it into an update that is normalised by the rest-frame norm, gated, and added.

Logits are an MLP of pooled invariants. u_i = p_i / E_i with E_i the energy in the jet rest frame; all of it behind the float64 front
end of :mod:`lorentznet.nn.frame`. The idea of the network is that of the Lorentz Group Network; the real basis, the factorised
messages, normalisation, gates, residuals, pooling and front end are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lorentznet.errors import ConfigError
from lorentznet.group.irreps import Irreps
from lorentznet.nn.cg_product import SelfProduct
from lorentznet.nn.embedding import ParticleScalars, directions
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.gate import Gate
from lorentznet.nn.invariants import VECTOR, count_irrep_invariants, irrep_invariants, jet_gram
from lorentznet.nn.message import CGMessage
from lorentznet.nn.mixing import SCALAR, IrrepMixing
from lorentznet.nn.norm import RestFrameNorm
from lorentznet.nn.radial import PairBasis, RadialWeights
from lorentznet.nn.readout import InvariantReadout
from lorentznet.taggers.base import register
from lorentznet.taggers.equivariant import EquivariantConfig, EquivariantTagger


@dataclass(frozen=True)
class CGConfig(EquivariantConfig):
    """Settings of the Clebsch-Gordan tagger, besides those of :class:`~lorentznet.taggers.equivariant.EquivariantConfig`.

    Attributes
    ----------
    irreps
        Features of a particle, for example ``"16x(0,0)+8x(1,1)+4x((2,0)+(0,2))+4x(2,2)"``; scalars and vectors must be among them.
        Products are truncated to the same irreps.
    products
        Channels of the Clebsch-Gordan products.
    hodge
        Let mixing use the Hodge star, and products make pseudotensors: twice the paths, and parity is broken.
    """

    irreps: str = "16x(0,0)+6x(1,1)"
    products: int = 6
    hodge: bool = False
    at_least: ClassVar[Mapping[str, int]] = {**EquivariantConfig.at_least, "products": 1}


def sorted_irreps(text: str) -> Irreps:
    """The features' irreps, merged, in the package's order, scalars first.

    Raises
    ------
    ConfigError
        If scalars or vectors are missing, or a lone complex irrep (k, n), k != n, is asked for.
    """
    irreps = Irreps(text).simplify()
    present = [irrep for _, irrep in irreps]
    for needed in (SCALAR, VECTOR):
        if needed not in present:
            raise ConfigError(f"irreps: '{text}' lacks {needed}; the tagger needs scalars (0,0) and vectors (1,1)")
    if not irreps.is_real:
        raise ConfigError(f"irreps: '{text}' has a lone (k,n) with k != n, which is complex; write the pair, e.g. ((2,0)+(0,2))")
    return irreps


class CGLayer(nn.Module):
    """One layer: mixing, messages, Clebsch-Gordan products, mixing, norm, gate, residual.

    Parameters
    ----------
    irreps
        Features of a particle, scalars first.
    products
        Channels of the products.
    n_functions
        Size of the pair basis.
    hodge
        See :class:`CGConfig`.
    """

    def __init__(self, irreps: Irreps, products: int, n_functions: int, hodge: bool) -> None:
        super().__init__()
        channels = Irreps([(products, irrep) for _, irrep in irreps])
        self.plain = RadialWeights(n_functions, products)
        self.directed = RadialWeights(n_functions, products)
        self.narrow = IrrepMixing(irreps, channels, hodge=hodge)
        self.message = CGMessage(channels, not hodge)
        self.combine = IrrepMixing(channels + self.message.irreps_out, channels, hodge=hodge)
        self.square = SelfProduct(channels, not hodge)
        together = irreps + channels + self.message.irreps_out + self.square.irreps_out
        self.widen = IrrepMixing(together, irreps, hodge=hodge)
        self.norm = RestFrameNorm(irreps)
        self.gate = Gate(irreps)

    def forward(self, features: list[Tensor], basis: Tensor, vectors: Tensor, frame: JetFrame) -> list[Tensor]:
        """New features, tensors (channels, jets, particles, dim)."""
        narrow = self.narrow(features)
        sums = self.message(narrow, vectors, self.plain(basis), self.directed(basis))
        combined = self.combine([*narrow, *sums])
        update = self.widen([*features, *combined, *sums, *self.square(combined)])
        update = self.gate(self.norm(update, frame.time))
        real = frame.mask[..., None]
        return [torch.where(real, x + dx, 0) for x, dx in zip(features, update, strict=True)]


class CGNetwork(nn.Module):
    """Embedding, layers and read-out behind the front end."""

    def __init__(self, config: CGConfig, n_references: int, outputs: int) -> None:
        super().__init__()
        self.irreps = sorted_irreps(config.irreps)
        self.vector_term = [irrep for _, irrep in self.irreps].index(VECTOR)
        self.basis = PairBasis(*config.bells)
        self.features = ParticleScalars(n_references, config.scalars)
        scalars, vectors = self.irreps.terms[0][0], self.irreps.terms[self.vector_term][0]
        self.embed_scalars = nn.Linear(self.features.n_features, scalars)
        self.embed_vectors = nn.Linear(self.features.n_features, vectors)
        self.layers = nn.ModuleList(
            CGLayer(self.irreps, config.products, self.basis.n_functions, config.hodge) for _ in range(config.layers)
        )
        self.readout = InvariantReadout(
            count_irrep_invariants(self.irreps),
            vectors * (vectors + 3) // 2,
            config.hidden,
            outputs,
            config.heads,
            config.dropout,
        )

    def forward(self, frame: JetFrame, extra: Tensor | None) -> Tensor:
        """Logits, shape (jets, outputs)."""
        scalars = self.features(frame, extra).movedim(0, -1)
        vectors = directions(frame)
        features = [vectors.new_zeros((mult, *vectors.shape[:-1], irrep.dim)) for mult, irrep in self.irreps]
        features[0] = torch.where(frame.mask[..., None], self.embed_scalars(scalars), 0).movedim(-1, 0)[..., None]
        features[self.vector_term] = (1 + self.embed_vectors(scalars)).movedim(-1, 0)[..., None] * vectors
        basis = self.basis(frame)
        for layer in self.layers:
            features = layer(features, basis, vectors, frame)
        particles = irrep_invariants(features, self.irreps, frame.time)
        energy = torch.where(frame.mask, frame.energy, 0)
        return self.readout(particles, jet_gram(features[self.vector_term], energy, frame.time), frame)


@register
class CGTagger(EquivariantTagger):
    """Clebsch-Gordan network over the jet's complete graph.

    Invariant under O+(1,3) (rotations, boosts, parity), or SO+(1,3) if ``hodge`` is on.
    """

    name: ClassVar[str] = "cg"
    citation: ClassVar[str] = (
        "Bogatskiy et al., Lorentz Group Equivariant Neural Network for Particle Physics (2020), arXiv:2006.04780"
    )
    Config: ClassVar[type] = CGConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {"irreps": "8x(0,0)+4x(1,1)", "products": 4, "hidden": 16, "heads": 1},
        "small": {"irreps": "16x(0,0)+6x(1,1)+2x((2,0)+(0,2))+2x(2,2)", "products": 3},
    }

    def __init__(self, config: CGConfig) -> None:
        super().__init__(config)
        self.architecture = "SO+(1,3)" if config.hodge else "O+(1,3)"
        self.network = CGNetwork(config, self.frame.n_reference_scalars, self.n_outputs)
