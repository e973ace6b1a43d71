"""What comes out of an invariance scan: files, words, tables, and the command that makes them."""

import csv
import json
import math

import pytest

from lorentznet import taggers
from lorentznet.cli import main
from lorentznet.errors import ConfigError, DataError, OutputError
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.invariance import EVERYTHING, scan
from lorentznet.evaluate.invariance_points import Change, Emission, LayerError, Separation
from lorentznet.evaluate.invariance_result import InvarianceResult, TaggerInvariance
from lorentznet.testing import toy_jets
from lorentznet.train.checkpoint import save

GAMMAS = ("1.1", "10")
BOOSTS = ("boost", "boost_z", "boost_transverse")


@pytest.fixture(scope="module")
def scanned() -> TaggerInvariance:
    return scan(taggers.create("cg", "tiny", seed=2), toy_jets(6, seed=2, particles=6), gammas=(1.1, 10.0)).taggers["cg"]


def test_the_files_have_the_agreed_layout(scanned: TaggerInvariance, tmp_path) -> None:
    result = InvarianceResult({"cg": scanned})
    paths = result.write(tmp_path / "new" / "folder")
    written = ["invariance.json", "invariance.csv", "invariance_layers.csv", "invariance_irc.csv"]
    assert [path.name for path in paths] == written
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(written)
    values = json.loads(paths[0].read_text())
    for dtype in ("float32", "float64"):
        for conditioning in ("frame", "lab"):
            curves = values["taggers"]["cg"][dtype][conditioning]
            assert set(curves) == set(EVERYTHING)
            for transformation, points in curves.items():
                assert list(points) == (list(GAMMAS) if transformation in BOOSTS else ["1"])
                assert all({"rms", "max", "flips"} <= set(point) for point in points.values())
            assert set(curves["boost"]["10"]["auc"]) == {"value", "low", "high"}
            assert set(curves["boost"]["10"]["rejection"]) == {"value", "low", "high", "survivors"}
            assert set(values["taggers"]["cg"]["unmoved"][dtype][conditioning]) == {"auc", "rejection"}
            best = (dtype, conditioning) == ("float64", "frame")
            assert (conditioning in values["taggers"]["cg"]["precision"].get(dtype, {})) is not best
            layers = values["taggers"]["cg"]["layers"][dtype][conditioning]
            assert set(layers["frame"]) == {"total"}
            assert set(layers["network.layers.1.gate"]) == {"own", "total"}
    precise = values["taggers"]["cg"]["precision"]
    assert 0 < precise["float32"]["frame"]["rms"] < 1e-5 < precise["float32"]["lab"]["rms"]
    assert 0 < precise["float64"]["lab"]["rms"] < 1e-5
    for emission in values["taggers"]["cg"]["irc"].values():
        assert set(emission) == {"slope", "safe", "changes"}
        assert list(emission["changes"]) == ["0.1", "0.01", "0.001", "0.0001", "1e-05", "1e-06"]
    assert list(values["taggers"]["cg"]["floor"]["boost"]) == list(GAMMAS)
    assert values["taggers"]["cg"]["jets"] == 6
    rows, of_layers, of_emissions = (list(csv.DictReader(path.read_text().splitlines())) for path in paths[1:])
    assert len(rows) == 4 * (3 * 2 + 5) + 3 * 2 + 2
    point = values["taggers"]["cg"]["float32"]["frame"]["boost"]["1.1"]
    assert [float(rows[0][key]) for key in ("rms", "flips", "auc")] == [point["rms"], point["flips"], point["auc"]["value"]]
    assert len(of_layers) == 4 * len(scanned.layers["float64", "lab"])
    assert of_layers[0]["own"] == ""
    assert len(of_emissions) == 2 * 6
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
    assert flat == ["random boosts: invariant to 2.9e-07 up to gamma 1000 (float32, rest frame)"]
    growing = made({"1.1": 3e-13, "10": 1e-10, "1000": 2e-7}, floor=1e-13, mode=("float64", "frame"))
    words = "random boosts: invariant to 3.0e-13 at gamma 1.1, 2.0e-07 at gamma 1000"
    assert growing == [f"{words}, the floor of the input's rounding (float64, rest frame)"]
    above = made({"1.1": 3e-13, "10": 1e-8, "1000": 2e-3}, floor=1e-13, mode=("float64", "lab"))
    assert above == ["random boosts: invariant to 3.0e-13 at gamma 1.1, 2.0e-03 at gamma 1000 (float64, lab frame)"]
    lost = made({"1": 1e-4, "10": 1e-3, "100": 0.1, "1000": 8.0}, mode=("float32", "lab"))
    assert lost == ["random boosts: broken above gamma 32 (float32, lab frame)"]  # a power law reaches 0.01 at 10^1.5
    infinite = made({"1": 1e-4, "10": 1e-3, "100": math.inf}, mode=("float32", "lab"))
    assert infinite == ["random boosts: broken above gamma 10 (float32, lab frame)"]
    assert made({"1.1": 0.8, "10": 40.0}) == ["random boosts: broken at gamma 1.1 already, 8.0e-01 (float32, rest frame)"]


def test_every_property_has_its_line() -> None:
    about = {"jets": 10, "seed": 1, "device": "cpu", "logit_std": 1.0, "symmetry": "O+(1,3)", "references": False}
    single, lab = ("float64", "frame"), ("float32", "lab")
    separation = Separation(Estimate(0.98, 0.97, 0.99), Estimate(50.0, 40.0, 60.0, 4))
    scanned = TaggerInvariance(
        **about,
        curves={
            lab: {"rotation": {"1": Change(0.2, 0.3)}, "boost": {"2": Change(math.inf, math.inf, 3)}},
            single: {"rotation": {"1": Change(1e-14, 1e-13)}, "boost": {"2": Change(0.0, 0.0, separation=separation)}},
        },
        unmoved={single: separation, lab: separation},
        precision={lab: Change(2e-3, 0.1, flips=0.01), ("float32", "frame"): Change(1e-7, 2e-7)},
        layers={single: {"frame": LayerError(None, 1e-13), "a": LayerError(1e-15, 1e-13), "b": LayerError(2e-6, 1e-5)}},
        emissions={
            "soft": Emission({"0.1": Change(0.1, 0.2), "1e-06": Change(1e-6, 1e-5)}, 1.0, True),
            "collinear": Emission({"0.1": Change(0.1, 0.2), "1e-06": Change(0.05, 0.1)}, 0.03, False),
        },
    )
    assert scanned.verdict() == [
        "random boosts: invariant to 0 (float64, rest frame); broken, not finite (float32, lab frame)",
        "rotations: invariant to 1.0e-14 (float64, rest frame); broken, 2.0e-01 (float32, lab frame)",
        "precision, against float64: 1.0e-07 (float32, rest frame); 2.0e-03, 1 % of the decisions flip (float32, lab frame)",
        "AUC: 0.9800, at gamma 2 0.9800 (float64, rest frame); 0.9800, at gamma 2 lost (float32, lab frame)",
        "equivariance of the layers: 2.0e-06 at worst, in b (float64, rest frame), which breaks the symmetry",
        "soft particle: infrared safe, the change falls with power 1.00 of it to 1.0e-06 at momentum fraction 1e-06",
        "collinear splitting: not safe, the change is 5.0e-02 at angle 1e-06 still (fitted power 0.03)",
    ]
    assert TaggerInvariance.from_dict(json.loads(json.dumps(scanned.to_dict()))) == scanned


def test_a_notebook_shows_the_tables(scanned: TaggerInvariance) -> None:
    shown = InvarianceResult({"<cg>": scanned})._repr_html_()
    assert "&lt;cg&gt;" in shown
    assert "<cg>" not in shown
    assert shown.count("<tr>") == (1 + 5 * 3) + (1 + 5) + (1 + 2 * 4)
    assert "random boosts: invariant to" in shown


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
    few = ["--gammas", "1.5", "20", "--transformations", "boost", "boost_z", "company", "--dtypes", "float32"]
    assert main(["invariance", words[0], "--out", str(tmp_path / "out"), *words[1:], "--jets", "10", "--quiet", *few]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "cg: random boosts: invariant to" in printed.out
    values = json.loads((tmp_path / "out" / "invariance.json").read_text())
    assert list(values["taggers"]) == ["cg", "clifford"]
    assert values["taggers"]["clifford"]["jets"] == 10
    assert (tmp_path / "out" / "cg_boost.png").stat().st_size > 10_000
    assert list(values["taggers"]["cg"]["float32"]["lab"]) == ["boost", "boost_z", "company"]
    assert list(values["taggers"]["cg"]["float32"]["lab"]["boost"]) == ["1.5", "20"]
    for name in ("clifford_boost_z.pdf", "cg_layers.png", "irc_soft.png", "irc_collinear.pdf"):
        assert (tmp_path / "out" / name).stat().st_size > 5_000


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
        (["{runs}/cg", "{jets}", "--transformations", "bost"], "unknown transformation 'bost'; did you mean 'boost'"),
        (["{runs}/cg", "{jets}", "--parts", "irk"], "unknown part 'irk'; did you mean 'irc'"),
        (["{runs}/cg", "{jets}", "--gammas", "0.5"], "gammas must be at least 1, got 0.5"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(jet_file, checkpoints, tmp_path, capsys, words: list, complaint: str) -> None:
    filled = [word.format(jets=jet_file, runs=checkpoints) for word in words]
    assert main(["invariance", *filled, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    printed = capsys.readouterr()
    assert complaint in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))
