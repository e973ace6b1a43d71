"""The evaluation of taggers on the same jets: ``metrics.json``, ``metrics.csv``, and the curves behind the figures."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorentznet import files
from lorentznet.errors import DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.intervals import LEVEL, Estimate
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.evaluate.tables import Columns, file_name, read_columns, read_json, write_columns, write_json, write_rows

SIGNAL_EFFICIENCIES = (0.3, 0.5)
GRID = np.linspace(0, 1, 1001)[1:]
"""Signal efficiencies at which a ROC is written to its CSV file."""
BINS = 60
METHODS = {
    "level": LEVEL,
    "auc": "DeLong, normal in log(A / (1 - A))",
    "accuracy": "Clopper-Pearson, effective counts for weights",
    "background_rejection": "Clopper-Pearson, effective counts for weights and for the uncertainty of the threshold",
}
FACTS = ("parameters", "symmetry", "seconds", "seed", "command", "versions", "epochs", "citation")
"""What a score file may say of its tagger."""


@dataclass
class Evaluation:
    """Numbers and curves of an evaluation.

    Attributes
    ----------
    numbers
        The content of ``metrics.json``: ``taggers.<name>`` with ``parameters``, ``auc``, ``accuracy`` (``{value, low, high}``)
        and ``background_rejection.<signal efficiency>`` (also ``survivors``), ``dataset``, ``intervals``; None for infinity.
    curves, histograms
        Tagger -> signal class -> columns of the ROC (see :meth:`lorentznet.evaluate.roc.Roc.at`) and of the distribution of
        the log-odds (``low``, ``high`` edge, per class its fraction of the weight in the bin and ``<class>_jets``).
    """

    numbers: dict[str, Any]
    curves: dict[str, dict[str, Columns]] = field(default_factory=dict)
    histograms: dict[str, dict[str, Columns]] = field(default_factory=dict)

    @property
    def taggers(self) -> dict[str, dict[str, Any]]:
        """The numbers of each tagger."""
        taggers: dict[str, dict[str, Any]] = self.numbers["taggers"]
        return taggers

    def write(self, folder: str | Path) -> None:
        """Write ``metrics.json``, ``metrics.csv``, and for each tagger ``roc_<name>.csv`` and ``scores_<name>.csv``."""
        folder = files.make_folder(folder)
        taken: set[str] = set()
        for name, tagger in self.taggers.items():
            several = len(self.curves.get(name, {})) > 1
            tagger["curves"] = {}
            for signal in self.curves.get(name, {}):
                stem = file_name(f"{name}_{signal}" if several else name, taken)
                tagger["curves"][signal] = {"roc": f"roc_{stem}.csv", "scores": f"scores_{stem}.csv"}
                write_columns(folder / f"roc_{stem}.csv", self.curves[name][signal])
                write_columns(folder / f"scores_{stem}.csv", self.histograms[name][signal])
        header = ("tagger", "class", "quantity", "signal_efficiency", "value", "low", "high", "survivors")
        write_rows(folder / "metrics.csv", header, self.rows())
        write_json(folder / "metrics.json", self.numbers)

    @classmethod
    def read(cls, folder: str | Path) -> Evaluation:
        """What :meth:`write` wrote; :class:`DataError` names the file that is missing or not what it should be."""
        path = Path(folder) / "metrics.json"

        def build(numbers: Any) -> Evaluation:
            result = cls(numbers)
            for name, tagger in result.taggers.items():
                [Estimate.from_dict(tagger[key]) for key in ("auc", "accuracy")]
                [Estimate.from_dict(rejection) for rejection in tagger["background_rejection"].values()]
                for signal, named in tagger.get("curves", {}).items():
                    result.curves.setdefault(name, {})[signal] = read_columns(path.parent / named["roc"])
                    result.histograms.setdefault(name, {})[signal] = read_columns(path.parent / named["scores"])
            return result

        return read_json(path, build, "metrics.json of 'lorentznet evaluate'", "evaluate the scores again")

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Every estimate: tagger, class, quantity, signal efficiency, value, low, high, survivors."""
        for name, tagger in self.taggers.items():
            for signal, part in [("", tagger), *tagger.get("classes", {}).items()]:
                for quantity in ("auc", "accuracy"):
                    if quantity in part:
                        yield (name, signal, quantity, None, *(part[quantity][key] for key in ("value", "low", "high")), None)
                for efficiency, rejection in part["background_rejection"].items():
                    numbers = (rejection[key] for key in ("value", "low", "high", "survivors"))
                    yield (name, signal, "background_rejection", efficiency, *numbers)

    def cells(self) -> list[list[str]]:
        """The results as a table of words: a header, then a row for each tagger (and each signal class, if there are several)."""
        parts = {
            (name, signal): part
            for name, tagger in self.taggers.items()
            for signal, part in [("", tagger), *tagger.get("classes", {}).items()]
        }
        efficiencies = sorted({efficiency for part in parts.values() for efficiency in part["background_rejection"]}, key=float)
        rows = [["tagger", "parameters", "AUC", "accuracy", *(f"1/εB at εS = {efficiency}" for efficiency in efficiencies)]]
        for (name, signal), part in parts.items():
            parameters = part.get("parameters")
            found = [part.get("auc"), part.get("accuracy"), *(part["background_rejection"].get(key) for key in efficiencies)]
            rows.append(
                [
                    f"{name}: {signal}" if signal else name,
                    "" if parameters is None else f"{parameters:,}",
                    *("" if numbers is None else str(Estimate.from_dict(numbers)) for numbers in found),
                ]
            )
        used = [column for column in range(len(rows[0])) if column == 0 or any(row[column] for row in rows[1:])]
        return [[row[column] for column in used] for row in rows]

    def jets(self, tagger: str | None = None) -> str:
        """How many jets a tagger, or every tagger, was evaluated on: ``3,200 jets (1,600 qcd, 1,600 top)``; empty if unknown."""
        found = [self.taggers[name].get("jets") for name in ([tagger] if tagger else self.taggers)]
        known = [counts for counts in found if counts]
        if not known:
            return ""
        if any(counts != known[0] for counts in known):
            totals = [sum(counts.values()) for counts in known]
            return f"{min(totals):,} to {max(totals):,} jets"
        total = f"{sum(known[0].values()):,} jets"
        if len(known[0]) > 3:
            return f"{total} of {len(known[0])} classes"
        return f"{total} ({', '.join(f'{number:,} {name}' for name, number in known[0].items())})"

    def caption(self) -> str:
        """Which jets, which intervals."""
        return f"{self.jets() or 'evaluated jets'}; central 68.27 % intervals"

    def table(self) -> str:
        """The results as aligned text."""
        cells = self.cells()
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in cells]
        return "\n".join([*lines, "", self.caption()])

    def _repr_html_(self) -> str:
        header, *rows = ([html.escape(word) for word in row] for row in self.cells())
        head = "".join(f"<th>{word}</th>" for word in header)
        body = "".join("<tr>" + "".join(f"<td>{word}</td>" for word in row) + "</tr>" for row in rows)
        return (
            f"<table><caption>{html.escape(self.caption())}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def evaluate(
    tables: Sequence[ScoreTable], sources: Sequence[str] = (), signal_efficiencies: Sequence[float] = SIGNAL_EFFICIENCIES
) -> Evaluation:
    """Evaluate taggers that were scored on the same jets.

    Parameters
    ----------
    tables
        Scores of the taggers; their names differ.
    sources
        File of each table, for error messages and the record.
    signal_efficiencies
        Working points at which the background rejection is given.

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
    for table, source in zip(tables, sources, strict=True):
        where = f"{source}: tagger '{table.name}'"
        if table.name in result.taggers:
            raise DataError(
                f"{where}: another score file has a tagger of this name; give it its own by 'lorentznet predict --name'"
            )
        _check_same_jets(first, table, sources[0], source)
        try:
            result.taggers[table.name], curves, histograms = _evaluate_one(table, signal_efficiencies)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        result.curves[table.name], result.histograms[table.name] = curves, histograms
    result.numbers["dataset"] = _dataset(first, list(dict.fromkeys(sources)))
    result.numbers["intervals"] = dict(METHODS)
    return result


def _check_same_jets(first: ScoreTable, other: ScoreTable, source: str, other_source: str) -> None:
    said = f"{other_source}: tagger '{other.name}'"
    cure = "taggers in one table must be scored on the same jets; evaluate them apart"
    if tuple(other.classes) != tuple(first.classes):
        raise DataError(f"{said} has classes {', '.join(other.classes)}, but {source} has {', '.join(first.classes)}; {cure}")
    if len(other.labels) != len(first.labels):
        raise DataError(f"{said} has {len(other.labels)} jets, but {source} has {len(first.labels)}; {cure}")
    differ = int(np.count_nonzero(np.asarray(other.labels) != np.asarray(first.labels)))
    if differ:
        raise DataError(f"{said} has other labels than {source} for {differ} of {len(first.labels)} jets; {cure}")


def _evaluate_one(
    table: ScoreTable, signal_efficiencies: Sequence[float]
) -> tuple[dict[str, Any], dict[str, Columns], dict[str, Columns]]:
    labels, logits, weights = metrics.check(table.labels, table.logits, table.weights)
    classes = tuple(table.classes)
    jets = {name: int(np.count_nonzero(labels == number)) for number, name in enumerate(classes)}
    for name, number in jets.items():
        if number == 0:
            raise DataError(f"none of the {len(labels)} jets is of class '{name}'; score a file that has jets of all classes")
    part: dict[str, Any] = {}
    curves: dict[str, Columns] = {}
    histograms: dict[str, Columns] = {}
    for signal, number in list(zip(classes, range(len(classes)), strict=True))[1:]:
        roc = metrics.roc_curve(labels, logits, weights, signal=number, background=0)
        part[signal] = {
            "auc": roc.auc().as_dict(),
            "background_rejection": {f"{point:g}": roc.background_rejection(point).as_dict() for point in signal_efficiencies},
            "ties": asdict(metrics.ties_of(roc)),
        }
        curves[signal] = roc.at(GRID)
        histograms[signal] = _histogram(metrics.log_odds(logits, number, 0), labels, weights, classes)
    numbers: dict[str, Any] = {"parameters": None}
    if len(classes) > 2:
        numbers |= {"auc": _mean_auc(labels, logits, weights, len(classes)).as_dict()}
    else:
        numbers |= {"auc": part[classes[1]]["auc"]}
    numbers["accuracy"] = metrics.accuracy(labels, logits, weights).as_dict()
    numbers["background_rejection"] = part[classes[1]]["background_rejection"] if len(classes) == 2 else {}
    numbers |= {"classes": part} if len(classes) > 2 else {"ties": part[classes[1]]["ties"]}
    numbers["jets"] = jets
    return numbers | facts(table.provenance), curves, histograms


def _mean_auc(labels: NDArray[np.int64], logits: NDArray[np.float64], weights: NDArray[np.float64], classes: int) -> Estimate:
    """Mean of the areas of each class against the rest; its limits are the mean limits (errors fully correlated)."""
    each = [metrics.auc(labels, logits, weights, signal=number) for number in range(classes)]
    value, low, high = (float(np.mean([getattr(area, key) for area in each])) for key in ("value", "low", "high"))
    return Estimate(value, low, high)


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
