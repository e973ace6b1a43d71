r"""The results as LaTeX: tabulars for ``\input``, which need nothing but ``\usepackage{booktabs}``.

The numbers are rounded as everywhere else (:meth:`lorentznet.evaluate.intervals.Estimate.rounded`), and set in math mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.evaluate.evaluation import Evaluation
from lorentznet.evaluate.evaluation_tables import ensemble_quantities
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.paired import Difference
from lorentznet.evaluate.tables import without_empty

UNKNOWN = "---"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",  # this, the next and the bar are other signs in LaTeX's oldest font encoding
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a row these two are arguments of the end of the row before
    "*": "{*}",
    **{sign: f"\\{sign}" for sign in "{}$&#%_"},
}


def escaped(text: str) -> str:
    r"""Plain text of one line, such that LaTeX prints what was there.

    Examples
    --------
    >>> print(escaped("a_b&c%"))
    a\_b\&c\%
    """
    signs = "".join(_SPECIAL.get(sign, sign) for sign in " ".join(text.split()))
    return re.sub("-(?=-)", "-{}", signs)  # two hyphens in a row would become a dash


def number(estimate: Estimate) -> str:
    r"""A value with its errors in math mode; a limit where there is no value.

    Examples
    --------
    >>> print(number(Estimate(0.98477, 0.984616, 0.984922)), number(Estimate(1294.2, 1197.0, 1402.0)))
    $0.98477 \pm 0.00015$ $1294^{+108}_{-97}$
    >>> print(number(Estimate(float("inf"), 109675.0, float("inf"), survivors=0)))
    $> 1.1 \times 10^{5}$
    """
    shown, plus, minus = (_power(word) for word in estimate.rounded())
    if not plus:
        return f"${shown}$"
    return f"${shown} \\pm {plus}$" if plus == minus else f"${shown}^{{+{plus}}}_{{-{minus}}}$"


def table(evaluation: Evaluation) -> str:
    r"""The results of every tagger, and of each signal class if there are several, as a booktabs ``tabular``.

    Columns are those of :meth:`lorentznet.evaluate.evaluation.Evaluation.cells`. Comments above say which jets, seeds and intervals.

    Parameters
    ----------
    evaluation
        What ``lorentznet evaluate`` made.

    Returns
    -------
    str
        To be read by ``\input``.
    """
    header = ["Tagger", "Parameters", "AUC", "Accuracy", *(_at(r"$1/\varepsilon_B$", point) for point in evaluation.efficiencies)]
    rows = [
        [
            escaped(label),
            "" if size is None else f"${size:,}$".replace(",", r"\,"),
            *("" if estimate is None else number(estimate) for estimate in estimates),
        ]
        for label, size, estimates in evaluation.rows()
    ]
    header, *rows = without_empty([header, *rows])
    limits = ["> x: no background jet survives, x is the lower limit of the rejection"] if evaluation.has_limits else []
    filled = [[cell or UNKNOWN for cell in row] for row in rows]
    return _tabular(header, [("", filled)], [*evaluation.about(), *limits])


def comparisons(evaluation: Evaluation) -> str:
    """Each tagger against a baseline on the same jets: difference of the AUC, ratios of the background rejection.

    A group of rows for each baseline and signal class.
    """
    found: Sequence[Mapping[str, Any]] = evaluation.numbers.get("comparisons", ())
    ratios = [part["rejection_ratio"] for comparison in found for part in comparison["taggers"].values()]
    points = sorted({point for ratio in ratios for point in ratio}, key=float)
    groups = [
        (
            f"Against {escaped(comparison['baseline'])}, signal {escaped(comparison['signal'])}",
            [
                [
                    escaped(name),
                    _difference(part["auc_difference"]),
                    *(_ratio(part["rejection_ratio"].get(key)) for key in points),
                ]
                for name, part in comparison["taggers"].items()
            ],
        )
        for comparison in found
    ]
    header = ["Tagger", "AUC difference", *(_at(r"$1/\varepsilon_B$ ratio", point) for point in points)]
    said = "tagger minus baseline, tagger over baseline; errors of paired samples, the jets being the same"
    return _tabular(header, groups, [*evaluation.about(), said])


def ensembles(evaluation: Evaluation) -> str:
    """Single trainings with their spread, and the ensembles of the mean and the median of the members' logits."""
    rows = []
    for label, members, efficiency, outputs in ensemble_quantities(evaluation.numbers):
        quantity = "AUC" if efficiency is None else _at(r"$1/\varepsilon_B$", efficiency)
        together = [number(Estimate.from_dict(outputs[output])) for output in ("mean", "median")]
        rows.append([escaped(label), f"${members}$", quantity, _spread(outputs["single"]), *together])
    header = ["Ensemble", "Members", "Quantity", "Single (spread)", "Mean of logits", "Median of logits"]
    said = "single: mean and standard deviation over the members; other errors are the intervals from the number of jets"
    return _tabular(header, [("", rows)], [*evaluation.about(), said], words=3)


def write(evaluation: Evaluation, folder: str | Path) -> None:
    """Write ``results.tex``, and where there are such ``comparisons.tex`` and ``ensembles.tex``."""
    made = {"results": table(evaluation)}
    made |= {
        stem: make(evaluation)
        for stem, make in (("comparisons", comparisons), ("ensembles", ensembles))
        if evaluation.numbers.get(stem)
    }
    for stem, text in made.items():
        with files.atomic(Path(folder) / f"{stem}.tex") as temporary:
            temporary.write_text(text, encoding="utf-8")


def _tabular(
    header: Sequence[str], groups: Iterable[tuple[str, Sequence[Sequence[str]]]], comments: Sequence[str], words: int = 1
) -> str:
    """A tabular of cells that are LaTeX; groups have a title or none; the first columns hold words, the others numbers."""
    lines = [f"% {' '.join(comment.split())}" for comment in (*comments, r"needs \usepackage{booktabs}")]
    lines += [f"\\begin{{tabular}}{{{'l' * words}{'r' * (len(header) - words)}}}", r"\toprule", _row(header)]
    for title, rows in groups:
        lines += [r"\midrule", *([f"\\multicolumn{{{len(header)}}}{{l}}{{{title}}} \\\\"] if title else []), *map(_row, rows)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _at(quantity: str, point: str) -> str:
    return f"{quantity} at $\\varepsilon_S = {point}$"


def _power(word: str) -> str:
    """A number of :meth:`Estimate.rounded` in math mode."""
    return re.sub(r"e([+-])0*(\d+)", lambda found: f" \\times 10^{{{found[1].strip('+')}{found[2]}}}", word).replace(
        "inf", r"\infty"
    )


def _difference(found: Mapping[str, Any]) -> str:
    change = Difference.from_dict(dict(found))
    sign = "+" if change.value >= 0 else ""
    return f"${sign}{number(Estimate(change.value, change.value - change.error, change.value + change.error))[1:]}"


def _ratio(found: Mapping[str, Any] | None) -> str:
    return UNKNOWN if found is None or found["value"] is None else number(Estimate(found["value"], found["low"], found["high"]))


def _spread(single: Mapping[str, Any]) -> str:
    if single["value"] is None:
        return UNKNOWN
    spread = single["spread"] or 0.0
    return number(Estimate(single["value"], single["value"] - spread, single["value"] + spread))
