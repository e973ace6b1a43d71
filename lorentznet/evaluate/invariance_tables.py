"""Numbers of an ``invariance.json`` as rows of CSV files and as tables of words; all but the curves may be missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.invariance_words import PRECISION, PROPERTIES, number, short_name, sorted_modes
from lorentznet.evaluate.tables import write_rows

HEADER = ("tagger", "dtype", "conditioning", "transformation", "gamma", "rms", "max", "nonfinite", "flips", "auc", "rejection")
"""Columns of ``invariance.csv``."""
LAYERS_HEADER = ("tagger", "dtype", "conditioning", "layer", "own", "total")
"""Columns of ``invariance_layers.csv``."""
EMISSIONS_HEADER = ("tagger", "emission", "size", "rms", "max", "nonfinite", "flips", "auc", "rejection")
"""Columns of ``invariance_irc.csv``: ``size`` is the momentum fraction of the soft particle, or the angle of the splitting in radian."""

Numbers = Mapping[str, Any]
"""One tagger of ``invariance.json``."""
Cells = list[list[str]]
"""A header and rows."""

FLOOR = ("float64", "floor")
_DTYPES = ("float32", "float64", "autocast", "bfloat16")


def curves(numbers: Numbers) -> Iterator[tuple[tuple[str, str], str, Mapping[str, Any]]]:
    """Mode, transformation and points of every curve of a tagger, the floor last as mode ("float64", "floor")."""
    found = {(dtype, front): numbers[dtype][front] for dtype, front in _modes(numbers)}
    for mode in sorted_modes(found):
        for transformation, points in found[mode].items():
            yield mode, transformation, points
    for transformation, points in numbers.get("floor", {}).items():
        yield FLOOR, transformation, points


def points(curve: Mapping[str, Mapping[str, Any]], quantity: str = "rms") -> tuple[list[float], list[float]]:
    """Gammas (or sizes), rising, and the values there; NaN where the logit was not finite.

    Examples
    --------
    >>> points({"10": {"rms": 2e-7}, "1.1": {"rms": 1e-7}})
    ([1.1, 10.0], [1e-07, 2e-07])
    """
    pairs = sorted((float(gamma), change.get(quantity)) for gamma, change in curve.items())
    return [gamma for gamma, _ in pairs], [math.nan if value is None else float(value) for _, value in pairs]


def scanned(numbers: Numbers) -> list[str]:
    """Transformations of a tagger that were measured at several gammas."""
    return list(dict.fromkeys(name for _, name, curve in curves(numbers) if len(curve) > 1))


def rows(taggers: Mapping[str, Numbers]) -> Iterator[tuple[Any, ...]]:
    """Every number of the curves as :data:`HEADER` says; the floor has the conditioning ``floor``."""
    for name, numbers in taggers.items():
        for mode, transformation, curve in curves(numbers):
            for gamma, change in curve.items():
                yield (name, *mode, transformation, gamma, *_change(change))


def write_csv(folder: str | Path, taggers: Mapping[str, Numbers]) -> list[Path]:
    """Write ``invariance.csv``, and ``invariance_layers.csv`` and ``invariance_irc.csv`` where there is something for them."""
    folder = Path(folder)
    layers = [
        (name, dtype, front, layer, error.get("own"), error["total"])
        for name, numbers in taggers.items()
        for dtype, fronts in numbers.get("layers", {}).items()
        for front, errors in fronts.items()
        for layer, error in errors.items()
    ]
    emissions = [
        (name, kind, size, *_change(change))
        for name, numbers in taggers.items()
        for kind, found in numbers.get("irc", {}).items()
        for size, change in found["changes"].items()
    ]
    paths = [write_rows(folder / "invariance.csv", HEADER, rows(taggers))]
    if layers:
        paths.append(write_rows(folder / "invariance_layers.csv", LAYERS_HEADER, layers))
    if emissions:
        paths.append(write_rows(folder / "invariance_irc.csv", EMISSIONS_HEADER, emissions))
    return paths


def boosts(taggers: Mapping[str, Numbers], only: str | None = None) -> Cells:
    """The rms changes and flipped decisions under boosts: a row for each tagger, mode and boost, or for the boosts of one kind only."""
    table: dict[tuple[str, ...], dict[str, str]] = {}
    gammas: set[float] = set()
    for name, mode, transformation, curve in _all(taggers):
        if len(curve) > 1 and only in (None, transformation):
            row = table.setdefault((_place(name, mode), PROPERTIES.get(transformation, transformation)), {})
            for gamma, change in curve.items():
                row[f"γ = {float(gamma):g}"] = _cell(change)
                gammas.add(float(gamma))
    columns = [f"γ = {gamma:g}" for gamma in sorted(gammas)]
    return _cells(("tagger: precision, frame", "transform"), columns, table)


def others(taggers: Mapping[str, Numbers]) -> Cells:
    """The same for what has no gamma: a row for each tagger and mode."""
    table: dict[tuple[str, ...], dict[str, str]] = {}
    columns: dict[str, None] = {}
    for name, mode, transformation, curve in _all(taggers):
        if len(curve) == 1:
            title = PROPERTIES.get(transformation, transformation)
            table.setdefault((_place(name, mode),), {})[title] = _cell(next(iter(curve.values())))
            columns[title] = None
    for name, mode, change in _precision(taggers):
        table.setdefault((_place(name, mode),), {})[PRECISION] = _cell(change)
        columns[PRECISION] = None
    return _cells(("tagger: precision, frame",), list(columns), table)


def separation(taggers: Mapping[str, Numbers], transformation: str = "boost") -> Cells:
    """How well jets are told apart as they are and boosted: for each tagger and mode a row of AUCs and one of background rejections."""
    table: dict[tuple[str, ...], dict[str, str]] = {}
    gammas: set[float] = set()
    for name, mode, moved, curve in _all(taggers):
        unmoved = taggers[name].get("unmoved", {}).get(mode[0], {}).get(mode[1])
        if moved == transformation and unmoved:
            for key, title in (("auc", "AUC"), ("rejection", "1/εB at εS = 0.3")):
                row = table.setdefault((_place(name, mode), title), {"as they are": _separated(unmoved, key)})
                row |= {f"γ = {float(gamma):g}": _separated(change, key) for gamma, change in curve.items()}
            gammas |= {float(gamma) for gamma in curve}
    columns = ["as they are", *(f"γ = {gamma:g}" for gamma in sorted(gammas))]
    return _cells(("tagger: precision, frame", "quantity"), columns, table)


def _precision(taggers: Mapping[str, Numbers]) -> Iterator[tuple[str, tuple[str, str], Mapping[str, Any]]]:
    for name, numbers in taggers.items():
        found = {(dtype, front): numbers["precision"][dtype][front] for dtype, front in _modes(numbers.get("precision", {}))}
        yield from ((name, mode, found[mode]) for mode in sorted_modes(found))


def _modes(nested: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    return ((dtype, front) for dtype in _DTYPES for front in nested.get(dtype, {}))


def _all(taggers: Mapping[str, Numbers]) -> Iterator[tuple[str, tuple[str, str], str, Mapping[str, Any]]]:
    for name, numbers in taggers.items():
        for mode, transformation, curve in curves(numbers):
            yield name, mode, transformation, curve


def _cells(first: tuple[str, ...], columns: list[str], table: Mapping[tuple[str, ...], Mapping[str, str]]) -> Cells:
    return [[*first, *columns], *([*place, *(row.get(column, "") for column in columns)] for place, row in table.items())]


def _place(name: str, mode: tuple[str, str]) -> str:
    return f"{name}: {'floor, rounding of the input' if mode == FLOOR else short_name(*mode)}"


def _cell(change: Mapping[str, Any]) -> str:
    flips = f" ({100 * change['flips']:.2g} %)" if change.get("flips") else ""
    return ("not finite" if change.get("rms") is None else number(change["rms"])) + flips


def _separated(change: Mapping[str, Any], key: str) -> str:
    if key not in change:
        return "-"
    estimate = Estimate.from_dict(change[key])
    if not math.isfinite(estimate.value):
        return f"> {estimate.low:.3g}"
    return f"{estimate.value:.4f}" if key == "auc" else f"{estimate.value:.3g}"


def _change(change: Mapping[str, Any]) -> tuple[Any, ...]:
    separated = (change[key]["value"] if key in change else None for key in ("auc", "rejection"))
    return change.get("rms"), change.get("max"), change.get("nonfinite", 0), change.get("flips"), *separated
