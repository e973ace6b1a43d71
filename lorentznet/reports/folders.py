"""What lies in the folders of a study: trainings, evaluations, invariance scans and explanations, found by the files that they leave."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorentznet.errors import DataError, nearest
from lorentznet.evaluate.evaluation import Evaluation
from lorentznet.evaluate.explanation import Explanation
from lorentznet.evaluate.regression import RegressionEvaluation
from lorentznet.evaluate.tables import Columns, read_columns

RUN, EVALUATION, INVARIANCE, PAGE = "run.json", "metrics.json", "invariance.json", "index.html"
REGRESSION, EXPLANATION = "regression.json", "explain.json"


@dataclass(frozen=True)
class Run:
    """A training: its folder, the content of ``run.json``, and the columns of its ``metrics.csv``."""

    folder: Path
    info: dict[str, Any]
    history: Columns = field(default_factory=dict)

    @property
    def tagger(self) -> dict[str, Any]:
        """What ``run.json`` says of the tagger."""
        return _mapping(self.info.get("tagger"))

    @property
    def data(self) -> dict[str, Any]:
        """What ``run.json`` says of the jets."""
        return _mapping(self.info.get("data"))


@dataclass
class Study:
    """Everything that was found.

    Attributes
    ----------
    runs
        Trainings by name.
    evaluation
        All evaluations in one; None if there is none.
    invariance
        Tagger -> its numbers, as in ``invariance.json``.
    regression
        All evaluations of regressions in one; None if there is none.
    explanations
        What each tagger uses, by its name.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    invariance: dict[str, dict[str, Any]] = field(default_factory=dict)
    regression: RegressionEvaluation | None = None
    explanations: dict[str, Explanation] = field(default_factory=dict)
    sources: dict[tuple[str, str], Path] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """Names of all taggers: those with results first."""
        evaluated = self.evaluation.taggers if self.evaluation else {}
        resolved = self.regression.regressions if self.regression else {}
        return list(dict.fromkeys([*evaluated, *resolved, *self.invariance, *self.runs, *self.explanations]))

    def facts(self, name: str) -> dict[str, Any]:
        """What is known of a tagger: parameters, symmetry, seconds, epochs, seed, command, versions, citation, ..."""
        run = self.runs.get(name)
        said = {**run.tagger, **{key: value for key, value in run.info.items() if key not in ("tagger", "name")}} if run else {}
        evaluated = self.evaluation.taggers.get(name, {}) if self.evaluation else {}
        scanned = self.invariance.get(name, {})
        together = {"symmetry": scanned.get("symmetry")} | {key: value for key, value in evaluated.items() if value is not None}
        return together | {key: value for key, value in said.items() if value is not None}


def collect(folders: Sequence[str | Path], out: str | Path | None = None) -> Study:
    """Read all that is in the folders, and in the folders directly in them.

    Parameters
    ----------
    folders
        Run folders (``run.json``), evaluations (``metrics.json``), invariance scans (``invariance.json``) and explanations
        (``explain.json``), or folders of such.
    out
        A folder to leave out: that of the report itself. Reports found inside a folder are left out too.

    Raises
    ------
    DataError
        If a folder is missing, nothing is found, a file is damaged, or one name stands for two different results.
    """
    study = Study()
    for folder in _candidates([Path(folder) for folder in folders], None if out is None else Path(out).resolve()):
        _add_run(study, folder)
        _add_evaluation(study, folder)
        _add_regression(study, folder)
        _add_invariance(study, folder)
        _add_explanations(study, folder)
    if not study.names:
        looked = ", ".join(str(folder) for folder in folders)
        if out is not None and Path(out).resolve() in {Path(folder).resolve() for folder in folders}:
            raise DataError(
                f"{looked}: {out} is left out, as the report goes there; choose another --out, such as {Path(out) / 'report'}"
            )
        raise DataError(
            f"{looked}: no {RUN}, {EVALUATION}, {REGRESSION}, {INVARIANCE} or {EXPLANATION} here or one level down; "
            "give folders made by lorentznet train, evaluate, invariance or explain"
        )
    return study


def _candidates(folders: Iterable[Path], out: Path | None) -> Iterator[Path]:
    seen = {out}
    for folder in folders:
        if not folder.exists():
            beside = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
            raise DataError(f"{folder}: no such folder; {nearest(folder.name, beside)}")
        if not folder.is_dir():
            raise DataError(
                f"{folder}: is not a folder; give the folder of a training, an evaluation, an invariance scan or an explanation"
            )
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        for path in [folder, *(path for path in inside if not (path / PAGE).exists())]:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _add_run(study: Study, folder: Path) -> None:
    path = folder / RUN
    if not path.is_file():
        return
    info = read_json(path)
    name = str(info.get("name") or folder.resolve().name)
    _claim(study, "training", name, path)
    table = folder / "metrics.csv"
    study.runs[name] = Run(folder, info, read_columns(table) if table.is_file() else {})


def _add_evaluation(study: Study, folder: Path) -> None:
    path = folder / EVALUATION
    if not path.is_file():
        return
    found = Evaluation.read(folder)
    for name in found.taggers:
        _claim(study, "evaluation", name, path)
    if study.evaluation is None:
        study.evaluation = found
        return
    study.evaluation.add(found)


def _add_regression(study: Study, folder: Path) -> None:
    path = folder / REGRESSION
    if not path.is_file():
        return
    found = RegressionEvaluation.read(folder)
    for name in found.regressions:
        _claim(study, "evaluation", name, path)
    if study.regression is None:
        study.regression = found
        return
    study.regression.regressions.update(found.regressions)


def _add_invariance(study: Study, folder: Path) -> None:
    path = folder / INVARIANCE
    if not path.is_file():
        return
    taggers = read_json(path).get("taggers")
    if not isinstance(taggers, dict) or not all(isinstance(numbers, dict) for numbers in taggers.values()):
        raise DataError(f"{path}: is not the invariance.json of 'lorentznet invariance'; scan again")
    for name, numbers in taggers.items():
        _claim(study, "invariance scan", name, path)
        study.invariance[name] = numbers


def _add_explanations(study: Study, folder: Path) -> None:
    """That of a tagger, or those that a report put beside its page, one for each tagger."""
    stem = EXPLANATION.removesuffix(".json")
    for path in sorted({*folder.glob(EXPLANATION), *folder.glob(f"{stem}_*.json")}):
        found = Explanation.read(path)
        _claim(study, "explanation", found.name, path)
        study.explanations[found.name] = found


def _claim(study: Study, kind: str, name: str, path: Path) -> None:
    other = study.sources.setdefault((kind, name), path)
    if other != path:
        raise DataError(
            f"{path}: another {kind} of '{name}' was found in {other}; give only one of them, or give it another --name"
        )


def read_json(path: str | Path) -> dict[str, Any]:
    """The mapping in a JSON file; :class:`DataError` names the file if there is none."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=lambda word: None)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise DataError(f"{path}: is not JSON; it was damaged or edited, make it anew") from None
    if not isinstance(values, dict):
        raise DataError(f"{path}: expected names and values, found {type(values).__name__}")
    return values


def _mapping(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {}
