r"""The published Clifford network for top tagging (CGENN, 2023): messages on all edges, fully connected geometric products.

With x multivectors, h scalars, p momenta, and P a product of :mod:`lorentznet.nn.cgenn_product` followed by its layer norm, a layer is

.. math::
    m_{ij} &= P[x_i, x_j, x_i - x_j, p_i - p_j, p_i, p_j], \\
    \mu_{ij} &= \mathrm{MLP}[\mathrm{inv}(m_{ij}), h_i, h_j, h_i - h_j], \\
    X_i &= \langle m_{ij}\, \sigma(\mathrm{MLP}(\mu_{ij})) \rangle_j, \qquad H_i = \langle \mu_{ij} \rangle_j, \\
    h'_i &= \mathrm{MLP}[h_i, H_i, \mathrm{inv}(x_i), f_i], \qquad x'_i = P[x_i, X_i, p_i]\, \sigma(\mathrm{MLP}(h'_i)),

with means over neighbours, invariants inv(x) = (x_0, q_1, ..., q_4) of each multivector, and features f of a node: psi of its mass, for
particles and for beams, psi(t) = sgn(t) ln(1 + \|t\|). Means of h and inv(x) over the nodes of a jet are read out by an MLP.

Ruhe, Brandstetter, Forré, Clifford Group Equivariant Neural Networks, arXiv:2305.11141. The functions are the published ones, numbers of
parameters included; edges are evaluated by matrix products of nodes, see :mod:`lorentznet.nn.cgenn_pairs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lorentznet.group.irreps import Irrep
from lorentznet.group.multivectors import Multivectors
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.cgenn_frame import BeamJets
from lorentznet.nn.cgenn_pairs import gated_sum, grade_squares, pair_products, pair_table
from lorentznet.nn.cgenn_product import FullyConnectedProduct, MultivectorLayerNorm
from lorentznet.nn.multivector import ALL_GRADES


class WeightedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of features that come in parts (jets, features, rows), where rows of weight 0 have no part in it.

    On several devices each of them normalises over its own jets.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def parts(self, parts: Sequence[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
        """Normalised parts; in training with mean and variance of all rows of all parts, weights (jets, rows) being 0 or 1."""
        if not self.training:
            factor = self.weight / (self.running_var + self.eps).sqrt()
            return [_affine(x - self.running_mean[:, None], factor, self.bias) for x in parts]
        number = torch.stack([w.sum() for w in weights]).sum()
        mean = _total(parts, weights) / number.clamp_min(1)
        parts = [x - mean[:, None] for x in parts]
        variance = _total([x.square() for x in parts], weights) / number.clamp_min(1)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * number / (number - 1).clamp_min(1), self.momentum)
        factor = self.weight / (variance + self.eps).sqrt()
        return [_affine(x, factor, self.bias) for x in parts]


def _affine(x: Tensor, factor: Tensor, shift: Tensor) -> Tensor:
    return torch.addcmul(shift[:, None], x, factor[:, None])


def _total(parts: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Weighted sum over jets and rows, shape (features,)."""
    return torch.stack([torch.bmm(x, w[..., None]).sum(0)[:, 0] for x, w in zip(parts, weights, strict=True)]).sum(0)


def _linear(layer: Any, x: Tensor) -> Tensor:
    """A linear layer on features (jets, features, rows)."""
    return torch.baddbmm(layer.bias[:, None], layer.weight.expand(len(x), -1, -1), x)


def _gate(mlp: nn.Sequential, h: Tensor) -> Tensor:
    """Numbers between 0 and 1 for every grade and channel, shape (jets, 5, channels, rows)."""
    hidden = functional.relu(_linear(mlp[0], h), inplace=True)
    return torch.sigmoid(_linear(mlp[2], hidden)).unflatten(1, (-1, 5)).transpose(1, 2)


def invariants(x: Tensor) -> Tensor:
    """x_0 and the squares q of grades 1 ... 4 of multivectors (16, channels, ...), shape (channels x 5, ...)."""
    return torch.cat((x[:1], ALL_GRADES.squares(x)[1:])).transpose(0, 1).flatten(0, 1)


class CGENNMessage(EquivariantModule):
    """Means over neighbours of gated products on edges, and of an MLP of their invariants.

    Parameters
    ----------
    multivectors, scalars
        Channels of a node.
    """

    def __init__(self, multivectors: int, scalars: int) -> None:
        super().__init__()
        c = multivectors
        self.irreps_in, self.irreps_out = Multivectors(c), (Multivectors(c), None)
        self.product, self.norm = FullyConnectedProduct(3 * c + 3, c), MultivectorLayerNorm(c)
        self.first, self.batch_norm = nn.Linear(5 * c + 3 * scalars, scalars, bias=False), WeightedBatchNorm(scalars)
        self.second = nn.Linear(scalars, scalars)
        self.gate = nn.Sequential(nn.Linear(scalars, scalars), nn.ReLU(), nn.Linear(scalars, 5 * c))

    def forward(self, x: Tensor, h: Tensor, p: Tensor, nodes: Tensor, embedding: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """X and H.

        Parameters
        ----------
        x
            Multivectors, shape (16, channels, jets, nodes).
        h
            Scalars, shape (channels, jets, nodes).
        p
            Momenta, shape (jets, nodes, 4).
        nodes
            Which nodes there are, shape (jets, nodes), bool. Only they hear and are heard, each of all others.
        embedding
            Of multivectors that are x = b + w p, both shape (channels, 2), (b, w): two channels then do for all others, 1 and p.
        """
        c = x.shape[1]
        ends = self._ends(c, x)
        if embedding is None:
            z = torch.cat((x, grade_one(p)), 1)
        else:
            z = torch.cat((functional.pad(torch.ones_like(x[:1, :1]), (0, 0) * 3 + (0, 15)), grade_one(p)), 1)
            of_features = torch.cat((embedding, embedding.new_tensor([[0.0, 1.0]])))
            ends = [end @ of_features for end in ends]
        z, h = torch.where(nodes, z, 0), torch.where(nodes, h, 0)
        filled = [slice(c), slice(2 * c, -1)], [slice(c, 3 * c + 1), slice(3 * c + 2, None)]
        own = [self.product.of_combined(z, *end) for end in zip(ends, filled, strict=True)]
        bias = self.product.left.bias
        assert bias is not None
        own[0] = torch.cat((own[0][:1] + bias[:, None, None] / 2**0.5, own[0][1:]))
        _, of_receiver, of_sender, of_difference = self.first.weight.split((5 * c, *[len(h)] * 3), 1)
        heard = [
            (weight @ h.flatten(1)).view(len(weight), *nodes.shape)
            for weight in (of_receiver + of_difference, of_sender - of_difference)
        ]
        table = pair_table(self.product, *ends)
        products, scales, hidden, real = [], [], [], []
        for jets, number in _portions(nodes):
            kept, first, second, third, fourth = (y.movedim(-2, 0)[jets, ..., :number] for y in (z, *own, *heard))
            made = pair_products(table, kept, first[..., None, :] + second[..., None])
            squares = grade_squares(made)
            scale = self.norm.scale(squares.sum(1).transpose(0, 1)).transpose(0, 1)
            seen = torch.cat(((made[:, 0] * scale)[:, None], squares[:, 1:] * scale.square()[:, None]), 1)
            base = (third[..., None, :] + fourth[..., None]).flatten(2)
            hidden.append(torch.baddbmm(base, self._of_invariants(c).expand(len(base), -1, -1), seen.flatten(1, 2)))
            present = nodes[jets, :number]
            others = ~torch.eye(number, dtype=torch.bool, device=nodes.device)
            real.append((present[:, :, None] & present[:, None] & others).flatten(1).to(x.dtype))
            products.append(made)
            scales.append(scale)
        hidden = self.batch_norm.parts(hidden, real)
        sums = [self._heard(*part) for part in zip(products, scales, hidden, real, strict=True)]
        width = nodes.shape[1]
        neighbours = (nodes.sum(1, keepdim=True) - 1).clamp_min(1)
        new_x, new_h = (
            torch.cat([functional.pad(y, (0, width - y.shape[-1])) for y in part]) for part in zip(*sums, strict=True)
        )
        return new_x.movedim(0, 2) / neighbours, new_h.movedim(0, 1) / neighbours

    def _heard(self, product: Tensor, scale: Tensor, hidden: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over j: multivectors (jets, 16, channels, i) and scalars (jets, channels, i)."""
        number = round(real.shape[1] ** 0.5)
        h = functional.relu(_linear(self.second, functional.relu(hidden)), inplace=True)
        gates = _gate(self.gate, h) * (scale * real[:, None])[:, None]
        return gated_sum(product, gates, number), (h * real[:, None]).unflatten(-1, (number, number)).sum(-2)

    def _of_invariants(self, channels: int) -> Tensor:
        """Weights of the first linear map for invariants with grades before channels."""
        return self.first.weight[:, : 5 * channels].unflatten(1, (channels, 5)).transpose(1, 2).flatten(1)

    @staticmethod
    def _ends(channels: int, like: Tensor) -> list[Tensor]:
        """A and B of [x_i, x_j, x_i - x_j, p_i - p_j, p_i, p_j] = A z_i + B z_j, z = (x, p)."""
        one = torch.eye(channels + 1, dtype=like.dtype, device=like.device)
        x, p, none = one[:-1], one[-1:], torch.zeros_like(one)
        return [torch.cat((x, none[:-1], x, p, p, none[-1:])), torch.cat((none[:-1], x, -x, -p, none[-1:], p))]

    @classmethod
    def examples(cls) -> Sequence[EquivariantModule]:
        """A small one."""
        return (cls(2, 3).eval(),)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        """Features, scalars, momenta and who is there."""
        h = torch.randn((self.second.in_features, 2, 5), generator=generator, dtype=torch.float64)
        p = torch.randn((2, 5, 4), generator=generator, dtype=torch.float64)
        return *super().example_inputs(generator), (h, None), (p, Irrep(1, 1)), (torch.ones(2, 5, dtype=torch.bool), None)


def grade_one(p: Tensor) -> Tensor:
    """Four-vectors (jets, nodes, 4) as multivectors (16, 1, jets, nodes)."""
    return functional.pad(p.movedim(-1, 0)[:, None], (0, 0, 0, 0, 0, 0, 1, 11))


def _portions(nodes: Tensor) -> list[tuple[slice, int]]:
    """Jets, and how many nodes they have at most: one by one on a CPU, where their pairs fit the cache."""
    if nodes.device.type != "cpu":
        return [(slice(None), nodes.shape[1])]
    last = (nodes * torch.arange(1, nodes.shape[1] + 1)).amax(1).tolist()
    return [(slice(jet, jet + 1), number) for jet, number in enumerate(last)]


class CGENNLayer(nn.Module):
    """One layer, see the module.

    Parameters
    ----------
    multivectors, scalars
        Channels of a node.
    """

    def __init__(self, multivectors: int, scalars: int) -> None:
        super().__init__()
        c, s = multivectors, scalars
        self.message = CGENNMessage(c, s)
        self.product, self.norm = FullyConnectedProduct(2 * c + 1, c), MultivectorLayerNorm(c)
        self.first, self.batch_norm = nn.Linear(2 * s + 5 * c + 2, s), WeightedBatchNorm(s)
        self.second = nn.Linear(s, s)
        self.gate = nn.Sequential(nn.Linear(s, s), nn.ReLU(), nn.Linear(s, 5 * c))

    def forward(
        self, x: Tensor, h: Tensor, p: Tensor, features: Tensor, nodes: Tensor, counted: Tensor, embedding: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """New multivectors (16, channels, jets, nodes) and scalars (channels, jets, nodes); ``counted`` nodes are normalised over."""
        heard_x, heard_h = self.message(x, h, p, nodes, embedding)
        together = torch.cat((h, heard_h, invariants(x), features)).flatten(1)[None]
        weights = counted.flatten()[None].to(h.dtype)
        hidden = self.batch_norm.parts([_linear(self.first, together)], [weights])[0]
        new = _linear(self.second, functional.relu(hidden))
        gates = ALL_GRADES.spread(_gate(self.gate, new)[0]).unflatten(-1, nodes.shape)
        x = self.norm(self.product(torch.cat((x, heard_x, grade_one(p)), 1))) * gates
        return x, new[0].unflatten(-1, nodes.shape)


class CGENN(nn.Module):
    """The network behind :class:`~lorentznet.nn.cgenn_frame.BeamParticles`; the defaults are published.

    Parameters
    ----------
    multivectors, scalars, layers, hidden
        Channels of a node, number of layers, and hidden units of the read-out.
    dropout
        Share of these that is dropped in training.
    classes
        Number of classes. There is an output for each of them.
    padded
        Treat padding as published: it counts in the mean over nodes, and in training it is normalised over. The logits of a jet then
        depend on the longest jet of its batch.
    """

    def __init__(
        self,
        multivectors: int = 8,
        scalars: int = 72,
        layers: int = 4,
        hidden: int = 64,
        dropout: float = 0.2,
        classes: int = 2,
        padded: bool = False,
    ) -> None:
        super().__init__()
        self.padded, self.classes = padded, classes
        self.embed_scalars = nn.Linear(2, scalars)
        self.embed_vectors = nn.Linear(1, multivectors)
        self.layers = nn.ModuleList(CGENNLayer(multivectors, scalars) for _ in range(layers))
        self.readout = nn.Sequential(
            nn.Linear(scalars + 5 * multivectors, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)
        )
        nn.init.normal_(self.embed_vectors.weight)
        nn.init.zeros_(self.embed_vectors.bias)

    def forward(self, frame: BeamJets, extra: None = None) -> Tensor:
        """Log-odds (jets, 1) of two classes, or logits (jets, classes)."""
        nodes, classes = frame.nodes, self.classes
        if not len(nodes):  # products of arrays without elements have no shape
            return frame.momenta.new_zeros((0, 1 if classes == 2 else classes))
        p = torch.where(nodes[..., None], frame.momenta, 0)
        masses = torch.where(nodes, frame.masses, 0)
        features = torch.log1p(torch.stack((torch.where(frame.mask, masses, 0), torch.where(frame.mask, 0, masses))))
        h = self.embed_scalars(features.movedim(0, -1)).movedim(-1, 0)
        x = grade_one(p) * self.embed_vectors.weight[..., None]
        x = torch.cat((x[:1] + self.embed_vectors.bias[:, None, None], x[1:]))
        counted = torch.ones_like(nodes) if self.padded else nodes
        embedding = torch.cat((self.embed_vectors.bias[:, None], self.embed_vectors.weight), 1)
        for number, layer in enumerate(self.layers):
            x, h = layer(x, h, p, features, nodes, counted, None if number else embedding)
        summed = torch.where(nodes, torch.cat((h, invariants(x))), 0).sum(-1).T
        logits: Tensor = self.readout(summed / counted.sum(1, keepdim=True))
        return logits[:, 1:] - logits[:, :1] if classes == 2 else logits
