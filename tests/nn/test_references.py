"""Reference vectors as particles of their own."""

import pytest
import torch

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.group import LorentzTransform, minkowski_dot
from lorentznet.nn.frame import FrameConditioner
from lorentznet.nn.references import laboratory
from lorentznet.testing import degenerate_jets, toy_jets

F64 = torch.float64
BOTH = ("beams", "time")


def frame_of(batch, conditioning="frame", **settings):
    conditioner = FrameConditioner(**({"references": BOTH, "references_as": "particles"} | settings))
    conditioner.conditioning = conditioning
    return conditioner(batch, F64)


def test_the_laboratory():
    assert laboratory(("time", "beams")).tolist() == [[1, 0, 0, 1], [1, 0, 0, -1], [1, 0, 0, 0]]
    assert laboratory(()).shape == (0, 4)


def test_references_stand_before_the_particles_and_are_not_among_them():
    jets = toy_jets(4, seed=1)
    frame, without = frame_of(jets), frame_of(jets, references=())
    assert torch.equal(frame.mask[:, 3:], without.mask)
    assert not frame.mask[:, :3].any()
    assert frame.nodes[:, :3].all()
    assert torch.equal(frame.nodes[:, 3:], without.mask)
    assert torch.equal(frame.momenta[:, 3:], without.momenta)
    assert torch.equal(frame.log_mass, without.log_mass)
    assert torch.allclose(frame.log_product[:, 3:, 3:], without.log_product, atol=1e-9)
    assert torch.equal(frame.indicators[0, :3], torch.eye(3, dtype=F64))
    assert not frame.indicators[:, 3:].any()


@pytest.mark.parametrize("conditioning", ["frame", "lab"])
def test_their_momenta_are_of_order_one_and_their_products_invariant(conditioning):
    jets = toy_jets(4, seed=1)
    frame = frame_of(jets, conditioning)
    total = torch.stack([jets.p4[jets.batch == k].sum(0) for k in range(4)])
    mass = minkowski_dot(total, total).sqrt()
    lab = laboratory(BOTH)
    along = minkowski_dot(total[:, None], lab)
    assert torch.allclose(frame.energy[:, :3], torch.ones(4, 3, dtype=F64))
    if conditioning == "frame":
        assert frame.momenta[:, :3].abs().max() <= 1 + 1e-12
    products = (mass**2)[:, None, None] * minkowski_dot(lab[:, None], lab) / (along[:, :, None] * along[:, None])
    off_diagonal = ~torch.eye(3, dtype=torch.bool)
    assert torch.allclose(frame.log_product[:, :3, :3].exp()[:, off_diagonal], products[:, off_diagonal] + 1e-9, rtol=1e-8)
    # transverse mass: q+ . q- = 2 M^2 / m_T^2
    assert torch.allclose(products[:, 0, 1], 2 * mass**2 / (along[:, 0] * along[:, 1]))
    particle = minkowski_dot(jets.p4[jets.batch == 2][:, None], lab) / (mass[2] * along[2] / mass[2])
    assert torch.allclose(frame.log_product[2, 3 : 3 + len(particle), :3].exp(), particle + 1e-9, rtol=1e-6, atol=1e-12)


def test_a_beam_of_another_energy_is_the_same_beam():
    jets = toy_jets(3, seed=1)
    lab = laboratory(BOTH).expand(3, 3, 4)
    scaled = jets.with_momenta(jets.p4, lab * torch.tensor([6500.0, 1e-3, 1.0], dtype=F64)[:, None])
    assert torch.allclose(frame_of(scaled).momenta, frame_of(jets).momenta, atol=1e-12)


@pytest.mark.parametrize("gamma", [1.0, 1e3])
def test_boosted_along_nothing_changes_but_a_rotation(gamma):
    jets = FrameConditioner(references=BOTH).with_references(toy_jets(3, seed=1))
    boost = LorentzTransform.boost_gamma(gamma, torch.tensor([2.0, 1.0, -2.0], dtype=F64) / 3)
    here, there = frame_of(jets), frame_of(jets.transformed(boost.matrix))
    bound = 1e-13 * max(gamma, 10) ** 2
    assert torch.allclose(here.momenta @ here.momenta.mT, there.momenta @ there.momenta.mT, atol=bound)
    apart = ~torch.eye(here.mask.shape[1], dtype=torch.bool) & here.nodes[:, :, None] & here.nodes[:, None]
    assert torch.allclose(here.log_angle[apart], there.log_angle[apart], atol=1e3 * bound)


@pytest.mark.parametrize("name", ["cg", "clifford"])
def test_held_beams_break_what_the_scalars_break_and_no_more(name):
    as_particles, as_scalars = (
        taggers.create(name, "tiny", seed=1, references=("beams",), references_as=use).double()
        for use in ("particles", "scalars")
    )
    assert as_particles.symmetry == as_scalars.symmetry
    jets = toy_jets(6, seed=3)
    logits = as_particles(jets)
    sideways = LorentzTransform.boost(torch.tensor([1.0, 0.0, 0.0], dtype=F64)).matrix
    assert (as_particles(jets.transformed(sideways)) - logits).abs().max() > 1e-4 * logits.std()
    along = as_particles(as_particles.with_references(jets).transformed(sideways))
    assert (along - logits).abs().max() < 1e-9 * logits.std()


def test_a_jet_without_rest_frame_has_none():
    for name in ("collinear particles", "one massless particle along the beam", "all momenta zero"):
        frame = frame_of(degenerate_jets()[name])
        assert not frame.indicators.any()
        assert not frame.nodes[:, :3].any()
        assert not frame.momenta[:, :3].any()


def test_pooling_and_scalars_of_the_data_leave_them_out():
    jets = toy_jets(5, seed=2)
    jets.scalars = torch.randn((len(jets.p4), 2), generator=torch.Generator().manual_seed(1), dtype=F64)
    tagger = taggers.create("cg", "tiny", seed=1, references=BOTH, references_as="particles", scalars=2).double()
    seen = []
    tagger.network.readout.pool.register_forward_hook(lambda module, inputs, output: seen.append(inputs))
    logits = tagger(jets)
    _, _, mask = seen[0]
    assert mask.sum(1).tolist() == jets.counts.tolist()
    order = torch.cat([torch.arange(start, stop).flip(0) for start, stop in zip(jets.ptr[:-1], jets.ptr[1:], strict=True)])
    moved = JetBatch.from_arrays(jets.p4[order], jets.counts, scalars=jets.scalars[order])
    assert (tagger(moved) - logits).abs().max() < 1e-14


def test_particles_of_nothing_are_refused():
    with pytest.raises(
        ConfigError, match=r"references_as: particles needs some; name them, for example references: \[beams, time\]"
    ):
        taggers.create("cg", references_as="particles")
