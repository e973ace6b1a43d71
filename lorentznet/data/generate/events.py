"""Events with Pythia 8 in batches, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np

from lorentznet.data.generate import packages
from lorentznet.data.generate.particles import Flags, Floats, Integers, Particles
from lorentznet.data.generate.processes import Process

COLLISION_ENERGY = 14_000.0  # GeV
_NEUTRINOS = (12, 14, 16)
_W = 24
# Pythia's status codes: 62 = a resonance just before it decays, 23 = an outgoing parton of the hard process or of a decay
_BEFORE_DECAY, _OUTGOING = 62, 23


@dataclass(frozen=True)
class Resonances:
    """Decaying particles of a batch, and the partons they decay to.

    Attributes
    ----------
    event, px, py, pz, energy : ndarray, shape (n,)
        Each resonance just before its decay.
    parton_owner : ndarray, shape (m,)
        For each parton the row of its resonance.
    parton_px, parton_py, parton_pz : ndarray, shape (m,)
        Momenta of the partons, GeV.
    w : ndarray, shape (n, 4)
        (px, py, pz, E) of the W boson that a resonance decays to, GeV, just before its own decay; zeros where there is none.
    """

    event: Integers
    px: Floats
    py: Floats
    pz: Floats
    energy: Floats
    parton_owner: Integers
    parton_px: Floats
    parton_py: Floats
    parton_pz: Floats
    w: Floats


@dataclass(frozen=True)
class Events:
    """A batch of events: stable visible particles, resonances, and the scale pT-hat (GeV) of each event."""

    particles: Particles
    resonances: Resonances
    pt_hat: Floats


class Source:
    """A seeded stream of events of one process.

    Parameters
    ----------
    process
        What to generate.
    seed
        Pythia's seed, 1 to 900,000,000.
    mpi
        Whether to simulate multiparton interactions.
    pt_hat_min
        Smallest pT-hat of the hard process, GeV.
    """

    def __init__(self, process: Process, seed: int, mpi: bool = False, pt_hat_min: float = 500.0) -> None:
        self.process = process
        self._pythia = packages.pythia().Pythia("", False)
        for setting in (
            *process.settings,
            f"Beams:eCM = {COLLISION_ENERGY}",
            f"PartonLevel:MPI = {'on' if mpi else 'off'}",
            f"PhaseSpace:pTHatMin = {pt_hat_min}",
            "Random:setSeed = on",
            f"Random:seed = {seed}",
            "Print:quiet = on",
        ):
            if not self._pythia.readString(setting):
                raise RuntimeError(f"Pythia does not know the setting '{setting}'")
        if not self._pythia.init():
            raise RuntimeError(f"Pythia cannot be initialised for the process '{process.name}'")

    def batch(self, events: int) -> Events:
        """The next events of the stream."""
        record = self._pythia.nextBatch(events, "skip")
        entries = record.prt
        offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(entries)))])
        flat = ak.flatten(entries)
        event = np.repeat(np.arange(events), np.diff(offsets))
        pdg, status = ak.to_numpy(flat.id).astype(np.int64), ak.to_numpy(flat.status)
        visible = (status > 0) & ~np.isin(np.abs(pdg), _NEUTRINOS)
        return Events(
            particles=self._particles(flat, event, pdg, visible),
            resonances=self._resonances(flat, event, offsets, pdg, status),
            pt_hat=np.sqrt(ak.to_numpy(record.info.pT2Hat)),
        )

    def _particles(self, flat: Any, event: Integers, pdg: Integers, rows: Flags) -> Particles:
        codes, which = np.unique(pdg[rows], return_inverse=True)
        charges = np.array([round(self._pythia.particleData.charge(int(code))) for code in codes], dtype=np.int64)
        p, vertex = flat.p[rows], flat.vProd[rows]
        x, y, z = (1e-3 * ak.to_numpy(ak.fill_none(vertex[axis], 0.0)) for axis in ("px", "py", "pz"))  # mm to m
        px, py, pz, energy = (ak.to_numpy(p[name]) for name in ("px", "py", "pz", "e"))
        return Particles(event[rows], pdg[rows], charges[which], px, py, pz, energy, x, y, z)

    def _resonances(self, flat: Any, event: Integers, offsets: Integers, pdg: Integers, status: Integers) -> Resonances:
        code, state = np.abs(pdg), np.abs(status)
        wanted = (code == self.process.resonance) & (state == _BEFORE_DECAY) & (self.process.resonance != 0)
        decaying = np.flatnonzero(wanted)
        partons = np.flatnonzero((state == _OUTGOING) & ((code <= 6) | (code == 21)))
        mother = ak.to_numpy(flat.mother1).astype(np.int64) + offsets[event]
        owner = _ancestor(partons, mother, decaying, offsets[event])
        kept = partons[owner >= 0]
        px, py, pz, energy = (ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz", "e"))
        bosons = np.flatnonzero(code == _W)
        parent = _ancestor(bosons, mother, decaying, offsets[event])
        w = np.zeros((len(decaying), 4))
        for boson, top in zip(bosons[parent >= 0], parent[parent >= 0], strict=True):  # the last copy of each is what decays
            w[top] = px[boson], py[boson], pz[boson], energy[boson]
        return Resonances(
            event=event[decaying],
            px=px[decaying],
            py=py[decaying],
            pz=pz[decaying],
            energy=energy[decaying],
            parton_owner=owner[owner >= 0],
            parton_px=px[kept],
            parton_py=py[kept],
            parton_pz=pz[kept],
            w=w,
        )


def _ancestor(rows: Integers, mother: Integers, wanted: Integers, first: Integers) -> Integers:
    """Climb from each row to its mother until a wanted row or the first entry of the event; the number of the wanted, or -1."""
    number = np.full(len(mother), -1)
    number[wanted] = np.arange(len(wanted))
    at = rows.copy()
    climbing = (number[at] < 0) & (at != first[at])
    while climbing.any():
        at = np.where(climbing, mother[at], at)
        climbing = (number[at] < 0) & (at != first[at])
    return number[at]
