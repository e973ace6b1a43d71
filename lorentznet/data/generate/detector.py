r"""The fast detector: from stable particles to energy-flow objects.

Charged particles bend in the solenoid, are found as tracks with a probability and measured with a resolution; all but muons leave
their energy in calorimeter towers; energy flow combines the two. The steps are in :mod:`.helix`, :mod:`.tracker` and
:mod:`.calorimeter`; everything is array code over the particles of many events. It follows the published description of Delphes
(de Favereau et al., arXiv:1307.6346) with the numbers of its ATLAS card.

Particles made outside the tracking volume are not seen. So the energy of long-lived hadrons (:math:`K^0_S`, :math:`\Lambda`)
that fly out and decay there is lost, some per cent of a jet, as in samples made with Delphes and Pythia's usual decays.
"""

from __future__ import annotations

import numpy as np

from lorentznet.data.generate import calorimeter, helix, tracker
from lorentznet.data.generate.particles import Floats, Objects, Particles

_LAYERS = (calorimeter.ECAL, calorimeter.HCAL)
_SEGMENTATION: dict[str, tuple[tuple[calorimeter.Grid, list[int]], ...]] = {
    "detector": ((calorimeter.COARSE, [0, 1]),),
    "detector-fine": ((calorimeter.FINE, [0]), (calorimeter.COARSE, [1])),
}
"""The grids of each level, with the layers (columns) that share them."""


def observe(particles: Particles, level: str, rng: np.random.Generator) -> Objects:
    """Turn stable visible particles into the objects that jets are made of.

    Parameters
    ----------
    particles
        Of a batch of events.
    level
        ``detector``, ``detector-fine`` or ``truth``.
    rng
        Source of the random numbers; not used for ``truth``.

    Returns
    -------
    Objects
        Ordered by event; massless, except for ``truth``.
    """
    found = _particles_as_objects(particles) if level == "truth" else _energy_flow(particles, level, rng)
    return found[np.argsort(found.event, kind="stable")]


def _energy_flow(particles: Particles, level: str, rng: np.random.Generator) -> Objects:
    eta, phi, reached = helix.to_calorimeter(particles)
    found, scale = tracker.measure(particles, reached, rng)
    shares = np.stack(calorimeter.fractions(particles.pdg), axis=1)
    momentum = scale * np.sqrt(particles.px**2 + particles.py**2 + particles.pz**2)
    energy = np.where(reached[:, None], shares * particles.energy[:, None], 0.0)
    track = np.where(found[:, None], shares * momentum[:, None], 0.0)
    spread = track * tracker.resolution(scale * particles.pt, particles.eta)[:, None]

    objects = []
    for grid, columns in _SEGMENTATION[level]:
        cell = grid.cell(eta, phi)
        hit = np.flatnonzero((cell >= 0) & (energy[:, columns].sum(axis=1) > 0))
        taken = np.ix_(hit, np.array(columns))
        hits = calorimeter.Hits(particles.event[hit], cell[hit], energy[taken], track[taken], spread[taken])
        neutral, factor = calorimeter.energy_flow(hits, grid, tuple(_LAYERS[column] for column in columns), rng)
        scale[hit] *= factor
        objects.append(neutral)
    return Objects.joined([_tracks_as_objects(particles[found], scale[found]), *objects])


def _particles_as_objects(particles: Particles) -> Objects:
    p = particles
    return Objects(p.event, p.px, p.py, p.pz, p.energy, p.charge, p.kind)


def _tracks_as_objects(particles: Particles, scale: Floats) -> Objects:
    px, py, pz = scale * particles.px, scale * particles.py, scale * particles.pz
    return Objects(particles.event, px, py, pz, np.sqrt(px**2 + py**2 + pz**2), particles.charge, particles.kind)
