"""Jets of a batch of events with FastJet: anti-kT, the leading jet of each event."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np

from lorentznet.data.generate import packages
from lorentznet.data.generate.particles import Floats, Integers, Objects

JET_RADIUS = 0.8


@dataclass(frozen=True)
class LeadingJets:
    """The leading jet of each event that has one.

    Attributes
    ----------
    event : ndarray, shape (n_jets,)
        Event of each jet.
    constituent : ndarray, shape (n_constituents,)
        Row of each constituent in the clustered objects, jet after jet.
    counts : ndarray, shape (n_jets,)
        Number of constituents of each jet.
    """

    event: Integers
    constituent: Integers
    counts: Integers


def leading_jets(objects: Objects, events: int, pt_min: float, radius: float = JET_RADIUS) -> LeadingJets:
    """Cluster with anti-kT (Cacciari, Salam, Soyez, arXiv:0802.1189; E scheme) and keep the jet of largest pT of each event.

    Parameters
    ----------
    objects
        Ordered by event.
    events
        Number of events of the batch.
    pt_min
        Jets below this transverse momentum (GeV) are not looked at.
    radius
        Jet radius R.
    """
    fastjet = packages.fastjet()
    offsets = np.concatenate([[0], np.cumsum(np.bincount(objects.event, minlength=events))])
    momenta = ak.contents.RecordArray(
        [ak.contents.NumpyArray(np.ascontiguousarray(c)) for c in (objects.px, objects.py, objects.pz, objects.energy)],
        ["px", "py", "pz", "E"],
        parameters={"__record__": "Momentum4D"},
    )
    array = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), momenta))
    sequence = fastjet.ClusterSequence(array, fastjet.JetDefinition(fastjet.antikt_algorithm, radius))
    jets = sequence.inclusive_jets(pt_min)
    hardest = ak.argmax(jets.px**2 + jets.py**2, axis=1, keepdims=True)
    members = ak.flatten(sequence.constituent_index(pt_min)[hardest], axis=1)  # one list an event, None without a jet
    event = np.flatnonzero(~ak.to_numpy(ak.is_none(members)))
    members = ak.drop_none(members)
    counts = ak.to_numpy(ak.num(members)).astype(np.int64)
    return LeadingJets(event, ak.to_numpy(ak.flatten(members)) + np.repeat(offsets[event], counts), counts)


def sums(values: Floats, counts: Integers) -> Floats:
    """Sum of a flat array over the constituents of each jet."""
    return np.add.reduceat(values, np.cumsum(counts) - counts) if len(counts) else np.zeros(0)
