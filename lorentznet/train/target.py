"""What a regression is to find: columns of the jet file that hold a true four-momentum or mass.

A target is named by its columns, which are observers of the dataset card: four that together determine a four-momentum, such as
``aux_genpart_px, aux_genpart_py, aux_genpart_pz, aux_genpart_energy``; or by what these have in common, ``aux_genpart``; or, for a
mass, by one column. A jet has a target if its column of energy or transverse momentum (its mass) is positive: jets without are
written with zeros.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lorentznet.data.loading import IN_UNITS
from lorentznet.errors import DataError, nearest

if TYPE_CHECKING:
    from lorentznet.data.table import JetTable

SETS = (("px", "py", "pz", "energy"), ("pt", "eta", "phi", "mass"), ("pt", "eta", "phi", "energy"), ("px", "py", "pz", "mass"))
"""Components that determine a four-momentum, the first that is there is used."""
_ALIASES = {"e": "energy", "m": "mass"}
_COMPONENTS = ("energy", "mass", "eta", "phi", "pt", "px", "py", "pz", "e", "m")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """The target of a regression.

    Attributes
    ----------
    words
        Names of columns, or the one beginning that they have in common.
    task
        ``momentum`` or ``mass``.
    """

    words: tuple[str, ...]
    task: str

    def columns(self, observers: Collection[str], where: str) -> dict[str, str]:
        """Component -> column, among the observers of a file.

        Parameters
        ----------
        observers
            What there is.
        where
            Name of the file, for error messages.

        Returns
        -------
        dict
            Components of one of :data:`SETS`; or, for a mass, ``mass`` alone.

        Raises
        ------
        DataError
            If a column is missing (with the nearest match), or the columns do not determine what the task needs.
        """
        if len(self.words) == 1 and self.words[0] not in observers:
            found = _beginning_with(self.words[0], observers)
        else:
            for word in self.words:
                if word not in observers:
                    raise DataError(f"{where}: no target column '{word}'; {nearest(word, observers)}; {_CURE}")
            found = {_component(word): word for word in self.words}
        for components in SETS:
            if set(components) <= set(found):
                return {component: found[component] for component in components}
        if self.task == "mass" and len(self.words) == 1 and self.words[0] in observers:
            return {"mass": self.words[0]}
        there = ", ".join(sorted(found.values())) or f"no column that begins so; {nearest(self.words[0], observers)}"
        needed = " or ".join("/".join(components) for components in SETS[:2])
        kind = "four columns" if self.task == "momentum" else "one column, or four"
        raise DataError(
            f"{where}: the target '{', '.join(self.words)}' is no four-momentum: found {there}; give {kind} ({needed}); {_CURE}"
        )

    def among(self, observers: Collection[str]) -> bool:
        """Whether a file with these observers has the target."""
        try:
            self.columns(observers, "")
        except DataError:
            return False
        return True

    def values(self, table: JetTable) -> tuple[Floats, NDArray[np.bool_]]:
        """Targets of the jets of a table, and which jets have one.

        Returns
        -------
        values : ndarray, shape (n_jets, 4) or (n_jets, 1)
            (E, px, py, pz), or the mass, in GeV; columns are taken to be in the unit of the card's momenta, where reading has not
            converted them (:data:`~lorentznet.data.loading.IN_UNITS`).
        present : ndarray of bool, shape (n_jets,)

        Raises
        ------
        DataError
            As :meth:`columns`; also if the target of a jet is NaN or infinite.
        """
        names = self.columns(table.observers, table.source)
        stored = {component: np.asarray(table.observer(name), dtype=np.float64) for component, name in names.items()}
        for component, values in stored.items():
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise DataError(
                    f"{table.source}: target column '{names[component]}' is not finite for {len(bad)} jets (first: jet "
                    f"{table.ids[bad[0]]}); write zeros where there is no target"
                )
        if table.card is not None and table.card.units == "MeV":
            for component, name in names.items():
                if component not in ("eta", "phi") and name not in IN_UNITS:
                    stored[component] = stored[component] / 1000
        if set(stored) == {"mass"}:
            return stored["mass"][:, None], stored["mass"] > 0
        momenta = four_momenta(stored)
        if self.task == "momentum":
            return momenta, momenta[:, 0] > 0
        square = momenta[:, 0] ** 2 - (momenta[:, 1:] ** 2).sum(1)
        mass = np.sqrt(np.maximum(square, 0))
        return mass[:, None], mass > 0


_CURE = "targets are columns that the dataset card lists under 'observers'"


def four_momenta(stored: Mapping[str, Floats]) -> Floats:
    """(E, px, py, pz), shape (n, 4), from components of one of :data:`SETS`; a mass with no momentum gives zeros.

    Examples
    --------
    >>> four_momenta({name: np.array([value]) for name, value in {"pt": 3.0, "eta": 0.0, "phi": 0.0, "mass": 4.0}.items()})
    array([[5., 3., 0., 0.]])
    """
    if "pt" in stored:
        pt, eta, phi = stored["pt"], stored["eta"], stored["phi"]
        space = np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=1)
    else:
        space = np.stack((stored["px"], stored["py"], stored["pz"]), axis=1)
    energy = stored["energy"] if "energy" in stored else np.sqrt(stored["mass"] ** 2 + (space**2).sum(1))
    return np.concatenate((energy[:, None], space), axis=1)


def _component(name: str) -> str:
    """What a column holds, by how its name ends; the name itself if that says nothing."""
    folded = name.casefold()
    end = next((component for component in _COMPONENTS if folded.endswith(component)), name)
    return _ALIASES.get(end, end)


def _beginning_with(stem: str, observers: Collection[str]) -> dict[str, str]:
    """Component -> column, of the columns that are called after their component and a common beginning."""
    found = {}
    for name in observers:
        rest = name[len(stem) :].lstrip("_").casefold()
        if name.startswith(stem) and rest in _COMPONENTS:
            found[_ALIASES.get(rest, rest)] = name
    return found
