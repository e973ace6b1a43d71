"""``lorentznet pretrained``: the trained taggers that come with the package."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from lorentznet.console import Console, aligned

HELP = "list the trained taggers that come with the package, or show the model card of one"
EXAMPLE = "lorentznet pretrained"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet pretrained``."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="print the model card of these weights instead of the list")


def run(args: argparse.Namespace, console: Console) -> None:
    """Print the list or the cards."""
    from lorentznet.train import pretrained

    if args.names:
        for card in [pretrained.card(name) for name in args.names]:
            console.result(card.rstrip("\n"))
        return
    found = pretrained.names()
    if not found:
        console.say(f"no pretrained weights are in {pretrained.FOLDER}; train a tagger with 'lorentznet train'")
        return
    for line in listing({name: pretrained.facts(name) for name in found}):
        console.result(line)
    console.say(
        f"\nuse them as 'lorentznet predict {found[0]} FILE --out SCORES'; 'lorentznet pretrained {found[0]}' shows the card"
    )


def listing(weights: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of pretrained weights, line by line.

    Parameters
    ----------
    weights
        Name -> facts, as :func:`lorentznet.train.pretrained.facts` gives them.
    """
    from lorentznet.evaluate.intervals import Estimate
    from lorentznet.train.model_card import jets_before

    cells = [["name", "tagger", "parameters", "symmetry", "AUC", "trained on"]]
    for name, facts in weights.items():
        data = facts["data"]
        before = sum(number or 0 for part, number in jets_before(facts))
        cells.append(
            [
                name,
                facts["tagger"]["name"],
                f"{facts['parameters']:,}",
                facts["symmetry"],
                Estimate.from_dict(facts["metrics"]["auc"]).text(),
                f"{data['jets']['train']:,} jets, {data['name']}" + (f"; {before:,} others before" if before else ""),
            ]
        )
    return aligned(cells).splitlines()
