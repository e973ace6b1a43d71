"""Reliability diagram: what happens against what a tagger says, and how its jets are spread over what it says."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from lorentznet.evaluate.tables import Columns
from lorentznet.reports import style


def draw(
    curves: Mapping[str, Columns],
    ax: Axes | None = None,
    labels: Mapping[str, str] | None = None,
    signal: str = "",
    note: str = "",
) -> Axes:
    """Draw the observed fraction against the mean probability in bins, with 68 % intervals; a calibrated tagger is on the diagonal.

    Parameters
    ----------
    curves
        Name -> columns as in ``reliability_<name>.csv``; bins with less than ten jets are left out.
    ax
        Where to draw; a new figure in the style of the reports if None.
    labels
        Name -> text of the legend; the name if it is not there.
    signal
        Name of class 1; of several classes nothing: then the probability is that of the most probable class.
    note
        Which jets, written above the axes.
    """
    if ax is None:
        with style.style():
            below = 0.21 * len(curves) + 0.1
            return style.legend_below(draw(curves, style.axes(4.6 + below, below=below), labels, signal, note))
    ax.plot([0, 1], [0, 1], color="0.5", linewidth=1, zorder=1)
    for number, (name, columns) in enumerate(curves.items()):
        kept = columns["jets"] >= 10
        x, y, low, high = (columns[key][kept] for key in ("probability", "fraction", "fraction_low", "fraction_high"))
        style.points(ax, x, y, low, high, number, (labels or {}).get(name, name))
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_xlabel(f"predicted probability of {signal}" if signal else "probability of the most probable class")
    ax.set_ylabel(f"observed fraction of {signal}" if signal else "accuracy")
    if curves:
        ax.legend(loc="upper left")
    style.note(ax, note)
    return ax
