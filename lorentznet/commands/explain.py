"""``lorentznet explain``: which paths, irreps and invariants a trained tagger uses."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lorentznet.console import Console
from lorentznet.errors import ConfigError
from lorentznet.files import output_path

if TYPE_CHECKING:
    from lorentznet.data.table import JetTable
    from lorentznet.taggers.base import Tagger

HELP = "show which paths, irreps and invariants a trained tagger uses"
EXAMPLE = "lorentznet explain runs/cg/best.ckpt jets.root#test --out explanation"

SPARE = 4
"""Jets are drawn out of so many times as many, evenly spaced over the files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet explain``."""
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="checkpoint (.ckpt), folder of a training, or name of pretrained weights"
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="labelled jets: PATH[:TREE][#ROWS], e.g. jets.root#test")
    parser.add_argument(
        "--out", type=output_path, required=True, metavar="DIR", help="folder for explain.json, .csv and the figure"
    )
    parser.add_argument(
        "--jets", type=int, default=2000, metavar="N", help="jets, drawn at random from the files (default: %(default)s)"
    )
    parser.add_argument("--card", type=Path, metavar="CARD", help="dataset card (default: the one beside the file)")
    parser.add_argument("--name", help="name of the tagger in table and figure (default: name of the training)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the draw of jets (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:K (default: %(default)s)")


def run(args: argparse.Namespace, console: Console) -> None:
    """Take the tagger apart, write, draw, and print the largest effects."""
    from lorentznet import files
    from lorentznet.commands.invariance import name_of
    from lorentznet.evaluate import explain, invariance
    from lorentznet.reports import explain as figure
    from lorentznet.reports import style
    from lorentznet.reports.output import together
    from lorentznet.train.checkpoint import load, locate
    from lorentznet.train.devices import select_device

    if args.jets < 2:
        raise ConfigError(f"--jets {args.jets}: at least 2 jets are needed")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: must not be negative")
    checkpoint = locate(args.checkpoint)
    tagger = load(checkpoint)
    try:
        parts = explain.n_parts(tagger)  # before jets are read
    except ConfigError as error:
        raise ConfigError(f"{args.checkpoint}: {error}") from None
    device = select_device(args.device)
    drawn = invariance.draw(args.files, SPARE * args.jets, args.card)
    table = explain.choose(tagger, drawn, args.jets, args.seed)
    files.make_folder(args.out)  # before the work, which takes its time
    name, about = args.name or name_of(args.checkpoint), {"checkpoint": str(args.checkpoint), "files": args.files}
    for remark in _remarks(name, tagger, drawn, table):
        console.say(remark)
    with console.progress(f"taking {name} apart", parts) as advance:
        explanation = explain.explain(
            tagger, table, args.jets, args.seed, device, advance, name, {**about, "command": args.command_line}
        )
    with together(args.out) as folder, style.style():
        explanation.write(folder)
        style.save(figure.plot(explanation), folder / "explain")
    console.result(explanation.table())
    console.say(
        "\n" + "\n".join(f"wrote {args.out / name}" for name in ("explain.json", "explain.csv", "explain.png", "explain.pdf"))
    )


def _remarks(name: str, tagger: Tagger, drawn: JetTable, chosen: JetTable) -> Iterator[str]:
    """What a reader should know of the jets."""
    from lorentznet.taggers.classes import labels_for
    from lorentznet.train.training_range import extrapolation

    if remark := extrapolation(name, tagger, chosen):
        yield remark
    if others := labels_for(tagger, drawn)[1]:
        yield f"warning: jets of other classes than {', '.join(chosen.classes)} are left out: {', '.join(others)}"
