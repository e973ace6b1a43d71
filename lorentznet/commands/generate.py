"""``lorentznet generate``: jets from Pythia 8, FastJet and a fast detector."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from lorentznet.console import Console
from lorentznet.errors import ConfigError
from lorentznet.files import output_path

HELP = "generate labelled jets with Pythia 8, FastJet and a fast detector"
EXAMPLE = "lorentznet generate --process top qcd --jets 2000 --seed 1 --out jets.root"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--process", nargs="+", required=True, metavar="NAME", help="top, qcd, hbb, hcc, hgg, wqq, zqq")
    parser.add_argument("--jets", type=int, required=True, metavar="N", help="number of jets, evenly split over the processes")
    parser.add_argument(
        "--out", type=output_path, required=True, metavar="FILE.root", help="file to write; its card FILE.yaml is put beside it"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same jets (default: %(default)s)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that work in parallel (default: all cores)")
    parser.add_argument(
        "--splits",
        nargs="+",
        metavar="PART",
        help="parts of the rows, as 0.7 0.1 0.2 (train, val, test; the default) or NAME=0.7 ...",
    )
    level = parser.add_mutually_exclusive_group()
    level.add_argument(
        "--detector", dest="level", action="store_const", const="detector", help="fast detector with coarse towers (the default)"
    )
    level.add_argument(
        "--detector-fine", dest="level", action="store_const", const="detector-fine", help="fine electromagnetic towers"
    )
    level.add_argument(
        "--truth", dest="level", action="store_const", const="truth", help="no detector: all visible stable particles"
    )
    parser.set_defaults(level="detector")
    parser.add_argument(
        "--mpi",
        action="store_true",
        help="simulate multiparton interactions (three times slower; closer to the top-tagging reference set)",
    )
    parser.add_argument(
        "--pt-hat-min",
        type=float,
        default=500.0,
        metavar="GEV",
        help="smallest pT of the hard process (default: %(default)g GeV)",
    )
    parser.add_argument(
        "--compact", action="store_true", help="round momenta to 12 bits and leave out derived columns: a small file"
    )


def run(args: argparse.Namespace, console: Console) -> None:
    """Generate the jets and say where they are."""
    from lorentznet.data.generate import generate

    splits = parse_splits(args.splits)
    with console.progress("generating jets", args.jets) as advance:
        generate(
            args.process,
            args.jets,
            args.out,
            args.seed,
            level=args.level,
            mpi=args.mpi,
            workers=args.workers,
            splits=splits,
            pt_hat_min=args.pt_hat_min,
            compact=args.compact,
            progress=advance,
        )
    console.say(f"{args.jets} jets: {args.out}, card {args.out.with_suffix('.yaml')}")


def parse_splits(words: Sequence[str] | None) -> dict[str, float] | None:
    """``0.7 0.1 0.2`` or ``train=0.7 val=0.1 test=0.2`` as names and fractions; None stays None.

    Raises
    ------
    ConfigError
        If a word is not understood.

    Examples
    --------
    >>> parse_splits(["0.5", "0.2", "0.3"])
    {'train': 0.5, 'val': 0.2, 'test': 0.3}
    >>> parse_splits(["fit=0.9", "hold=0.1"])
    {'fit': 0.9, 'hold': 0.1}
    """
    if words is None:
        return None
    named = [word.rpartition("=") for word in words]
    names = [name or default for (name, _, _), default in zip(named, ("train", "val", "test"), strict=False)]
    try:
        fractions = [float(fraction) for _, _, fraction in named]
    except ValueError:
        fractions = []
    if len(names) != len(fractions) or len(set(names)) != len(names) or not all(name.isidentifier() for name in names):
        raise ConfigError(
            f"--splits {' '.join(words)}: give three fractions such as 0.7 0.1 0.2, or NAME=FRACTION for each split"
        )
    return dict(zip(names, fractions, strict=True))
