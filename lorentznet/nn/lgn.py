r"""The Lorentz Group Network of 2020, from its formulae: Clebsch-Gordan levels without normalisation, gates or residuals.

With F^t the features after level t, p_ij = p_i - p_j and s_ij a pair invariant, a level is

.. math:: F^{t+1}_i = \mathrm{MLP}_{(0,0)} \circ W \Big[ \sum_j f^0(s_{ij})\, F^t_j \,\oplus\, \sum_j f^1(s_{ij})\, p_{ij} \otimes F^t_j
          \,\oplus\, F^t_i \,\oplus\, F^t_i \otimes F^t_i \Big],

products channel by channel, W a mixing per irrep, f^0 and f^1 combinations of learned Lorentzian bells, the MLP on scalars only. The
invariants of all levels are summed over the particles and mapped linearly to the logits.

This is the published structure in the real basis, 2C real channels for C complex ones, without the paths that vanish or repeat others,
with factorised messages, masks after every map that has a bias, log-odds as output, and seen from the jet's rest frame: momenta are in
units of M / 16 and sums over neighbours and over particles are divided by 16; s_ij = ln(1 + p_i.p_j / (kappa M^2)) / 3 with
kappa = e^-12, on the half line, takes the place of the root of \|p_ij^2\|, and invariants are those of
:class:`~lorentznet.nn.invariants.IrrepInvariants`: the published ones, compressed by asinh, and the rest-frame energies of vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from lorentznet.group.irreps import AnyIrrep, Irreps, real_irreps
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.cg_product import SelfProduct, VectorProduct, common_multiplicity
from lorentznet.nn.constant import Constant
from lorentznet.nn.embedding import ParticleScalars
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.graph import ALL_PAIRS, Graph, graph_of
from lorentznet.nn.invariants import VECTOR, IrrepInvariants
from lorentznet.nn.lorentzian import LorentzianBells
from lorentznet.nn.mixing import SCALAR, IrrepMixing
from lorentznet.nn.radial import NEIGHBOURS

MOMENTUM = 16.0
"""Momenta enter in units of M / 16, of order one for the particles of a jet."""
_LOG_KAPPA, _WIDTH = -12.0, 3.0  # s runs from 0 to about 3.5


def pair_argument(frame: JetFrame, graph: Graph) -> Tensor:
    """s_ij, shape (*pairs), not negative; -1 where there is no pair."""
    x = graph.pairs(frame.log_product)
    real = torch.ones_like(x, dtype=torch.bool) if graph.real is None else graph.real
    return torch.where(real, functional.softplus(torch.where(real, x, 0) - _LOG_KAPPA) / _WIDTH, -1)


class ScalarMLP(EquivariantModule):
    """Three hidden layers with leaky ReLU on the scalars of each particle; other irreps pass.

    Parameters
    ----------
    irreps
        Features, scalars first. Hidden layers are twice as wide as there are scalars.
    """

    def __init__(self, irreps: Irreps) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = irreps
        scalars = irreps.terms[0][0]
        widths = [scalars, *[2 * scalars] * 3, scalars]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features with new scalars."""
        scalars, *rest = features
        x = scalars.flatten(1)
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Linear)
            x = torch.addmm(layer.bias[:, None], layer.weight, functional.leaky_relu(x) if number else x)
        return [x.view_as(scalars), *rest]

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Scalars and vectors."""
        return (cls(Irreps("3x(0,0)+2x(1,1)")),)


class LGNMessage(EquivariantModule):
    r"""Sums over neighbours of F_j and of p_ij (x) F_j, weighed by Lorentzian bells of the pair, irreps by Clebsch-Gordan products.

    The product with a four-vector is linear in the features, F -> F O_i with one matrix :math:`O_i = \sum_\mu p_i^\mu H_\mu` for all
    channels of a particle and for both terms of the factorised form.

    Parameters
    ----------
    irreps
        Irreps of the features, all of one multiplicity.
    bells
        Number of bells.
    reflections
        Leave out pseudotensors, so that the layer commutes with parity.
    outputs
        Irreps to which products are truncated.
    """

    def __init__(self, irreps: Irreps, bells: int, reflections: bool, outputs: Sequence[AnyIrrep]) -> None:
        super().__init__()
        product = VectorProduct(irreps, reflections, outputs)
        self.parity = reflections
        self.irreps_in, self.irreps_out = irreps, irreps + product.irreps_out
        self.bells = LorentzianBells(bells, common_multiplicity(irreps))
        self.dims = [irrep.dim for irrep in irreps.irreps]
        self.sizes = [irrep.dim for irrep in product.irreps_out.irreps]
        self.table = Constant(product.table())  # H, (4, components, outputs)

    def forward(self, features: Sequence[Tensor], vectors: Tensor, s: Tensor, graph: Graph = ALL_PAIRS) -> list[Tensor]:
        """Aggregated features, then their products with p_i - p_j.

        Parameters
        ----------
        features
            F_j, tensors (channels, jets, particles, dim).
        vectors
            p_i, shape (jets, particles, 4).
        s
            The pair invariant, shape (*pairs), negative where there is no pair.
        graph
            Who is a neighbour of whom.
        """
        x = torch.cat(list(features), -1)
        table = self.table.like(x)
        operators = (vectors.flatten(0, 1) @ table.flatten(1)).view(vectors.shape[:2].numel(), *table.shape[1:])
        plain, directed = self.bells(s, torch.cat((x, _operate(operators, x)), -1), x.shape[-1], graph)
        summed, crossed = directed.split(table.shape[1:], -1)
        products = _operate(operators, summed) - crossed
        return [*plain.split(self.dims, -1), *products.split(self.sizes, -1)]

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """Scalars and vectors, and all irreps up to maxdim 3 with pseudotensors."""
        both, every = Irreps("2x(0,0)+2x(1,1)"), real_irreps(3)
        return cls(both, 4, True, every), cls(Irreps([(2, irrep) for irrep in every]), 4, False, every)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features, momenta and a pair invariant."""
        vectors = torch.randn((2, 5, 4), generator=generator, dtype=torch.float64)
        s = torch.rand((2, 5, 5), generator=generator, dtype=torch.float64) - 0.1
        return *super().example_inputs(generator), (vectors, VECTOR), (s, None)


def _operate(operators: Tensor, x: Tensor) -> Tensor:
    """Matrices (jets * particles, D, P) on features (channels, jets, particles, D)."""
    return (x.flatten(1, 2).transpose(0, 1) @ operators).transpose(0, 1).reshape(*x.shape[:-1], operators.shape[-1])


class LGNLevel(EquivariantModule):
    """One Clebsch-Gordan level, see the module; scalars of padding are not masked in it.

    Parameters
    ----------
    irreps_in, irreps_out
        Features before and after, scalars first, each with one multiplicity for all irreps. Products are truncated to ``irreps_out``.
    bells
        Number of Lorentzian bells.
    hodge
        Let mixing use the Hodge star, and products make pseudotensors.
    """

    def __init__(self, irreps_in: Irreps, irreps_out: Irreps, bells: int, hodge: bool = False) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = irreps_in, irreps_out
        self.parity = not hodge
        self.message = LGNMessage(irreps_in, bells, not hodge, irreps_out.irreps)
        self.square = SelfProduct(irreps_in, not hodge, irreps_out.irreps)
        together = self.message.irreps_out + irreps_in + self.square.irreps_out
        self.mixing = IrrepMixing(together, irreps_out, bias=False, hodge=hodge)
        self.mlp = ScalarMLP(irreps_out)

    def forward(self, features: Sequence[Tensor], vectors: Tensor, s: Tensor, graph: Graph = ALL_PAIRS) -> list[Tensor]:
        """New features; arguments as in :class:`LGNMessage`."""
        sums = self.message(features, vectors, s, graph)
        return self.mlp(self.mixing([*sums, *features, *self.square(features)]))

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """A first and a later level, and one with pseudotensors."""
        both, all_irreps = Irreps("2x(0,0)+2x(1,1)"), Irreps("3x(0,0)+3x(1,1)+3x((2,0)+(0,2))+3x(2,2)")
        return cls(both, all_irreps, 4), cls(all_irreps, all_irreps, 4), cls(all_irreps, all_irreps, 4, hodge=True)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features, momenta and a pair invariant."""
        return self.message.example_inputs(generator)


class LGNNetwork(nn.Module):
    """The network behind the front end.

    Parameters
    ----------
    irreps
        Features of the inner levels, scalars first, with one multiplicity for all irreps. The first features (scalars and vectors)
        and the last have half as many channels.
    levels
        Number of Clebsch-Gordan levels, at least one.
    bells
        Number of Lorentzian bells of each level.
    n_references, n_extra
        See :class:`~lorentznet.nn.embedding.ParticleScalars`.
    outputs
        Number of logits.
    hodge
        See :class:`LGNLevel`.
    """

    def __init__(
        self, irreps: Irreps, levels: int, bells: int, n_references: int, n_extra: int, outputs: int, hodge: bool = False
    ) -> None:
        super().__init__()
        channels = common_multiplicity(irreps)
        half = max(1, channels // 2)
        ends = [Irreps([(half, irrep) for irrep in kinds]) for kinds in ((SCALAR, VECTOR), irreps.irreps)]
        self.irreps = [ends[0], *[irreps] * (levels - 1), ends[1]]
        self.features = ParticleScalars(n_references, n_extra)
        self.embed_scalars = nn.Linear(self.features.n_features, half, bias=False)
        self.embed_vectors = nn.Parameter(torch.randn(half))
        self.levels = nn.ModuleList(LGNLevel(before, after, bells, hodge) for before, after in pairwise(self.irreps))
        self.invariants = [IrrepInvariants(irreps) for irreps in self.irreps]
        self.readout = nn.Linear(sum(invariants.count for invariants in self.invariants), outputs)

    def forward(self, frame: JetFrame, extra: Tensor | None) -> Tensor:
        """Logits, shape (jets, outputs)."""
        present = frame.nodes[..., None]
        # reference vectors that take part as particles are of order one as they are
        vectors = torch.where(present, frame.momenta * torch.where(frame.mask[..., None], MOMENTUM, 1.0).to(frame.momenta), 0)
        scalars = self.features(frame, extra)
        features = [
            (self.embed_scalars.weight @ scalars.flatten(1)).view(len(self.embed_vectors), *frame.mask.shape, 1),
            self.embed_vectors.view(-1, 1, 1, 1) * vectors,
        ]
        graph = graph_of(frame)
        s = pair_argument(frame, graph)
        found = [self.invariants[0](features, frame.time)]
        for level, invariants in zip(self.levels, self.invariants[1:], strict=True):
            features = level(features, vectors, s, graph)
            features[0] = torch.where(present, features[0], 0)  # the MLP has biases
            found.append(invariants(features, frame.time))
        jets = torch.where(frame.mask, torch.cat(found), 0).sum(-1).T / NEIGHBOURS
        return self.readout(jets)
