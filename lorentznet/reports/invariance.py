"""How invariant trained taggers are: change of the logit against the gamma of a boost, error of each layer, effect of emissions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes

from lorentznet.evaluate.invariance_tables import curves, points
from lorentznet.evaluate.invariance_words import listed_quantities, sorted_modes
from lorentznet.reports import style

MODES = {
    ("float32", "lab"): ("float32, lab frame", "C1", "o", "--"),
    ("float64", "lab"): ("float64, lab frame", "C2", "s", "--"),
    ("bfloat16", "lab"): ("bfloat16, lab frame", "C3", "^", "--"),
    ("autocast", "lab"): ("bfloat16 autocast, lab frame", "C6", "v", "--"),
    ("autocast", "frame"): ("bfloat16 autocast, float64 rest frame", "C7", "v", "-"),
    ("bfloat16", "frame"): ("bfloat16, float64 rest frame", "C5", "^", "-"),
    ("float32", "frame"): ("float32, float64 rest frame", "C0", "o", "-"),
    ("float64", "frame"): ("float64, rest frame", "C4", "s", "-"),
}
"""Look of each precision and front end."""

WORDS = {
    "boost": "boost along a random axis",
    "boost_z": "boost along the beam",
    "boost_transverse": "boost across the beam",
}
"""Transformations in words."""

EMISSIONS = {
    "soft": ("momentum fraction of a soft particle", "soft particle"),
    "collinear": ("angle of a collinear splitting [rad]", "collinear splitting"),
}
"""What an emission is measured by, for the axis, and what it is."""
_DECADES = 1e4


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
    ax.set_ylabel(_change_of([numbers]))
    if ax.lines:
        ax.legend(loc="best")
    style.note(ax, note, title)
    return ax


def draw_layers(numbers: Mapping[str, Any], ax: Axes | None = None, title: str = "", note: str = "") -> Axes:
    """Draw the error of equivariance of every layer, from the first to the last: its own (filled), and what has gathered (open).

    Parameters
    ----------
    numbers
        One tagger of ``invariance.json`` with ``layers.<dtype>.<frame|lab>.<layer> = {own, total}``; modes behind the rest frame are
        drawn, others if there are none.
    ax, title, note
        As in :func:`draw`.
    """
    layers = {(dtype, front): errors for dtype, fronts in numbers["layers"].items() for front, errors in fronts.items()}
    front = "frame" if any(mode[1] == "frame" for mode in layers) else "lab"
    shown = [mode for mode in sorted_modes(layers) if mode[1] == front]
    names = list(dict.fromkeys(name for mode in shown for name in layers[mode]))
    if ax is None:
        with style.style():
            ax = style.axes(1.9 + 0.21 * len(names), below=0.5)
            ax.figure.subplots_adjust(left=0.37)
            return style.legend_below(draw_layers(numbers, ax, title, note), columns=2)
    for mode in shown:
        _, colour, marker, _ = MODES[mode]
        for key, filled, what in (("own", colour, "its own"), ("total", "none", "gathered")):
            found = [(layers[mode][name].get(key), place) for place, name in enumerate(names) if name in layers[mode]]
            errors = [(max(error, 1e-17), place) for error, place in found if error is not None]
            if errors:
                x, y = zip(*errors, strict=True)
                ax.plot(x, y, marker, color=colour, markerfacecolor=filled, markersize=5, label=f"{mode[0]}, {what}")
    ax.set(xscale="log", ylim=(len(names) - 0.4, -0.6))
    ax.set_yticks(range(len(names)), [name.removeprefix("network.") for name in names], fontsize=9)
    ax.tick_params(axis="y", which="minor", left=False, right=False)
    ax.set_xlabel("relative error of equivariance")
    ax.set_ylabel("")
    if ax.lines:
        ax.legend(loc="best")
    style.note(ax, note, title)
    return ax


def draw_emissions(taggers: Mapping[str, Mapping[str, Any]], kind: str = "soft", ax: Axes | None = None, note: str = "") -> Axes:
    """Draw the rms change of the logit by a soft particle, or a collinear splitting, against its size, for some taggers.

    Parameters
    ----------
    taggers
        As in ``invariance.json``; those with ``irc.<kind>.changes.<size> = {rms, max}`` are drawn.
    kind
        ``"soft"`` or ``"collinear"``.
    ax, note
        As in :func:`draw`.
    """
    if ax is None:
        with style.style():
            below = 0.21 * len(taggers) + 0.1
            return style.legend_below(draw_emissions(taggers, kind, style.axes(4.4 + below, below=below), note))
    for place, (name, numbers) in enumerate(taggers.items()):
        found = numbers.get("irc", {}).get(kind)
        if found:
            verdict = "safe" if found["safe"] else "not safe"
            sizes, rms = points(found["changes"])
            ax.plot(sizes, rms, "-o", markersize=4, color=style.colour(place), label=f"{name}: {verdict}")
    ax.set(xscale="log", yscale="log")
    lowest, highest = ax.get_ylim()
    ax.set_ylim(min(lowest, highest / _DECADES), 2 * highest)  # so that flat is seen to be flat
    axis, _ = EMISSIONS[kind]
    ax.set_xlabel(axis)
    ax.set_ylabel(_change_of(taggers.values()))
    if ax.lines:
        ax.legend(loc="best")
    style.note(ax, note)
    return ax


def quantities(taggers: Iterable[Mapping[str, Any]]) -> str:
    """What changes in some taggers of ``invariance.json``; those of before name no quantity and are of logits."""
    return listed_quantities(numbers.get("quantity", "logit") for numbers in taggers)


def _change_of(taggers: Iterable[Mapping[str, Any]]) -> str:
    what = quantities(taggers)
    return rf"rms $\Delta$ {what} / $\sigma$({what})"


def limits_of(taggers: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """A range with all rms values of some taggers under boosts, and a decade on both sides."""
    boosts = [curve for numbers in taggers for _, _, curve in curves(numbers) if len(curve) > 1]
    values = [value for curve in boosts for value in points(curve)[1] if math.isfinite(value) and value > 0] or [1.0]
    return min(values) / 10, max(values) * 10
