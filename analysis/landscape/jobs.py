"""The study as a list of trainings: which tagger, on how many jets, with which seed, in which folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from entries import Entry, Generation, Study, is_among, label_of

from lorentznet.config import build, read_yaml
from lorentznet.errors import ConfigError, nearest
from lorentznet.train.checkpoint import BEST
from lorentznet.train.config import TrainConfig, differences
from lorentznet.train.run_folder import RunFolder


@dataclass(frozen=True)
class Job:
    """One training: an entry, a number of training jets, a seed; ``record`` is the folder of trainings that were made elsewhere."""

    study: Study
    entry: Entry
    jets: int
    seed: int
    file: str
    out: Path
    record: Path | None = None

    @property
    def name(self) -> str:
        """``label/jets/seedK``: also its folder below the output folder."""
        return f"{self.entry.label}/{self.jets}/seed{self.seed}"

    @property
    def folder(self) -> RunFolder:
        """Where it is trained."""
        return RunFolder(self.out / "runs" / self.name)

    @property
    def teachers(self) -> list[Job]:
        """The trainings that this one learns from."""
        entries = {entry.label: entry for entry in self.study.entries}
        return [
            replace(self, entry=entries[label_of(name)], seed=seed)
            for name in self.entry.teachers
            for seed in entries[label_of(name)].seeds or self.study.seeds
            if is_among((name,), label_of(name), seed)
        ]

    @property
    def begins_with(self) -> Job | None:
        """The training that this one goes on from; None if its first weights are drawn by lot."""
        if self.entry.weights is None:
            return None
        label, jets, seed = self.entry.weights.split("/")
        entry = next(entry for entry in self.study.entries if entry.label == label)
        return replace(self, entry=entry, jets=int(jets), seed=int(seed.removeprefix("seed")))

    @property
    def needs(self) -> list[Job]:
        """The trainings that must be there first."""
        return self.teachers + ([self.begins_with] if self.begins_with is not None else [])

    @property
    def teaches(self) -> bool:
        """Whether others of the study learn from this one, or go on from its weights."""
        if any(entry.weights == self.name for entry in self.study.entries):
            return True
        others = (entry for entry in self.study.entries if self.jets in (entry.sizes or self.study.sizes))
        return any(is_among(entry.teachers, self.entry.label, self.seed) for entry in others)

    @property
    def weights(self) -> Path:
        """The trained weights: in the output folder, or in the record if only that has them."""
        kept = None if self.record is None else self.record / f"{self.name}.ckpt"
        return kept if kept is not None and kept.exists() and not self.folder.finished else self.folder.best

    @property
    def scores(self) -> Path:
        """The scores of the test jets."""
        return self.out / "scores" / f"{self.name}.root"

    def words(self, what: str) -> str:
        """Jets for ``train``, ``val`` or ``test``."""
        return str(self._data[what]).format(file=self.file, jets=self.jets, generated=self.generated)

    @property
    def generated(self) -> Path:
        """Folder of the jets that the study generates for itself."""
        return self.out / "generated"

    @property
    def generated_jets(self) -> list[Generation]:
        """The generated jets that this training reads."""
        words = [str(self._data[what]) for what in ("train", "val")]
        found = [one for one in self.study.generate if any(f"{{generated}}/{one.name}.root" in word for word in words)]
        if not found and any("{generated}" in word for word in words):
            names = ", ".join(f"{{generated}}/{one.name}.root" for one in self.study.generate) or "none: add 'generate'"
            raise ConfigError(f"{self.name}: no jets are generated under this name: {' '.join(words)}; possible: {names}")
        return found

    @property
    def config(self) -> TrainConfig:
        """The complete configuration of the training."""
        study, entry = self.study, self.entry
        epochs = {**study.epochs, **entry.epochs}
        if self.jets not in epochs:
            raise ConfigError(f"{self.name}: the study has no number of epochs for {self.jets} jets; add it to 'epochs'")
        data = {key: value for key, value in self._data.items() if key != "test"}
        values = {
            "tagger": {"name": entry.tagger, "preset": entry.preset, "options": entry.options} | self._first_weights,
            "data": {**data, "train": self.words("train"), "val": self.words("val")},
            "optimizer": {**study.optimizer, **entry.optimizer},
            "trainer": {**study.trainer, **entry.trainer, "epochs": epochs[self.jets]},
            "distillation": {
                "teachers": [str(teacher.weights) for teacher in self.teachers],
                "cache": str(self.out / "teachers") if self.teachers else None,
            },
            "seed": self.seed,
        }
        return build(TrainConfig, values, self.name)

    @property
    def trained_with(self) -> dict[str, Any]:
        """The configuration of the training that is there, as it was written."""
        return read_yaml(self.folder.path / "config.yaml")

    @property
    def changed(self) -> list[str]:
        """Settings of the study that are not those of the training that is there."""
        return differing(self.trained_with, self.config) if (self.folder.path / "config.yaml").exists() else []

    @property
    def _first_weights(self) -> dict[str, str]:
        return {} if self.begins_with is None else {"weights": str(self.begins_with.weights)}

    @property
    def _data(self) -> dict[str, Any]:
        return {**self.study.data, **self.entry.data}


def make_jobs(study: Study, file: str, out: Path, only: Sequence[str] = (), record: Path | None = None) -> list[Job]:
    """All trainings, by entry, number of jets and seed; or those that match a pattern, in the order of the patterns.

    Parameters
    ----------
    study
        The study.
    file
        What ``{file}`` stands for in the words of the study.
    out
        Folder of the results.
    only
        Patterns of names, e.g. ``cg-*/12000/*`` or ``cg-tiny`` for all of an entry.
    record
        Folder of trainings that were made elsewhere.
    """
    jobs = [
        Job(study, entry, jets, seed, file, out, record)
        for entry in study.entries
        for jets in entry.sizes or study.sizes
        for seed in entry.seeds or study.seeds
    ]
    if not only:
        return jobs
    found: dict[str, Job] = {}
    for pattern in only:
        matching = {job.name: job for job in jobs if fnmatchcase(job.name, pattern) or fnmatchcase(job.entry.label, pattern)}
        if not matching:
            raise ConfigError(f"--only {pattern}: matches no training; {nearest(pattern, (job.name for job in jobs))}")
        found = {**found, **{name: job for name, job in matching.items() if name not in found}}
    return list(found.values())


def differing(before: Mapping[str, Any], config: TrainConfig) -> list[str]:
    """Settings in which two trainings differ; the places of the jet file, of teachers and of the first weights may."""
    earlier = build(TrainConfig, before, "the earlier training")
    moved = {"data.train", "data.val"}
    if [name_of_weights(word) for word in earlier.teacher_words] == [name_of_weights(word) for word in config.teacher_words]:
        moved.add("distillation.teachers")
    first = (earlier.tagger.weights, config.tagger.weights)
    if None not in first and name_of_weights(str(first[0])) == name_of_weights(str(first[1])):
        moved.add("tagger.weights")
    return [name for name in differences(before, config) if name not in moved]


def name_of_weights(weights: str) -> str:
    """``label/jets/seedK`` of the weights of a training, as :attr:`Job.weights` gives them, or of that name itself."""
    path = Path(weights)
    return "/".join((path.parent if path.name == BEST else path.with_suffix("")).parts[-3:])


def by_entry(jobs: Sequence[Job]) -> Mapping[tuple[str, int], list[Job]]:
    """Trainings that differ by their seed only, together."""
    groups: dict[tuple[str, int], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.entry.label, job.jets), []).append(job)
    return groups


@contextmanager
def reserved(job: Job) -> Iterator[bool]:
    """False if another process works on this training; several may share the work."""
    with _lock(job.out, job.name.replace("/", "_"), fcntl.LOCK_EX | fcntl.LOCK_NB) as mine:
        yield mine


@contextmanager
def alone(out: Path, what: str) -> Iterator[None]:
    """Wait until no other process is at it."""
    with _lock(out, what, fcntl.LOCK_EX):
        yield


@contextmanager
def _lock(out: Path, name: str, how: int) -> Iterator[bool]:
    path = out / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, how)
        except BlockingIOError:
            yield False
        else:
            yield True
