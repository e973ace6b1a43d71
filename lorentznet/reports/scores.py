"""Distribution of a tagger's log-odds in each class."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from lorentznet.evaluate.tables import Columns
from lorentznet.reports import style


def draw(
    columns: Columns, ax: Axes | None = None, title: str = "", signal: str = "", background: str = "", note: str = ""
) -> Axes:
    """Draw the fraction of each class per bin of the log-odds, with the statistical error of the bin.

    Parameters
    ----------
    columns
        As in ``scores_<name>.csv``: ``low``, ``high``, per class its fraction and ``<class>_jets``; the outermost bins hold what
        lies beyond them.
    ax
        Where to draw; a new figure in the style of the reports if None.
    title
        Name of the tagger.
    signal, background
        Classes of the log-odds, for the label of the axis.
    note
        Which jets, written above the axes.
    """
    if ax is None:
        with style.style():
            return draw(columns, style.axes(4.2), title, signal, background, note)
    edges = np.append(columns["low"], columns["high"][-1])
    centres = (edges[1:] + edges[:-1]) / 2
    smallest, largest = 1.0, 1e-3
    for number, name in enumerate(classes_of(columns)):
        fraction, jets = columns[name], columns[f"{name}_jets"]
        ax.stairs(fraction, edges, color=style.colour(number), label=f"{name} ({int(jets.sum()):,} jets)", linewidth=1.5)
        error = fraction / np.sqrt(np.maximum(jets, 1))
        ax.errorbar(centres, fraction, error, color=style.colour(number), linestyle="none", elinewidth=0.8)
        smallest, largest = min(smallest, float(fraction[fraction > 0].min(initial=1))), max(largest, float(fraction.max()))
    room = (2 * largest / smallest) ** 0.22  # for the legend
    ax.set(yscale="log", xlim=(edges[0], edges[-1]), ylim=(smallest / 2, largest * room))
    ax.set_xlabel(f"log-odds {signal} : {background}" if signal else "log-odds")
    ax.set_ylabel(f"fraction of jets per {edges[1] - edges[0]:.2g}")
    ax.legend(loc="upper center", ncols=2)
    style.note(ax, note, title)
    return ax


def classes_of(columns: Columns) -> list[str]:
    """The classes in such a table."""
    return [name for name in columns if f"{name}_jets" in columns]
