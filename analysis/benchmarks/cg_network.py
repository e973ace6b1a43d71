"""What a training step of the Clebsch-Gordan networks costs.

In one process, on one thread, in float32, with the same settings of the memory allocator for all (freed memory is kept, see
lorentznet.train.allocator; what that is worth is measured in processes of their own). Times are CPU times of the best of several
repeats in turn; a step is forward, backward and Adam on 16 jets of 50 particles each, front end included. Ratios are what counts.

* the preset `lgn` beside a straightforward complex implementation of the same function (tests/oracles/complex_lgn.py), with as many
  complex channels as `lgn` has real ones, and beside one with half of them (2 4 4 2, the size published in 2020),
* the preset `tiny` with scalars and vectors beside the same, eager and (not with --quick) compiled as `trainer.compile` does it,
* the presets `tiny` and `small` compiled, beside themselves (not with --quick),
* the presets `tiny`, `small` and `default` with sums over pairs by the C kernel, beside the same with a table of all bells, on 64 jets,
* the preset `default` beside a plain transformer with as many parameters,
* cost against the number of particles and of channels, with fitted exponents,
* on a GPU, if there is one: jets per second of training, and where the time goes.

    python analysis/benchmarks/cg_network.py [--quick] [--json] [--gpu-part-on-cpu]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from measuring import (
    Behind,
    PlainTransformer,
    count,
    exponent,
    forward_pass,
    jets_of,
    load_oracle,
    peak_megabytes,
    seconds,
    training_step,
)
from torch.profiler import ProfilerActivity, profile

from lorentznet import taggers
from lorentznet.nn import pair_kernel
from lorentznet.train.allocator import keep_freed_memory

JETS, PARTICLES = 16, 50
VECTORS = {"irreps": "12x(0,0)+4x(1,1)"}
"""The preset tiny without tensors."""


def first_call(step: Callable[[], None]) -> float:
    """Seconds of wall time of a call, compiling included."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def lgn_beside_the_oracle(repeats: int, compiled: bool) -> dict[str, float]:
    """Time and memory of a step of `lgn` and of its oracle, and of `tiny`, if asked for compiled too."""
    oracle, batch = load_oracle("complex_lgn"), jets_of(JETS, PARTICLES)
    fast = taggers.create("cg", "lgn", seed=0)
    tiny = taggers.create("cg", "tiny", seed=0, **VECTORS)
    slow = Behind(oracle.ComplexLGN.of(fast.network))
    half = Behind(oracle.ComplexLGN([irreps.terms[0][0] // 2 for irreps in fast.network.irreps]))
    difference = float((fast(batch) - slow(batch)).detach().abs().max() / slow(batch).detach().abs().max())
    steps = [training_step(model, batch) for model in (fast, slow, half, tiny)]
    if compiled:
        tagger = taggers.create("cg", "tiny", seed=0, **VECTORS)
        tagger.compile()
        steps.append(training_step(tagger, batch))
        waited = first_call(steps[-1])
    quick, slow_time, half_time, tiny_time, *compiled_time = seconds(steps, repeats, short=(0, 3, 4))
    memory = [peak_megabytes(step) for step in steps[:3]]
    print(
        f"{'step of ' + str(JETS) + ' jets, N = ' + str(PARTICLES):<44}{'parameters':>11}{'CPU ms':>10}{'jets/s':>10}{'peak MB':>10}"
    )
    rows = [("lgn", fast, quick, memory[0]), ("its complex oracle", slow, slow_time, memory[1])]
    rows += [
        ("oracle with half the channels (2 4 4 2)", half, half_time, memory[2]),
        ("tiny, scalars and vectors", tiny, tiny_time, None),
    ]
    if compiled:
        rows.append(("the same, compiled", tiny, compiled_time[0], None))
    for name, model, spent, megabytes in rows:
        peak = "" if megabytes is None else f"{megabytes:.0f}"
        print(f"{name:<44}{count(model):>11,}{1000 * spent:>10.1f}{JETS / spent:>10.1f}{peak:>10}")
    if compiled:
        print(f"compiling it took {waited:.0f} s")
    print(f"logits of lgn and its oracle in float32 differ by {difference:.1e} of their size\n")
    results = {
        "lgn_parameters": count(fast),
        "lgn_step_speedup": slow_time / quick,
        "lgn_memory_ratio": memory[0] / memory[1],
        "lgn_step_speedup_half_channels": half_time / quick,
        "lgn_memory_ratio_half_channels": memory[0] / memory[2],
        "lgn_jets_per_cpu_second": JETS / quick,
        "tiny_step_speedup": slow_time / tiny_time,
        "tiny_jets_per_cpu_second": JETS / tiny_time,
    }
    if compiled:
        results |= {
            "tiny_compiled_step_speedup": slow_time / compiled_time[0],
            "tiny_compiled_jets_per_cpu_second": JETS / compiled_time[0],
            "tiny_compile_seconds": waited,
        }
    return results


def compiled_beside_eager(repeats: int) -> dict[str, float]:
    """Step of presets, compiled for batches of all shapes and not, and what compiling takes."""
    batch, other = jets_of(JETS, PARTICLES), jets_of(JETS - 3, PARTICLES - 11)
    results = {}
    for preset in ("tiny", "small"):
        eager, compiled = (taggers.create("cg", preset, seed=0) for _ in range(2))
        compiled.compile()
        steps = [training_step(model, batch) for model in (eager, compiled)]
        waited, again = first_call(steps[1]), first_call(training_step(compiled, other))
        spent = seconds(steps, 2 * repeats, short=(0, 1))
        results[f"compiled_{preset}_over_eager"] = spent[1] / spent[0]
        results[f"compiled_{preset}_wait_seconds"] = waited
        print(
            f"step of {preset}: {1000 * spent[0]:.1f} ms, compiled {1000 * spent[1]:.1f} ms ({spent[0] / spent[1]:.2f} times as fast); "
            f"compiling took {waited:.0f} s, the first batch of another shape then {1000 * again:.0f} ms"
        )
    print()
    return results


def kernel_beside_the_table(jets: int, repeats: int) -> dict[str, float]:
    """Step, evaluation and memory of presets with and without the C kernel of sums over pairs."""
    if not pair_kernel.available():
        print("no C compiler: sums over pairs are made of tensor operations\n")
        return {}
    batch, results = jets_of(jets, PARTICLES), {}
    for preset in ("tiny", "small", "default"):
        fused, table = (taggers.create("cg", preset, seed=0) for _ in range(2))
        table.network.basis.fused = False
        step = seconds([training_step(tagger, batch) for tagger in (fused, table)], repeats)
        memory = [peak_megabytes(training_step(tagger, batch)) for tagger in (fused, table)]
        evaluation = seconds([forward_pass(tagger, batch) for tagger in (fused, table)], repeats)
        results |= {
            f"kernel_{preset}_step_speedup": step[1] / step[0],
            f"kernel_{preset}_evaluation_speedup": evaluation[1] / evaluation[0],
            f"kernel_{preset}_memory_ratio": memory[0] / memory[1],
        }
        print(
            f"{preset}, {jets} jets, sums over pairs by the C kernel: step {1000 * step[0]:.0f} ms, with a table of all bells "
            f"{1000 * step[1]:.0f} ms ({step[1] / step[0]:.2f} times as fast), evaluation {evaluation[1] / evaluation[0]:.2f} times as "
            f"fast; {memory[0]:.0f} MB in place of {memory[1]:.0f}"
        )
    print()
    return results


def default_beside_a_transformer(repeats: int) -> dict[str, float]:
    """Forward and step of `default` and of a plain transformer of equal size."""
    batch = jets_of(JETS, PARTICLES)
    tagger = taggers.create("cg", "default", seed=0)
    with torch.random.fork_rng(devices=[]):
        transformer = PlainTransformer.of_size(tagger.n_parameters)
    forward = seconds([forward_pass(model, batch) for model in (tagger, transformer)], 2 * repeats)
    step = seconds([training_step(model, batch) for model in (tagger, transformer)], repeats)
    print(f"{'':<44}{'parameters':>11}{'forward ms':>12}{'step ms':>10}")
    for number, (name, model) in enumerate((("default", tagger), ("plain transformer", transformer))):
        print(f"{name:<44}{count(model):>11,}{1000 * forward[number]:>12.1f}{1000 * step[number]:>10.1f}")
    print()
    return {
        "default_parameters": tagger.n_parameters,
        "transformer_parameters": count(transformer),
        "default_forward_over_transformer": forward[0] / forward[1],
        "default_step_over_transformer": step[0] / step[1],
    }


def scaling(preset: str, jets: int, repeats: int) -> dict[str, Any]:
    """Cost of a step against the number of particles, and against the number of channels."""
    particles = (25, 50, 100, 200)
    tagger = taggers.create("cg", preset, seed=0)
    by_size = [seconds([training_step(tagger, jets_of(jets, n))], repeats)[0] for n in particles]
    factors = (1, 2, 4, 8)
    networks = [
        taggers.create("cg", preset, seed=0, irreps=f"{8 * f}x(0,0)+{2 * f}x(1,1)+{f}x((2,0)+(0,2))+{f}x(2,2)", products=f)
        for f in factors
    ]
    by_channels = [seconds([training_step(network, jets_of(jets, PARTICLES))], repeats)[0] for network in networks]
    slopes = exponent(particles, by_size), exponent(factors, by_channels)
    last = exponent(particles[-2:], by_size[-2:]), exponent(factors[-2:], by_channels[-2:])
    print(f"{preset}, CPU ms per jet and step")
    print("  particles " + "".join(f"{n:>8}" for n in particles) + "   exponent, and of the last two")
    print("            " + "".join(f"{1000 * t / jets:>8.2f}" for t in by_size) + f"   {slopes[0]:.2f}, {last[0]:.2f}")
    print("  channels  " + "".join(f"{f'x{f}':>8}" for f in factors))
    print("            " + "".join(f"{1000 * t / jets:>8.2f}" for t in by_channels) + f"   {slopes[1]:.2f}, {last[1]:.2f}\n")
    return {
        "exponent_particles": slopes[0],
        "exponent_particles_last": last[0],
        "exponent_channels": slopes[1],
        "exponent_channels_last": last[1],
        "cpu_ms_per_jet_by_particles": dict(zip(map(str, particles), (1000 * t / jets for t in by_size), strict=True)),
        "cpu_ms_per_jet_by_channels": dict(zip(map(str, factors), (1000 * t / jets for t in by_channels), strict=True)),
    }


def allocator_child(preset: str, keep: bool, jets: int, repeats: int) -> dict[str, float]:
    """CPU time of a step in this process, with and without freed memory being kept."""
    kept = keep_freed_memory() if keep else False
    tagger = taggers.create("cg", preset, seed=0)
    (spent,) = seconds([training_step(tagger, jets_of(jets, PARTICLES))], repeats)
    return {"seconds": spent, "kept": float(kept)}


def allocator(jets: int, repeats: int) -> dict[str, float]:
    """What it is worth to keep freed memory, each way in a process of its own."""
    found = {}
    for preset in ("lgn", "small"):
        spent = {}
        for keep in ("return", "keep"):
            words = [sys.executable, __file__, "--child", preset, keep, str(jets), str(repeats)]
            answer = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            spent[keep] = json.loads(answer.splitlines()[-1])["seconds"]
        found[f"allocator_gain_{preset}"] = spent["return"] / spent["keep"]
        print(
            f"allocator, step of {preset} on {jets} jets: {1000 * spent['return']:.0f} ms as the C library has it, "
            f"{1000 * spent['keep']:.0f} ms if freed memory is kept ({spent['return'] / spent['keep']:.2f} times faster)"
        )
    print()
    return found


def training_rate(device: str, jets: int, particles: int, steps: int) -> dict[str, float]:
    """Jets per second of wall time in training `small`, float32, batches on the device; and where the time goes."""
    batch = jets_of(jets, particles).to(device)
    step = training_step(taggers.create("cg", "small", seed=0).to(device), batch)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    for _ in range(3):
        step()
    wait()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    wait()
    rate = steps * jets / (time.perf_counter() - start)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=activities) as profiled:
        for _ in range(3):
            step()
        wait()
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(f"training `small` on {name}, batch {jets}, N = {particles}: {rate:,.0f} jets/s")
    order = "self_cuda_time_total" if device == "cuda" else "self_cpu_time_total"
    print(profiled.key_averages().table(sort_by=order, row_limit=15, max_name_column_width=48))
    return {f"{device}_small_jets_per_second": rate}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repeats, smaller batches where sizes are scanned")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--gpu-part-on-cpu", action="store_true", help="run what is meant for a GPU, small, on the CPU")
    parser.add_argument("--child", nargs=4, metavar=("PRESET", "ALLOCATOR", "JETS", "REPEATS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.child:
        preset, keep, jets, repeats = args.child
        print(json.dumps(allocator_child(preset, keep == "keep", int(jets), int(repeats))))
        return
    keep_freed_memory()
    repeats = 3 if args.quick else 8
    results: dict[str, Any] = {"jets": JETS, "particles": PARTICLES, "threads": 1, "dtype": "float32", "freed_memory_kept": True}
    results |= lgn_beside_the_oracle(repeats, compiled=not args.quick)
    if not args.quick:
        results |= compiled_beside_eager(repeats)
    results |= kernel_beside_the_table(JETS if args.quick else 64, repeats)
    results |= default_beside_a_transformer(2 * repeats)
    results |= scaling("small", 4 if args.quick else JETS, repeats)
    results |= allocator(JETS if args.quick else 64, repeats)
    if torch.cuda.is_available():
        results |= training_rate("cuda", 512, PARTICLES, 10 if args.quick else 30)
    elif args.gpu_part_on_cpu:
        results |= training_rate("cpu", 4, 20, 2)
    if args.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
