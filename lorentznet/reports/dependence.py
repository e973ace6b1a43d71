"""Efficiencies along what a jet is, in a map of two such quantities, and what a cut makes of the mass spectrum of the background."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from lorentznet.evaluate.tables import Columns
from lorentznet.reports import style

WORDS = {
    "jet_pt": r"jet $p_\mathrm{T}$ [GeV]",
    "jet_eta": r"jet pseudorapidity $\eta$",
    "jet_phi": r"jet azimuth $\phi$ [rad]",
    "jet_energy": "jet energy [GeV]",
    "jet_mass": "jet mass [GeV]",
    "jet_sdmass": "soft-drop mass [GeV]",
    "jet_nparticles": "particles in the jet",
}
"""Observers and their units, as axes call them."""


def of(columns: Columns, point: float, observer: str | None = None) -> Columns:
    """The rows of one working point, and of one observer, of ``dependence_<name>.csv`` or ``map_<name>.csv``."""
    chosen = np.isclose(columns["signal_efficiency"], point)
    if observer is not None:
        chosen &= columns["observer"] == observer
    return {name: column[chosen] for name, column in columns.items()}


def draw(
    curves: Mapping[str, Columns],
    observer: str,
    what: str = "background",
    ax: Axes | None = None,
    labels: Mapping[str, str] | None = None,
    name: str = "",
    note: str = "",
) -> Axes:
    """Draw the efficiency of the signal or of the background in bins of an observer.

    Parameters
    ----------
    curves
        Tagger -> the rows of one observer and one working point, see :func:`of`. Taggers stand side by side in each bin.
    observer
        Its column, for the label of the axis.
    what
        ``signal`` or ``background``.
    ax
        Where to draw; a new figure in the style of the reports if None.
    labels
        Tagger -> text of the legend; the tagger if it is not there.
    name
        Of the class, for the label of the axis.
    note
        Which jets, written above the axes.
    """
    if ax is None:
        with style.style():
            columns = 3 if max(len(word) for word in (labels or curves)) <= 14 else 1
            below = 0.21 * -(-len(curves) // columns) + 0.1
            ax = draw(curves, observer, what, style.axes(3.9 + below, below=below), labels, name, note)
            return style.legend_below(ax, columns)
    first = next(iter(curves.values()))
    edges = np.append(first["low"], first["high"][-1])
    shown, highest = _shown(edges), 0.0
    for number, (tagger, rows) in enumerate(curves.items()):
        left, right = np.clip(rows["low"], *shown), np.clip(rows["high"], *shown)
        place = left + (right - left) * (number + 1) / (len(curves) + 1)
        y, low, high = (rows[key] for key in (what, f"{what}_low", f"{what}_high"))
        style.points(ax, place, y, low, high, number, (labels or {}).get(tagger, tagger))
        highest = max(highest, float(np.nanmax(high, initial=0.0)))
    for edge in edges:
        ax.axvline(edge, color="0.85", linewidth=0.6, zorder=0)
    ax.set(xlim=shown, ylim=(0, 1.12 * highest or 1))
    ax.set_xlabel(WORDS.get(observer, observer))
    ax.set_ylabel(f"{name or what} efficiency")
    if what == "background":
        ax.ticklabel_format(axis="y", scilimits=(-2, 2))
    if len(curves) > 1 or labels:
        ax.legend(loc="best")
    style.note(ax, note)
    return ax


def _shown(edges: np.ndarray) -> tuple[float, float]:
    """Limits of the axis, that cut the outermost bins where they are much wider than their neighbours."""
    if len(edges) < 4:
        return float(edges[0]), float(edges[-1])
    low = max(edges[0], edges[1] - 3 * (edges[2] - edges[1]))
    high = min(edges[-1], edges[-2] + 3 * (edges[-2] - edges[-3]))
    return float(low), float(high)


def draw_map(
    rows: Columns,
    observers: tuple[str, str],
    what: str = "background",
    ax: Axes | None = None,
    title: str = "",
    name: str = "",
    note: str = "",
) -> Axes:
    """Draw the efficiency in bins of two observers, written into each; the edges of the bins stand at the axes.

    Parameters
    ----------
    rows
        One working point of ``map_<name>.csv``, see :func:`of`.
    observers
        Columns along x and y.
    what, ax, name, note
        As in :func:`draw`.
    title
        Name of the tagger.
    """
    if ax is None:
        with style.style():
            return draw_map(rows, observers, what, style.axes(4.2), title, name, note)
    x, y = (np.append(np.unique(rows[f"{axis}_low"]), rows[f"{axis}_high"].max()) for axis in "xy")
    grid = rows[what].reshape(len(x) - 1, len(y) - 1).T
    known = grid[np.isfinite(grid)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    ax.pcolormesh(
        np.arange(len(x)), np.arange(len(y)), grid, cmap="Blues", vmin=low - 0.3 * (high - low), vmax=high + 0.4 * (high - low)
    )
    for row, line in enumerate(grid):
        for column, value in enumerate(line):
            words = "" if not np.isfinite(value) else f"{value:.2g}" if value < 0.1 else f"{value:.3f}"
            ax.text(column + 0.5, row + 0.5, words, ha="center", va="center", fontsize=10)
    ax.set_xticks(np.arange(len(x)), [f"{edge:.3g}" for edge in x], fontsize=10)
    ax.set_yticks(np.arange(len(y)), [f"{edge:.3g}" for edge in y], fontsize=10)
    ax.tick_params(which="both", length=0, pad=6)
    ax.minorticks_off()
    ax.set_xlabel(WORDS.get(observers[0], observers[0]))
    ax.set_ylabel(WORDS.get(observers[1], observers[1]))
    ax.annotate(f"in the bins: {name or what} efficiency", (0, 0), (0, -34), "axes fraction", "offset points", fontsize=10)
    style.note(ax, note, title)
    return ax


def draw_mass(
    curves: Mapping[str, Columns],
    point: str,
    ax: Axes | None = None,
    labels: Mapping[str, str] | None = None,
    mass: str = "jet_mass",
    name: str = "background",
    note: str = "",
) -> Axes:
    """Draw the mass spectrum of the background before a cut and after it, each of area one.

    Parameters
    ----------
    curves
        Tagger -> columns of ``mass_<name>.csv``.
    point
        Signal efficiency of the cut, as the columns are called: ``after_<point>``.
    mass
        The observer.
    ax, labels, name, note
        As in :func:`draw`.
    """
    if ax is None:
        with style.style():
            below = 0.21 * (len(curves) + 1) + 0.1
            return style.legend_below(draw_mass(curves, point, style.axes(4.2 + below, below=below), labels, mass, name, note))
    first = next(iter(curves.values()))
    edges = np.append(first["low"], first["high"][-1])
    ax.stairs(first["before"], edges, color="0.8", fill=True, label=f"all {name} jets")
    highest = float(first["before"].max())
    for number, (tagger, columns) in enumerate(curves.items()):
        after = columns[f"after_{point}"]
        ax.stairs(after, edges, color=style.colour(number), linewidth=1.5, label=(labels or {}).get(tagger, tagger))
        highest = max(highest, float(np.nanmax(after, initial=0.0)))
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.15 * highest))
    ax.set_xlabel(WORDS.get(mass, mass))
    ax.set_ylabel(f"fraction of {name} jets per {edges[1] - edges[0]:.2g} GeV")
    ax.legend(loc="upper right")
    style.note(ax, note)
    return ax
