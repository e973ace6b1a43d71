"""Where a result comes from: versions, command, device."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import TYPE_CHECKING, Any

import torch

from lorentznet import __version__

if TYPE_CHECKING:
    from lorentznet.data.card import DatasetCard

_PACKAGES = ("torch", "torch-geometric", "lightning", "numpy", "awkward", "uproot")


def versions() -> dict[str, str]:
    """Versions of Python, this package, and those that results depend on."""
    found = {"python": platform.python_version(), "lorentznet": __version__}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def device_name(device: torch.device, threads: int | None = None) -> str:
    """A device in words.

    Examples
    --------
    >>> device_name(torch.device("cpu"), threads=2)
    'cpu, 2 threads'
    """
    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    return str(device) if threads is None else f"{device}, {threads} thread{'s' if threads != 1 else ''}"


def card_facts(card: DatasetCard | None) -> dict[str, str] | None:
    """What a result says of the card of its jets: name, digest, and how they were made, under which licence, whom to cite."""
    if card is None:
        return None
    said = {"description": card.description, "licence": card.licence, "citation": card.citation}
    return {"name": card.name, "digest": card.digest, **{key: value for key, value in said.items() if value}}


def provenance(command: str | None = None) -> dict[str, Any]:
    """The command (of this process if None) and :func:`versions`."""
    return {"command": " ".join(sys.argv) if command is None else command, "versions": versions()}
