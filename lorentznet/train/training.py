"""From a configuration to a trained tagger in a run folder."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lorentznet.console import Console
from lorentznet.errors import ConfigError, DataError
from lorentznet.taggers import Tagger, describe
from lorentznet.train.allocator import keep_freed_memory
from lorentznet.train.building import build_tagger, find_start, what_is_kept
from lorentznet.train.checkpoint import INFO, load_run_info, read
from lorentznet.train.config import TrainConfig
from lorentznet.train.data import steps_per_epoch
from lorentznet.train.distillation import check_teachers, load_teachers, soft_labels
from lorentznet.train.jet_arrays import JetArrays
from lorentznet.train.labels import check_labels
from lorentznet.train.objective import OBJECTIVES
from lorentznet.train.provenance import card_facts, device_name, provenance
from lorentznet.train.ranks import is_first_process
from lorentznet.train.run_folder import RunFolder
from lorentznet.train.target import Target
from lorentznet.train.threads import cpu_threads
from lorentznet.train.trained import Trained
from lorentznet.train.training_range import measure


def fit(
    config: TrainConfig, out: str | Path, resume: bool = False, console: Console | None = None, command: str | None = None
) -> Path:
    """Train a tagger.

    Parameters
    ----------
    config
        All settings; see :func:`lorentznet.train.config.load_config`.
    out
        Folder of the training: ``config.yaml``, ``run.json``, ``metrics.csv``, ``best.ckpt`` (averaged weights of the epoch with
        the lowest validation loss) and ``last.ckpt`` (to go on from).
    resume
        Go on from ``last.ckpt`` if there is one; a training that is taken up gives the same bits as one that was never
        interrupted.
    console
        For progress; nothing is said if None.
    command
        The command line, for the record.

    Returns
    -------
    Path
        ``best.ckpt``; or ``last.ckpt`` if a signal of the batch system stopped the training before an epoch was finished.

    Raises
    ------
    OutputError
        If the folder cannot be written, or holds a training and ``resume`` is not set.
    ConfigError
        If a setting is not possible, differs from the training that is to be resumed, or the loss stops being finite.
    DataError
        If the jets cannot be read, or labels or classes are missing.
    KeyboardInterrupt
        After Ctrl-C; the message says what is kept.
    SystemExit
        With 143 after SIGTERM outside of Slurm; ``last.ckpt`` is written first, unless several processes train together.
    """
    console = console if console is not None and is_first_process() else Console(quiet=True)
    folder = RunFolder.open(out, config, resume) if is_first_process() else RunFolder(Path(out))
    if folder.finished and resume:
        console.say(f"{folder.path}: this training is finished already")
        return folder.best
    try:
        with torch.random.fork_rng(devices=[]), cpu_threads(config.trainer.threads) as threads:
            return _fit(config, folder, resume, console, command, threads)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(str(interrupt) or _what_is_kept(folder)) from None
    finally:
        if is_first_process():
            folder.clean()


def load_jets(config: TrainConfig, console: Console | None = None) -> tuple[JetArrays, JetArrays]:
    """Training jets (after the card's selection) and validation jets (all of them).

    Raises
    ------
    DataError
        If they cannot be read, have other classes than each other, or labels or classes are missing.
    """
    from lorentznet.data import expand, iterate
    from lorentznet.data.loading import number_of_jets
    from lorentznet.data.overlap import overlapping, repeated

    card = config.data.card
    target = _target(config)
    train = JetArrays.from_tables(
        iterate(config.train_words, card=card, select=True), target, f"data.train: {', '.join(config.train_words)}"
    )
    val = JetArrays.from_tables(iterate(config.val_words, card=card), target, f"data.val: {', '.join(config.val_words)}")
    if target is None and train.classes != val.classes:
        found, wanted = (", ".join(jets.classes) or "none" for jets in (val, train))
        raise DataError(
            f"{config.val_words[0]}: has the classes {found}, but the training jets have {wanted}; give jets of the same classes"
        )
    check_labels(train, ", ".join(config.train_words))
    check_labels(val, ", ".join(config.val_words), validation=True)
    if console:
        about = f"classes {', '.join(train.classes)}" if target is None else f"target {', '.join(target.words)}"
        console.say(f"{len(train)} jets for training, {len(val)} for validation; {about}")
        if train.card is not None and train.card.selection:
            every = number_of_jets(config.train_words, card)
            console.say(
                f"the card's selection, {train.card.selection}, keeps {len(train) + train.left_out} of {every} training jets"
            )
        for name, words in (("data.train", config.train_words), ("data.val", config.val_words)):
            for first, second in repeated(expand(words), card):
                console.say(f"warning: {name}: {first} and {second} have jets in common, which count twice")
        for first, second in overlapping(expand(config.train_words), expand(config.val_words), card):
            console.say(f"warning: {first} and {second} have jets in common: validation cannot show overfitting")
        if train.left_out + val.left_out:
            console.say(f"left out for want of a target: {train.left_out} jets for training, {val.left_out} for validation")
    return train, val


def _target(config: TrainConfig) -> Target | None:
    """The target that the settings name; None for tagging."""
    task = str(config.tagger.options.get("task", "tagging"))
    if task == "tagging" and config.target_words:
        raise ConfigError(
            f"data.target is '{', '.join(config.target_words)}', but the task is tagging; "
            "set tagger.options.task to momentum or mass, or leave the target out"
        )
    if task != "tagging" and not config.target_words:
        raise ConfigError(
            f"data.target is missing: the task {task} needs the columns with the true {task}, e.g. --data.target aux_genpart"
        )
    return None if task == "tagging" else Target(config.target_words, task)


def _fit(config: TrainConfig, folder: RunFolder, resume: bool, console: Console, command: str | None, threads: int) -> Path:
    first = find_start(config)
    _target(config)
    teachers = load_teachers(config.teacher_words)
    train, val = load_jets(config, console)
    check_teachers(teachers, train)
    scalars = 0 if train.scalars is None else train.scalars.shape[1]
    tagger = build_tagger(config, train.classes, scalars, first)
    tagger.training_range = measure(train.p4.numpy(), train.counts)
    if config.trainer.compile:
        tagger.compile()

    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from lorentznet.train.epochs import EpochRecord
    from lorentznet.train.lightning_setup import make_trainer, process_group_of_the_block, quiet_lightning
    from lorentznet.train.module import JetDataModule, TaggerModule
    from lorentznet.train.slurm import StopOnSignal, Stopped, under_slurm

    resumed = _checkpoint_to_resume(folder, train, val, teachers, first) if resume else None
    with quiet_lightning(), process_group_of_the_block(), contextlib.ExitStack() as stack:
        record = EpochRecord(folder, config.trainer.patience, console)
        trainer = make_trainer(config, [record, StopOnSignal(folder, requeue=under_slurm())])
        device = trainer.strategy.root_device
        if device.type == "cpu":
            keep_freed_memory()
        about = _about(
            config,
            folder,
            tagger,
            train,
            val,
            teachers,
            first,
            device_name(device, threads if device.type == "cpu" else None),
            command,
        )
        headline = OBJECTIVES[tagger.task].headline
        record.describe = lambda rows, best, finished: {**about, **_course(rows, best, headline, finished)}
        console.say(f"{tagger.name}: {tagger.n_parameters} parameters, symmetry {tagger.symmetry}, on {about['device']}")
        if first is not None and resumed is None:
            console.say(what_is_kept(tagger, first, scalars))
        if config.data.mirror and train.scalars is not None:
            names = ", ".join(train.card.scalars) if train.card is not None else f"{train.scalars.shape[1]} of them"
            console.say(f"data.mirror: mirrored jets keep the particle scalars ({names}) of the original jet")
        if teachers:
            learned = config.distillation
            train.soft_labels = soft_labels(teachers, train, learned.share, config.data.mirror, device, console, learned.cache)
        module = TaggerModule(tagger, config.optimizer, float(train.weights.mean()), config.seed)
        jets = JetDataModule(train, val, config.data, config.seed)
        steps = steps_per_epoch(len(train), config.data.batch_size, trainer.num_devices * trainer.num_nodes)
        record.advance = stack.enter_context(console.progress(f"training {tagger.name}", steps * config.trainer.epochs))
        stack.enter_context(
            torch.backends.opt_einsum.flags(enabled=False) if config.trainer.compile else contextlib.nullcontext()
        )
        try:
            trainer.fit(module, datamodule=jets, ckpt_path=resumed, weights_only=True)
        except Stopped:
            by = "stopped by the batch system" if under_slurm() else "terminated"
            console.say(f"{by}; {folder.last} is complete, go on with --resume")
            if not under_slurm():
                raise SystemExit(143) from None
            return folder.best if folder.best.exists() else folder.last
        except SIGTERMException:
            raise SystemExit(143) from None
        except SystemExit:
            if record.interrupted:
                raise KeyboardInterrupt from None
            raise
    if is_first_process():
        folder.write_info(record.describe(record.rows, record.best, True))
    return folder.best


def _checkpoint_to_resume(
    folder: RunFolder, train: JetArrays, val: JetArrays, teachers: Sequence[Trained], first: Trained | None
) -> Path | None:
    """``last.ckpt`` if there is one, after a check that it is whole and of the same jets, teachers and first weights."""
    if not folder.last.exists():
        return None
    read(folder.last)
    if (folder.path / INFO).exists():
        before = load_run_info(folder.path)
        if any(before["data"].get(key) != value for key, value in _data(train, val).items()):
            raise ConfigError(f"{folder.path}: was trained on other jets (files or card have changed); choose another --out")
        if [known["digest"] for known in before.get("teachers", [])] != [teacher.digest for teacher in teachers]:
            raise ConfigError(f"{folder.path}: was trained with other teachers (their files have changed); choose another --out")
        if first is not None and before.get("weights", {}).get("digest") != first.digest:
            raise ConfigError(f"{folder.path}: began with other weights ({first.source} has changed); choose another --out")
    return folder.last


def _about(
    config: TrainConfig,
    folder: RunFolder,
    tagger: Tagger,
    train: JetArrays,
    val: JetArrays,
    teachers: Sequence[Trained],
    first: Trained | None,
    device: str,
    command: str | None,
) -> dict[str, Any]:
    """What ``run.json`` says from the start."""
    settings = describe(tagger)
    return {
        "name": folder.path.resolve().name,
        **provenance(command),
        "tagger": {
            "name": settings.pop("name"),
            "preset": config.tagger.preset,
            "parameters": tagger.n_parameters,
            "symmetry": str(tagger.symmetry),
            "citation": tagger.citation,
            "config": settings,
        },
        "classes": list(tagger.class_names),
        "task": tagger.task,
        "data": {
            "train": list(config.train_words),
            "val": list(config.val_words),
            **({"target": list(tagger.target)} if tagger.target else {}),
            **_data(train, val),
        },
        **({"teachers": [teacher.facts for teacher in teachers]} if teachers else {}),
        **({"weights": first.facts} if first is not None else {}),
        "range": tagger.training_range,
        "seed": config.seed,
        "device": device,
    }


def _data(train: JetArrays, val: JetArrays) -> dict[str, Any]:
    return {"jets": {"train": len(train), "val": len(val)}, "card": card_facts(train.card)}


def _course(rows: Sequence[Mapping[str, Any]], best: Mapping[str, Any], headline: str, finished: bool) -> dict[str, Any]:
    """What ``run.json`` says after each epoch."""
    return {
        **{key: round(sum(row[key] for row in rows), 3) for key in ("seconds", "cpu_seconds")},
        "epochs": len(rows),
        "best": {key: best[key] for key in ("epoch", "val_loss", headline)},
        "finished": finished,
    }


def _what_is_kept(folder: RunFolder) -> str:
    if not folder.last.exists():
        return ""
    epochs = load_run_info(folder.path)["epochs"] if (folder.path / INFO).exists() else 0
    return f"interrupted; {folder.last} is complete up to epoch {epochs}, go on with --resume"
