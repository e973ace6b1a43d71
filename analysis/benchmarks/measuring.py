"""What the benchmarks of networks share: jets, training steps, CPU time, peak memory, fits, a plain transformer, and the oracles."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.profiler import ProfilerActivity, profile

from lorentznet.data.batch import JetBatch
from lorentznet.nn.frame import FrameConditioner
from lorentznet.nn.kinematics import to_dense
from lorentznet.testing import toy_jets

ORACLES = Path(__file__).parents[2] / "tests" / "oracles"


def load_oracle(name: str) -> Any:
    """A module with a slow network of the tests, which is no part of the package."""
    path = ORACLES / f"{name}.py"
    if not path.is_file():
        raise SystemExit(
            f"{Path(sys.argv[0]).name}: the oracle {path} is missing: run the benchmark from a checkout with its tests"
        )
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def jets_of(number: int, particles: int, seed: int = 0) -> JetBatch:
    """Toy jets, one and three prongs in turn, cut to the same number of hardest particles."""
    drawn = toy_jets(number, seed, particles=particles + 8 * particles**0.5)
    kept = []
    for jet, count in zip(drawn.p4.split(drawn.counts.tolist()), drawn.counts.tolist(), strict=True):
        if count < particles:
            raise SystemExit(
                f"{Path(sys.argv[0]).name}: a toy jet has {count} particles, {particles} are wanted: take another seed than {seed}"
            )
        kept.append(jet[jet[:, 0].argsort(descending=True)[:particles]])
    return JetBatch.from_arrays(torch.cat(kept), [particles] * number, y=drawn.y)


class Behind(nn.Module):
    """A network behind a front end of the package, as in its taggers."""

    def __init__(self, network: nn.Module, frame: FrameConditioner | None = None) -> None:
        super().__init__()
        self.frame, self.network = frame or FrameConditioner(), network

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits."""
        logits: Tensor = self.network(self.frame(batch, next(self.network.parameters()).dtype), None)
        return logits


class PlainTransformer(nn.Module):
    """Transformer encoder on particles, pre-norm, masked, without pair bias; mean over particles; one logit.

    Particles are (ln E, ln pT, eta and phi relative to the jet). Feed-forward layers are four times as wide as the model.
    """

    def __init__(self, width: int, layers: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, 1)

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits."""
        p, mask = to_dense(batch.p4, batch.ptr, batch.batch)
        e, x, y, z = p.unbind(-1)
        jet = p.sum(1, keepdim=True)
        pt, jet_pt = torch.hypot(x, y), torch.hypot(jet[..., 1], jet[..., 2])
        eta = torch.asinh(z / pt.clamp_min(1e-9)) - torch.asinh(jet[..., 3] / jet_pt)
        phi = torch.atan2(y, x) - torch.atan2(jet[..., 2], jet[..., 1])
        phi = torch.remainder(phi + torch.pi, 2 * torch.pi) - torch.pi
        features = torch.stack(((e + 1e-9).log(), (pt + 1e-9).log(), eta, phi), -1).to(self.head.weight.dtype)
        tokens = self.encoder(self.embed(features), src_key_padding_mask=~mask)
        logits: Tensor = self.head(torch.where(mask[..., None], tokens, 0).sum(1) / mask.sum(1, keepdim=True))
        return logits

    @classmethod
    def of_size(cls, parameters: int) -> PlainTransformer:
        """The one whose number of parameters is nearest to the wanted one."""
        candidates = (cls(width) for width in range(8, 257, 4))
        return min(candidates, key=lambda made: abs(count(made) - parameters))


def count(module: nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def training_step(model: nn.Module, batch: JetBatch) -> Callable[[], None]:
    """Forward, backward and Adam, as a function without arguments."""
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), 1e-4, fused=True)
    target = batch.y.to(next(model.parameters()).dtype)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        binary_cross_entropy_with_logits(model(batch)[:, 0], target).backward()
        optimiser.step()

    return step


def forward_pass(model: nn.Module, batch: JetBatch) -> Callable[[], None]:
    """Logits without gradients, as a function without arguments."""
    model.eval()

    def run() -> None:
        with torch.no_grad():
            model(batch)

    return run


def seconds(functions: Sequence[Callable[[], None]], repeats: int, short: Sequence[int] = ()) -> list[float]:
    """CPU time of each function, the best of some repeats, after one to warm up; they run in turn, so that all see the same machine.

    Functions whose number is in ``short`` run five times in each turn.
    """
    best = [float("inf")] * len(functions)
    for repeat in range(repeats + 1):
        for number, function in enumerate(functions):
            for _ in range(5 if repeat and number in short else 1):
                start = time.process_time()
                function()
                if repeat:
                    best[number] = min(best[number], time.process_time() - start)
    return best


def peak_megabytes(function: Callable[[], None]) -> float:
    """Most memory of tensors that the function holds at a time beyond what was there before, by what the allocator reports."""
    function()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        function()
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = np.array([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())], dtype=np.int64)
    return float(np.cumsum(changes).max(initial=0)) / 2**20


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Slope of the logarithm of the cost against that of the size, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
