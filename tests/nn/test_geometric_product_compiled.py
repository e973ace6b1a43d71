"""The compiled and the Triton kernels of the geometric product, and networks that are compiled."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from product_cases import F32, FEW, PER_CHANNEL, UNWEIGHTED, WEIGHTS, arguments, evaluated, random, relative
from torch._dynamo.testing import CompileCounterWithBackend

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.nn.geometric_product import ALL, geometric_product, vector_product
from lorentznet.testing import toy_jets


class Layer(torch.nn.Module):
    """Products of every kind behind one another."""

    def __init__(self, kernel="auto"):
        super().__init__()
        self.kernel = kernel
        self.per_channel, self.connected = (torch.nn.Parameter(random(*shape, 35)) for shape in ((2,), (2, 2)))

    def forward(self, x, v):
        x = vector_product(v, x, kernel=self.kernel)
        x = geometric_product(x, torch.tanh(x), weights=self.per_channel, kernel=self.kernel)
        x = geometric_product(x, x, weights=self.connected)
        return geometric_product(x, torch.tanh(x), kernel=self.kernel)


def compare_compiled(compiled, layer, sizes=(64, 81)):
    for size in sizes:
        x, v = random(16, 2, 1, size).requires_grad_(), random(4, 1, 3, size, seed=1)
        leaves = [x, *layer.parameters()]
        results = [(value, torch.autograd.grad(value.square().mean(), leaves)) for value in (compiled(x, v), layer(x, v))]
        assert max(relative(*([value.detach(), *gradients] for value, gradients in results))) < 1e-12


@pytest.fixture
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def test_a_compiled_network_has_no_graph_break(fresh_compiler):
    layer = Layer("eager")
    compare_compiled(torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=True), layer)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by dynamo itself
@pytest.mark.parametrize("name", ["cg", "clifford"])
def test_networks_of_the_taggers_have_no_graph_break(name, fresh_compiler):
    tagger = taggers.create(name, "tiny", seed=0, references=("beams", "time")).double()
    frame = tagger.frame(toy_jets(3, seed=1), torch.float64)
    compiled = torch.compile(tagger.network, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(frame, None), tagger.network(frame, None), rtol=1e-10, atol=1e-10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize(("name", "preset", "options"), [
    ("cg", "tiny", {"irreps": "4x(0,0)+2x(1,1)", "references": ("beams", "time"), "scalars": 1, "dropout": 0.1}),
    ("cg", "lgn", {"irreps": "2x(0,0)+2x(1,1)", "layers": 1}),
    ("clifford", "tiny", {"layers": 1}),
])  # fmt: skip
def test_one_program_serves_batches_of_all_shapes(name, preset, options, fresh_compiler):
    counter = CompileCounterWithBackend("aot_eager")
    tagger, plain = (taggers.create(name, preset, seed=0, **options).double() for _ in range(2))
    tagger.compile(backend=counter)
    # 16 is also a length of constants of the group, and jets may be as many as particles
    for jets, particles in ((16, 20), (16, 15), (5, 31), (12, 12)):
        drawn = toy_jets(jets, seed=jets, particles=80)
        p4 = [jet[:particles] for jet in drawn.p4.split(drawn.counts.tolist())]
        scalars = random(jets * particles, 1) if "scalars" in options else None
        batch = JetBatch.from_arrays(torch.cat(p4), [particles] * jets, scalars=scalars)
        results = []
        for model in (tagger, plain):
            torch.manual_seed(0)
            logits = model(batch)
            results.append((logits, torch.autograd.grad(logits.square().sum(), list(model.parameters()), allow_unused=True)))
        torch.testing.assert_close(*results, rtol=1e-9, atol=1e-9)
    assert counter.frame_count == 1


@pytest.mark.parametrize("kind", WEIGHTS)
def test_operators_are_what_the_compiler_is_told(kind):
    inputs, gradient = arguments(kind, 5)
    x, y, weights = [value.flatten(1) if kind == UNWEIGHTED else value for value in inputs[:2]] + (inputs[2:] or [None])
    blades = "|".join([" ".join(map(str, ALL))] * 3)
    upstream = gradient.flatten(1) if kind == UNWEIGHTED else gradient
    for needed in ([True, True, weights is not None], [False, True, False]):
        tail = (x, y, weights, blades, "eager")
        checked = {"test_utils": ("test_schema", "test_faketensor")}
        torch.library.opcheck(torch.ops.lorentznet.geometric_product.default, tail, **checked)
        torch.library.opcheck(torch.ops.lorentznet.geometric_product_backward.default, (upstream, *tail, needed), **checked)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", [UNWEIGHTED, PER_CHANNEL])
def test_compiled_agrees_with_the_structure_constants(kind, fresh_compiler):
    for elements in (FEW, 200, 333):  # below, and at two sizes of one compiled kernel
        inputs, gradient = arguments(kind, elements)
        found = evaluated(inputs, gradient, kernel="compiled")
        assert max(relative(found, evaluated(inputs, gradient))) < 1e-12
        assert all(torch.equal(a, b) for a, b in zip(found, evaluated(inputs, gradient, kernel="compiled"), strict=True))
    if kind == UNWEIGHTED:
        assert max(relative(evaluated(inputs, gradient, F32, "compiled"), evaluated(inputs, gradient))) < 2e-7


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_compiled_network_shares_compiled_kernels(fresh_compiler):
    layer = Layer()
    compare_compiled(torch.compile(layer, fullgraph=True, dynamic=True), layer)


IN_THE_INTERPRETER = """
import torch
from lorentznet.nn.geometric_product import geometric_product, vector_product

torch.manual_seed(0)
x, y = torch.randn(2, 16, 2, 80, dtype=torch.float64)
v, weights = torch.randn(4, 1, 80, dtype=torch.float64), torch.randn(2, 11, dtype=torch.float64)
many = torch.randn(2, 11, 2, 300, dtype=torch.float64)  # more than one program, the last one not full
cases = {
    "product": (geometric_product, (x, y)),
    "vector": (vector_product, (v, y)),
    "weighted": (lambda x, y, w, kernel: geometric_product(x, y, tuple(range(11)), w, kernel), (*many, weights)),
}
for name, (product, inputs) in cases.items():
    for dtype, bound in ((torch.float64, 1e-12), (torch.float32, 2e-7)):
        if dtype == torch.float32 and name == "product":
            continue
        found = {}
        for kernel in ("dense", "triton"):
            made = torch.float64 if kernel == "dense" else dtype
            leaves = [value.to(made).clone().requires_grad_() for value in inputs]
            result = product(*leaves, kernel=kernel)
            upstream = torch.linspace(-1, 1, result.numel(), dtype=made).view(result.shape)
            found[kernel] = [result, *torch.autograd.grad(result, leaves, upstream)]
        for one, other in zip(found["triton"], found["dense"], strict=True):
            error = ((one.double() - other).norm() / other.norm()).item()
            allowed = bound if one.ndim > 2 else 5 * bound  # weights: sums over all elements
            assert one.dtype == dtype and error < allowed, (name, dtype, error)
assert geometric_product(x[..., :0], y[..., :0], kernel="triton").shape == (16, 2, 0)
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_triton_kernels_in_the_interpreter():
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    run = subprocess.run([sys.executable, "-c", IN_THE_INTERPRETER], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.skipif(
    find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") == "1", reason="triton is not there, or interprets"
)
def test_triton_wants_a_gpu():
    with pytest.raises(ValueError, match="runs on a GPU, got tensors on 'cpu'; take 'auto'"):
        geometric_product(random(16, 3), random(16, 3), kernel="triton")
