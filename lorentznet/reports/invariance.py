"""How invariant trained taggers are: change of the logit against the gamma of a boost, in both precisions and both front ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from matplotlib.axes import Axes

from lorentznet.evaluate.invariance_result import number
from lorentznet.reports import style

HEADER = ("tagger", "dtype", "conditioning", "transformation", "gamma", "rms", "max", "nonfinite")
"""Columns of ``invariance.csv``."""

MODES = {
    ("float32", "lab"): ("float32, lab frame", "C1", "o", "--"),
    ("float64", "lab"): ("float64, lab frame", "C2", "s", "--"),
    ("bfloat16", "lab"): ("bfloat16, lab frame", "C3", "^", "--"),
    ("bfloat16", "frame"): ("bfloat16, float64 rest frame", "C5", "^", "-"),
    ("float32", "frame"): ("float32, float64 rest frame", "C0", "o", "-"),
    ("float64", "frame"): ("float64, rest frame", "C4", "s", "-"),
}
"""Look of each precision and front end."""

WORDS = {
    "boost": "boost along a random axis",
    "boost_z": "boost along the beam",
    "boost_transverse": "boost across the beam",
    "rotation": "rotation",
    "reflection": "reflection",
}
"""Transformations in words."""


def draw(
    numbers: Mapping[str, Any],
    transformation: str = "boost",
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw the rms change of the logit, in standard deviations of the logit, against gamma.

    Parameters
    ----------
    numbers
        One tagger of ``invariance.json``: ``<float32|float64>.<frame|lab>.<transformation>.<gamma> = {rms, max}``, and
        ``floor``, the change that the rounding of the transformed momenta makes by itself (grey).
    transformation
        One that was scanned over gamma.
    ax
        Where to draw; a new figure in the style of the reports if None.
    title
        Name of the tagger.
    note
        Which jets, written above the axes.
    limits
        Lowest and highest value on the y axis, see :func:`limits_of`; those of this tagger if None.
    """
    if ax is None:
        with style.style():
            ax = draw(numbers, transformation, style.axes(5.2, below=0.8), title, note, limits)
            return style.legend_below(ax, columns=2)
    lowest, highest = limits or limits_of([numbers])
    for (dtype, conditioning), (label, colour, marker, line) in MODES.items():
        gammas, rms = points(numbers.get(dtype, {}).get(conditioning, {}).get(transformation, {}))
        if gammas:
            known = label if any(math.isfinite(value) for value in rms) else f"{label} (not finite)"
            ax.plot(gammas, rms, line, marker=marker, markersize=4, color=colour, label=known)
    gammas, floor = points(numbers.get("floor", {}).get(transformation, {}))
    if gammas:
        ax.fill_between(gammas, lowest, floor, color="0.6", alpha=0.3, linewidth=0, label="floor: rounding of the input")
    ax.set(xscale="log", yscale="log", ylim=(lowest, highest))
    ax.set_xlabel(f"$\\gamma$ of a {WORDS.get(transformation, transformation)}")
    ax.set_ylabel(r"rms $\Delta$ logit / $\sigma$(logit)")
    if ax.lines:
        ax.legend(loc="best")
    style.note(ax, note, title)
    return ax


def points(curve: Mapping[str, Mapping[str, Any]], quantity: str = "rms") -> tuple[list[float], list[float]]:
    """Gammas, rising, and the values there; NaN where the logit was not finite.

    Examples
    --------
    >>> points({"10": {"rms": 2e-7}, "1.1": {"rms": 1e-7}})
    ([1.1, 10.0], [1e-07, 2e-07])
    """
    pairs = sorted((float(gamma), change.get(quantity)) for gamma, change in curve.items())
    return [gamma for gamma, _ in pairs], [math.nan if value is None else float(value) for _, value in pairs]


def scanned(numbers: Mapping[str, Any]) -> list[str]:
    """Transformations of a tagger that were measured at several gammas."""
    return list(dict.fromkeys(name for _, name, curve in _curves(numbers) if len(curve) > 1))


def limits_of(taggers: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """A range with all rms values of some taggers under boosts, and a decade on both sides."""
    curves = [curve for numbers in taggers for _, _, curve in _curves(numbers) if len(curve) > 1]
    values = [value for curve in curves for value in points(curve)[1] if math.isfinite(value) and value > 0] or [1.0]
    return min(values) / 10, max(values) * 10


def rows(taggers: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Every number as :data:`HEADER` says; the floor has the conditioning ``floor``."""
    for name, numbers in taggers.items():
        for (dtype, conditioning), transformation, curve in _curves(numbers):
            for gamma, change in curve.items():
                place = (name, dtype, conditioning, transformation, gamma)
                yield (*place, change.get("rms"), change.get("max"), change.get("nonfinite", 0))


def cells(taggers: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table in words: a row for each tagger and mode; boosts along a random axis, then what has no gamma."""
    table: dict[str, dict[str, str]] = {}
    gammas: set[float] = set()
    others: dict[str, None] = {}
    for name, numbers in taggers.items():
        boost = "boost" if "boost" in scanned(numbers) else next(iter(scanned(numbers)), "")
        for mode, transformation, curve in _curves(numbers):
            row = table.setdefault(f"{name}: {MODES[mode][0] if mode in MODES else 'floor, rounding of the input'}", {})
            for gamma, value in zip(*points(curve), strict=True):
                if transformation == boost:
                    row[f"γ = {gamma:g}"] = number(value)
                    gammas.add(gamma)
                elif len(curve) == 1:
                    row[transformation] = number(value)
                    others[transformation] = None
    columns = [*(f"γ = {gamma:g}" for gamma in sorted(gammas)), *others]
    body = [[name, *(row.get(column, "") for column in columns)] for name, row in table.items()]
    return ["tagger: precision, frame", *columns], body


def _curves(numbers: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str, Mapping[str, Any]]]:
    """Mode, transformation and points of every curve of a tagger, the floor last as mode ("float64", "floor")."""
    for mode in MODES:
        for transformation, curve in numbers.get(mode[0], {}).get(mode[1], {}).items():
            yield mode, transformation, curve
    for transformation, curve in numbers.get("floor", {}).items():
        yield ("float64", "floor"), transformation, curve
