"""The configuration of a training: one frozen dataclass, written in YAML, changed by dotted overrides.

.. code-block:: yaml

    tagger: {name: cg, preset: small}
    data: {train: jets.root#train, val: jets.root#val, batch_size: 64}
    optimizer: {lr: 0.004, schedule: one-cycle}
    trainer: {epochs: 15}
    seed: 1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from lorentznet.config import build, override, plain, read_yaml
from lorentznet.errors import ConfigError, nearest

CONFIGS = Path(__file__).parent.parent / "configs"
"""Folder of the configurations that come with the package; they can be named without path and suffix."""

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Words = str | tuple[str, ...]


@dataclass(frozen=True)
class TaggerSettings:
    """Which network: a registered name, a preset of sizes, and settings that differ from the preset.

    ``weights`` is a checkpoint, the folder of a training or the name of pretrained weights, which are trained further; without a preset
    the network is then that of the weights (see :mod:`lorentznet.train.building`). None draws them by lot.
    """

    name: str
    preset: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None


@dataclass(frozen=True)
class DataSettings:
    """Which jets, and how they are put into batches.

    ``train`` and ``val`` are one or several words ``PATH[:TREE][#ROWS]``. The selection of a dataset card cuts training jets
    only. ``bucket`` batches' worth of shuffled jets are sorted by their number of particles before they are cut into batches,
    so that the jets of a batch are alike in size (1: not sorted). ``mirror`` turns z into -z for half of the training jets, by
    lot and anew in each epoch; beams of the same kind make both equally likely.

    ``target`` names what a regression is to find: columns with the true momentum or mass, or what their names have in common, such
    as ``aux_genpart`` (see :class:`lorentznet.train.target.Target`). Jets without a target are left out.
    """

    train: Words
    val: Words
    card: str | None = None
    target: Words | None = None
    batch_size: Annotated[int, Field(gt=0)] = 64
    bucket: Annotated[int, Field(gt=0)] = 32
    mirror: bool = False


@dataclass(frozen=True)
class OptimizerSettings:
    """The optimiser, the course of its learning rate, and the moving average of the weights.

    ``name`` is ``adamw``, or ``soap``: Adam in the eigenbasis of Shampoo's preconditioner (:mod:`lorentznet.train.soap`; ``betas``
    of (0.95, 0.95) suit it), with which small networks need fewer epochs.
    ``weight_decay`` acts on matrices only, never on biases, gains and other vectors. ``warm_up`` is the part of all steps in
    which the learning rate rises (None: 0.3 for one-cycle, else 0.05). ``clip`` bounds the norm of the gradient (0: off).
    ``ema`` is the decay of the exponential moving average of the weights, which is what is validated and kept (0: off).
    """

    name: Literal["adamw", "soap"] = "adamw"
    lr: Positive = 4e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    warm_up: Fraction | None = None
    clip: Annotated[float, Field(ge=0)] = 1.0
    ema: Fraction = 0.995


@dataclass(frozen=True)
class TrainerSettings:
    """How long and on which machine; ``accelerator`` to ``precision`` go to Lightning's Trainer as they are.

    ``accelerator`` ``auto`` is CUDA where there is a GPU, else the CPU. ``compile`` compiles the network of the tagger only.

    ``patience`` is the number of epochs without a better validation loss after which training ends (0: never early).
    ``threads`` is the number of CPU threads; None is ``OMP_NUM_THREADS`` or, without it, all cores that this process may use.
    """

    epochs: Annotated[int, Field(gt=0)] = 15
    patience: Annotated[int, Field(ge=0)] = 0
    accelerator: str = "auto"
    devices: Annotated[int, Field(gt=0)] | Literal["auto"] | tuple[int, ...] = 1
    nodes: Annotated[int, Field(gt=0)] = 1
    strategy: str = "auto"
    precision: Literal["32-true", "64-true", "bf16-mixed"] = "32-true"
    compile: bool = False
    threads: Annotated[int, Field(gt=0)] | None = None


@dataclass(frozen=True)
class DistillationSettings:
    """Learning from trained taggers, see :mod:`lorentznet.train.distillation`.

    ``teachers`` are checkpoints, folders of trainings or names of pretrained weights, or patterns such as ``runs/tiny-seed*``; without
    any the labels alone are learned. ``share`` is what the teachers' probabilities weigh in the loss; the labels weigh the rest.
    ``cache`` is a folder that keeps what each teacher said of the jets, so that several trainings ask once.
    """

    teachers: Words = ()
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    cache: str | None = None


@dataclass(frozen=True)
class TrainConfig:
    """All settings of one training."""

    tagger: TaggerSettings
    data: DataSettings
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    distillation: DistillationSettings = field(default_factory=DistillationSettings)
    seed: Annotated[int, Field(ge=0)] = 1

    @property
    def train_words(self) -> tuple[str, ...]:
        """The words that name the training jets."""
        return _words(self.data.train)

    @property
    def val_words(self) -> tuple[str, ...]:
        """The words that name the validation jets."""
        return _words(self.data.val)

    @property
    def target_words(self) -> tuple[str, ...]:
        """The words that name the target of a regression; none for tagging."""
        return () if self.data.target is None else _words(self.data.target)

    @property
    def teacher_words(self) -> tuple[str, ...]:
        """The words that name the teachers; none if the labels alone are learned."""
        return _words(self.distillation.teachers)


def load_config(source: str | Path, changes: Mapping[str, Any] | None = None) -> TrainConfig:
    """Read a configuration.

    Parameters
    ----------
    source
        A YAML file, or the name of a configuration that comes with the package (see :func:`shipped`).
    changes
        Dotted overrides such as ``{"optimizer.lr": 1e-3}``.

    Raises
    ------
    ConfigError
        If there is no such file or configuration, or a key or value is not possible.
    """
    path = Path(source)
    if not path.exists():
        if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
            raise ConfigError(f"{path}: no such file; give a YAML file or one of the shipped names {', '.join(shipped())}")
        if str(source) not in shipped():
            raise ConfigError(f"no configuration '{source}'; {nearest(source, shipped())}")
        path = CONFIGS / f"{source}.yaml"
    return build(TrainConfig, override(read_yaml(path), changes or {}), str(source))


def shipped() -> list[str]:
    """Names of the configurations that come with the package."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def differences(before: Mapping[str, Any], config: TrainConfig) -> list[str]:
    """Dotted names of the settings in which a training differs from the one that it is to continue.

    Settings that choose the machine only (accelerator, strategy, compilation, threads, which devices but not how many) may differ, and
    the folder that keeps what teachers said.
    A setting that ``before`` does not have, as an older version wrote it, has its default.
    """
    complete = plain(build(TrainConfig, before, "the earlier training"))
    return sorted(_differences(_deciding(complete), _deciding(plain(config)), ()))


def _deciding(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide on the result."""
    trainer = {
        key: value
        for key, value in (values.get("trainer") or {}).items()
        if key not in ("accelerator", "compile", "strategy", "threads")
    }
    if isinstance(trainer.get("devices"), Sequence) and not isinstance(trainer["devices"], str):
        trainer["devices"] = len(trainer["devices"])
    distillation = {key: value for key, value in (values.get("distillation") or {}).items() if key != "cache"}
    return {**values, "trainer": trainer, "distillation": distillation}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    found = []
    for key in {*before, *after}:
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, (*path, key))
        elif old != new:
            found.append(".".join((*path, key)))
    return found


def _words(value: Words) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
