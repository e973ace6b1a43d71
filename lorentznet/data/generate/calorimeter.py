r"""Calorimeter towers and energy flow.

Resolutions, thresholds and segmentation are numbers of the public Delphes card of the ATLAS detector (de Favereau et al.,
arXiv:1307.6346), with :math:`\sigma(E)^2 = (s E)^2 + r^2 E + n^2` (constant, stochastic and noise term).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lorentznet.data.generate.particles import NEUTRAL_HADRON, PHOTON, Floats, Integers, Objects
from lorentznet.data.generate.tracker import log_normal

COVERAGE = 4.9  # |eta|
SIGNIFICANCE = 1.0  # an energy counts if it is above its threshold and this many standard deviations


@dataclass(frozen=True)
class Layer:
    """One calorimeter: its threshold (GeV), resolution terms in regions of |eta|, and what its neutral energy is taken for."""

    threshold: float
    eta_regions: tuple[float, ...]
    constant: tuple[float, ...]
    stochastic: tuple[float, ...]
    noise: tuple[float, ...]
    kind: int

    def deviation(self, energy: Floats, eta: Floats) -> Floats:
        """Standard deviation (GeV) of a measured energy."""
        region = np.searchsorted(self.eta_regions, np.abs(eta), side="right")
        constant, stochastic, noise = (np.take(term, region) for term in (self.constant, self.stochastic, self.noise))
        deviation: Floats = np.sqrt((constant * energy) ** 2 + stochastic**2 * energy + noise**2)
        return deviation

    def cleaned(self, energy: Floats, eta: Floats) -> Floats:
        """The energy, or 0 where it is below the threshold or not significant."""
        kept = (energy >= self.threshold) & (energy >= SIGNIFICANCE * self.deviation(energy, eta))
        return np.where(kept, energy, 0.0)


ECAL = Layer(0.5, (3.2,), (0.0017, 0.035), (0.101, 0.285), (0.0, 0.0), PHOTON)
HCAL = Layer(1.0, (1.7, 3.2), (0.0302, 0.05, 0.0942), (0.5205, 0.706, 1.0), (1.59, 0.0, 0.0), NEUTRAL_HADRON)


def fractions(pdg: Integers) -> tuple[Floats, Floats]:
    """Shares of a particle's energy that are left in the electromagnetic and in the hadronic calorimeter."""
    code = np.abs(pdg)
    electromagnetic = np.where(np.isin(code, (11, 22, 111)), 1.0, np.where(np.isin(code, (310, 3122)), 0.3, 0.0))
    hadronic = np.where(np.isin(code, (12, 13, 14, 16)), 0.0, 1.0 - electromagnetic)
    return electromagnetic, hadronic


class Grid:
    """Cells in pseudorapidity and azimuth: central cells to |eta| = 2.5, forward cells of 0.2 x 20 degrees to 4.9.

    Parameters
    ----------
    central_eta, central_phi
        Number of central cells in pseudorapidity (between -2.5 and 2.5) and in azimuth.
    """

    def __init__(self, central_eta: int, central_phi: int) -> None:
        forward = np.linspace(2.5, COVERAGE, 13)
        self.edges = np.concatenate([-forward[:0:-1], np.linspace(-2.5, 2.5, central_eta + 1), forward[1:]])
        self.cells_in_phi = np.where(np.abs(self.edges[:-1] + self.edges[1:]) / 2 < 2.5, central_phi, 18)
        self.offsets = np.concatenate([[0], np.cumsum(self.cells_in_phi)])

    def cell(self, eta: Floats, phi: Floats) -> Integers:
        """Number of the cell at each direction; -1 outside the coverage."""
        row = np.searchsorted(self.edges, eta, side="right") - 1
        covered = (row >= 0) & (row < len(self.cells_in_phi))
        row = np.where(covered, row, 0)
        column = np.floor((phi + np.pi) / (2 * np.pi) * self.cells_in_phi[row]).astype(np.int64) % self.cells_in_phi[row]
        return np.where(covered, self.offsets[row] + column, -1)

    def direction(self, cell: Integers, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Pseudorapidity and azimuth at the place (u, v) in [0, 1) x [0, 1) of each cell; (0.5, 0.5) is the centre."""
        row = np.searchsorted(self.offsets, cell, side="right") - 1
        eta = self.edges[row] + u * (self.edges[row + 1] - self.edges[row])
        phi = (cell - self.offsets[row] + v) / self.cells_in_phi[row] * 2 * np.pi - np.pi
        return eta, phi


COARSE = Grid(50, 36)  # 0.1 x 10 degrees
FINE = Grid(288, 360)  # 0.0174 x 1 degree


@dataclass(frozen=True)
class Hits:
    """Charged and neutral particles at the calorimeter, one entry a particle.

    Attributes
    ----------
    event, cell : ndarray, shape (n,)
        Event in the batch and cell of the grid (only particles inside the coverage).
    energy : ndarray, shape (n, layers)
        True energy left in each layer, GeV.
    track : ndarray, shape (n, layers)
        The same as measured by the particle's track; 0 without a track.
    spread : ndarray, shape (n, layers)
        Standard deviation of ``track``, GeV.
    """

    event: Integers
    cell: Integers
    energy: Floats
    track: Floats
    spread: Floats


def energy_flow(hits: Hits, grid: Grid, layers: tuple[Layer, ...], rng: np.random.Generator) -> tuple[Objects, Floats]:
    """Combine the towers with the tracks that point at them.

    The energies of a tower are summed, smeared, and cleaned of noise. Where the tracks of a tower together are measured better
    (relative to their energy) than the tower, they stay as they are, and what the tower holds beyond them becomes a neutral
    object if it is above threshold. Where they are worse, the tower's energy replaces theirs: the tracks share it in proportion
    and nothing neutral is left.

    Parameters
    ----------
    hits
        Particles at the calorimeter.
    grid
        Segmentation of all the layers.
    layers
        The calorimeters, in the order of the columns of ``hits``.
    rng
        Source of the random numbers.

    Returns
    -------
    objects : Objects
        Neutral, massless, at a random place in their cell (the same for all layers of a tower).
    scale : ndarray, shape (n,)
        Factor on the momentum of each hit's track.
    """
    cells = int(grid.offsets[-1])
    towers, tower = np.unique(hits.event * cells + hits.cell, return_inverse=True)
    event, cell = np.divmod(towers, cells)
    centre, _ = grid.direction(cell, np.full(len(cell), 0.5), np.full(len(cell), 0.5))
    eta, phi = grid.direction(cell, rng.random(len(cell)), rng.random(len(cell)))
    objects = []
    scale = np.ones(len(tower))
    for column, layer in enumerate(layers):
        true, tracks, variance = (
            np.bincount(tower, values[:, column], len(towers)).astype(np.float64)
            for values in (hits.energy, hits.track, hits.spread**2)
        )
        measured = layer.cleaned(log_normal(true, layer.deviation(true, centre), rng), centre)
        # relative resolutions, compared without a division by zero
        worse = (tracks > 0) & (measured > 0) & (np.sqrt(variance) * measured > layer.deviation(measured, centre) * tracks)
        replaced = np.divide(measured, tracks, out=np.ones(len(towers)), where=worse)
        scale *= np.where(hits.track[:, column] > 0, replaced[tower], 1.0)
        left = np.where(worse, 0.0, layer.cleaned(np.maximum(measured - tracks, 0.0), centre))
        kept = left > 0
        objects.append(_massless(event[kept], left[kept], eta[kept], phi[kept], layer.kind))
    return Objects.joined(objects), scale


def _massless(event: Integers, energy: Floats, eta: Floats, phi: Floats, kind: int) -> Objects:
    pt = energy / np.cosh(eta)
    return Objects(
        event=event,
        px=pt * np.cos(phi),
        py=pt * np.sin(phi),
        pz=pt * np.sinh(eta),
        energy=energy,
        charge=np.zeros(len(event), dtype=np.int64),
        kind=np.full(len(event), kind, dtype=np.int64),
    )
