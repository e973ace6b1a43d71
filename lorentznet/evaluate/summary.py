"""The evaluation of taggers on the same jets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorentznet.errors import DataError
from lorentznet.evaluate import calibration, metrics
from lorentznet.evaluate.comparison import Scored, compare, correlations
from lorentznet.evaluate.dependence import MASSES, WorkingPoints, chosen
from lorentznet.evaluate.evaluation import Evaluation
from lorentznet.evaluate.intervals import LEVEL, Method
from lorentznet.evaluate.scores import ScoreTable, check_same_jets
from lorentznet.evaluate.tables import Columns
from lorentznet.evaluate.ties import ties_of

SIGNAL_EFFICIENCIES = (0.3, 0.5)
BACKGROUND_EFFICIENCIES = (0.01, 0.001)
GRID = np.linspace(0, 1, 1001)[1:]
"""Signal efficiencies at which a ROC is written to its CSV file."""
BINS = 60
METHODS = {"jeffreys": "Jeffreys", "clopper-pearson": "Clopper-Pearson"}
FACTS = ("parameters", "symmetry", "seconds", "seed", "command", "versions", "epochs", "citation")
"""What a score file may say of its tagger."""


def evaluate(
    tables: Sequence[ScoreTable],
    sources: Sequence[str] = (),
    signal_efficiencies: Sequence[float] = SIGNAL_EFFICIENCIES,
    background_efficiencies: Sequence[float] = BACKGROUND_EFFICIENCIES,
    *,
    observers: Sequence[str] = (),
    calibrate: Mapping[str, ScoreTable] | None = None,
    baseline: str | None = None,
    method: Method = "jeffreys",
) -> Evaluation:
    """Evaluate taggers that were scored on the same jets.

    Parameters
    ----------
    tables
        Scores of the taggers; their names differ.
    sources
        File of each table, for error messages and the record.
    signal_efficiencies
        Working points at which the background rejection is given, and its dependence on the observers.
    background_efficiencies
        Mistag rates at which the signal efficiency is given.
    observers
        Columns beside the scores along which efficiencies are given; those of :data:`lorentznet.evaluate.dependence.OBSERVERS` if empty.
    calibrate
        Tagger -> its scores of other jets, to which a temperature is fitted
        (:func:`lorentznet.evaluate.calibration.fit_temperature`).
    baseline
        The tagger that the others are compared with; the first if None.
    method
        Kind of the intervals of counts: ``jeffreys``, or the conservative ``clopper-pearson``.

    Raises
    ------
    DataError
        If two taggers have one name, or their jets, labels or classes differ, or for any reason of
        :mod:`lorentznet.evaluate.metrics`; the message names the tagger and its file.
    """
    if not tables:
        raise DataError("there are no scores to evaluate")
    sources = sources or [str(table.provenance.get("file", table.name)) for table in tables]
    first, result = tables[0], Evaluation({"taggers": {}})
    settings = _Settings(tuple(signal_efficiencies), tuple(background_efficiencies), tuple(observers), method)
    scored: dict[str, dict[str, Scored]] = {}
    for table, source in zip(tables, sources, strict=True):
        where = f"{source}: tagger '{table.name}'"
        if table.name in result.taggers:
            raise DataError(
                f"{where}: another score file has a tagger of this name; give it its own by 'lorentznet predict --name'"
            )
        check_same_jets(first, table, sources[0], source)
        try:
            for signal, discriminant in settings.add(result, table, (calibrate or {}).get(table.name)).items():
                scored.setdefault(signal, {})[table.name] = discriminant
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
    if len(tables) > 1:
        result.numbers["comparisons"] = [
            {
                "baseline": baseline or first.name,
                "signal": signal,
                "taggers": compare(taggers, baseline or first.name, signal_efficiencies),
                "correlation": {"taggers": list(taggers), "kind": "Spearman", **correlations(taggers)},
            }
            for signal, taggers in scored.items()
        ]
    result.numbers["dataset"] = _dataset(first, list(dict.fromkeys(sources)))
    result.numbers["intervals"] = interval_methods(method)
    return result


def interval_methods(method: Method) -> dict[str, Any]:
    """How intervals are made, in words, and their probability content."""
    counted = f"{METHODS[method]}, effective counts for weights"
    threshold = f"{counted} and for the uncertainty of the threshold"
    return {
        "level": LEVEL,
        "auc": "DeLong, normal in log(A / (1 - A))",
        "accuracy": counted,
        "background_rejection": threshold,
        "signal_efficiency": threshold,
    }


@dataclass(frozen=True)
class _Settings:
    """What is evaluated of each tagger."""

    signal_efficiencies: tuple[float, ...]
    background_efficiencies: tuple[float, ...]
    observers: tuple[str, ...]
    method: Method

    def add(self, result: Evaluation, table: ScoreTable, calibrate: ScoreTable | None) -> dict[str, Scored]:
        """Add numbers and curves of a tagger; give the discriminant of each signal class."""
        labels, logits, weights = metrics.check(table.labels, table.logits, table.weights)
        classes = tuple(table.classes)
        jets = {name: int(np.count_nonzero(labels == number)) for number, name in enumerate(classes)}
        for name, number in jets.items():
            if number == 0:
                raise DataError(f"none of the {len(labels)} jets is of class '{name}'; score a file that has jets of all classes")
        details, calibrated = self._calibrated(labels, logits, weights, calibrate)
        parts: dict[str, Any] = {}
        discriminants: dict[str, Scored] = {}
        curves, histograms = result.curves.setdefault(table.name, {}), result.histograms.setdefault(table.name, {})
        for number, signal in list(enumerate(classes))[1:]:
            discriminant = metrics.log_odds(logits, number, 0)
            of_both = (labels == number) | (labels == 0) if len(classes) > 2 else slice(None)
            scored = Scored(discriminant[of_both], labels[of_both] == number, weights[of_both])
            parts[signal] = self._separation(scored)
            found = self._dependence(table, scored, labels, number, discriminant, weights)
            parts[signal] |= found[0]
            details |= {f"{kind}:{signal}": columns for kind, columns in found[1].items()}
            curves[signal] = scored.roc.at(GRID, method=self.method)
            histograms[signal] = _histogram(discriminant, labels, weights, classes)
            discriminants[signal] = scored
        numbers: dict[str, Any] = {"parameters": None}
        if len(classes) > 2:
            numbers |= {
                "auc": metrics.mean_auc(labels, logits, weights).as_dict(),
                "background_rejection": {},
                "classes": parts,
            }
        else:
            numbers |= parts[classes[1]]
        numbers["accuracy"] = metrics.accuracy(labels, logits, weights, method=self.method).as_dict()
        numbers |= {"calibration": calibrated, "jets": jets}
        result.taggers[table.name] = numbers | facts(table.provenance)
        result.details[table.name] = details
        return discriminants

    def _separation(self, scored: Scored) -> dict[str, Any]:
        roc = scored.roc
        rejections = {point: roc.background_rejection(point, method=self.method) for point in self.signal_efficiencies}
        efficiencies = {rate: roc.signal_efficiency_at(rate, method=self.method) for rate in self.background_efficiencies}
        return {
            "auc": roc.auc().as_dict(),
            "background_rejection": {f"{point:g}": found.as_dict() for point, found in rejections.items()},
            "signal_efficiency": {f"{rate:g}": found.as_dict() for rate, found in efficiencies.items()},
            "ties": asdict(ties_of(roc)),
        }

    def _dependence(
        self,
        table: ScoreTable,
        scored: Scored,
        labels: NDArray[np.int64],
        signal: int,
        discriminant: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> tuple[dict[str, Any], dict[str, Columns]]:
        """Numbers and columns: efficiencies along the observers, in a map of the first two, and the mass of the background."""
        names = chosen(table.observers, self.observers)
        if not names:
            return {}, {}
        points = WorkingPoints.of(labels == signal, labels == 0, discriminant, weights, scored.roc, self.signal_efficiencies)
        numbers: dict[str, Any] = {"dependence": {}}
        rows: list[dict[str, NDArray[Any]]] = []
        for name in names:
            columns, numbers["dependence"][name] = points.along(table.observers[name], method=self.method)
            rows.append({"observer": np.full(len(columns["low"]), name), **columns})
        details: dict[str, Columns] = {"dependence": {key: np.concatenate([part[key] for part in rows]) for key in rows[0]}}
        if len(names) > 1:
            numbers["map"] = {"x": names[0], "y": names[1]}
            details["map"] = points.map(table.observers[names[0]], table.observers[names[1]], method=self.method)
        mass = next((name for name in MASSES if name in names), None)
        if mass:
            spectra, sculpted = points.sculpting(table.observers[mass])
            if sculpted:
                details["mass"], numbers["mass_sculpting"] = spectra, sculpted
        return numbers, details

    def _calibrated(
        self, labels: NDArray[np.int64], logits: NDArray[np.float64], weights: NDArray[np.float64], other: ScoreTable | None
    ) -> tuple[dict[str, Columns], dict[str, Any]]:
        """Reliability before and after temperature scaling, and the numbers of it."""
        found = calibration.measure(labels, logits, weights, method=self.method)
        details: dict[str, Columns] = {"reliability": found.reliability}
        numbers = found.as_dict()
        if other is not None:
            temperature = calibration.fit_temperature(other.labels, other.logits, other.weights)
            scaled = calibration.measure(labels, logits / temperature.value, weights, method=self.method)
            details["scaled_reliability"] = scaled.reliability
            numbers |= {"temperature": temperature.as_dict() | {"jets": len(other)}, "scaled": scaled.as_dict()}
        return details, numbers


def _histogram(
    values: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64], classes: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Distribution of the log-odds by class; the outermost bins hold what lies beyond them."""
    low, high = np.quantile(values, [0.0005, 0.9995])
    if not high > low:
        low, high = low - 1, high + 1
    edges = np.linspace(low, high, BINS + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    columns: dict[str, NDArray[Any]] = {"low": edges[:-1], "high": edges[1:]}
    for number, name in enumerate(classes):
        member = labels == number
        total = weights[member].sum() or 1.0
        columns[name] = np.bincount(place[member], weights[member], BINS) / total
        columns[f"{name}_jets"] = np.bincount(place[member], minlength=BINS)
    return columns


def facts(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a score file's provenance says of its tagger, in the words of :data:`FACTS`, and the provenance itself."""
    tagger = provenance.get("tagger")
    said = {
        **(tagger if isinstance(tagger, Mapping) else {}),
        **{key: value for key, value in provenance.items() if key in FACTS},
    }
    found = {key: said[key] for key in FACTS if said.get(key) is not None}
    return found | ({"provenance": dict(provenance)} if provenance else {})


def _dataset(table: ScoreTable, sources: Sequence[str]) -> dict[str, Any]:
    counts = {name: int(np.count_nonzero(np.asarray(table.labels) == number)) for number, name in enumerate(table.classes)}
    weighted = bool(np.any(np.asarray(table.weights) != table.weights[0]))
    return {"jets": len(table.labels), "classes": counts, "weighted": weighted, "score_files": list(sources)}
