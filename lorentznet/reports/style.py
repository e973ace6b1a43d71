"""One look for all figures: mplhep's ROOT style sheet, sized for a page and without the label of any experiment.

The style is applied inside :func:`style` only; matplotlib's settings outside are left as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lorentznet import files

Array = NDArray[np.float64]
WIDTH = 5.8
"""Width of a figure in inches: its letters can still be read on a phone."""
LEFT, RIGHT, BELOW, ABOVE = 0.9, 0.15, 0.68, 0.34
"""Room around a panel, in inches."""

_SIZES = {
    "figure.figsize": (WIDTH, 4.8),
    "font.size": 14,
    "axes.labelsize": "medium",
    "axes.titlesize": 10.5,
    "axes.linewidth": 1.0,
    "legend.fontsize": 11,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.7,
    "xtick.major.size": 6,
    "xtick.minor.size": 3,
    "ytick.major.size": 6,
    "ytick.minor.size": 3,
    "xtick.major.pad": 4,
    "ytick.major.pad": 4,
    "savefig.dpi": 160,
    "pdf.fonttype": 42,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the look of the reports; also to be used around one's own figures."""
    import matplotlib.style
    import mplhep

    colours = {"axes.prop_cycle": matplotlib.style.library["petroff10"]["axes.prop_cycle"]}
    with matplotlib.style.context([mplhep.style.ROOT, colours, _SIZES]):
        yield


def axes(height: float = 4.8, rows: int = 1, columns: int = 1, below: float = 0.0) -> Any:
    """Axes of a new figure in the style that is in force: one, or an array (rows, columns).

    Margins are fixed, which is much faster than a layout that is found by trial, and makes figures align.

    Parameters
    ----------
    height
        Of a panel with its labels, in inches.
    rows, columns
        Number of panels.
    below
        Further room under a panel, for its legend, in inches.
    """
    left, right, bottom, top = LEFT, RIGHT, BELOW + below, ABOVE
    figure = Figure(figsize=(WIDTH * columns, height * rows))
    grid = figure.subplots(rows, columns, squeeze=False)
    inside = WIDTH - left - right, height - bottom - top
    figure.subplots_adjust(
        left=left / (WIDTH * columns),
        right=1 - right / (WIDTH * columns),
        bottom=bottom / (height * rows),
        top=1 - top / (height * rows),
        wspace=(left + right) / inside[0],
        hspace=(bottom + top) / inside[1],
    )
    return grid[0, 0] if rows == columns == 1 else grid


def stacked(upper: float = 3.3, lower: float = 1.3, below: float = 0.0) -> tuple[Axes, Axes]:
    """Axes of a new figure in the style that is in force: two panels, one over the other, that share their x axis.

    Parameters
    ----------
    upper, lower
        Height of the panels without their labels, in inches.
    below
        As in :func:`axes`.
    """
    bottom, gap = BELOW + below, 0.13
    height = bottom + lower + gap + upper + ABOVE
    figure = Figure(figsize=(WIDTH, height))
    left, width = LEFT / WIDTH, 1 - (LEFT + RIGHT) / WIDTH
    under = figure.add_axes((left, bottom / height, width, lower / height))
    over = figure.add_axes((left, (bottom + lower + gap) / height, width, upper / height), sharex=under)
    over.tick_params(labelbottom=False)
    return over, under


def colour(number: int) -> str:
    """Colour of the n-th tagger."""
    return f"C{number % 10}"


def points(ax: Axes, x: Array, y: Array, low: Array, high: Array, number: int, label: str) -> None:
    """Points of the n-th tagger with the limits of their intervals, joined by a thin line."""
    errors = np.maximum(np.stack((y - low, high - y)), 0.0)
    line = "-" if number < 10 else "--"
    ax.errorbar(
        x, y, errors, color=colour(number), marker="o", markersize=3.5, linestyle=line, linewidth=1, elinewidth=1, label=label
    )


def note(ax: Axes, text: str, title: str = "") -> None:
    """Say above the axes, on the right, which jets are seen, and on the left of whom."""
    if text:
        ax.set_title(text, loc="right", y=1.0)
    if title:
        ax.set_title(title, loc="left", y=1.0, fontweight="bold", fontsize="small")


def legend_below(ax: Axes, columns: int = 1, lowest: Axes | None = None) -> Axes:
    """Move the legend of a new figure out of the way of its curves, under the axis, that of the lowest panel; give the axes."""
    if ax.get_legend() is not None:
        height = ax.bbox.height / ax.figure.dpi
        down = 0.62 + (ax.bbox.y0 - (lowest or ax).bbox.y0) / ax.figure.dpi
        ax.legend(loc="upper left", bbox_to_anchor=(0, -down / height), ncols=columns, borderaxespad=0, borderpad=0.2)
    return ax


def save(drawn: Axes | Figure, stem: str | Path) -> list[Path]:
    """Write a figure, or that of some axes, as ``<stem>.png`` and ``<stem>.pdf``, whole or not at all."""
    figure = drawn.get_figure(root=True) if isinstance(drawn, Axes) else drawn
    if figure is None:
        raise ValueError("these axes belong to no figure")
    stem = Path(stem)
    paths = [stem.with_name(stem.name + suffix) for suffix in (".png", ".pdf")]
    for path in paths:
        with files.atomic(path) as temporary:
            figure.savefig(temporary, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
    return paths
