"""Data efficiency of the taggers: test performance against the number of training jets, with several seeds.

    python analysis/landscape/landscape.py STAGE FILE OUT [--study STUDY.yaml] [--only PATTERN ...]

STAGE is ``list`` (all trainings and their state), ``train``, ``predict``, ``keep`` (scores go into the record), ``evaluate``, ``table`` or
``figure``. Every stage works with what is there: trainings that are finished are skipped, those that were interrupted go on, and tables
and figures show what has been evaluated so far, with the scores in the record for trainings that OUT has not. Several processes may share
the trainings of one output folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import landscape_tables
import record
import results
from entries import read_study
from jobs import Job, alone, make_jobs, reserved

from lorentznet.console import Console
from lorentznet.errors import DataError, LorentznetError

HERE = Path(__file__).parent


def state(job: Job) -> str:
    """How far a training is."""
    if job.folder.finished:
        word = "scored" if record.has_scores(job) else "trained"
    else:
        word = "interrupted" if job.folder.last.exists() else "waiting"
    return f"{word}, with other settings than the study has: {', '.join(job.changed)}" if job.changed else word


def list_jobs(jobs: Sequence[Job], console: Console, first: int = 0) -> None:
    """Print number, name and state of each training."""
    for number, job in enumerate(jobs, first):
        console.result(f"{number:4}  {job.name:<44}  {state(job)}")


def train(jobs: Sequence[Job], console: Console) -> int:
    """Train what is not finished, one after the other; give the number of trainings that failed."""
    from lorentznet.train import fit

    failed = 0
    for number, job in enumerate(jobs, 1):
        with reserved(job) as free:
            if not free:
                console.say(f"[{number}/{len(jobs)}] {job.name}: another process is at it")
                continue
            if job.folder.finished:
                if job.changed:
                    console.say(f"{job.name}: is kept, though the study has other settings now: {', '.join(job.changed)}")
                continue
            missing = [other.name for other in job.needs if not other.weights.exists()]
            if missing:
                failed += 1
                console.say(f"{job.name}: needs trainings that are not finished: {', '.join(missing)}")
                continue
            console.say(f"[{number}/{len(jobs)}] {job.name}")
            try:
                generate(job, console)
                fit(job.config, job.folder.path, resume=True, console=console, command=" ".join(sys.argv))
            except Exception as error:  # the others are trained all the same
                failed += 1
                if not isinstance(error, LorentznetError):
                    traceback.print_exc()
                console.say(f"{job.name}: failed: {error}")
    return failed


def generate(job: Job, console: Console) -> None:
    """Make the generated jets of a training, unless they are there; they are the same on every machine."""
    import lorentznet.data.generate as generator

    for wanted in job.generated_jets:
        path = job.generated / f"{wanted.name}.root"
        with alone(job.out, f"generated_{wanted.name}"):
            if not path.exists():
                with console.progress(f"generating {path.name}", wanted.jets) as advance:
                    generator.generate(wanted.processes, wanted.jets, path, wanted.seed, mpi=wanted.mpi, progress=advance)


def use_scores(stage: str, jobs: Sequence[Job], kept: Path, out: Path, console: Console) -> None:
    """Evaluate the scores that are here or in the record, or put those that are here into the record."""
    if not any(record.is_there(job, kept) for job in jobs):
        raise DataError(f"{out}: no training has scores, nor does {kept}; run the stages train and predict first")
    jets = record.test_jets(jobs[0])
    scored = record.collect(jobs, kept, jets)
    if stage == "keep":
        record.keep(scored, kept, console)
    else:
        numbers = results.evaluate(jobs, scored, jets, console, results.earlier(out))
        console.result(str(results.write(numbers, out)))


def show(stage: str, out: Path, console: Console) -> None:
    """Write the tables or the figure."""
    quoted = landscape_tables.published(HERE / "published.yaml")
    if stage == "table":
        paths = landscape_tables.write(results.read(out), quoted, out)
    else:
        import figure

        paths = figure.write(results.read(out), quoted, out)
    for path in paths:
        console.result(str(path))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=("list", "train", "predict", "keep", "evaluate", "table", "figure"))
    parser.add_argument("file", help="what {file} stands for in the study: a jet file, or a folder of them")
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--study", type=Path, default=HERE / "study.yaml", help="the study (default: %(default)s)")
    parser.add_argument("--record", type=Path, help="scores of trainings made elsewhere (default: record/STUDY beside the study)")
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATTERN",
        help="trainings by name, e.g. 'cg-*/12000/seed1', in the order of the patterns",
    )
    parser.add_argument("--task", type=int, metavar="N", help="only the training with this number in the list")
    parser.add_argument("--device", default="cpu", help="where test jets are scored (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="say nothing on the way")
    args = parser.parse_args(arguments)
    console = Console(args.quiet)
    try:
        file = args.file if "://" in args.file else str(Path(args.file).resolve())
        if args.stage not in ("table", "figure") and "://" not in file and not Path(file).exists():
            raise DataError(f"{args.file}: no such file or folder; FILE holds the jets of the reference set")
        kept = args.record or args.study.parent / "record" / args.study.stem
        jobs = make_jobs(read_study(args.study), file, args.out, args.only, kept)
        if args.task is not None:
            jobs = jobs[args.task : args.task + 1]
        if args.stage == "list":
            list_jobs(jobs, console, args.task or 0)
        elif args.stage == "train":
            return 1 if train(jobs, console) else 0
        elif args.stage == "predict":
            results.predict(jobs, console, args.device)
        elif args.stage in ("keep", "evaluate"):
            use_scores(args.stage, jobs, kept, args.out, console)
        else:
            show(args.stage, args.out, console)
        sys.stdout.flush()  # here, so that a reader that has left is noticed below
    except LorentznetError as error:
        print(f"landscape: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # ... list FILE OUT | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at its end
        return 141
    return 0


if __name__ == "__main__":
    sys.exit(main())
