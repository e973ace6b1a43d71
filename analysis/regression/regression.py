"""The momentum and the mass of the top quark from its jet: trained, evaluated beside the plain jet, drawn, and shown to be covariant.

    python analysis/regression/regression.py OUT [--jets 6000] [--train WORD --val WORD --test WORD]

Without words top jets are generated first. OUT holds the runs, the predictions, ``evaluation/regression.json`` and ``.csv``, the figure
``resolution.png`` and ``covariance/covariance.json``. Words of a file whose jets have no target in part (QCD) may be given: such jets are
left out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lorentznet.cli import main
from lorentznet.evaluate.regression import RegressionEvaluation, evaluate
from lorentznet.evaluate.regression_table import RegressionTable
from lorentznet.reports import style
from lorentznet.reports.regression import draw_response

HERE = Path(__file__).parent
TASKS = ("momentum", "mass")


def run(*words: object) -> None:
    """One command of the package; the script ends where it fails."""
    line = [str(word) for word in words]
    sys.stderr.write(f"$ lorentznet {' '.join(line)}\n")
    code = main(line)
    if code:
        raise SystemExit(code)


def draw(evaluation: RegressionEvaluation, out: Path) -> None:
    """Responses of mass and transverse momentum, network beside plain jet."""
    with style.style():
        left, right = style.axes(4.2, 1, 2)[0]
        draw_response(evaluation, "momentum", "mass", left)
        draw_response(evaluation, "momentum", "pt", right)
        style.save(left, out / "resolution")


def study(arguments: argparse.Namespace) -> None:
    """Everything, from jets to table."""
    out, start = arguments.out, time.process_time()
    words = {split: getattr(arguments, split) for split in ("train", "val", "test")}
    if not all(words.values()):
        jets = out / "jets.root"
        if not jets.exists():
            run("generate", "--process", "top", "--jets", arguments.jets, "--seed", 7, "--out", jets)
        words = {split: word or f"{jets}#{split}" for split, word in words.items()}
    for task in arguments.tasks:
        data = ("--data.train", words["train"], "--data.val", words["val"], "--trainer.epochs", arguments.epochs)
        target = ("--data.target", arguments.target)
        run("train", "--config", HERE / f"{task}.yaml", *data, *target, "--seed", arguments.seed, "--resume", "--out", out / task)
        run("predict", out / task, words["test"], "--out", out / f"{task}.root")
    files = [str(out / f"{task}.root") for task in arguments.tasks]
    run("evaluate", *files, "--out", out / "evaluation")
    if "momentum" in arguments.tasks:
        draw(evaluate([RegressionTable.read(out / "momentum.root")]), out)
        run("invariance", out / "momentum", words["test"], "--jets", arguments.covariance_jets, "--out", out / "covariance")
    sys.stderr.write(f"{time.process_time() - start:.0f} s of one core\n")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; ``words`` in place of that of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    for split in ("train", "val", "test"):
        parser.add_argument(f"--{split}", metavar="WORD", help="jets: PATH[:TREE][#ROWS]")
    parser.add_argument(
        "--target", default="aux_genpart", help="columns of the target, or their beginning (default: %(default)s)"
    )
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--jets", type=int, default=6000, help="jets to generate where no words are given")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--covariance-jets", type=int, default=200)
    return parser.parse_args(words)


if __name__ == "__main__":
    study(parse())
