"""The results of regressions as files and figures: the response of network and plain jet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.regression import RegressionEvaluation
from lorentznet.evaluate.tables import file_name
from lorentznet.reports import style
from lorentznet.reports.output import together

LABELS = {"mass": r"$m$ / $m_\mathrm{true}$", "pt": r"$p_T$ / $p_{T,\mathrm{true}}$", "energy": r"$E$ / $E_\mathrm{true}$"}


def write_regression(evaluation: RegressionEvaluation, out: str | Path) -> Path:
    """Write ``regression.json``, ``regression.csv``, the responses as CSV and a figure of each, all or nothing.

    Returns
    -------
    Path
        ``regression.json``.
    """
    taken: set[str] = set()
    with together(out) as folder:
        evaluation.write(folder)
        with style.style():
            for name, quantities in evaluation.histograms.items():
                for quantity in quantities:
                    style.save(
                        draw_response(evaluation, name, quantity), folder / f"response_{file_name(f'{name}_{quantity}', taken)}"
                    )
    return Path(out) / "regression.json"


def draw_response(evaluation: RegressionEvaluation, name: str, quantity: str, ax: Axes | None = None) -> Axes:
    """Distribution of the predicted over the true value of a quantity, by the network and by the plain jet.

    Parameters
    ----------
    evaluation
        From :func:`lorentznet.evaluate.regression.evaluate`.
    name, quantity
        Which regression, and ``mass``, ``pt`` or ``energy``.
    ax
        Where to draw; a new figure in the style of the reports if None.
    """
    if ax is None:
        with style.style():
            return draw_response(evaluation, name, quantity, style.axes(4.2))
    columns, numbers = evaluation.histograms[name][quantity], evaluation.regressions[name]
    edges = np.append(columns["low"], columns["high"][-1])
    for number, (estimator, word) in enumerate((("network", name), ("jet", "plain jet"))):
        width = Estimate.from_dict(numbers["quantities"][quantity][estimator]["resolution"])
        text = Estimate(100 * width.value, 100 * width.low, 100 * width.high).text()
        label = f"{word}: resolution ({text}) %"
        ax.stairs(
            columns[estimator], edges, color=style.colour(number), linestyle="-" if number == 0 else "--", label=label, lw=1.7
        )
    ax.axvline(1, color="0.6", lw=0.8, zorder=0)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, 1.35 * max(float(columns[estimator].max()) for estimator in ("network", "jet")))
    ax.set_xlabel(LABELS[quantity])
    ax.set_ylabel("fraction of jets")
    ax.legend(loc="upper right")
    style.note(ax, f"{numbers['jets']:,} jets")
    return ax
