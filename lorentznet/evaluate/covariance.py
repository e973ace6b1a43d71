r"""How covariant a trained momentum regression really is: what it says of a jet that is seen from another frame.

For jets j and transforms L_j (a random axis or rotation for each jet) the error is

.. math:: d_j = \frac{\|\Lambda_j^{-1} f(\Lambda_j p_j) - f(p_j)\|}{\|f(p_j)\|},

norms being Euclidean, both momenta from the same network in the same mode: behind the float64 rest-frame front end (``"frame"``) or
without it (``"lab"``), in float32 or float64. Momenta are transformed in extended precision and rounded to float64, and reference
vectors are transformed along.

The *floor* is what no network can avoid: the rounded momenta are taken back in extended precision and given to the float64 network, and
what it finds is transformed, rounded and taken back as well,

.. math:: d_j^0 = \frac{\|\Lambda_j^{-1}\,\mathrm{fl}(\Lambda_j\, f(\Lambda_j^{-1}\,\mathrm{fl}(\Lambda_j p_j))) - f(p_j)\|}{\|f(p_j)\|}.

What must not matter and is no Lorentz transform (order of the particles, padding, other jets of the batch) is measured in the same units.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lorentznet import files
from lorentznet.console import aligned
from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate.invariance import EVERYTHING, GAMMAS, check_asked, evenly_spaced
from lorentznet.evaluate.invariance_words import gamma_key, mode_name
from lorentznet.evaluate.measured import CONDITIONINGS, DTYPES, in_portions
from lorentznet.evaluate.rearrangements import REARRANGEMENTS, rearranged
from lorentznet.evaluate.tables import write_rows
from lorentznet.evaluate.transformations import TRANSFORMATIONS, WITHOUT_GAMMA, inverse, transformed

if TYPE_CHECKING:
    from torch import Tensor

    from lorentznet.data.batch import JetBatch
    from lorentznet.data.table import JetTable
    from lorentznet.taggers.base import Tagger

EXACT = ("float64", "frame")
"""The most precise mode, of which the floor is taken."""
FLOOR = ("float64", "floor")
CHUNK = 32
"""Jets that are evaluated at a time."""


@dataclass
class CovarianceResult:
    """Errors of covariance, by regression, dtype, conditioning, transformation and gamma: ``{"rms", "max"}``; None: not finite.

    Beside the dtypes of a regression stands its ``floor``, by transformation and gamma, if float64 is among them.
    """

    regressions: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, str, str, str, str, float | None, float | None]]:
        """Regression, dtype, conditioning, transformation, gamma, rms, max; the floor has the conditioning ``floor``."""
        for name, modes in self.regressions.items():
            for (dtype, conditioning), curves in _flat(modes):
                for transformation, points in curves.items():
                    for gamma, error in points.items():
                        yield name, dtype, conditioning, transformation, gamma, error["rms"], error["max"]

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``covariance.json`` and ``covariance.csv``; give their paths."""
        folder = files.make_folder(folder)
        files.write_json(folder / "covariance.json", {"regressions": self.regressions, **self.about})
        header = ("regression", "dtype", "conditioning", "transformation", "gamma", "rms", "max")
        return [folder / "covariance.json", write_rows(folder / "covariance.csv", header, self.rows())]

    def table(self) -> str:
        """The rms errors as aligned text."""
        gammas = sorted({row[4] for row in self.rows()}, key=float)
        cells = [["regression", "mode", "transform", *(f"gamma {gamma}" for gamma in gammas)]]
        for name, modes in self.regressions.items():
            for mode, curves in _flat(modes):
                what = "floor, rounding alone" if mode == FLOOR else mode_name(*mode)
                for transformation, points in curves.items():
                    words = ("" if gamma not in points else _word(points[gamma]["rms"]) for gamma in gammas)
                    cells.append([name, what, transformation, *words])
        empty = f"{self.about['empty_jets']} without particles left out, " if self.about.get("empty_jets") else ""
        caption = f"rms of |L^-1 f(Lx) - f(x)| / |f(x)| ({self.about['jets']} jets, {empty}seed {self.about['seed']})"
        return f"{caption}\n\n{aligned(cells)}"


def scan(
    taggers: Mapping[str, Tagger],
    jets_in: JetTable | JetBatch,
    gammas: Sequence[float] = GAMMAS,
    transformations: Sequence[str] = EVERYTHING,
    dtypes: Sequence[str] = ("float32", "float64"),
    jets: int = 1000,
    seed: int = 1,
    device: str | torch.device = "cpu",
    progress: Callable[[int], None] | None = None,
) -> CovarianceResult:
    """Errors of covariance of trained momentum regressions, which are left as they are.

    Parameters
    ----------
    taggers
        By name; their task is ``momentum``.
    jets_in
        Jets as a table or batch, float64 GeV.
    transformations
        Names out of :data:`~lorentznet.evaluate.transformations.TRANSFORMATIONS` and
        :data:`~lorentznet.evaluate.rearrangements.REARRANGEMENTS`.
    dtypes
        Names out of :data:`~lorentznet.evaluate.measured.DTYPES`.
    gammas, jets, seed, device
        As for :func:`lorentznet.evaluate.invariance.scan`.
    progress
        Called with 1 after each point; there are ``measurements(gammas, transformations, dtypes)`` for each regression.

    Raises
    ------
    ConfigError
        For an unknown transformation or dtype, or a gamma below 1; if the outputs of a tagger are no four-vectors.
    DataError
        If no jet has a particle. Jets without any, which have no momentum to compare, are left out and counted.
    """
    check_asked("covariance", gammas, {"transformation": (transformations, EVERYTHING), "dtype": (dtypes, DTYPES)})
    batch, step = evenly_spaced(jets_in, jets), progress or (lambda done: None)
    empty = int((batch.counts == 0).sum())
    batch = batch.select(batch.counts > 0)
    if not batch.n_jets:
        raise DataError("covariance: no jet has a particle; give a file with jets")
    result = CovarianceResult({}, {"jets": batch.n_jets, "empty_jets": empty, "seed": seed, "device": str(device)})
    for name, tagger in taggers.items():
        if tagger.output_law is None:
            raise ConfigError(f"tagger '{name}': its task is {tagger.task}, covariance is that of momenta; scan its invariance")
        given = tagger.with_references(batch)
        networks = {dtype: copy.deepcopy(tagger).to(device, DTYPES[dtype]).eval() for dtype in dtypes}
        outputs = {mode: partial(_momenta, networks[mode[0]], mode[1], device) for mode in product(dtypes, CONDITIONINGS)}
        before = {mode: _extended(found(given)) for mode, found in outputs.items()}
        curves: dict[tuple[str, str], dict[str, Any]] = {mode: {} for mode in outputs}
        floor: dict[str, Any] = {}
        for transformation in (word for word in transformations if word in TRANSFORMATIONS):
            for number, gamma in enumerate([1.0] if transformation in WITHOUT_GAMMA else gammas):
                random = np.random.default_rng([seed, sorted(TRANSFORMATIONS).index(transformation), number])
                matrices = TRANSFORMATIONS[transformation](gamma, batch.n_jets, random)
                moved = transformed(given, matrices)
                for mode, found in outputs.items():
                    back = _applied(inverse(matrices), _extended(found(moved)))
                    curves[mode].setdefault(transformation, {})[gamma_key(gamma)] = _error(back, before[mode])
                    step(1)
                if EXACT in outputs:
                    rounded = _applied(matrices, _extended(outputs[EXACT](transformed(moved, inverse(matrices)))))
                    back = _applied(inverse(matrices), rounded.astype(np.float64).astype(np.longdouble))
                    floor.setdefault(transformation, {})[gamma_key(gamma)] = _error(back, before[EXACT])
        for rearrangement in (word for word in transformations if word in REARRANGEMENTS):
            for mode, found in outputs.items():
                random = np.random.default_rng([seed, len(TRANSFORMATIONS)])
                rows, momenta = rearranged(found, given, rearrangement, random)
                curves[mode][rearrangement] = {gamma_key(1.0): _error(_extended(momenta), before[mode][rows.numpy()])}
                step(1)
        result.regressions[name] = {dtype: {word: curves[dtype, word] for word in CONDITIONINGS} for dtype in dtypes}
        if floor:
            result.regressions[name]["floor"] = floor
    return result


def measurements(
    gammas: Sequence[float] = GAMMAS,
    transformations: Sequence[str] = EVERYTHING,
    dtypes: Sequence[str] = ("float32", "float64"),
) -> int:
    """The number of steps that :func:`scan` reports for each regression."""
    once = (*WITHOUT_GAMMA, *REARRANGEMENTS)
    points = sum(1 if transformation in once else len(gammas) for transformation in transformations)
    return points * len(dtypes) * len(CONDITIONINGS)


def _applied(matrices: np.ndarray[Any, Any], vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (matrices @ vectors[..., None])[..., 0]


def _momenta(
    tagger: Tagger, conditioning: str, device: str | torch.device, batch: JetBatch, company: JetBatch | None = None
) -> Tensor:
    """Momenta that a tagger finds with a front end, float64, shape (jets, 4)."""
    return in_portions(tagger.in_frame(conditioning), batch, device, CHUNK, company)


def _extended(momenta: Tensor) -> np.ndarray[Any, Any]:
    return momenta.numpy().astype(np.longdouble)


def _error(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> dict[str, float | None]:
    error = np.sqrt(((found - wanted) ** 2).sum(axis=1) / (wanted**2).sum(axis=1)).astype(float)
    if not np.isfinite(error).all():
        return {"rms": None, "max": None}
    return {"rms": float(np.sqrt((error**2).mean())), "max": float(error.max())}


def _flat(modes: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    for dtype in (name for name in modes if name != "floor"):
        for conditioning, curves in modes[dtype].items():
            yield (dtype, conditioning), curves
    if "floor" in modes:
        yield FLOOR, modes["floor"]


def _word(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.1e}"
