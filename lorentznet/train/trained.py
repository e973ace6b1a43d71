"""Trained taggers that a training begins with: those that it learns from, and the one whose weights it goes on from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorentznet.errors import CheckpointError, ConfigError
from lorentznet.taggers import Tagger
from lorentznet.train.checkpoint import load, load_run_info, locate


@dataclass(frozen=True)
class Trained:
    """A trained tagger, where it was found, and the SHA-256 of that file.

    ``origin`` is what its own training says of its jets, where that is known: ``seen``, the words of all jets that it has seen, and
    ``trained_on``, those that it was trained on with their dataset cards, see :func:`trained_on`.
    """

    source: str
    tagger: Tagger
    digest: str
    origin: Mapping[str, Any] | None = None

    @classmethod
    def find(cls, source: str | Path, setting: str) -> Trained:
        """The tagger in a checkpoint, the folder of a training, or pretrained weights.

        Raises
        ------
        CheckpointError
            If it cannot be used; the message names the setting.
        """
        try:
            place = locate(source)
            return cls(str(source), load(place), hashlib.sha256(place.read_bytes()).hexdigest(), _origin(place))
        except CheckpointError as error:
            raise CheckpointError(f"{setting}: {error}") from None

    def check_scalars(self, setting: str, scalars: int) -> None:
        """Raise :class:`ConfigError` if it reads a number of particle scalars other than 0 or that of the jets."""
        known = getattr(self.tagger.config, "scalars", 0)
        if known not in (0, scalars):
            raise ConfigError(
                f"{setting}: {self.source} reads {known} scalars of each particle, the training jets have {scalars}; give the same card"
            )

    @property
    def facts(self) -> dict[str, Any]:
        """What ``run.json`` says of it."""
        known = {"source": self.source, "tagger": self.tagger.name, "parameters": self.tagger.n_parameters, "digest": self.digest}
        return {**known, **(self.origin or {})}


def begun_with(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The trained taggers that a training began with, as its ``run.json`` names them."""
    return [*info.get("teachers", []), *([info["weights"]] if info.get("weights") else [])]


def seen(info: Mapping[str, Any]) -> list[str]:
    """Words of all jets that a training has seen, also through the taggers that it began with, as far as that is known."""
    data = info.get("data", {})
    own = [*data.get("train", []), *data.get("val", [])]
    return list(dict.fromkeys([*own, *(word for other in begun_with(info) for word in other.get("seen", []))]))


def trained_on(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The jets that a training, and then the taggers that it began with, were trained on: ``jets``, their words, and ``card``, what the
    card of their file says of them (None if there is no card)."""
    data = info.get("data", {})
    found = [{"jets": list(data["train"]), "card": data.get("card")}] if data.get("train") else []
    for other in begun_with(info):
        found += [part for part in other.get("trained_on", []) if part not in found]
    return found


def _origin(place: Path) -> dict[str, Any] | None:
    try:
        info = load_run_info(place)
    except CheckpointError:  # a file alone says nothing of its training
        return None
    return {"seen": seen(info), "trained_on": trained_on(info)}
