"""Several trainings of one tagger: what one of them does, and what they do together.

Scores are combined as logits, in float64: the mean of probabilities that are all almost 1 orders nothing. Of several classes only
differences of logits mean anything, so that the median is that of the differences to class 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lorentznet.console import aligned
from lorentznet.errors import DataError
from lorentznet.evaluate.evaluation_tables import ensemble_cells
from lorentznet.evaluate.intervals import Estimate, Method
from lorentznet.evaluate.metrics import roc_curve
from lorentznet.evaluate.scores import ScoreTable, check_same_jets

Output = Literal["mean", "median"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trainings of one tagger, alone and together.

    Attributes
    ----------
    table
        Scores of the ensemble, the mean of the logits.
    numbers
        ``members`` (names), and ``classes.<signal class>`` with ``auc`` and ``background_rejection.<signal efficiency>``, each with
        ``single`` (:func:`over_members`), ``mean`` and ``median`` (``value, low, high``: of the ensemble whose output is the mean or
        the median of the logits).
    """

    table: ScoreTable
    numbers: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return aligned(ensemble_cells({"ensembles": {self.table.name: self.numbers}}))


def ensemble(
    tables: Sequence[ScoreTable],
    name: str = "ensemble",
    signal_efficiencies: Sequence[float] = (0.3,),
    sources: Sequence[str] = (),
    method: Method = "jeffreys",
) -> Ensemble:
    """Background rejections *single*, *mean* and *median*, as in the comparison of top taggers.

    Parameters
    ----------
    tables
        Scores of the trainings on the same jets, at least two.
    name
        Of the ensemble.
    signal_efficiencies
        Working points.
    sources
        Files of the tables, for error messages and the record; their names if not given.
    method
        Kind of the intervals.

    Raises
    ------
    DataError
        If there are less than two tables, or they are not of the same jets.

    References
    ----------
    G. Kasieczka, T. Plehn (eds.) et al., SciPost Phys. 7 (2019) 014, arXiv:1902.09914, table 1.
    """
    if len(tables) < 2:
        raise DataError(f"ensemble '{name}': {len(tables)} score table; an ensemble has at least two members")
    sources = list(sources) or [table.name for table in tables]
    combined = {output: combine(tables, output, name, sources) for output in ("mean", "median")}
    classes: dict[str, Any] = {}
    for number, signal in list(enumerate(tables[0].classes))[1:]:

        def measured(table: ScoreTable, signal: int = number) -> tuple[Estimate, dict[str, Estimate]]:
            roc = roc_curve(table.labels, table.logits, table.weights, signal=signal, background=0)
            return roc.auc(), {f"{point:g}": roc.background_rejection(point, method=method) for point in signal_efficiencies}

        singles = [measured(table) for table in tables]
        together = {output: measured(table) for output, table in combined.items()}
        classes[signal] = {
            "auc": {"single": over_members([found[0] for found in singles])}
            | {output: found[0].as_dict() for output, found in together.items()},
            "background_rejection": {
                point: {"single": over_members([found[1][point] for found in singles])}
                | {output: found[1][point].as_dict() for output, found in together.items()}
                for point in singles[0][1]
            },
        }
    return Ensemble(combined["mean"], {"members": list(sources), "classes": classes})


def combine(
    tables: Sequence[ScoreTable], output: Output = "mean", name: str = "ensemble", sources: Sequence[str] = ()
) -> ScoreTable:
    """One score table whose logits are the mean or the median of those of several, all measured from class 0.

    Raises
    ------
    DataError
        If the tables are not of the same jets.
    """
    first, sources = tables[0], list(sources) or [table.name for table in tables]
    for table, source in zip(tables[1:], sources[1:], strict=True):
        check_same_jets(first, table, sources[0], source)
    logits = np.empty_like(first.logits)
    for column in range(logits.shape[1]):
        values = np.stack([table.logits[:, column] - table.logits[:, 0] for table in tables])
        logits[:, column] = values.mean(axis=0) if output == "mean" else np.median(values, axis=0)
    shared = {part: _shared(tables, part) for part in ("tagger", "prediction")}
    about = {part: facts for part, facts in shared.items() if facts} | {
        "ensemble": {"output": f"{output} of the logits", "members": list(sources)}
    }
    return ScoreTable(name, first.classes, first.ids, first.labels, first.weights, logits, first.observers, about)


def over_members(found: Sequence[Estimate]) -> dict[str, Any]:
    """A quantity of single trainings: its mean, median and spread (standard deviation), and all ``values``.

    The limits are means of the limits: the jets are the same for all members, so that their mean is known no better than one of them.
    None stands for infinity; a spread needs two finite values.
    """
    values = [estimate.value for estimate in found]
    mean: dict[str, Any] = {
        key: float(np.mean([getattr(estimate, key) for estimate in found])) for key in ("value", "low", "high")
    }
    mean["median"] = float(np.median(values))
    if all(estimate.survivors is not None for estimate in found):
        mean["survivors"] = float(np.mean([estimate.survivors for estimate in found]))
    numbers = {key: value if np.isfinite(value) else None for key, value in mean.items()}
    numbers["spread"] = float(np.std(values, ddof=1)) if len(values) > 1 and np.isfinite(values).all() else None
    return numbers | {"values": [value if np.isfinite(value) else None for value in values]}


def _shared(tables: Sequence[ScoreTable], part: str) -> dict[str, Any]:
    """What a part of the members' provenance says that is the same for all; parameters and seconds are added up."""
    said = [about if isinstance(about := table.provenance.get(part), Mapping) else {} for table in tables]
    shared = {key: value for key, value in said[0].items() if all(other.get(key) == value for other in said)}
    added = [key for key in ("parameters", "seconds") if all(other.get(key) is not None for other in said)]
    return shared | {key: sum(other[key] for other in said) for key in added}
