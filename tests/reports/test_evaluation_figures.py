"""Reliability, efficiencies in bins, maps and mass spectra: what is drawn, of which jets, and from files alone."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from lorentznet.evaluate.evaluation import Evaluation
from lorentznet.evaluate.summary import evaluate
from lorentznet.reports import calibration, dependence, tagging


@pytest.fixture(scope="module")
def evaluation(make):
    return evaluate([make.scores("cg", 3000, 1.5), make.scores("clifford", 3000, 1.5, seed=2)])


def words(ax) -> str:
    legend = ax.get_legend()
    parts = [ax.get_xlabel(), ax.get_ylabel(), ax.get_title("left"), ax.get_title("right")]
    return " | ".join(parts + [text.get_text() for text in (legend.get_texts() if legend else ())])


def test_functions_draw_where_they_are_told(evaluation):
    details = evaluation.details["cg"]
    rows = dependence.of(details["dependence:top"], 0.5, "jet_pt")
    before = dict(matplotlib.rcParams)
    for draw in (
        lambda ax: calibration.draw({"cg": details["reliability"]}, ax, signal="top"),
        lambda ax: tagging.draw_reliability(evaluation, ax),
        lambda ax: dependence.draw({"cg": rows}, "jet_pt", "background", ax),
        lambda ax: dependence.draw({"cg": rows}, "jet_pt", "signal", ax),
        lambda ax: dependence.draw_map(dependence.of(details["map:top"], 0.5), ("jet_pt", "jet_eta"), "signal", ax),
        lambda ax: dependence.draw_mass({"cg": details["mass:top"]}, "0.5", ax),
    ):
        ax = Figure().subplots()
        assert draw(ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert ax.has_data()
        assert draw(None) is not ax
    assert dict(matplotlib.rcParams) == before


def test_figures_of_an_evaluation_say_what_they_show(evaluation):
    drawn = {found.name: found for found in tagging.further_figures(evaluation)}
    observers = ("jet_pt", "jet_eta", "jet_mass")
    both = [f"{what}_efficiency_{observer}" for observer in observers for what in ("background", "signal")]
    assert list(drawn) == ["reliability", *both, "mass_sculpting", "map_cg", "map_clifford"]
    for name, found in drawn.items():
        assert found.description
        assert ("3,000 jets" if name.startswith("map") else "3,000 jets (1,500 qcd, 1,500 top)") in words(found.axes), name
    assert "predicted probability of top" in words(drawn["reliability"].axes)
    assert "[GeV]" in words(drawn["background_efficiency_jet_pt"].axes)
    assert "qcd efficiency" in words(drawn["background_efficiency_jet_pt"].axes)
    assert "top efficiency" in words(drawn["signal_efficiency_jet_eta"].axes)
    assert "bit (if unrelated:" in words(drawn["mass_sculpting"].axes)
    assert "εS = 0.5" in words(drawn["map_cg"].axes)


def test_what_is_drawn_is_what_was_measured(evaluation):
    rows = dependence.of(evaluation.details["cg"]["dependence:top"], 0.3, "jet_mass")
    ax = dependence.draw({"cg": rows}, "jet_mass", "signal")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), rows["signal"])
    assert np.all((ax.lines[0].get_xdata() >= ax.get_xlim()[0]) & (ax.lines[0].get_xdata() <= ax.get_xlim()[1]))
    part = dependence.of(evaluation.details["cg"]["map:top"], 0.5)
    ax = dependence.draw_map(part, ("jet_pt", "jet_eta"), "signal")
    mesh = ax.collections[0].get_array()
    for row in range(len(part["x_low"])):
        column = np.searchsorted(np.unique(part["x_low"]), part["x_low"][row])
        line = np.searchsorted(np.unique(part["y_low"]), part["y_low"][row])
        assert mesh[line, column] == part["signal"][row]


def test_scaled_reliability_and_seeds(make):
    table = make.scores("cg", 3000)
    table.provenance["tagger"]["seed"] = 7
    found = evaluate([table], calibrate={"cg": make.scores("cg", 3000, seed=9)})
    assert len(tagging.draw_reliability(found).get_legend().get_texts()) == 2
    assert "seed 7" in tagging.draw_reliability(found).get_title("right")
    assert "seed 7" in tagging.draw_roc(found).get_title("right")


def test_several_classes_and_too_many_lines(make):
    three = evaluate([make.scores(classes=("qcd", "w", "top"), jets=1500)])
    names = [found.name for found in tagging.further_figures(three)]
    assert {"map_cg: w", "map_cg: top", "mass_sculpting"} <= set(names)
    assert "most probable class" in words(next(tagging.further_figures(three)).axes)
    many = evaluate([make.scores(str(number), seed=number) for number in range(11)])
    assert [found.name for found in tagging.further_figures(many)] == ["reliability"]


def test_without_observers_and_from_files_alone(evaluation, make, tmp_path):
    evaluation.write(tmp_path)
    again = [found.name for found in tagging.further_figures(Evaluation.read(tmp_path))]
    assert again == [found.name for found in tagging.further_figures(evaluation)]
    bare = evaluate([make.scores("cg")])
    bare.details["cg"] = {"reliability": bare.details["cg"]["reliability"]}
    assert [found.name for found in tagging.further_figures(bare)] == ["reliability"]
