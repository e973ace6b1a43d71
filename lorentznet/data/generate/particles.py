"""Flat arrays that travel between the steps of the generation.

A collection of particles of many events is one set of equally long arrays; ``event`` says to which event each entry belongs
and never decreases.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

KINDS = ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")
"""What an object is taken for, in the order of the codes of :attr:`Objects.kind`; the flags of the file are ``part_is<Kind>``."""
CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON, MUON = range(5)


class Columns:
    """Equally long arrays that are cut, joined and ordered together."""

    def __len__(self) -> int:
        return len(getattr(self, dataclasses.fields(self)[0].name))  # type: ignore[arg-type]

    def __getitem__(self, rows: Any) -> Self:
        columns = {field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return type(self)(**columns)

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """The rows of all parts, one after the other."""
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True)
class Particles(Columns):
    """Stable visible particles at their production vertex.

    Attributes
    ----------
    event : ndarray, shape (n,)
        Number of the event in the batch.
    pdg : ndarray, shape (n,)
        PDG code, signed.
    charge : ndarray, shape (n,)
        Electric charge in units of the positron's.
    px, py, pz, energy : ndarray, shape (n,)
        Four-momentum in GeV.
    x, y, z : ndarray, shape (n,)
        Production vertex in metres.
    """

    event: Integers
    pdg: Integers
    charge: Integers
    px: Floats
    py: Floats
    pz: Floats
    energy: Floats
    x: Floats
    y: Floats
    z: Floats

    @property
    def pt(self) -> Floats:
        """Transverse momentum in GeV."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Floats:
        """Pseudorapidity of the momentum."""
        return pseudorapidity(self.px, self.py, self.pz)

    @property
    def kind(self) -> Integers:
        """What an ideal detector takes each particle for: a code of :data:`KINDS`."""
        code = np.abs(self.pdg)
        kind = np.where(self.charge != 0, CHARGED_HADRON, NEUTRAL_HADRON)
        for pdg, named in ((22, PHOTON), (11, ELECTRON), (13, MUON)):
            kind = np.where(code == pdg, named, kind)
        return kind


@dataclass(frozen=True)
class Objects(Columns):
    """What jets are made of: momentum in GeV, charge, and what the object is taken for (a code of :data:`KINDS`)."""

    event: Integers
    px: Floats
    py: Floats
    pz: Floats
    energy: Floats
    charge: Integers
    kind: Integers

    @property
    def pt(self) -> Floats:
        """Transverse momentum in GeV."""
        return np.hypot(self.px, self.py)


def pseudorapidity(px: Floats, py: Floats, pz: Floats) -> Floats:
    r"""Pseudorapidity :math:`\eta = \operatorname{arsinh}(p_z / p_T)`, finite also along the beam."""
    return np.arcsinh(pz / np.maximum(np.hypot(px, py), 1e-12))


def azimuth_difference(a: Floats, b: Floats) -> Floats:
    r""":math:`a - b` in :math:`[-\pi, \pi)`."""
    return (a - b + np.pi) % (2 * np.pi) - np.pi
