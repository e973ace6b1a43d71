r"""Where the particles of jets lie in the plane of pseudorapidity and azimuth, and the mean image of many jets.

Angles are taken from the jet axis, which is the direction of the summed momenta of the jet's particles,

.. math:: \Delta\eta_i = \eta_i - \eta_\mathrm{jet}, \qquad
   \Delta\phi_i = \bigl[(\phi_i - \phi_\mathrm{jet} + \pi) \bmod 2\pi\bigr] - \pi,

with the pseudorapidity :math:`\eta = \operatorname{arsinh}(p_z / p_\mathrm{T})`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lorentznet.errors import DataError

if TYPE_CHECKING:
    from lorentznet.data.table import JetTable

Array = NDArray[np.float64]

RADII = (0.4, 0.8, 1.0, 1.2, 1.5)
"""Usual jet radii, of which the smallest that holds :data:`HELD` of the transverse momentum sets the frame."""
HELD = 0.99
PIXEL = 0.05
"""Side of a pixel of a mean image."""


def around_axis(table: JetTable) -> tuple[Array, Array, Array]:
    """Where the particles of jets lie around the axis of their jet.

    Returns
    -------
    tuple of numpy.ndarray, each of shape (n_particles,)
        Differences of pseudorapidity and of azimuth (in radians, from -pi to pi) to the jet axis, and transverse momentum in GeV. A
        particle along the beam has no direction in this plane: it is put at the axis, with its pT of 0.

    Raises
    ------
    DataError
        If there is no jet, or one has no particles or no transverse momentum, so that it has no axis.
    """
    if not len(table):
        raise DataError(f"{table.source}: there is no jet to draw")
    empty = np.flatnonzero(table.counts == 0)
    if len(empty):
        raise DataError(f"{table.source}: jet {table.ids[empty[0]]} has no particles, there is nothing to draw; leave it out")
    momenta = table.momenta[table.offsets[0] : table.offsets[-1]]
    jets = np.add.reduceat(momenta, table.offsets[:-1] - table.offsets[0])
    lost = np.flatnonzero(np.hypot(jets[:, 1], jets[:, 2]) == 0)
    if len(lost):
        raise DataError(f"{table.source}: jet {table.ids[lost[0]]} has no transverse momentum, hence no axis; leave it out")
    axes = np.repeat(jets, table.counts, axis=0)
    pt = np.hypot(momenta[:, 1], momenta[:, 2])
    eta = np.arcsinh(np.divide(momenta[:, 3], pt, out=np.zeros_like(pt), where=pt > 0))
    eta -= np.arcsinh(axes[:, 3] / np.hypot(axes[:, 1], axes[:, 2]))
    phi = np.arctan2(momenta[:, 2], momenta[:, 1]) - np.arctan2(axes[:, 2], axes[:, 1])
    phi = (phi + np.pi) % (2 * np.pi) - np.pi
    return np.where(pt > 0, eta, 0.0), np.where(pt > 0, phi, 0.0), pt


def frame(table: JetTable) -> float:
    """The smallest of :data:`RADII` within which :data:`HELD` of the transverse momentum of the jets lies around their axes."""
    eta, phi, pt = around_axis(table)
    distance = np.hypot(eta, phi)
    held = (radius for radius in RADII if pt[distance <= radius].sum() >= HELD * pt.sum())
    return next(held, float(math.ceil(distance.max())))


def mean_image(table: JetTable, radius: float | None = None, pixel: float = PIXEL) -> tuple[Array, Array]:
    r"""The transverse momentum in each pixel, mean over the jets, after centring, turning and flipping every jet.

    The origin is the centre of the transverse momentum of a jet, :math:`\sum_i p_{\mathrm{T}i}\,x_i = 0` for
    :math:`x_i = (\Delta\eta_i, \Delta\phi_i)`. The jet is turned until the principal axis of its second moments
    :math:`\sum_i p_{\mathrm{T}i}\,x_i x_i^\top`, that with the larger eigenvalue, is vertical, and by another half turn if more than
    half of its transverse momentum is then below. It is not mirrored.

    Parameters
    ----------
    table
        The jets; each counts the same.
    radius
        Half of the side of the image, rounded up to an odd number of pixels, so that the middle one is centred on the origin; see
        :func:`frame` if None. What lies outside is left out.
    pixel
        Side of a pixel.

    Returns
    -------
    tuple of numpy.ndarray
        Mean pT in GeV, shape (n, n): rows along the principal axis from below, columns across it; and the n + 1 edges.

    Raises
    ------
    DataError
        See :func:`around_axis`; or if radius or pixel are not above zero.

    Notes
    -----
    Jet images: de Oliveira, Kagan, Mackey, Nachman and Schwartzman, JHEP 07 (2016) 069, arXiv:1511.05190, who turn the line between
    the two leading subjets instead. The principal axis needs no subjets.
    """
    eta, phi, pt = around_axis(table)
    radius = frame(table) if radius is None else radius
    if not (radius > 0 and pixel > 0):
        raise DataError(f"a mean image needs a radius and a pixel above 0, not {radius:g} and {pixel:g}")
    jet = np.repeat(np.arange(len(table)), table.counts)

    def total(values: Array) -> Array:
        return np.add.reduceat(pt * values, table.offsets[:-1] - table.offsets[0])

    whole = total(np.ones_like(pt))
    x, y = (values - (total(values) / whole)[jet] for values in (eta, phi))
    angle = 0.5 * np.arctan2(2 * total(x * y), total(x * x) - total(y * y))[jet]
    across, along = x * np.sin(angle) - y * np.cos(angle), x * np.cos(angle) + y * np.sin(angle)
    turn = np.where(total(np.sign(along)) < 0, -1.0, 1.0)[jet]
    pixels = 2 * math.ceil(radius / pixel - 0.5 - 1e-9) + 1
    edges = pixel * np.asarray(np.arange(pixels + 1) - pixels / 2, np.float64)
    image: Array = np.histogram2d(turn * along, turn * across, (edges, edges), weights=pt)[0] / len(table)
    return image, edges
