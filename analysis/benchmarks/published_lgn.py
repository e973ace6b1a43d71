"""A training step of the presets `lgn` and `tiny` beside one of the code that the Lorentz Group Network was published with in 2020.

    git clone https://github.com/fizisist/LorentzGroupNetwork
    python analysis/benchmarks/published_lgn.py LorentzGroupNetwork [--quick] [--json]

Both run in one process, on one thread, in float32, with freed memory kept. A step is forward, backward and Adam on 16 jets of 50 particles;
the published network has the settings that it was published with (6,014 parameters) and two more nodes, the beams. It is another function
than `lgn`, which has right masks, and twice as many real channels as it has complex ones; cg_network.py compares equal functions. Times are
CPU times of the best of several steps in turn. --quick leaves out compiling, which takes one to three minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cg_network import JETS, PARTICLES, VECTORS
from measuring import count, jets_of, seconds, training_step
from torch.nn.functional import cross_entropy

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.train.allocator import keep_freed_memory

SETTINGS = {
    "maxdim": [3],
    "max_zf": [1],
    "num_cg_levels": 3,
    "num_channels": [2, 4, 4, 2],
    "cutoff_type": ["learn"],
    "hard_cut_rad": [1.73],
    "soft_cut_rad": [1.73],
    "soft_cut_width": [0.2],
    "weight_init": "randn",
    "level_gain": [1.0],
    "num_basis_fn": 10,
    "top": "linear",
    "input": "linear",
    "num_mpnn_layers": 1,
    "pmu_in": True,
    "add_beams": True,
    "scale": 0.005,
    "mlp": True,
    "mlp_depth": 3,
    "mlp_width": 2,
}
"""Arguments of the published network, as it was published."""


def published(checkout: Path) -> torch.nn.Module:
    """The published network, from a checkout of its code."""
    source = checkout / "src"
    if not (source / "lgn" / "models").is_dir():
        raise SystemExit(f"published_lgn.py: {checkout} holds no src/lgn/models; give a checkout of LorentzGroupNetwork")
    sys.path.insert(0, str(source))
    from lgn.models import LGNTopTag

    with contextlib.redirect_stdout(io.StringIO()):
        network: torch.nn.Module = LGNTopTag(**SETTINGS, device=torch.device("cpu"), dtype=torch.float32)
    return network


def published_step(network: torch.nn.Module, batch: JetBatch) -> Callable[[], None]:
    """Forward, backward and Adam of the published network; it is given the beams as the first two nodes."""
    beams = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, -1.0]]).expand(JETS, 2, 4)
    momenta = torch.cat((beams, batch.p4.view(JETS, PARTICLES, 4).float()), 1)
    nodes = torch.ones(momenta.shape[:2], dtype=torch.uint8)
    labels = torch.ones(JETS, PARTICLES + 2, 1)
    labels[:, 2:] = -1
    optimiser, target = torch.optim.Adam(network.parameters(), 1e-3, amsgrad=True), batch.y.long()

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        pairs = nodes[:, :, None] * nodes[:, None]
        outputs = network({"Pmu": momenta.clone(), "atom_mask": nodes, "edge_mask": pairs, "scalars": labels})
        cross_entropy(outputs, target).backward()
        optimiser.step()

    return step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, metavar="CHECKOUT", help="folder of the published code")
    parser.add_argument("--quick", action="store_true", help="do not compile, fewer repeats")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    warnings.filterwarnings("ignore", "where received a uint8 condition tensor")
    network, batch = published(args.checkout), jets_of(JETS, PARTICLES)
    ours = {"lgn": taggers.create("cg", "lgn", seed=0), "tiny": taggers.create("cg", "tiny", seed=0, **VECTORS)}
    if not args.quick:
        ours["tiny_compiled"] = taggers.create("cg", "tiny", seed=0, **VECTORS)
        ours["tiny_compiled"].compile()
    steps = [published_step(network, batch), *(training_step(model, batch) for model in ours.values())]
    slow, *times = seconds(steps, 3 if args.quick else 8, short=range(1, len(steps)))
    spent = dict(zip(ours, times, strict=True))
    print(
        f"{'step of ' + str(JETS) + ' jets, N = ' + str(PARTICLES):<36}{'parameters':>11}{'CPU ms':>9}{'jets/s':>9}{'times':>8}"
    )
    print(f"{'the published code':<36}{count(network):>11,}{1000 * slow:>9.0f}{JETS / slow:>9.1f}{1:>8}")
    names = {"lgn": "lgn", "tiny": "tiny, scalars and vectors", "tiny_compiled": "the same, compiled"}
    for key, time in spent.items():
        print(f"{names[key]:<36}{count(ours[key]):>11,}{1000 * time:>9.1f}{JETS / time:>9.1f}{slow / time:>8.1f}")
    if args.json:
        found: dict[str, Any] = {"published_parameters": count(network), "published_jets_per_cpu_second": JETS / slow}
        found |= {f"{key}_over_published": slow / time for key, time in spent.items()}
        print(json.dumps(found))


if __name__ == "__main__":
    main()
