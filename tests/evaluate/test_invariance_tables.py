"""Numbers of an ``invariance.json`` as rows and tables of words, whole and with parts missing."""

from lorentznet.console import aligned
from lorentznet.evaluate.invariance_tables import boosts, others, rows, scanned, separation, write_csv

ESTIMATE = {"value": 0.97, "low": 0.96, "high": 0.98}
SEPARATION = {"auc": ESTIMATE, "rejection": {"value": 40.0, "low": 30.0, "high": 50.0, "survivors": 5}}
NUMBERS = {
    "float32": {
        "frame": {
            "boost": {
                "1.1": {"rms": 1e-7, "max": 3e-7, "flips": 0.0},
                "10": {"rms": 2e-7, "max": 4e-7, "flips": 0.125, **SEPARATION},
            },
            "rotation": {"1": {"rms": 0.0, "max": 0.0}},
        },
        "lab": {"boost": {"1.1": {"rms": None, "max": None, "nonfinite": 3}, "10": {"rms": None, "max": None, "nonfinite": 4}}},
    },
    "floor": {"boost": {"1.1": {"rms": 1e-15, "max": 2e-15}, "10": {"rms": 1e-13, "max": 2e-13}}},
    "unmoved": {"float32": {"frame": SEPARATION}},
}


def test_rows_hold_every_number() -> None:
    found = list(rows({"cg": NUMBERS}))
    assert len(found) == 7
    assert found[0] == ("cg", "float32", "frame", "boost", "1.1", 1e-7, 3e-7, 0, 0.0, None, None)
    assert found[1] == ("cg", "float32", "frame", "boost", "10", 2e-7, 4e-7, 0, 0.125, 0.97, 40.0)
    assert ("cg", "float32", "lab", "boost", "10", None, None, 4, None, None, None) in found
    assert found[-1][:6] == ("cg", "float64", "floor", "boost", "10", 1e-13)
    assert scanned(NUMBERS) == ["boost"]


def test_tables_are_in_words() -> None:
    header, *body = boosts({"cg": NUMBERS})
    assert header == ["tagger: precision, frame", "transform", "γ = 1.1", "γ = 10"]
    assert body == [
        ["cg: float32, rest frame", "random boosts", "1.0e-07", "2.0e-07 (12 %)"],
        ["cg: float32, lab frame", "random boosts", "not finite", "not finite"],
        ["cg: floor, rounding of the input", "random boosts", "1.0e-15", "1.0e-13"],
    ]
    assert others({"cg": NUMBERS}) == [["tagger: precision, frame", "rotations"], ["cg: float32, rest frame", "0"]]
    assert separation({"cg": NUMBERS}) == [
        ["tagger: precision, frame", "quantity", "as they are", "γ = 1.1", "γ = 10"],
        ["cg: float32, rest frame", "AUC", "0.9700", "-", "0.9700"],
        ["cg: float32, rest frame", "1/εB at εS = 0.3", "40", "-", "40"],
    ]
    assert boosts({"cg": NUMBERS}, only="boost_z") == [["tagger: precision, frame", "transform"]]
    assert aligned([["a", "bb"], ["cccc", "d"]]) == "a     bb\ncccc  d"


def test_files_are_written_for_what_is_there(tmp_path) -> None:
    assert [path.name for path in write_csv(tmp_path, {"cg": NUMBERS})] == ["invariance.csv"]
