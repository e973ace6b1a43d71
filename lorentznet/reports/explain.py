"""What a trained tagger uses: the increase of its loss by each part that is taken out, as bars."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from lorentznet.evaluate.explanation import KINDS, Explanation, Row
from lorentznet.reports import style

COLOURS = {"irrep": "C0", "invariant": "C1", "path": "C2"}
PATHS = 12
"""Paths that are shown, those with the largest increase of the loss."""

_LINE = 0.21  # inches for a bar
_SHOWN = 3.0  # decades, at most, on the logarithmic part of the axis


def plot(explanation: Explanation, ax: Axes | None = None, paths: int = PATHS) -> Axes:
    """Draw the change of the loss without each part, and beside each bar that of the AUC.

    Parameters
    ----------
    explanation
        From :func:`lorentznet.evaluate.explain.explain`, or read from an ``explain.json``.
    ax
        Where to draw; a new figure in the style of the reports if None, which is high enough for all bars.
    paths
        Number of paths that are shown, those with the largest increase of the loss.

    Notes
    -----
    The axis is linear around zero, up to about the size of the typical error, and logarithmic beyond.
    """
    rows = explanation.largest(paths)
    if ax is None:
        with style.style():
            return plot(explanation, _axes(len(rows)), paths)
    heights, changes, errors = _heights(rows), *np.array([(row.loss.value, row.loss.error) for row in rows]).T
    largest = float(np.abs(changes).max(initial=1e-9))
    typical = float(np.median(errors[errors > 0])) if (errors > 0).any() else largest
    linear = 10.0 ** np.floor(np.log10(max(typical, largest * 10**-_SHOWN)))
    colours = [COLOURS[row.kind] for row in rows]
    ax.barh(heights, changes, 0.72, color=colours, zorder=2)
    ax.errorbar(changes, heights, xerr=errors, fmt="none", ecolor="0.25", elinewidth=1.0, zorder=3)
    ax.axvline(0, color="0.25", linewidth=0.8, zorder=1)
    low, high = float((changes - errors).min()), float((changes + errors).max())
    ax.set_xscale("symlog", linthresh=linear, linscale=0.6)
    ax.set_xlim(min(1.5 * low, -0.3 * linear), max(1.5 * high, 1.5 * linear))
    ax.set_ylim(heights[-1] + 0.8, heights[0] - 1.6)
    ax.set_yticks(heights, [_mathematics(row.name) for row in rows])
    ax.tick_params(axis="y", which="both", length=0, labelsize=10)
    ax.tick_params(axis="x", labelsize=10)
    ax.minorticks_off()
    ax.set_xticks(_ticks(linear, *ax.get_xlim()))
    ax.set_xlabel("increase of the loss when taken out", fontsize=12)
    edges = ax.get_yaxis_transform()
    for row, height in zip(rows, heights, strict=True):
        words = f"{1e3 * row.auc.value:+.1f} ± {1e3 * row.auc.error:.1f}".replace("-", "\N{MINUS SIGN}")
        ax.text(1.02, height, words, va="center", fontsize=9.5, transform=edges)
    ax.text(1.02, heights[0] - 1.0, r"$10^3\,\Delta$AUC", va="center", fontsize=9.5, transform=edges)
    for kind in dict.fromkeys(row.kind for row in rows):
        top = min(height for row, height in zip(rows, heights, strict=True) if row.kind == kind) - 1.0
        words, colour = _heading(explanation, kind, paths), COLOURS[kind]
        ax.text(-0.015, top, words, ha="right", va="center", fontsize=10.5, fontweight="bold", color=colour, transform=edges)
    if checkpoint := explanation.about.get("checkpoint"):
        ax.annotate(
            str(checkpoint), (1, 0), (0, -40), "axes fraction", "offset points", ha="right", va="top", fontsize=8, color="0.4"
        )
    counts = ", ".join(f"{number:,} {name}" for name, number in explanation.jets.items())
    style.note(ax, f"{sum(explanation.jets.values()):,} jets ({counts})", explanation.name)
    return ax


def _axes(bars: int) -> Axes:
    """Axes of a new figure with a line for each bar, names on the left and numbers on the right."""
    from matplotlib.figure import Figure

    width, left, right, below, above = 8.2, 3.0, 1.15, 0.75, 0.4
    height = below + above + _LINE * (bars + 5)
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(left=left / width, right=1 - right / width, bottom=below / height, top=1 - above / height)
    return figure.subplots()


def _heights(rows: list[Row]) -> list[float]:
    """Places of the bars from top to bottom, with room for a heading above each kind."""
    kinds = [row.kind for row in rows]
    return [number + 1.3 * len(set(kinds[: number + 1])) for number in range(len(rows))]


def _heading(explanation: Explanation, kind: str, paths: int) -> str:
    every = len(explanation.of_kind(kind))
    return f"{KINDS[kind]}, largest {paths} of {every}" if kind == "path" and every > paths else KINDS[kind]


def _ticks(linear: float, low: float, high: float) -> list[float]:
    """Zero, and powers of ten on either side beyond the linear part."""
    decades = [10.0**power for power in range(int(np.ceil(np.log10(linear))), 9)]
    return [*(-x for x in reversed(decades) if -x >= low), 0.0, *(x for x in decades if x <= high)]


def _mathematics(name: str) -> str:
    """A name with its formula signs as they are printed.

    Examples
    --------
    >>> _mathematics("layer 2: (u_i-u_j) x v -> t")
    'layer 2: ($u_i-u_j$) × v → t'
    """
    replacements = {
        "u_i-u_j": "$u_i-u_j$",
        "p_i-p_j": "$p_i-p_j$",
        ")^2": ")²",
        " x ": " × ",
        "->": "→",
        "(1 - cos theta)": r"($1-\cos\theta$)",
        "(p_i.p_j / M^2)": r"($p_i\cdot p_j\,/\,M^2$)",
        "(p_i.p_j / GeV^2)": r"($p_i\cdot p_j\,/\,\mathrm{GeV}^2$)",
        "(E_i / M)": "($E_i/M$)",
        "V_c.V_d and V_c.u": r"$V_c\cdot V_d$ and $V_c\cdot u$",
    }
    for plain, printed in replacements.items():
        name = name.replace(plain, printed)
    for letter in "vftap":
        name = name.replace(f"{letter}.{letter} in", rf"${letter}\cdot {letter}$ in")
    return name.replace("v.u in", r"$v\cdot u$ in")
