"""What the training jets looked like, and whether other jets are alike: beyond that range a score is an extrapolation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lorentznet.data.table import JetTable
    from lorentznet.taggers.base import Tagger

Floats = NDArray[np.float64]

NAMES = {"pt": "pT", "abs_eta": "|eta|", "mass": "mass", "constituents": "number of constituents", "softest": "softest particle"}
"""The quantities of a jet that are compared, in words."""

LEVELS = (0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0)
"""Quantiles that are kept, each the value of a jet."""

LOW, HIGH = "0.001", "0.999"
"""The quantiles that a jet has to lie between: the most extreme training jets do not stretch the range."""

NOTABLE = 0.02
"""Share of jets outside in one quantity from which on it is said; of the training jets at most 0.002 are outside."""

_FURTHEST_ETA = 20.0  # in place of infinity, for jets along the beam


def quantities(p4: NDArray[Any], counts: NDArray[Any]) -> dict[str, Floats]:
    """The compared numbers of each jet that has particles.

    Parameters
    ----------
    p4
        (E, px, py, pz) in GeV of all particles, jet after jet, shape (n_particles, 4).
    counts
        Number of particles of each jet, shape (n_jets,).

    Returns
    -------
    dict of arrays, each of shape (n_jets with particles,)
        ``pt`` and ``mass`` of the summed particles in GeV, ``abs_eta``, ``constituents``, and ``softest``, the smallest energy of a
        particle in GeV.
    """
    p4, counts = np.asarray(p4, dtype=np.float64), np.asarray(counts, dtype=np.int64)
    number = counts[counts > 0]
    if not len(number):
        return {name: np.zeros(0) for name in NAMES}
    starts = np.cumsum(number) - number
    energy, px, py, pz = np.add.reduceat(p4, starts).T
    pt = np.hypot(px, py)
    along = np.full(len(number), _FURTHEST_ETA)
    eta = np.arcsinh(np.divide(np.abs(pz), pt, out=np.sinh(along), where=pt > 0))
    mass = np.sqrt(np.maximum((energy - np.hypot(pt, pz)) * (energy + np.hypot(pt, pz)), 0))
    softest = np.minimum.reduceat(p4[:, 0], starts)
    values = (pt, np.minimum(eta, _FURTHEST_ETA), mass, number.astype(np.float64), softest)
    return dict(zip(NAMES, values, strict=True))


def measure(p4: NDArray[Any], counts: NDArray[Any]) -> dict[str, Any]:
    """Quantiles of the jets of a training, as plain values: ``{"jets": n, "pt": {"0": ..., "0.001": ..., ...}, ...}``.

    Parameters
    ----------
    p4, counts
        As in :func:`quantities`.
    """
    found = quantities(p4, counts)
    result: dict[str, Any] = {"jets": len(found["pt"])}
    for name, values in found.items():
        quantiles = np.quantile(values, LEVELS, method="nearest").tolist() if len(values) else []
        result[name] = {f"{level:g}": float(f"{value:.6g}") for level, value in zip(LEVELS, quantiles, strict=False)}
    return result


class RangeCheck:
    """Counts the jets that lie outside the range of a training.

    Parameters
    ----------
    known
        From :func:`measure`; None if nothing is known, and then nothing is said.
    """

    def __init__(self, known: Mapping[str, Any] | None) -> None:
        self.known = known or {}
        self.jets = 0
        self.outside = {name: 0 for name in NAMES if self.known.get(name)}
        self._log_pt = 0.0

    def add(self, p4: NDArray[Any], counts: NDArray[Any]) -> None:
        """Count some more jets; arguments as in :func:`quantities`."""
        if not self.outside or not len(counts):
            return
        found = quantities(p4, counts)
        self.jets += len(found["pt"])
        self._log_pt += float(np.log(np.maximum(found["pt"], 1e-300)).sum())
        for name in self.outside:
            low, high = self._limits(name)
            self.outside[name] += int(((found[name] < low) | (found[name] > high)).sum())

    def look(self, table: JetTable) -> None:
        """Count the jets of a table."""
        self.add(table.momenta, table.counts)

    @property
    def shares(self) -> dict[str, float]:
        """Quantity -> share of the jets outside its range, where it is worth saying; empty if the jets are alike."""
        shares = {name: number / max(self.jets, 1) for name, number in self.outside.items()}
        return {name: share for name, share in shares.items() if share > NOTABLE}

    def sentence(self) -> str:
        """What the training jets were and how many of these are others, to stand after "NAME was"; empty if these are alike.

        Examples
        --------
        >>> import numpy as np
        >>> slow, fast = np.array([[13.0, 3, 4, 12]]), np.array([[130.0, 30, 40, 120]])
        >>> check = RangeCheck(measure(slow, [1]))
        >>> check.add(slow, [1])
        >>> check.sentence()
        ''
        >>> check.add(fast, [1])
        >>> check.sentence().partition(":")[2]
        ' 50 % of these jets are outside in pT, 50 % in softest particle; scores are extrapolations'
        """
        shares = self.shares
        if not shares:
            return ""
        shown = [quantity for quantity in self.outside if quantity in shares or quantity in ("pt", "abs_eta", "constituents")]
        of_which = [" of these jets are outside", *[""] * (len(shares) - 1)]
        found = ", ".join(
            f"{_percent(share)}{words} in {NAMES[quantity]}"
            for (quantity, share), words in zip(shares.items(), of_which, strict=True)
        )
        trained = ", ".join(self._words(quantity) for quantity in shown)
        return f"trained on {trained}: {found}; scores are extrapolations{self._units()}"

    def _limits(self, name: str) -> tuple[float, float]:
        known = self.known[name]
        return -np.inf if name == "abs_eta" else known[LOW], known[HIGH]

    def _words(self, name: str) -> str:
        low, high = (f"{value:.3g}" for value in self._limits(name))
        if name == "abs_eta":
            return f"|eta| < {high}"
        if name == "constituents":
            return f"{low}-{high} constituents"
        return f"{NAMES[name]} {low}-{high} GeV"

    def _units(self) -> str:
        """A guess, if momenta are a thousand times too large or too small."""
        ratio = np.exp(self._log_pt / self.jets) / max(self.known["pt"]["0.5"], 1e-300)
        if 300 < ratio < 3000:
            return " (are the momenta in MeV? the card's 'units' say so)"
        if 300 < 1 / max(ratio, 1e-300) < 3000:
            return " (are the momenta in TeV? or in GeV, and the card says MeV?)"
        return ""


def extrapolation(name: str, tagger: Tagger, table: JetTable) -> str:
    """A warning if many jets lie outside the range of a tagger's training; else empty."""
    check = RangeCheck(tagger.training_range)
    check.look(table)
    return f"warning: {name} was {sentence}" if (sentence := check.sentence()) else ""


def _percent(share: float) -> str:
    """A share in per cent, never rounded to all or nothing.

    Examples
    --------
    >>> [_percent(share) for share in (0.0213, 0.834, 0.9999, 1.0)]
    ['2 %', '83 %', '> 99 %', '100 %']
    """
    return f"{100 * share:.0f} %" if share == 1 or share < 0.995 else "> 99 %"
