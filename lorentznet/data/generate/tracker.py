r"""Tracks: which charged particles are seen, and how well their transverse momentum is measured.

Efficiencies and resolutions are the numbers of the public Delphes card of the ATLAS detector (de Favereau et al.,
arXiv:1307.6346), tabulated here by pseudorapidity and transverse momentum. The relative resolution is
:math:`\sigma(p_T)/p_T = \sqrt{a^2 + (b\,p_T)^2}`.
"""

from __future__ import annotations

import numpy as np

from lorentznet.data.generate.particles import Flags, Floats, Particles

COVERAGE = 2.5  # |eta| of the tracker
ETA_REGIONS = (1.5,)  # of the efficiencies: |eta| < 1.5, and up to the coverage
PT_STEPS = (0.1, 1.0, 100.0)  # GeV: no track below the first
# efficiency [region of |eta|, region of pT above 0.1 GeV]
EFFICIENCY = {
    "hadron": ((0.70, 0.95, 0.95), (0.60, 0.85, 0.85)),
    "electron": ((0.73, 0.95, 0.99), (0.50, 0.83, 0.90)),
    "muon": ((0.75, 0.99, 0.99), (0.70, 0.98, 0.98)),
}
RESOLUTION_ETA = (0.5, 1.5)
RESOLUTION_A = (0.06, 0.10, 0.25)
RESOLUTION_B = (1.3e-3, 1.7e-3, 3.1e-3)  # 1/GeV


def efficiency(particles: Particles) -> Floats:
    """Probability of each particle to give a track; zero for neutral ones, below 0.1 GeV and outside the tracker."""
    pt, abs_eta = particles.pt, np.abs(particles.eta)
    code = np.abs(particles.pdg)
    table = np.array([EFFICIENCY["hadron"], EFFICIENCY["electron"], EFFICIENCY["muon"]])
    sort = np.where(code == 11, 1, np.where(code == 13, 2, 0))
    step = np.searchsorted(PT_STEPS, pt, side="right")
    found = table[sort, np.searchsorted(ETA_REGIONS, abs_eta, side="right"), np.maximum(step, 1) - 1]
    return np.where((step > 0) & (abs_eta < COVERAGE) & (particles.charge != 0), found, 0.0)


def resolution(pt: Floats, eta: Floats) -> Floats:
    """Relative resolution of the transverse momentum (GeV) of a track."""
    region = np.searchsorted(RESOLUTION_ETA, np.abs(eta), side="right")
    relative: Floats = np.hypot(np.take(RESOLUTION_A, region), np.take(RESOLUTION_B, region) * pt)
    return relative


def log_normal(mean: Floats, deviation: Floats, rng: np.random.Generator) -> Floats:
    """Log-normal numbers of the given mean and standard deviation: never negative, and 0 where the mean is 0."""
    safe = np.maximum(mean, 1e-12)
    width = np.sqrt(np.log1p((deviation / safe) ** 2))
    return np.where(mean > 0, safe * np.exp(width * rng.standard_normal(len(mean)) - 0.5 * width**2), 0.0)


def measure(particles: Particles, inside: Flags, rng: np.random.Generator) -> tuple[Flags, Floats]:
    """Find and measure the tracks.

    Parameters
    ----------
    particles
        Stable particles.
    inside : ndarray of bool, shape (n,)
        False for particles that are made outside the tracking volume.
    rng
        Source of the random numbers.

    Returns
    -------
    found : ndarray of bool, shape (n,)
        Whether the particle gives a track.
    scale : ndarray, shape (n,)
        Measured over true momentum; the direction is kept.
    """
    found = inside & (rng.random(len(particles)) < efficiency(particles))
    pt = particles.pt
    measured = log_normal(pt, resolution(pt, particles.eta) * pt, rng)
    return found, measured / np.maximum(pt, 1e-12)
