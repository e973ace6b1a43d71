"""What a training step of the Clifford taggers costs, and what float32 does to their gradients.

In one process, on one thread, in float32, with the same settings of the memory allocator for all (freed memory is kept, see
lorentznet.train.allocator). Times are CPU times of the best of several repeats in turn; a step is forward, backward and Adam on jets of 50
particles each, front end included. Ratios are what counts.

* the preset `published` beside its edge-by-edge oracle (tests/oracles/edgewise_cgenn.py) with the same weights. The oracle contracts
  the table of weights and structure constants densely in the order of least work, as the published code does with opt_einsum; beside
  it stands the same with the package's products, which leave out the zeros of the table,
* the presets `tiny`, `small`, `medium` and `published` beside networks with as many parameters as `medium`: a plain transformer and, with
  the package lgatr installed (extra `baselines`), L-GATr and L-GATr-slim, eager and in float32 like all others,
* gradients of the mean loss on generated jets made massless, untrained networks in training without dropout, float32 against float64.

    python analysis/benchmarks/clifford_tagger.py [--quick] [--json]
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import statistics
from typing import Any

import torch
from measuring import Behind, PlainTransformer, count, forward_pass, jets_of, load_oracle, peak_megabytes, seconds, training_step
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from lorentznet import data, taggers
from lorentznet.data.batch import JetBatch, collate
from lorentznet.nn.cgenn_frame import BeamParticles
from lorentznet.nn.cgenn_product import FullyConnectedProduct
from lorentznet.nn.cgenn_weights import load_published
from lorentznet.nn.frame import JetFrame
from lorentznet.train.allocator import keep_freed_memory

PARTICLES = 50
PRESETS = ("tiny", "small", "medium", "published")


class SparseProduct(nn.Module):
    """The package's product on multivectors with components last, one row an edge or a node."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.product = FullyConnectedProduct(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Multivectors (rows, channels, 16)."""
        made: Tensor = self.product(x.permute(2, 1, 0)).permute(2, 1, 0)
        return made


class LGATrTagger(nn.Module):
    """L-GATr or L-GATr-slim on the momenta of particles and ln E, mean of its scalars over particles; jets of one length only.

    Parameters
    ----------
    kind
        ``slim`` or ``full``.
    width
        Vectors, or multivectors; there are four, or two, times as many scalars, as in the published configurations.
    """

    def __init__(self, kind: str, width: int) -> None:
        import lgatr

        super().__init__()
        self.kind = kind
        if kind == "slim":
            self.body = lgatr.LGATrSlim(4, 1, 1, width, 1, 1, 4 * width, num_heads=4)
        else:
            self.body = lgatr.LGATr(4, 1, 1, width, 1, 1, 2 * width, lgatr.SelfAttentionConfig(num_heads=4), lgatr.MLPConfig())

    def forward(self, frame: JetFrame, extra: Tensor | None) -> Tensor:
        """Logits, shape (jets, 1)."""
        import lgatr

        vectors, scalars = frame.momenta[..., None, :], frame.energy[..., None].log()
        if self.kind == "full":
            vectors = lgatr.embed_vector(vectors)
        logits: Tensor = self.body(vectors, scalars)[1].mean(-2)
        return logits

    @classmethod
    def of_size(cls, kind: str, parameters: int) -> LGATrTagger:
        """The one whose number of parameters is nearest to the wanted one."""
        return min((cls(kind, width) for width in range(4, 45, 4)), key=lambda made: abs(count(made) - parameters))


def published_beside_the_oracle(jets: int, particles: int, repeats: int, slow_repeats: int) -> tuple[dict[str, float], float]:
    """Time and memory of a step of `published` and of its oracle; and seconds of a step of the oracle for each jet."""
    oracle, batch = load_oracle("edgewise_cgenn"), jets_of(jets, particles)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        slow, sparse = (Behind(oracle.EdgewiseCGENN(), BeamParticles()) for _ in range(2))
        for layer in sparse.network.CGLs:
            layer.phi_x[0], layer.theta_x[0] = SparseProduct(27, 8), SparseProduct(17, 8)
    fast = taggers.create("clifford", "published", seed=0)
    load_published(fast.network, slow.network.state_dict())
    difference = max_difference(fast, slow, batch)
    steps = [training_step(model, batch) for model in (fast, sparse, slow)]
    times = [*seconds(steps[:2], repeats, short=(0,)), *seconds(steps[2:], slow_repeats)]
    memory = [peak_megabytes(step) for step in steps]
    print(f"{f'step of {jets} jets, N = {particles}':<44}{'parameters':>11}{'CPU ms':>10}{'jets/s':>10}{'peak MB':>10}")
    rows = ("published", "edge by edge, zeros left out", "its edge-by-edge oracle")
    for name, model, spent, megabytes in zip(rows, (fast, sparse, slow), times, memory, strict=True):
        print(f"{name:<44}{count(model):>11,}{1000 * spent:>10.1f}{jets / spent:>10.2f}{megabytes:>10.0f}")
    print(f"logits of published and its oracle in float64 differ by {difference:.1e} of their size\n")
    found = {
        "published_parameters": count(fast),
        "published_factorised_speedup": times[2] / times[0],
        "published_memory_ratio": memory[0] / memory[2],
        "published_over_sparse_edgewise": times[1] / times[0],
        "published_jets_per_cpu_second": jets / times[0],
        "published_difference": difference,
    }
    return found, times[2] / jets


def max_difference(fast: nn.Module, slow: nn.Module, batch: JetBatch) -> float:
    """Largest difference of the logits in float64, relative to the largest logit."""
    with torch.no_grad():
        found, expected = (copy.deepcopy(model).double().eval()(batch) for model in (fast, slow))
    return float((found - expected).abs().max() / expected.abs().max())


def presets_beside_others(jets: int, particles: int, repeats: int, oracle_seconds: float) -> dict[str, Any]:
    """Forward and step of the presets, of networks of the size of `medium`, and what `medium` is beside the oracle."""
    batch = jets_of(jets, particles)
    models: dict[str, nn.Module] = {preset: taggers.create("clifford", preset, seed=0) for preset in PRESETS}
    wanted = count(models["medium"])
    with torch.random.fork_rng(devices=[]):
        models["plain transformer"] = PlainTransformer.of_size(wanted)
        if importlib.util.find_spec("lgatr"):
            models |= {
                name: Behind(LGATrTagger.of_size(kind, wanted)) for name, kind in (("lgatr-slim", "slim"), ("lgatr", "full"))
            }
    forward = seconds([forward_pass(model, batch) for model in models.values()], repeats)
    step = seconds([training_step(model, batch) for model in models.values()], repeats)
    print(f"{f'{jets} jets, N = {particles}':<44}{'parameters':>11}{'forward ms':>12}{'step ms':>10}{'jets/s':>10}")
    for (name, model), of_forward, of_step in zip(models.items(), forward, step, strict=True):
        print(f"{name:<44}{count(model):>11,}{1000 * of_forward:>12.1f}{1000 * of_step:>10.1f}{jets / of_step:>10.1f}")
    spent = dict(zip(models, step, strict=True))
    found: dict[str, Any] = {f"{preset}_jets_per_cpu_second": jets / spent[preset] for preset in PRESETS[:3]}
    found |= {f"{name.replace(' ', '_').replace('-', '_')}_parameters": count(model) for name, model in models.items()}
    found["medium_over_published_edgewise"] = oracle_seconds * jets / spent["medium"]
    found["medium_over_transformer"] = spent["plain transformer"] / spent["medium"]
    if "lgatr" in models:
        found |= {
            f"medium_over_{short}": spent[name] / spent["medium"] for short, name in (("slim", "lgatr-slim"), ("lgatr", "lgatr"))
        }
    else:
        print("lgatr is not installed: medium_over_slim is left out; pip install -e '.[baselines]' brings it")
    print()
    return found


def massless_jets(number: int) -> JetBatch:
    """Generated jets that come with the package, energies put to the size of the momenta in float64."""
    batch = collate(data.sample()[:number])
    space = batch.p4[:, 1:]
    return batch.with_momenta(torch.cat((space.norm(dim=1, keepdim=True), space), 1))


def gradient(model: nn.Module, batch: JetBatch) -> Tensor:
    """Gradient of the mean loss by all parameters, in float64."""
    model.zero_grad()
    logits = model(batch)[:, 0]
    binary_cross_entropy_with_logits(logits, batch.y.to(logits)).backward()
    return torch.cat([parameter.grad.double().flatten() for parameter in model.parameters()])


def gradient_errors(jets: int, seeds: int) -> dict[str, float]:
    """Relative error of the float32 gradient of each preset: the median over some initial weights."""
    batch = massless_jets(jets)
    print(f"gradient in float32 against float64, {jets} massless generated jets, {seeds} initial weights")
    print(f"{'':<44}{'relative error':>15}{'smallest':>12}{'largest':>12}")
    found = {}
    for preset in PRESETS:
        errors = []
        for seed in range(seeds):
            single = taggers.create("clifford", preset, seed=seed, dropout=0.0)
            exact = gradient(copy.deepcopy(single).double(), batch)
            errors.append(float((gradient(single, batch) - exact).norm() / exact.norm()))
        found[f"gradient_error_{preset}"] = statistics.median(errors)
        print(f"{preset:<44}{statistics.median(errors):>15.1e}{min(errors):>12.1e}{max(errors):>12.1e}")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4 instead of 16 jets in a step, fewer repeats")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    jets, repeats, slow_repeats, seeds = (4, 3, 1, 3) if args.quick else (16, 6, 2, 5)
    results: dict[str, Any] = {"jets": jets, "particles": PARTICLES, "threads": 1, "dtype": "float32", "freed_memory_kept": True}
    found, oracle_seconds = published_beside_the_oracle(jets, PARTICLES, repeats, slow_repeats)
    results |= found
    results |= presets_beside_others(jets, PARTICLES, repeats, oracle_seconds)
    results |= gradient_errors(8 if args.quick else 32, seeds)
    if args.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
