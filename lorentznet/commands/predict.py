"""``lorentznet predict``: logits of every jet of a file, in file order."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorentznet.console import Console
from lorentznet.errors import CheckpointError, ConfigError, OutputError
from lorentznet.files import output_path

if TYPE_CHECKING:
    from lorentznet.evaluate.regression_table import RegressionTable
    from lorentznet.evaluate.scores import ScoreTable
    from lorentznet.taggers import Tagger
    from lorentznet.train.prediction import Prediction

HELP = "write the logits of all jets of one or several files, or their momenta or masses"
EXAMPLE = "lorentznet predict runs/cg/best.ckpt jets.root#test --out scores/cg.root"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet predict``."""
    parser.add_argument(
        "checkpoint",
        type=Path,
        metavar="CHECKPOINT",
        help="checkpoint, folder of a training, or name of pretrained weights ('lorentznet pretrained' lists them)",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="jets: PATH[:TREE][#ROWS], e.g. jets.root#test; the card's selection is not applied",
    )
    parser.add_argument("--out", type=output_path, required=True, metavar="SCORES", help="score file: .root, .parquet or .h5")
    parser.add_argument("--card", type=Path, metavar="CARD", help="dataset card (default: the one beside the file)")
    parser.add_argument("--name", help="name of the tagger in tables and figures (default: name of the training's folder)")
    parser.add_argument(
        "--batch-size",
        type=int,
        default=512,
        metavar="N",
        help="most jets in a batch (default: %(default)s); with 1, slowly, no bit of a score depends on other jets",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:K (default: %(default)s)")


def run(args: argparse.Namespace, console: Console) -> None:
    """Predict and write."""
    from lorentznet.evaluate.scores import check_suffix
    from lorentznet.train.checkpoint import load, locate
    from lorentznet.train.prediction import predict

    _check_output(check_suffix(args.out))
    if args.batch_size < 1:
        raise ConfigError(f"--batch-size {args.batch_size}: at least one jet is needed")
    checkpoint = locate(args.checkpoint)
    _check_not_read(args.out, args.files, checkpoint)
    tagger = load(checkpoint)
    with console.progress("predicting", None) as advance:
        prediction = predict(tagger, args.files, card=args.card, batch_size=args.batch_size, device=args.device, progress=advance)
    table = score_table(prediction, tagger, checkpoint, args.name, args.device, args.command_line)
    table.write(args.out)
    _warn_of_seen_jets(args, checkpoint, table.name, console)
    rate = len(table) / max(prediction.seconds, 1e-9)
    if prediction.extrapolation:
        console.say(f"warning: {table.name} was {prediction.extrapolation}")
    if prediction.other_classes:
        named = ", ".join(f"{name} {count:,}" for name, count in prediction.other_classes.items())
        of = ", ".join(prediction.classes)
        total = f"{sum(prediction.other_classes.values()):,} of {len(table):,} jets"
        console.say(f"warning: {total} are of other classes ({named}) than the tagger's, {of}: they have scores, and no label")
    if prediction.without_rest_frame:
        count = f"{prediction.without_rest_frame:,} of {len(table):,} jets have"
        console.say(f"warning: {count} no rest frame (a single particle, or all exactly collinear)")
    console.say(f"{len(table)} jets in {prediction.seconds:.1f} s ({rate:.0f} jets/s, reading included)")
    console.result(str(args.out))


def _check_output(path: Path) -> None:
    """Find out before the work, not after it, that a file cannot be written."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file to write")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"{path}: cannot be written ({folder} is {'not writable' if folder.is_dir() else 'a file'}); choose another --out"
        )


def _warn_of_seen_jets(args: argparse.Namespace, checkpoint: Path, name: str, console: Console) -> None:
    from lorentznet.data import expand
    from lorentznet.data.overlap import overlapping, repeated
    from lorentznet.data.source import parse
    from lorentznet.train.checkpoint import INFO, load_run_info
    from lorentznet.train.trained import seen

    for given, other in repeated(expand(args.files), args.card):
        console.say(f"warning: {given} and {other} have jets in common, which have two scores")
    try:
        known = [parse(word) for word in seen(load_run_info(checkpoint))]
    except CheckpointError as error:
        if (checkpoint.parent / INFO).exists():
            console.say(f"warning: {error}; whether {name} saw these jets in training is not known")
        return  # a file alone says nothing of its training
    for given, other in overlapping(expand(args.files), known, args.card):
        console.say(
            f"warning: {given} has jets in common with {other}, which {name} saw in training: these scores are no fair test"
        )


def _check_not_read(out: Path, words: Sequence[str], checkpoint: Path) -> None:
    """Refuse to write scores over what is read: jets, or the weights."""
    from lorentznet.data import expand

    for given in (checkpoint, *(Path(source.path) for source in expand(words) if not source.is_remote)):
        if out.exists() and given.exists() and out.samefile(given):
            raise OutputError(f"{out}: is read by this command, and would be replaced by the scores; choose another --out")


def score_table(
    prediction: Prediction,
    tagger: Tagger,
    checkpoint: Path,
    name: str | None = None,
    device: str = "cpu",
    command: str | None = None,
) -> ScoreTable | RegressionTable:
    """Logits, momenta or masses with the names and the origin that a file of them carries.

    Parameters
    ----------
    prediction
        From :func:`lorentznet.train.predict`.
    tagger
        The tagger that made it.
    checkpoint
        Where the tagger comes from; facts of its training are taken from ``run.json`` beside it, if there is one.
    name
        Name of the tagger in tables; that of the training if None.
    device, command
        For the record.
    """
    from lorentznet.evaluate.regression_table import RegressionTable
    from lorentznet.evaluate.scores import ScoreTable
    from lorentznet.taggers import describe
    from lorentznet.train.checkpoint import load_run_info
    from lorentznet.train.provenance import card_facts, provenance

    try:
        info = load_run_info(checkpoint)
    except CheckpointError:  # the checkpoint was moved away from its training
        info = {}
    settings = describe(tagger)
    about: dict[str, Any] = {
        "name": settings.pop("name"),
        "parameters": tagger.n_parameters,
        "symmetry": str(tagger.symmetry),
        "citation": tagger.citation,
        **{key: info[key] for key in ("command", "seed", "seconds", "epochs", "versions") if key in info},
        "config": settings,
    }
    how = {
        **provenance(command),
        **({"pretrained": info["pretrained"]} if "pretrained" in info else {"checkpoint": str(checkpoint)}),
        **({"extrapolation": prediction.extrapolation} if prediction.extrapolation else {}),
        **({"jets_without_rest_frame": prediction.without_rest_frame} if prediction.without_rest_frame else {}),
        "files": list(prediction.files),
        "card": card_facts(prediction.card),
        "device": device,
        "seconds": round(prediction.seconds, 3),
    }
    common: dict[str, Any] = {
        "name": name or info.get("name") or checkpoint.stem,
        "ids": prediction.ids,
        "labels": prediction.labels,
        "weights": prediction.weights,
        "observers": prediction.observers,
        "provenance": {"tagger": about, "prediction": how},
    }
    if prediction.outputs is None or prediction.jets is None:
        return ScoreTable(classes=prediction.classes, logits=prediction.logits, **common)
    return RegressionTable(
        task=prediction.task, predictions=prediction.outputs, targets=prediction.targets, jets=prediction.jets, **common
    )
