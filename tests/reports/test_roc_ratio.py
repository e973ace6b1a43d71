"""The ROC over the ratios of the background rejection."""

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lorentznet.errors import DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.summary import evaluate
from lorentznet.reports import roc, tagging


@pytest.fixture(scope="module")
def evaluation(make):
    return evaluate([make.scores(name, 3000, 1.5, seed) for seed, name in enumerate(("cg", "clifford", "pfn"))])


@pytest.fixture(scope="module")
def curves(evaluation):
    return {name: of["top"] for name, of in evaluation.curves.items()}


def scaled(columns, factor):
    return dict(columns) | {key: columns[key] * factor for key in ("background_rejection", "low", "high")}


def test_ratio_to_itself_is_one(curves):
    columns = curves["cg"]
    found = roc.ratio(columns, columns)
    known = np.isfinite(columns["background_rejection"])
    np.testing.assert_allclose(found["ratio"][known], 1, rtol=1e-14)
    assert np.isnan(found["ratio"][~known]).all()
    np.testing.assert_allclose(found["low"][known], (columns["low"] / columns["background_rejection"])[known])
    assert np.all((found["low"][known] <= 1) & (found["high"][known] >= 1))


def test_ratio_of_two_curves(curves):
    found = roc.ratio(curves["clifford"], curves["cg"])
    both = np.isfinite(curves["cg"]["background_rejection"]) & np.isfinite(curves["clifford"]["background_rejection"])
    expected = curves["clifford"]["background_rejection"][both] / curves["cg"]["background_rejection"][both]
    np.testing.assert_allclose(found["ratio"][both], expected)
    np.testing.assert_allclose(roc.ratio(scaled(curves["cg"], 3), curves["cg"])["ratio"][both], 3)
    coarse = {key: values[9::10] for key, values in curves["cg"].items()}  # other efficiencies: those of the curve are taken
    there = np.isfinite(coarse["background_rejection"])
    np.testing.assert_allclose(roc.ratio(coarse, curves["cg"])["ratio"][there], 1)
    between = roc.ratio(curves["cg"], coarse)
    assert np.isnan(between["ratio"][:9]).all()  # below the first efficiency of the baseline nothing is known
    np.testing.assert_allclose(between["ratio"][9::10][there], 1)
    assert np.all(np.abs(between["ratio"][500:] - 1) < 0.15)


def test_panels(curves):
    before = dict(matplotlib.rcParams)
    upper, lower = roc.draw_with_ratio(curves, classes=("qcd", "top"), note="3,000 jets")
    assert dict(matplotlib.rcParams) == before
    assert upper.figure is lower.figure
    assert upper.get_shared_x_axes().joined(upper, lower)
    single = roc.draw(curves)
    for one, other in zip(upper.lines, single.lines, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("", r"top efficiency $\varepsilon_S$")
    assert (upper.get_ylabel(), lower.get_ylabel()) == (r"qcd rejection $1/\varepsilon_B$", "ratio to\ncg")
    assert upper.get_title("right") == "3,000 jets"
    line, *ratios = lower.lines
    assert list(line.get_ydata()) == [1, 1]
    np.testing.assert_allclose(ratios[0].get_ydata(), 1)
    assert [line.get_color() for line in ratios] == [line.get_color() for line in upper.lines]
    assert len(lower.collections) == 3  # the bands


def test_nothing_overlaps(evaluation):
    ax = tagging.draw_rocs(evaluation)
    upper, lower = sorted(ax.figure.axes, key=lambda panel: -panel.get_position().y0)
    renderer = FigureCanvasAgg(ax.figure).get_renderer()
    ax.figure.draw(renderer)
    legend, label = upper.get_legend().get_window_extent(renderer), lower.xaxis.label.get_window_extent(renderer)
    assert 0 <= legend.y0 < legend.y1 < label.y0
    ticks = [
        [text.get_window_extent(renderer) for text in panel.get_yticklabels() if text.get_text()] for panel in (upper, lower)
    ]
    inside = [
        [box for box in boxes if panel.bbox.y0 - 1 <= (box.y0 + box.y1) / 2 <= panel.bbox.y1 + 1]
        for boxes, panel in zip(ticks, (upper, lower), strict=True)
    ]
    assert min(box.y0 for box in inside[0]) > max(box.y1 for box in inside[1])
    name = lower.yaxis.label.get_window_extent(renderer)
    assert name.x0 > 0
    assert name.x1 < min(box.x0 for box in inside[1])


@pytest.mark.parametrize(("factor", "scale"), [(1.05, "linear"), (2.5, "linear"), (8.0, "log"), (0.1, "log"), (1e6, "log")])
def test_the_range_is_that_of_the_data(factor, scale, curves):
    _, lower = roc.draw_with_ratio({"a": curves["cg"], "b": scaled(curves["cg"], factor)})
    low, high = lower.get_ylim()
    assert lower.get_yscale() == scale
    assert low < 0.81
    assert high > 1.24
    assert low < factor < high or factor > roc.WIDE[1]
    assert high / low < 1.5 * max(roc.NARROW[1], factor, 1 / factor) / roc.NARROW[0] or factor > roc.WIDE[1]
    assert high < 100


def test_few_jets_set_no_range(make):
    """Where a few jets survive, large ratios are no news."""
    found = evaluate([make.scores(name, 20000, 3.0, seed) for seed, name in enumerate("abcd")])
    _, lower = roc.draw_with_ratio({name: of["top"] for name, of in found.curves.items()})
    drawn = np.concatenate([line.get_ydata() for line in lower.lines[1:]])
    assert drawn.max() > lower.get_ylim()[1]
    assert lower.get_ylim()[1] < 2.5


def test_baseline_by_name(curves, make):
    _, lower = roc.draw_with_ratio(curves, "pfn")
    assert lower.get_ylabel() == "ratio to\npfn"
    np.testing.assert_allclose(lower.lines[3].get_ydata(), 1)
    with pytest.raises(DataError, match="no curve is called 'pnf'; did you mean 'pfn'"):
        roc.draw_with_ratio(curves, "pnf")
    long = "a tagger with a long name"
    assert roc.draw_with_ratio({long: curves["cg"]})[1].get_ylabel() == "ratio to\na tagger with…"
    table = make.scores("cg", 600)
    whole = metrics.roc_curve(table.labels, table.logits)
    np.testing.assert_allclose(roc.draw_with_ratio({"a": whole})[1].lines[1].get_ydata(), 1)


def test_where_ratios_make_sense(evaluation, make):
    assert tagging.ratio_baseline(evaluation) == "cg"
    assert len(tagging.draw_rocs(evaluation).figure.axes) == 2
    compared = evaluate([make.scores("cg"), make.scores("clifford", seed=2)], baseline="clifford")
    assert tagging.ratio_baseline(compared) == "clifford"
    alone = evaluate([make.scores("cg")])
    classes = evaluate([make.scores(classes=("qcd", "w", "top"))])
    others = evaluate([make.scores("cg")])
    others.add(evaluate([make.scores("w", classes=("qcd", "w"))]))
    for found in (alone, classes, others):
        assert tagging.ratio_baseline(found) is None
        assert len(tagging.draw_rocs(found).figure.axes) == 1


def test_evaluate_and_report_draw_it(report, study):
    import matplotlib.image

    for folder in (report, study / "evaluation"):
        height, width = matplotlib.image.imread(folder / "roc.png").shape[:2]
        assert height > width
    assert "Below: over that of cg" in (report / "index.html").read_text()
