"""The tables as LaTeX: every number can be read back, and LaTeX finds nothing in them that it would trip over."""

import math
import re

import pytest

from lorentznet.evaluate.ensembles import ensemble
from lorentznet.evaluate.evaluation import Evaluation
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.summary import evaluate
from lorentznet.reports import latex

NUMBER = re.compile(r"\$([+-]?[\d.]+)(?: \\pm ([\d.]+)|\^\{\+([\d.]+)\}_\{-([\d.]+)\})\$")


def rows(text: str) -> list[list[str]]:
    """The cells of a tabular, header first."""
    lines = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r"\\"))] for line in lines]


def assert_sound(text: str) -> None:
    """Braces and dollars in pairs, one environment, as many cells in every row as columns, nothing special left alone."""
    comments = [line for line in text.splitlines() if line.startswith("%")]
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    body = "\n".join(lines)
    assert text.splitlines()[: len(comments)] == comments
    bare = re.sub(r"\\[{}$&%#_]", "", body)
    depth = 0
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    for line in bare.splitlines():
        assert line.count("$") % 2 == 0
    outside = re.sub(r"\$[^$]*\$", "", bare)
    assert not re.search(r"[%#_^~<>|]", outside)
    assert [line for line in lines if r"\begin" in line or r"\end" in line] == [lines[0], lines[-1]]
    columns = re.fullmatch(r"\\begin\{tabular\}\{(l+r*)\}", lines[0])[1]
    assert {len(row) for row in rows(text)} == {len(columns)}
    for rule in ("toprule", "midrule", "bottomrule"):
        assert f"\\{rule}" in lines
    assert body.isascii()


@pytest.fixture(scope="module")
def evaluation(make):
    tables = [make.scores("cg", 3000, 1.5), make.scores("a_b&c%", 3000, 1.5, seed=2)]
    found = evaluate(tables, baseline="cg")
    found.numbers["ensembles"] = {"both": ensemble(tables, "both").numbers}
    return found


def test_numbers_can_be_read_back(evaluation):
    text = latex.table(evaluation)
    assert_sound(text)
    header, *body = rows(text)
    assert header[:4] == ["Tagger", "Parameters", "AUC", "Accuracy"]
    assert header[4:] == [rf"$1/\varepsilon_B$ at $\varepsilon_S = {point}$" for point in ("0.3", "0.5")]
    for row, (label, part) in zip(body, evaluation.parts.items(), strict=True):
        assert row[0] == latex.escaped(label)
        assert row[1] == r"$5\,021$"
        found = [part["auc"], part["accuracy"], *part["background_rejection"].values()]
        for cell, numbers in zip(row[2:], found, strict=True):
            estimate = Estimate.from_dict(numbers)
            value, both, plus, minus = NUMBER.fullmatch(cell).groups()
            error = min(estimate.high - estimate.value, estimate.value - estimate.low)
            assert float(value) == pytest.approx(estimate.value, abs=0.05 * error)
            assert float(both or plus) == pytest.approx(estimate.high - estimate.value, rel=0.1)
            assert float(both or minus) == pytest.approx(estimate.value - estimate.low, rel=0.1)
            assert cell == latex.number(estimate)


def test_it_says_of_what_it_is(make):
    table = make.scores("cg", distance=1.0)
    table.provenance["tagger"]["seed"] = 7
    words = "\n".join(line for line in latex.table(evaluate([table])).splitlines() if line.startswith("%"))
    for word in ("600 jets (300 qcd, 300 top)", "seed 7", "central 68.27 % intervals", "DeLong", "Jeffreys", "booktabs"):
        assert word in words
    assert "> x" not in words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b&c%", r"a\_b\&c\%"),
        ("{$#}", r"\{\$\#\}"),
        ("\\~^", r"\textbackslash{}\textasciitilde{}\textasciicircum{}"),
        ("<|>", r"\textless{}\textbar{}\textgreater{}"),
        ("[x]*", "{[}x]{*}"),
        ("a---b-c", "a-{}-{}-b-c"),
        ("two\nlines\t%", r"two lines \%"),
    ],
)
def test_everything_special_is_escaped(text, expected):
    assert latex.escaped(text) == expected


def test_hostile_names(make):
    names = ("a_b&c%", "\\input{x}", "[0pt]", "*", "#1 ~^<|>", "100 % \n $x$")
    found = evaluate([make.scores(name, seed=seed, classes=("q_c", "t%p")) for seed, name in enumerate(names)])
    text = latex.table(found)
    assert_sound(text)
    assert len(rows(text)) == 1 + len(names)
    assert [row[0] for row in rows(text)[1:]] == [latex.escaped(name) for name in names]


def test_limits_large_numbers_and_what_is_unknown():
    none = {"value": None, "low": 543.2, "high": None, "survivors": 0}
    estimate = {"value": 0.98, "low": 0.974, "high": 0.984}
    taggers = {
        "a": {"auc": estimate, "accuracy": estimate, "background_rejection": {"0.3": none}},
        "b": {"parameters": 1234567, "auc": estimate, "accuracy": estimate, "background_rejection": {}},
    }
    text = latex.table(Evaluation({"taggers": taggers}))
    assert_sound(text)
    assert rows(text)[1:] == [
        ["a", "---", "$0.9800^{+0.0040}_{-0.0060}$", "$0.9800^{+0.0040}_{-0.0060}$", "$> 543$"],
        ["b", r"$1\,234\,567$", "$0.9800^{+0.0040}_{-0.0060}$", "$0.9800^{+0.0040}_{-0.0060}$", "---"],
    ]
    assert "x is the lower limit" in text
    assert "seeds of the trainings unknown" in text
    assert latex.number(Estimate(math.inf, 2.5e5, math.inf, 0)) == r"$> 2.5 \times 10^{5}$"
    assert latex.number(Estimate(5e-10, 5e-10, 5e-10)) == r"$5 \times 10^{-10}$"
    assert latex.number(Estimate(20.0, 10.0, math.inf)) == r"$20^{+\infty}_{-10}$"


def test_comparisons(evaluation):
    text = latex.comparisons(evaluation)
    assert_sound(text)
    (comparison,) = evaluation.numbers["comparisons"]
    (found,) = comparison["taggers"].values()
    assert r"\multicolumn{4}{l}{Against cg, signal top} \\" in text
    _, row = rows(text)
    assert row[0] == r"a\_b\&c\%"
    change = NUMBER.fullmatch(row[1])
    assert row[1][1] in "+-"
    assert float(change[1]) == pytest.approx(found["auc_difference"]["value"], abs=found["auc_difference"]["error"] / 20)
    for cell, ratio in zip(row[2:], found["rejection_ratio"].values(), strict=True):
        assert float(NUMBER.fullmatch(cell)[1]) == pytest.approx(ratio["value"], abs=(ratio["high"] - ratio["low"]) / 40)


def test_ensembles(evaluation):
    text = latex.ensembles(evaluation)
    assert_sound(text)
    part = evaluation.numbers["ensembles"]["both"]["classes"]["top"]
    _, *body = rows(text)
    assert [row[2] for row in body] == ["AUC", r"$1/\varepsilon_B$ at $\varepsilon_S = 0.3$"]
    for row, outputs in zip(body, [part["auc"], *part["background_rejection"].values()], strict=True):
        assert row[:2] == ["both", "$2$"]
        assert row[4:] == [latex.number(Estimate.from_dict(outputs[output])) for output in ("mean", "median")]
        value, spread, *_ = NUMBER.fullmatch(row[3]).groups()
        assert float(value) == pytest.approx(outputs["single"]["value"], abs=outputs["single"]["spread"] / 10)
        assert float(spread) == pytest.approx(outputs["single"]["spread"], rel=0.06)


def test_the_report_writes_them(report, evaluation, tmp_path):
    assert (report / "results.tex").read_text() == latex.table(Evaluation.read(report))
    assert "Tables for LaTeX: comparisons.tex, results.tex." in (report / "index.html").read_text()
    assert "% 600 jets (300 qcd, 300 top); seed 7" in (report / "results.tex").read_text()  # the seed of the training's folder
    assert not (report / "ensembles.tex").exists()
    latex.write(evaluation, tmp_path)
    assert (tmp_path / "comparisons.tex").read_text() == latex.comparisons(evaluation)
    assert (tmp_path / "ensembles.tex").read_text() == latex.ensembles(evaluation)
