"""What a geometric product of Cl(1,3) costs, by each kernel.

In one process, on one thread, in float32. Nanoseconds of CPU time per product of two multivectors, the best of several repeats in turn;
"with backward" is forward and backward together. Ratios are what counts.

The base is a plain contraction with the structure constants, ``einsum("...i,...k,ikj->...j")``, differentiated by autograd, with the
components last or first, whichever is faster. `eager_over_dense` and `compiled_over_dense` say how many times faster than it the kernels
are: the smaller of the ratios of forward, and of forward and backward, on the large field, as the C library hands out memory. Then the
same with freed memory kept, as trainings have it (see lorentznet.train.allocator), which mostly spares the base its large temporaries;
in keys that end in "_kept". So are all that follow: a field as small as one batch of 16 jets of 50 particles, products with a weight for
each channel and grade path, fully connected ones, and vector times multivector. With the package lgatr installed, its own products stand
beside ours. On a GPU, if there is one, times are wall times, in multiples of the time in which its memory alone could do the transfers.

    python analysis/benchmarks/geometric_product.py [--quick] [--json] [--kernels eager compiled]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from measuring import seconds
from torch import Tensor

from lorentznet.nn.geometric_product import ALL, SPACETIME, geometric_product, vector_product
from lorentznet.nn.product_eager import dense
from lorentznet.nn.product_terms import product_terms
from lorentznet.train.allocator import keep_freed_memory

CHANNELS, LARGE, BATCH = 8, 40_000, 800
"""Channels, and multivectors of a channel in the two fields."""

Case = tuple[str, Callable[..., Tensor], tuple[Tensor, ...]]


def random(*shape: int, device: str = "cpu") -> Tensor:
    """Normal numbers, the same in every run."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)


def contraction(equation: str, left: slice = slice(None)) -> Callable[[Tensor, Tensor], Tensor]:
    """Two multivector fields, of the left one some components, contracted with the structure constants."""
    table = SPACETIME.cayley.float()[left]

    def multiply(x: Tensor, y: Tensor) -> Tensor:
        return torch.einsum(equation, x, y, table)

    return multiply


def lgatr_cases(x: Tensor, y: Tensor) -> list[Case]:
    """The products of lgatr 2, components last, if it is installed."""
    try:
        from lgatr.primitives.bilinear import geometric_product as multiply
        from lgatr.primitives.config import PrimitivesConfig
    except ImportError:
        return []
    configs = ((name, PrimitivesConfig(sparse_gp=name == "sparse")) for name in ("sparse", "dense"))
    return [(f"lgatr, {name}", lambda x, y, config=config: multiply(x, y, config=config), (x, y)) for name, config in configs]


def with_backward(product: Callable[..., Tensor], factors: tuple[Tensor, ...]) -> Callable[[], None]:
    """Forward and backward with respect to all factors, as a function without arguments."""
    leaves = [factor.detach().clone().requires_grad_() for factor in factors]
    upstream = torch.randn_like(product(*factors))

    def step() -> None:
        torch.autograd.grad(product(*leaves), leaves, upstream)

    return step


def table(title: str, cases: Iterable[Case], products: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Print and return nanoseconds per product, forward and with backward, by case."""
    print(f"{title + f', {products:,} products':<62}{'forward':>10}{'with backward':>15}   ns per product")
    cases = list(cases)
    runs: list[Callable[[], Any]] = [lambda product=product, factors=factors: product(*factors) for _, product, factors in cases]
    runs += [with_backward(product, factors) for _, product, factors in cases]
    spent = [1e9 * one / products for one in seconds(runs, repeats, range(len(runs)) if products < 100_000 else ())]
    found = {name: (spent[number], spent[number + len(cases)]) for number, (name, _, _) in enumerate(cases)}
    for name, (forward, backward) in found.items():
        print(f"  {name:<60}{forward:>10.1f}{backward:>15.1f}")
    return found


def by_kernel(kernels: Iterable[str], product: Callable[..., Tensor], factors: tuple[Tensor, ...]) -> list[Case]:
    """One case for each kernel of the package."""
    return [(kernel, lambda *values, kernel=kernel: product(*values, kernel=kernel), factors) for kernel in kernels]


def weighted(x: Tensor, y: Tensor, weights: Tensor, kernel: str) -> Tensor:
    """The product with weights of grade paths."""
    return geometric_product(x, y, weights=weights, kernel=kernel)


def plain_weighted(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """The same, contracted with weighted structure constants and differentiated by autograd."""
    return dense(x, y, product_terms(ALL, ALL, ALL), weights)


def unweighted(elements: int, kernels: list[str], repeats: int) -> dict[str, tuple[float, float]]:
    """All ways to multiply two fields, and the faster of the plain contractions as "dense"."""
    x, y = random(16, CHANNELS, elements), random(16, CHANNELS, elements).flip(-1)
    last = tuple(factor.movedim(0, -1).contiguous() for factor in (x, y))
    cases: list[Case] = [
        ("einsum, components last", contraction("...i,...k,ikj->...j"), last),
        ("einsum, components first", contraction("i...,k...,ikj->j..."), (x, y)),
        *by_kernel(kernels, geometric_product, (x, y)),
        *lgatr_cases(*last),
    ]
    found = table("product", cases, CHANNELS * elements, repeats)
    both = [found[name] for name in ("einsum, components last", "einsum, components first")]
    return found | {"dense": (min(forward for forward, _ in both), min(backward for _, backward in both))}


def ratios(found: dict[str, tuple[float, float]], kernels: list[str], base: str = "dense") -> dict[str, tuple[float, float]]:
    """How many times faster than the base each kernel is."""
    faster = {kernel: tuple(slow / fast for slow, fast in zip(found[base], found[kernel], strict=True)) for kernel in kernels}
    for kernel, (forward, backward) in faster.items():
        print(f"  {kernel}: {forward:.1f} times faster than {base} forward, {backward:.1f} times forward and backward")
    print()
    return {kernel: (forward, backward) for kernel, (forward, backward) in faster.items()}


def on_gpu(elements: int, repeats: int) -> dict[str, float]:
    """The fused kernel beside the memory: a product reads 32 floats and writes 16."""
    x, y = random(16, elements, device="cuda"), random(16, elements, device="cuda")
    out = torch.empty_like(x)

    def wall(function: Callable[[], Any]) -> float:
        times = []
        for _ in range(repeats + 3):
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(20):
                function()
            torch.cuda.synchronize()
            times.append((time.perf_counter() - start) / 20)
        return min(times)

    bandwidth = 2 * x.nbytes / wall(lambda: out.copy_(x))
    forward = wall(lambda: geometric_product(x, y))
    backward = wall(with_backward(geometric_product, (x, y)))
    roof = {"forward": 3 * x.nbytes / bandwidth, "backward": 9 * x.nbytes / bandwidth}
    print(f"{torch.cuda.get_device_name()}, {elements:,} products: copies at {bandwidth / 1e12:.2f} TB/s")
    for name, spent in (("forward", forward), ("backward", backward)):
        print(f"  {name}: {1e9 * spent / elements:.4f} ns per product, {spent / roof[name]:.2f} times the memory roof")
    return {"gpu_forward_over_roof": forward / roof["forward"], "gpu_backward_over_roof": backward / roof["backward"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a small field and fewer repeats: the ratios are not those of large fields"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--kernels", nargs="+", default=["eager", "compiled"], choices=["eager", "compiled"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    repeats, elements, kernels = (2, LARGE // 20, args.kernels) if args.quick else (6, LARGE, args.kernels)
    results: dict[str, Any] = {"channels": CHANNELS, "products": CHANNELS * elements, "threads": 1}
    for suffix in ("", "_kept"):
        if suffix:
            results["freed_memory_kept"] = keep_freed_memory()
            print("from here on freed memory is kept\n" if results["freed_memory_kept"] else "freed memory cannot be kept here\n")
        results[f"nanoseconds{suffix}"] = found = unweighted(elements, kernels, repeats)
        for kernel, (forward, backward) in ratios(found, kernels).items():
            results[f"{kernel}_over_dense{suffix}"] = min(forward, backward)
            results[f"{kernel}_over_dense_forward{suffix}"] = forward
            results[f"{kernel}_over_dense_with_backward{suffix}"] = backward
    for kernel, faster in ratios(unweighted(BATCH, kernels, 3 * repeats), kernels).items():
        results[f"{kernel}_over_dense_one_batch_kept"] = min(faster)

    x, y = random(16, CHANNELS, elements // 4), random(16, CHANNELS, elements // 4).flip(-1)
    v, per_channel, connected = random(4, 1, elements // 4), random(CHANNELS, 35), random(CHANNELS, CHANNELS, 35)
    dense_vector = contraction("i...,k...,ikj->j...", SPACETIME.grade_slices[1])
    rows: list[tuple[str, str, Callable[..., Tensor], Callable[..., Tensor], tuple[Tensor, ...], list[str]]] = [
        ("weighted", "a weight for each channel and path", plain_weighted, weighted, (x, y, per_channel), kernels),
        ("connected", "fully connected weights, 8 to 8 channels", plain_weighted, weighted, (x, y, connected), ["eager"]),
        ("vector", "vector times multivector", dense_vector, vector_product, (v, y), kernels),
    ]
    for key, title, plain, product, factors, possible in rows:
        cases = [("dense", plain, factors), *by_kernel(possible, product, factors)]
        found = table(title, cases, CHANNELS * (elements // 4), repeats)
        for kernel, faster in ratios(found, possible).items():
            results[f"{key}_{kernel}_over_dense_kept"] = min(faster)
    if torch.cuda.is_available():
        results |= on_gpu(2_000_000, repeats)
    if args.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
