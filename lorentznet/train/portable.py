"""What a training says of itself, without the folders of the machine on which it was made."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

Naming = Callable[[str], str]
"""How a trained tagger that a training began with is called, given where it lies."""


def without_folders(command: str) -> str:
    """A command line in which absolute paths, and those that leave the folder, are names only, also in lists.

    Examples
    --------
    >>> without_folders("lorentznet train --config analysis/cg.yaml --data.train '/data/jets.root#0:100' --out=/home/me/run")
    "lorentznet train --config analysis/cg.yaml --data.train 'jets.root#0:100' --out=run"
    >>> without_folders("lorentznet train --data.val '[/data/a.root, ../b.root#1:9]'")
    "lorentznet train --data.val '[a.root, b.root#1:9]'"
    """
    return shlex.join(_OPTION.sub(_value_without_folders, word) for word in shlex.split(command))


_OPTION = re.compile(r"^((?:--[\w.-]+=)?)(.*)$", re.DOTALL)


def _value_without_folders(match: re.Match[str]) -> str:
    option, value = match.groups()
    if value.startswith("["):  # a list, as YAML has it
        return option + re.sub(r"(?<=[\[,\s'\"])[~/.][^#,\]'\"]*/(?=[^/#])", "", value)
    return option + re.sub(r"^(?=[~/.])[^#]*/(?=[^/#])", "", value)


def jets_by_name(word: str) -> str:
    """A word for jets without the folder of the file.

    Examples
    --------
    >>> jets_by_name("/data/jets.root:tree#0:100")
    'jets.root:tree#0:100'
    """
    from lorentznet.data.source import parse

    source = parse(word)
    return str(source if source.is_remote else replace(source, path=Path(source.path).name))


def portable_config(config: Mapping[str, Any], name: Naming) -> dict[str, Any]:
    """The content of a ``config.yaml``: jets and cards by the names of their files, trained taggers as ``name`` calls them, no cache."""
    kept = {key: dict(value) if isinstance(value, Mapping) else value for key, value in config.items()}
    data = kept["data"]
    for key in ("train", "val"):
        words = data[key] if isinstance(data[key], list) else [data[key]]
        named = [jets_by_name(word) for word in words]
        data[key] = named if len(named) > 1 else named[0]
    if data.get("card"):
        data["card"] = Path(data["card"]).name
    if teachers := kept.get("distillation", {}).get("teachers"):
        kept["distillation"] |= {"teachers": [name(teacher) for teacher in teachers], "cache": None}
    if kept["tagger"].get("weights"):
        kept["tagger"]["weights"] = name(kept["tagger"]["weights"])
    return kept


def portable_info(info: Mapping[str, Any], name: Naming) -> dict[str, Any]:
    """The content of a ``run.json``, likewise."""
    words = {key: [jets_by_name(word) for word in info["data"][key]] for key in ("train", "val")}
    kept = {**info, "command": without_folders(info["command"]), "data": {**info["data"], **words}}
    if info.get("teachers"):
        kept["teachers"] = [_begun_with(teacher, name) for teacher in info["teachers"]]
    if info.get("weights"):
        kept["weights"] = _begun_with(info["weights"], name)
    return kept


def _begun_with(known: Mapping[str, Any], name: Naming) -> dict[str, Any]:
    kept = {**known, "source": name(known["source"])}
    if "seen" in known:
        kept["seen"] = [jets_by_name(word) for word in known["seen"]]
    if "trained_on" in known:
        kept["trained_on"] = [{**part, "jets": [jets_by_name(word) for word in part["jets"]]} for part in known["trained_on"]]
    return kept
