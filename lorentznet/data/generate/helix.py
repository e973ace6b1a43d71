r"""The way of a particle through the solenoid to the calorimeter.

In a field B along z a particle of charge q (in units of e) and transverse momentum :math:`p_T` (GeV) turns by the signed
curvature :math:`k = -0.2998\, q B / p_T` (1/m, B in tesla): with s the transverse path from the vertex :math:`(x_0, y_0, z_0)`

.. math::
    x &= x_0 + (\sin(\phi_0 + k s) - \sin\phi_0) / k \\
    y &= y_0 - (\cos(\phi_0 + k s) - \cos\phi_0) / k \\
    z &= z_0 + s\, p_z / p_T .

The way ends on the cylinder of radius R or on its end plates, whichever comes first.
"""

from __future__ import annotations

import numpy as np

from lorentznet.data.generate.particles import Flags, Floats, Particles, pseudorapidity

FIELD = 2.0  # tesla, along z
RADIUS = 1.15  # metres
HALF_LENGTH = 3.51  # metres
TURN = 0.299792458  # GeV per (tesla metre): p_T = TURN |q| B r


def to_calorimeter(particles: Particles) -> tuple[Floats, Floats, Flags]:
    """Where the particles meet the calorimeter.

    Parameters
    ----------
    particles
        With their production vertices in metres.

    Returns
    -------
    eta, phi : ndarray, shape (n,)
        Direction of the point of impact, seen from the origin (not of the momentum).
    reached : ndarray of bool, shape (n,)
        False for particles that are made outside the tracking volume; their direction means nothing.
    """
    p = particles
    pt = np.maximum(p.pt, 1e-9)
    phi = np.arctan2(p.py, p.px)
    reached = (np.hypot(p.x, p.y) < RADIUS) & (np.abs(p.z) < HALF_LENGTH)

    curvature = -TURN * FIELD * p.charge / pt
    charged = p.charge != 0
    to_barrel = np.where(
        charged,
        _arc_to_barrel(p.x, p.y, phi, np.where(charged, curvature, 1.0)),
        _line_to_barrel(p.x, p.y, phi),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        to_plate = np.where(p.pz == 0, np.inf, (np.copysign(HALF_LENGTH, p.pz) - p.z) * pt / p.pz)
    path = np.where(reached, np.minimum(to_barrel, to_plate), 0.0)

    # (sin(phi + k s) - sin(phi)) / k = s sinc(k s / 2) cos(phi + k s / 2): right also for straight lines
    half_turn = 0.5 * curvature * path
    chord = path * np.sinc(half_turn / np.pi)
    x = p.x + chord * np.cos(phi + half_turn)
    y = p.y + chord * np.sin(phi + half_turn)
    z = p.z + path * p.pz / pt
    return pseudorapidity(x, y, z), np.arctan2(y, x), reached


def _line_to_barrel(x: Floats, y: Floats, phi: Floats) -> Floats:
    """Transverse path of a straight line from inside the cylinder to its wall."""
    along = x * np.cos(phi) + y * np.sin(phi)
    inside = np.maximum(RADIUS**2 - x**2 - y**2, 0.0)
    return np.sqrt(along**2 + inside) - along


def _arc_to_barrel(x: Floats, y: Floats, phi: Floats, curvature: Floats) -> Floats:
    """Transverse path of a circle from inside the cylinder to its wall; infinite for circles that stay inside.

    Seen from the centre c of the circle, the crossings stand at angles +-beta from the direction of the origin, with
    sin^2(beta / 2) = (R^2 - (d - r)^2) / (4 d r), d = |c|. The start stands at an angle epsilon between them. All differences of
    large numbers are taken analytically, so that nearly straight tracks keep their precision.
    """
    radius = 1.0 / np.abs(curvature)
    centre_x = x - np.sin(phi) / curvature
    centre_y = y + np.cos(phi) / curvature
    distance = np.maximum(np.hypot(centre_x, centre_y), 1e-12)
    # d^2 - r^2 without the cancellation
    excess = x**2 + y**2 + 2.0 * (y * np.cos(phi) - x * np.sin(phi)) / curvature
    closest = excess / (distance + radius)
    sine_squared = (RADIUS**2 - closest**2) / (4.0 * distance * radius)
    beta = 2.0 * np.arcsin(np.sqrt(np.clip(sine_squared, 0.0, 1.0)))
    epsilon = np.arctan2(centre_y * x - centre_x * y, distance**2 - centre_x * x - centre_y * y)
    path = (beta - np.sign(curvature) * epsilon) * radius
    return np.where(distance + radius > RADIUS, path, np.inf)
