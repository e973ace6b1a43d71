"""Test performance against the number of training jets, the published points beside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lorentznet.reports.style import axes, colour, note, save, style

MARKERS = "osD^v<>pP*X"
LINES = ("-", "--", "-.", ":")
"""Of an entry, and of the versions of it in the same panel."""
SPREAD = 1.2  # from the first entry of a panel to the last, so that error bars stand beside each other
QUANTITIES = {
    "landscape": ("auc", "AUC", "linear"),
    "landscape_rejection": ("rejection_0.5", r"background rejection $1/\varepsilon_B$ at $\varepsilon_S$ = 0.5", "log"),
}
"""Name of the file -> quantity, label and scale of its axis."""

Lines = Mapping[str, list[Mapping[str, Any]]]


def draw(numbers: Mapping[str, Any], quoted: Mapping[str, Any], quantity: str, label: str, scale: str) -> Any:
    """A figure of one quantity, with a panel for each way of training; to be saved in the style in force.

    Error bars add the interval from the test jets, which all taggers share, and the error of the mean over the seeds in quadrature.
    """
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for item in numbers["results"]:
        if not item.get("generated"):  # those are of another kind than the jets of the axis
            lines.setdefault(item["entry"], []).append(item)
    like = {name: items[0]["like"] or name for name, items in lines.items()}
    looks = {name: (colour(n), MARKERS[n % len(MARKERS)]) for n, name in enumerate(dict.fromkeys(like.values()))}
    generated = {item["entry"] for item in numbers["results"] if item.get("generated")}
    groups: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for name, items in lines.items():
        groups.setdefault(kind_of(items[0], generated), {})[name] = items
    columns = min(2, len(groups))
    panels = np.ravel(axes(4.4, -(-len(groups) // columns), columns))
    for panel in panels[len(groups) :]:
        panel.set_visible(False)
    for number, (panel, (kind, found)) in enumerate(zip(panels, groups.items(), strict=False)):
        if number:
            panel.sharex(panels[0])
            panel.sharey(panels[0])
        _entries(panel, found, looks, quantity, like)
        _published(panel, quoted, quantity, named=number == 0)
        panel.set(xscale="log", xlabel="number of training jets", ylabel=label, yscale=scale)
        note(panel, f"{sum(numbers['test_jets'].values()):,} test jets; open: {quoted['note']}", kind)
        panel.legend(loc="lower right", fontsize=8.5, handlelength=2.6, borderpad=0.2)
    return panels[0]


def kind_of(item: Mapping[str, Any], generated: Collection[str]) -> str:
    """How a tagger was trained, or that it is invariant under all Lorentz transformations: the panel that it belongs to.

    ``generated`` are the entries that are trained on generated jets.
    """
    if item.get("weights"):
        return "after generated jets" if item["weights"].split("/")[0] in generated else "trained further"
    if item.get("teachers"):
        return "taught"
    return "invariant" if "(1,3)" in item["symmetry"] else "by labels"


def write(numbers: Mapping[str, Any], quoted: Mapping[str, Any], out: Path) -> list[Path]:
    """Write ``landscape.png``, ``landscape_rejection.png``, and both as PDF."""
    with style():
        return [path for name, what in QUANTITIES.items() for path in save(draw(numbers, quoted, *what), out / name)]


def _entries(panel: Any, lines: Lines, looks: Mapping[str, tuple[str, str]], quantity: str, like: Mapping[str, str]) -> None:
    versions: dict[str, int] = {}
    for number, (name, items) in enumerate(lines.items()):
        points = sorted((item for item in items if item["single"][quantity]["value"] is not None), key=lambda item: item["size"])
        values = [item["single"][quantity] for item in points]
        shift = SPREAD ** ((number + 0.5) / len(lines) - 0.5)
        version = versions[like[name]] = versions.get(like[name], -1) + 1
        panel.errorbar(
            [shift * item["size"] for item in points],
            [value["value"] for value in values],
            yerr=np.array([_errors(value) for value in values]).reshape(-1, 2).T,
            color=looks[like[name]][0],
            marker=looks[like[name]][1],
            linestyle=LINES[version % len(LINES)],
            markersize=4.5,
            linewidth=1.2,
            elinewidth=0.8,
            label=name,
        )


def _errors(value: Mapping[str, Any]) -> tuple[float, float]:
    """Down and up."""
    seeds = (value["seed_std"] or 0.0) / len(value["values"]) ** 0.5
    high = value["value"] if value["high"] is None else value["high"]
    return float(np.hypot(value["value"] - value["low"], seeds)), float(np.hypot(high - value["value"], seeds))


def _published(panel: Any, quoted: Mapping[str, Any], quantity: str, named: bool) -> None:
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
            label=name if named else None,
        )
