"""The part of a report that shows jets: for each class its mean image and a few single jets, with their numbers as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorentznet.evaluate.tables import write_rows
from lorentznet.reports import html, jets, plane, style, words

if TYPE_CHECKING:
    from lorentznet.data import JetTable
    from lorentznet.reports.jet_choice import Pick, Shown
    from lorentznet.reports.page import Artist

_MEAN = (
    "Mean images: the pT in each pixel, mean over the jets, each centred, turned until the principal axis of its pT is vertical, and "
    "by a half turn if more than half of its pT is then below (jet images: de Oliveira et al. 2015, arXiv:1511.05190). The colours of "
    "all classes are the same."
)
_SINGLE = (
    "Single jets: each disc is a particle, with an area proportional to its pT, at its distance in pseudorapidity and azimuth from the "
    "jet axis. The dashed circle marks a distance from the axis; it need not be the radius of the jet algorithm."
)


def section(shown: Shown | None, artist: Artist) -> str:
    """The section as HTML, its figures, ``jet_images.csv`` and ``jets_shown.csv`` saved; nothing if no jets are shown."""
    if shown is None:
        return ""
    radius = max(plane.frame(table) for table in shown.classes.values())
    images = {name: plane.mean_image(table, radius) for name, table in shown.classes.items()}
    highest = max(float(image.max()) for image, _ in images.values())
    limits = highest / jets.DECADES, highest
    means, singles = [], []
    for number, (name, table) in enumerate(shown.classes.items()):
        drawn = jets.draw_image(*images[name], None, name, jets.counted(table), radius=radius, limits=limits)
        means.append(artist.figure(drawn, f"jet_image_{name}", f"Mean pT of {name} jets around their centre, in pixels"))
        figures = []
        for place, pick in enumerate(shown.picks[name]):
            drawn = jets.draw(pick.jet, title=_title(pick, name), radius=radius, colour=style.colour(number))
            stem = f"jet_{name}_{pick.tagger}_{pick.end}" if pick.tagger else f"jet_{name}_{place + 1}"
            figures.append(artist.figure(drawn, stem, f"The particles of a {name} jet around its axis", _caption(pick, name)))
        singles += [html.element("h3", html.text(f"Single jets: {name}")), html.figures(*figures)]
    write_rows(artist.folder / "jet_images.csv", ["class", "across", "along", "mean_pt"], _pixels(images))
    header = ["class", "file", "row", "tagger", "end", "log_odds", "delta_eta", "delta_phi", "pt"]
    write_rows(artist.folder / "jets_shown.csv", header, _particles(shown))
    return html.section(
        "How the jets look",
        html.paragraph(_said(shown)),
        html.paragraph(_MEAN),
        html.figures(*means),
        html.paragraph(_SINGLE),
        *singles,
    )


def _said(shown: Shown) -> str:
    from lorentznet.reports.jet_choice import SEED

    counted = words.listed(_counted(table, name) for name, table in shown.classes.items())
    if not shown.taggers:
        return f"From {shown.source}: mean images of {counted}, and of these a few single jets, drawn by lot with seed {SEED}."
    some = (
        f" (the first {len(shown.taggers)} of {shown.score_files} score files)" if shown.score_files > len(shown.taggers) else ""
    )
    return (
        f"From {shown.source}: mean images of {counted}, and of all jets of each class the one with the largest and the one with the "
        f"smallest log-odds of {shown.signal}, by {words.listed(shown.taggers)}{some}."
    )


def _counted(table: JetTable, name: str) -> str:
    return f"the first {len(table):,} {name} jets" if len(table) > 1 else f"one {name} jet"


def _title(pick: Pick, name: str) -> str:
    if pick.log_odds is None:
        return name
    return words.unbroken(f"{name}, {pick.tagger}: log-odds {pick.log_odds:.2f}")


def _caption(pick: Pick, name: str) -> str:
    where = f"Row {int(pick.jet.ids[0])} of {Path(pick.jet.source).name}"
    return f"{where}, the {pick.end} signal-like of the {name} jets for {pick.tagger}." if pick.tagger else f"{where}."


def _pixels(images: Mapping[str, tuple[plane.Array, plane.Array]]) -> Iterator[list[Any]]:
    for name, (image, edges) in images.items():
        centres = ((edges[1:] + edges[:-1]) / 2).round(9).tolist()
        for along, row in zip(centres, image.tolist(), strict=True):
            yield from ([name, across, along, value] for across, value in zip(centres, row, strict=True))


def _particles(shown: Shown) -> Iterator[list[Any]]:
    for name, picks in shown.picks.items():
        for pick in picks:
            about = [name, pick.jet.source, int(pick.jet.ids[0]), pick.tagger, pick.end, pick.log_odds]
            particles = zip(*(values.tolist() for values in plane.around_axis(pick.jet)), strict=True)
            yield from ([*about, *particle] for particle in particles)
