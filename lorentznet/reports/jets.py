"""Figures of jets in the plane of pseudorapidity and azimuth: single ones, and the mean image of many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LogNorm
from matplotlib.patches import Circle

from lorentznet.errors import DataError
from lorentznet.reports import style
from lorentznet.reports.plane import PIXEL, Array, around_axis, frame, mean_image

if TYPE_CHECKING:
    from lorentznet.data.table import JetTable

DECADES = 1e5
"""Range of the colours of a mean image."""

_HEIGHT = 5.2  # of a figure, in inches
_WHOLE = 0.22  # radius of the disc of a particle that has all of the jet's pT, in jet radii
# heights of the strips above and under a jet, with its numbers and known discs, in halves of the frame
_HEAD, _STRIP = 0.18, 0.26


def draw(
    jet: JetTable,
    ax: Axes | None = None,
    title: str = "",
    *,
    radius: float | None = None,
    reference: float | None = None,
    colour: str = "C0",
) -> Axes:
    """Draw one jet: its particles as discs, whose area is proportional to their transverse momentum.

    Parameters
    ----------
    jet
        A table of one jet, e.g. ``table[7]``.
    ax
        Where to draw; a new figure in the style of the reports if None.
    title
        Stands above the axes, the name of the class if it is empty; pT and mass of the summed particles and their number stand inside.
    radius
        Of the dashed circle around the jet axis; see :func:`lorentznet.reports.plane.frame` if None. The frame is larger where
        particles lie outside.
    reference
        Transverse momentum in GeV of a disc with a radius of 0.22 ``radius``; that of the jet if None. Give the same for jets whose
        discs are to be compared.
    colour
        Of the discs.

    Raises
    ------
    DataError
        If there is not exactly one jet, or it has no particles or no transverse momentum.
    """
    if len(jet) != 1:
        raise DataError(f"{jet.source}: one jet can be drawn, not {len(jet)}; take one out of the table, e.g. table[0]")
    if ax is None:
        with style.style():
            return draw(jet, style.axes(_HEIGHT), title, radius=radius, reference=reference, colour=colour)
    eta, phi, pt = around_axis(jet)
    radius = frame(jet) if radius is None else radius
    if not radius > 0:
        raise DataError(f"a jet is drawn with a radius above 0, not {radius:g}")
    reference = float(jet.from_particles("jet_pt")[0]) if reference is None else reference
    half = max(1.1 * radius, 1.05 * float(np.abs([eta, phi]).max()))
    ax.axhline(0, color="0.88", linewidth=0.8, zorder=0)
    ax.plot((0, 0), (-half, half), color="0.88", linewidth=0.8, zorder=0)
    ax.add_patch(Circle((0, 0), radius, fill=False, edgecolor="0.55", linestyle="--", linewidth=1.0, zorder=1))
    ax.text(0.93 * half, -0.97 * half, rf"$\Delta R$ = {radius:g}", ha="right", va="bottom", fontsize=9, color="0.35")
    order = np.argsort(-pt, kind="stable")  # soft particles on top of hard ones
    _discs(ax, eta[order], phi[order], pt[order], (radius, reference), colour)
    _explain(ax, half, (radius, reference), colour)
    ax.set(xlim=(-half, half), ylim=(-(1 + _STRIP) * half, (1 + _HEAD) * half))
    _square(ax, half, radius)
    ax.tick_params(top=False)  # where the numbers stand
    ax.set_xlabel(r"$\Delta\eta$")
    ax.set_ylabel(r"$\Delta\phi$ [rad]")
    ax.axhline(half, color="0.4", linewidth=0.8)
    ax.text(-0.95 * half, (1 + _HEAD / 2) * half, _facts(jet), va="center", fontsize=10)
    style.note(ax, "", title or _class(jet))
    return ax


def draw_mean(
    table: JetTable,
    ax: Axes | None = None,
    title: str = "",
    *,
    radius: float | None = None,
    pixel: float = PIXEL,
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw the mean image of jets of one class, see :func:`lorentznet.reports.plane.mean_image`, with logarithmic colours.

    Parameters
    ----------
    table
        The jets, all of one class.
    ax
        Where to draw; a new figure in the style of the reports if None. The colour bar takes its room from it.
    title
        Stands above the axes on the left, beside the number of jets; the name of the class if it is empty.
    radius, pixel
        See :func:`lorentznet.reports.plane.mean_image`.
    limits
        Mean pT in GeV of the ends of the colours: pixels below are in the lightest colour, those without any pT white. Five decades up
        to the largest pixel if None.

    Raises
    ------
    DataError
        If the jets are of several classes, or none of their pT lies in the image, or as ``mean_image``.
    """
    if len(np.unique(table.labels)) > 1:
        found = ", ".join(name for name, number in table.class_counts().items() if number)
        raise DataError(f"{table.source}: a mean image is of one class, not of {found}; take one, e.g. table[table.labels == 1]")
    radius = frame(table) if radius is None else radius
    image, edges = mean_image(table, radius, pixel)
    if not image.any():
        raise DataError(f"{table.source}: no particle lies within {edges[-1]:.3g} of the centre; choose a larger radius")
    return draw_image(image, edges, ax, title or _class(table), counted(table), radius=radius, limits=limits)


def draw_image(
    image: Array,
    edges: Array,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    *,
    radius: float,
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw a mean image that is there already; ``ax``, ``title``, ``radius`` and ``limits`` as in :func:`draw_mean`.

    Parameters
    ----------
    image, edges
        See :func:`lorentznet.reports.plane.mean_image`.
    note
        Which jets, written above the axes on the right.
    """
    if ax is None:
        with style.style():
            return draw_image(image, edges, style.axes(_HEIGHT), title, note, radius=radius, limits=limits)
    pixel = edges[1] - edges[0]
    low, high = limits or (float(image.max()) / DECADES, float(image.max()))
    seen = np.where(image > 0, np.maximum(image, low), np.nan)
    mesh = ax.pcolormesh(edges, edges, seen, cmap="viridis_r", norm=LogNorm(low, high), rasterized=True)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.03)
    bar.set_label(rf"mean $p_\mathrm{{T}}$ [GeV] in {pixel:g} $\times$ {pixel:g}")
    bar.ax.minorticks_off()
    _square(ax, edges[-1], radius)
    ax.set_xlabel("across the principal axis")
    ax.set_ylabel("along the principal axis")
    style.note(ax, note, title)
    return ax


def counted(table: JetTable) -> str:
    """How many jets: ``1 jet``, ``2,000 jets``."""
    return f"{len(table):,} jet{'' if len(table) == 1 else 's'}"


def _discs(ax: Axes, x: Array, y: Array, pt: Array, scale: tuple[float, float], colour: str) -> None:
    """Discs in units of the axes, so that they keep their scale in a grid of any size."""
    radius, reference = scale
    widths = 2 * _WHOLE * radius * np.sqrt(pt / reference)
    discs = EllipseCollection(
        widths,
        widths,
        np.zeros_like(widths),
        units="xy",
        offsets=np.stack((x, y), axis=1),
        offset_transform=ax.transData,
        facecolor=(colour, 0.45),
        edgecolor=colour,
        linewidth=0.6,
        zorder=2,
    )
    ax.add_collection(discs, autolim=False)


def _explain(ax: Axes, half: float, scale: tuple[float, float], colour: str) -> None:
    """The strip under the jet with discs of known pT: three powers of ten."""
    largest = math.floor(math.log10(0.25 * scale[1]))
    known = np.array([10.0**power for power in range(largest - 2, largest + 1)], np.float64)
    x, height = half * np.array([-0.58, -0.2, 0.28]), -(1 + _STRIP / 2) * half
    ax.axhline(-half, color="0.4", linewidth=0.8)
    _discs(ax, x, np.full(3, height), known, scale, colour)
    ax.text(-0.95 * half, height, r"$p_\mathrm{T}$:", va="center", fontsize=10)
    for place, value in zip(x, known, strict=True):
        room = (_WHOLE * scale[0] * math.sqrt(value / scale[1])) + 0.04 * half
        ax.text(place + room, height, f"{value:g}" + (" GeV" if value == known[-1] else ""), va="center", fontsize=10)


def _square(ax: Axes, half: float, radius: float) -> None:
    """The same scale along both axes, with marks at the halves of the radius only: none in the strip under a jet."""
    number = math.floor(2 * half / radius)
    ticks = radius / 2 * np.arange(-number, number + 1)
    ax.set(xticks=ticks, yticks=ticks)
    ax.minorticks_off()
    ax.set_aspect("equal", adjustable="box")


def _class(table: JetTable) -> str:
    label = int(table.labels[0])
    return table.classes[label] if 0 <= label < len(table.classes) else ""


def _facts(jet: JetTable) -> str:
    pt, mass = (float(jet.from_particles(name)[0]) for name in ("jet_pt", "jet_mass"))
    number = int(jet.counts[0])
    return rf"$p_\mathrm{{T}}$ {pt:.0f} GeV, mass {abs(mass):.0f} GeV, {number} particle{'' if number == 1 else 's'}"
