"""How good regressed momenta and masses are.

The *response* of a quantity is its predicted over its true value. Its *bias* is the median minus one, its *resolution* half the width
of the central 68.27 % of jets over the median, which outliers do not dominate. Errors are those of the bootstrap: the jets are drawn
again with replacement, and the central 68.27 % of what comes out is the interval. The same draws are used for the network and for
the plain jet, so that the error of their ratio is that of the same jets twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorentznet import files
from lorentznet.console import aligned
from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate.intervals import LEVEL, Estimate
from lorentznet.evaluate.regression_table import RegressionTable
from lorentznet.evaluate.scores import Columns
from lorentznet.evaluate.summary import facts
from lorentznet.evaluate.tables import file_name, read_json, write_columns, write_rows

QUANTITIES = {"momentum": ("mass", "pt", "energy"), "mass": ("mass",)}
REPLICAS = 200
BINS = np.linspace(0.5, 1.5, 81)
METHOD = f"central intervals of {REPLICAS} bootstrap replicas of the jets"

Floats = NDArray[np.float64]


@dataclass
class RegressionEvaluation:
    """Resolutions of regressions.

    Attributes
    ----------
    numbers
        The content of ``regression.json``: ``regressions.<name>.quantities.<quantity>.<network|jet>.<bias|resolution>`` and, of both
        resolutions, ``ratio``, each ``{value, low, high}``; with jets, parameters, symmetry and provenance.
    histograms
        Name -> quantity -> columns ``low``, ``high`` (response) and the fractions of jets ``network`` and ``jet``.
    """

    numbers: dict[str, Any]
    histograms: dict[str, dict[str, Columns]] = field(default_factory=dict)

    @property
    def regressions(self) -> dict[str, dict[str, Any]]:
        """The numbers of each regression."""
        return self.numbers["regressions"]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Every estimate: regression, quantity, estimator, figure, value, low, high."""
        for name, regression in self.regressions.items():
            for quantity, part in regression["quantities"].items():
                for estimator in ("network", "jet"):
                    for figure, estimate in part[estimator].items():
                        yield name, quantity, estimator, figure, *(estimate[key] for key in ("value", "low", "high"))
                yield name, quantity, "network over jet", "resolution", *(part["ratio"][key] for key in ("value", "low", "high"))

    def write(self, folder: str | Path) -> None:
        """Write ``regression.json``, ``regression.csv`` and ``response_<name>_<quantity>.csv``."""
        folder = files.make_folder(folder)
        taken: set[str] = set()
        for name, quantities in self.histograms.items():
            for quantity, columns in quantities.items():
                write_columns(folder / f"response_{file_name(f'{name}_{quantity}', taken)}.csv", columns)
        write_rows(
            folder / "regression.csv", ("regression", "quantity", "estimator", "figure", "value", "low", "high"), self.rows()
        )
        files.write_json(folder / "regression.json", self.numbers)

    def cells(self) -> list[list[str]]:
        """Bias and resolution in percent, network beside plain jet, as a table of words with a header."""
        rows = [["regression", "quantity", "", "bias / %", "resolution / %", "network / jet"]]
        for name, regression in self.regressions.items():
            for quantity, part in regression["quantities"].items():
                for estimator in ("network", "jet"):
                    bias, resolution = (_percent(part[estimator][figure]) for figure in ("bias", "resolution"))
                    ratio = Estimate.from_dict(part["ratio"]).text() if estimator == "network" else ""
                    rows.append([name, quantity, estimator if estimator == "network" else "plain jet", bias, resolution, ratio])
        return rows

    def table(self) -> str:
        """The same as aligned text."""
        jets = ", ".join(f"{name}: {regression['jets']} jets" for name, regression in self.regressions.items())
        return f"{aligned(self.cells())}\n\n{jets}; errors: {METHOD}"

    @classmethod
    def read(cls, folder: str | Path) -> RegressionEvaluation:
        """The numbers that :meth:`write` wrote; :class:`DataError` names the file that is missing or not what it should be."""

        def build(numbers: Any) -> RegressionEvaluation:
            result = cls(numbers)
            result.cells()
            return result

        path = Path(folder) / "regression.json"
        return read_json(path, build, "regression.json of 'lorentznet evaluate'", "evaluate the predictions again")


def evaluate(tables: Sequence[RegressionTable], sources: Sequence[str] = (), seed: int = 1) -> RegressionEvaluation:
    """Bias and resolution of every quantity, with intervals, beside those of the plain jet momentum.

    Parameters
    ----------
    tables
        Predictions with targets; jets without a target are left out and counted.
    sources
        Where they come from, for messages and the record.
    seed
        Of the bootstrap.

    Raises
    ------
    DataError
        If a table has no targets, or fewer than two jets have one; if a momentum or mass is NaN or infinite, or a weight negative, NaN
        or infinite.
    ConfigError
        If two tables have the same name.
    """
    result = RegressionEvaluation({"regressions": {}, "intervals": {"level": LEVEL, "method": METHOD, "seed": seed}})
    result.numbers["files"] = list(sources)
    for number, table in enumerate(tables):
        where = sources[number] if number < len(sources) else f"predictions of '{table.name}'"
        if table.name in result.regressions:
            raise ConfigError(f"{where}: two regressions are named '{table.name}'; predict one of them again with --name")
        if table.targets is None:
            raise DataError(
                f"{where}: has no targets, so that nothing can be evaluated; predict a file that has the target columns"
            )
        _check_numbers(table, where)
        present = table.targets[:, 0] > 0
        if np.count_nonzero(present & (table.weights > 0)) < 2:
            raise DataError(f"{where}: {np.count_nonzero(present)} of {len(table)} jets have a target; give jets that have one")
        entry: dict[str, Any] = {"task": table.task, "jets": int(present.sum()), "without_target": int((~present).sum())}
        entry |= {"quantities": {}, **facts(table.provenance)}
        histograms: dict[str, Columns] = {}
        for quantity in QUANTITIES[table.task]:
            truth = _quantity(table.targets[present], quantity)
            good = truth > 0
            responses = {
                "network": _quantity(table.predictions[present], quantity)[good] / truth[good],
                "jet": _quantity(table.jets[present], quantity)[good] / truth[good],
            }
            weights = table.weights[present][good]
            entry["quantities"][quantity] = _compared(responses, weights, seed)
            histograms[quantity] = _histogram(responses, weights)
        result.regressions[table.name] = entry
        result.histograms[table.name] = histograms
    return result


def _check_numbers(table: RegressionTable, where: str) -> None:
    for what, values in (("predictions", table.predictions), ("targets", table.targets), ("jet momenta", table.jets)):
        bad = 0 if values is None else int(np.count_nonzero(~np.isfinite(values).all(axis=1)))
        if bad:
            raise DataError(f"{where}: the {what} of {bad} of {len(table)} jets are NaN or infinite; predict these jets again")
    bad = int(np.count_nonzero(~(np.isfinite(table.weights) & (table.weights >= 0))))
    if bad:
        raise DataError(f"{where}: the weights of {bad} of {len(table)} jets are negative, NaN or infinite; give at least zero")


def resolution(response: Floats, weights: Floats) -> tuple[float, float]:
    """Bias and resolution of a response, see the module.

    Examples
    --------
    >>> bias, width = resolution(np.linspace(0.9, 1.3, 10_001), np.ones(10_001))
    >>> round(bias, 3), round(width, 3)
    (0.1, 0.124)
    """
    found = _figures(np.sort(response), weights[np.argsort(response, kind="stable")])
    return float(found[0]), float(found[1])


def _figures(ordered: Floats, weights: Floats) -> Floats:
    passed = np.cumsum(weights)
    places = [0.5 - LEVEL / 2, 0.5, 0.5 + LEVEL / 2]
    low, median, high = np.interp(places, (passed - 0.5 * weights) / passed[-1], ordered)
    return np.array([median - 1, 0.5 * (high - low) / median if median else np.nan])


def _compared(responses: dict[str, Floats], weights: Floats, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    orders = {name: np.argsort(response, kind="stable") for name, response in responses.items()}
    drawn = [random.multinomial(len(weights), np.full(len(weights), 1 / len(weights))) * weights for _ in range(REPLICAS)]
    found: dict[str, Any] = {}
    replicas: dict[str, Floats] = {}
    central: dict[str, Floats] = {}
    for name, response in responses.items():
        order = orders[name]
        central[name] = _figures(response[order], weights[order])
        replicas[name] = np.stack([_figures(response[order], replica[order]) for replica in drawn])
        estimates = (_estimate(central[name][k], replicas[name][:, k]) for k in range(2))
        found[name] = dict(zip(("bias", "resolution"), estimates, strict=True))
    ratio = central["network"][1] / central["jet"][1] if central["jet"][1] else np.nan
    spread = replicas["network"][:, 1] / np.where(replicas["jet"][:, 1] > 0, replicas["jet"][:, 1], np.nan)
    return found | {"ratio": _estimate(ratio, spread)}


def _estimate(value: float, replicas: Floats) -> dict[str, Any]:
    replicas = replicas[np.isfinite(replicas)]
    low, high = np.quantile(replicas, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]) if len(replicas) else (np.nan, np.nan)
    return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value))).as_dict()


def _quantity(values: Floats, name: str) -> Floats:
    if values.shape[1] == 1:
        return values[:, 0]
    if name == "energy":
        return values[:, 0]
    if name == "pt":
        return np.hypot(values[:, 1], values[:, 2])
    return np.sqrt(np.maximum(values[:, 0] ** 2 - (values[:, 1:] ** 2).sum(axis=1), 0))


def _histogram(responses: dict[str, Floats], weights: Floats) -> Columns:
    """Fractions of the jets; the outermost bins hold what lies beyond them."""
    columns: Columns = {"low": BINS[:-1], "high": BINS[1:]}
    for name, response in responses.items():
        place = np.clip(np.searchsorted(BINS, response, side="right") - 1, 0, len(BINS) - 2)
        columns[name] = np.bincount(place, weights, len(BINS) - 1) / weights.sum()
    return columns


def _percent(numbers: dict[str, Any]) -> str:
    return Estimate(*(100 * getattr(Estimate.from_dict(numbers), key) for key in ("value", "low", "high"))).text()
