"""The figure of what a tagger uses."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from lorentznet.evaluate.explanation import Explanation, Row
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.paired import Difference
from lorentznet.reports import explain


@pytest.fixture
def explanation() -> Explanation:
    random = np.random.default_rng(1)

    def row(kind, name, size, **more):
        return Row(kind, name, Difference(size, abs(size) / 5 + 1e-4), Difference(-size / 10, 1e-4), **more)

    rows = [row("path", f"layer 1: (u_i-u_j) x v -> {n}", float(random.lognormal(-6, 2)), layer=1, share=0.5) for n in range(20)]
    rows += [row("irrep", "vectors v", 0.3), row("irrep", "tensors t", -0.001)]
    rows += [row("invariant", "v.v in the read-out", 0.01), row("invariant", "radial functions of ln(1 - cos theta)", 0.0)]
    whole = {"loss": Estimate(0.2, 0.19, 0.21), "auc": Estimate(0.97, 0.968, 0.972)}
    return Explanation("cg", {"qcd": 1200, "top": 800}, 1, rows=tuple(rows), about={"checkpoint": "runs/cg/best.ckpt"}, **whole)


def test_a_bar_for_each_part(explanation):
    ax = explain.plot(explanation, paths=5)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[:2] == ["vectors v", "tensors t"]
    assert names[2].startswith(r"$v\cdot v$")
    assert len(names) == 2 + 2 + 5
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == [row.loss.value for row in explanation.largest(5)]
    assert widths[4:] == sorted(widths[4:], reverse=True)
    words = " ".join(text.get_text() for text in ax.texts)
    assert "runs/cg/best.ckpt" in words
    assert "paths, largest 5 of 20" in words
    assert "−30.0 ± 0.1" in words  # 1000 times the change of the AUC
    assert "2,000 jets (1,200 qcd, 800 top)" in ax.get_title("right")
    low, high = ax.get_xlim()
    assert low <= min(widths)
    assert max(widths) <= high
    top, bottom = ax.get_ylim()[::-1]
    assert top < bottom  # the first bar stands on top


def test_it_draws_where_it_is_told(explanation):
    ax = Figure().subplots()
    assert explain.plot(explanation, ax) is ax
    assert explain.plot(explanation) is not ax


def test_nothing_that_changes_can_be_drawn_too(explanation):
    still = [Row("irrep", "scalars s", Difference(0.0, 0.0), Difference(0.0, 0.0))]
    ax = explain.plot(Explanation("cg", {"a": 1, "b": 1}, 1, explanation.loss, explanation.auc, tuple(still)))
    ax.figure.canvas.draw()
    assert ax.get_xlim()[0] < 0 < ax.get_xlim()[1]
