"""The invariance scan against changes that can be computed by hand."""

import json
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate.invariance import draw, measurements, scan
from lorentznet.evaluate.invariance_result import InvarianceResult, TaggerInvariance
from lorentznet.evaluate.transformations import TRANSFORMATIONS, boosts, inverse
from lorentznet.group.subgroup import Subgroup
from lorentznet.group.transform import LorentzTransform
from lorentznet.taggers.base import Tagger
from lorentznet.testing import toy_jets

GAMMAS = ("1.01", "1.1", "2", "10", "100", "1000", "10000")
BOOSTS = ("boost", "boost_z", "rotation")


@dataclass(frozen=True)
class NoConfig:
    classes: int = 2


class Formula(Tagger):
    """A logit by formula from the jet's momentum, without a frame switch."""

    name: ClassVar[str] = "formula"
    citation: ClassVar[str] = "none"
    Config: ClassVar[type] = NoConfig
    presets: ClassVar[dict] = {}

    def __init__(self, formula: object) -> None:
        super().__init__(NoConfig())
        self.formula = formula
        self.unit = nn.Parameter(torch.ones(()))

    def forward(self, batch: JetBatch) -> Tensor:
        jets = torch.zeros(batch.n_jets, 4, dtype=batch.p4.dtype).index_add(0, batch.batch, batch.p4)
        logits = self.formula(jets)
        return (logits if logits.ndim == 2 else logits[:, None]).to(self.unit.dtype)

    @property
    def symmetry(self) -> Subgroup:
        return Subgroup.of("SO(3)")


def log_mass(jets: Tensor) -> Tensor:
    return 0.5 * (jets[:, 0].square() - jets[:, 1:].square().sum(-1)).log()


@pytest.fixture(scope="module")
def scanned() -> TaggerInvariance:
    return scan(taggers.create("cg", "tiny", seed=2), toy_jets(24, seed=2), transformations=BOOSTS, parts=()).taggers["cg"]


@pytest.mark.parametrize("gamma", [1.0, 1.1, 2.0, 1000.0])
def test_boosts_are_those_of_the_group(gamma: float) -> None:
    axis = np.array([[2.0, -1.0, 2.0]]) / 3
    expected = LorentzTransform.boost_gamma(gamma, axis[0].tolist()).matrix.numpy()
    np.testing.assert_allclose(boosts(gamma, axis)[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_transformations_keep_the_metric_beyond_float64(name: str) -> None:
    matrices = TRANSFORMATIONS[name](100.0, 50, np.random.default_rng(1))
    unit = np.einsum("nij,njk->nik", inverse(matrices), matrices) - np.eye(4)
    assert float(np.abs(unit).max()) < 1e5 * float(np.finfo(np.longdouble).eps)
    distance = np.abs(matrices - np.eye(4)).max((1, 2))
    assert float(distance.min()) > 0.01
    if name.startswith("boost"):
        np.testing.assert_allclose(matrices[:, 0, 0].astype(float), 100.0)
    if name == "boost_z":
        assert np.all(matrices[:, 0, 1:3] == 0)
        assert set(np.sign(matrices[:, 0, 3]).astype(int)) == {-1, 1}
    if name == "boost_transverse":
        assert np.all(matrices[:, 0, 3] == 0)


def test_random_axes_and_rotations_have_no_preferred_direction() -> None:
    random = np.random.default_rng(3)
    axes = TRANSFORMATIONS["boost"](2.0, 4000, random)[:, 0, 1:] / math.sqrt(3)
    turned = TRANSFORMATIONS["rotation"](1.0, 4000, random)[:, 1:, 1:] @ np.array([0.0, 0.0, 1.0])
    for vectors in (axes, turned):
        np.testing.assert_allclose(vectors.mean(0).astype(float), 0, atol=0.04)
        np.testing.assert_allclose((vectors**2).mean(0).astype(float), 1 / 3, atol=0.03)


def test_the_change_is_the_one_computed_by_hand() -> None:
    """ln E under a boost along z changes by ln(gamma (1 -+ beta pz / E)), in units of the spread of ln E."""
    batch = toy_jets(60, seed=5)
    batch = batch.select(torch.argsort(batch.counts, stable=True))  # the order in which the scan draws its axes
    result = scan(Formula(lambda jets: jets[:, 0].log()), batch, gammas=(2.0,), transformations=("boost_z",), seed=7)
    jets = torch.zeros(60, 4, dtype=torch.float64).index_add(0, batch.batch, batch.p4)
    sign = TRANSFORMATIONS["boost_z"](2.0, 60, np.random.default_rng([7, sorted(TRANSFORMATIONS).index("boost_z"), 0]))[:, 0, 3]
    expected = torch.log(2.0 * jets[:, 0] + torch.from_numpy(sign.astype(np.float64)) * jets[:, 3]) - jets[:, 0].log()
    sigma = jets[:, 0].log().std(correction=0)
    change = result.taggers["formula"].curves["float64", "lab"]["boost_z"]["2"]
    assert change.rms == pytest.approx(float((expected / sigma).square().mean().sqrt()), rel=1e-12)
    assert change.max == pytest.approx(float((expected / sigma).abs().max()), rel=1e-12)
    assert result.taggers["formula"].logit_std == pytest.approx(float(sigma))


def test_an_invariant_logit_does_not_change_and_a_small_breaking_has_its_size() -> None:
    batch = toy_jets(40)
    exact = scan(Formula(log_mass), batch, gammas=(2.0,), transformations=("boost", "rotation")).taggers["formula"]
    assert exact.curves["float64", "lab"]["boost"]["2"].rms < 1e-11
    assert exact.curves["float64", "lab"]["rotation"]["1"].rms < 1e-11
    broken = scan(Formula(lambda jets: log_mass(jets) + 1e-6 * jets[:, 0].log()), batch, gammas=(2.0,)).taggers["formula"]
    assert 1e-7 < broken.curves["float64", "lab"]["boost"]["2"].rms < 1e-5
    assert broken.curves["float64", "lab"]["rotation"]["1"].rms < 1e-11


def test_several_classes_are_compared_as_the_softmax_sees_them() -> None:
    batch = toy_jets(20)

    def common(jets: Tensor) -> Tensor:
        return torch.stack((log_mass(jets), 0 * jets[:, 0], 2 * log_mass(jets)), -1) + jets[:, :1].log()

    result = scan(Formula(common), batch, gammas=(2.0,), transformations=("boost",)).taggers["formula"]
    assert result.curves["float64", "lab"]["boost"]["2"].rms < 1e-10


def test_reflections_tell_a_tagger_that_breaks_parity() -> None:
    batch = toy_jets(20)
    for formula, bound in ((log_mass, 1e-12), (lambda jets: log_mass(jets) + jets[:, 1] / jets[:, 0], math.inf)):
        result = scan(Formula(formula), batch, transformations=("reflection",)).taggers["formula"]
        change = result.curves["float64", "lab"]["reflection"]["1"]
        assert change.rms <= bound
        assert (change.rms > 0.01) == (bound == math.inf)


def test_what_is_promised_of_the_front_end_holds(scanned: TaggerInvariance) -> None:
    single, double = scanned.curves["float32", "frame"], scanned.curves["float64", "frame"]
    for transformation in ("boost", "boost_z"):
        rms = [single[transformation][gamma].rms for gamma in GAMMAS]
        assert max(rms[:6]) < 1e-5
        assert max(rms[:6]) < 10 * min(rms)
        assert rms[6] < 1e-3
        assert max(double[transformation][gamma].rms for gamma in GAMMAS[:4]) < 1e-9
        assert double[transformation]["100"].rms < 1e-8
        assert scanned.curves["float32", "lab"][transformation]["10"].rms > 100 * single[transformation]["10"].rms
    assert single["rotation"]["1"].rms < 1e-5
    assert double["rotation"]["1"].rms < 1e-11


def test_the_floor_is_what_rounding_the_input_does(scanned: TaggerInvariance) -> None:
    floor = {gamma: change.rms for gamma, change in scanned.floor["boost"].items()}
    assert floor["10"] < floor["100"] < floor["1000"]
    assert 1e2 < floor["1000"] / floor["10"] < 1e6  # as gamma^2
    ratio = scanned.curves["float64", "frame"]["boost"]["1000"].rms / floor["1000"]
    assert 0.5 < ratio < 10


def test_reference_vectors_are_transformed_along() -> None:
    batch = toy_jets(30, seed=3)
    tagger = taggers.create("cg", "tiny", seed=2, references=("beams", "time"))
    result = scan(tagger, batch, gammas=(10.0,), transformations=("boost",), conditionings=("frame",), parts=()).taggers["cg"]
    assert result.references
    assert result.symmetry == "O(2)"
    assert result.curves["float32", "frame"]["boost"]["10"].rms < 1e-5
    assert result.curves["float64", "frame"]["boost"]["10"].rms < 1e-8
    assert result.floor["boost"]["10"].rms < 1e-8
    moved = batch.transformed(LorentzTransform.boost_gamma(10.0, [1.0, 0.0, 0.0]).matrix)
    with torch.no_grad():
        assert float((tagger(moved) - tagger(batch)).abs().max()) > 0.01 * result.logit_std  # left behind


def test_the_tagger_is_left_as_it_was() -> None:
    tagger = taggers.create("cg", "tiny", seed=2).train().in_frame("lab")
    before = {key: value.clone() for key, value in tagger.state_dict().items()}
    scan(tagger, toy_jets(6, particles=5), gammas=(2.0,), transformations=("boost",), dtypes=("float64",))
    assert tagger.training
    assert tagger.frame.conditioning == "lab"
    assert all(torch.equal(value, before[key]) and value.dtype == before[key].dtype for key, value in tagger.state_dict().items())


def test_a_tagger_without_frame_switch_has_one_mode() -> None:
    result = scan(Formula(log_mass), toy_jets(6), gammas=(2.0,), conditionings=("frame",)).taggers["formula"]
    assert set(result.curves) == {("float32", "lab"), ("float64", "lab")}


def test_logits_that_are_not_finite_are_counted(tmp_path) -> None:
    def overflowing(jets: Tensor) -> Tensor:
        return torch.where(jets[:, 0] > 20_000, torch.inf, log_mass(jets))

    result = scan(Formula(overflowing), toy_jets(20), gammas=(2.0, 100.0), transformations=("boost_z",))
    fine, lost = (result.taggers["formula"].curves["float32", "lab"]["boost_z"][gamma] for gamma in ("2", "100"))
    assert math.isfinite(fine.rms)
    assert fine.nonfinite == 0
    assert lost.rms == lost.max == math.inf
    assert 0 < lost.nonfinite <= 20
    written = json.loads(result.write(tmp_path)[0].read_text())["taggers"]["formula"]["float32"]["lab"]["boost_z"]["100"]
    assert written == {"rms": None, "max": None, "flips": 0.0, "nonfinite": lost.nonfinite}
    assert "broken above gamma 2 (" in "\n".join(result.taggers["formula"].verdict())
    assert InvarianceResult.read(tmp_path / "invariance.json").to_dict() == result.to_dict()


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [
        (lambda jets: 0 * jets[:, 0] + 3, "the same for all of 6 jets"),
        (lambda jets: jets[:, 0] * torch.nan, "not finite for any of 6 jets"),
    ],
)
def test_without_a_unit_nothing_is_measured(formula: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        scan(Formula(formula), toy_jets(6))


def test_no_jets_are_refused() -> None:
    with pytest.raises(DataError, match="no jets"):
        scan(Formula(log_mass), toy_jets(0))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"transformations": ("bost",)}, "unknown transformation 'bost'; did you mean 'boost'"),
        ({"dtypes": ("float16",)}, "unknown dtype 'float16'"),
        ({"conditionings": ("rest",)}, "unknown conditioning 'rest'"),
        ({"parts": ("layer",)}, "unknown part 'layer'; did you mean 'layers'"),
        ({"gammas": (0.5, 2.0)}, "at least 1, got 0.5, 2"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(changes: dict, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        scan(Formula(log_mass), toy_jets(4), **changes)


def test_the_seed_decides() -> None:
    tagger, batch = Formula(lambda jets: jets[:, 0].log()), toy_jets(10)
    first, again, other = (scan(tagger, batch, gammas=(2.0,), seed=seed).to_dict() for seed in (1, 1, 2))
    assert first == again
    assert first["taggers"]["formula"]["float64"] != other["taggers"]["formula"]["float64"]


def test_jets_are_taken_from_all_over_a_sorted_table() -> None:
    batch = toy_jets(40)
    order = torch.argsort(batch.y, stable=True)
    seen: list[JetBatch] = []

    class Watching(Formula):
        def forward(self, given: JetBatch) -> Tensor:
            seen.append(given)
            return super().forward(given)

    result = scan(
        Watching(log_mass), batch.select(order), jets=10, gammas=(2.0,), transformations=("boost",), dtypes=("float64",)
    )
    assert result.taggers["formula"].jets == 10
    assert int(seen[0].y.sum()) == 5


def test_tables_are_taken_too() -> None:
    from lorentznet.data import JetTable

    batch = toy_jets(12, seed=4)
    table = JetTable.from_arrays(batch.p4.numpy(), batch.counts.numpy(), labels=batch.y.numpy(), classes=("qcd", "top"))
    kwargs = {"gammas": (2.0,), "transformations": ("boost",), "parts": ()}
    assert scan(Formula(log_mass), table, **kwargs).to_dict() == scan(Formula(log_mass), batch, **kwargs).to_dict()


def test_progress_counts_all_measurements() -> None:
    done: list[int] = []
    few = {"gammas": (2.0, 10.0), "conditionings": ("frame",)}
    scan(taggers.create("cg", "tiny", seed=2), toy_jets(4, particles=5), progress=done.append, **few)
    assert sum(done) == measurements(**few) == (3 * 2 + 2) * 3 + 3 * 2 + 2 + 12
    assert measurements(transformations=("boost", "padding"), parts=()) == 7 * 5 + 4


@pytest.fixture(scope="module")
def jet_file(toys, tmp_path_factory):
    return toys.write(tmp_path_factory.mktemp("jets") / "jets.root")


def test_jets_are_drawn_from_all_over_the_files(jet_file) -> None:
    table = draw([f"{jet_file}#0:100", f"{jet_file}#200:400"], jets=60)
    rows = np.asarray(table.ids)
    assert len(table) == 60
    assert np.sum(rows < 100) == 20
    assert rows[0] == 0
    assert rows.max() >= 385
    assert len(np.unique(rows)) == 60
    assert len(draw(jet_file, jets=10_000)) == 400
    assert len(draw(jet_file, jets=7)) == 7
    with pytest.raises(ConfigError, match="at least 1 jet"):
        draw(jet_file, jets=0)


def test_bfloat16_changes_less_in_the_rest_frame(tmp_path) -> None:
    tagger = taggers.create("cg", "tiny", seed=1)
    result = scan(tagger, toy_jets(24), gammas=(10.0,), transformations=("boost",), dtypes=("bfloat16",), parts=())
    curves = result.taggers["cg"].curves
    kept, lost = (curves["bfloat16", front]["boost"]["10"] for front in ("frame", "lab"))
    assert kept.rms < 0.5
    assert not kept.rms >= lost.rms
    assert InvarianceResult.from_dict(result.to_dict()).to_dict() == result.to_dict()
    assert "bfloat16" in result.table()


def test_flipped_decisions_are_counted() -> None:
    def signed(jets: Tensor) -> Tensor:
        return jets[:, 0] - 1000.0  # the energy: a boost lifts it over the threshold

    result = scan(Formula(signed), toy_jets(20), gammas=(100.0,), transformations=("boost_z",), dtypes=("float64",))
    assert result.taggers["formula"].curves["float64", "lab"]["boost_z"]["100"].flips > 0
