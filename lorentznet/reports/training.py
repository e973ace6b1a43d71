"""How trainings went: loss and AUC after each epoch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lorentznet.evaluate.tables import Columns
from lorentznet.reports import style

QUANTITIES = {"loss": (("train_loss", "--"), ("val_loss", "-")), "AUC": (("val_auc", "-"),)}
"""What is drawn, and the columns of ``metrics.csv`` of a run for it."""


def draw(histories: Mapping[str, Columns], quantity: str = "loss", ax: Axes | None = None, note: str = "") -> Axes:
    """Draw the loss (validation: full line, training: dashed) or the validation AUC of runs against the epoch.

    Parameters
    ----------
    histories
        Name of the run -> columns of its ``metrics.csv``.
    quantity
        ``"loss"`` or ``"AUC"``.
    ax
        Where to draw; a new figure in the style of the reports if None.
    note
        Which jets, written above the axes.
    """
    if ax is None:
        with style.style():
            return draw(histories, quantity, style.axes(4.2), note)
    for number, (name, columns) in enumerate(histories.items()):
        for column, line in QUANTITIES[quantity]:
            if column in columns and np.isfinite(columns[column]).any():
                what = "training" if column.startswith("train") else "validation"
                ax.plot(columns["epoch"], columns[column], line, color=style.colour(number), marker=".", label=f"{name}, {what}")
    ax.set_xlabel("epoch")
    loss = "cross entropy per jet" if has(histories, "AUC") else "loss per jet"
    ax.set_ylabel(loss if quantity == "loss" else "validation AUC")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.xaxis.minorticks_off()
    if ax.lines:
        ax.legend(loc="upper right" if quantity == "loss" else "lower right")
    style.note(ax, note)
    return ax


def has(histories: Mapping[str, Columns], quantity: str) -> bool:
    """True if some run has what is drawn for a quantity: regressions have no AUC."""
    return any(column in columns for columns in histories.values() for column, _ in QUANTITIES[quantity])
