"""``lorentznet evaluate``: metrics, curves and figures from score files."""

from __future__ import annotations

import argparse
import glob
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorentznet.console import Console
from lorentznet.errors import ConfigError

if TYPE_CHECKING:
    from lorentznet.evaluate.scores import ScoreTable

HELP = "compute AUC, accuracy and background rejection with intervals, and draw ROC and scores; of regressions the resolution"
EXAMPLE = "lorentznet evaluate scores/cg.root scores/clifford.root --out evaluation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet evaluate``."""
    parser.add_argument(
        "scores",
        nargs="+",
        metavar="SCORES",
        help="files of 'lorentznet predict', or others: ROOT, Parquet, npz or CSV with labels",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--signal-efficiency",
        type=float,
        nargs="+",
        default=[0.3, 0.5],
        metavar="E",
        help="where to give the background rejection (default: 0.3 0.5)",
    )
    others = parser.add_argument_group("score files of other programs")
    others.add_argument("--label", metavar="COLUMN", help="column with the class of each jet (default: label)")
    others.add_argument(
        "--scores", dest="columns", nargs="+", default=[], metavar="COLUMN", help="columns with scores (default: all of floats)"
    )
    others.add_argument(
        "--kind",
        choices=("auto", "probability", "logit"),
        default="auto",
        help="what these columns hold (default: by their range)",
    )
    others.add_argument(
        "--classes", nargs="+", default=[], metavar="NAME", help="names of the classes 0, 1, ...; background first"
    )


def run(args: argparse.Namespace, console: Console) -> None:
    """Read, evaluate, write, and print the table of results."""
    for value in args.signal_efficiency:
        if not 0 < value <= 1:
            raise ConfigError(f"--signal-efficiency {value:g}: must be above 0 and at most 1")
    from lorentznet.evaluate.foreign import read_scores
    from lorentznet.evaluate.regression_table import is_regression
    from lorentznet.evaluate.summary import evaluate
    from lorentznet.reports.tagging import write_evaluation

    words = _expanded(args.scores)
    regressions = [word for word in words if is_regression(word)]
    if regressions:
        others = [word for word in words if word not in regressions]
        if others:
            raise ConfigError(
                f"{others[0]}: holds scores, {regressions[0]} momenta or masses; evaluate them by two commands, each with its own --out"
            )
        _evaluate_regressions(regressions, args, console)
        return
    found: list[tuple[str, ScoreTable]] = []
    for word in words:
        found += [(word, table) for table in read_scores(word, args.label, args.columns, args.kind, args.classes)]
    tables = _with_own_names(found)
    evaluation = evaluate(tables, [word for word, _ in found], args.signal_efficiency)
    evaluation.numbers["command"] = args.command_line
    for name, tagger in evaluation.taggers.items():
        for line in _remarks(name, tagger):
            console.say(line)
    write_evaluation(evaluation, args.out)
    console.result(evaluation.table())


def _evaluate_regressions(words: list[str], args: argparse.Namespace, console: Console) -> None:
    from lorentznet.evaluate.regression import evaluate
    from lorentznet.evaluate.regression_table import RegressionTable
    from lorentznet.reports.regression import write_regression

    evaluation = evaluate([RegressionTable.read(word) for word in words], words)
    evaluation.numbers["command"] = args.command_line
    write_regression(evaluation, args.out)
    console.result(evaluation.table())


def _expanded(words: Iterable[str]) -> list[str]:
    """Patterns such as ``scores/*.root`` as the files they match; a pattern without match stays, to be complained about."""
    expanded = []
    for word in words:
        matches = sorted(glob.glob(word)) if not Path(word).exists() else []
        expanded += matches or [word]
    return list(dict.fromkeys(expanded))


def _with_own_names(found: list[tuple[str, ScoreTable]]) -> list[ScoreTable]:
    """Tables whose names differ: those that share one are called after their file too."""
    from dataclasses import replace

    names = [table.name for _, table in found]
    return [
        replace(table, name=f"{Path(word).stem}: {table.name}") if names.count(table.name) > 1 else table for word, table in found
    ]


def _remarks(name: str, tagger: dict[str, Any]) -> list[str]:
    """What a reader should know before believing the numbers."""
    lines = []
    parts = tagger.get("classes") or {"": tagger}
    tied = max((part["ties"] for part in parts.values()), key=lambda ties: ties["pairs"])
    saturated = tagger.get("provenance", {}).get("saturated", {})
    if any(saturated.values()):
        lines.append(
            f"{name}: {saturated['0']} probabilities are exactly 0 and {saturated['1']} exactly 1; they cannot be ordered"
        )
    if tied["pairs"] > 1e-4:
        lines.append(
            f"{name}: {tied['tied']} jets are tied with jets of the other class; AUC undefined by ± {tied['pairs'] / 2:.1e}"
        )
    if tagger["auc"]["high"] < 0.5:
        lines.append(f"{name}: AUC below 0.5; class 1 is taken as the signal, does a high score mean class 0 here?")
    return lines
