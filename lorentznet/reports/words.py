"""What a report says of a study in words and small tables, from what was found in its folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.invariance_tables import points
from lorentznet.evaluate.invariance_words import listed_quantities, mode_name, number
from lorentznet.evaluate.ties import Ties
from lorentznet.reports.folders import Study


def summary(study: Study) -> str:
    """One paragraph with the results.

    Only what was measured is mentioned: separation on the evaluated jets, then invariance.
    """
    sentences = []
    if study.evaluation:
        best = sorted(study.evaluation.taggers.items(), key=lambda pair: -pair[1]["auc"]["value"])
        several = f"of {len(best)} taggers the three with the highest AUC are these: " if len(best) > 4 else ""
        results = [
            _separation(name, tagger, study.facts(name))
            for name, tagger in (best[:3] if several else study.evaluation.taggers.items())
        ]
        sentences.append(f"On {study.evaluation.jets() or 'the evaluated jets'}, {several}{'; '.join(results)}.")
    if study.regression:
        resolved = [_resolution(name, numbers) for name, numbers in study.regression.regressions.items()]
        sentences.append(f"Resolution against the plain jet: {'; '.join(resolved)}.")
    for mode in (("float32", "frame"), ("float64", "frame"), ("float32", "lab"), ("float64", "lab")):
        ends, changed = {}, []
        for name, numbers in study.invariance.items():
            gammas, rms = points(numbers.get(mode[0], {}).get(mode[1], {}).get("boost", {}))
            if gammas:
                ends[f"{number(rms[-1])} ({name})"] = gammas[-1]
                changed.append(numbers.get("quantity", "logit"))
        if ends and len(sentences) < 3:
            sentences.append(
                f"Seen from frames boosted by γ = {max(ends.values()):g}, the {listed_quantities(changed)} changes by {listed(ends)} "
                f"of its standard deviation: {mode_name(*mode)}."
            )
    if not sentences and study.explanations:
        sentences += [
            f"{name} loses most without this: {max(explanation.rows, key=lambda row: row.loss.value).name}."
            for name, explanation in study.explanations.items()
        ]
    if not sentences:
        sentences.append(f"{plural(len(study.runs), 'training')}, not evaluated yet: {', '.join(study.runs)}.")
    return unbroken(" ".join(sentences))


def _resolution(name: str, numbers: Mapping[str, Any]) -> str:
    quantity, part = next(iter(numbers["quantities"].items()))
    network, jet = (Estimate.from_dict(part[key]["resolution"]).value for key in ("network", "jet"))
    return f"{name} finds the {quantity} of {numbers['jets']:,} jets to {100 * network:.2g} %, the plain jet to {100 * jet:.2g} %"


def _separation(name: str, tagger: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    size = f" ({facts['parameters']:,} parameters)" if facts.get("parameters") else ""
    words = f"{name}{size} reaches AUC {Estimate.from_dict(tagger['auc']).text()}"
    for point, numbers in list(tagger["background_rejection"].items())[:1]:
        rejection = Estimate.from_dict(numbers)
        sign = "" if rejection.text().startswith(">") else "= "
        survive = f" ({plural(rejection.survivors, 'background jet')} left)" if rejection.survivors is not None else ""
        words += f" and background rejection 1/εB {sign}{rejection.text()}{survive} at signal efficiency {point}"
    return words


def unbroken(words: str) -> str:
    """Words in which no line ends within a number and its errors."""
    joined = re.sub(r" (?=[±>]|[+-]\d|survive\))|(?<=[±>]) |(?<=\(p) | (?=\S+\))", "\N{NO-BREAK SPACE}", words)
    return re.sub(r"(?:^|(?<=[\se]))-(?=\d)", "\N{MINUS SIGN}", joined).replace("1/ε", "1/\N{WORD JOINER}ε")


def counting(study: Study) -> str:
    """Whose intervals of counts an evaluation has."""
    said = study.evaluation.numbers.get("intervals", {}).get("accuracy", "") if study.evaluation else ""
    return str(said).partition(",")[0] or "effective counts"


EXPLAINED = {
    "Calibration": (
        "ECE: mean distance of probability and observed fraction in 15 bins, beside what it would be by chance if the probabilities were "
        "true. Brier score and negative log-likelihood: smaller is better. All hold for this mix of classes. A temperature is fitted to "
        "other jets and divides the logits."
    ),
    "Background efficiency in bins": (
        "Lowest and highest efficiency of bins with about as many jets each, one threshold for all; p: of a chi-squared test of the same "
        "efficiency everywhere. JSD: Jensen-Shannon divergence of the mass spectra before and after the cut, beside what chance makes."
    ),
    "Against": (
        "Differences are tagger minus baseline, ratios tagger over baseline. Their errors know that the jets are the same (DeLong for the "
        "AUC); p: the probability of more, to either side, if there were no difference. Correlation: Spearman's, of the scores."
    ),
    "Together": (
        "The best sum of the log-odds of both, weights of tagger and baseline from logistic regression, each half of the jets combined "
        "with the weights of the other; gain over the better of the two alone."
    ),
    "Ensembles": (
        "Single: mean over the members, spread: their standard deviation. Mean and median: of the ensemble whose output is the "
        "mean or the median of the members' logits; errors from the number of jets."
    ),
}


def explained(title: str) -> str:
    """What a table of an evaluation says, by its title or the first word of it."""
    return EXPLAINED.get(title) or EXPLAINED.get(title.split()[0], "")


def ties(study: Study) -> list[str]:
    """Taggers whose ties touch the numbers shown."""
    lines = []
    for name, tagger in study.evaluation.taggers.items() if study.evaluation else ():
        for signal, part in (tagger.get("classes") or {"": tagger}).items():
            found = part.get("ties")
            if found and found["pairs"] > 1e-6:
                lines.append(f"{name}{f' ({signal})' if signal else ''}: {Ties(**found)}")
    return lines


def verdicts(study: Study) -> list[str]:
    """The verdict lines of the invariance scans."""
    return [unbroken(f"{name}: {line}") for name, numbers in study.invariance.items() for line in numbers.get("verdict", ())]


def scanned_jets(numbers: Mapping[str, Any], most: int | None = None) -> str:
    """Which jets an invariance scan was made with, at most so many of them."""
    jets = numbers.get("jets")
    counted = jets if most is None or jets is None else min(jets, most)
    parts = [f"{counted:,} jets" if counted is not None else "", f"seed {numbers['seed']}" if "seed" in numbers else ""]
    return ", ".join(part for part in parts if part)


def trained_jets(study: Study) -> str:
    """Which jets the trainings used, for their figures."""
    found: dict[str, None] = {}
    for run in study.runs.values():
        jets = run.data.get("jets")
        if isinstance(jets, Mapping):
            counts = ", ".join(f"{number:,} jets ({split})" for split, number in jets.items())
            found[f"{counts}, seed {run.info.get('seed', '?')}"] = None
    return next(iter(found)) if len(found) == 1 else ""


def datasets(study: Study) -> Iterator[dict[str, object]]:
    """Facts of each dataset that was used."""
    seen = set()
    for name in study.names:
        facts = _dataset(study, name)
        key = tuple(facts.items())
        if facts and key not in seen:
            seen.add(key)
            yield facts


def _dataset(study: Study, name: str) -> dict[str, object]:
    run = study.runs.get(name)
    data = run.data if run else {}
    evaluated = study.evaluation.taggers.get(name, {}) if study.evaluation else {}
    prediction = evaluated.get("provenance", {}).get("prediction", {})
    card = data.get("card") or prediction.get("card") or {}
    jets: Mapping[str, Any] = data["jets"] if isinstance(data.get("jets"), Mapping) else {}
    facts: dict[str, object] = {
        "dataset": card.get("name"),
        "description": card.get("description"),
        "card digest": card.get("digest"),
        "licence": card.get("licence"),
        "citation": card.get("citation"),
    }
    for split, title in (("train", "training jets"), ("val", "validation jets")):
        if split in jets or split in data:
            facts[title] = _number_and_files(jets.get(split), data.get(split))
    if evaluated and study.evaluation:
        facts["evaluated jets"] = _number_and_files(None, prediction.get("files"), study.evaluation.jets(name))
    return {key: value for key, value in facts.items() if value}


def _number_and_files(number: Any, files: Any, jets: str = "") -> str:
    named = ", ".join([files] if isinstance(files, str) else [str(file) for file in files or ()])
    jets = jets or (f"{number:,}" if number is not None else "")
    return f"{jets}, from {named}" if jets and named else jets or named


def taggers(study: Study) -> tuple[list[str], list[list[str]]]:
    """Header and rows: size, symmetry and training of each tagger."""
    header = ["tagger", "network", "parameters", "symmetry", "training time", "epochs", "seed", "device"]
    rows = []
    for name in study.names:
        facts = study.facts(name)
        tagger = study.runs[name].tagger if name in study.runs else facts.get("provenance", {}).get("tagger", {})
        best = facts.get("best") or {}
        epochs = str(facts.get("epochs", ""))
        rows.append(
            [
                name,
                " ".join(str(tagger[key]) for key in ("name", "preset") if tagger.get(key)),
                f"{facts['parameters']:,}" if facts.get("parameters") is not None else "",
                str(facts.get("symmetry", "")),
                duration(facts["seconds"]) if facts.get("seconds") is not None else "",
                f"{epochs} (best: {best['epoch']})" if epochs and "epoch" in best else epochs,
                str(facts.get("seed", "")),
                str(facts.get("device", "")),
            ]
        )
    used = [column for column in range(len(header)) if column == 0 or any(row[column] for row in rows)]
    return [header[column] for column in used], [[row[column] for column in used] for row in rows]


def citations(study: Study) -> list[str]:
    """Papers of the taggers."""
    found = {name: study.facts(name).get("citation") for name in study.names}
    return [f"{name}: {citation}" for name, citation in found.items() if citation]


def provenance(study: Study) -> Iterator[tuple[str, list[str], dict[str, object]]]:
    """Heading, command lines and facts: how each result was made."""
    for name in study.names:
        facts = study.facts(name)
        prediction = facts.get("provenance", {}).get("prediction", {})
        commands = [command for command in (facts.get("command"), prediction.get("command")) if command]
        about: dict[str, object] = {
            "seed": facts.get("seed"),
            "versions": ", ".join(f"{package} {version}" for package, version in (facts.get("versions") or {}).items()),
            "scores": facts.get("provenance", {}).get("file"),
            "column": facts.get("provenance", {}).get("column"),
        }
        if commands or any(about.values()):
            yield name, commands, about
    if study.evaluation:
        numbers = study.evaluation.numbers
        intervals = {f"interval of the {key.replace('_', ' ')}": value for key, value in numbers.get("intervals", {}).items()}
        level = intervals.pop("interval of the level", None)
        about = {"score files": ", ".join(numbers.get("dataset", {}).get("score_files", ()))} | intervals
        yield (
            "Evaluation",
            [numbers["command"]] if "command" in numbers else [],
            about | ({"level": f"{level:.4%}"} if level else {}),
        )
    for name, explanation in study.explanations.items():
        yield (
            f"Explanation of {name}",
            [explanation.about["command"]] if explanation.about.get("command") else [],
            {"jets": sum(explanation.jets.values()), "seed": explanation.seed, "checkpoint": explanation.about.get("checkpoint")},
        )
    for name, scan in study.invariance.items():
        about = {key: scan.get(key) for key in ("jets", "seed", "device")}
        unit = f"standard deviation of the {scan.get('quantity', 'logit')}"
        about[unit] = f"{scan['logit_std']:.4g}" if scan.get("logit_std") else None
        about["reference vectors"] = "transformed along with the jets" if scan.get("references") else None
        yield f"Invariance of {name}", [scan["command"]] if scan.get("command") else [], about


def duration(seconds: float) -> str:
    """A time as people say it.

    Examples
    --------
    >>> duration(42.4), duration(200), duration(7260)
    ('42 s', '3 min 20 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def listed(words: Iterable[str], last: str = " and ") -> str:
    """Words in a row.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *others, end = list(words) or [""]
    return f"{', '.join(others)}{last}{end}" if others else end


def plural(number: int, noun: str) -> str:
    """A number of things.

    Examples
    --------
    >>> plural(1, "training"), plural(2, "training")
    ('1 training', '2 trainings')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
