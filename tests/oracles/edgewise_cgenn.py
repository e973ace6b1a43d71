"""The CGENN top tagger of 2023 computed edge by edge, from its formulae: the oracle of ``lorentznet.nn.cgenn``.

One row for each edge of the complete graph without self-edges, each with all 27 multivectors that its product takes, 16 components last.
The weighted product is the dense contraction with weights and structure constants, in the order of least work (that of opt_einsum and
``numpy.einsum_path``): first the products of all components of both factors, then one matrix product with the table of
both. Modules and parameters have the names and shapes under which the published network stores them, so that a state dictionary of
this class is one in that layout.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from lorentznet.group.clifford import CliffordAlgebra

CL = CliffordAlgebra(1, 3)
GRADES = CL.grades.tolist()
PATHS = sorted((left, out, right) for left, right, out in CL.grade_paths)
"""Grades (left factor, product, right factor) in the order in which weights are stored."""


class Algebra(nn.Module):
    """Constants that are stored along with the weights, once for every module that has a use for them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("metric", CL.metric.float())
        self.register_buffer("cayley", CL.cayley.transpose(1, 2).float())
        self.register_buffer("subspaces", torch.tensor(CL.grade_dims))

    def of_grades(self, weights: Tensor) -> Tensor:
        """One number for each grade, last axis, handed to its components."""
        return weights[..., CL.grades.to(weights.device)]


def invariants(x: Tensor) -> Tensor:
    """x_0 and the squares q of grades 1 ... 4, shape (rows, channels, 5)."""
    return torch.cat((x[..., :1], CL.grade_squares(x)[..., 1:]), -1)


class MVLinear(nn.Module):
    """Channels mixed, grade by grade or all grades alike, and a constant on the scalar component."""

    def __init__(self, algebra: Algebra, channels_in: int, channels_out: int, grades: bool = True, bias: bool = True) -> None:
        super().__init__()
        self.algebra = algebra
        shape = (channels_out, channels_in, 5) if grades else (channels_out, channels_in)
        self.weight = nn.Parameter(torch.randn(shape) / math.sqrt(channels_in))
        self.bias = nn.Parameter(torch.zeros(1, channels_out, 1)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        weight = (
            self.weight[..., None].expand(*self.weight.shape, 16)
            if self.weight.ndim == 2
            else self.algebra.of_grades(self.weight)
        )
        y = torch.einsum("nmc,bmc->bnc", weight, x)
        return y if self.bias is None else torch.cat((y[..., :1] + self.bias, y[..., 1:]), -1)


class SteerableProduct(nn.Module):
    """(left(x)_m + sum_n,paths w_mnp <x_n right(x)_n>) / sqrt 2."""

    def __init__(self, algebra: Algebra, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.algebra = algebra
        self.linear_right = MVLinear(algebra, channels_in, channels_in, bias=False)
        self.linear_left = MVLinear(algebra, channels_in, channels_out)
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, len(PATHS)) / math.sqrt(5 * channels_in))

    def table(self) -> Tensor:
        """w_mnp(i,j,k) C_ikj, shape (n i k, m j)."""
        number = torch.zeros(16, 16, 16, dtype=torch.int64)  # left, right, out
        for i, k, j in CL.cayley.nonzero().tolist():
            number[i, k, j] = PATHS.index((GRADES[i], GRADES[j], GRADES[k]))
        weighted = self.weight[..., number.to(self.weight.device)] * CL.cayley.to(self.weight)
        return weighted.permute(1, 2, 3, 0, 4).flatten(0, 2).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        pairs = x[..., :, None] * self.linear_right(x)[..., None, :]
        product = pairs.flatten(1) @ self.table()
        return (self.linear_left(x) + product.view(len(x), -1, 16)) / math.sqrt(2)


class MVLayerNorm(nn.Module):
    """a_c x_c / (mean over channels of (q^2 + 1e-16)^(1/4) + 1e-6), q over all grades with their signs."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.ones(1, channels))

    def forward(self, x: Tensor) -> Tensor:
        q = CL.inner(x, x)
        return self.a[..., None] * x / ((q**2 + 1e-16) ** 0.25).mean(1)[:, None, None].add(1e-6)


class Layer(nn.Module):
    """Messages on edges, then new multivectors and scalars of nodes."""

    def __init__(self, algebra: Algebra, multivectors: int = 8, scalars: int = 72) -> None:
        super().__init__()
        self.algebra = algebra
        c, s = multivectors, scalars
        self.phi_x = nn.Sequential(SteerableProduct(algebra, 3 * c + 3, c), MVLayerNorm(c))
        self.theta_x = nn.Sequential(SteerableProduct(algebra, 2 * c + 1, c), MVLayerNorm(c))
        self.phi_h = nn.Sequential(
            nn.Linear(5 * c + 3 * s, s, bias=False), nn.BatchNorm1d(s), nn.ReLU(), nn.Linear(s, s), nn.ReLU()
        )
        self.theta_h = nn.Sequential(nn.Linear(2 * s + 5 * c + 2, s), nn.BatchNorm1d(s), nn.ReLU(), nn.Linear(s, s))
        self.psi_x = nn.Sequential(nn.Linear(s, s), nn.ReLU(), nn.Linear(s, 5 * c))
        self.chi_x = nn.Sequential(nn.Linear(s, s), nn.ReLU(), nn.Linear(s, 5 * c))

    def gate(self, mlp: nn.Module, h: Tensor, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.algebra.of_grades(mlp(h).view(len(h), -1, 5)))

    def forward(self, x: Tensor, h: Tensor, p: Tensor, features: Tensor, edges: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        i, j = edges
        m_x = self.phi_x(torch.cat((x[i], x[j], x[i] - x[j], (p[i] - p[j])[:, None], p[i][:, None], p[j][:, None]), 1))
        m_h = self.phi_h(torch.cat((invariants(m_x).flatten(1), h[i], h[j], h[i] - h[j]), 1))
        m_x = self.gate(self.psi_x, m_h, m_x)
        degree = torch.zeros_like(h[:, 0]).index_add(0, i, torch.ones_like(m_h[:, 0])).clamp_min(1)
        x_sum = torch.zeros_like(x).index_add(0, i, m_x) / degree[:, None, None]
        h_sum = torch.zeros_like(h).index_add(0, i, m_h) / degree[:, None]
        new_x = self.theta_x(torch.cat((x, x_sum, p[:, None]), 1))
        new_h = self.theta_h(torch.cat((h, h_sum, invariants(x).flatten(1), features), 1))
        return self.gate(self.chi_x, new_h, new_x), new_h


class EdgewiseCGENN(nn.Module):
    """The network behind the front end, as :class:`lorentznet.nn.cgenn.CGENN`.

    Parameters
    ----------
    padded
        Take the mean over the padded number of nodes, and let padding take part in batch normalisation, as published; else padding
        has no part in anything.
    """

    def __init__(self, padded: bool = False, classes: int = 2, dropout: float = 0.2) -> None:
        super().__init__()
        self.padded = padded
        self.algebra = Algebra()
        self.embedding_h = nn.Linear(2, 72)
        self.embedding_x = MVLinear(self.algebra, 1, 8, grades=False)
        self.CGLs = nn.ModuleList(Layer(self.algebra) for _ in range(4))
        self.graph_dec = nn.Sequential(nn.Linear(112, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, classes))

    def forward(self, frame: Any, extra: None = None) -> Tensor:
        """Log-odds (jets, 1) of two classes, or logits (jets, classes)."""
        jets, width = frame.nodes.shape
        nodes = frame.nodes
        kept = torch.ones_like(nodes).flatten().nonzero()[:, 0] if self.padded else nodes.flatten().nonzero()[:, 0]
        row = torch.full((jets * width,), -1, device=nodes.device).index_put(
            (kept,), torch.arange(len(kept), device=nodes.device)
        )
        pairs = nodes[:, :, None] & nodes[:, None] & ~torch.eye(width, dtype=torch.bool, device=nodes.device)
        jet, first, second = pairs.nonzero().T
        edges = row[jet * width + first], row[jet * width + second]
        beam = nodes & ~frame.mask
        masses = torch.where(nodes, frame.masses, 0)
        features = torch.stack((torch.where(beam, 0, masses), torch.where(beam, masses, 0)), -1)
        features = (features.sign() * (1 + features.abs()).log()).flatten(0, 1)[kept]
        p = CL.embed(torch.where(nodes[..., None], frame.momenta, 0).flatten(0, 1)[kept], 1)
        x, h = self.embedding_x(p[:, None]), self.embedding_h(features)
        for layer in self.CGLs:
            x, h = layer(x, h, p, features, edges)
        read = torch.cat((h, invariants(x).flatten(1)), 1) * nodes.flatten()[kept, None]
        jet = kept // width
        summed = torch.zeros(jets, read.shape[1], dtype=read.dtype, device=read.device).index_add(0, jet, read)
        number = torch.full_like(summed[:, :1], width) if self.padded else nodes.sum(1, keepdim=True).clamp_min(1)
        logits: Tensor = self.graph_dec(summed / number)
        return logits[:, 1:] - logits[:, :1] if logits.shape[1] == 2 else logits
