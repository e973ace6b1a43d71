"""Results of an evaluation: ``metrics.json``, ``metrics.csv``, and the curves behind the figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.console import aligned
from lorentznet.evaluate.evaluation_tables import (
    COMPARISONS,
    ENSEMBLES,
    METRICS,
    comparison_rows,
    ensemble_rows,
    further_tables,
    metrics_rows,
)
from lorentznet.evaluate.intervals import LEVEL, Estimate
from lorentznet.evaluate.tables import (
    Columns,
    file_name,
    html_table,
    read_columns,
    read_json,
    without_empty,
    write_columns,
    write_rows,
)


@dataclass
class Evaluation:
    """Numbers and curves of an evaluation.

    Attributes
    ----------
    numbers
        The content of ``metrics.json``: ``taggers.<name>`` with ``parameters``, ``auc``, ``accuracy`` (``{value, low, high}``),
        ``background_rejection.<signal efficiency>`` and ``signal_efficiency.<background efficiency>`` (also ``survivors``),
        ``calibration``, ``dependence`` and ``mass_sculpting``; ``comparisons`` and ``ensembles`` (:mod:`~lorentznet.evaluate.comparison`,
        :mod:`~lorentznet.evaluate.ensembles`); ``dataset``, ``intervals``; None for infinity.
    curves, histograms
        Tagger -> signal class -> columns of the ROC (see :meth:`lorentznet.evaluate.roc.Roc.at`) and of the distribution of
        the log-odds (``low``, ``high`` edge, per class its fraction of the weight in the bin and ``<class>_jets``).
    details
        Tagger -> kind -> further columns: ``reliability``, ``scaled_reliability`` (after temperature scaling), and for each signal class
        ``dependence:<class>``, ``map:<class>``, ``mass:<class>`` (see :class:`lorentznet.evaluate.dependence.WorkingPoints`).
    """

    numbers: dict[str, Any]
    curves: dict[str, dict[str, Columns]] = field(default_factory=dict)
    histograms: dict[str, dict[str, Columns]] = field(default_factory=dict)
    details: dict[str, dict[str, Columns]] = field(default_factory=dict)

    @property
    def taggers(self) -> dict[str, dict[str, Any]]:
        """The numbers of each tagger."""
        return self.numbers["taggers"]

    @property
    def parts(self) -> dict[str, dict[str, Any]]:
        """The numbers of each row of a table: those of each tagger, then of its signal classes if there are several."""
        return {
            f"{name}: {signal}" if signal else name: part
            for name, tagger in self.taggers.items()
            for signal, part in [("", tagger), *tagger.get("classes", {}).items()]
        }

    @property
    def efficiencies(self) -> list[str]:
        """The signal efficiencies at which any background rejection is given, in rising order."""
        return sorted({point for part in self.parts.values() for point in part["background_rejection"]}, key=float)

    def write(self, folder: str | Path) -> None:
        """Write ``metrics.json``, ``metrics.csv``, and for each tagger ``roc_<name>.csv``, ``scores_<name>.csv`` and its details.

        Where there are such, also ``comparisons.csv`` and ``ensembles.csv``.
        """
        folder = files.make_folder(folder)
        taken: set[str] = set()
        for name, tagger in self.taggers.items():
            several = len(self.curves.get(name, {})) > 1
            stems = {signal: file_name(f"{name}_{signal}" if several else name, taken) for signal in self.curves.get(name, {})}
            tagger["curves"] = {}
            for signal, stem in stems.items():
                tagger["curves"][signal] = {"roc": f"roc_{stem}.csv", "scores": f"scores_{stem}.csv"}
                write_columns(folder / f"roc_{stem}.csv", self.curves[name][signal])
                write_columns(folder / f"scores_{stem}.csv", self.histograms[name][signal])
            if name in self.details:
                whole = file_name(name, taken) if several or not stems else next(iter(stems.values()))
                tagger["details"] = {}
                for key, columns in self.details[name].items():
                    kind, _, signal = key.partition(":")
                    tagger["details"][key] = f"{kind}_{stems[signal] if signal else whole}.csv"
                    write_columns(folder / tagger["details"][key], columns)
        write_rows(folder / "metrics.csv", METRICS, metrics_rows(self.numbers))
        for stem, header, rows in (("comparisons", COMPARISONS, comparison_rows), ("ensembles", ENSEMBLES, ensemble_rows)):
            if self.numbers.get(stem):
                write_rows(folder / f"{stem}.csv", header, rows(self.numbers))
        files.write_json(folder / "metrics.json", self.numbers)

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
                for key, named in tagger.get("details", {}).items():
                    result.details.setdefault(name, {})[key] = read_columns(path.parent / named, words=("observer",))
            return result

        return read_json(path, build, "metrics.json of 'lorentznet evaluate'", "evaluate the scores again")

    def add(self, other: Evaluation) -> None:
        """Take in an evaluation of other taggers."""
        self.taggers.update(other.taggers)
        for mine, theirs in ((self.curves, other.curves), (self.histograms, other.histograms), (self.details, other.details)):
            mine.update(theirs)
        if "comparisons" in other.numbers:
            self.numbers["comparisons"] = [*self.numbers.get("comparisons", []), *other.numbers["comparisons"]]
        if "ensembles" in other.numbers:
            self.numbers["ensembles"] = self.numbers.get("ensembles", {}) | other.numbers["ensembles"]

    def rows(self) -> Iterator[tuple[str, int | None, list[Estimate | None]]]:
        """Name, number of parameters, and AUC, accuracy and rejection at each of :attr:`efficiencies` of each row of a table."""
        points = self.efficiencies
        for label, part in self.parts.items():
            rejections = (part["background_rejection"].get(point) for point in points)
            found = [part.get("auc"), part.get("accuracy"), *rejections]
            yield label, part.get("parameters"), [None if values is None else Estimate.from_dict(values) for values in found]

    @property
    def has_limits(self) -> bool:
        """Whether a background rejection is a lower limit only, since no background jet survives."""
        return any(values["value"] is None for part in self.parts.values() for values in part["background_rejection"].values())

    def cells(self) -> list[list[str]]:
        """The results as a table of words: a header, then a row for each tagger (and each signal class, if there are several)."""
        header = ["tagger", "parameters", "AUC", "accuracy", *(f"1/εB at εS = {efficiency}" for efficiency in self.efficiencies)]
        rows = [
            [label, "" if size is None else f"{size:,}", *("" if estimate is None else str(estimate) for estimate in estimates)]
            for label, size, estimates in self.rows()
        ]
        return without_empty([header, *rows])

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

    def seeds(self, tagger: str | None = None) -> str:
        """Seeds of the trainings, of one tagger or of all, as far as they are known: ``seed 1``, ``seeds 1, 2``; empty if none is."""
        asked = [self.taggers[name] for name in ([tagger] if tagger else self.taggers)]
        found = sorted({str(numbers["seed"]) for numbers in asked if numbers.get("seed") is not None})
        return f"seed{'s' if len(found) > 1 else ''} {', '.join(found)}" if found else ""

    def caption(self) -> str:
        """Which jets, which intervals."""
        return f"{self.jets() or 'evaluated jets'}; central 68.27 % intervals"

    def about(self) -> list[str]:
        """What must stand beside the numbers wherever they go: which jets, which seeds, which intervals and how they are made."""
        said = dict(self.numbers.get("intervals", {}))
        level = said.pop("level", LEVEL)
        return [
            f"{self.jets() or 'number of jets unknown'}; {self.seeds() or 'seeds of the trainings unknown'}",
            f"central {level:.2%} intervals from the number of jets alone".replace("%", " %"),
            *(f"interval of the {quantity.replace('auc', 'AUC').replace('_', ' ')}: {how}" for quantity, how in said.items()),
        ]

    def table(self) -> str:
        """The results as aligned text: separation, calibration, comparisons, ensembles."""
        parts = [f"{aligned(self.cells())}\n\n{self.caption()}"]
        parts += [f"{title}\n{aligned(rows)}" for title, rows in further_tables(self.numbers)]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return html_table(self.cells(), self.caption())
