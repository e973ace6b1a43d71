"""``lorentznet evaluate``: metrics, curves and figures from score files."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorentznet.console import Console
from lorentznet.errors import ConfigError, nearest
from lorentznet.files import output_path

if TYPE_CHECKING:
    from lorentznet.evaluate.ensembles import Ensemble
    from lorentznet.evaluate.scores import ScoreTable

HELP = (
    "compute AUC, background rejection, calibration and more with intervals, compare taggers, draw; of regressions the resolution"
)
EXAMPLE = "lorentznet evaluate scores/cg.root scores/clifford.root --out evaluation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet evaluate``."""
    parser.add_argument(
        "scores",
        nargs="*",
        metavar="SCORES",
        help="files of 'lorentznet predict', or others: ROOT, Parquet, npz or CSV with labels",
    )
    parser.add_argument("--out", type=output_path, required=True, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--signal-efficiency",
        type=float,
        nargs="+",
        default=[0.3, 0.5],
        metavar="E",
        help="where to give the background rejection (default: 0.3 0.5)",
    )
    parser.add_argument(
        "--background-efficiency",
        type=float,
        nargs="+",
        default=[0.01, 0.001],
        metavar="E",
        help="where to give the signal efficiency (default: 0.01 0.001)",
    )
    parser.add_argument(
        "--ensemble",
        action="append",
        default=[],
        metavar="NAME=PATTERN",
        help="trainings of one tagger, score files or taggers among SCORES, e.g. 'cg=scores/cg-seed*.root': each alone, and together "
        "by the mean and the median of their logits; may be repeated",
    )
    parser.add_argument(
        "--calibrate",
        nargs="+",
        default=[],
        metavar="SCORES",
        help="scores of other jets by the same taggers, to which a temperature is fitted",
    )
    parser.add_argument(
        "--observers",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="along which to give efficiencies (default: pT, eta, mass, particles)",
    )
    parser.add_argument("--baseline", metavar="NAME", help="the tagger that others are compared with (default: the first)")
    parser.add_argument(
        "--intervals",
        choices=("jeffreys", "clopper-pearson"),
        default="jeffreys",
        help="of counts: on average of the stated content, or never less (default: %(default)s)",
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
    for option in ("signal_efficiency", "background_efficiency"):
        for value in getattr(args, option):
            if not 0 < value <= 1:
                raise ConfigError(f"--{option.replace('_', '-')} {value:g}: must be above 0 and at most 1")
    if not args.scores and not args.ensemble:
        raise ConfigError("no score files: give some, or --ensemble NAME=PATTERN")
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
        _refuse_for_regressions(args)
        _evaluate_regressions(regressions, args, console)
        return
    found = _with_own_names(_read(words, args, console))
    together = _ensembles(found, args, console)
    tables = [table for _, table in found] + [ensemble.table for ensemble in together.values()]
    names = [table.name for table in tables]
    if args.baseline and args.baseline not in names:
        raise ConfigError(f"--baseline {args.baseline}: no such tagger; {nearest(args.baseline, names)}")
    evaluation = evaluate(
        tables,
        [word for word, _ in found] + [f"--ensemble {name}" for name in together],
        args.signal_efficiency,
        args.background_efficiency,
        observers=args.observers,
        calibrate=_calibrations(tables, args, console),
        baseline=args.baseline,
        method=args.intervals,
    )
    if together:
        evaluation.numbers["ensembles"] = {name: ensemble.numbers for name, ensemble in together.items()}
    evaluation.numbers["command"] = args.command_line
    for name, tagger in evaluation.taggers.items():
        for line in _remarks(name, tagger):
            console.say(line)
    write_evaluation(evaluation, args.out)
    console.result(evaluation.table())


def _read(words: Iterable[str], args: argparse.Namespace, console: Console) -> list[tuple[str, ScoreTable]]:
    """All taggers in the files, each with its file; jets without a label are left out, unless none has one."""
    from lorentznet.evaluate.foreign import read_scores

    found = []
    for word in words:
        tables = read_scores(word, args.label, args.columns, args.kind, args.classes)
        if len(tables) > 1 and not args.columns:
            console.say(f"{word}: taken as taggers: {', '.join(table.name for table in tables)}; choose by --scores")
        for table in tables:
            known = table.labelled()
            if 0 < len(known) < len(table):
                console.say(f"{word}: {len(table) - len(known):,} of {len(table):,} jets have no label and are left out")
            found.append((word, known if len(known) else table))
    return found


def _ensembles(found: list[tuple[str, ScoreTable]], args: argparse.Namespace, console: Console) -> dict[str, Ensemble]:
    """The ensembles asked for: of files, or of the taggers that were read already."""
    from lorentznet.evaluate.ensembles import ensemble

    together: dict[str, Ensemble] = {}
    for word in args.ensemble:
        name, equals, pattern = word.partition("=")
        if not (name and equals and pattern):
            raise ConfigError(f"--ensemble {word}: give a name and a pattern, e.g. cg='scores/cg-seed*.root'")
        if name in together:
            raise ConfigError(f"--ensemble {name}: is given twice; name the ensembles differently")
        paths = [path for path in _expanded([pattern]) if Path(path).exists()]
        members = (
            _with_own_names(_read(paths, args, console))
            if paths
            else [(w, t) for w, t in found if fnmatch.fnmatchcase(t.name, pattern)]
        )
        if not members:
            known = [table.name for _, table in found]
            raise ConfigError(
                f"--ensemble {word}: no file and no tagger is called so{'; ' + nearest(pattern, known) if known else ''}"
            )
        tables, files = [table for _, table in members], [word for word, _ in members]
        sources = files if len(set(files)) == len(files) else [f"{file}: {table.name}" for file, table in members]
        together[name] = ensemble(tables, name, args.signal_efficiency, sources, args.intervals)
    return together


def _calibrations(tables: list[ScoreTable], args: argparse.Namespace, console: Console) -> dict[str, ScoreTable]:
    """Tagger -> its scores of the jets that temperatures are fitted to."""
    import numpy as np

    known = {table.name: table for table in tables}
    chosen: dict[str, ScoreTable] = {}
    for word, table in _with_own_names(_read(_expanded(args.calibrate), args, console)):
        if table.name not in known:
            raise ConfigError(
                f"--calibrate {word}: holds scores of '{table.name}', which is not evaluated; {nearest(table.name, known)}"
            )
        if np.array_equal(table.logits, known[table.name].logits):
            raise ConfigError(f"--calibrate {word}: these are the scores that are evaluated; give those of other jets")
        chosen[table.name] = table
    return chosen


def _refuse_for_regressions(args: argparse.Namespace) -> None:
    """Refuse options that say something of scores alone."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    plain = vars(parser.parse_args(["--out", "DIR"]))
    for name in plain.keys() - {"scores", "out"}:
        if getattr(args, name) != plain[name]:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} says nothing of momenta or masses, which these files hold: leave it out")


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
    from lorentznet.data.source import matching

    return list(dict.fromkeys(path for word in words for path in matching(word) or [word]))


def _with_own_names(found: list[tuple[str, ScoreTable]]) -> list[tuple[str, ScoreTable]]:
    """Tables whose names differ: those that share one are called after their file too."""
    from dataclasses import replace

    names = [table.name for _, table in found]
    return [
        (word, replace(table, name=f"{Path(word).stem}: {table.name}") if names.count(table.name) > 1 else table)
        for word, table in found
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
