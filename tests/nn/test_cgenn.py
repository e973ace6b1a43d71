"""The published Clifford network against its edge-by-edge oracle, which is another program for the same function."""

import edgewise_cgenn as oracle
import pytest
import torch
from torch import nn
from torch.nn import functional

from lorentznet import taggers
from lorentznet.errors import CheckpointError, ConfigError
from lorentznet.nn import cgenn
from lorentznet.nn.cgenn import CGENN, CGENNMessage, WeightedBatchNorm
from lorentznet.nn.cgenn_frame import BeamParticles
from lorentznet.nn.cgenn_pairs import gated_sum, grade_squares, pair_products, pair_table
from lorentznet.nn.cgenn_product import FullyConnectedProduct
from lorentznet.nn.cgenn_weights import load_published
from lorentznet.testing import toy_jets

F64 = torch.float64


def networks(padded=False, classes=2):
    """The oracle without dropout, moved away from its initial weights and statistics, and the fast network with its weights."""
    torch.manual_seed(5)
    slow = oracle.EdgewiseCGENN(padded, classes, dropout=0.0).double()
    with torch.no_grad():
        for parameter in slow.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for module in slow.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
    fast = CGENN(padded=padded, classes=classes, dropout=0.0).double()
    load_published(fast, slow.state_dict())
    return slow, fast


def jets(massive, number=5):
    """Toy jets of different lengths, with a zero momentum and an empty jet among them."""
    batch = toy_jets(number, seed=3, particles=9)
    p4 = batch.p4 * torch.tensor([1.05 if massive else 1.0, 1.0, 1.0, 1.0], dtype=F64)
    p4[3] = 0
    return BeamParticles()(batch.with_momenta(p4), F64)


def largest_difference(found, expected):
    return float((found - expected).detach().abs().max() / expected.detach().abs().max())


def same_gradients(network, expected, tolerance):
    """A bias before batch normalisation moves nothing, rounding errors are all there is of its gradient: hence the floor."""
    floor = 1e-4 * torch.cat([wanted.flatten() for wanted in expected]).norm()
    for (name, parameter), wanted in zip(network.named_parameters(), expected, strict=True):
        assert (parameter.grad - wanted).norm() < tolerance * torch.maximum(wanted.norm(), floor), name


# Massless particles have null multivectors, whose norm is the root of rounding errors.
@pytest.mark.parametrize(
    ("massive", "logits", "gradients"), [(True, 1e-10, 1e-9), (False, 1e-7, 1e-5)], ids=["massive", "massless"]
)
@pytest.mark.parametrize("padded", [False, True])
def test_edge_by_edge_gives_the_same_logits_and_gradients(padded, massive, logits, gradients):
    slow, fast = networks(padded)
    frame = jets(massive)
    slow.eval(), fast.eval()
    expected = slow(frame)
    assert expected.shape == (5, 1)
    assert expected.std() > 1e-3 * expected.abs().max()
    assert largest_difference(fast(frame), expected) < logits
    slow.train(), fast.train()
    expected, found = slow(frame), fast(frame)
    assert largest_difference(found, expected) < logits
    expected.square().sum().backward()
    found.square().sum().backward()
    of_slow = {name: parameter.grad for name, parameter in slow.named_parameters()}
    moved = CGENN().double()
    load_published(moved, {name: of_slow.get(name, value) for name, value in slow.state_dict().items()})
    same_gradients(fast, [wanted.detach() for wanted in moved.parameters()], gradients)
    for (name, buffer), wanted in zip(fast.named_buffers(), moved.buffers(), strict=True):
        torch.testing.assert_close(buffer, wanted, rtol=1e-8 if massive else 1e-5, atol=0, msg=name)


def test_several_classes_have_an_output_each():
    slow, fast = networks(classes=3)
    expected = slow.eval()(jets(True))
    assert expected.shape == (5, 3)
    assert largest_difference(fast.eval()(jets(True)), expected) < 1e-10


def test_jets_all_at_once_give_what_one_by_one_gives(monkeypatch):
    """As on an accelerator, where padding takes part in the matrix products."""
    _, fast = networks()
    frame = jets(True)
    logits = fast(frame)
    logits.square().sum().backward()
    expected = [parameter.grad.clone() for parameter in fast.parameters()]
    fast.zero_grad()
    monkeypatch.setattr(cgenn, "_portions", lambda nodes: [(slice(None), nodes.shape[1])])
    found = fast(frame)
    found.square().sum().backward()
    assert largest_difference(found, logits) < 1e-12
    same_gradients(fast, expected, 1e-9)


def test_only_the_published_mean_depends_on_the_longest_jet():
    batch = toy_jets(4, seed=3, particles=8)
    with_long = batch.from_arrays(
        torch.cat((batch.p4, toy_jets(1, seed=9, particles=40).p4)), [*batch.counts.tolist(), int(toy_jets(1, 9, 40).counts[0])]
    )
    for padded in (False, True):
        _, fast = networks(padded)
        alone, together = (fast.eval()(BeamParticles()(jets, F64)) for jets in (batch, with_long))
        assert (largest_difference(together[:4], alone) > 1e-3) == padded


def test_the_published_size():
    tagger = taggers.create("clifford", "published", seed=0)
    assert tagger.n_parameters == sum(parameter.numel() for parameter in oracle.EdgewiseCGENN().parameters()) == 320_594


def test_products_of_pairs_are_those_of_all_their_channels():
    """With the 27 channels written out for every edge."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    product = FullyConnectedProduct(9, 2).double()
    z = torch.randn(16, 3, 2, 4, generator=generator, dtype=F64)
    receiver, sender = CGENNMessage._ends(2, z)
    of_edges = torch.einsum("na,caji->cnji", receiver, z)[..., None, :] + torch.einsum("na,caji->cnji", sender, z)[..., None]
    expected = product(of_edges)
    one_ended = [product(torch.einsum("na,caji->cnji", ends, z)) for ends in (receiver, sender)]
    bias = product(torch.zeros_like(of_edges))
    base = one_ended[0][..., None, :] + one_ended[1][..., None] - bias
    found = pair_products(pair_table(product, receiver, sender), z.movedim(2, 0), base.movedim(2, 0))
    torch.testing.assert_close(found.movedim(0, 2).unflatten(-1, (4, 4)), expected, rtol=0, atol=1e-12)


def test_gradients_of_what_is_done_on_pairs():
    generator = torch.Generator().manual_seed(1)

    def leaf(*shape):
        return torch.randn(shape, generator=generator, dtype=F64).requires_grad_()

    assert torch.autograd.gradcheck(grade_squares, (leaf(2, 16, 1, 4),))
    assert torch.autograd.gradcheck(lambda x, gates: gated_sum(x, gates, 2), (leaf(2, 16, 1, 4), leaf(2, 5, 1, 4)))
    arguments = leaf(16, 16, 2, 2), leaf(2, 16, 2, 2), leaf(2, 16, 1, 2, 2)
    assert torch.autograd.gradcheck(pair_products, arguments, fast_mode=True)


def test_normalisation_over_parts_is_that_of_the_rows_with_weight():
    torch.manual_seed(2)
    norm, plain = WeightedBatchNorm(3).double(), nn.BatchNorm1d(3).double()
    parts = [torch.randn(2, 3, 6, dtype=F64) + 5, torch.randn(1, 3, 4, dtype=F64)]
    weights = [(torch.rand(len(x), x.shape[2]) > 0.3).double() for x in parts]
    rows = [x.movedim(1, 2)[w > 0] for x, w in zip(parts, weights, strict=True)]
    for _ in range(2):
        expected = plain(torch.cat(rows))
        found = norm.parts(parts, weights)
    torch.testing.assert_close(torch.cat([x.movedim(1, 2)[w > 0] for x, w in zip(found, weights, strict=True)]), expected)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(norm.state_dict()[name], value)
    wanted = functional.batch_norm(parts[0], norm.running_mean, norm.running_var, norm.weight, norm.bias)
    torch.testing.assert_close(norm.eval().parts(parts, weights)[0], wanted)


def test_weights_that_do_not_fit_are_refused_and_change_nothing():
    state = oracle.EdgewiseCGENN().state_dict()
    network = CGENN()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wrong = {
        r"unknown name 'CGLs.0.phi_x.0.weights'; did you mean 'CGLs.0.phi_x.0.weight'\?": {
            **state,
            "CGLs.0.phi_x.0.weights": state["CGLs.0.phi_x.0.weight"],
        },
        "'graph_dec.3.bias' is missing; given are 147 of 148 names": {k: v for k, v in state.items() if k != "graph_dec.3.bias"},
        r"'embedding_h.weight' has shape \(72, 3\), which does not make \(72, 2\)": {
            **state,
            "embedding_h.weight": torch.zeros(72, 3),
        },
    }
    for complaint, given in wrong.items():
        with pytest.raises(CheckpointError, match=complaint):
            load_published(network, given)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert any(".algebra." in name for name in state)
    load_published(network, state)
    tagger = taggers.create("clifford", "published", seed=1)
    load_published(tagger, {"model": state, "epoch": 3})
    assert torch.equal(tagger.network.embed_scalars.weight, network.embed_scalars.weight)
    with pytest.raises(ConfigError, match=r"for taggers.create\('clifford', 'published'\), not for a CliffordNetwork"):
        load_published(taggers.create("clifford", "tiny"), state)
