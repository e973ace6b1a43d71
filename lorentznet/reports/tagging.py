"""The results of an evaluation as files: numbers as JSON and CSV, figures as PNG and PDF."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lorentznet.evaluate.dependence import MASSES
from lorentznet.evaluate.evaluation import Evaluation
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.tables import Columns
from lorentznet.reports import calibration, dependence, roc, scores, style
from lorentznet.reports.output import together

LINES = 10
"""Curves, at most, in a figure of efficiencies: more cannot be told apart, and are in the tables only."""


def write_evaluation(evaluation: Evaluation, out: str | Path) -> Path:
    """Write ``metrics.json``, ``metrics.csv``, the curves as CSV, and the figures, all or nothing.

    These are ``roc``, ``scores`` and those of :func:`further_figures`.

    Returns
    -------
    Path
        ``metrics.json``.
    """
    with together(out) as folder:
        evaluation.write(folder)
        with style.style():
            style.save(draw_rocs(evaluation), folder / "roc")
            style.save(draw_scores(evaluation), folder / "scores")
            for drawn in further_figures(evaluation):
                style.save(drawn.axes, folder / drawn.name)
    return Path(out) / "metrics.json"


@dataclass(frozen=True)
class Drawn:
    """A figure with the stem of its files and what is seen in it."""

    axes: Axes
    name: str
    description: str


def draw_roc(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """The ROC of all taggers with their AUC in the legend; a curve for each signal class, if there are several."""
    curves, labels = _rocs(evaluation)
    return roc.draw(curves, ax, labels, classes(evaluation), _note(evaluation, "68 % bands"))


def draw_rocs(evaluation: Evaluation) -> Axes:
    """The same over a panel with the ratios to the tagger that :func:`ratio_baseline` names, if there is one; the upper panel."""
    baseline = ratio_baseline(evaluation)
    if baseline is None:
        return draw_roc(evaluation)
    curves, labels = _rocs(evaluation)
    return roc.draw_with_ratio(curves, baseline, labels, classes(evaluation), _note(evaluation, "68 % bands"))[0]


def ratio_baseline(evaluation: Evaluation) -> str | None:
    """The tagger to which others are compared, else the first; None if there are no two curves of one and the same signal class."""
    signals = {signal for of_classes in evaluation.curves.values() for signal in of_classes}
    if len(signals) != 1 or len(evaluation.curves) < 2:
        return None
    compared = (comparison["baseline"] for comparison in evaluation.numbers.get("comparisons", ()))
    return next((name for name in compared if name in evaluation.curves), next(iter(evaluation.curves)))


def _rocs(evaluation: Evaluation) -> tuple[dict[str, Columns], dict[str, str]]:
    """The curves by name, and the texts of their legend."""
    curves: dict[str, Columns] = {}
    labels = {}
    for name, of_classes in evaluation.curves.items():
        tagger = evaluation.taggers[name]
        for signal, columns in of_classes.items():
            several = len(of_classes) > 1
            key = f"{name}: {signal}" if several else name
            area = Estimate.from_dict(tagger["classes"][signal]["auc"] if several else tagger["auc"])
            curves[key], labels[key] = columns, f"{key}  AUC {area.text()}"
    return curves, labels


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
    jets = evaluation.jets(name).partition(" (")[0]  # of each class the legend says it
    note = _note(evaluation, "", jets, name)
    return scores.draw(evaluation.histograms[name][signal], ax, title=name, signal=signal, background=background, note=note)


def further_figures(evaluation: Evaluation) -> Iterator[Drawn]:
    """Reliability, efficiencies along each observer, the mass of the background, and a map for each tagger, as far as they are there.

    Efficiencies are those at the loosest of the working points, where most background survives.
    """
    if any("reliability" in columns for columns in evaluation.details.values()):
        yield Drawn(
            draw_reliability(evaluation), "reliability", "Observed fraction against predicted probability for each tagger"
        )
    names = classes(evaluation)
    of_class = {"signal": names[1] if names else "", "background": names[0] if names else ""}
    curves, point = _details(evaluation, "dependence"), _loosest(evaluation)
    observers = dict.fromkeys(name for columns in curves.values() for name in columns["observer"].tolist())
    note = _note(evaluation, f"εS = {point}")
    for observer in observers if len(curves) <= LINES else ():
        rows = {name: dependence.of(columns, float(point), observer) for name, columns in curves.items()}
        rows = {name: part for name, part in rows.items() if len(part["low"])}
        for what in ("background", "signal"):
            axes = dependence.draw(rows, observer, what, labels={name: name for name in rows}, name=of_class[what], note=note)
            yield Drawn(
                axes, f"{what}_efficiency_{observer}", f"{what.capitalize()} efficiency in bins of {observer} for each tagger"
            )
    spectra = {name: columns for name, columns in _details(evaluation, "mass").items() if f"after_{point}" in columns}
    if 0 < len(spectra) <= LINES:
        labels = {name: f"{name}, JSD {_jsd(evaluation, name, point)}" for name in spectra}
        mass = next((name for name in MASSES if name in observers), "jet_mass")
        axes = dependence.draw_mass(spectra, point, None, labels, mass, of_class["background"] or "background", note)
        yield Drawn(axes, "mass_sculpting", "Mass spectrum of the background before and after the cut")
    maps = {name: dependence.of(columns, float(point)) for name, columns in _details(evaluation, "map").items()}
    maps = {name: part for name, part in maps.items() if len(part["x_low"])}
    for name, part in maps.items() if len(maps) <= LINES else ():
        found = _part(evaluation, name)["map"]
        short = _note(evaluation, f"εS = {point}", evaluation.jets().partition(" (")[0])  # the name stands on the same line
        axes = dependence.draw_map(part, (found["x"], found["y"]), "background", None, name, of_class["background"], short)
        yield Drawn(axes, f"map_{name}", f"Background efficiency of {name} in bins of {found['x']} and {found['y']}")


def draw_reliability(evaluation: Evaluation, ax: Axes | None = None) -> Axes:
    """The reliability of all taggers, and after temperature scaling, with their calibration errors in the legend."""
    curves: dict[str, Columns] = {}
    labels = {}
    for name, columns in evaluation.details.items():
        found = evaluation.taggers[name]["calibration"]
        for key, part, word in (
            ("reliability", found, name),
            ("scaled_reliability", found.get("scaled", {}), f"{name}, scaled"),
        ):
            if key in columns:
                curves[word] = columns[key]
                labels[word] = f"{word}  ECE {part['ece']:.2g} (calibrated: {part['ece_expected']:.2g})"
    names = classes(evaluation)
    return calibration.draw(curves, ax, labels, names[1] if names else "", _note(evaluation, "68 % intervals"))


def _note(evaluation: Evaluation, words: str, jets: str | None = None, tagger: str | None = None) -> str:
    """Which jets, what else, and which seeds of the trainings, of all or of one tagger."""
    return ", ".join(part for part in (evaluation.jets() if jets is None else jets, words, evaluation.seeds(tagger)) if part)


def _details(evaluation: Evaluation, kind: str) -> dict[str, Columns]:
    """Tagger, or tagger and signal class where there are several, -> its columns of one kind."""
    found = {}
    for name, columns in evaluation.details.items():
        several = len(evaluation.curves.get(name, {})) > 1
        for key, values in columns.items():
            of_kind, _, signal = key.partition(":")
            if of_kind == kind:
                found[f"{name}: {signal}" if several else name] = values
    return found


def _part(evaluation: Evaluation, label: str) -> dict[str, Any]:
    """The numbers behind one of :func:`_details`."""
    for name, tagger in evaluation.taggers.items():
        for signal, part in tagger.get("classes", {}).items():
            if label == f"{name}: {signal}":
                return dict(part)
    return evaluation.taggers[label]


def _loosest(evaluation: Evaluation) -> str:
    parts = [part for tagger in evaluation.taggers.values() for part in (tagger, *tagger.get("classes", {}).values())]
    return max((point for part in parts for point in part["background_rejection"]), key=float, default="0.5")


def _jsd(evaluation: Evaluation, label: str, point: str) -> str:
    found = _part(evaluation, label)["mass_sculpting"].get(point, {})
    if found.get("jsd") is None:
        return "unknown"
    return f"{found['jsd']:.2g} bit (if unrelated: {found['expected']:.2g})"
