"""``lorentznet report``: one page from the folders of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from lorentznet.console import Console

HELP = "collect trainings, evaluations and invariance scans into one page, with every number as JSON and CSV"
EXAMPLE = "lorentznet report runs/quickstart --out report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet report``."""
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folders of trainings, evaluations and invariance scans, or folders of such folders",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the report")


def run(args: argparse.Namespace, console: Console) -> None:
    """Collect, draw, write, and print the path of the page."""
    from lorentznet.reports.page import write_report

    page = write_report(args.folders, args.out)
    console.result(str(page))
