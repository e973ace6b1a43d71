"""The numbers of an evaluation as rows of CSV files, and as small tables of words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.paired import Difference

Numbers = Mapping[str, Any]
METRICS = ("tagger", "class", "quantity", "signal_efficiency", "value", "low", "high", "survivors", "background_efficiency")
COMPARISONS = ("tagger", "baseline", "class", "quantity", "signal_efficiency", "value", "error", "low", "high", "p_value")
ENSEMBLES = ("ensemble", "members", "class", "output", "quantity", "signal_efficiency", "value", "low", "high", "spread")


def metrics_rows(numbers: Numbers) -> Iterator[tuple[Any, ...]]:
    """Every estimate of ``metrics.json``, with the fields of :data:`METRICS`."""
    limits = ("value", "low", "high")
    for name, tagger in numbers["taggers"].items():
        for signal, part in [("", tagger), *tagger.get("classes", {}).items()]:
            for quantity in ("auc", "accuracy"):
                if quantity in part:
                    yield (name, signal, quantity, None, *(part[quantity][key] for key in limits), None, None)
            for efficiency, found in part["background_rejection"].items():
                yield (name, signal, "background_rejection", efficiency, *(found[key] for key in (*limits, "survivors")), None)
            for efficiency, found in part.get("signal_efficiency", {}).items():
                yield (name, signal, "signal_efficiency", None, *(found[key] for key in (*limits, "survivors")), efficiency)
            for efficiency, found in part.get("mass_sculpting", {}).items():
                yield (name, signal, "mass_sculpting_jsd_bit", efficiency, found["jsd"], None, None, found["jets"], None)
        for prefix, part in (("", tagger.get("calibration", {})), ("scaled_", tagger.get("calibration", {}).get("scaled", {}))):
            for quantity, found in part.items():
                if isinstance(found, Mapping) and "value" in found:
                    yield (name, "", prefix + quantity, None, *(found[key] for key in limits), None, None)
                elif quantity in ("ece", "ece_expected"):
                    yield (name, "", prefix + quantity, None, found, None, None, None, None)


def comparison_rows(numbers: Numbers) -> Iterator[tuple[Any, ...]]:
    """Every difference and ratio, with the fields of :data:`COMPARISONS`."""
    keys = ("value", "error", "low", "high", "p_value")
    for comparison in numbers.get("comparisons", ()):
        for name, found in comparison["taggers"].items():
            place = (name, comparison["baseline"], comparison["signal"])
            together = found["combination"]
            for quantity, single, points in (
                ("auc_difference", found["auc_difference"], {}),
                ("rejection_ratio", None, found["rejection_ratio"]),
                ("combination_auc_gain", together["auc_gain"], {}),
                ("combination_rejection_gain", None, together["rejection_gain"]),
            ):
                for efficiency, values in ({None: single} if single else points).items():
                    yield (*place, quantity, efficiency, *(values.get(key) for key in keys))
            for kind in ("signal", "background"):
                yield (*place, f"correlation_{kind}", None, _correlation(comparison, name, kind), *[None] * 4)


def ensemble_rows(numbers: Numbers) -> Iterator[tuple[Any, ...]]:
    """Every number of the ensembles, with the fields of :data:`ENSEMBLES`."""
    for name, ensemble in numbers.get("ensembles", {}).items():
        for signal, part in ensemble["classes"].items():
            for quantity, efficiency, outputs in _quantities(part):
                for output, found in outputs.items():
                    values = (found.get(key) for key in ("value", "low", "high", "spread"))
                    yield (name, len(ensemble["members"]), signal, output, quantity, efficiency, *values)


def _quantities(part: Numbers) -> Iterator[tuple[str, str | None, Numbers]]:
    yield "auc", None, part["auc"]
    for efficiency, outputs in part["background_rejection"].items():
        yield "background_rejection", efficiency, outputs


def ensemble_quantities(numbers: Numbers) -> Iterator[tuple[str, int, str | None, Numbers]]:
    """Name (with the signal class, if there are several), number of members, signal efficiency (None for the AUC), and outputs."""
    for name, ensemble in numbers.get("ensembles", {}).items():
        for signal, part in ensemble["classes"].items():
            label = f"{name}: {signal}" if len(ensemble["classes"]) > 1 else name
            for _, efficiency, outputs in _quantities(part):
                yield label, len(ensemble["members"]), efficiency, outputs


def further_tables(numbers: Numbers) -> list[tuple[str, list[list[str]]]]:
    """Titles and tables, each with a header: calibration, dependence, comparisons, ensembles; those that there are."""
    found = [
        ("Calibration", calibration_cells(numbers)),
        ("Background efficiency in bins", dependence_cells(numbers)),
        *comparison_tables(numbers),
        ("Ensembles", ensemble_cells(numbers)),
    ]
    return [(title, rows) for title, rows in found if len(rows) > 1]


def calibration_cells(numbers: Numbers) -> list[list[str]]:
    """Calibration of each tagger, and in further rows what temperature scaling makes of it."""
    rows = [["tagger", "ECE", "ECE if calibrated", "Brier score", "NLL (nats)", "temperature"]]
    for name, tagger in numbers["taggers"].items():
        found = tagger.get("calibration")
        if not found:
            continue
        for label, part in ((name, found), (f"{name}, scaled", found.get("scaled"))):
            if part:
                scores = (str(Estimate.from_dict(part[key])) for key in ("brier", "nll"))
                temperature = str(Estimate.from_dict(found["temperature"])) if part is not found else ""
                rows.append([label, f"{part['ece']:.2g}", f"{part['ece_expected']:.2g}", *scores, temperature])
    return [row if any(row[-1] for row in rows[1:]) else row[:-1] for row in rows]


def dependence_cells(numbers: Numbers) -> list[list[str]]:
    """Mass sculpting, and how far the background efficiency varies over the bins of each observer."""
    observers: dict[str, None] = {}
    parts = {
        (name, signal): part
        for name, tagger in numbers["taggers"].items()
        for signal, part in [("", tagger), *tagger.get("classes", {}).items()]
        if part.get("dependence")
    }
    for part in parts.values():
        observers |= dict.fromkeys(part["dependence"])
    rows = [["tagger", "εS", *(f"εB range in {name}" for name in observers), "mass JSD (bits)", "JSD expected"]]
    for (name, signal), part in parts.items():
        points = next(iter(part["dependence"].values()))
        for point in points:
            ranges = [
                _range(part["dependence"][observer][point]["background"]) if observer in part["dependence"] else ""
                for observer in observers
            ]
            mass = part.get("mass_sculpting", {}).get(point, {})
            jsd = ["" if mass.get(key) is None else f"{mass[key]:.2g}" for key in ("jsd", "expected")]
            rows.append([f"{name}: {signal}" if signal else name, point, *ranges, *jsd])
    return rows if any(row[-1] for row in rows[1:]) else [row[:-2] for row in rows]


def _range(found: Numbers) -> str:
    if found["lowest"] is None:
        return ""
    return f"{found['lowest']:.2g} to {found['highest']:.2g}" + ("" if found["p_value"] is None else f" ({_p(found['p_value'])})")


def comparison_tables(numbers: Numbers) -> list[tuple[str, list[list[str]]]]:
    """Two tables for each baseline and signal class: differences on the same jets, and what a combination of both gains."""
    tables = []
    several = len({comparison["signal"] for comparison in numbers.get("comparisons", ())}) > 1
    for comparison in numbers.get("comparisons", ()):
        baseline, of = comparison["baseline"], f", signal {comparison['signal']}" if several else ""
        points = list(next(iter(comparison["taggers"].values()))["rejection_ratio"])
        ratios = [f"1/εB ratio at εS = {point}" for point in points]
        against = [["tagger", "AUC difference", *ratios, "correlation in signal", "in background"]]
        together = [["tagger", "weights", "AUC", "AUC gain", *ratios]]
        for name, found in comparison["taggers"].items():
            alike = (_correlation(comparison, name, kind) for kind in ("signal", "background"))
            against.append(
                [
                    name,
                    _difference(found["auc_difference"]),
                    *(_ratio(found["rejection_ratio"][point]) for point in points),
                    *("unknown" if value is None else f"{value:.3f}" for value in alike),
                ]
            )
            combined = found["combination"]
            weights = combined["weights"]
            together.append(
                [
                    name,
                    f"{weights[name]:.2f}, {weights[baseline]:.2f}",
                    Estimate.from_dict(combined["auc"]).text(),
                    _difference(combined["auc_gain"]),
                    *(_ratio(combined["rejection_gain"][point]) for point in points),
                ]
            )
        tables += [
            (f"Against {baseline} on the same jets{of}", against),
            (f"Together with {baseline}, over the better of the two{of}", together),
        ]
    return tables


def ensemble_cells(numbers: Numbers) -> list[list[str]]:
    """Single trainings (mean and spread), and the ensembles of mean and median logits: a row for each quantity."""
    rows = [["ensemble", "members", "quantity", "single", "spread", "mean", "median"]]
    for label, members, efficiency, outputs in ensemble_quantities(numbers):
        word, digits = ("AUC", 5) if efficiency is None else (f"1/εB at εS = {efficiency}", 0)
        single = outputs["single"]
        words = ("unknown" if single[key] is None else f"{single[key]:.{digits}f}" for key in ("value", "spread"))
        together = (str(Estimate.from_dict(outputs[output])) for output in ("mean", "median"))
        rows.append([label, str(members), word, *words, *together])
    return rows


def _correlation(comparison: Numbers, name: str, kind: str) -> float | None:
    found = comparison["correlation"]
    row, column = (found["taggers"].index(tagger) for tagger in (comparison["baseline"], name))
    return found[kind][row][column]


def _difference(found: Numbers) -> str:
    return f"{Difference.from_dict(dict(found))} ({_p(found['p_value'])})"


def _ratio(found: Numbers) -> str:
    if found["value"] is None:
        return "no survivors"
    return f"{Estimate(found['value'], found['low'], found['high']).text()} ({_p(found['p_value'])})"


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 1e-4 else "p < 0.0001"
