"""``lorentznet train``: a configuration and jets in, a run folder with a trained tagger out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lorentznet.config import parse_overrides
from lorentznet.console import Console
from lorentznet.errors import ConfigError
from lorentznet.files import output_path

HELP = "train a tagger on labelled jets"
EXAMPLE = "lorentznet train --config quickstart-cg --data.train jets.root#train --data.val jets.root#val --out runs/cg"
TAKES_OVERRIDES = True
SETTINGS = """--KEY.SUB VALUE changes the configuration, e.g. --optimizer.lr 1e-3 --trainer.epochs 30 --tagger.name pfn; a list is
written '[a, b]', nothing null.
tagger        name, preset, weights, options (those of 'lorentznet.taggers': --tagger.options.references '[beams, time]')
data          train, val, card, target, batch_size (64), bucket (32), mirror (false)
optimizer     name (adamw, soap), lr (0.004), weight_decay (0.01), betas, schedule (one-cycle, cosine, constant), warm_up,
              clip (1.0), ema (0.995)
trainer       epochs (15), patience (0), accelerator, devices (1), nodes (1), strategy, precision (32-true, 64-true,
              bf16-mixed), compile (false), threads
distillation  teachers, share (1.0), cache
seed          1"""
"""All settings with their defaults; README says what they mean."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet train``."""
    parser.add_argument(
        "--config",
        metavar="CONFIG",
        help="YAML file, or the name of a configuration of the package (default with --resume: that of the run)",
    )
    parser.add_argument(
        "--out",
        type=output_path,
        required=True,
        metavar="RUN",
        help="folder of the training: checkpoints, metrics, configuration",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the training in RUN; start if there is none")
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda or cuda:K (default: what the configuration says)")
    parser.add_argument("--seed", type=int, help="seed of weights and order of the jets (default: what the configuration says)")
    parser.add_argument("--card", metavar="CARD", help="dataset card (default: the one beside the file); is --data.card")
    parser.add_argument_group("settings", SETTINGS)


def run(args: argparse.Namespace, console: Console) -> None:
    """Train, then name the checkpoint."""
    from lorentznet.train.config import load_config
    from lorentznet.train.ranks import is_first_process
    from lorentznet.train.run_folder import RunFolder
    from lorentznet.train.training import fit

    config = load_config(_source(args), _changes(args))
    checkpoint = fit(config, args.out, resume=args.resume, console=console, command=args.command_line)
    if is_first_process():
        if RunFolder(args.out).finished:
            console.say("The checkpoint:")
        console.result(str(checkpoint))


def _source(args: argparse.Namespace) -> str:
    if args.config:
        return str(args.config)
    own: Path = args.out / "config.yaml"
    if args.resume and own.exists():
        return str(own)
    raise ConfigError("--config is missing; give a YAML file or the name of a configuration of the package, e.g. quickstart-cg")


def _changes(args: argparse.Namespace) -> dict[str, Any]:
    """Overrides of the command line, its own options among them."""
    changes = parse_overrides(args.overrides)
    if args.seed is not None:
        changes["seed"] = args.seed
    if args.card is not None:
        changes["data.card"] = args.card
    if args.device is not None:
        from lorentznet.train.devices import select_device

        device = select_device(args.device)
        changes["trainer.accelerator"] = "cpu" if device.type == "cpu" else "gpu"
        if device.index is not None:
            changes["trainer.devices"] = [device.index]
    return changes
