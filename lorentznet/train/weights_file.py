"""Weights to be given away: ``NAME.safetensors`` with the numbers and ``NAME.json`` with what they are.

The JSON holds what a checkpoint says of its tagger, the SHA-256 of the weights, and the facts of the training. The weights are
float32; the header of their file holds the version of this format and the convention of the irreps
(:func:`lorentznet.group.convention.convention`). Neither file can hold code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.config import plain
from lorentznet.errors import CheckpointError

SUFFIX = ".safetensors"
FORMAT = 1
"""Version of the two files."""

REQUIRED = ("format", "sha256", "bytes", "tagger", "classes")
"""What the JSON must say for the weights to be loaded."""

_RENEW = "install lorentznet again, or copy both files again"


def write(path: str | Path, packed: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write weights in float32, and the JSON beside them.

    Parameters
    ----------
    path
        ``FOLDER/NAME.safetensors``.
    packed
        A tagger from :func:`lorentznet.train.checkpoint.pack`.
    facts
        Further plain values for the JSON.

    Returns
    -------
    dict
        The content of the JSON.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    from safetensors.torch import save

    path = Path(path)
    weights = {
        name: (value.float() if value.is_floating_point() else value).contiguous().clone()
        for name, value in packed["weights"].items()
    }
    content = save(weights, {"format": "pt", "lorentznet": str(FORMAT), "irreps": packed["irreps"], "name": path.stem})
    about: dict[str, Any] = {
        "format": FORMAT,
        "name": path.stem,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        **plain({key: value for key, value in packed.items() if key not in ("format", "weights")}),
        **plain(facts),
    }
    with files.atomic(path) as temporary:
        temporary.write_bytes(content)
    files.write_json(path.with_suffix(".json"), about)
    return about


def read_facts(path: str | Path) -> dict[str, Any]:
    """The content of the JSON beside a weights file.

    Raises
    ------
    CheckpointError
        If there is none, it cannot be read, lacks something, or is of a newer format.
    """
    path = Path(path).with_suffix(".json")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: is missing, and {path.stem}{SUFFIX} says nothing without it; {_RENEW}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); {_RENEW}") from None
    except ValueError:
        raise CheckpointError(f"{path}: is not valid JSON; {_RENEW}") from None
    lacking = [key for key in REQUIRED if key not in facts] if isinstance(facts, dict) else list(REQUIRED)
    if lacking:
        raise CheckpointError(f"{path}: does not describe weights, it lacks {', '.join(lacking)}; {_RENEW}")
    _check_format(facts["format"], path)
    return dict(facts)


def read(path: str | Path) -> dict[str, Any]:
    """What a checkpoint would say (see :func:`lorentznet.train.checkpoint.pack`), and the other facts of the JSON.

    Raises
    ------
    CheckpointError
        If one of the two files is missing or damaged, they do not belong together, or they are of a newer format.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load

    path = Path(path)
    facts = read_facts(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); {_RENEW}") from None
    if len(content) < facts["bytes"]:
        raise CheckpointError(f"{path}: is truncated, {len(content)} of {facts['bytes']} bytes are there; {_RENEW}")
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        raise CheckpointError(f"{path}: is damaged, its SHA-256 is not the one in {path.stem}.json; {_RENEW}")
    try:
        weights = load(content)
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError, ValueError):
        raise CheckpointError(f"{path}: holds no tensors in the format of safetensors; {_RENEW}") from None
    _check_format(header.get("lorentznet", FORMAT), path)
    return {**facts, "weights": weights, "irreps": header.get("irreps", "of an unknown order")}


def run_info(path: str | Path) -> dict[str, Any]:
    """The facts of the training in the form of a ``run.json``, and ``pretrained``: which weights these are.

    Raises
    ------
    CheckpointError
        As for :func:`read_facts`.
    """
    facts = read_facts(path)
    which = {key: facts.get(key) for key in ("name", "format", "sha256", "irreps", "made")}
    data = facts.get("data", {})
    card = {key: data[key] for key in ("name", "description", "licence", "citation") if key in data}
    return {**facts.get("training", {}), "name": Path(path).stem, "data": {**data, "card": card}, "pretrained": which}


def _check_format(found: Any, path: Path) -> None:
    if not str(found).isdigit() or int(found) > FORMAT:
        raise CheckpointError(f"{path}: has format {found}, this version reads up to {FORMAT}; install a newer lorentznet")
