"""The one interface of all taggers, and their registry.

A tagger is a module from a batch of jets to logits. It knows no loss, metric, device or dataset. A tagger lives in one file:
its frozen configuration, the module, its citation; :func:`register` adds it to the list that ``create``, the command line and
the contract tests read.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from lorentznet.config import build, plain
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, nearest
from lorentznet.group.subgroup import Subgroup

_REGISTRY: dict[str, type[Tagger]] = {}


class Tagger(nn.Module, ABC):
    """A network from jets to logits.

    Class attributes
    ----------------
    name, citation
        The registered name and the papers to cite.
    Config
        Frozen dataclass of all settings; every tagger has ``classes`` (number of classes) among them.
    presets
        Named changes of the configuration's defaults.
    infrared_safe
        True if soft particles and collinear splittings are claimed to change nothing; the claim is then tested.
    architecture
        Name of the group that leaves the logits unchanged when reference vectors are transformed along with the particles.
    """

    name: ClassVar[str]
    citation: ClassVar[str]
    Config: ClassVar[type]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]]
    infrared_safe: ClassVar[bool] = False
    architecture: str = "SO+(1,3)"

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.class_names: tuple[str, ...] = ()
        self.training_range: Mapping[str, Any] | None = None
        self.target: tuple[str, ...] = ()

    @abstractmethod
    def forward(self, batch: JetBatch) -> Tensor:
        """Logits of a batch of jets; or momenta or masses, where the configuration has another ``task`` than tagging.

        Returns
        -------
        Tensor, shape (n_jets, 1) for two classes (the log-odds of class 1), (n_jets, classes) otherwise
        """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call :meth:`forward`; :class:`TypeError` if given anything but a batch."""
        if args and not isinstance(args[0], JetBatch):
            found = type(args[0]).__name__
            raise TypeError(f"tagger '{self.name}' takes a JetBatch, got {found}; make one with lorentznet.data.collate(table)")
        return super().__call__(*args, **kwargs)

    @property
    @abstractmethod
    def symmetry(self) -> Subgroup:
        """The largest group of transforms of the particles (references held fixed) that leaves the logits unchanged."""

    @property
    def task(self) -> str:
        """What the outputs are: ``tagging`` (logits), ``momentum`` or ``mass``."""
        return str(getattr(self.config, "task", "tagging"))

    @property
    def output_law(self) -> Any:
        """How the outputs change when the jet is seen from another frame (see :mod:`lorentznet.nn.base`); None: not at all."""
        return None

    def with_references(self, batch: JetBatch) -> JetBatch:
        """The batch with the reference vectors that this tagger reads attached, so that they can be transformed along."""
        return batch

    def in_frame(self, conditioning: str) -> Tagger:
        """Switch the front end: ``"frame"`` (jet rest frame, float64) or ``"lab"`` (momenta as they come). Returns itself."""
        raise ConfigError(f"tagger '{self.name}' has no frame conditioning to switch")

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile what is worth it, in place, for batches of all shapes; arguments of ``torch.compile``."""
        super().compile(*args, **{"dynamic": True, **kwargs})

    @property
    def n_outputs(self) -> int:
        """Number of logits: 1 for two classes."""
        classes: int = self.config.classes
        return 1 if classes == 2 else classes

    @property
    def n_parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)


TaggerType = TypeVar("TaggerType", bound=type[Tagger])


def register(cls: TaggerType) -> TaggerType:
    """Class decorator: add a tagger to the registry under its ``name``."""
    if cls.name in _REGISTRY:
        raise ValueError(f"a tagger named '{cls.name}' is registered already")
    _REGISTRY[cls.name] = cls
    return cls


def names() -> list[str]:
    """Names of all registered taggers."""
    return sorted(_REGISTRY)


def tagger_class(name: str) -> type[Tagger]:
    """The class registered under ``name``; :class:`ConfigError` with the nearest match if there is none."""
    if name not in _REGISTRY:
        raise ConfigError(f"unknown tagger '{name}'; {nearest(name, _REGISTRY)}")
    return _REGISTRY[name]


def create(name: str, preset: str | None = None, *, seed: int | None = None, where: str = "tagger", **changes: Any) -> Tagger:
    """Build a tagger.

    Parameters
    ----------
    name
        A registered name, see :func:`names`.
    preset
        A named set of sizes; the configuration's own defaults if None.
    seed
        Seed of the initial weights; the global generator of torch is left as it was. None draws from the global generator.
    where
        Source of the settings, for error messages.
    **changes
        Settings that differ from the preset.

    Raises
    ------
    ConfigError
        Unknown tagger, preset or setting (with the nearest match), or a value out of range.
    """
    cls = tagger_class(name)
    if preset is not None and preset not in cls.presets:
        setting = f"{where.removesuffix('.options')}.preset"
        raise ConfigError(f"{setting}: tagger '{name}' has no preset '{preset}'; {nearest(preset, cls.presets)}")
    config: Any = build(cls.Config, {**(cls.presets[preset] if preset else {}), **changes}, where)
    if seed is None:
        return cls(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cls(config)


def describe(tagger: Tagger) -> dict[str, Any]:
    """Name and full configuration as plain values, enough for :func:`create` to build the same network again."""
    return {
        "name": tagger.name,
        **plain({field.name: getattr(tagger.config, field.name) for field in dataclasses.fields(tagger.config)}),
    }
