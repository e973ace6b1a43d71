"""The results as tables: Markdown to read, CSV with all numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from entries import is_among

from lorentznet import files
from lorentznet.config import read_yaml
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.tables import write_rows

NAMES = {"auc": "AUC", "accuracy": "accuracy", "rejection_0.5": "1/εB(0.5)", "rejection_0.3": "1/εB(0.3)"}
FIELDS = ("value", "low", "high", "survivors", "median", "seed_std")


def published(path: str | Path) -> dict[str, Any]:
    """The published numbers and their sources."""
    return read_yaml(path)


def markdown(numbers: Mapping[str, Any], quoted: Mapping[str, Any]) -> str:
    """Three tables for each number of training jets: values, ensembles and differences; the published numbers last."""
    jets = ", ".join(f"{count:,} {name}" for name, count in numbers["test_jets"].items())
    lines = [
        "# Data efficiency",
        "",
        f"Jets: {numbers['description']}. Test jets: {jets}.",
        "",
        "Values are means over the seeds; ± is the 68 % interval from the finite number of test jets, which all taggers share, so that "
        "differences are known better than values. *Seeds ±* is the standard deviation over the seeds, *survive* the mean number of "
        "background jets that pass. Epochs are chosen by the validation jets, whose AUC is the mean over the seeds. "
        "CPU minutes are those of one training, validation included, on the device named; where a tagger learns from others, those of "
        "all its teachers are given too, and where it goes on from the weights of other trainings, those of these. *After N generated "
        "jets* says what these were trained on: such a row stands on N jets more than its heading says.",
    ]
    every = numbers["results"]
    for generated, size in sorted({(bool(item.get("generated")), item["size"]) for item in every}):
        items = [item for item in every if (bool(item.get("generated")), item["size"]) == (generated, size)]
        kind = "generated training jets, real test jets" if generated else "training jets"
        lines += ["", f"## {size:,} {kind}", "", *_table(_HEADER, (_values(item, every) for item in items))]
        together = [item for item in items if item["ensemble"]]
        if together:
            header = ["ensemble (mean of the logits)", "seeds", *NAMES.values()]
            lines += ["", *_table(header, map(_ensemble, together))]
        differences = [_difference(item, found) for item in items for found in item.get("against", [])]
        if differences:
            header = ["on the same jets", "difference of AUC", *(f"ratio of {NAMES[key]}" for key in _REJECTIONS)]
            lines += ["", *_table(header, differences)]
    lines += ["", "## Published", "", f"For scale ({quoted['note']}):", ""]
    header = ["tagger", "parameters", "training jets", *NAMES.values(), "source"]
    lines += _table(header, map(_quoted, quoted["points"]))
    lines += ["", *(f"* {name}: {text}" for name, text in quoted["sources"].items())]
    return "\n".join(lines) + "\n"


def rows(numbers: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Every number in a row of its own: entry, size, kind, quantity, value, low, high, survivors, median, seed_std."""
    for item in numbers["results"]:
        place = (item["entry"], item["size"])
        for name in ("parameters", "train_jets"):
            yield (*place, "fact", name, item[name], *[None] * (len(FIELDS) - 1))
        for name in ("cpu_minutes", "epochs", "val_auc"):
            for seed, value in zip(item["seeds"], item[name], strict=True):
                yield (*place, f"seed {seed}", name, value, *[None] * (len(FIELDS) - 1))
        for kind in ("single", "ensemble"):
            for name, found in (item[kind] or {}).items():
                yield (*place, kind, name, *(found.get(key) for key in FIELDS))
        for seed, position in zip(item["seeds"], range(len(item["seeds"])), strict=True):
            for name, found in item["single"].items():
                yield (*place, f"seed {seed}", name, found["values"][position], *[None] * (len(FIELDS) - 1))
        for other in item.get("against", []):
            for name, found in other.items():
                if name != "baseline":
                    yield (*place, f"against {other['baseline']}", name, *(found.get(key) for key in FIELDS))


def write(numbers: Mapping[str, Any], quoted: Mapping[str, Any], out: Path) -> list[Path]:
    """Write ``landscape.md`` and ``landscape.csv``."""
    paths = [out / "landscape.md", out / "landscape.csv"]
    with files.atomic(paths[0]) as temporary:
        temporary.write_text(markdown(numbers, quoted), encoding="utf-8")
    write_rows(paths[1], ("entry", "size", "kind", "quantity", *FIELDS), rows(numbers))
    return paths


_REJECTIONS = ("rejection_0.5", "rejection_0.3")
_HEADER = [
    "tagger",
    "parameters",
    "symmetry",
    "seeds",
    "validation AUC",
    "AUC",
    "seeds ±",
    "median",
    "accuracy",
    "1/εB(0.5)",
    "1/εB(0.3)",
    "CPU min",
]


def _table(header: Sequence[str], body: Any) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *body]]


def _estimate(found: Mapping[str, Any], survivors: bool = True) -> str:
    text = Estimate.from_dict({key: found[key] for key in ("value", "low", "high")}).text()
    if not survivors or found.get("survivors") is None:
        return text
    spread = f", seeds ± {found['seed_std']:.0f}" if found.get("seed_std") is not None else ""
    return f"{text} ({found['survivors']:.0f} survive{spread})"


def _values(item: Mapping[str, Any], every: Sequence[Mapping[str, Any]]) -> list[str]:
    single, minutes = item["single"], item["cpu_minutes"]
    of: dict[str, tuple[float, Mapping[str, Any]]] = {}
    taught, begun, generated = [], [], 0
    for other in every:
        for seed, time in zip(other["seeds"], other["cpu_minutes"], strict=True):
            of[f"{other['entry']}/{other['size']}/seed{seed}"] = time, other
            if other["size"] == item["size"] and is_among(item.get("teachers", ()), other["entry"], seed):
                taught.append(time)
    name = item.get("weights")
    while name in of:
        time, first = of[name]
        begun.append(time)
        generated += first["size"] if first.get("generated") else 0
        name = first.get("weights")
    before = {"teachers": taught, "first weights": begun}
    earlier = "".join(f", {what} {sum(times):.0f}" for what, times in before.items() if times)
    after = f" (after {generated:,} generated jets)" if generated else ""
    if name is not None:  # is not among the results, as where a part of the study is evaluated
        earlier, after = f"{earlier}, those of {name} unknown", f" (after {name})"
    spread = single["auc"]["seed_std"]
    return [
        f"`{item['entry']}`{after}",
        f"{item['parameters']:,}",
        item["symmetry"],
        str(len(item["seeds"])),
        f"{sum(item['val_auc']) / len(item['val_auc']):.5f}",
        _estimate(single["auc"]),
        "" if spread is None else f"{spread:.5f}",
        f"{single['auc']['median']:.5f}",
        _estimate(single["accuracy"]),
        *(_estimate(single[key]) for key in _REJECTIONS),
        f"{sum(minutes) / len(minutes):.1f}{earlier} ({item['device']})",
    ]


def _ensemble(item: Mapping[str, Any]) -> list[str]:
    return [f"`{item['entry']}`", str(len(item["seeds"])), *(_estimate(item["ensemble"][key]) for key in NAMES)]


def _difference(item: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    area = found["auc_difference"]
    return [
        f"`{item['entry']}` against `{found['baseline']}`",
        f"{area['value']:+.5f} ± {area['test_error']:.5f} (test jets)"
        + (f" ± {area['seed_error']:.5f} (seeds)" if area["seed_error"] is not None else ", seeds unknown"),
        *(_estimate(found[key.replace("rejection", "rejection_ratio")], survivors=False) for key in _REJECTIONS),
    ]


def _quoted(point: Mapping[str, Any]) -> list[str]:
    parameters = point.get("parameters")
    rejections = (f"{point[key][0]} ± {point[key][1]}" if key in point else "" for key in _REJECTIONS)
    return [
        point["label"],
        "" if parameters is None else f"{parameters:,}",
        f"{point['jets']:,}",
        f"{point['auc']:.4f}",
        f"{point['accuracy']:.3f}",
        *rejections,
        point["source"],
    ]
