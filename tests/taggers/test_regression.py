"""Momenta and masses read out of jets: covariant, invariant, and the plain jet to begin with."""

import pytest
import torch

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.group.irreps import Irrep
from lorentznet.group.minkowski import minkowski_square
from lorentznet.group.subgroup import Subgroup
from lorentznet.testing import check_tagger, degenerate_jets, strong_transforms, toy_jets
from lorentznet.testing.measure import awakened, change_of_frame, logits_of
from lorentznet.testing.transforms import stacked

NAMES = ("cg", "clifford")


def momenta_of(jets: JetBatch) -> torch.Tensor:
    return torch.zeros(jets.n_jets, 4, dtype=torch.float64).index_add(0, jets.batch, jets.p4)


@pytest.mark.parametrize("task", ["momentum", "mass"])
@pytest.mark.parametrize("name", NAMES)
def test_the_contract(name: str, task: str) -> None:
    tagger = taggers.create(name, "tiny", seed=1, task=task)
    measured = check_tagger(tagger)
    assert measured["check_symmetry"]["fixed"] < 2e-9
    assert max(measured["check_precision"]["float32"].values()) < 1e-5
    assert tagger.output_law == (Irrep(1, 1) if task == "momentum" else None)


@pytest.mark.parametrize("name", NAMES)
def test_references_that_are_boosted_along(name: str) -> None:
    measured = check_tagger(taggers.create(name, "tiny", seed=1, task="momentum", references=("beams",)))
    assert measured["check_symmetry"]["along"] < 2e-9
    assert min(measured["check_symmetry_is_maximal"].values()) > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_covariance_to_ten_digits(name: str) -> None:
    """Boosts of a few units of rapidity; what is left grows as gamma squared, as the rounding of the boosted jets does."""
    jets = toy_jets(32, seed=3)
    tagger = awakened(taggers.create(name, "tiny", seed=2, task="momentum"))
    matrices = stacked(strong_transforms(Subgroup.of("O+(1,3)"), jets.n_jets, rapidity=1.0))
    assert change_of_frame(tagger, logits_of(tagger, jets), jets, matrices, 1.0) < 1e-10


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_as_good_as_its_digits_at_any_boost(name: str) -> None:
    jets = toy_jets(32, seed=3)
    tagger = awakened(taggers.create(name, "tiny", seed=2, task="momentum"), torch.float32)
    for rapidity in (1.0, 5.0):
        matrices = stacked(strong_transforms(Subgroup.of("O+(1,3)"), jets.n_jets, rapidity=rapidity))
        assert change_of_frame(tagger, logits_of(tagger, jets), jets, matrices, 1.0) < 1e-5


@pytest.mark.parametrize("conditioning", ["frame", "lab"])
@pytest.mark.parametrize("name", NAMES)
def test_an_untrained_network_gives_the_jet(name: str, conditioning: str) -> None:
    jets = toy_jets(8)
    tagger = taggers.create(name, "tiny", seed=1, task="momentum").double().in_frame(conditioning)
    torch.testing.assert_close(tagger(jets), momenta_of(jets), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_both_frames_are_one_function(name: str) -> None:
    jets = toy_jets(8)
    tagger = awakened(taggers.create(name, "tiny", seed=1, task="momentum"))
    torch.testing.assert_close(logits_of(tagger, jets), logits_of(tagger.in_frame("lab"), jets), rtol=1e-4, atol=1e-2)


def test_shapes_and_dtypes() -> None:
    jets = toy_jets(5)
    for task, width in (("momentum", 4), ("mass", 1)):
        tagger = taggers.create("cg", "tiny", seed=1, task=task, classes=7)
        assert tagger.n_outputs == width
        outputs = tagger(jets)
        assert outputs.shape == (5, width)
        assert outputs.dtype == torch.float64
    assert bool((outputs > 0).all())
    assert taggers.create("cg", "tiny", classes=7).n_outputs == 7


@pytest.mark.parametrize("name", NAMES)
def test_degenerate_jets_are_covariant_too(name: str) -> None:
    """A single particle, collinear ones, nothing at all: the momentum found turns and boosts with them, as far as there is a mass."""
    tagger = awakened(taggers.create(name, "tiny", seed=1, task="momentum"))
    for what in ("one massless particle", "collinear particles", "one massive particle", "all momenta zero"):
        jet = degenerate_jets()[what]
        outputs = logits_of(tagger, jet)
        for matrix in stacked(strong_transforms(Subgroup.of("O+(1,3)"), 4, rapidity=1.0)):
            moved = logits_of(tagger, jet.transformed(matrix))
            expected = outputs @ matrix.T
            assert float((moved - expected).norm()) <= 1e-6 * float(expected.norm()), what
    massless = logits_of(tagger, degenerate_jets()["one massless particle"])
    assert float(minkowski_square(massless).abs()) < 1e-9 * float(massless.square().sum())


def test_gradients_reach_momenta_and_weights() -> None:
    jets = toy_jets(4)
    tagger = awakened(taggers.create("cg", "tiny", seed=1, task="momentum"))
    momenta = jets.p4.clone().requires_grad_()
    tagger(jets.with_momenta(momenta)).sum().backward()
    assert bool(momenta.grad.abs().sum() > 0)
    assert all(parameter.grad is not None for parameter in tagger.parameters())


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ConfigError, match="task"):
        taggers.create("cg", task="four-momentum")
