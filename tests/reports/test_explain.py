"""The figure of what a tagger uses."""

from matplotlib.figure import Figure

from lorentznet.evaluate.explanation import Explanation, Row
from lorentznet.evaluate.paired import Difference
from lorentznet.reports import explain


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
