"""Make pretrained weights of finished trainings, or write the model cards anew.

    python analysis/pretrained/export.py RUN... EVALUATION INVARIANCE --name cg-small --card analysis/cards/toptag_reference_root.yaml
    python analysis/pretrained/export.py INVARIANCE --rescan cg-small
    python analysis/pretrained/export.py --cards

RUN is the folder of a training; of several, which differ in their seed only, the one with the lowest validation loss is taken.
EVALUATION and INVARIANCE are the folders that 'lorentznet evaluate' and 'lorentznet invariance' wrote for that training (for several
trainings at once they may hold all of them). The files go to lorentznet/pretrained: NAME.safetensors, NAME.json and NAME.md.
With --rescan the invariance of weights that are there is replaced by that of a new 'lorentznet invariance NAME'.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lorentznet.errors import LorentznetError
from lorentznet.train import pretrained


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", type=Path, metavar="RUN... EVALUATION INVARIANCE", help="folders, see above")
    parser.add_argument("--name", help="name of the weights, e.g. cg-small")
    parser.add_argument("--tagger", help="name of the tagger in the results, if they hold several and do not say which one it is")
    parser.add_argument("--card", type=Path, help="dataset card with description, licence and citation of the jets")
    parser.add_argument("--folder", type=Path, default=pretrained.FOLDER, help="where to write (default: the package's folder)")
    parser.add_argument(
        "--rescan", metavar="NAME", help="put the invariance of this scan into the facts and the card of these weights"
    )
    parser.add_argument("--cards", action="store_true", help="write the model cards of all weights in the folder anew")
    args = parser.parse_args(arguments)
    try:
        if args.cards:
            written = [pretrained.write_card(name, args.folder) for name in pretrained.names(args.folder)]
        elif args.rescan:
            if len(args.results) != 1:
                parser.error("give one INVARIANCE with --rescan")
            path = pretrained.renew_invariance(args.rescan, args.results[0], args.folder, args.tagger)
            written = [path, path.with_suffix(".md")]
        else:
            if len(args.results) < 3 or not args.name:
                parser.error("give RUN... EVALUATION INVARIANCE and --name")
            *runs, evaluation, invariance = args.results
            path = pretrained.export(args.name, runs, evaluation, invariance, args.folder, args.tagger, args.card)
            written = [path, path.with_suffix(".json"), path.with_suffix(".md")]
    except LorentznetError as error:
        print(f"export: error: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
