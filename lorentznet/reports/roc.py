"""The ROC as taggers are compared: signal efficiency on x, background rejection on a logarithmic y, with error bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from lorentznet.evaluate.roc import Roc
from lorentznet.evaluate.summary import GRID
from lorentznet.evaluate.tables import Columns
from lorentznet.reports import style


def draw(
    curves: Mapping[str, Roc | Columns],
    ax: Axes | None = None,
    labels: Mapping[str, str] | None = None,
    classes: tuple[str, str] | None = None,
    note: str = "",
) -> Axes:
    r"""Draw the background rejection :math:`1/\epsilon_B` against the signal efficiency.

    Parameters
    ----------
    curves
        Name -> a ROC, or its columns as in ``roc_<name>.csv``. A curve ends where no background jet survives; its band goes on.
    ax
        Where to draw, in the style in force there; a new figure in the style of the reports if None.
    labels
        Name -> text of the legend; the name if it is not there.
    classes
        Names of background and signal, for the labels of the axes.
    note
        Which jets, written above the axes.
    """
    if ax is None:
        with style.style():
            below = 0.21 * len(curves) + 0.1
            return style.legend_below(draw(curves, style.axes(4.5 + below, below=below), labels, classes, note))
    highest = 10.0
    for number, (name, curve) in enumerate(curves.items()):
        columns = curve.at(GRID) if isinstance(curve, Roc) else curve
        x, rejection, low, high = (columns[key] for key in ("signal_efficiency", "background_rejection", "low", "high"))
        known = np.isfinite(rejection)
        colour = style.colour(number)
        ax.plot(
            x[known], rejection[known], color=colour, linestyle="-" if number < 10 else "--", label=(labels or {}).get(name, name)
        )
        ax.fill_between(x, low, np.where(np.isfinite(high), high, 1e30), color=colour, alpha=0.18, linewidth=0)
        reached = np.concatenate((rejection[known], low))
        highest = max(highest, float(reached.max(initial=1)))
    background, signal = classes or ("", "")
    ax.set(xlim=(0, 1), ylim=(1, 3 * highest), yscale="log")
    ax.set_xlabel(f"{signal} efficiency $\\varepsilon_S$".strip() if signal else "signal efficiency $\\varepsilon_S$")
    ax.set_ylabel(f"{background or 'background'} rejection $1/\\varepsilon_B$")
    if curves:
        ax.legend(loc="best")
    style.note(ax, note)
    return ax
