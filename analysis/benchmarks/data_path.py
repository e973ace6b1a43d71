"""How fast jets come from a ROOT file into a batch.

Compares, in one process and on one core, the data path of lorentznet (ROOT file to JetBatch, with all its checks) with reading
alone (uproot) and with the usual way by hand (uproot, then awkward's padding to a dense array, then torch). Rates depend on the
machine; the ratios less so. Times are CPU times of the best of several warm repeats.

    python analysis/benchmarks/data_path.py [--quick] [--json] [--file JETS.root]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import torch
import uproot

import lorentznet.data as data

MOMENTA = ["part_energy", "part_px", "part_py", "part_pz"]
FLAGS = ["label_QCD", "label_Tbqq"]
CHUNK = 10_000


def make_file(path: Path, jets: int) -> Path:
    """The shipped sample, repeated, as a TTree with float32 branches and baskets of 10,000 jets."""
    table = data.sample()
    table = table[np.arange(jets) % len(table)]
    columns = {name: ak.values_astype(getattr(table.constituents, name), np.float32) for name in ("px", "py", "pz", "E")}
    particles = ak.zip({"px": columns["px"], "py": columns["py"], "pz": columns["pz"], "energy": columns["E"]})
    with uproot.recreate(path, compression=uproot.ZSTD(4)) as file:
        tree = file.mktree("tree", {"part": particles.type.content, "label_QCD": np.int8, "label_Tbqq": np.int8})
        for start in range(0, jets, CHUNK):
            chunk = slice(start, start + CHUNK)
            flags = {name: (table.labels[chunk] == label).astype(np.int8) for label, name in enumerate(FLAGS)}
            tree.extend({"part": particles[chunk], **flags})
    return path


def read_only(path: Path) -> int:
    """Uproot alone: compressed baskets to awkward arrays."""
    jets = 0
    with uproot.open({str(path): None}, array_cache=None) as file:
        for chunk in file["tree"].iterate(MOMENTA + FLAGS, step_size=CHUNK, library="ak"):
            jets += len(chunk)
    return jets


def by_hand(path: Path) -> int:
    """The usual way: uproot, padding to the longest jet with awkward, dense float32 tensors and a mask."""
    batches = []
    with uproot.open({str(path): None}, array_cache=None) as file:
        for chunk in file["tree"].iterate(MOMENTA + FLAGS, step_size=CHUNK, library="ak"):
            slots = int(ak.max(ak.num(chunk["part_px"])))
            dense = [ak.to_numpy(ak.fill_none(ak.pad_none(chunk[name], slots, clip=True), 0.0)) for name in MOMENTA]
            p4 = torch.from_numpy(np.stack(dense, axis=-1).astype(np.float32))
            batches.append((p4, p4[..., 0] > 0, torch.from_numpy(ak.to_numpy(chunk["label_Tbqq"]).astype(np.int64))))
    return sum(len(p4) for p4, _, _ in batches)


def whole(path: Path) -> int:
    """lorentznet: the whole file as one batch."""
    return data.collate(data.read(path)).n_jets


def stream(path: Path) -> int:
    """lorentznet: batches of at most 10,000 jets, in bounded memory."""
    return sum(data.collate(table).n_jets for table in data.iterate(path, jets=CHUNK))


WAYS: dict[str, Callable[[Path], int]] = {
    "uproot": read_only,
    "by hand": by_hand,
    "lorentznet": whole,
    "lorentznet, streamed": stream,
}


def high_water() -> float:
    """Largest resident memory of this process so far, in megabytes (Linux; the rusage of a child counts its parent's)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def peak(way: str, path: Path, answer: Any) -> None:
    """Megabytes that a way adds to a fresh process that has read a few jets already."""
    data.collate(data.read(path, stop=10))
    before = high_water()
    WAYS[way](path)
    answer.put(high_water() - before)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--file", type=Path, help="a ROOT file with JetClass-like branches; by default the shipped sample, repeated"
    )
    parser.add_argument("--quick", action="store_true", help="20,000 jets instead of 100,000")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = args.file or make_file(Path(folder) / "jets.root", 20_000 if args.quick else 100_000)
        rates, megabytes = {}, {}
        for name, way in WAYS.items():
            best, jets = float("inf"), 0
            for _ in range(3 if args.quick else 5):
                start = time.process_time()
                jets = way(path)
                best = min(best, time.process_time() - start)
            rates[name] = jets / best
        context = multiprocessing.get_context("spawn")
        for name in WAYS:
            answer = context.Queue()
            child = context.Process(target=peak, args=(name, path, answer))
            child.start()
            megabytes[name] = answer.get()
            child.join()
    print(f"{'way':<22}{'jets per CPU second':>20}{'ratio to by hand':>18}{'added memory (MB)':>19}")
    for name, rate in rates.items():
        print(f"{name:<22}{rate:>20,.0f}{rate / rates['by hand']:>18.2f}{megabytes[name]:>19.0f}")
    if args.json:
        ratios = {
            "jets": jets,
            "jets_per_cpu_second": rates["lorentznet"],
            "speed_over_by_hand": rates["lorentznet"] / rates["by hand"],
            "speed_over_uproot_alone": rates["lorentznet"] / rates["uproot"],
            "streamed_over_by_hand": rates["lorentznet, streamed"] / rates["by hand"],
            "memory_over_by_hand": megabytes["lorentznet"] / megabytes["by hand"],
            "streamed_memory_over_by_hand": megabytes["lorentznet, streamed"] / megabytes["by hand"],
        }
        print(json.dumps(ratios))


if __name__ == "__main__":
    main()
