"""The results as a submission to HEPData: ``submission.yaml`` and a file for each table, by its schema 1.1.

See https://hepdata-submission.readthedocs.io for the format, and :func:`check` for the judge of it.
"""

from __future__ import annotations

import html
import importlib.util
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from lorentznet import __version__
from lorentznet.errors import MissingExtraError, OutputError
from lorentznet.evaluate.evaluation import Evaluation
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.tables import Columns, file_name
from lorentznet.reports.output import together

DIGITS = 4
"""Digits of the smaller error: two more than are read, so that nothing is lost when numbers are combined."""
NAME = 64
"""Letters, at most, in the name of a table."""
MISSING = "-"


@dataclass(frozen=True)
class Table:
    """A table of the submission: its file, and what stands in that and in ``submission.yaml``."""

    file: str
    name: str
    description: str
    observables: tuple[str, ...]
    data: dict[str, Any]


def write(evaluation: Evaluation, out: str | Path, energy: float | None = None) -> Path:
    """Write ``submission.yaml``, ``results.yaml`` and for each tagger ``roc_<name>.yaml``, all or nothing.

    With the extra ``hepdata`` they are checked before they appear. ROC tables of an earlier submission are removed: HEPData refuses
    files that ``submission.yaml`` does not name.

    Parameters
    ----------
    evaluation
        What ``lorentznet evaluate`` made.
    out
        Folder of the submission.
    energy
        Energy of the collisions in the centre of mass, in GeV; if None, what the cards of all jets say, as far as that is clear.

    Returns
    -------
    Path
        ``submission.yaml``.

    Raises
    ------
    OutputError
        If the folder cannot be written, or the check refuses what was written; what was there before stays.
    """
    energy = _energy(evaluation) if energy is None else energy
    tables = list(_tables(evaluation, energy))
    comment = f"Jet taggers, evaluated with lorentznet {__version__}. {_about(evaluation)}"
    documents: list[dict[str, Any]] = [{"comment": _plain(comment)}]
    for number, table in enumerate(tables, 1):
        keywords: dict[str, list[Any]] = {
            "cmenergies": [] if energy is None else [energy],
            "observables": list(table.observables),
            "phrases": ["Jet Tagging", "Jet Substructure", "Machine Learning"],
        }
        documents.append(
            {
                "name": f"Table {number}: {table.name}"[:NAME],
                "description": _plain(table.description),
                "keywords": [{"name": name, "values": values} for name, values in keywords.items() if values],
                "data_file": table.file,
            }
        )
    with together(out) as folder:
        _dump(folder / "submission.yaml", documents)
        for table in tables:
            _dump(folder / table.file, [table.data])
        if importlib.util.find_spec("hepdata_validator") and (found := check(folder)):
            raise OutputError(f"{folder}: HEPData would refuse this: {'; '.join(found)}")
    for path in Path(out).glob("roc_*.yaml"):
        if path.name not in {table.file for table in tables}:
            path.unlink()
    return Path(out) / "submission.yaml"


def check(folder: str | Path) -> list[str]:
    """What HEPData's own validator has to say against a submission; nothing if it is as it should be.

    Raises
    ------
    MissingExtraError
        If the validator is not installed.
    """
    with warnings.catch_warnings():
        # the validator uses what jsonschema will give up, and leaves files open
        for kind in (DeprecationWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)
        try:
            from hepdata_validator.full_submission_validator import FullSubmissionValidator
        except ImportError:
            raise MissingExtraError(
                f"{folder}: needs hepdata-validator, which is not installed: pip install 'lorentznet[hepdata]'"
            ) from None
        validator = FullSubmissionValidator(autoload_remote_schemas=False)
        validator.validate(directory=str(folder))
    return [f"{Path(file).name}: {message.message}" for file, said in validator.get_messages().items() for message in said]


def _tables(evaluation: Evaluation, energy: float | None) -> Iterator[Table]:
    about = _about(evaluation)
    curves: list[Table] = []
    without: list[str] = []
    taken: set[str] = set()
    for name, of_classes in evaluation.curves.items():
        for signal, columns in of_classes.items():
            label = f"{name}: {signal}" if len(of_classes) > 1 else name
            known = np.isfinite(columns["background_rejection"])
            if not known.any():
                without.append(label)
                continue
            background = next((of_class for of_class in evaluation.taggers[name].get("jets", {}) if of_class != signal), "")
            facts = {"TAGGER": name, "SIGNAL": signal, "BACKGROUND": background}
            said = f"Background rejection of {label} against the signal efficiency. {about}{_left_out(columns, known)}"
            data = _curve({key: values[known] for key, values in columns.items()}, _qualifiers(facts, energy))
            curves.append(Table(f"roc_{file_name(label, taken)}.yaml", f"ROC of {label}", said, ("REJECTION",), data))
    said = f"Results of the taggers. {about}"
    if evaluation.has_limits:
        said += " A rejection of > x is a lower limit: no background jet survives."
    if without:
        said += f" No table of the ROC, since no background jet survives anywhere on the curve: {', '.join(without)}."
    yield Table("results.yaml", "results", said, ("AUC", "ACCURACY", "REJECTION", "EFFICIENCY"), _results(evaluation, energy))
    yield from curves


def _results(evaluation: Evaluation, energy: float | None) -> dict[str, Any]:
    parts = list(evaluation.parts.values())
    columns: list[tuple[str, dict[str, Any], list[Any]]] = [
        ("Area under the ROC curve", {}, [part.get("auc") for part in parts]),
        ("Accuracy", {}, [part.get("accuracy") for part in parts]),
    ]
    for quantity, title, given in (
        ("background_rejection", "Background rejection", "SIGNAL EFFICIENCY"),
        ("signal_efficiency", "Signal efficiency", "BACKGROUND EFFICIENCY"),
    ):
        for point in sorted({key for part in parts for key in part.get(quantity, ())}, key=float):
            columns.append((title, {given: float(point)}, [part.get(quantity, {}).get(point) for part in parts]))
    dependent = [
        {
            "header": {"name": title},
            "qualifiers": _qualifiers(facts, energy),
            "values": [_value(None if found is None else Estimate.from_dict(found)) for found in values],
        }
        for title, facts, values in columns
        if any(values)
    ]
    sizes = [part.get("parameters") for part in parts]
    if any(size is not None for size in sizes):
        dependent.append(
            {
                "header": {"name": "Parameters"},
                "qualifiers": _qualifiers({}, energy),
                "values": [{"value": MISSING if size is None else size} for size in sizes],
            }
        )
    # a name such as 1-3 would be refused as a range of numbers
    names = [f"tagger {label}" if label[:1].isdigit() else label for label in evaluation.parts]
    return {
        "independent_variables": [{"header": {"name": "Tagger"}, "values": [{"value": name} for name in names]}],
        "dependent_variables": dependent,
    }


def _curve(columns: Columns, qualifiers: list[dict[str, Any]]) -> dict[str, Any]:
    values = (columns[key].tolist() for key in ("background_rejection", "low", "high"))
    efficiencies = [{"value": float(f"{x:.6g}")} for x in columns["signal_efficiency"].tolist()]
    rejections = [_value(Estimate(*found)) for found in zip(*values, strict=True)]
    return {
        "independent_variables": [{"header": {"name": "Signal efficiency"}, "values": efficiencies}],
        "dependent_variables": [{"header": {"name": "Background rejection"}, "qualifiers": qualifiers, "values": rejections}],
    }


def _left_out(columns: Columns, known: Any) -> str:
    """Which points of a curve are not in its table, and what is known there."""
    gone = np.flatnonzero(~known)
    if not len(gone):
        return ""
    x, low = columns["signal_efficiency"][gone], columns["low"][gone]
    place = f"signal efficiency {x[0]:g}" if len(gone) == 1 else f"signal efficiencies from {x.min():g} to {x.max():g}"
    return (
        f" {len(gone)} of {len(known)} points, at {place}, are left out: no background jet survives there, and the background rejection"
        f" has a lower limit only, of {low.min():.4g} or more."
    )


def _value(estimate: Estimate | None) -> dict[str, Any]:
    """A value with its statistical errors, if it has any; HEPData takes words for what is no number."""
    if estimate is None:
        return {"value": MISSING}
    shown, plus, minus = estimate.rounded(DIGITS, alike=0.0)
    if not math.isfinite(estimate.value):
        return {"value": shown}
    if not plus:
        return {"value": estimate.value}
    if plus == minus:
        error: dict[str, Any] = {"symerror": float(plus)}
    else:
        error = {"asymerror": {"plus": float(plus) if math.isfinite(float(plus)) else "", "minus": -float(minus)}}
    return {"value": float(shown), "errors": [error | {"label": "stat"}]}


def _qualifiers(facts: Mapping[str, Any], energy: float | None) -> list[dict[str, Any]]:
    known = [{"name": name, "value": value} for name, value in facts.items() if value != ""]
    return known if energy is None else [*known, {"name": "SQRT(S)", "units": "GeV", "value": energy}]


def _about(evaluation: Evaluation) -> str:
    return " ".join(f"{line[:1].upper()}{line[1:]}." for line in evaluation.about())


def _energy(evaluation: Evaluation) -> float | None:
    """What the cards of the jets say, if that is one energy and no other number in TeV."""
    found = set()
    for tagger in evaluation.taggers.values():
        card = tagger.get("provenance", {}).get("prediction", {}).get("card") or {}
        found.add(tuple(re.findall(r"(\d+(?:\.\d+)?) TeV", str(card.get("description", "")))))
    said = found.pop() if len(found) == 1 else ()
    return 1000 * float(said[0]) if len(said) == 1 else None


def _plain(text: str) -> str:
    """Text for a place where HEPData takes HTML."""
    return html.escape(" ".join(text.split()), quote=False)


def _dump(path: Path, documents: Sequence[Mapping[str, Any]]) -> None:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # many times faster, where PyYAML is built with it
    with path.open("w", encoding="utf-8") as handle:
        yaml.dump_all(documents, handle, dumper, explicit_start=True, sort_keys=False, allow_unicode=True, width=110)
