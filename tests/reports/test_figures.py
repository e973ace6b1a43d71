"""Figures: what is drawn, where, and that nothing outside is changed."""

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lorentznet.evaluate import invariance_tables, metrics
from lorentznet.evaluate.summary import Evaluation, evaluate
from lorentznet.reports import invariance, roc, scores, style, tagging, training


@pytest.fixture(scope="module")
def evaluation(make):
    return evaluate([make.scores("cg"), make.scores("clifford", seed=2)])


def axes() -> Axes:
    return Figure().subplots()


def drawn_words(ax) -> str:
    legend = ax.get_legend()
    parts = [ax.get_xlabel(), ax.get_ylabel(), ax.get_title("left"), ax.get_title("right"), legend.get_title().get_text()]
    return " | ".join(parts + [text.get_text() for text in legend.get_texts()])


def test_style_is_applied_inside_only():
    before = dict(matplotlib.rcParams)
    with style.style():
        assert matplotlib.rcParams["xtick.direction"] == "in"
        assert matplotlib.rcParams["font.sans-serif"][0] == "TeX Gyre Heros"
    assert dict(matplotlib.rcParams) == before


def test_drawing_changes_no_settings(evaluation):
    before = dict(matplotlib.rcParams)
    tagging.draw_roc(evaluation)
    tagging.draw_scores(evaluation)
    assert dict(matplotlib.rcParams) == before


def test_functions_draw_where_they_are_told(evaluation, make):
    histogram = evaluation.histograms["cg"]["top"]
    history = {"cg": {"epoch": np.arange(1.0, 4), "train_loss": np.ones(3), "val_loss": np.ones(3), "val_auc": np.ones(3)}}
    for draw in (
        lambda ax: tagging.draw_roc(evaluation, ax),
        lambda ax: roc.draw({name: of["top"] for name, of in evaluation.curves.items()}, ax),
        lambda ax: scores.draw(histogram, ax),
        lambda ax: training.draw(history, "loss", ax),
        lambda ax: training.draw(history, "AUC", ax),
        lambda ax: invariance.draw(make.scan(), "boost", ax),
        lambda ax: invariance.draw_emissions({"cg": make.scan()}, "soft", ax),
    ):
        ax = axes()
        assert draw(ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert ax.has_data()
        assert draw(None) is not ax


def test_roc_is_drawn_as_the_field_does(evaluation):
    ax = tagging.draw_roc(evaluation)
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlim()) == ("linear", "log", (0, 1))
    words = drawn_words(ax)
    for word in ("top efficiency", "qcd rejection", "600 jets (300 qcd, 300 top)", "68 %", "clifford  AUC 0.9"):
        assert word in words
    assert "ATLAS" not in words
    assert "CMS" not in words
    x, y = ax.lines[0].get_data()
    curve = evaluation.curves["cg"]["top"]
    known = np.isfinite(curve["background_rejection"])
    np.testing.assert_array_equal(x, curve["signal_efficiency"][known])
    np.testing.assert_array_equal(y, curve["background_rejection"][known])
    assert len(ax.collections) == 2  # the bands


def test_roc_of_a_curve_and_of_its_columns_are_the_same(evaluation, make):
    table = make.scores("cg")
    whole = metrics.roc_curve(table.labels, table.logits)
    one, other = roc.draw({"cg": whole}), roc.draw({"cg": evaluation.curves["cg"]["top"]})
    np.testing.assert_array_equal(one.lines[0].get_ydata(), other.lines[0].get_ydata())


def test_scores_say_how_many_jets(evaluation):
    ax = tagging.draw_score(evaluation, "cg", "top")
    words = drawn_words(ax)
    assert "log-odds top : qcd" in words
    assert "qcd (300 jets)" in words
    assert "600 jets" in words


def test_scores_say_which_seed_if_it_is_known(make):
    known = evaluate([make.scores("cg")])
    known.taggers["cg"]["seed"] = 3
    assert "600 jets, seed 3" in drawn_words(tagging.draw_score(known, "cg", "top"))


def test_panels_of_scores(evaluation, make):
    figure = tagging.draw_scores(evaluation)
    assert [bool(ax.get_legend()) for ax in figure.axes] == [True, True]
    three = evaluate([make.scores(classes=("qcd", "w", "top")), make.scores("b", classes=("qcd", "w", "top"), seed=2)])
    assert len(tagging.draw_scores(three).axes) == 4
    assert len(tagging.draw_roc(three).lines) == 4


def test_invariance_curves_and_floor(make):
    ax = invariance.draw(make.scan(), "boost", title="cg", note="200 jets, seed 5")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    words = drawn_words(ax)
    for word in ("float32, lab frame", "float64, rest frame", "floor", "cg", "200 jets, seed 5", "random axis", "sigma"):
        assert word in words
    lines = {line.get_label(): line for line in ax.lines}
    assert len(lines) == 4
    np.testing.assert_allclose(lines["float32, float64 rest frame"].get_ydata()[-1], 3e-4)
    assert np.isnan(lines["float32, lab frame"].get_ydata()[-1])
    assert len(ax.collections) == 1
    broken = make.scan()
    broken["float32"]["lab"]["boost"] = {gamma: {"rms": None, "max": None} for gamma in ("1.1", "10")}
    assert "float32, lab frame (not finite)" in drawn_words(invariance.draw(broken))
    assert invariance_tables.scanned(make.scan()) == ["boost", "boost_z"]


def test_layers_are_drawn_in_their_order(make):
    ax = invariance.draw_layers(make.scan(), title="cg", note="32 jets")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["frame", "layers.0.gate"]
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines) == ["float32, its own", "float32, gathered", "float64, its own", "float64, gathered"]
    np.testing.assert_array_equal(lines["float64, its own"].get_data(), [[2e-16], [1]])
    np.testing.assert_array_equal(lines["float64, gathered"].get_data(), [[1e-12, 3e-12], [0, 1]])
    lab = make.scan()
    lab["layers"] = {"float64": {"lab": lab["layers"]["float32"]["lab"]}}
    assert len(invariance.draw_layers(lab).lines) == 2


def test_emissions_are_drawn_for_all_taggers(make):
    ax = invariance.draw_emissions({"a": make.scan(), "b": make.scan(), "none": {}}, "collinear", note="200 jets")
    words = drawn_words(ax)
    for word in ("angle", "[rad]", "a: safe", "b: safe", "200 jets"):
        assert word in words
    np.testing.assert_array_equal(ax.lines[0].get_data(), [[1e-6, 1e-3, 0.1]] * 2)
    assert ax.get_ylim()[0] < 1e-6
    flat = make.scan()
    flat["irc"]["soft"] = {"slope": 0.0, "safe": False, "changes": {"0.1": {"rms": 0.1}, "0.01": {"rms": 0.1}}}
    low, high = invariance.draw_emissions({"a": flat}).get_ylim()
    assert high > 1e3 * low


def test_training_draws_both_losses():
    history = {"cg": {"epoch": np.arange(1.0, 4), "train_loss": np.arange(3.0), "val_loss": np.ones(3)}}
    words = drawn_words(training.draw(history, note="100 jets"))
    assert "cg, training" in words
    assert "cg, validation" in words
    assert "epoch" in words


def test_figures_are_saved_as_png_and_pdf(evaluation, tmp_path):
    paths = style.save(tagging.draw_roc(evaluation), tmp_path / "roc.v1")
    assert [path.name for path in paths] == ["roc.v1.png", "roc.v1.pdf"]
    assert paths[0].read_bytes()[1:4] == b"PNG"
    assert paths[1].read_bytes()[:4] == b"%PDF"


def test_figures_are_redrawn_from_files_alone(study):
    stored = Evaluation.read(study / "evaluation")
    assert len(tagging.draw_roc(stored).lines) == 2
    assert set(stored.histograms) == {"cg", "clifford"}
