"""From finished trainings to numbers: scores of the test jets, and what a table and a figure say of each tagger and training set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jobs import Job, by_entry
from paired import area, compare
from record import Scored, TestJets, has_scores

from lorentznet import files
from lorentznet.console import Console
from lorentznet.errors import DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.ensembles import over_members
from lorentznet.evaluate.intervals import Estimate

EFFICIENCIES = (0.5, 0.3)
"""Signal efficiencies at which the background rejection is given."""


def predict(jobs: Sequence[Job], console: Console, device: str = "cpu") -> None:
    """Score the test jets with every finished training that has not done so."""
    from lorentznet.commands.predict import score_table
    from lorentznet.train import load
    from lorentznet.train.prediction import predict as predict_jets
    from lorentznet.train.threads import cpu_threads

    waiting = [job for job in jobs if job.folder.finished and not has_scores(job)]
    for number, job in enumerate(waiting, 1):
        console.say(f"[{number}/{len(waiting)}] scores of {job.name}")
        tagger = load(job.folder.best)
        with cpu_threads(job.config.trainer.threads):
            prediction = predict_jets(tagger, job.words("test"), device=device)
        table = score_table(prediction, tagger, job.folder.best, job.name, device)
        replace(table, observers={}).write(job.scores)


def evaluate(
    jobs: Sequence[Job],
    scored: Sequence[Scored],
    jets: TestJets,
    console: Console,
    known: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The numbers of everything that has scores.

    Parameters
    ----------
    jobs
        All trainings of the study, in order.
    scored
        Those with their scores, as :func:`record.collect` gives them.
    jets
        The test jets.
    console
        What is said on the way.
    known
        Earlier numbers of the same study. What they have of trainings that are not here, or of more seeds than are here, is kept.

    Returns
    -------
    dict
        ``results``: a list with an item for each entry and number of training jets. ``single`` and ``ensemble`` (mean of the logits
        over the seeds) hold ``auc``, ``accuracy`` and ``rejection``; of single trainings the mean over the seeds, with the interval
        that the finite number of test jets gives (``low``, ``high``), the standard deviation over the seeds and all values.
        ``against`` compares on the same jets with the baseline of the study and the entries that the entry names.
    """
    study = jobs[0].study
    of = {one.job.name: one for one in scored}
    groups = {key: [of[job.name] for job in group] for key, group in by_entry([one.job for one in scored]).items()}
    results = []
    for key, group in groups.items():
        console.say(f"{key[0]}, {key[1]} jets: {len(group)} seeds")
        for one in group:
            if one.changed:
                console.say(f"{one.job.name}: was trained with other settings than the study has now: {', '.join(one.changed)}")
        item = {**_facts(group), **_numbers(jets, _log_odds(group))}
        others = {
            label: groups.get((label, key[1]))
            for label in (study.baseline, *group[0].job.entry.against)
            if label not in (None, key[0])
        }
        item["against"] = [
            {"baseline": label, **compare(jets.labels == 1, _log_odds(group), _log_odds(other), EFFICIENCIES)}
            for label, other in others.items()
            if other
        ]
        results.append(item)
    counts = {name: int((jets.labels == number).sum()) for number, name in enumerate(jets.classes)}
    numbers = {"description": study.description, "test_jets": counts, "results": results}
    return numbers if known is None else _kept(numbers, known, jobs, console)


def _kept(numbers: Mapping[str, Any], known: Mapping[str, Any], jobs: Sequence[Job], console: Console) -> dict[str, Any]:
    """New numbers, and those known of before that say more; in the order of the trainings."""
    if any(known[key] != numbers[key] for key in ("description", "test_jets")):
        raise DataError(
            f"{jobs[0].out}/results.json: is of another study or of other test jets ({known['description']}); move it away"
        )
    new, old = ({(item["entry"], item["size"]): item for item in found["results"]} for found in (numbers, known))
    results = []
    for key in dict.fromkeys([*by_entry(jobs), *old]):
        here, before = new.get(key), old.get(key)
        if before is not None and (here is None or len(before["seeds"]) > len(here["seeds"])):
            console.say(f"{key[0]}, {key[1]} jets: {len(before['seeds'])} seeds, kept from before")
            here = before
        if here is not None:
            results.append(here)
    return {**numbers, "results": results}


def write(numbers: Mapping[str, Any], out: Path) -> Path:
    """Write ``results.json``."""
    return files.write_json(out / "results.json", numbers)


def earlier(out: Path) -> dict[str, Any] | None:
    """What :func:`write` wrote before, if it did."""
    return read(out) if (out / "results.json").exists() else None


def read(out: Path) -> dict[str, Any]:
    """What :func:`write` wrote; :class:`DataError` if it is not there."""
    path = out / "results.json"
    try:
        numbers: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); run the stage evaluate first") from None
    return numbers


def _log_odds(group: Sequence[Scored]) -> list[Any]:
    return [one.log_odds for one in group]


def _facts(group: Sequence[Scored]) -> dict[str, Any]:
    """What the trainings of an entry say of themselves."""
    job, first = group[0].job, group[0].facts
    return {
        "entry": job.entry.label,
        "like": job.entry.like,
        "teachers": list(job.entry.teachers),
        "weights": job.entry.weights,
        "generated": bool(job.generated_jets),
        "tagger": job.entry.tagger,
        "preset": job.entry.preset,
        "parameters": first["parameters"],
        "symmetry": first["symmetry"],
        "train_jets": first["train_jets"],
        "size": job.jets,
        "seeds": [one.job.seed for one in group],
        **{name: [one.facts[name] for one in group] for name in ("epochs", "val_auc", "cpu_minutes")},
        "device": first["device"],
    }


def _numbers(jets: TestJets, scores: Sequence[Any]) -> dict[str, Any]:
    singles = [_metrics(jets, z) for z in scores]
    single = {name: _over_seeds([found[name] for found in singles]) for name in singles[0]}
    value, error = area(jets.labels == 1, scores)
    single["auc"] |= {"value": value, "low": value - error, "high": value + error}
    return {"single": single, "ensemble": _metrics(jets, np.mean(scores, axis=0)) if len(scores) > 1 else None}


def _over_seeds(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean, median and spread of a quantity over the seeds."""
    numbers = over_members([Estimate.from_dict(dict(estimate)) for estimate in found])
    return {"seed_std" if key == "spread" else key: value for key, value in numbers.items()}


def _metrics(jets: TestJets, log_odds: Any) -> dict[str, dict[str, Any]]:
    roc = metrics.roc_curve(jets.labels, log_odds)
    return {
        "auc": roc.auc().as_dict(),
        "accuracy": metrics.accuracy(jets.labels, log_odds).as_dict(),
        **{f"rejection_{efficiency:g}": roc.background_rejection(efficiency).as_dict() for efficiency in EFFICIENCIES},
    }
