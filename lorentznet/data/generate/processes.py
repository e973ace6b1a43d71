"""The processes that can be generated, as Pythia settings and what a jet must contain to carry the label.

All are proton-proton collisions at 14 TeV. The classes of top tagging follow the recipe of the published top-tagging sets:
hadronic ttbar against QCD dijets (Butter, Kasieczka, Plehn, Russell, arXiv:1707.08966; Kasieczka et al., arXiv:1902.09914). The
further classes are two-prong decays recoiling against a neutrino pair or a parton.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lorentznet.errors import ConfigError, nearest

TOP = 6
"""PDG code of the top quark."""
_HADRONIC_W = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")
_HADRONIC_Z = ("23:onMode = off", "23:onIfAny = 1 2 3 4 5")
_INVISIBLE_Z = ("23:onMode = off", "23:onIfAny = 12 14 16")


@dataclass(frozen=True)
class Process:
    """One class of jets.

    Attributes
    ----------
    name : str
        Name on the command line and in the dataset card.
    title : str
        What is generated, in words.
    label : str
        One-hot branch of the class in the file (names of JetClass).
    settings : tuple of str
        Pythia settings of the hard process and its decays.
    resonance : int
        PDG code of the decaying particle that the jet must contain; 0 where the jet needs no match.
    partons : int
        Number of quarks or gluons that it decays to, all of which must lie in the jet.
    """

    name: str
    title: str
    label: str
    settings: tuple[str, ...]
    resonance: int = 0
    partons: int = 0


def _higgs(name: str, decay: str, code: int) -> Process:
    settings = ("HiggsSM:ffbar2HZ = on", "25:onMode = off", f"25:onIfAny = {code}", *_INVISIBLE_Z)
    title = f"H -> {decay} recoiling against Z -> nu nu"
    return Process(f"h{name}", title, f"label_H{name}", settings, resonance=25, partons=2)


_ALL = (
    Process("qcd", "QCD dijets", "label_QCD", ("HardQCD:all = on",)),
    Process(
        "top",
        "hadronic top pairs",
        "label_Tbqq",
        ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *_HADRONIC_W),
        resonance=TOP,
        partons=3,
    ),
    _higgs("bb", "b bbar", 5),
    _higgs("cc", "c cbar", 4),
    _higgs("gg", "g g", 21),
    Process(
        "wqq",
        "W -> q qbar with a parton",
        "label_Wqq",
        ("WeakBosonAndParton:qqbar2Wg = on", "WeakBosonAndParton:qg2Wq = on", *_HADRONIC_W),
        resonance=24,
        partons=2,
    ),
    Process(
        "zqq",
        "Z -> q qbar with a parton",
        "label_Zqq",
        ("WeakBosonAndParton:qqbar2gmZg = on", "WeakBosonAndParton:qg2gmZq = on", "WeakZ0:gmZmode = 2", *_HADRONIC_Z),
        resonance=23,
        partons=2,
    ),
)

PROCESSES: dict[str, Process] = {process.name: process for process in _ALL}
"""All processes by name; their order is the order of the classes in every card."""


def chosen(names: Iterable[str]) -> tuple[Process, ...]:
    """The named processes in the order of :data:`PROCESSES`, whatever the order of the names.

    Raises
    ------
    ConfigError
        For an unknown name (with the nearest match), a name given twice, or no name.

    Examples
    --------
    >>> [process.label for process in chosen(["top", "qcd"])]
    ['label_QCD', 'label_Tbqq']
    """
    listed = [name.lower() for name in names]
    for name in listed:
        if name not in PROCESSES:
            raise ConfigError(f"unknown process '{name}'; {nearest(name, PROCESSES)}")
        if listed.count(name) > 1:
            raise ConfigError(f"process '{name}' is given twice; name each process once")
    if not listed:
        raise ConfigError(f"no process to generate; name at least one of {', '.join(PROCESSES)}")
    return tuple(process for process in _ALL if process.name in listed)
