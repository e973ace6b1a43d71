"""From a mapping (YAML, command line, checkpoint) to a frozen, validated dataclass, and back.

A configuration is a frozen dataclass in the file of the thing it configures. :func:`build` turns a plain mapping into one:
types and ranges are checked (by pydantic, which is imported only here), and an unknown key is refused with the nearest match.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from lorentznet.errors import ConfigError, nearest

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any], where: str = "configuration") -> T:
    """Make a frozen dataclass from a mapping.

    Parameters
    ----------
    cls
        A dataclass; fields may be dataclasses themselves, ``Literal`` or ``Annotated[int, pydantic.Field(gt=0)]``.
    values
        Plain values, as YAML gives them.
    where
        Name of the source (a file, the command line), for the error message.

    Raises
    ------
    ConfigError
        For an unknown key (with the nearest match) or a value of the wrong type or range.
    """
    import pydantic

    _refuse_unknown(cls, values, where, ())
    try:
        return pydantic.TypeAdapter(cls).validate_python(dict(values))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(_place(cls, first["loc"])) or "the configuration"
        more = len({_place(cls, problem["loc"]) for problem in error.errors()}) - 1
        others = f" (and {more} more)" if more else ""
        given = f", got {first['input']!r}" if first["type"] != "missing" else ""
        raise ConfigError(f"{where}: {place}: {first['msg'][:1].lower()}{first['msg'][1:]}{given}{others}") from None


def _place(cls: Any, location: Sequence[int | str]) -> tuple[str, ...]:
    """Names, keys and numbers that lead to a value, without the kinds of values that pydantic has tried there."""
    place: list[str] = []
    for part in location:
        if dataclasses.is_dataclass(cls):
            cls = get_type_hints(cls).get(str(part))
            cls = next((hint for hint in (cls, *get_args(cls)) if dataclasses.is_dataclass(hint)), cls)
        elif get_origin(cls) is dict:
            cls = get_args(cls)[1]
        elif not isinstance(part, int):
            continue
        place.append(str(part))
    return tuple(place)


def _refuse_unknown(cls: Any, values: Any, where: str, path: tuple[str, ...]) -> None:
    names = [field.name for field in dataclasses.fields(cls)]
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: {'.'.join(path) or 'the whole'} must be a mapping of {', '.join(names)}, got {values!r}")
    hints = get_type_hints(cls)
    inner = [
        f"{name}.{field}" for name in names if dataclasses.is_dataclass(hints[name]) for field in get_type_hints(hints[name])
    ]
    for key, value in values.items():
        if key not in names:
            place = f" in {'.'.join(path)}" if path else ""
            meant = next((word for word in inner if word.endswith(f".{key}")), None)
            hint = f"did you mean '{meant}'?" if meant else nearest(key, names)
            raise ConfigError(f"{where}: unknown key '{key}'{place}; {hint}")
        if isinstance(value, bool) and hints[key] in (int, float):
            raise ConfigError(f"{where}: {'.'.join((*path, str(key)))}: input should be a number, got {value!r}")
        for hint in (hints[key], *get_args(hints[key])):
            if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
                _refuse_unknown(hint, value, where, (*path, str(key)))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file; :class:`ConfigError` names the file when it is missing or not a mapping."""
    import yaml

    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise ConfigError(f"{path}: not valid YAML{'' if line is None else f' at line {line + 1}'}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of keys to values, found {type(values).__name__}")
    return values


def plain(config: Any) -> Any:
    """A configuration as plain values (dictionaries, lists, numbers, strings) that YAML and JSON can hold."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {field.name: plain(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {str(key): plain(value) for key, value in config.items()}
    if isinstance(config, Sequence) and not isinstance(config, str):
        return [plain(value) for value in config]
    return str(config) if isinstance(config, Path) else config


def override(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``values`` with dotted changes applied: ``{"optimizer.lr": 1e-3}``."""
    result = {key: override(value, {}) if isinstance(value, Mapping) else value for key, value in values.items()}
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        level = result
        for parent in parents:
            if not isinstance(level.get(parent), dict):
                level[parent] = {}
            level = level[parent]
        level[last] = value
    return result


def parse_overrides(arguments: Sequence[str]) -> dict[str, Any]:
    """``["--optimizer.lr", "1e-3", "--seed=2"]`` as ``{"optimizer.lr": 0.001, "seed": 2}``.

    Values are numbers, ``true``, ``false``, ``null``, words, lists ``[a, b]`` of these or anything else in brackets that YAML can read.
    Words, such as ``data/*.root`` or ``run #2.root#500:``, are taken as they are.

    Raises
    ------
    ConfigError
        If a word is not of the form ``--key value`` or ``--key=value``, or brackets cannot be read.
    """
    changes: dict[str, Any] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or word == "--":
            raise ConfigError(f"'{word}' is not understood; overrides are written --key.sub value")
        key, equals, text = word[2:].partition("=")
        if not equals:
            if not words or words[0].startswith("--"):
                raise ConfigError(f"--{key} needs a value")
            text = words.pop(0)
        changes[key] = _given(key, text.strip())
    return changes


def _given(key: str, text: str) -> Any:
    """The value of an override."""
    import yaml

    if not text:
        raise ConfigError(f"--{key} is empty; give a value, or null for none")
    listed = re.fullmatch(r"\[([^][{}\"']*)\]", text)
    if listed:
        parts = [part.strip() for part in listed[1].split(",")]
        return [_given(key, part) for part in (parts if parts[-1] else parts[:-1])]
    if text[0] + text[-1] in ("[]", "{}", '""', "''"):
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            problem = getattr(error, "problem", None) or "no YAML"
            raise ConfigError(f"--{key} {text}: cannot be read ({problem}); put words in quotes") from None
    if not re.fullmatch(r"[\w.+-]+", text):
        return text
    try:  # YAML 1.1 reads 1e-3 as a word
        value = yaml.safe_load(text)
        return value if value is None or isinstance(value, bool | int | float) else float(text)
    except (ValueError, yaml.YAMLError):
        return text
