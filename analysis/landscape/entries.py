"""A study as it is written: the entries of its table and the settings that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorentznet.config import build, read_yaml
from lorentznet.errors import ConfigError, nearest


@dataclass(frozen=True)
class Entry:
    """A line of the table: a tagger and what differs from the settings of the study.

    ``like`` names the entry that it is a version of, whose colour it has in the figure; ``against`` the entries, besides the baseline
    of the study, that it is compared with on the same jets; ``teachers`` those that it learns from, all their trainings on as many jets,
    or that of one seed: ``label/seedK``; ``weights`` the training that it goes on from: ``label/jets/seedK``.
    """

    label: str
    tagger: str
    preset: str | None = None
    like: str | None = None
    against: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    weights: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    epochs: dict[int, int] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Generation:
    """Jets that the study generates for itself, as ``lorentznet generate`` does: ``{generated}/NAME.root`` in its words."""

    name: str
    processes: tuple[str, ...]
    jets: int
    seed: int
    mpi: bool = False


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
    generate: tuple[Generation, ...] = ()

    def __post_init__(self) -> None:
        labels = [entry.label for entry in self.entries]
        for label in labels:
            if labels.count(label) > 1 or not label or "/" in label:
                raise ConfigError(f"entries: the label '{label}' is empty, has a '/' or occurs twice; labels name folders")
        if self.baseline is not None and self.baseline not in labels:
            raise ConfigError(f"baseline: there is no entry '{self.baseline}'; {nearest(self.baseline, labels)}")
        seeded = {f"{entry.label}/seed{seed}" for entry in self.entries for seed in entry.seeds or self.seeds}
        every = [name for entry in self.entries for name in trainings(self, entry)]
        for entry in self.entries:
            for key, names in (
                ("like", () if entry.like is None else (entry.like,)),
                ("against", entry.against),
                ("teachers", tuple(label_of(name) for name in entry.teachers)),
            ):
                for name in names:
                    if name not in labels:
                        raise ConfigError(f"{entry.label}: {key}: there is no entry '{name}'; {nearest(name, labels)}")
            for name in entry.teachers:
                if "/" in name and name not in seeded:
                    raise ConfigError(f"{entry.label}: teachers: there is no training '{name}'; {nearest(name, seeded)}")
            if entry.weights is not None and entry.weights not in every:
                raise ConfigError(
                    f"{entry.label}: weights: there is no training '{entry.weights}'; {nearest(entry.weights, every)}"
                )


def read_study(path: str | Path) -> Study:
    """The study of a YAML file; :class:`ConfigError` names what is wrong."""
    return build(Study, read_yaml(path), str(path))


def is_among(teachers: Sequence[str], label: str, seed: int) -> bool:
    """Whether the names of teachers, ``label`` or ``label/seedK``, mean a training."""
    return label in teachers or f"{label}/seed{seed}" in teachers


def trainings(study: Study, entry: Entry) -> list[str]:
    """Names of all trainings of an entry, as :attr:`Job.name` gives them."""
    return [f"{entry.label}/{jets}/seed{seed}" for jets in entry.sizes or study.sizes for seed in entry.seeds or study.seeds]


def label_of(teacher: str) -> str:
    """``label`` of ``label`` or ``label/seedK``."""
    return teacher.split("/")[0]
