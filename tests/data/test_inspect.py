"""`lorentznet inspect` says what is in a file, also when it cannot be used."""

import json
from argparse import Namespace

import awkward as ak
import numpy as np
import pytest

import lorentznet.data as data
from lorentznet.cli import main
from lorentznet.commands import inspect as command
from lorentznet.console import Console
from lorentznet.data.card import DatasetCard
from lorentznet.data.inspect import inspect_file
from lorentznet.errors import ConfigError, DataError

from .conftest import toy, write_pandas, write_ttree


def test_numbers_of_a_good_file(root_file, jets):
    found = inspect_file(root_file)
    assert found.container == "TTree 'tree'"
    assert found.n_jets == len(jets)
    assert found.card["name"] == "top-tagging"
    assert found.card["origin"] == "the names of the branches"
    assert found.classes == {"qcd": 30, "top": 30}
    pt = jets.columns(np.float64)["jet_pt"]
    assert found.quantiles["jet_pt"]["median"] == pytest.approx(np.median(pt), rel=1e-6)
    assert found.quantiles["jet_nparticles"]["max"] == jets.counts.max()
    assert found.medians["top"]["jet_nparticles"] == np.median(jets.counts[jets.labels == 1])
    assert found.problems == []
    assert found.warnings == []


def test_lines_for_a_reader(root_file):
    text = "\n".join(inspect_file(root_file).lines())
    for words in ("TTree 'tree', 60 jets", "momenta in GeV", "qcd", "50.0 %", "jet mass [GeV]", "part_py, part_pz", "median"):
        assert words in text
    assert max(len(line) for line in text.splitlines()) < 140


def test_pandas_table(tmp_path, jets):
    found = inspect_file(write_pandas(tmp_path / "jets.h5", jets))
    assert found.container == "pandas table 'table'"
    assert found.classes == {"qcd": 30, "top": 30}
    assert "float32 x 20: E, PX, PY, PZ" in "\n".join(found.lines())


def warnings_of(path, card=None):
    found = inspect_file(path, card)
    assert found.problems == []
    return "\n".join(found.warnings)


def test_nothing_suspicious_in_other_rows(tmp_path, jets):
    jets.labels = np.sort(jets.labels)
    path = write_ttree(tmp_path / "jets.root", jets.columns())
    assert "the jets stand class after class" in warnings_of(path)
    assert "no jet of class 'top' is present" in warnings_of(f"{path}#0:30")
    assert "  rows       0:30" in inspect_file(f"{path}#0:30").lines()
    assert "these rows end at 999, but the file has 60 jets" in inspect_file(f"{path}#10:999").problems[0]


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (lambda c: c | {"jet_pt": c["jet_pt"] * 1000}, "jet_pt differs from the sum of the particles by 99900 %"),
        (
            lambda c: {k: ak.concatenate([v[:20], v[:40]]) if k == "part" else v for k, v in c.items()},
            "20 times a jet is the copy",
        ),
    ],
)
def test_suspicions(tmp_path, jets, change, warning):
    assert warning in warnings_of(write_ttree(tmp_path / "jets.root", change(jets.columns())))


def test_suspicious_particles(tmp_path, jets):
    unsorted = toy(sort=False)
    text = warnings_of(write_ttree(tmp_path / "unsorted.root", unsorted.columns()))
    disordered = sum(
        np.any(np.diff(pt) > 0) for pt in np.split(np.hypot(*unsorted.p4[:, 1:3].T), np.cumsum(unsorted.counts)[:-1])
    )
    assert f"{disordered} jets have particles that are not in the order of falling pT" in text
    last = np.cumsum(jets.counts) - 1
    jets.p4[last[:3]] = 0
    jets.p4[last[3:5]] = [1000, 0, 0, -1000]
    text = warnings_of(write_ttree(tmp_path / "padded.root", jets.columns()))
    assert "3 particles have no momentum at all" in text
    assert "2 particles fly exactly along the beam" in text
    full = toy(most=40)
    text = warnings_of(
        write_ttree(tmp_path / "cut.root", {k: v[:, :15] if k == "part" else v for k, v in full.columns().items()})
    )
    assert "have exactly 15 particles, the largest number" in text


def test_splits_and_weights(tmp_path, jets):
    jets.weights[:3] = -1
    path = write_ttree(tmp_path / "jets.root", jets.columns())
    card = inspect_card() | {"weight": "jet_weight", "splits": {"train": [0, 30], "val": [25, 40], "test": [40, 99]}}
    found = inspect_file(path, DatasetCard.from_mapping(card))
    assert found.weights["negative"] == 3
    assert found.weights["min"] == -1
    text = "\n".join(found.warnings)
    assert "3 jets have negative weights" in text
    assert "split 'test' ends at row 99, but the file has 60 jets" in text
    assert "splits 'train' and 'val' share rows 25:30" in text
    assert "splits     train 0:30, val 25:40, test 40:99" in "\n".join(found.lines())


def inspect_card():
    return {
        "name": "toy",
        "units": "GeV",
        "momenta": {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"},
        "classes": {"qcd": "label_QCD", "top": "label_Tbqq"},
    }


def test_bad_jets_are_reported_and_left_out(tmp_path):
    jets = toy(20_050, most=3)
    offsets = np.concatenate([[0], np.cumsum(jets.counts)])
    jets.p4[offsets[[4, 15_000, 20_049]], 1] = np.nan
    jets.p4[offsets[7], 0] = 0
    found = inspect_file(write_ttree(tmp_path / "jets.root", jets.columns(), chunk=5000))
    assert len(found.problems) == 2
    assert ": jet 4 (and 2 more): NaN" in found.problems[0]
    assert ": jet 7: energy below the momentum" in found.problems[1]
    assert sum(found.classes.values()) == len(jets) - 4
    assert np.isfinite(found.quantiles["jet_pt"]["max"])


def test_file_without_a_card(tmp_path, jets):
    columns = jets.columns()
    named = inspect_file(write_ttree(tmp_path / "named.root", {"cand": columns["part"], "flag": columns["label_QCD"]}))
    assert "has no dataset card" in named.problems[0]
    assert named.warnings == ["a card for it could say  momenta: {px: cand_px, py: cand_py, pz: cand_pz, E: cand_energy}"]
    assert "cand_energy, cand_px" in "\n".join(named.lines())
    incomplete = inspect_file(write_ttree(tmp_path / "incomplete.root", {"part": columns["part"][["px", "py", "energy"]]}))
    assert incomplete.warnings == ["'part_pz' is missing; nearest: 'part_py'"]


def test_file_without_constituents(tmp_path):
    pt = ak.values_astype(ak.Array([[300.0, 200.0], []]), np.float32)
    found = inspect_file(write_ttree(tmp_path / "nano.root", {"FatJet": ak.zip({"pt": pt, "eta": pt})}, name="Events"))
    assert "no constituents" in found.problems[0]
    assert found.n_jets == 2
    assert "2 rows" in found.lines()[1]


def test_card_that_does_not_fit(root_file):
    card = inspect_card() | {"classes": {"qcd": "label_QCD", "top": "label_top"}}
    found = inspect_file(root_file, card)
    assert "no branch 'label_top'" in found.problems[0]
    assert "did you mean 'label_Tbqq'" in found.problems[0] or "available" in found.problems[0]
    assert found.card["name"] == "toy"


def run(files, capsys, **options):
    command.run(
        Namespace(files=[str(file) for file in files], **({"card": None, "json": False, "weights": None} | options)),
        Console(quiet=True),
    )
    return capsys.readouterr().out


def test_command(root_file, tmp_path, capsys):
    assert "60 jets" in run([root_file], capsys)
    other = write_ttree(tmp_path / "other.root", toy(7).columns())
    found = json.loads(run([f"{tmp_path}/*.root"], capsys, json=True))
    assert [one["n_jets"] for one in found] == [60, 7]
    assert found[1]["file"] == str(other)
    assert found[0]["classes"] == {"qcd": 30, "top": 30}


def test_command_fails_after_the_report(tmp_path, jets, capsys):
    jets.p4[0] = np.nan
    path = write_ttree(tmp_path / "jets.root", jets.columns())
    with pytest.raises(DataError, match="jet 0: NaN"):
        run([path], capsys)
    out = capsys.readouterr().out
    assert "60 jets" in out
    assert "PROBLEM" in out
    with pytest.raises(DataError, match="no such file"):
        run([tmp_path / "nowhere.root"], capsys)


def test_jets_without_a_rest_frame_are_counted(tmp_path, jets):
    for jet in (3, 11):
        rows = slice(*(int(jets.counts[: jet + more].sum()) for more in (0, 1)))
        jets.p4[rows] = [50.0, 30.0, 0.0, 40.0]
    path = write_ttree(tmp_path / "jets.root", jets.columns())
    assert "2 jets have no rest frame: a single particle, or all exactly collinear" in warnings_of(path)
    assert "rest frame" not in warnings_of(f"{path}#12:60")


def test_the_selection_is_shown_with_what_it_keeps(root_file):
    card = data.read(root_file).card.as_mapping()
    found = inspect_file(root_file, card | {"selection": "jet_pt > 100"})
    passed = int((data.read(root_file).observer("jet_pt") > 100).sum())
    assert 0 < passed < 60
    assert found.selection == {"condition": "jet_pt > 100", "passed": passed}
    assert f"  selection  jet_pt > 100: {passed} of 60 jets pass, in training" in found.lines()
    none = inspect_file(root_file, card | {"selection": "jet_pt > 1e9"})
    assert "no jet passes the card's selection: there is none to train with" in none.warnings
    assert inspect_file(root_file, {key: value for key, value in card.items() if key != "selection"}).selection == {}


def test_files_behind_one_that_cannot_be_read_are_shown(root_file, tmp_path, capsys):
    (tmp_path / "broken.root").write_bytes(b"root")
    assert main(["inspect", str(tmp_path / "broken.root"), str(root_file), "--json"]) == 2
    shown = capsys.readouterr()
    broken, sound = json.loads(shown.out)
    assert "broken.root" in broken["problems"][0]
    assert sound["n_jets"] == 60
    assert "broken.root" in shown.err


def test_a_card_by_accident_is_said_to_be_one(root_file):
    root_file.with_suffix(".yaml").write_text("tagger: {name: cg}")
    with pytest.raises(ConfigError, match=r"unknown key 'tagger'.*jets.yaml is taken as the dataset card of jets.root"):
        data.read(root_file)
