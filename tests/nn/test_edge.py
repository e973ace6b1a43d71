"""Non-linear weights of edges against a loop."""

import torch

from lorentznet import taggers
from lorentznet.nn.edge import EdgeFunctions
from lorentznet.nn.graph import DenseGraph, SparseGraph
from lorentznet.nn.pairs import pair_mask

F64 = torch.float64


def inputs():
    generator = torch.Generator().manual_seed(2)
    layer = EdgeFunctions(3, 4, 2).double()
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.3, -0.7]))
    mask = torch.tensor([[True, True, True], [True, True, False]])
    scalars = torch.randn((4, 2, 3, 1), generator=generator, dtype=F64)
    basis = torch.randn((3, 2, 3, 3), generator=generator, dtype=F64)
    return layer, mask, scalars, torch.where(pair_mask(mask), basis, 0)


def test_functions_of_both_ends_and_the_pair():
    layer, mask, scalars, basis = inputs()
    found = layer([scalars], basis, DenseGraph(pair_mask(mask)))
    for jet, count in enumerate((3, 2)):
        for i in range(3):
            for j in range(3):
                x = layer.pair @ basis[:, jet, i, j] + layer.receiver @ scalars[:, jet, i, 0]
                x = x + layer.sender @ scalars[:, jet, j, 0] + layer.bias
                expected = x * torch.sigmoid(x) if i != j and max(i, j) < count else torch.zeros_like(x)
                assert torch.allclose(found[:, jet, i, j], expected, atol=1e-14)


def test_edges_have_the_values_of_pairs():
    layer, mask, scalars, basis = inputs()
    pairs = pair_mask(mask)
    graph = SparseGraph.of(pairs)
    dense = layer([scalars], basis, DenseGraph(pairs))
    sparse = layer([scalars], torch.stack([graph.pairs(row) for row in basis]), graph)
    assert torch.allclose(sparse, torch.stack([graph.pairs(row) for row in dense]), atol=1e-14)


def test_taggers_have_as_many_as_they_are_told():
    for name in ("cg", "clifford"):
        tagger = taggers.create(name, "tiny", edges="nonlinear", edge_channels=5)
        assert tagger.network.layers[0].edges.pair.shape[0] == 5
        assert taggers.create(name, "tiny").network.layers[0].edges is None
