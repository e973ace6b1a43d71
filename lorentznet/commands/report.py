"""``lorentznet report``: one page from the folders of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from lorentznet.console import Console
from lorentznet.files import output_path

HELP = (
    "collect trainings, evaluations and invariance scans into one page, with every number as JSON and CSV, and tables for LaTeX"
)
EXAMPLE = "lorentznet report runs/quickstart --out report --jets jets.root#test --scores scores/cg.root"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet report``."""
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folders of trainings, evaluations, invariance scans and explanations, or folders of such folders",
    )
    parser.add_argument("--out", type=output_path, required=True, metavar="DIR", help="folder of the report")
    parser.add_argument(
        "--hepdata", action="store_true", help="also write OUT/hepdata, a submission to HEPData with the results and ROC curves"
    )
    parser.add_argument(
        "--jets",
        nargs="+",
        default=[],
        metavar="FILE",
        help="jets to show: PATH[:TREE][#ROWS]; the mean image of each class and a few single ones",
    )
    parser.add_argument("--card", type=Path, metavar="CARD", help="dataset card of these jets (default: the one beside the file)")
    parser.add_argument(
        "--scores",
        nargs="+",
        default=[],
        metavar="SCORES",
        help="score files of these jets, in their order: shows the most and the least signal-like of each class",
    )


def run(args: argparse.Namespace, console: Console) -> None:
    """Collect, draw, write, and print the path of the page, and of the submission if there is one."""
    from lorentznet.reports.page import write_report

    page = write_report(args.folders, args.out, args.jets, args.card, args.scores, args.hepdata)
    console.result(str(page))
    if args.hepdata:
        console.result(str(args.out / "hepdata" / "submission.yaml"))
