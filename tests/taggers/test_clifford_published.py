"""The preset ``published`` of the Clifford tagger: what it keeps of the contract, what it cannot keep, and how it is switched on."""

import pytest
import torch

from lorentznet import taggers
from lorentznet.errors import ConfigError
from lorentznet.group.subgroup import Subgroup
from lorentznet.group.transform import LorentzTransform
from lorentznet.nn.cgenn_frame import BeamParticles
from lorentznet.testing import (
    check_alone,
    check_gradients,
    check_padding,
    check_permutation,
    check_precision,
    check_pure,
    check_round_trip,
    check_symmetry,
    check_symmetry_is_maximal,
    toy_jets,
)

F64 = torch.float64


def make(**changes):
    """The published network with fewer channels and layers."""
    sizes = {"layers": 2, "multivectors": 3, "scalars_hidden": 12}
    return taggers.create("clifford", "published", seed=4, **{**sizes, **changes})


def massless_jets():
    return toy_jets(8, particles=12)


def massive_jets():
    """Toy jets whose particles have masses of a third of their energy."""
    jets = massless_jets()
    return jets.with_momenta(jets.p4 * torch.tensor([1.05, 1.0, 1.0, 1.0], dtype=F64))


@pytest.mark.parametrize(
    "clause",
    [check_symmetry, check_symmetry_is_maximal, check_permutation, check_padding, check_alone, check_pure, check_round_trip],
    ids=lambda clause: clause.__name__,
)
def test_clauses_that_jets_of_massive_particles_keep(clause):
    clause(make(), massive_jets())


def test_gradients_are_finite():
    assert check_gradients(make()) > 10


def test_massless_particles_cost_the_symmetry_many_digits():
    """The norm of null multivectors is the root of rounding errors; 1e-8 is what other taggers keep."""
    measured = check_symmetry(make(), massless_jets(), tolerance=1e-2)
    assert measured["along"] > 1e-8
    assert check_permutation(make(), massless_jets(), tolerance=1e-6) < 1e-6


def test_float32_holds_at_rest_only():
    """Of massive particles too: raw momenta in GeV lose all digits under a strong boost, unless they are boosted back in float64."""
    bounds = {torch.float32: 1e-4, F64: 1e-5}
    tagger = make()
    assert tagger.frame.conditioning == "lab"
    check_precision(tagger, massive_jets(), gammas=(1.0, 2.0), bounds=bounds)
    with pytest.raises(AssertionError, match="float32 logits at gamma 100"):
        check_precision(tagger, massive_jets(), gammas=(100.0,), bounds=bounds)
    check_precision(tagger.in_frame("frame"), massive_jets(), bounds=bounds)


def test_the_rest_frame_changes_nothing_in_exact_arithmetic():
    tagger, jets = make().double().eval(), massive_jets()
    lab = tagger(jets)
    frame = tagger.in_frame("frame")(jets)
    assert not torch.equal(lab, frame)
    torch.testing.assert_close(frame, lab, rtol=0, atol=float(1e-9 * lab.detach().std()))


def test_beams_have_a_mass_and_are_alike():
    """The beams of mass 1 GeV tell a boost along them, but may be exchanged."""
    tagger = make().double().eval()
    assert tagger.symmetry == Subgroup.of("O(2)xO(1)")
    jets = massive_jets()
    frame = tagger.frame(jets, F64)
    beams = torch.tensor([[2**0.5, 0, 0, 1], [2**0.5, 0, 0, -1]], dtype=F64)
    torch.testing.assert_close(frame.momenta[:, :2], beams.expand(8, -1, -1), rtol=0, atol=1e-15)
    torch.testing.assert_close(frame.masses[:, :2], torch.ones(8, 2, dtype=F64))
    assert not frame.mask[:, :2].any()
    assert frame.nodes[:, :2].all()
    logits = tagger(jets)
    flipped = tagger(jets.transformed(torch.diag(torch.tensor([1.0, 1.0, 1.0, -1.0], dtype=F64))))
    torch.testing.assert_close(flipped, logits, rtol=0, atol=1e-12)
    boosted = tagger(jets.transformed(LorentzTransform.boost([0.0, 0.0, 0.5]).matrix))
    assert (boosted - logits).abs().max() > 1e-3 * logits.std()


def test_a_jet_without_rest_frame_stays_in_the_laboratory():
    front = BeamParticles()
    batch = toy_jets(1).from_arrays([[5.0, 3.0, 4.0, 0.0], [10.0, 6.0, 8.0, 0.0]], [2])
    lab = front(batch, F64)
    front.conditioning = "frame"
    torch.testing.assert_close(front(batch, F64).momenta, lab.momenta, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"references": ["time"]}, "references: 'time' needs design residual; design cgenn has beams"),
        ({"references": ["beams", "time"]}, "references: 'beams, time' needs design residual"),
        ({"mass": "massless"}, "mass: 'massless' needs design residual; design cgenn has keep"),
        ({"graph": "knn-angle"}, "graph: 'knn-angle' needs design residual; design cgenn has all"),
        ({"scalars": 2}, "scalars: '2' needs design residual; design cgenn has 0"),
        ({"task": "momentum"}, "task: 'momentum' needs design residual; design cgenn has tagging"),
        ({"grades": [0, 1]}, "grades: '0, 1' needs design residual"),
    ],
)
def test_what_the_published_network_has_not_is_refused(changes, complaint):
    with pytest.raises(ConfigError, match=complaint):
        make(**changes)


def test_other_designs_do_not_depend_on_padding():
    with pytest.raises(ConfigError, match="padded: true needs design cgenn"):
        taggers.create("clifford", "tiny", padded=True)
    assert make(padded=True).network.padded
