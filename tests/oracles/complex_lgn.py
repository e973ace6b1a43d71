"""The Lorentz Group Network computed the straightforward way, after the structure of 2020: the oracle of ``lorentznet.nn.lgn``.

Complex tensors in the canonical (k, n) basis, (k, n) and (n, k) side by side; edge tensors (jets, N, N, channels, dim); loops over
ordered pairs of irreps, each with its outer product, over edges for messages, and then its Clebsch-Gordan coefficients; everything
padded to the longest jet. :meth:`ComplexLGN.of` takes the weights of the real network, by decomposing its products, evaluated on basis
vectors, into complex Clebsch-Gordan products; the logits are then the same function of the same parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lorentznet.group.clebsch_gordan import canonical_clebsch_gordan
from lorentznet.group.irreps import AnyIrrep, Irrep, Irreps
from lorentznet.group.representation import cartesian_basis, conjugation
from lorentznet.nn.embedding import ParticleScalars
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.lgn import LGNNetwork
from lorentznet.nn.radial import NEIGHBOURS

SCALAR, VECTOR = Irrep(0, 0), Irrep(1, 1)
LABELS = (SCALAR, VECTOR, Irrep(2, 0), Irrep(0, 2), Irrep(2, 2))
COMPLEX = torch.complex128

Path = tuple[str, Irrep, Irrep | None]
Features = dict[Irrep, Tensor]


def paths_to(target: Irrep, present: Sequence[Irrep]) -> list[Path]:
    """All contributions to an irrep of a level, redundant ones included, in the order in which they are concatenated."""
    paths: list[Path] = [("plain", a, None) for a in present if a == target]
    paths += [("edge", a, None) for a in present if target in VECTOR * a]
    paths += [("own", a, None) for a in present if a == target]
    return paths + [("self", a, b) for a in present for b in present if target in a * b]


class ComplexLevel(nn.Module):
    """One level: messages over edge tensors, self-products, mixing, MLP.

    Parameters
    ----------
    before, after
        Numbers of channels.
    present, labels
        Irreps of the features before and after.
    bells
        Number of Lorentzian bells.
    """

    def __init__(self, before: int, after: int, present: Sequence[Irrep], labels: Sequence[Irrep], bells: int) -> None:
        super().__init__()
        self.present, self.labels = tuple(present), tuple(labels)
        self.offset, self.height, self.slope = (nn.Parameter(torch.randn(bells)) for _ in range(3))
        self.radial = nn.Linear(bells, 2 * before)
        self.paths = [paths_to(label, self.present) for label in self.labels]
        # a complex parameter as its real view (out, in, 2): optimisers and dtype changes then need no special case
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(after, len(paths) * before, 2) / math.sqrt(2 * len(paths) * before)) for paths in self.paths
        )
        widths = [after, *[2 * after] * 3, after]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), nn.LeakyReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, features: Features, edges: Tensor, s: Tensor, pairs: Tensor, mask: Tensor) -> Features:
        """New features from p_ij (jets, N, N, 4), s_ij and the mask of pairs (jets, N, N), and that of particles."""
        bells = self.offset + self.height / (1 + (self.slope * s[..., None]) ** 2)
        radial = torch.where(pairs[..., None], self.radial(bells), 0) / NEIGHBOURS
        plain, directed = radial.chunk(2, -1)
        edge_scalars, edge_vectors = plain[..., None], directed[..., None] * edges[..., None, :]
        found: dict[tuple[Path, Irrep], Tensor] = {}
        for a, x in features.items():
            neighbours = x[:, None]
            found[("plain", a, None), a] = (edge_scalars * neighbours).sum(2)
            found[("own", a, None), a] = x
            outer = (edge_vectors[..., :, None] * neighbours[..., None, :]).sum(2)
            for c in VECTOR * a:
                if c in self.labels:
                    found[("edge", a, None), c] = product(outer, VECTOR, a, c)
            for b, y in features.items():
                outer = x[..., :, None] * y[..., None, :]
                for c in a * b:
                    if c in self.labels:
                        found[("self", a, b), c] = product(outer, a, b, c)
        mixed = {}
        for label, paths, weight in zip(self.labels, self.paths, self.weights, strict=True):
            together = torch.cat([found[path, label] for path in paths], 2)
            mixed[label] = torch.einsum("oc,bicm->biom", torch.view_as_complex(weight), together)
        scalars = torch.where(mask[..., None], self.mlp(mixed[SCALAR][..., 0].real), 0)
        mixed[SCALAR] = torch.complex(scalars, torch.zeros_like(scalars))[..., None]
        return mixed


def product(outer: Tensor, a: Irrep, b: Irrep, c: Irrep) -> Tensor:
    """Clebsch-Gordan coefficients on an outer product (..., dim a, dim b)."""
    table = canonical_clebsch_gordan(a, b, c).to(outer)
    return outer.flatten(-2) @ table.flatten(0, 1)


class ComplexLGN(nn.Module):
    """The network behind the front end, as :class:`lorentznet.nn.lgn.LGNNetwork`.

    Parameters
    ----------
    channels
        Number of channels of the features before, between and after the levels.
    bells
        Number of Lorentzian bells of each level.
    features
        Number of particle scalars.
    outputs
        Number of logits.
    labels
        Irreps (k, n) that are kept.
    """

    def __init__(
        self, channels: Sequence[int], bells: int = 20, features: int = 2, outputs: int = 1, labels: Sequence[Irrep] = LABELS
    ) -> None:
        super().__init__()
        self.scalars = ParticleScalars(features - 2)
        self.labels = tuple(labels)
        self.embed_scalars = nn.Parameter(torch.randn(channels[0], features, 2) / math.sqrt(2 * features))
        self.embed_vectors = nn.Parameter(torch.randn(channels[0], 2) / math.sqrt(2))
        self.levels = nn.ModuleList(
            ComplexLevel(before, after, self.labels if number else (SCALAR, VECTOR), self.labels, bells)
            for number, (before, after) in enumerate(pairwise(channels))
        )
        rows = sum(1 if a == SCALAR else 2 if a == VECTOR else 1 for a in self.labels if a.k >= a.n)
        self.readout = nn.Linear(3 * channels[0] + rows * sum(channels[1:]), outputs)

    def forward(self, frame: JetFrame, extra: Tensor | None = None) -> Tensor:
        """Logits, shape (jets, outputs), of jets in their rest frame."""
        dtype = frame.momenta.dtype.to_complex()
        mask = frame.nodes
        units = torch.where(frame.mask, 16, 1)[..., None]
        p = (units * frame.momenta).to(dtype) @ cartesian_basis(1, 1).conj().to(dtype)  # z = Q^dagger p
        different = ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
        pairs = mask[:, :, None] & mask[:, None, :] & different
        s = torch.where(pairs, torch.log1p(frame.log_product.exp() * math.exp(12)) / 3, 0)
        edges = p[:, :, None] - p[:, None, :]
        inputs = self.scalars(frame, extra).movedim(0, -1).to(dtype)
        features = {
            SCALAR: (inputs @ torch.view_as_complex(self.embed_scalars).T)[..., None],
            VECTOR: torch.view_as_complex(self.embed_vectors)[:, None] * p[:, :, None],
        }
        invariants = self.invariants(features)
        for level in self.levels:
            features = level(features, edges, s, pairs, mask)
            invariants += self.invariants(features)
        summed = torch.where(frame.mask[..., None], torch.cat(invariants, -1), 0).sum(1)
        logits: Tensor = self.readout(summed / NEIGHBOURS)
        return logits

    def invariants(self, features: Features) -> list[Tensor]:
        """Scalars; asinh of bilinear forms and of the energy component of four-vectors; each (jets, N, channels)."""
        rows = []
        for a, x in features.items():
            if a == SCALAR:
                rows.append(x[..., 0].real)
            elif a.k >= a.n:
                form = torch.einsum("bicm,mn,bicn->bic", x, canonical_form(a).to(x), x)
                rows.append(torch.asinh((1 if a.k == a.n else 2) * form.real))
                if a == VECTOR:
                    rows.append(torch.asinh(x[..., 0].real))
        return rows

    @classmethod
    def of(cls, network: LGNNetwork) -> ComplexLGN:
        """The complex network that is the same function."""
        channels = [irreps.terms[0][0] for irreps in network.irreps]
        labels = [label for irrep in network.irreps[-1].irreps for label in embeddings(irrep)]
        oracle = cls(
            channels,
            network.levels[0].message.bells.slope.numel(),
            network.features.n_features,
            network.readout.out_features,
            labels,
        ).to(network.readout.weight.dtype)
        with torch.no_grad():
            _copy(oracle.embed_scalars, network.embed_scalars.weight)
            _copy(oracle.embed_vectors, network.embed_vectors)
            oracle.readout.load_state_dict(network.readout.state_dict())
            for slow, fast in zip(oracle.levels, network.levels, strict=True):
                bells = fast.message.bells
                for name in ("offset", "height", "slope"):
                    getattr(slow, name).copy_(getattr(bells, name))
                slow.radial.load_state_dict(bells.linear.state_dict())
                for layer, other in zip(slow.mlp[::2], fast.mlp.layers, strict=True):
                    layer.load_state_dict(other.state_dict())
                _copy_mixing(slow, fast)
        return oracle


def _copy(target: Tensor, real: Tensor) -> None:
    target.zero_()
    target[..., 0].copy_(real)


def canonical_form(a: Irrep) -> Tensor:
    """The invariant form g_(lm),(l'm') = delta_ll' delta_m,-m' (-1)^(l+m)."""
    size, start = a.dim, 0
    form = torch.zeros(size, size, dtype=COMPLEX)
    for spin in range(abs(a.k - a.n) // 2, (a.k + a.n) // 2 + 1):
        for m in range(-spin, spin + 1):
            form[start + spin + m, start + spin - m] = (-1.0) ** (spin + m)
        start += 2 * spin + 1
    return form


def embeddings(irrep: AnyIrrep) -> dict[Irrep, Tensor]:
    """Matrices from real components to those of the complex irreps in it; their rows together are unitary."""
    inverse = cartesian_basis(irrep.k, irrep.n).mH
    if isinstance(irrep, Irrep):
        return {irrep: inverse}
    left = torch.cat([inverse, 1j * inverse], -1) / math.sqrt(2)
    right = conjugation(irrep.k, irrep.n).to(COMPLEX) @ left.conj()
    return {Irrep(irrep.k, irrep.n): left, Irrep(irrep.n, irrep.k): right}


def _basis(irreps: Irreps) -> list[Tensor]:
    """Features, one jet of D particles: the n-th has one everywhere in the n-th of all D components, zero elsewhere."""
    one = torch.eye(sum(irrep.dim for irrep in irreps.irreps), dtype=torch.float64)
    parts = one.split([irrep.dim for irrep in irreps.irreps], -1)
    return [part.expand(mult, 1, -1, -1) for part, (mult, _) in zip(parts, irreps, strict=True)]


def _coefficients(table: Tensor, left: Irreps, right: Irreps, out: AnyIrrep) -> dict[tuple[Irrep, Irrep, Irrep], complex]:
    """A real bilinear map (D left, D right, dim out) in complex Clebsch-Gordan products: coefficients by (a, b, c)."""
    result = {}
    blocks = table.to(COMPLEX).split([irrep.dim for irrep in left.irreps], 0)
    for first, rows in zip(left.irreps, blocks, strict=True):
        for second, block in zip(right.irreps, rows.split([irrep.dim for irrep in right.irreps], 1), strict=True):
            for a, embed_a in embeddings(first).items():
                for b, embed_b in embeddings(second).items():
                    for c, embed_c in embeddings(out).items():
                        found = torch.einsum("pqo,xp,yq,zo->xyz", block, embed_a.conj(), embed_b.conj(), embed_c)
                        coefficients = canonical_clebsch_gordan(a, b, c).to(COMPLEX) if c in a * b else torch.zeros_like(found)
                        factor = complex((coefficients * found).sum() / c.dim)
                        if (found - factor * coefficients).abs().max() > 1e-12:
                            raise AssertionError(f"a product of {first} and {second} to {out} is no Clebsch-Gordan product")
                        result[a, b, c] = factor
    return result


def _copy_mixing(slow: ComplexLevel, fast: nn.Module) -> None:
    """Weights of all complex paths from those of the real ones."""
    irreps = fast.irreps_in
    maps: list[dict[tuple[Path, Irrep], complex]] = []  # one per term of what the real network mixes
    for irrep in irreps.irreps:
        maps.append({(("plain", c, None), c): 1.0 for c in embeddings(irrep)})
    basis = _basis(irreps)
    table = fast.message.table.value.split(fast.message.sizes, -1)  # p (x) F, (4, D, dim out) for each path
    for z, out in zip(table, fast.message.irreps_out.irreps[len(irreps) :], strict=True):
        coefficients = _coefficients(z, Irreps("1x(1,1)"), irreps, out)
        maps.append({(("edge", b, None), c): factor for (_, b, c), factor in coefficients.items()})
    for irrep in irreps.irreps:
        maps.append({(("own", c, None), c): 1.0 for c in embeddings(irrep)})
    pairs = [x.transpose(1, 2) + x for x in basis]  # (mult, D, D, dim): e_p + e_q
    for z, x, out in zip(fast.square(pairs), fast.square(basis), fast.square.irreps_out.irreps, strict=True):
        squares = x[0, 0]
        coefficients = _coefficients((z[0] - squares[:, None] - squares[None]) / 2, irreps, irreps, out)
        maps.append({(("self", a, b), c): factor for (a, b, c), factor in coefficients.items()})
    for term, out in enumerate(fast.irreps_out.irreps):
        mixing = fast.mixing
        star = mixing.stars[str(term)] if str(term) in mixing.stars else torch.zeros_like(mixing.weights[term])
        for c in embeddings(out):
            weight = torch.complex(mixing.weights[term], star if c.k > c.n else -star)
            paths = slow.paths[slow.labels.index(c)]
            channels = basis[0].shape[0]
            target = torch.zeros(weight.shape[0], len(paths), channels, dtype=weight.dtype)
            for source, block in zip(mixing.sources[term], weight.split(channels, 1), strict=True):
                for (path, label), factor in maps[source].items():
                    if label == c and abs(factor) > 1e-12:
                        target[:, paths.index(path)] += factor * block
            slow.weights[slow.labels.index(c)].copy_(torch.view_as_real(target.flatten(1)))
