"""How long the evaluation of many scored jets takes, and how much memory: score file to numbers, tables and figures.

One tagger with normal log-odds and three observers, in a score file as ``lorentznet predict`` writes it. Read, evaluated (area, rejections
and signal efficiencies with intervals, calibration, efficiencies along the observers, mass sculpting) and written with all figures in
a fresh process. Seconds depend on the machine; the ratio to the area and the ROC of scikit-learn in the same process less so.

    python analysis/benchmarks/evaluation.py [--jets 10000000] [--format root] [--taggers 1] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from data_path import high_water


def make_file(path: Path, jets: int, seed: int) -> None:
    """Scores of jets that are the same for every seed; the seed is that of the noise of the tagger."""
    from lorentznet.evaluate.scores import ScoreTable

    random = np.random.default_rng(0)
    labels = (random.random(jets) < 0.5).astype(np.int64)
    observers = {
        "jet_pt": random.uniform(500, 600, jets).astype(np.float32),
        "jet_eta": random.normal(0, 0.8, jets).astype(np.float32),
        "jet_mass": random.gamma(4, 25, jets).astype(np.float32),
    }
    z = 6 * (labels - 0.5) + 2 * random.normal(size=jets)
    z += np.random.default_rng(seed).normal(size=jets)
    logits = np.stack((np.zeros(jets), z), axis=1)
    ScoreTable(f"tagger{seed}", ("qcd", "top"), np.arange(jets), labels, np.ones(jets), logits, observers).write(path)


def measure(paths: Sequence[Path], out: Path, answer: Any) -> None:
    """Seconds and megabytes of each stage, in a process of its own."""
    from sklearn.metrics import roc_auc_score, roc_curve

    from lorentznet.evaluate.foreign import read_scores
    from lorentznet.evaluate.summary import evaluate
    from lorentznet.reports.tagging import write_evaluation

    found: dict[str, dict[str, float]] = {}

    def stage(name: str, work: Callable[[], Any]) -> Any:
        start, cpu = time.monotonic(), time.process_time()
        result = work()
        found[name] = {"seconds": time.monotonic() - start, "cpu": time.process_time() - cpu, "megabytes": high_water()}
        return result

    tables = stage("read", lambda: [table for path in paths for table in read_scores(path)])
    evaluation = stage("evaluate", lambda: evaluate(tables, [path.name for path in paths]))
    stage("write and draw", lambda: write_evaluation(evaluation, out))
    labels, z = tables[0].labels, tables[0].log_odds

    def reference() -> None:
        roc_auc_score(labels, z)
        roc_curve(labels, z)

    stage("scikit-learn: area and ROC of one tagger", reference)
    answer.put(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jets", type=int, default=10_000_000, metavar="N", help="scored jets (default: %(default)s)")
    parser.add_argument("--taggers", type=int, default=1, metavar="N", help="score files of the same jets (default: %(default)s)")
    parser.add_argument(
        "--format", choices=("root", "parquet", "h5"), default="root", help="of the score files (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="300,000 jets")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args(arguments)
    jets = 300_000 if args.quick else args.jets
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"scores{number}.{args.format}" for number in range(args.taggers)]
        for number, path in enumerate(paths):
            child = context.Process(target=make_file, args=(path, jets, number))  # whose memory is not measured
            child.start()
            child.join()
        answer = context.Queue()
        child = context.Process(target=measure, args=(paths, Path(folder) / "out", answer))
        child.start()
        found = answer.get()
        child.join()
    *own, reference = found
    total = {key: sum(found[name][key] for name in own) for key in ("seconds", "cpu")}
    peak = found[own[-1]]["megabytes"]
    print(f"{jets:,} jets, {args.taggers} tagger{'s' if args.taggers > 1 else ''}, {args.format}\n")
    print(f"{'stage':<44}{'seconds':>10}{'CPU seconds':>13}{'peak memory so far (MB)':>26}")
    for name, numbers in found.items():
        print(f"{name:<44}{numbers['seconds']:>10.1f}{numbers['cpu']:>13.1f}{numbers['megabytes']:>26,.0f}")
    print(f"\nread, evaluated and drawn in {total['seconds']:.1f} s ({total['cpu']:.1f} CPU seconds), at most {peak:,.0f} MB")
    if args.json:
        ratio = total["cpu"] / found[reference]["cpu"]
        print(
            json.dumps({"jets": jets, "taggers": args.taggers, **total, "peak_megabytes": peak, "cpu_over_scikit_learn": ratio})
        )


if __name__ == "__main__":
    main()
