"""Sums over pairs by the C kernel against the table of bells, and what happens where there is no kernel."""

import logging
import shutil

import pytest
import torch

from lorentznet import taggers
from lorentznet.group import LorentzTransform
from lorentznet.nn import fused_sums, pair_kernel
from lorentznet.nn.frame import FrameConditioner
from lorentznet.nn.fused_sums import FusedBasis
from lorentznet.nn.graph import ALL_PAIRS, graph_of
from lorentznet.nn.radial import PairBasis, RadialWeights
from lorentznet.testing import degenerate_jets, toy_jets

NETWORKS = {
    "cg tiny": ("cg", {"preset": "tiny", "references": ("beams", "time")}),
    "cg order 2": ("cg", {"irreps": "4x(0,0)+2x(1,1)+2x(2,2)", "order": 2}),
    "cg scalars": ("cg", {"irreps": "4x(0,0)"}),
    "cg particles": ("cg", {"references": ("beams",), "references_as": "particles"}),
    "clifford small": ("clifford", {"preset": "small"}),
    "clifford kept masses": ("clifford", {"preset": "tiny", "mass": "keep", "references": ("beams", "time")}),
}
needs_kernel = pytest.mark.skipif(
    not (shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")), reason="no C compiler"
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(5)


@pytest.fixture
def afresh():
    """The kernel looked for again, before and after the test."""
    pair_kernel._library.cache_clear()
    yield
    pair_kernel._library.cache_clear()


def both_ways(basis, frame, weights, parts, gradients):
    """Sums and their gradients by x and W, by the kernel in float32 and by the table in float64."""
    results = []
    for dtype, of_pairs in ((torch.float32, basis.pairs), (torch.float64, basis)):
        radial = RadialWeights(*reversed(weights.shape)).to(dtype)
        radial.weight.data = weights.to(dtype)
        given = [x.detach().to(dtype).requires_grad_() for x in parts]
        found = graph_of(frame(dtype)).sums(radial(of_pairs(frame(dtype), graph_of(frame(dtype)))), given)
        torch.autograd.backward(found, [gradient.to(dtype) for gradient in gradients])
        results.append([*(y.detach() for y in found), *(x.grad for x in given), radial.weight.grad])
    return results


@needs_kernel
@pytest.mark.parametrize("numbers", [(8, 6, 6), (0, 3, 0), (1, 0, 30), (26, 12, 13)])
def test_sums_and_gradients_are_those_of_the_table(numbers, generator):
    batch = toy_jets(9, 2, particles=30)
    conditioner, basis = FrameConditioner(), PairBasis(*numbers)
    frames = {dtype: conditioner(batch, dtype) for dtype in (torch.float32, torch.float64)}
    real = frames[torch.float32].mask
    parts, gradients = (
        [
            torch.randn((channels, *real.shape, dim), generator=generator) * real[..., None]
            for channels, dim in ((2, 5), (3, 1), (2, 12))
        ]
        for _ in range(2)
    )
    weights = torch.randn((7, basis.n_functions), generator=generator)
    assert isinstance(basis.pairs(frames[torch.float32], graph_of(frames[torch.float32])), FusedBasis)
    fused, table = both_ways(basis, frames.__getitem__, weights, parts, gradients)
    for found, expected in zip(fused, table, strict=True):
        # arguments of bells differ by their rounding to float32, 1e-6 of a width
        assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@needs_kernel
def test_bells_of_the_kernel_are_bells():
    """A single neighbour of weight one, with one bell at a time, over the whole range of values and far beyond."""
    number, low, spacing = 30, -3.0, 0.25
    values = torch.cat((torch.linspace(-5, 6, 331), torch.tensor([-1e30, 1e30, -torch.inf, torch.inf, 1e-30])))
    pairs = values[:, None, None].expand(-1, 2, 2).contiguous()
    one = torch.eye(number, number + 1)
    x = torch.ones(number, len(values), 2)
    real = torch.ones(len(values), 2, dtype=torch.bool)
    problem = pair_kernel.Problem(
        [pairs] * 3, [None] * 3, [(number, low, spacing), (0, 0, 1), (0, 0, 1)], real, one, [1], [number]
    )
    s = ((values.double() - low) / spacing).clamp(-5, number + 4)
    expected = torch.exp(-0.5 * (s - torch.arange(number)[:, None]).square())
    assert (problem.sums(x)[..., 0] - expected).abs().max() < 3e-6


@needs_kernel
def test_nothing_in_padding_is_read(generator):
    """Poison in x, in the gradient and in the pair values of missing particles changes no bit, and holes in a jet are padding too."""
    real = torch.rand((5, 19), generator=generator) < 0.6
    real[3] = False
    pair = real[:, :, None] & real[:, None]
    values = torch.randn((5, 19, 19), generator=generator)
    values = values + values.mT
    x, gradient = (torch.randn((6, 5, 19), generator=generator) for _ in range(2))
    weights = torch.randn((3, 10), generator=generator)

    def results(poison):
        v = torch.where(pair, values, poison)
        a, g = (torch.where(real, rows, poison) for rows in (x, gradient))
        ranges = [(4, -1.0, 0.5), (5, -1.0, 0.5), (0, 0.0, 1.0)]
        problem = pair_kernel.Problem([v, v, v], [None] * 3, ranges, real, weights, [2], [3])
        return [problem.sums(a), *problem.gradients(a, g, True, True)]

    clean = results(0.0)
    for poison in (torch.nan, torch.inf, 1e38):
        for found, expected in zip(results(poison), clean, strict=True):
            assert torch.equal(found, expected)
    assert not clean[0][:, ~real].any()
    assert clean[0][:, real].all()


@needs_kernel
@pytest.mark.parametrize(
    "change", [{"channels": [4]}, {"components": [1]}, {"weights": torch.zeros(3, 6)}, {"real": torch.ones(5, 8) > 0}]
)
def test_shapes_that_do_not_fit_are_refused(change):
    """C code would read what is not there."""
    given = {
        "values": [torch.zeros(5, 9, 9)] * 3,
        "shifts": [None] * 3,
        "ranges": [(4, 0.0, 1.0), (0, 0.0, 1.0), (0, 0.0, 1.0)],
        "real": torch.ones(5, 9) > 0,
        "weights": torch.zeros(3, 5),
        "components": [2],
        "channels": [3],
    }
    assert pair_kernel.Problem(**given).sums(torch.zeros(6, 5, 9)).shape == (6, 5, 9)
    with pytest.raises(ValueError, match="expected float32 of shape"):
        pair_kernel.Problem(**(given | change)).sums(torch.zeros(6, 5, 9))
    with pytest.raises(ValueError, match=r"got torch\.float64"):
        pair_kernel.Problem(**given).gradients(torch.zeros(6, 5, 9), torch.zeros(6, 5, 9).double(), True, True)


@needs_kernel
def test_the_number_of_threads_changes_no_bit(monkeypatch, generator):
    monkeypatch.setattr(pair_kernel, "_PAIRS_OF_A_THREAD", 100)
    values, real = torch.randn((7, 21, 21), generator=generator), torch.ones((7, 21), dtype=torch.bool)
    x, gradient = (torch.randn((6, 7, 21), generator=generator) for _ in range(2))
    ranges = [(4, -1.0, 0.5), (0, 0.0, 1.0), (0, 0.0, 1.0)]
    problem = pair_kernel.Problem(
        [values + values.mT] * 3, [None] * 3, ranges, real, torch.randn((3, 5), generator=generator), [2], [3]
    )
    results = []
    for threads in (1, 3, 16):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        results.append([problem.sums(x), *problem.gradients(x, gradient, True, True)])
    for found in zip(*results, strict=True):
        assert all(torch.equal(found[0], other) for other in found[1:])


@needs_kernel
@pytest.mark.parametrize("case", NETWORKS)
def test_networks_are_the_same_functions(case):
    name, settings = NETWORKS[case]
    batch = toy_jets(8, 3)
    results = []
    for fused in (True, False):
        tagger = taggers.create(name, seed=1, **settings)
        tagger.network.basis.fused = fused
        logits = tagger(batch)
        (logits[:, 0] * torch.arange(8)).sum().backward()
        gradients = {key: parameter.grad for key, parameter in tagger.named_parameters() if parameter.grad is not None}
        results.append((logits.detach(), gradients))
    (logits, gradients), (expected, of_table) = results
    assert (logits - expected).abs().max() < 2e-6 * expected.abs().max()
    assert gradients.keys() == of_table.keys()
    largest = max(gradient.abs().max() for gradient in of_table.values())
    for key, gradient in gradients.items():
        assert (gradient - of_table[key]).abs().max() < 1e-5 * largest, key


@needs_kernel
def test_degenerate_jets_and_bad_momenta():
    tagger = taggers.create("cg", "tiny", seed=1).eval()
    for name, jet in degenerate_jets().items():
        assert torch.isfinite(tagger(jet)).all(), name
    batch = toy_jets(4, 3)
    expected = tagger(batch)
    batch.p4[batch.ptr[1], 0] = torch.nan
    logits = tagger(batch)
    assert torch.isnan(logits[1]).all()
    assert torch.equal(logits[[0, 2, 3]], expected[[0, 2, 3]])


@needs_kernel
def test_the_kernel_is_invariant_behind_the_front_end():
    tagger, batch = taggers.create("cg", "small", seed=1).eval(), toy_jets(6, 3)
    boosted = LorentzTransform.boost_gamma(50.0, [0.3, 0.5, -0.4])
    change = tagger(batch.transformed(boosted.matrix)) - tagger(batch)
    assert change.abs().max() < 1e-5 * tagger(batch).std()


def test_momenta_get_gradients_through_the_table():
    tagger, batch = taggers.create("cg", "tiny", seed=1), toy_jets(3, 3)
    frame = tagger.frame(batch, torch.float32)
    basis = tagger.network.basis
    if pair_kernel.available():
        assert isinstance(basis.pairs(frame, graph_of(frame)), FusedBasis)
    batch.p4.requires_grad_()
    frame = tagger.frame(batch, torch.float32)
    assert isinstance(basis.pairs(frame, graph_of(frame)), torch.Tensor)
    tagger(batch).sum().backward()
    assert batch.p4.grad.abs().sum() > 0


def test_the_table_is_taken_wherever_the_kernel_cannot_be():
    batch = toy_jets(3, 3)
    basis = PairBasis(4, 3, 2)
    double = FrameConditioner()(batch, torch.float64)
    sparse = FrameConditioner(graph="knn-angle", neighbours=4)(batch, torch.float32)
    plain = FrameConditioner()(batch, torch.float32)
    cases = [(double, graph_of(double)), (sparse, graph_of(sparse)), (plain, ALL_PAIRS)]
    for frame, graph in cases:
        assert torch.equal(basis.pairs(frame, graph), basis(frame, graph))
    watched = PairBasis(4, 3, 2)
    handle = watched.register_forward_hook(lambda module, given, values: 2 * values)
    assert torch.equal(watched.pairs(plain, graph_of(plain)), 2 * basis(plain))
    handle.remove()
    assert isinstance(PairBasis(4, fused=False).pairs(plain, graph_of(plain)), torch.Tensor)
    assert taggers.create("cg", "tiny", edges="nonlinear").network.basis.fused is False


def test_operators_are_what_compilers_expect(generator):
    if not pair_kernel.available():
        pytest.skip("no C compiler")
    pairs, real = torch.randn((2, 9, 9), generator=generator), torch.rand((2, 9), generator=generator) < 0.8
    x = torch.randn((7, 2, 9), generator=generator, requires_grad=True)
    weights = torch.randn((3, 6), generator=generator, requires_grad=True)
    arguments = (x, weights, pairs + pairs.mT, pairs * pairs.mT, torch.zeros(2), real)
    sizes = ([2, 2, 1], [-1.0, 0.5, -1.0, 0.5, 0.0, 1.0], [2, 3], [2, 1])
    torch.library.opcheck(
        fused_sums._sum_op, (*arguments, *sizes), test_utils=("test_schema", "test_faketensor", "test_autograd_registration")
    )


@needs_kernel
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_a_traced_network_is_the_same_function():
    """torch.compile without a code generator, in one graph."""
    batch = toy_jets(5, 3)
    results = []
    for traced in (False, True):
        tagger = taggers.create("cg", seed=1, irreps="4x(0,0)+2x(1,1)", layers=1)
        if traced:
            tagger.compile(backend="aot_eager", fullgraph=True)
        logits = tagger(batch)
        logits.square().sum().backward()
        results.append([logits.detach(), *(parameter.grad for parameter in tagger.parameters())])
    largest = max(gradient.abs().max() for gradient in results[0][1:])
    assert torch.allclose(results[0][0], results[1][0], rtol=1e-5, atol=0)
    for eager, compiled in zip(results[0][1:], results[1][1:], strict=True):
        assert (eager - compiled).abs().max() < 1e-5 * largest


# --- the compiler


def test_without_a_compiler_the_table_is_taken(afresh, monkeypatch, caplog):
    batch = toy_jets(4, 3)
    expected = taggers.create("cg", "tiny", seed=1)(batch)
    pair_kernel._library.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with caplog.at_level(logging.INFO, "lorentznet"):
        logits = taggers.create("cg", "tiny", seed=1)(batch)
    assert (logits - expected).abs().max() < 2e-6 * expected.abs().max()
    assert not pair_kernel.available()
    assert "no C compiler" in caplog.text
    with pytest.raises(RuntimeError, match="not built"):
        pair_kernel._loaded()


def test_a_compiler_that_fails_is_named(afresh, monkeypatch, tmp_path, caplog):
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho this compiler has no vectors >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with caplog.at_level(logging.INFO, "lorentznet"):
        assert not pair_kernel.available()
    assert str(broken) in caplog.text
    assert "this compiler has no vectors" in caplog.text


@needs_kernel
def test_the_library_is_built_once_and_kept(afresh, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert pair_kernel.available()
    (kept,) = (tmp_path / "lorentznet").iterdir()
    made = kept.stat().st_mtime_ns
    pair_kernel._library.cache_clear()
    assert pair_kernel.available()
    assert kept.stat().st_mtime_ns == made


@needs_kernel
def test_a_home_that_cannot_be_written_to(afresh, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert pair_kernel.available()
