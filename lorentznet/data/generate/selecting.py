"""From events to the jets that are kept: the window in momentum, the match to the decaying particle, the columns of the file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lorentznet.data.generate.cluster import JET_RADIUS, LeadingJets, leading_jets, sums
from lorentznet.data.generate.events import Resonances
from lorentznet.data.generate.particles import Flags, Floats, Integers, Objects, azimuth_difference, pseudorapidity

PT_WINDOW = (550.0, 650.0)  # GeV
ETA_MAX = 2.0
CONSTITUENTS_MAX = 200  # the hardest ones; more are never seen without multiparton interactions

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Jets:
    """Jets as they are stored; constituents are flat, jet after jet, ordered by falling transverse momentum.

    Attributes
    ----------
    counts : ndarray, shape (n_jets,)
        Number of constituents.
    px, py, pz, energy : ndarray of float32, shape (n_constituents,)
        Momenta in GeV.
    charge, kind : ndarray of int8, shape (n_constituents,)
        Charge, and what the constituent is taken for (a code of :data:`.particles.KINDS`).
    truth : ndarray of float32, shape (n_jets, 4)
        (px, py, pz, E) of the decaying particle that the jet contains; zeros where there is none.
    w : ndarray of float32, shape (n_jets, 4)
        (px, py, pz, E) of the W boson that this particle decays to; zeros where there is none.
    pt_hat : ndarray of float32, shape (n_jets,)
        Scale of the hard process, GeV.
    """

    counts: Integers
    px: Singles
    py: Singles
    pz: Singles
    energy: Singles
    charge: NDArray[np.int8]
    kind: NDArray[np.int8]
    truth: Singles
    w: Singles
    pt_hat: Singles

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, jets: Integers | slice) -> Jets:
        """The jets of the given rows, in the given order."""
        rows = np.arange(len(self))[jets]
        counts = self.counts[rows]
        first = np.cumsum(self.counts) - self.counts
        inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        of = np.repeat(first[rows], counts) + inside
        return Jets(
            counts=counts,
            px=self.px[of],
            py=self.py[of],
            pz=self.pz[of],
            energy=self.energy[of],
            charge=self.charge[of],
            kind=self.kind[of],
            truth=self.truth[rows],
            w=self.w[rows],
            pt_hat=self.pt_hat[rows],
        )

    @classmethod
    def joined(cls, parts: list[Jets]) -> Jets:
        """The jets of all parts, one after the other."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def momenta(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Four-momenta (px, py, pz, E) of the jets: the sums of the stored constituents."""
        px, py, pz, energy = (sums(c.astype(np.float64), self.counts) for c in (self.px, self.py, self.pz, self.energy))
        return px, py, pz, energy


def kept_jets(objects: Objects, resonances: Resonances | None, pt_hat: Floats, bits: int | None, massless: bool) -> Jets:
    """Cluster a batch of events and keep the leading jets in the window that contain what they should.

    Parameters
    ----------
    objects
        What jets are made of, ordered by event.
    resonances
        Decaying particles to match, with their partons; None where the jets need no match.
    pt_hat
        Scale of each event, shape (n_events,).
    bits
        Mantissa bits of the stored momenta (None: all 23 of float32).
    massless
        Whether the energy is that of a massless object, computed from the stored momentum.

    Returns
    -------
    Jets
        In the order of the events. The window is applied to the momenta as they are stored.
    """
    lowest = PT_WINDOW[0] - 5.0  # rounding moves jets across the edge by much less
    found = leading_jets(objects, len(pt_hat), lowest)
    jets, axis = _stored(objects, found, pt_hat, bits, massless)
    pt = np.hypot(axis[0], axis[1])
    eta, phi = pseudorapidity(*axis), np.arctan2(axis[1], axis[0])
    kept = (pt >= PT_WINDOW[0]) & (pt <= PT_WINDOW[1]) & (np.abs(eta) < ETA_MAX)
    if resonances is not None:
        owner = matched(resonances, found.event, eta, phi, len(pt_hat))
        kept &= owner >= 0
        four = np.stack([resonances.px, resonances.py, resonances.pz, resonances.energy], axis=1)
        if len(four):
            truth, w = (np.where(kept[:, None], momenta[owner], 0.0).astype(np.float32) for momenta in (four, resonances.w))
            jets = dataclasses.replace(jets, truth=truth, w=w)
    return jets[np.flatnonzero(kept)]


def matched(resonances: Resonances, event: Integers, eta: Floats, phi: Floats, events: int) -> Integers:
    """The resonance that lies in each jet with all its partons, within the jet radius in (eta, phi); -1 if there is none.

    Parameters
    ----------
    resonances
        Of all events of the batch.
    event, eta, phi : ndarray, shape (n_jets,)
        Event and axis of each jet, one jet an event at most.
    events
        Number of events of the batch.
    """
    jet = np.full(events, -1)
    jet[event] = np.arange(len(event))
    r = resonances

    def inside(jet_of: Integers, px: Floats, py: Floats, pz: Floats) -> Flags:
        exists = jet_of >= 0
        near = np.where(exists, jet_of, 0)
        if not len(event):
            return exists
        away = np.hypot(pseudorapidity(px, py, pz) - eta[near], azimuth_difference(np.arctan2(py, px), phi[near]))
        return exists & (away < JET_RADIUS)

    jet_of = jet[r.event]
    good = inside(jet_of, r.px, r.py, r.pz)
    lost = ~inside(jet_of[r.parton_owner], r.parton_px, r.parton_py, r.parton_pz)
    good &= np.bincount(r.parton_owner, lost, len(good)) == 0
    owner = np.full(len(event), -1)
    owner[jet_of[good]] = np.flatnonzero(good)
    return owner


def rounded(values: NDArray[np.floating], bits: int | None) -> Singles:
    """To float32 with the given number of mantissa bits, to the nearest; the relative error is at most 2^-(bits + 1).

    Examples
    --------
    >>> rounded(np.array([1.2345678]), 4).tolist()
    [1.25]
    """
    single = values.astype(np.float32)
    if bits is None:
        return single
    dropped = np.uint32(23 - bits)
    half = np.uint32(1 << int(dropped) >> 1)
    return (((single.view(np.uint32) + half) >> dropped) << dropped).view(np.float32)


def _stored(
    objects: Objects, found: LeadingJets, pt_hat: Floats, bits: int | None, massless: bool
) -> tuple[Jets, tuple[Floats, ...]]:
    """The constituents as they will be stored, ordered by transverse momentum, and the axis (px, py, pz) of each jet."""
    counts = found.counts
    jet = np.repeat(np.arange(len(counts)), counts)
    members = found.constituent[np.lexsort((-objects.pt[found.constituent], jet))]
    hard = np.arange(len(members)) - np.repeat(np.cumsum(counts) - counts, counts) < CONSTITUENTS_MAX
    members, counts = members[hard], np.minimum(counts, CONSTITUENTS_MAX)
    px, py, pz = (rounded(component[members], bits) for component in (objects.px, objects.py, objects.pz))
    double = [component.astype(np.float64) for component in (px, py, pz)]
    squared = double[0] ** 2 + double[1] ** 2 + double[2] ** 2
    if not massless:
        true = objects[members]
        squared += np.maximum(true.energy**2 - true.px**2 - true.py**2 - true.pz**2, 0.0)
    jets = Jets(
        counts=counts,
        px=px,
        py=py,
        pz=pz,
        energy=np.sqrt(squared).astype(np.float32),
        charge=objects.charge[members].astype(np.int8),
        kind=objects.kind[members].astype(np.int8),
        truth=np.zeros((len(counts), 4), dtype=np.float32),
        w=np.zeros((len(counts), 4), dtype=np.float32),
        pt_hat=pt_hat[found.event].astype(np.float32),
    )
    return jets, tuple(sums(component, counts) for component in double)
