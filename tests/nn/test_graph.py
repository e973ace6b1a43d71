"""Neighbours, and sums over them on all pairs and on edges."""

import math
import re

import pytest
import torch

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.group import Irreps, LorentzTransform
from lorentznet.nn.frame import FrameConditioner
from lorentznet.nn.graph import ALL_PAIRS, DenseGraph, SparseGraph, graph_of
from lorentznet.nn.message import CGMessage, CliffordMessage
from lorentznet.nn.pairs import delta_r_square, nearest_particles, pair_mask
from lorentznet.nn.second_order import SecondOrderMessage
from lorentznet.testing import check_tagger, degenerate_jets, toy_jets

F64 = torch.float64
ALL = Irreps("2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)")
KINDS = ("knn-angle", "knn-product", "knn-deltar")


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(3)


def randn(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=F64)


def some_mask():
    return torch.arange(6) < torch.tensor([6, 4, 1, 0])[:, None]


# --- who is a neighbour


def test_the_nearest_are_the_nearest(generator):
    distance, mask = randn(generator, 4, 6, 6).abs(), some_mask()
    found = nearest_particles(distance.masked_fill(~pair_mask(mask), torch.nan), mask, 2)
    for jet, count in enumerate((6, 4, 1, 0)):
        for i in range(6):
            others = sorted((float(distance[jet, i, j]), j) for j in range(count) if j != i)
            expected = {j for _, j in others[:2]} if i < count else set()
            assert set(found[jet, i].nonzero().flatten().tolist()) == expected


def test_a_shared_place_is_given_to_all_who_share_it():
    distance = torch.tensor([[[0.0, 1, 2, 2 * (1 + 1e-14), 3], [1, 0, 1, 1, 1]] + [[1.0] * 5] * 3], dtype=F64)
    found = nearest_particles(distance, torch.ones(1, 5, dtype=torch.bool), 2)
    assert found[0, 0].tolist() == [False, True, True, True, False]
    assert found[0, 1].tolist() == [True, False, True, True, True]


@pytest.mark.parametrize("kind", KINDS)
def test_particles_in_one_cell_are_neighbours_in_any_order_and_frame(kind):
    """Equal directions to the last bit, as those of a calorimeter's cell, are equal no more after a boost."""
    jets = toy_jets(6, seed=4)
    copies = jets.p4.repeat_interleave(2, 0) * torch.tensor([1.0, 0.37], dtype=F64).repeat(len(jets.p4))[:, None]
    batch = JetBatch.from_arrays(copies, 2 * jets.counts)
    conditioner = FrameConditioner(graph=kind, neighbours=5)
    batch = conditioner.with_references(batch)
    here = conditioner(batch, F64).neighbours
    for seed, rapidity in enumerate((3.0, 3.0, 7.0)):
        boost = LorentzTransform.random(rapidity=rapidity, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(conditioner(batch.transformed(boost.matrix), F64).neighbours, here)
    order = torch.cat([torch.randperm(n) + start for n, start in zip(batch.counts.tolist(), batch.ptr.tolist(), strict=False)])
    there = conditioner(batch.with_momenta(batch.p4[order]), F64).neighbours
    slot = order - batch.ptr[batch.batch]
    for jet in range(6):
        moved = slot[batch.batch == jet]
        n = len(moved)
        assert torch.equal(there[jet, :n, :n], here[jet][moved][:, moved])
    assert here.sum(-1)[here.any(-1)].min() >= 5


def test_delta_r_is_that_of_the_laboratory_in_every_frame():
    jets = toy_jets(4, seed=2)
    conditioner = FrameConditioner(references=("beams",))
    batch = conditioner.with_references(jets)
    e, px, py, pz = jets.p4[jets.batch == 1].unbind(-1)
    y, phi = 0.5 * ((e + pz) / (e - pz)).log(), torch.atan2(py, px)
    dphi = torch.remainder(phi[:, None] - phi + math.pi, 2 * math.pi) - math.pi
    expected = (y[:, None] - y).square() + dphi.square()
    for boost in (torch.zeros(3), torch.tensor([0.3, 1.4, -0.8])):
        moved = batch.transformed(LorentzTransform.boost(boost.double()).matrix)
        p4, beams = moved.p4[None, moved.batch == 1], moved.references[1:2] * torch.tensor([3.0, 0.1])[:, None]
        assert torch.allclose(delta_r_square(p4, beams)[0], expected, rtol=1e-8, atol=1e-10)


# --- sums over neighbours


def full_graph(mask):
    return SparseGraph.of(pair_mask(mask))


def weights_on(mask, generator, *channels):
    dense = torch.where(pair_mask(mask), randn(generator, *channels, *pair_mask(mask).shape), 0).requires_grad_()
    return dense, full_graph(mask).pairs(dense.detach()).view(*channels, -1).requires_grad_()


def close(a, b):
    return all(torch.allclose(x, y, rtol=1e-12, atol=1e-12) for x, y in zip(a, b, strict=True))


def test_edges_are_those_of_pytorch_geometric():
    adjacency = torch.zeros(2, 3, 3, dtype=torch.bool)
    adjacency[0, 0, 2] = adjacency[1, 2, 0] = adjacency[1, 1, 0] = True  # [i, j]: j is heard by i
    graph = SparseGraph.of(adjacency)
    assert graph.edge_index.tolist() == [[2, 3, 3], [0, 4, 5]]
    x = torch.arange(6.0).view(1, 2, 3, 1)
    assert graph.sum(torch.tensor([[1.0, 10.0, 100.0]]), x).flatten().tolist() == [2.0, 0, 0, 0, 30, 300]


def test_no_edges_are_no_messages(generator):
    graph = SparseGraph.of(torch.zeros(2, 3, 3, dtype=torch.bool))
    x = randn(generator, 2, 2, 3, 4).requires_grad_()
    summed = graph.sum(torch.zeros(2, 0, dtype=F64), x)
    summed.sum().backward()
    assert summed.shape == x.shape
    assert not summed.any()
    assert not x.grad.any()


@pytest.mark.parametrize("layer", [CGMessage(ALL), CliffordMessage(2), SecondOrderMessage(ALL)], ids=lambda x: type(x).__name__)
def test_sums_and_their_gradients_on_edges_are_those_on_all_pairs(layer, generator):
    mask = some_mask()
    dense, sparse = weights_on(mask, generator, 2 if isinstance(layer, SecondOrderMessage) else 4)
    vectors = torch.where(mask[..., None], randn(generator, 4, 6, 4), 0).requires_grad_()
    features = layer.irreps_in.random((4, 6), generator)
    leaves = [x.requires_grad_() for x in (features if isinstance(features, list) else [features])]
    found = []
    for weights, graph in ((dense, DenseGraph(pair_mask(mask))), (sparse, full_graph(mask))):
        out = layer(features, vectors, weights, graph)
        out = torch.cat([x.flatten() for x in (out if isinstance(out, list) else [out])])
        shares = torch.linspace(-1, 2, out.numel(), dtype=F64)
        gradients = torch.autograd.grad((out.sin() * shares).sum(), [*leaves, vectors, weights])
        found.append([out, *gradients])
    found[0][-1] = full_graph(mask).pairs(found[0][-1]).view_as(found[1][-1])
    assert close(*found)


def test_several_sums_on_all_pairs_and_their_gradients_are_those_one_by_one(generator):
    dims = (3, 16, 0, 1)  # few numbers, as many as fill vector registers, none
    weights = randn(generator, 8, 2, 5, 5).requires_grad_()
    rows = [randn(generator, dim, 2, 2, 5).requires_grad_() for dim in dims]  # components first, as layers have them

    def everything(sums):
        shares = [torch.linspace(-1, 2, y.numel(), dtype=F64).view_as(y) for y in sums]
        loss = sum((y.sin() * share).sum() for y, share in zip(sums, shares, strict=True))
        return [*sums, *torch.autograd.grad(loss, [weights, *rows])]

    parts = [row.movedim(0, -1) for row in rows]
    wanted = [torch.einsum("cbij,cbjd->cbid", f, x) for f, x in zip(weights.split(2), parts, strict=True)]
    assert close(everything(ALL_PAIRS.sums(weights, parts)), everything(wanted))
    with pytest.raises(RuntimeError):
        ALL_PAIRS.sums(weights, parts[:3])  # two channels of f are left over


def test_sparse_sums_can_be_differentiated_twice(generator):
    graph = SparseGraph.of(torch.rand((2, 4, 4), generator=generator) < 0.5)
    weights = randn(generator, 2, graph.edge_index.shape[1]).requires_grad_()
    x = randn(generator, 2, 2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(graph.sum, (weights, x))
    assert torch.autograd.gradgradcheck(graph.sum, (weights, x))
    ends = randn(generator, 2, 2, 4).requires_grad_()
    for end in (graph.receivers, graph.senders):
        assert torch.autograd.gradcheck(end, (ends,))


def test_ends_of_pairs_are_the_same_on_edges(generator):
    mask = some_mask()
    x, graph = randn(generator, 3, 4, 6), full_graph(mask)
    dense = DenseGraph()
    for on_edges, on_pairs in ((graph.receivers(x), dense.receivers(x)), (graph.senders(x), dense.senders(x))):
        assert torch.equal(on_edges, torch.stack([graph.pairs(row) for row in on_pairs.expand(-1, -1, 6, 6)]))


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_sparse_sums_have_the_same_bits_for_any_number_of_threads(dtype, generator):
    graph = SparseGraph.of(torch.rand((64, 40, 40), generator=generator) < 0.3)
    weights = randn(generator, 4, graph.edge_index.shape[1]).to(dtype).requires_grad_()
    x = randn(generator, 4, 64, 40, 8).to(dtype).requires_grad_()

    def everything():
        found = [graph.sum(weights, x), graph.senders(x[..., 0]), graph.receivers(x[..., 1])]
        return [*found, *torch.autograd.grad(found, [weights, x], [y.detach().sin() for y in found])]

    threads = torch.get_num_threads()
    results = []
    try:
        for number in (1, 2, 2, 2):
            torch.set_num_threads(number)
            results.append(everything())
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


# --- networks


@pytest.mark.parametrize("edges", ["radial", "nonlinear"])
@pytest.mark.parametrize("references_as", ["scalars", "particles"])
@pytest.mark.parametrize("name", ["cg", "clifford"])
def test_a_network_on_all_edges_is_the_network_on_all_pairs(name, references_as, edges):
    settings = {"references": ("beams", "time"), "references_as": references_as, "edges": edges, "bells": (4, 3, 2)}
    if name == "cg":
        settings |= {"irreps": "4x(0,0)+2x(1,1)+1x((2,0)+(0,2))+1x(2,2)", "products": 2, "order": 2}
    compare_graphs(name, "tiny", settings)


def test_so_it_is_with_the_published_design():
    compare_graphs("cg", "lgn", {"references": ("beams",), "references_as": "particles"})


def compare_graphs(name, preset, settings):
    batch = toy_jets(6, seed=1, particles=9)
    results: list[list[torch.Tensor]] = []
    for graph in ({"graph": "all"}, {"graph": "knn-product", "neighbours": 1000}):
        tagger = taggers.create(name, preset, seed=1, **graph, **settings).double()
        logits = tagger(batch)
        gradients = torch.autograd.grad(logits.square().sum(), list(tagger.parameters()))
        results.append([logits, *gradients])
    assert isinstance(graph_of(tagger.frame(batch, F64)), SparseGraph)
    for dense, sparse in zip(*results, strict=True):
        assert (dense - sparse).abs().max() <= 1e-12 * (1 + dense.abs().max())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"graph": "knn-dr"}, "knn-deltar"),
        ({"neighbours": 0}, "neighbours must be at least 1, got 0"),
        ({"neighbours": 3}, "neighbours: 3 has no use with graph all; set graph, or leave neighbours out"),
        ({"edge_channels": 3}, "edge_channels: 3 has no use with edges radial"),
        ({"maxdim": 0}, "maxdim must be at least 1, got 0"),
        ({"edges": "linear"}, "radial"),
        ({"design": "lgn", "width": 7}, "width: design lgn has no use for it, got 7; leave it out"),
        ({"design": "lgn", "order": 2}, "order: design lgn has no use for it, got 2"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(settings, words):
    if "design" in settings:
        settings = settings | {"irreps": "4x(0,0)+4x(1,1)"}
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        taggers.create("cg", **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_say_something(kind):
    batch = toy_jets(6, seed=1)
    graphs = ({"graph": kind, "neighbours": 3}, {"graph": "all"})
    few, all_pairs = (taggers.create("cg", "tiny", seed=1, **graph).double()(batch) for graph in graphs)
    assert (few - all_pairs).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_company_padding_and_order_change_nothing(kind):
    tagger = taggers.create("cg", "tiny", seed=1, graph=kind, neighbours=4).double()
    jets = toy_jets(5, seed=1)
    together = tagger(jets)
    alone = torch.cat([tagger(jets.select([n])) for n in range(5)])
    assert (alone - together).abs().max() <= 1e-14
    order = (jets.batch + torch.rand(len(jets.p4), generator=torch.Generator().manual_seed(1))).argsort()
    assert (tagger(jets.with_momenta(jets.p4[order])) - together).abs().max() <= 1e-14


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("cg", {"graph": "knn-angle", "neighbours": 5}),
        ("cg", {"graph": "knn-deltar", "neighbours": 5}),
        ("cg", {"graph": "knn-deltar", "neighbours": 4, "references": ("beams",), "references_as": "particles"}),
        ("cg", {"order": 2, "irreps": "4x(0,0)+2x(1,1)+1x((2,0)+(0,2))+1x(2,2)", "products": 2, "layers": 1}),
        ("clifford", {"graph": "knn-product", "neighbours": 5, "edges": "nonlinear"}),
        ("clifford", {"references": ("beams", "time"), "references_as": "particles", "edges": "nonlinear"}),
        ("clifford", {"references": ("time",), "references_as": "particles", "mass": "keep", "graph": "knn-deltar"}),
    ],
    ids=str,
)
def test_the_contract_holds(name, settings):
    check_tagger(taggers.create(name, "tiny", seed=1, **settings))


@pytest.mark.parametrize("kind", KINDS)
def test_degenerate_jets_have_finite_logits_in_the_laboratory_too(kind):
    settings = {"graph": kind, "neighbours": 2, "references": ("beams", "time"), "references_as": "particles"}
    tagger = taggers.create("clifford", "tiny", seed=1, **settings).double().in_frame("lab")
    for name, jet in degenerate_jets().items():
        assert torch.isfinite(tagger(jet)).all(), name
