"""Test performance against the number of training jets, the published points beside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lorentznet.reports.style import axes, colour, note, save, style

MARKERS = "osD^v<>pP*X"
LINES = ("-", "--", "-.", ":", *((0, dashes) for dashes in ((1, 3), (6, 2, 1, 2, 1, 2), (3, 1, 1, 1), (1, 1))))
"""Of an entry, and of the versions of it."""
SPREAD = 1.3  # from the first entry to the last, so that error bars stand beside each other
LEGEND = 4  # columns of the legend


def draw(numbers: Mapping[str, Any], quoted: Mapping[str, Any]) -> Any:
    """A figure with two panels, AUC and background rejection at a signal efficiency of 0.5; to be saved in the style in force.

    Error bars add the interval from the test jets, which all taggers share, and the error of the mean over the seeds in quadrature.
    """
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for item in numbers["results"]:
        if item.get("generated"):
            continue  # of another kind than the jets of the axis
        lines.setdefault(item["entry"], []).append(item)
    like = {name: items[0]["like"] or name for name, items in lines.items()}
    colours = {name: colour(number) for number, name in enumerate(dict.fromkeys(like.values()))}
    kinds = {name: [name, *(other for other in like if like[other] == name != other)] for name in colours}
    labels = len(lines) + len({point["label"] for point in quoted["points"]})
    below = 0.19 * -(-labels // LEGEND) + 0.1
    panels = axes(4.6 + below, columns=2, below=below)[0]
    for panel, quantity in zip(panels, ("auc", "rejection_0.5"), strict=True):
        for number, (name, items) in enumerate(lines.items()):
            points = sorted(
                (item for item in items if item["single"][quantity]["value"] is not None), key=lambda item: item["size"]
            )
            shift = SPREAD ** (number / len(lines) - 0.5)
            values = [item["single"][quantity] for item in points]
            panel.errorbar(
                [shift * item["size"] for item in points],
                [value["value"] for value in values],
                yerr=np.array([_errors(value) for value in values]).reshape(-1, 2).T,
                color=colours[like[name]],
                marker=MARKERS[list(colours).index(like[name]) % len(MARKERS)],
                linestyle=LINES[kinds[like[name]].index(name) % len(LINES)],
                markersize=4.5,
                linewidth=1.2,
                elinewidth=0.8,
                label=f"{name}, after generated jets" if any(item.get("weights") for item in items) else name,
            )
        _published(panel, quoted, quantity)
        panel.set(xscale="log", xlabel="number of training jets")
    panels[0].set_ylabel("AUC")
    panels[1].set(ylabel=r"background rejection $1/\varepsilon_B$ at $\varepsilon_S$ = 0.5", yscale="log")
    count = sum(numbers["test_jets"].values())
    note(panels[0], f"mean over seeds, {count:,} test jets")
    note(panels[1], f"open: {quoted['note']}")
    height = panels[0].bbox.height / panels[0].figure.dpi
    panels[0].legend(
        loc="upper left",
        bbox_to_anchor=(0, -0.62 / height),
        ncols=4,
        borderaxespad=0,
        borderpad=0.2,
        fontsize=9,
        columnspacing=1.2,
        handlelength=3,
    )
    return panels[0]


def write(numbers: Mapping[str, Any], quoted: Mapping[str, Any], out: Path) -> list[Path]:
    """Write ``landscape.png`` and ``landscape.pdf``."""
    with style():
        return save(draw(numbers, quoted), out / "landscape")


def _errors(value: Mapping[str, Any]) -> tuple[float, float]:
    """Down and up."""
    seeds = (value["seed_std"] or 0.0) / len(value["values"]) ** 0.5
    high = value["value"] if value["high"] is None else value["high"]
    return float(np.hypot(value["value"] - value["low"], seeds)), float(np.hypot(high - value["value"], seeds))


def _published(panel: Any, quoted: Mapping[str, Any], quantity: str) -> None:
    points: dict[str, list[Mapping[str, Any]]] = {}
    for point in quoted["points"]:
        points.setdefault(point["label"], []).append(point)
    for number, (name, found) in enumerate(points.items()):
        values = [np.atleast_1d(point[quantity]) for point in found]
        panel.errorbar(
            [point["jets"] for point in found],
            [value[0] for value in values],
            yerr=[value[1] if len(value) > 1 else 0.0 for value in values],
            color="0.35",
            marker="sD^v"[number % 4],
            markerfacecolor="none",
            linestyle=":",
            linewidth=0.8,
            markersize=6,
            label=f"{name} ({quoted['note']})",
        )
