"""The results of an evaluation as files: numbers as JSON and CSV, figures as PNG and PDF."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.summary import Evaluation
from lorentznet.reports import roc, scores, style
from lorentznet.reports.output import together


def write_evaluation(evaluation: Evaluation, out: str | Path) -> Path:
    """Write ``metrics.json``, ``metrics.csv``, the curves as CSV, and the figures ``roc`` and ``scores``, all or nothing.

    Returns
    -------
    Path
        ``metrics.json``.
    """
    with together(out) as folder:
        evaluation.write(folder)
        with style.style():
            style.save(draw_roc(evaluation), folder / "roc")
            style.save(draw_scores(evaluation), folder / "scores")
    return Path(out) / "metrics.json"


def draw_roc(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """The ROC of all taggers with their AUC in the legend; a curve for each signal class, if there are several."""
    curves, labels = {}, {}
    for name, of_classes in evaluation.curves.items():
        tagger = evaluation.taggers[name]
        for signal, columns in of_classes.items():
            several = len(of_classes) > 1
            key = f"{name}: {signal}" if several else name
            area = Estimate.from_dict(tagger["classes"][signal]["auc"] if several else tagger["auc"])
            curves[key], labels[key] = columns, f"{key}  AUC {area.text()}"
    return roc.draw(
        curves, ax, labels, classes(evaluation), ", ".join(part for part in (evaluation.jets(), "68 % bands") if part)
    )


def classes(evaluation: Evaluation) -> tuple[str, str] | None:
    """Names of background and signal, if all taggers have the same two classes."""
    found = {tuple(tagger.get("jets", {})) for tagger in evaluation.taggers.values()}
    names = next(iter(found)) if len(found) == 1 else ()
    return (names[0], names[1]) if len(names) == 2 else None


def draw_scores(evaluation: Evaluation) -> Figure:
    """Distributions of the log-odds: one panel for each tagger and signal class, two in a row."""
    panels = [(name, signal) for name, of_classes in evaluation.histograms.items() for signal in of_classes]
    columns = min(2, len(panels))
    with style.style():
        grid = style.axes(4.2, math.ceil(len(panels) / columns), columns)
        flat = [grid] if len(panels) == 1 else list(grid.flat)
        for (name, signal), ax in zip(panels, flat, strict=False):
            draw_score(evaluation, name, signal, ax)
        for ax in flat[len(panels) :]:
            ax.set_axis_off()
        figure: Figure = flat[0].figure
    return figure


def draw_score(evaluation: Evaluation, name: str, signal: str, ax: Axes | None = None) -> Axes:
    """Distribution of the log-odds of one tagger, signal class against class 0."""
    background = next(iter(evaluation.taggers[name].get("jets", {})), "")
    return scores.draw(
        evaluation.histograms[name][signal], ax, title=name, signal=signal, background=background, note=evaluation.jets(name)
    )
