"""``lorentznet quickstart``: the single commands in a row, from nothing to a report."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.console import Console
from lorentznet.errors import ConfigError, MissingExtraError, OutputError
from lorentznet.files import output_path

HELP = "generate top and QCD jets, train a CG and a Clifford tagger on them, compare them in a report"
EXAMPLE = "lorentznet quickstart --out runs/quickstart"

TAGGERS = ("cg", "clifford")
FEWEST_JETS = 200
"""With fewer, a class may be missing from a split."""
BOOSTED_JETS = 100
"""Jets that are boosted: every one of them is scored some 140 times by each tagger, and an rms needs no more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``lorentznet quickstart``."""
    parser.add_argument(
        "--out", type=output_path, required=True, metavar="DIR", help="folder of all results; finished steps in it are kept"
    )
    parser.add_argument("--jets", type=int, default=16_000, metavar="N", help="number of jets to generate (default: %(default)s)")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="training epochs of both taggers (default: those of their configurations)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the jets and of both trainings (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:K (default: %(default)s)")


def run(args: argparse.Namespace, console: Console) -> None:
    """Run the steps that are not finished yet, then say where the report is."""
    if args.jets < FEWEST_JETS:
        raise ConfigError(f"--jets {args.jets}: a quickstart needs at least {FEWEST_JETS} jets")
    if args.epochs is not None and args.epochs < 1:
        raise ConfigError(f"--epochs {args.epochs}: at least one epoch is needed")
    record = Record.open(args.out, {"jets": args.jets, "epochs": args.epochs, "seed": args.seed})
    steps = plan(args)
    renewed = False
    try:
        for number, step in enumerate(steps, 1):
            counter = f"[{number}/{len(steps)}]"
            # jets made again are the same jets, so trainings stay good; what is computed from a step made again is renewed
            if record.finished(step) and not (renewed and step.argv[0] != "train"):
                console.say(f"{counter} {step.name}: finished before")
                continue
            _run_step(step, counter, record, console)
            renewed = True
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; finished steps are kept, the same command goes on from there") from None
    console.say("\n" + "\n".join(f"{step.name:<17}{record.seconds[step.name]:7.0f} s" for step in steps))
    console.say(f"{'together':<17}{sum(record.seconds[step.name] for step in steps):7.0f} s\n\nThe report:")
    console.result(str((args.out / "report" / "index.html").resolve()))


@dataclass(frozen=True)
class Step:
    """One command of the row; it is finished when ``output`` is there and its time is on record."""

    name: str
    argv: tuple[str, ...]
    output: Path


def plan(args: argparse.Namespace) -> list[Step]:
    """The commands of a quickstart with their options."""
    out: Path = args.out
    jets = out / "jets.root"
    device = ("--device", args.device)
    seed = ("--seed", args.seed)
    epochs = () if args.epochs is None else ("--trainer.epochs", args.epochs)

    def step(name: str, output: Path, *words: object) -> Step:
        return Step(name, tuple(str(word) for word in (name.split()[0], *words)), output)

    best = {name: out / name / "best.ckpt" for name in TAGGERS}
    scores = {name: out / "scores" / f"{name}.root" for name in TAGGERS}
    return [
        step("generate", jets, "--process", "top", "qcd", "--jets", args.jets, *seed, "--out", jets),
        *(
            step(f"train {name}", best[name], "--config", f"quickstart-{name}", "--data.train", f"{jets}#train",
                 "--data.val", f"{jets}#val", *epochs, *seed, *device, "--out", out / name)
            for name in TAGGERS
        ),
        *(step(f"predict {name}", scores[name], best[name], f"{jets}#test", *device, "--out", scores[name]) for name in TAGGERS),
        step("evaluate", out / "evaluation", *scores.values(), "--out", out / "evaluation"),
        step("invariance", out / "invariance", *best.values(), f"{jets}#test", "--jets", BOOSTED_JETS, *seed, *device,
             "--out", out / "invariance"),
        step("report", out / "report" / "index.html", out, "--out", out / "report"),
    ]  # fmt: skip


@dataclass
class Record:
    """Settings of a quickstart and the seconds of its finished steps, kept in ``quickstart.json`` in its folder."""

    path: Path
    settings: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def open(cls, out: Path, settings: dict[str, Any]) -> Record:
        """The record in ``out``, or a new one if the folder is empty or not there.

        Raises
        ------
        OutputError
            If the folder holds something else, or a quickstart with other settings.
        """
        path = files.make_folder(out) / "quickstart.json"
        if not path.exists():
            if any(out.iterdir()):
                raise OutputError(f"{out}: is not empty and holds no quickstart; choose another --out")
            record = cls(path, settings)
            record.save()
            return record
        try:
            stored = json.loads(path.read_text())
            record = cls(path, dict(stored["settings"]), dict(stored["seconds"]))
        except (ValueError, KeyError, TypeError):
            raise OutputError(f"{path}: is not the record of a quickstart; choose another --out") from None
        if record.settings != settings:
            before = " ".join(f"--{key} {value}" for key, value in record.settings.items() if value is not None)
            raise OutputError(
                f"{out}: holds a quickstart made with {before}; give the same settings to go on with it, or another --out"
            )
        return record

    def finished(self, step: Step) -> bool:
        """True if the step need not run again."""
        return step.name in self.seconds and step.output.exists()

    def finish(self, step: Step, seconds: float) -> None:
        """Note that a step is finished."""
        self.seconds[step.name] = round(seconds, 1)
        self.save()

    def save(self) -> None:
        """Write the record."""
        with files.atomic(self.path) as temporary:
            temporary.write_text(json.dumps({"settings": self.settings, "seconds": self.seconds}, indent=2) + "\n")


def _run_step(step: Step, counter: str, record: Record, console: Console) -> None:
    argv = [*step.argv, *(["--resume"] if step.argv[0] == "train" and step.output.parent.exists() else [])]
    console.say(f"\n{counter} $ {shlex.join(['lorentznet', *argv])}")
    start = time.monotonic()
    try:
        _execute(argv, console)
    except MissingExtraError as error:
        if step.argv[0] != "generate":
            raise
        console.say(
            f"{error}\nThe jets that are shipped with the package are used instead; --jets and --seed do not change them."
        )
        _copy_sample(step.output)
    seconds = time.monotonic() - start
    record.finish(step, seconds)
    console.say(f"{counter} {step.name}: {seconds:.0f} s")


def _execute(argv: Sequence[str], console: Console) -> None:
    from lorentznet.cli import execute  # which imports this file

    execute(argv, console)


def _copy_sample(jets: Path) -> None:
    """The shipped jets and their card in the place of generated ones."""
    from lorentznet.data import sample_path

    for suffix in (".yaml", ".root"):
        with files.atomic(jets.with_suffix(suffix)) as temporary:
            shutil.copyfile(sample_path().with_suffix(suffix), temporary)
