"""Scores of the test jets, from trainings that lie in the output folder and from a record of trainings that lie elsewhere.

The record is small enough for a repository: a file ``LABEL/JETS/seedK.npz`` for each training has the log-odds of the test jets in
16 bits (steps of a 32,767th of the largest, ten thousand times finer than their spread between trainings) and what the training says
of itself. It holds no jets and no labels; these are read from the jet file. Where others of the study learn from a training, its weights
are kept as ``seedK.ckpt`` and its ``run.json`` as ``seedK.json``. Nothing in the record names folders of the machine that trained.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jobs import Job, differing, name_of_weights
from numpy.typing import NDArray

from lorentznet import files
from lorentznet.console import Console
from lorentznet.errors import DataError
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.train.checkpoint import load_run_info
from lorentznet.train.portable import portable_config, portable_info

STEPS = 32767


@dataclass(frozen=True)
class Scored:
    """A training with the log-odds of the test jets; ``facts`` is what it says of itself, ``ids`` are the rows of the jets."""

    job: Job
    ids: NDArray[np.int64]
    log_odds: NDArray[np.float64]
    facts: dict[str, Any]
    source: Path

    @property
    def changed(self) -> list[str]:
        """Settings of the study that are not those of this training."""
        return differing(self.facts["config"], self.job.config)


@dataclass(frozen=True)
class TestJets:
    """Rows, labels and classes of the test jets."""

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


def has_scores(job: Job) -> bool:
    """True if the test jets were scored by the finished training (not by an earlier one in the same place)."""
    return job.folder.finished and job.scores.exists() and job.scores.stat().st_mtime >= job.folder.best.stat().st_mtime


def is_there(job: Job, folder: Path) -> bool:
    """True if the output folder or the record has the scores of a training."""
    return has_scores(job) or _place(job, folder).exists()


def test_jets(job: Job) -> TestJets:
    """The test jets, read from the jet file."""
    from lorentznet.data import iterate

    tables = list(iterate(job.words("test")))
    return TestJets(
        np.concatenate([table.ids for table in tables]),
        np.concatenate([table.labels for table in tables]),
        tuple(tables[0].classes),
    )


def collect(jobs: Sequence[Job], folder: Path, jets: TestJets) -> list[Scored]:
    """The scored trainings, in order: from the output folder if it has them, else from the record in ``folder``.

    Raises
    ------
    DataError
        If scores are of other jets.
    """
    found = [scored for job in jobs if (scored := _here(job, jets) or _recorded(job, folder)) is not None]
    for scored in found:
        if not np.array_equal(scored.ids, jets.ids):
            raise _other_jets(scored.source)
    return found


def keep(scored: Sequence[Scored], folder: Path, console: Console) -> None:
    """Write trainings of the output folder to the record."""
    for one in scored:
        path = _place(one.job, folder)
        if one.source == path:
            continue
        step = float(np.abs(one.log_odds).max(initial=0)) / STEPS or 1.0
        columns = {
            "rows": _ranges(one.ids),
            "log_odds": np.rint(one.log_odds / step).astype(np.int16),
            "step": np.float64(step),
            "facts": np.array(json.dumps(one.facts)),
        }
        with files.atomic(path) as temporary:
            np.savez_compressed(temporary, **columns)
        console.result(str(path))
        if one.job.teaches:
            weights = path.with_suffix(one.job.folder.best.suffix)
            with files.atomic(weights) as temporary:
                shutil.copyfile(one.job.folder.best, temporary)
            info = portable_info(load_run_info(one.job.folder.path), name_of_weights)
            files.write_json(weights.with_suffix(".json"), info)
            console.result(str(weights))


def _other_jets(source: Path) -> DataError:
    return DataError(f"{source}: holds scores of other jets than the study's test jets; remove it and run the stage predict")


def _place(job: Job, folder: Path) -> Path:
    return folder / f"{job.name}.npz"


def _here(job: Job, jets: TestJets) -> Scored | None:
    if not has_scores(job):
        return None
    table, info = ScoreTable.read(job.scores), load_run_info(job.folder.path)
    if not (len(table) == len(jets.labels) and np.array_equal(table.labels, jets.labels)):
        raise _other_jets(job.scores)
    facts = {
        "parameters": info["tagger"]["parameters"],
        "symmetry": info["tagger"]["symmetry"],
        "train_jets": info["data"]["jets"]["train"],
        "epochs": info["epochs"],
        "val_auc": info["best"]["val_auc"],
        "cpu_minutes": round(info["cpu_seconds"] / 60, 2),
        "device": info["device"],
        "config": portable_config(job.trained_with, name_of_weights),
    }
    return Scored(job, table.ids, table.log_odds, facts, job.scores)


def _recorded(job: Job, folder: Path) -> Scored | None:
    path = _place(job, folder)
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            ids = np.concatenate([np.arange(first, last) for first, last in content["rows"]])
            log_odds = content["log_odds"] * float(content["step"])
            facts = json.loads(str(content["facts"]))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: is not a record of a training ({error}); remove it") from None
    return Scored(job, ids, log_odds, facts, path)


def _ranges(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows as ranges [first, last), shape (ranges, 2)."""
    breaks = np.flatnonzero(np.diff(ids) != 1) + 1
    starts, ends = np.r_[0, breaks], np.r_[breaks, len(ids)]
    return np.stack([ids[starts], ids[ends - 1] + 1], axis=1)
