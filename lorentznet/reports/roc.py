"""The ROC as taggers are compared: signal efficiency on x, background rejection on a logarithmic y, with error bands."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from lorentznet.errors import DataError, nearest
from lorentznet.evaluate.roc import Roc
from lorentznet.evaluate.summary import GRID
from lorentznet.evaluate.tables import Columns
from lorentznet.reports import style

Array = NDArray[np.float64]
NARROW, WIDE = (0.8, 1.25), (0.03, 30.0)
"""Ratios that are always, and that are at most, within the range of the lower panel."""
LINEAR = (0.3, 3.0)
"""Ratios that are drawn on a linear axis; beyond them it is a logarithmic one, on which 1/5 and 5 are as far from 1."""


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
        x, rejection, low, high = _columns(curve)
        known = np.isfinite(rejection)
        _band(ax, number, x, rejection, low, high, (labels or {}).get(name, name))
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


def draw_with_ratio(
    curves: Mapping[str, Roc | Columns],
    baseline: str | None = None,
    labels: Mapping[str, str] | None = None,
    classes: tuple[str, str] | None = None,
    note: str = "",
) -> tuple[Axes, Axes]:
    """Draw :func:`draw` over a panel with the ratio of each background rejection to that of the baseline.

    The band of a curve is its own interval over the value of the baseline: that of the baseline lies around 1. Where the jets are the
    same, a difference is known better than two bands tell; see :mod:`lorentznet.evaluate.comparison`.

    Parameters
    ----------
    curves, labels, classes, note
        As for :func:`draw`. A ratio ends where no background jet survives one of the two.
    baseline
        Name of the curve to compare with; the first if None.

    Returns
    -------
    tuple of Axes
        The upper and the lower panel of a new figure in the style of the reports.

    Raises
    ------
    DataError
        If there is no curve of the name of the baseline.
    """
    baseline = next(iter(curves), "") if baseline is None else baseline
    if baseline not in curves:
        raise DataError(f"no curve is called '{baseline}'; {nearest(baseline, curves)}")
    with style.style():
        upper, lower = style.stacked(below=0.21 * len(curves) + 0.1)
        draw(curves, upper, labels, classes, note)
        _draw_ratios(lower, curves, baseline)
        lower.set_xlabel(upper.get_xlabel())
        upper.set_xlabel("")
        style.legend_below(upper, lowest=lower)
    return upper, lower


def ratio(curve: Roc | Columns, baseline: Roc | Columns) -> dict[str, Array]:
    """The background rejection of a curve over that of a baseline, at the signal efficiencies of the curve.

    Parameters
    ----------
    curve, baseline
        A ROC, or its columns.

    Returns
    -------
    dict of arrays
        ``signal_efficiency``, ``ratio``, and its limits ``low`` and ``high``: those of the curve over the value of the baseline.
        ``inf`` where no background jet survives the curve, ``nan`` where none survives the baseline.
    """
    x, *values = _columns(curve)
    given, rejection, _, _ = _columns(baseline)
    # between points as the curve itself: in the efficiency
    passing = np.interp(x, given, 1 / rejection, left=np.nan, right=np.nan)
    passing[passing == 0] = np.nan
    return {"signal_efficiency": x} | {key: value * passing for key, value in zip(("ratio", "low", "high"), values, strict=True)}


def _columns(curve: Roc | Columns) -> tuple[Array, Array, Array, Array]:
    """Signal efficiency, background rejection and its limits."""
    columns = curve.at(GRID) if isinstance(curve, Roc) else curve
    x, rejection, low, high = (columns[key] for key in ("signal_efficiency", "background_rejection", "low", "high"))
    return x, rejection, low, high


def _band(ax: Axes, number: int, x: Array, y: Array, low: Array, high: Array, label: str = "") -> None:
    """The n-th curve where it is finite, with its band, which has no upper end where nothing is known of it."""
    known = np.isfinite(y)
    colour = style.colour(number)
    ax.plot(x[known], y[known], color=colour, linestyle="-" if number < 10 else "--", label=label)
    ax.fill_between(x, low, np.where(np.isinf(high), 1e30, high), color=colour, alpha=0.18, linewidth=0)


def _sure(value: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Where a value is finite and known to a quarter of itself, as it is when some 16 background jets survive."""
    return np.isfinite(value) & (high - low < value / 2)


def _draw_ratios(ax: Axes, curves: Mapping[str, Roc | Columns], baseline: str) -> None:
    reached = list(NARROW)
    ax.axhline(1, color="black", linewidth=0.6, zorder=1)
    given, *known = _columns(curves[baseline])
    for number, curve in enumerate(curves.values()):
        x, value, low, high = ratio(curve, curves[baseline]).values()
        _band(ax, number, x, value, low, high)
        sure = np.interp(x, given, _sure(*known).astype(float)) == 1  # what few jets say of either does not set the range
        reached += value[sure & _sure(value, low, high)].tolist()
    lowest, highest = max(min(reached), WIDE[0]), min(max(reached), WIDE[1])
    if lowest >= LINEAR[0] and highest <= LINEAR[1]:
        room = 0.08 * (highest - lowest)
        ax.set_ylim(lowest - room, highest + room)
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], prune="both"))
    else:
        room = math.exp(0.08 * math.log(highest / lowest))
        ax.set(yscale="log", ylim=(lowest / room, highest * room))
        ax.yaxis.set_major_locator(FixedLocator([tick for tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if tick > 1.1 * lowest]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    short = baseline if len(baseline) <= 14 else f"{baseline[:13]}…"  # a longer one is wider than the panel is high
    ax.set_ylabel(f"ratio to\n{short}", loc="center", fontsize="small")
