"""Networks made elsewhere as taggers: torch functions and modules, and ONNX files."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lorentznet.cli import main
from lorentznet.data.batch import JetBatch
from lorentznet.errors import CheckpointError, ConfigError, MissingExtraError
from lorentznet.evaluate.adapters import ModuleTagger, OnnxTagger
from lorentznet.evaluate.invariance import scan
from lorentznet.testing import check_alone, check_padding, check_permutation, check_symmetry, toy_jets

JETS = toy_jets(12, seed=5, particles=8)


class DotProducts(nn.Module):
    """An invariant network: an MLP of p_i.p_j, summed over pairs."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.mlp = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, momenta: Tensor, mask: Tensor) -> Tensor:
        metric = momenta.new_tensor([1.0, -1.0, -1.0, -1.0])
        products = (momenta * metric) @ momenta.mT
        pairs = mask[:, :, None] & mask[:, None]
        values = self.mlp((products.abs() + 1).log()[..., None])[..., 0]
        return torch.where(pairs, values, 0).sum((1, 2))


def with_beams(momenta: Tensor, mask: Tensor, references: Tensor) -> Tensor:
    """ln of the product of p.b over both beams: invariant if the beams are transformed along."""
    metric = momenta.new_tensor([1.0, -1.0, -1.0, -1.0])
    return ((momenta.sum(1) * metric)[:, None] * references).sum(-1).log().sum(1, keepdim=True)


def test_a_module_is_called_with_padded_momenta_in_its_own_dtype() -> None:
    seen = []

    def watch(momenta: Tensor, mask: Tensor) -> Tensor:
        seen.append((momenta, mask))
        return momenta.sum((1, 2))

    tagger = ModuleTagger(watch, name="watch")
    assert tagger(JETS).shape == (12, 1)
    momenta, mask = seen[0]
    assert momenta.dtype == torch.float32
    assert torch.equal(mask.sum(1), JETS.counts)
    torch.testing.assert_close(momenta[mask].double(), JETS.p4, rtol=1e-6, atol=0)
    assert not momenta[~mask].any()
    assert ModuleTagger(watch).double()(JETS).dtype == torch.float64


def test_the_contract_takes_an_adapted_module() -> None:
    tagger = ModuleTagger(DotProducts(), symmetry="O+(1,3)")
    for check in (check_permutation, check_padding, check_alone):
        check(tagger)
    check_symmetry(tagger.in_frame("frame"), rapidity=1.5)


def test_a_network_declared_invariant_gets_the_rest_frame_too() -> None:
    options = {"gammas": (2.0, 1000.0), "transformations": ("boost",), "parts": ()}
    curves = scan(ModuleTagger(DotProducts(), symmetry="O+(1,3)"), JETS, **options).taggers["module"].curves
    assert curves["float64", "frame"]["boost"]["2"].rms < 1e-10
    assert curves["float64", "lab"]["boost"]["2"].rms < 1e-10
    assert curves["float32", "frame"]["boost"]["1000"].rms < 1e-4
    assert curves["float32", "lab"]["boost"]["1000"].rms > 1e-2
    nothing_known = scan(ModuleTagger(DotProducts()), JETS, **options).taggers["module"]
    assert set(nothing_known.curves) == {("float32", "lab"), ("float64", "lab")}
    assert nothing_known.symmetry == "1"
    with pytest.raises(ConfigError, match="no frame conditioning"):
        ModuleTagger(DotProducts()).in_frame("frame")
    with pytest.raises(ConfigError, match="unknown conditioning 'rest'"):
        ModuleTagger(DotProducts(), symmetry="O+(1,3)").in_frame("rest")


def test_references_are_handed_over_and_transformed_along() -> None:
    tagger = ModuleTagger(with_beams, references=("beams",), symmetry="SO+(1,3)", name="beams")
    result = scan(tagger, JETS, gammas=(10.0,), transformations=("boost", "rotation"), parts=())
    scanned = result.taggers["beams"]
    assert scanned.references
    assert scanned.symmetry == "1"
    for front in ("frame", "lab"):
        assert all(change.rms < 1e-8 for curve in scanned.curves["float64", front].values() for change in curve.values())
    with torch.no_grad():
        both = [tagger.double().in_frame(front)(JETS) for front in ("frame", "lab")]
    torch.testing.assert_close(*both)


def test_autocast_is_a_mode_of_its_own() -> None:
    tagger = ModuleTagger(DotProducts(), name="dots")
    options = {"gammas": (1.1,), "transformations": ("boost",), "parts": ()}
    curves = scan(tagger, JETS, dtypes=("float32", "autocast"), **options).taggers["dots"].curves
    assert curves["autocast", "lab"]["boost"]["1.1"].rms > 10 * curves["float32", "lab"]["boost"]["1.1"].rms


# ---------------------------------------------------------------------------------------------------------------- ONNX


def write_onnx(
    path: Path,
    jets: int | str = "jets",
    particles: int | str = "particles",
    mask: str = "BOOL",
    output: str = "logits",
    **options,
) -> Path:
    """A file with z = 3 ln(m^2 / 1000 GeV^2), or sigmoid of it, by hand; ``options``: ``double``, ``symmetry``, ``components``."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    double = options.get("double", False)
    number, kind = (np.float64, TensorProto.DOUBLE) if double else (np.float32, TensorProto.FLOAT)
    values = {"metric": [1, -1, -1, -1], "unit": [1e-3], "three": [3]}
    constants = [numpy_helper.from_array(np.array(value, number), name) for name, value in values.items()]
    constants.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    nodes = [
        helper.make_node("ReduceSum", ["momenta", "axis"], ["total"], keepdims=0),
        helper.make_node("Mul", ["total", "total"], ["squares"]),
        helper.make_node("Mul", ["squares", "metric"], ["signed"]),
        helper.make_node("ReduceSum", ["signed", "axis"], ["mass"], keepdims=1),
        helper.make_node("Mul", ["mass", "unit"], ["scaled"]),
        helper.make_node("Log", ["scaled"], ["log"]),
        helper.make_node("Mul", ["log", "three"], ["z"]),
        helper.make_node("Sigmoid" if "prob" in output else "Identity", ["z"], [output]),
        helper.make_node("Cast", ["mask"], ["unused"], to=TensorProto.FLOAT),
    ]
    inputs = [
        helper.make_tensor_value_info("momenta", kind, [jets, particles, options.get("components", 4)]),
        helper.make_tensor_value_info("mask", getattr(TensorProto, mask), [jets, particles]),
    ]
    graph = helper.make_graph(nodes, "mass", inputs, [helper.make_tensor_value_info(output, kind, [jets, 1])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    if "symmetry" in options:
        helper.set_model_props(model, {"symmetry": options["symmetry"]})
    onnx.save(model, path)
    return path


@pytest.fixture
def runtime() -> None:
    pytest.importorskip("onnxruntime")


def expected(batch: JetBatch) -> Tensor:
    total = torch.zeros(batch.n_jets, 4, dtype=torch.float64).index_add(0, batch.batch, batch.p4)
    return 3 * ((total[:, :1].square() - total[:, 1:].square().sum(1, keepdim=True)) / 1000).log()


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(
    "shape",
    [{}, {"jets": 5}, {"particles": 40}, {"jets": 1, "particles": 40, "mask": "FLOAT"}, {"mask": "INT64", "output": "prob"}],
    ids=str,
)
def test_an_onnx_file_gives_its_logits_whatever_its_shape(shape: dict, tmp_path: Path) -> None:
    tagger = OnnxTagger(write_onnx(tmp_path / "mass.onnx", double=True, **shape))
    assert tagger.name == "mass"
    torch.testing.assert_close(tagger(JETS), expected(JETS), rtol=1e-6, atol=1e-5)


@pytest.mark.usefixtures("runtime")
def test_an_onnx_file_is_scanned_in_its_own_precision(tmp_path: Path) -> None:
    tagger = OnnxTagger(write_onnx(tmp_path / "mass.onnx", symmetry="O+(1,3)"))
    options = {"gammas": (1.1, 1000.0), "transformations": ("boost", "permutation", "padding", "company")}
    scanned = scan(tagger, JETS, **options).taggers["mass"]
    assert set(scanned.curves) == {("float32", "frame"), ("float32", "lab")}
    assert scanned.curves["float32", "frame"]["boost"]["1000"].rms < 1e-5
    assert not scanned.curves["float32", "lab"]["boost"]["1000"].rms < 1e-2
    assert not scanned.floor
    assert scanned.emissions["collinear"].safe
    assert copy.deepcopy(tagger).file is tagger.file


@pytest.mark.usefixtures("runtime")
def test_the_command_takes_onnx_files(toys, tmp_path: Path, capsys) -> None:
    jets, model = toys.write(tmp_path / "jets.root"), write_onnx(tmp_path / "mass.onnx")
    few = ["--jets", "8", "--gammas", "1.1", "5", "--transformations", "boost", "--parts"]
    assert main(["invariance", str(model), str(jets), "--out", str(tmp_path / "out"), "--quiet", *few]) == 0
    assert "mass: random boosts:" in capsys.readouterr().out
    values = json.loads((tmp_path / "out" / "invariance.json").read_text())["taggers"]["mass"]
    assert values["layers"] == values["irc"] == values["floor"] == {}
    assert list(values["float32"]["lab"]["boost"]) == ["1.1", "5"]


@pytest.mark.usefixtures("runtime")
def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    for path, complaint in (
        (tmp_path / "none.onnx", "no such file"),
        (tmp_path / "text.onnx", "onnxruntime cannot read it"),
        (write_onnx(tmp_path / "five.onnx", components="c"), r"needs inputs \(jets, particles, 4\)"),
    ):
        with pytest.raises(CheckpointError, match=complaint) as caught:
            OnnxTagger(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="takes 3 particles of a jet, and there is a jet of"):
        OnnxTagger(write_onnx(tmp_path / "short.onnx", particles=3))(JETS)


def test_without_onnxruntime_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lorentznet\[onnx\]'"):
        OnnxTagger("model.onnx")
