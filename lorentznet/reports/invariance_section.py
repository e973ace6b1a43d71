"""The part of a report that says how invariant the taggers are: verdicts, figures and tables of what was scanned."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from lorentznet.evaluate import invariance_tables
from lorentznet.evaluate.invariance_words import LAYER_GAMMA, LAYER_JETS
from lorentznet.reports import html, invariance, words

if TYPE_CHECKING:
    from lorentznet.reports.folders import Study
    from lorentznet.reports.page import Artist

_EXPLAINED = (
    "Each jet is seen from another frame, drawn at random, and scored again: shown is the change of the trained tagger's "
    "{quantity}, root mean square over the jets, in units of its standard deviation. Momenta are transformed in extended "
    "precision and rounded to float64, reference vectors along with them. Grey: what the rounding of the "
    "transformed momenta to float64 does by itself."
)
_LAYERS = (
    f"Inside the network, for jets that are boosted by γ = {LAYER_GAMMA:g}: the relative error of each layer's equivariance. Filled: "
    "what the layer itself adds, given exactly transformed features. Open: what has gathered up to there, with the rounding of the momenta."
)
_EMISSIONS = (
    "Each jet gets a further soft particle, or one of its particles is split in two: an infrared and collinear safe tagger does "
    "not notice in the limit. Taggers that treat every particle alike are not safe."
)
_TABLES = (
    (
        partial(invariance_tables.boosts, only="boost"),
        "Root mean square change in standard deviations; in brackets how many decisions flip.",
    ),
    (invariance_tables.others, "The same for what has no γ."),
    (
        invariance_tables.separation,
        "AUC, and background rejection 1/εB at signal efficiency εS = 0.3, of the jets as they are and boosted along random axes.",
    ),
)


def section(study: Study, artist: Artist) -> str:
    """The section as HTML, its figures saved; nothing if no tagger was scanned."""
    taggers = study.invariance
    if not taggers:
        return ""
    layers = [*_layers(study, artist)]
    emissions = [*_emissions(study, artist)]
    return html.section(
        "Invariance",
        html.paragraph(_EXPLAINED.format(quantity=invariance.quantities(taggers.values()))),
        html.items(words.verdicts(study)),
        html.figures(*_boosts(study, artist)),
        *_tables(study),
        *([html.paragraph(_LAYERS), html.figures(*layers)] if layers else []),
        *([html.paragraph(_EMISSIONS), html.figures(*emissions)] if emissions else []),
    )


def _boosts(study: Study, artist: Artist) -> Iterator[str]:
    limits = invariance.limits_of(study.invariance.values())
    for name, numbers in study.invariance.items():
        for transformation in invariance_tables.scanned(numbers):
            seen = invariance.WORDS.get(transformation, transformation)
            ax = invariance.draw(numbers, transformation, title=name, note=words.scanned_jets(numbers), limits=limits)
            what = f"Change of the {invariance.quantities([numbers])} of {name}: {seen}"
            yield artist.figure(ax, f"invariance_{name}_{transformation}", what)


def _tables(study: Study) -> Iterator[str]:
    for make, caption in _TABLES:
        header, *rows = make(study.invariance)
        if rows:
            yield html.table(header, [[words.unbroken(cell) for cell in row] for row in rows], caption)


def _layers(study: Study, artist: Artist) -> Iterator[str]:
    for name, numbers in study.invariance.items():
        if numbers.get("layers"):
            ax = invariance.draw_layers(numbers, title=name, note=words.scanned_jets(numbers, LAYER_JETS))
            yield artist.figure(ax, f"layers_{name}", f"Error of equivariance of each layer of {name}")


def _emissions(study: Study, artist: Artist) -> Iterator[str]:
    scanned = {name: numbers for name, numbers in study.invariance.items() if numbers.get("irc")}
    if scanned:
        made = list(dict.fromkeys(words.scanned_jets(numbers) for numbers in scanned.values()))
        for kind, (_, what) in invariance.EMISSIONS.items():
            ax = invariance.draw_emissions(scanned, kind, note="; ".join(made))
            yield artist.figure(ax, f"irc_{kind}", f"Change of the {invariance.quantities(scanned.values())} by a {what}")
