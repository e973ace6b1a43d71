"""The model card of pretrained weights: their JSON as a page in Markdown."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lorentznet.data.source import parse
from lorentznet.train.trained import begun_with
from lorentznet.train.training_range import NAMES

WIDTH = 120
UNITS = {"pt": " [GeV]", "mass": " [GeV]", "softest": " energy [GeV]"}


def render(facts: Mapping[str, Any]) -> str:
    """The card.

    Parameters
    ----------
    facts
        The content of ``NAME.json``, see :func:`lorentznet.train.pretrained.facts`.
    """
    parts = [_head, _metrics, _symmetry, _data, _training, _use]
    return "\n\n".join(part(facts) for part in parts) + "\n"


def estimate(numbers: Mapping[str, Any]) -> str:
    """A value with its errors, and how many background jets survive.

    Examples
    --------
    >>> estimate({"value": 0.98065, "low": 0.98000, "high": 0.98128})
    '0.98065 +0.00063 -0.00065'
    >>> estimate({"value": 1011.3, "low": 758.2, "high": 1361.6, "survivors": 15})
    '1011 +350 -253 (15 survive)'
    >>> estimate({"value": None, "low": 543.0, "high": None, "survivors": 0})
    '> 543 (0 survive)'
    """
    value, low, high, survivors = (numbers.get(key) for key in ("value", "low", "high", "survivors"))
    digits = 5 if value is not None and abs(value) < 2 else 0
    if value is None:
        text = f"> {low:.0f}"
    else:
        up = "inf" if high is None else f"{high - value:.{digits}f}"
        text = f"{value:.{digits}f} +{up} -{value - low:.{digits}f}"
    return text if survivors is None else f"{text} ({survivors} survive)"


def duration(seconds: float) -> str:
    """Seconds in the unit that fits.

    Examples
    --------
    >>> [duration(seconds) for seconds in (12.3, 450, 20000)]
    ['12 seconds', '7.5 minutes', '5.6 hours']
    """
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.1f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def _head(facts: Mapping[str, Any]) -> str:
    name, classes = facts["name"], facts["classes"]
    said = (
        f"Weights of the tagger `{facts['tagger']['name']}` with {facts['parameters']:,} parameters that tells {_listed(classes[1:])} "
        f"from {classes[0]} jets. After {facts['citation']}."
    )
    code = (
        f'```\nlorentznet predict {name} jets.root --out scores.root\n```\n\n```python\ntagger = lorentznet.load("{name}")\n'
        "logits = tagger(lorentznet.data.collate(jets))\n```"
    )
    return f"# {name}\n\n{_filled(said)}\n\n{code}"


def _metrics(facts: Mapping[str, Any]) -> str:
    metrics, data = facts["metrics"], facts["data"]
    parts = metrics.get("classes") or {"": metrics}
    rows = [["AUC", estimate(metrics["auc"])], ["accuracy", estimate(metrics["accuracy"])]]
    for signal, part in parts.items():
        rejections = sorted(part["background_rejection"].items(), key=lambda item: float(item[0]))
        of = f" ({signal})" if signal else ""
        rows += [[f"1/ε_B at ε_S = {efficiency}{of}", estimate(numbers)] for efficiency, numbers in rejections]
    jets = data["jets"]["test"]
    said = (
        f"Measured on {sum(jets.values()):,} jets ({', '.join(f'{number:,} {name}' for name, number in jets.items())}) in rows that "
        f"neither training nor the choice of epoch and seed has read{_rows(data['test'])}. Errors are central 68 % intervals of the "
        "test sample alone, not of training again."
    )
    return f"## Performance\n\n{_table(['', 'value'], rows)}\n\n{_filled(said)}"


def _symmetry(facts: Mapping[str, Any]) -> str:
    scan = facts["invariance"]
    modes = [("float32", "frame", "float64 rest frame"), ("float64", "frame", "float64 rest frame"), ("float32", "lab", "none")]
    curves = [(dtype, words, scan.get(dtype, {}).get(mode, {}).get("boost", {})) for dtype, mode, words in modes]
    curves.append(("", "rounding of the input alone", scan["floor"].get("boost", {})))
    curves = [curve for curve in curves if curve[2]]
    gammas = sorted({gamma for *_, points in curves for gamma in points}, key=float)
    rows = [[dtype, words, *(_rms(points.get(gamma)) for gamma in gammas)] for dtype, words, points in curves]
    references = facts["tagger"].get("references") or []
    held = ""
    if references:
        held = f", the reference vectors {_listed(references)} held fixed, and under {facts['architecture']} acting on both"
    boosted = ", the reference vectors being boosted along" if scan.get("references") else ""
    said = (
        f"The logit is unchanged under {facts['symmetry']} acting on the particles{held}: by construction, up to rounding. Change "
        f"of the logit under boosts along random axes (rms, in its standard deviations, {scan.get('jets', 0):,} jets){boosted}:"
    )
    table = _table(["network", "front end", *(f"γ = {gamma}" for gamma in gammas)], rows)
    return f"## Symmetry\n\n{_filled(said)}\n\n{table}"


def _data(facts: Mapping[str, Any]) -> str:
    data = facts["data"]
    rows = [
        [name, _rows(data[key], "") or "-", f"{sum(number.values()) if isinstance(number, dict) else number:,}"]
        for name, key, number in (
            ("training", "train", data["jets"]["train"]),
            ("validation (choice of epoch and seed)", "val", data["jets"]["val"]),
            ("test", "test", data["jets"]["test"]),
        )
    ]
    before = jets_before(facts)
    rows[1:1] = [
        ["training before, see below", _rows(part["jets"], ""), "" if number is None else f"{number:,}"]
        for part, number in before
    ]
    licence = data["licence"].replace("CC-BY-", "CC BY ")
    said = f"{data['name']}: {data.get('description', '')}".rstrip(": ")
    cite = f"Licence of the jets: {licence}. Cite {data['citation']}. The weights come under the licence of the package."
    paragraphs = [_filled(said), _filled(cite), _table(["", "rows", "jets"], rows)]
    if before:
        paragraphs.append("Jets that taggers with which the training began were trained on:")
        paragraphs.append("\n".join(_filled(f"{_rows(part['jets'], '')}: {_of_card(part['card'])}", "* ") for part, _ in before))
    return "\n\n".join(["## Data", *paragraphs])


def jets_before(facts: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], int | None]]:
    """Jets other than the training's own that the taggers with which it began were trained on, and how many, if the words tell it."""
    found: list[tuple[Mapping[str, Any], int | None]] = []
    for tagger in begun_with(facts["training"]):
        for part in tagger.get("trained_on", []):
            if part["jets"] != facts["data"]["train"] and part not in [other for other, _ in found]:
                found.append((part, _number(part["jets"])))
    return found


def _number(words: Sequence[str]) -> int | None:
    rows = [parse(word).rows for word in words]
    known = [one.stop - (one.start or 0) for one in rows if isinstance(one, slice) and one.stop is not None]
    return sum(known) if len(known) == len(rows) else None


def _of_card(card: Mapping[str, Any] | None) -> str:
    """What a dataset card says of its jets."""
    if not card:
        return "nothing is known of them."
    said = f"{card['name']}: {card.get('description', '')}".rstrip(": .")
    cited = "".join(f" {word} {card[key]}." for word, key in (("Licence", "licence"), ("Cite", "citation")) if card.get(key))
    return f"{said}.{cited}"


def _training(facts: Mapping[str, Any]) -> str:
    import yaml

    training, seeds = facts["training"], facts["seeds"]
    cpu_time = training.get("cpu_seconds")
    time = f"{duration(cpu_time)} of CPU time" if cpu_time else duration(training.get("seconds", 0.0))
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    others = f"of {len(seeds)} trainings the one with the lowest validation loss was taken"
    said = (
        f"Seed {training['seed']}: {others if len(seeds) > 1 else 'the only training'}. {training['epochs']} epochs, of which "
        f"epoch {training['best']['epoch']} has the lowest validation loss; {time} on {training['device']}. Versions: {versions}."
    )
    if "teachers" in training:
        share = training["config"]["distillation"]["share"]
        said += f" Learned {_taught(training['teachers'])} in place of {'the' if share == 1 else f'{100 * share:g} % of the'} labels; "
        said += "the time of training those is not in this."
    if "weights" in training:
        said += f" {_begun(training['weights'])}"
    rows = [[str(seed["seed"]), str(seed["epoch"]), f"{seed['val_loss']:.5f}", f"{seed['val_auc']:.5f}"] for seed in seeds]
    table = _table(["seed", "best epoch", "validation loss", "validation AUC"], rows)
    config = yaml.safe_dump(training["config"], sort_keys=False, width=WIDTH, allow_unicode=True).rstrip()
    return f"## Training\n\n{_filled(said)}\n\n{table}\n\n```\n{training['command']}\n```\n\n```yaml\n{config}\n```"


def _taught(teachers: Sequence[Mapping[str, Any]]) -> str:
    """What was learned from the teachers, in words."""
    kinds = Counter((teacher["tagger"], teacher["parameters"]) for teacher in teachers)
    named = " and ".join(f"{n} `{name}` of {size:,} parameters" for (name, size), n in kinds.items())
    return f"the mean of what {len(teachers)} tagger{'s' if len(teachers) > 1 else ''} ({named}) said of the training jets"


def _begun(weights: Mapping[str, Any]) -> str:
    """Whose weights the training went on from, in words."""
    jets = f", which had seen {', '.join(f'`{word}`' for word in weights['seen'])}" if weights.get("seen") else ""
    return f"Went on from the weights of `{weights['source']}`{jets}, the time of which is not in this."


def _use(facts: Mapping[str, Any]) -> str:
    known, levels = facts["range"], ("0.001", "0.01", "0.5", "0.99", "0.999")
    rows = [[f"{NAMES[name]}{UNITS.get(name, '')}", *(f"{known[name][level]:.4g}" for level in levels)] for name in NAMES]
    use = (
        "For jets like those of the training: as a tagger at hand, a baseline, a starting point. `predict` and `inspect --for "
        f"{facts['name']}` say when jets lie outside of what the training jets were (quantiles of {known['jets']:,} jets):"
    )
    limits = (
        "Trained on simulated jets of one generator, one detector and one window of pT: other generators, detectors, pile-up, jet "
        "radii or momenta change the scores, and none of it was measured here. Scores are not calibrated probabilities for other "
        "shares of the classes than in training. Real collision data were not used."
    )
    table = _table(["", *(f"{100 * float(level):g} %" for level in levels)], rows)
    return f"## Intended use and training range\n\n{_filled(use)}\n\n{table}\n\n## Limits\n\n{_filled(limits)}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in lines)


def _rows(words: list[str], before: str = ": ") -> str:
    return before + ", ".join(f"`{word}`" for word in words) if words else ""


def _rms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _filled(text: str, bullet: str = "") -> str:
    shape: dict[str, Any] = {"initial_indent": bullet, "subsequent_indent": " " * len(bullet)}
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False, **shape)
