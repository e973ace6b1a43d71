"""``lorentznet inspect``: what is in jet files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from lorentznet.console import Console
from lorentznet.errors import CheckpointError, DataError

HELP = "show what is in jet files: branches, classes, pT, mass, multiplicity, and anything suspicious"
EXAMPLE = "lorentznet inspect sample"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="PATH[:TREE][#START:STOP or #SPLIT]; 'sample' is the shipped sample"
    )
    parser.add_argument(
        "--card", metavar="CARD.yaml", help="dataset card; by default the one beside the file, or by the branch names"
    )
    parser.add_argument(
        "--for",
        dest="weights",
        metavar="CHECKPOINT",
        help="say when the jets are unlike those that these weights were trained on: checkpoint, or name of pretrained weights",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list, an object for each file, instead of text")


def run(args: argparse.Namespace, console: Console) -> None:
    """Print what is in the files; afterwards fail if one of them cannot be used as it is."""
    from lorentznet.data.inspect import Inspection, inspect_file
    from lorentznet.data.source import expand
    from lorentznet.train.training_range import RangeCheck

    known = _training_range(args.weights) if args.weights else None
    found = []
    for source in expand(args.files):
        alike = RangeCheck(known)
        try:
            with console.progress(f"reading {source}", None) as advance:
                found.append(inspect_file(source, args.card, advance, alike.look))
        except DataError as error:
            found.append(Inspection(str(source), "not readable", 0, problems=[str(error)]))
        if alike.sentence():
            found[-1].warnings.append(f"{args.weights} was {alike.sentence()}")
        if not args.json:
            for line in found[-1].lines():
                console.result(line)
    if args.json:
        console.result(json.dumps([inspection.plain() for inspection in found], indent=1, allow_nan=False, default=str))
    problems = [problem for inspection in found for problem in inspection.problems]
    if problems:
        raise DataError(problems[0])


def _training_range(weights: str) -> Mapping[str, Any]:
    from lorentznet.train.checkpoint import load

    known = load(weights).training_range
    if known is None:
        raise CheckpointError(
            f"{weights}: does not say what its training jets were like; train again, or give pretrained weights"
        )
    return known
