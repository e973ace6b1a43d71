"""``lorentznet invariance``: how much the logits of trained taggers change when the jets are seen from another frame."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorentznet.console import Console
from lorentznet.errors import CheckpointError, ConfigError
from lorentznet.files import output_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lorentznet.evaluate.invariance_result import InvarianceResult

HELP = "measure how invariant trained taggers are, under boosts and otherwise; how covariant, where they predict momenta"
ONNX = ".onnx"
EXAMPLE = "lorentznet invariance runs/cg/best.ckpt runs/clifford/best.ckpt jets.root#test --out invariance"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet invariance``."""
    parser.add_argument(
        "checkpoints",
        nargs="+",
        metavar="CHECKPOINT",
        help="checkpoint (.ckpt), folder of a training, name of pretrained weights, or ONNX file of momenta and mask",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="jets: PATH[:TREE][#ROWS], e.g. jets.root#test")
    parser.add_argument(
        "--out", type=output_path, required=True, metavar="DIR", help="folder for invariance.json, .csv and figures"
    )
    parser.add_argument(
        "--jets", type=int, default=500, metavar="N", help="jets, evenly spaced over the files (default: %(default)s)"
    )
    parser.add_argument("--card", type=Path, metavar="CARD", help="dataset card (default: the one beside the file)")
    parser.add_argument(
        "--name", action="append", default=[], help="name of the tagger, once for each checkpoint (default: name of the training)"
    )
    parser.add_argument(
        "--dtypes",
        nargs="+",
        default=["float32", "float64"],
        metavar="DTYPE",
        help="precision of the network: float32, float64, bfloat16, autocast (default: float32 float64)",
    )
    parser.add_argument("--gammas", nargs="+", type=float, metavar="GAMMA", help="boost factors (default: 1.01 ... 10000)")
    parser.add_argument(
        "--transformations",
        nargs="+",
        metavar="NAME",
        help="what is done to the jets: boost, boost_z, boost_transverse, rotation, reflection, permutation, padding, company "
        "(default: all)",
    )
    parser.add_argument(
        "--parts",
        nargs="*",
        metavar="PART",
        help="what is measured besides: layers, irc; nothing, if none is named (default: both)",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the random frames (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:K (default: %(default)s)")


def run(args: argparse.Namespace, console: Console) -> None:
    """Scan, write, draw, and print the table."""
    from lorentznet import files
    from lorentznet.evaluate import adapters, covariance, invariance
    from lorentznet.evaluate.invariance_result import InvarianceResult
    from lorentznet.train import pretrained
    from lorentznet.train.checkpoint import load
    from lorentznet.train.devices import select_device
    from lorentznet.train.training_range import extrapolation

    given = [*args.checkpoints, *args.files]  # where the first kind ends shows in the words, not in their number
    checkpoints = [word for word in given if is_checkpoint(word)]
    jets = [word for word in given if not is_checkpoint(word)]
    if not checkpoints:
        raise CheckpointError(
            f"{given[0]}: is no checkpoint; give checkpoints (.ckpt), folders of trainings or names of pretrained weights "
            f"({', '.join(pretrained.names()) or 'none are here'}), then jets"
        )
    if not jets:
        raise ConfigError(f"{given[-1]}: is a checkpoint, and no jets are given; add a jet file, e.g. jets.root#test")
    if args.name and len(args.name) != len(checkpoints):
        raise ConfigError(f"--name is given {len(args.name)} times for {len(checkpoints)} checkpoints; give it once for each")
    names = args.name or [name_of(word) for word in checkpoints]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two checkpoints are named '{name}'; tell them apart by --name, once for each checkpoint")
    taggers = {
        name: adapters.OnnxTagger(word) if word.endswith(ONNX) else load(word)
        for name, word in zip(names, checkpoints, strict=True)
    }
    device = select_device(args.device)
    table = invariance.draw(jets, args.jets, args.card)
    files.make_folder(args.out)  # before the scan, which takes its time
    for name, tagger in taggers.items():
        if remark := extrapolation(name, tagger, table):
            console.say(remark)
    asked: dict[str, Any] = {
        key: tuple(getattr(args, key))
        for key in ("dtypes", "gammas", "transformations", "parts")
        if getattr(args, key) is not None
    }
    momenta = {name: tagger for name, tagger in taggers.items() if tagger.output_law is not None}
    if momenta:
        if asked.pop("parts", ()) and len(momenta) == len(taggers):
            raise ConfigError(
                f"--parts: layers and irc are parts of taggers; {next(iter(momenta))} predicts momenta: leave it out"
            )
        steps = len(momenta) * covariance.measurements(**asked)
        with console.progress(f"seeing {len(table)} jets from other frames", steps) as advance:
            found = covariance.scan(momenta, table, jets=args.jets, seed=args.seed, device=device, progress=advance, **asked)
        written = found.write(args.out)
        console.result(found.table())
        console.say("\n" + "\n".join(f"wrote {path}" for path in written))
    if len(momenta) == len(taggers):
        return
    results = []
    for name, tagger in ((name, tagger) for name, tagger in taggers.items() if name not in momenta):
        steps = invariance.measurements(**asked)
        with console.progress(f"seeing {len(table)} jets from other frames, {name}", steps) as advance:
            results.append(
                invariance.scan(
                    tagger, table, jets=args.jets, seed=args.seed, device=device, progress=advance, name=name, **asked
                )
            )
    result = InvarianceResult.merged(results)
    paths = [*result.write(args.out), *draw(result, args.out)]
    console.result(result.table())
    console.say("\n" + "\n".join(f"wrote {path}" for path in paths))


def is_checkpoint(word: str) -> bool:
    """True for the name of a checkpoint or ONNX file, for a folder with a checkpoint, and for what can only be a name of weights."""
    path = Path(word)
    if path.suffix in (".ckpt", ".safetensors", ONNX) or any((path / name).exists() for name in ("best.ckpt", "run.json")):
        return True
    return word != "sample" and not path.exists() and re.fullmatch(r"[\w-]+", word) is not None  # no suffix, and no such file


def name_of(word: str) -> str:
    """The name of a training: what its ``run.json`` says, else the name of its folder or file."""
    from lorentznet.train.checkpoint import load_run_info, locate

    if word.endswith(ONNX):
        return Path(word).stem
    path = locate(word)
    try:
        name = load_run_info(path).get("name")
    except CheckpointError:  # the checkpoint was moved away from its training
        name = None
    return str(name or path.stem)


def draw(result: InvarianceResult, out: Path) -> list[Path]:
    """Figures as PNG and PDF: for each tagger its boosts and layers, and for all together soft and collinear emissions."""
    from lorentznet.evaluate.invariance_tables import scanned
    from lorentznet.evaluate.invariance_words import LAYER_JETS
    from lorentznet.reports import invariance, style, words

    taggers = result.to_dict()["taggers"]
    limits = invariance.limits_of(taggers.values())
    paths = []

    def save(ax: Axes, stem: str) -> None:
        with style.style():
            paths.extend(style.save(ax, out / stem))

    for name, numbers in taggers.items():
        note = words.scanned_jets(numbers)
        for transformation in scanned(numbers):
            ax = invariance.draw(numbers, transformation, title=name, note=note, limits=limits)
            save(ax, f"{name}_{transformation}")
        if numbers["layers"]:
            save(invariance.draw_layers(numbers, title=name, note=words.scanned_jets(numbers, LAYER_JETS)), f"{name}_layers")
    emitting = {name: numbers for name, numbers in taggers.items() if numbers["irc"]}
    for kind in invariance.EMISSIONS if emitting else ():
        save(invariance.draw_emissions(emitting, kind, note=words.scanned_jets(next(iter(emitting.values())))), f"irc_{kind}")
    return paths
