"""What comes out of an invariance scan: files, words, tables, and the command that makes them."""

import csv
import json

import pytest

from lorentznet import taggers
from lorentznet.cli import main
from lorentznet.errors import ConfigError, DataError, OutputError
from lorentznet.evaluate.invariance import scan
from lorentznet.evaluate.invariance_result import Change, InvarianceResult, TaggerInvariance
from lorentznet.testing import toy_jets
from lorentznet.train.checkpoint import save

GAMMAS = ("1.1", "2", "10", "100", "1000")


@pytest.fixture(scope="module")
def scanned() -> TaggerInvariance:
    return scan(taggers.create("cg", "tiny", seed=2), toy_jets(12, seed=2), jets=12).taggers["cg"]


def test_the_files_have_the_agreed_layout(scanned: TaggerInvariance, tmp_path) -> None:
    result = InvarianceResult({"cg": scanned})
    paths = result.write(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["invariance.json", "invariance.csv"]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["invariance.csv", "invariance.json"]
    values = json.loads(paths[0].read_text())
    for dtype in ("float32", "float64"):
        for conditioning in ("frame", "lab"):
            curves = values["taggers"]["cg"][dtype][conditioning]
            assert set(curves) == {"boost", "boost_z", "rotation"}
            assert list(curves["boost"]) == list(curves["boost_z"]) == list(GAMMAS)
            assert list(curves["rotation"]) == ["1"]
            assert all({"rms", "max"} <= set(point) for points in curves.values() for point in points.values())
    assert list(values["taggers"]["cg"]["floor"]["boost"]) == list(GAMMAS)
    assert values["taggers"]["cg"]["jets"] == 12
    rows = list(csv.DictReader(paths[1].read_text().splitlines()))
    assert len(rows) == 5 * 11
    assert float(rows[0]["rms"]) == values["taggers"]["cg"]["float32"]["frame"]["boost"]["1.1"]["rms"]
    assert {row["conditioning"] for row in rows} == {"frame", "lab", "floor"}
    assert InvarianceResult.read(paths[0]).to_dict() == result.to_dict()


def test_files_that_are_no_results_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        InvarianceResult.read(tmp_path / "none.json")
    for content in ("{", "[]", '{"taggers": {"a": {}}}'):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(DataError, match=r"bad\.json: is not the invariance\.json"):
            InvarianceResult.read(tmp_path / "bad.json")


def test_an_output_that_cannot_be_made_is_an_output_error(scanned: TaggerInvariance, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        InvarianceResult({"cg": scanned}).write(tmp_path / "file")


def test_results_of_several_taggers_are_merged(scanned: TaggerInvariance) -> None:
    merged = InvarianceResult.merged([InvarianceResult({"a": scanned}), InvarianceResult({"b": scanned})])
    assert list(merged.taggers) == ["a", "b"]
    with pytest.raises(ConfigError, match="two taggers are named 'a'"):
        InvarianceResult.merged([merged, InvarianceResult({"a": scanned})])


def made(curve: dict[str, float], floor: float = 1e-16, mode: tuple[str, str] = ("float32", "frame")) -> list[str]:
    changes = {gamma: Change(rms, 2 * rms) for gamma, rms in curve.items()}
    floors = {gamma: Change(floor * float(gamma) ** 2, floor) for gamma in curve}
    about = {"jets": 10, "seed": 1, "device": "cpu", "logit_std": 1.0, "symmetry": "O+(1,3)", "references": False}
    return TaggerInvariance(**about, curves={mode: {"boost": changes}}, floor={"boost": floors}).verdict()


def test_verdicts_say_what_the_numbers_say() -> None:
    flat = made({"1.1": 6.5e-8, "10": 6.7e-8, "1000": 2.9e-7})
    assert flat == ["float32 network behind the float64 rest frame: invariant to 2.9e-07, flat up to gamma 1000"]
    growing = made({"1.1": 3e-13, "10": 1e-10, "1000": 2e-7}, floor=1e-13, mode=("float64", "frame"))
    words = "all in float64, rest frame: invariant to 3.0e-13 at gamma 1.1, growing to 2.0e-07 at gamma 1000"
    assert growing == [f"{words}, the floor of the input's rounding"]
    above = made({"1.1": 3e-13, "10": 1e-8, "1000": 2e-3}, floor=1e-13, mode=("float64", "lab"))
    assert above == ["all in float64, no rest frame: invariant to 3.0e-13 at gamma 1.1, growing to 2.0e-03 at gamma 1000"]
    assert made({"1.1": 2e-4, "2": 0.8, "10": 40.0}, mode=("float32", "lab")) == [
        "all in float32, no rest frame: broken from gamma 2 on (8.0e-01)"
    ]


def test_a_notebook_shows_the_table(scanned: TaggerInvariance) -> None:
    shown = InvarianceResult({"<cg>": scanned})._repr_html_()
    assert "&lt;cg&gt;" in shown
    assert "<cg>" not in shown
    assert shown.count("<tr>") == 1 + 5 * 3
    assert "flat up to gamma 1000" in shown


@pytest.fixture(scope="module")
def jet_file(toys, tmp_path_factory):
    return toys.write(tmp_path_factory.mktemp("jets") / "jets.root")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("cg", "clifford"):
        save(folder / name / "best.ckpt", taggers.create(name, "tiny", seed=3))
        (folder / name / "run.json").write_text(json.dumps({"name": name}))
    return folder


def test_the_command_scans_several_checkpoints(jet_file, checkpoints, tmp_path, capsys) -> None:
    words = [str(checkpoints / "cg" / "best.ckpt"), str(checkpoints / "clifford"), f"{jet_file}#test"]
    assert main(["invariance", words[0], "--out", str(tmp_path / "out"), *words[1:], "--jets", "10", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "cg: float32 network behind the float64 rest frame: invariant to" in printed.out
    values = json.loads((tmp_path / "out" / "invariance.json").read_text())
    assert list(values["taggers"]) == ["cg", "clifford"]
    assert values["taggers"]["clifford"]["jets"] == 10
    assert (tmp_path / "out" / "cg_boost.png").stat().st_size > 10_000
    assert (tmp_path / "out" / "clifford_boost_z.pdf").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{runs}/cg"], "required: FILE"),
        (["{jets}", "{jets}"], "jets.root: is no checkpoint"),
        (["{runs}/cg", "{runs}/clifford"], "clifford: is a checkpoint, and no jets are given"),
        (["{runs}/cg", "{runs}/cg/best.ckpt", "{jets}"], "two checkpoints are named 'cg'"),
        (["{runs}/cg", "{jets}", "--name", "a", "--name", "b"], "--name is given 2 times for 1 checkpoints"),
        (["{runs}/cg", "{jets}", "--jets", "0"], "at least 1 jet"),
        (["{runs}/nothing.ckpt", "{jets}"], "nothing.ckpt: no such file"),
        (["{runs}/cg", "{runs}/nothing.root"], "nothing.root"),
        (["{runs}/cg", "{jets}", "--device", "cuda:99"], "cuda"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(jet_file, checkpoints, tmp_path, capsys, words: list, complaint: str) -> None:
    filled = [word.format(jets=jet_file, runs=checkpoints) for word in words]
    assert main(["invariance", *filled, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    printed = capsys.readouterr()
    assert complaint in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))
