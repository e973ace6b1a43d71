"""The network of 2020 against its complex oracle, which is another program for the same function, and what it is made of."""

import complex_lgn
import pytest
import torch

from lorentznet import taggers
from lorentznet.group.irreps import Irreps, real_irreps
from lorentznet.nn.frame import FrameConditioner
from lorentznet.nn.graph import DenseGraph, SparseGraph
from lorentznet.nn.lgn import LGNMessage, LGNNetwork
from lorentznet.nn.lorentzian import LorentzianBells
from lorentznet.nn.message import CGMessage
from lorentznet.nn.pairs import pair_mask
from lorentznet.nn.radial import NEIGHBOURS
from lorentznet.testing import toy_jets

PUBLISHED = Irreps("8x(0,0)+8x(1,1)+8x((2,0)+(0,2))+8x(2,2)")


def network(irreps=PUBLISHED, levels=3, bells=20, references=0, outputs=1, hodge=False):
    torch.manual_seed(3)
    made = LGNNetwork(irreps, levels, bells, references, 0, outputs, hodge).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hodge": True},
        {"references": 4, "outputs": 3},
        {"references": 3, "outputs": 2},
        {"irreps": Irreps("4x(0,0)+4x(1,1)"), "levels": 2},
        {"irreps": Irreps("3x(0,0)+3x(1,1)+3x(2,2)"), "levels": 1, "bells": 5},
    ],
    ids=["published", "hodge", "reference scalars", "reference particles", "vectors", "tensors"],
)
def test_the_complex_edge_tensors_give_the_same_logits(changes):
    fast = network(**changes)
    front = {
        0: FrameConditioner(),
        3: FrameConditioner(references=("beams", "time"), references_as="particles"),
        4: FrameConditioner(references=("beams", "time")),
    }[changes.get("references", 0)]
    frame = front(toy_jets(6, seed=4, particles=14), torch.float64)
    expected = complex_lgn.ComplexLGN.of(fast)(frame)
    logits = fast(frame, None)
    assert logits.shape == expected.shape
    assert logits.std() > 1e-3
    assert (logits - expected).abs().max() < 1e-10 * expected.abs().max()


def test_the_oracle_loops_over_all_ordered_paths():
    """37 paths of a complex self-product, of which the real network keeps none that repeats or vanishes, nor pseudotensors."""
    labels = complex_lgn.LABELS
    paths = [path for label in labels for path in complex_lgn.paths_to(label, labels) if path[0] == "self"]
    assert len(paths) == 37
    level = network().levels[1]
    assert len(level.square.irreps_out) == 14
    assert len(level.message.irreps_out) - len(level.irreps_in) == 6
    both = network(hodge=True).levels[1]
    assert len(both.square.irreps_out) == 17
    assert len(both.message.irreps_out) - len(both.irreps_in) == 7


def test_the_preset_has_the_published_size():
    tagger = taggers.create("cg", "lgn", seed=0)
    assert [irreps.terms[0][0] for irreps in tagger.network.irreps] == [4, 8, 8, 4]
    assert tagger.network.irreps[1].irreps == real_irreps(3)
    assert 5_500 <= tagger.n_parameters <= 6_500
    assert tagger.n_outputs == 1


@pytest.mark.parametrize("reflections", [True, False])
def test_messages_are_those_of_the_other_networks(reflections):
    """With the weights written out as an array, the sums are those of the layer that multiplies irreps one by one."""
    generator = torch.Generator().manual_seed(0)
    irreps = Irreps("2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)")
    layer = LGNMessage(irreps, 5, reflections, irreps.irreps).double()
    features, vectors = irreps.random((2, 6), generator), torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    s = torch.rand(2, 6, 6, generator=generator, dtype=torch.float64) - 0.2
    expected = CGMessage(irreps, reflections).double()(features, vectors, written_out(layer.bells, s))
    for found, wanted in zip(layer(features, vectors, s), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def written_out(bells, s):
    """f(s) by its formula, zero where s is negative."""
    basis = bells.offset + bells.height / (1 + (bells.slope * s[..., None]) ** 2)
    return torch.where(s[..., None] >= 0, bells.linear(basis), 0).movedim(-1, 0) / NEIGHBOURS


@pytest.mark.parametrize("particles", [6, 70], ids=["several jets at a time", "jet by jet"])
def test_sums_that_keep_no_weights_have_the_gradients_of_those_that_do(particles):
    generator = torch.Generator().manual_seed(1)
    bells = LorentzianBells(7, 2).double()
    s = (torch.rand(3, particles, particles, generator=generator, dtype=torch.float64) - 0.2).requires_grad_()
    x = torch.randn(2, 3, particles, 5, generator=generator, dtype=torch.float64).requires_grad_()
    weights = [torch.randn(2, 3, particles, d, generator=generator, dtype=torch.float64) for d in (3, 5)]
    leaves = [s, x, *bells.parameters()]

    def gradients(sums):
        return torch.autograd.grad(sum((y * w).sum() for y, w in zip(sums, weights, strict=True)), leaves)

    plain, directed = written_out(bells, s).chunk(2)
    expected = plain @ x[..., :3], directed @ x
    found = bells(s, x, 3, DenseGraph())
    for y, wanted in zip((*found, *gradients(found)), (*expected, *gradients(expected)), strict=True):
        torch.testing.assert_close(y, wanted, rtol=1e-11, atol=1e-11)


def test_a_sparse_graph_of_all_pairs_gives_the_same_sums():
    generator = torch.Generator().manual_seed(2)
    bells = LorentzianBells(7, 2).double()
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    pairs = pair_mask(mask)
    s = torch.where(pairs, torch.rand(2, 6, 6, generator=generator, dtype=torch.float64), -1)
    x = torch.randn(2, 2, 6, 5, generator=generator, dtype=torch.float64) * mask[..., None]
    graph = SparseGraph.of(pairs)
    for dense, sparse in zip(bells(s, x, 3, DenseGraph(pairs)), bells(graph.pairs(s), x, 3, graph), strict=True):
        torch.testing.assert_close(dense, sparse, rtol=0, atol=1e-13)


def test_every_path_has_its_share_in_the_logits():
    """No column of a mixing matrix multiplies something that vanishes identically, as 320 of 2,896 did in 2020."""
    fast = network()
    jets = toy_jets(4, seed=2, particles=12)
    massive = jets.p4 * torch.tensor([1.05, 1.0, 1.0, 1.0], dtype=torch.float64)  # p.p of massless particles does vanish
    frame = FrameConditioner("keep")(jets.with_momenta(massive), torch.float64)
    fast(frame, None).square().sum().backward()
    for level in fast.levels:
        for weight in level.mixing.weights:
            columns = weight.grad.abs().amax(0)
            assert columns.min() > 1e-9 * columns.max()
