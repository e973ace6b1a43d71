"""The study as a list of trainings: which tagger, on how many jets, with which seed, in which folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lorentznet.config import build, read_yaml
from lorentznet.errors import ConfigError, nearest
from lorentznet.train.checkpoint import BEST
from lorentznet.train.config import TrainConfig, differences
from lorentznet.train.run_folder import RunFolder


@dataclass(frozen=True)
class Entry:
    """A line of the table: a tagger and what differs from the settings of the study.

    ``like`` names the entry that it is a version of, whose colour it has in the figure; ``against`` the entries, besides the baseline
    of the study, that it is compared with on the same jets; ``teachers`` those that it learns from, all their trainings on as many jets,
    or that of one seed: ``label/seedK``.
    """

    label: str
    tagger: str
    preset: str | None = None
    like: str | None = None
    against: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    epochs: dict[int, int] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """Settings that all entries share, and the entries."""

    description: str
    data: dict[str, Any]
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    epochs: dict[int, int]
    entries: tuple[Entry, ...]
    optimizer: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    baseline: str | None = None

    def __post_init__(self) -> None:
        labels = [entry.label for entry in self.entries]
        for label in labels:
            if labels.count(label) > 1 or not label or "/" in label:
                raise ConfigError(f"entries: the label '{label}' is empty, has a '/' or occurs twice; labels name folders")
        if self.baseline is not None and self.baseline not in labels:
            raise ConfigError(f"baseline: there is no entry '{self.baseline}'; {nearest(self.baseline, labels)}")
        trainings = {f"{entry.label}/seed{seed}" for entry in self.entries for seed in entry.seeds or self.seeds}
        for entry in self.entries:
            for key, names in (
                ("like", () if entry.like is None else (entry.like,)),
                ("against", entry.against),
                ("teachers", tuple(_label(name) for name in entry.teachers)),
            ):
                for name in names:
                    if name not in labels:
                        raise ConfigError(f"{entry.label}: {key}: there is no entry '{name}'; {nearest(name, labels)}")
            for name in entry.teachers:
                if "/" in name and name not in trainings:
                    raise ConfigError(f"{entry.label}: teachers: there is no training '{name}'; {nearest(name, trainings)}")


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
            replace(self, entry=entries[_label(name)], seed=seed)
            for name in self.entry.teachers
            for seed in entries[_label(name)].seeds or self.study.seeds
            if is_among((name,), _label(name), seed)
        ]

    @property
    def teaches(self) -> bool:
        """Whether others of the study learn from this one."""
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
        return str(self._data[what]).format(file=self.file, jets=self.jets)

    @property
    def config(self) -> TrainConfig:
        """The complete configuration of the training."""
        study, entry = self.study, self.entry
        epochs = {**study.epochs, **entry.epochs}
        if self.jets not in epochs:
            raise ConfigError(f"{self.name}: the study has no number of epochs for {self.jets} jets; add it to 'epochs'")
        data = {key: value for key, value in self._data.items() if key != "test"}
        values = {
            "tagger": {"name": entry.tagger, "preset": entry.preset, "options": entry.options},
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
    def _data(self) -> dict[str, Any]:
        return {**self.study.data, **self.entry.data}


def read_study(path: str | Path) -> Study:
    """The study of a YAML file; :class:`ConfigError` names what is wrong."""
    return build(Study, read_yaml(path), str(path))


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
    """Settings in which two trainings differ; the places of the jet file and of teachers may."""
    found = [name for name in differences(before, config) if name not in ("data.train", "data.val")]
    teachers = build(TrainConfig, before, "the earlier training").teacher_words
    same = [_name(word) for word in teachers] == [_name(word) for word in config.teacher_words]
    return [name for name in found if not (same and name == "distillation.teachers")]


def is_among(teachers: Sequence[str], label: str, seed: int) -> bool:
    """Whether the names of teachers, ``label`` or ``label/seedK``, mean a training."""
    return label in teachers or f"{label}/seed{seed}" in teachers


def _label(teacher: str) -> str:
    """``label`` of ``label`` or ``label/seedK``."""
    return teacher.split("/")[0]


def _name(weights: str) -> str:
    """``label/jets/seedK`` of the weights of a training, as :attr:`Job.weights` gives them."""
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
    path = job.out / "locks" / job.name.replace("/", "_")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
