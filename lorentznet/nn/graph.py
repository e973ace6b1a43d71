r"""Sums over neighbours, on all pairs of a jet or on the edges of a sparse graph: the same function, two ways to store it.

A quantity of pairs is an array (..., jets, particles, particles) in a :class:`DenseGraph`, and (..., edges) in a :class:`SparseGraph`;
layers that combine pair quantities linearly, or number by number, are written once for both.

.. math:: Y_i = \sum_{j \in N(i)} f_{ij}\, x_j

The sparse sum is a ``MessagePassing`` of PyTorch Geometric that gathers and adds up in one pass, so that the messages of all edges are
never an array. Its gradients are sums of the same kind, over the edges that leave a particle, in a fixed order: they do not depend on the
number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional
from torch_geometric.nn import MessagePassing

from lorentznet.nn.fused_sums import FusedWeights, PairWeights
from lorentznet.nn.pair_sums import channel_groups, pair_sums
from lorentznet.nn.pairs import pair_mask

if TYPE_CHECKING:
    from lorentznet.nn.frame import JetFrame

_PIECE = 4096


@dataclass(frozen=True)
class DenseGraph:
    """Every particle is a neighbour of every other one of its jet.

    Attributes
    ----------
    real : Tensor, shape (jets, particles, particles), bool, or None
        True for pairs of two different real particles; None where weights vanish by themselves for all others.
    """

    real: Tensor | None = None

    def pairs(self, values: Tensor) -> Tensor:
        """A quantity of pairs, given as (jets, particles, particles), as this graph keeps it."""
        return values

    def receivers(self, x: Tensor) -> Tensor:
        """x_i on pairs (i, j); ``x`` is (channels, jets, particles). An axis of length one is left for broadcasting."""
        return x[..., :, None]

    def senders(self, x: Tensor) -> Tensor:
        """x_j on pairs (i, j)."""
        return x[..., None, :]

    def sum(self, weights: PairWeights, x: Tensor) -> Tensor:
        """sum_j f_ij x_j, shape (channels, jets, particles, dim).

        Parameters
        ----------
        weights
            f, shape (channels, jets, particles, particles), zero where a particle is missing; or the recipe for it.
        x
            Shape (channels, jets, particles, dim).
        """
        return self.sums(weights, (x,))[0]

    def sums(self, weights: PairWeights, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """The same for several x at once, each with its own channels of f, see :func:`~lorentznet.nn.pair_sums.pair_sums`."""
        return weights.sums(parts) if isinstance(weights, FusedWeights) else pair_sums(weights, parts)


@dataclass(frozen=True)
class EdgeEnds:
    """One end of every edge.

    Attributes
    ----------
    node : Tensor, shape (edges,)
        The particle at this end, counted through the padded batch.
    order : Tensor, shape (edges,), or None
        The edges ordered by this particle; None if they are in this order already.
    offsets : Tensor, shape (particles + 1,)
        In that order, the edges of particle n are ``offsets[n]`` to ``offsets[n + 1]``.
    """

    node: Tensor
    order: Tensor | None
    offsets: Tensor


@dataclass(frozen=True)
class SparseGraph:
    """Edges from the neighbours of each particle, all jets of the batch in one graph.

    Attributes
    ----------
    adjacency : Tensor, shape (jets, particles, particles), bool
        True at [i, j] if j is a neighbour of i.
    edge_index : Tensor, shape (2, edges)
        Neighbour j and particle i of each edge, as PyTorch Geometric has it, ordered by i, then j. Particles are counted through the
        padded batch: particle n of jet b has the number b * width + n.
    sources, targets : EdgeEnds
        The two rows of ``edge_index``, ready for sums.
    """

    adjacency: Tensor
    edge_index: Tensor
    sources: EdgeEnds
    targets: EdgeEnds
    real: None = None

    @classmethod
    def of(cls, adjacency: Tensor) -> SparseGraph:
        """The graph with these neighbours, see ``adjacency``."""
        jet, particle, neighbour = adjacency.nonzero(as_tuple=True)
        start = jet * adjacency.shape[-1]
        senders, receivers = start + neighbour, start + particle
        return cls(
            adjacency,
            torch.stack((senders, receivers)),
            EdgeEnds(senders, senders.argsort(stable=True), _offsets(adjacency.sum(-2))),
            EdgeEnds(receivers, None, _offsets(adjacency.sum(-1))),
        )

    def pairs(self, values: Tensor) -> Tensor:
        """A quantity of pairs, given as (jets, particles, particles), as this graph keeps it."""
        return values.masked_select(self.adjacency)

    def receivers(self, x: Tensor) -> Tensor:
        """x_i on edges, (channels, edges); ``x`` is (channels, jets, particles)."""
        return _take(x.flatten(1).T, self.targets).T

    def senders(self, x: Tensor) -> Tensor:
        """x_j on edges, (channels, edges)."""
        return _take(x.flatten(1).T, self.sources).T

    def sum(self, weights: PairWeights, x: Tensor) -> Tensor:
        """sum_j f_ij x_j, shape (channels, jets, particles, dim), of f (channels, edges) and x (channels, jets, particles, dim)."""
        assert isinstance(weights, Tensor), "weights that are not computed yet are those of all pairs"
        summed: Tensor = _EDGE_SUM(x.flatten(1, 2), weights, self)
        return summed.view(x.shape)

    def sums(self, weights: PairWeights, parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The same for several x at once, each with its own channels of f."""
        assert isinstance(weights, Tensor), "weights that are not computed yet are those of all pairs"
        return tuple(self.sum(f, x) for f, x in channel_groups(weights, parts))


Graph = DenseGraph | SparseGraph
ALL_PAIRS = DenseGraph()
"""The graph of weights that are zero by themselves where there is no pair."""


def graph_of(frame: JetFrame) -> Graph:
    """The graph that the front end chose: all pairs, or the edges of ``frame.neighbours``."""
    if frame.neighbours is None:
        return DenseGraph(pair_mask(frame.nodes))
    return SparseGraph.of(frame.neighbours)


class EdgeSum(MessagePassing):
    """sum_j f_ij x_j over the edges of a graph; the sparse twin of a product of the matrix f with x."""

    def __init__(self) -> None:
        super().__init__(aggr="sum")

    def forward(self, x: Tensor, weights: Tensor, graph: SparseGraph) -> Tensor:
        """Shape (channels, particles, dim), of x with the same shape and weights (channels, edges)."""
        return self.propagate(graph.edge_index, x=x, weights=weights, graph=graph)

    def message(self, weights: Tensor) -> Tensor:
        """f_ij; x_j is fetched later, while summing."""
        return weights

    def aggregate(self, inputs: Tensor, x: Tensor, graph: Any) -> Tensor:
        """Sums of f_ij x_j at each particle."""
        return _WeightedSum.apply(inputs, x, graph.sources, graph.targets)


_EDGE_SUM = EdgeSum()


class _WeightedSum(torch.autograd.Function):
    """sum over the edges that end at a particle of weights (channels, edges) times x (channels, particles, dim) at their other end."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, x: Tensor, source: EdgeEnds, target: EdgeEnds) -> Tensor:
        ctx.save_for_backward(weights, x)
        ctx.ends = source, target
        channels, edges = weights.shape
        channel = torch.arange(channels, device=x.device)[:, None]
        node, ordered = source.node, weights
        if target.order is not None:
            node, ordered = node[target.order], weights.index_select(1, target.order)
        rows = (channel * x.shape[1] + node).flatten()
        starts = torch.cat(((channel * edges + target.offsets[:-1]).flatten(), target.offsets.new_tensor([channels * edges])))
        table = x.reshape(-1, x.shape[2])
        summed = functional.embedding_bag(
            rows, table, starts, mode="sum", per_sample_weights=ordered.flatten(), include_last_offset=True
        )
        return summed.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (weights, x), (source, target) = ctx.saved_tensors, ctx.ends
        by_weights = _EdgeProduct.apply(gradients[0], x, target, source) if ctx.needs_input_grad[0] else None
        by_x = _WeightedSum.apply(weights, gradients[0], target, source) if ctx.needs_input_grad[1] else None
        return by_weights, by_x, None, None


class _EdgeProduct(torch.autograd.Function):
    """Scalar product of x at one end of an edge with y at the other, (channels, edges), of x and y (channels, particles, dim)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, first: EdgeEnds, second: EdgeEnds) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.ends = first, second
        x, y = x.contiguous(), y.contiguous()
        # Small pieces stay in the cache of a processor; a GPU wants few and large ones.
        size = _PIECE if x.device.type == "cpu" else max(first.node.numel(), 1)
        pieces = list(zip(first.node.split(size), second.node.split(size), strict=True))
        return torch.stack(
            [
                torch.cat([torch.linalg.vecdot(u.index_select(0, i), v.index_select(0, j)) for i, j in pieces])
                for u, v in zip(x.unbind(0), y.unbind(0), strict=True)
            ]
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (x, y), (first, second) = ctx.saved_tensors, ctx.ends
        by_x = _WeightedSum.apply(gradients[0], y, second, first) if ctx.needs_input_grad[0] else None
        by_y = _WeightedSum.apply(gradients[0], x, first, second) if ctx.needs_input_grad[1] else None
        return by_x, by_y, None, None


class _Take(torch.autograd.Function):
    """From particles, shape (particles, ...), to one end of the edges; its gradient adds up in the order of the edges."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ends: EdgeEnds) -> Tensor:
        ctx.ends = ends
        return x.index_select(0, ends.node)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _add_up(gradients[0], ctx.ends), None


class _AddUp(torch.autograd.Function):
    """From edges, shape (edges, ...), to sums at one end of them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, ends: EdgeEnds) -> Tensor:
        ctx.ends = ends
        rows = values.flatten(1) if values.ndim > 1 else values[:, None]
        ordered = rows.contiguous() if ends.order is None else rows.index_select(0, ends.order)
        summed = torch.segment_reduce(ordered, "sum", offsets=ends.offsets, axis=0, initial=0, unsafe=True)
        return summed.view(summed.shape[0], *values.shape[1:])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _take(gradients[0], ctx.ends), None


def _take(x: Tensor, ends: EdgeEnds) -> Tensor:
    return _Take.apply(x, ends)


def _add_up(values: Tensor, ends: EdgeEnds) -> Tensor:
    return _AddUp.apply(values, ends)


def _offsets(counts: Tensor) -> Tensor:
    """0, n_0, n_0 + n_1, ... of the numbers of edges of each particle."""
    return torch.cat((counts.new_zeros(1), counts.flatten().cumsum(0)))
