"""Taggers in detector coordinates: the coordinates themselves, infrared safety, and the sizes of the presets."""

import math

import numpy as np
import pytest
import torch

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.group.subgroup import Subgroup
from lorentznet.group.transform import LorentzTransform
from lorentznet.nn.detector_frame import DetectorFeatures, pair_features
from lorentznet.testing import check_infrared, check_tagger, toy_jets

F64 = torch.float64
VARIANTS = {
    "pfn": {},
    "pfn-energies": {"energies": True},
    "pfn-plain": {"align": False},
    "efn": {"energy_weighted": True},
    "part": {},
    "part-energies": {"energies": True, "align": False},
    "part-plain": {"align": False},
}
SYMMETRIES = {
    "pfn": "O+(1,1)xO(2)",
    "efn": "O+(1,1)xO(2)",
    "part": "O+(1,1)xO(2)",
    "pfn-plain": "SO(1,1)xSO(2)",
    "part-plain": "SO(1,1)xSO(2)",
    "pfn-energies": "O(2)xO(1)",
    "part-energies": "SO(2)",
}


def make(variant, preset="tiny", **changes):
    name = "part" if variant.startswith("part") else "pfn"
    return taggers.create(name, preset, seed=1, **VARIANTS[variant], **changes)


def particles(pt, y, phi, mass=0.0):
    """Momenta (E, px, py, pz) from detector coordinates."""
    pt, y, phi = (np.asarray(x, float) for x in (pt, y, phi))
    transverse = np.hypot(pt, mass)
    return np.stack([transverse * np.cosh(y), pt * np.cos(phi), pt * np.sin(phi), transverse * np.sinh(y)], -1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_keep_the_contract(variant):
    measured = check_tagger(make(variant))
    assert measured["check_symmetry"]["fixed"] < 1e-9


@pytest.mark.parametrize("variant", ["pfn", "efn", "part"])
def test_several_classes_and_scalars_keep_the_contract(variant):
    jets = toy_jets(16, seed=2)
    scalars = torch.rand((len(jets.p4), 2), generator=torch.Generator().manual_seed(0), dtype=F64)
    jets = JetBatch.from_arrays(jets.p4, jets.counts, scalars=scalars)
    tagger = make(variant, classes=3, scalars=2)
    assert tagger(jets).shape == (16, 3)
    check_tagger(tagger, jets)
    jets.scalars = torch.zeros_like(scalars)
    assert not torch.allclose(tagger(jets), make(variant, classes=3, scalars=2)(jets.with_momenta(jets.p4.flip(0))))
    with pytest.raises(ConfigError, match="reads 2 scalars of each particle, the jets carry none"):
        tagger(toy_jets(2))


def test_coordinates_are_those_that_went_in():
    pt, y, phi = [300.0, 120.0, 40.0], [0.4, 0.7, -0.1], [3.1, -3.0, 2.8]
    p4 = particles(pt, y, phi, mass=[0.0, 0.14, 1.0])
    frame = DetectorFeatures()(JetBatch.from_arrays(p4, [3]), F64)
    energy, px, py, pz = p4.sum(0)
    axis = np.array([0.5 * math.log((energy + pz) / (energy - pz)), math.atan2(py, px)])
    expected = np.stack([y, phi], -1) - axis
    expected[:, 1] = (expected[:, 1] + math.pi) % (2 * math.pi) - math.pi
    np.testing.assert_allclose(frame.offset[0].numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(frame.log_pt[0].exp().numpy(), pt, rtol=1e-12)
    np.testing.assert_allclose(frame.fraction[0].numpy(), np.array(pt) / sum(pt), rtol=1e-12)


def test_pair_features_follow_their_definitions():
    pt, y, phi = np.array([100.0, 20.0, 5.0]), np.array([1.0, 1.2, 0.7]), np.array([3.1, -3.0, 2.9])
    p4 = particles(pt, y, phi)
    measured = pair_features(DetectorFeatures()(JetBatch.from_arrays(p4, [3]), F64))[:, 0].numpy()
    for a, b in ((0, 1), (0, 2), (2, 1)):
        turn = (phi[a] - phi[b] + math.pi) % (2 * math.pi) - math.pi
        distance = math.hypot(y[a] - y[b], turn)
        energy, *space = p4[a] + p4[b]
        values = [distance, min(pt[a], pt[b]) * distance, min(pt[a], pt[b]) / (pt[a] + pt[b]), energy**2 - np.dot(space, space)]
        scaled = (np.log(values) - [-1.0, -0.6, -1.9, 0.5]) / [0.9, 1.1, 1.0, 2.2]
        np.testing.assert_allclose(measured[:, a, b], scaled, atol=1e-6)
        np.testing.assert_allclose(measured[:, b, a], measured[:, a, b], atol=1e-12)


def test_coordinates_keep_their_digits_under_strong_boosts_along_the_beam():
    jets = toy_jets(8, seed=3)
    features = DetectorFeatures()
    still, moved = (features(batch, F64) for batch in (jets, jets.transformed(LorentzTransform.boost([0, 0, 5.0]).matrix)))
    assert (still.features - moved.features).abs().max() < 1e-9
    assert (pair_features(still) - pair_features(moved)).abs().max() < 1e-7


@pytest.mark.parametrize(("variant", "group"), SYMMETRIES.items())
def test_symmetry_follows_from_the_features(variant, group):
    assert make(variant).symmetry == Subgroup.of(group)


def test_aligned_jets_look_alike_however_their_image_is_turned_and_reflected():
    pt, image = np.array([300.0, 150.0, 40.0, 10.0]), np.array([[0.05, 0.02], [-0.2, 0.1], [0.3, 0.2], [-0.1, -0.4]])
    image -= pt @ image / pt.sum()
    found = []
    for angle, mirror in ((0.0, 1), (1.1, 1), (2.9, -1)):
        turn = np.array([[math.cos(angle), math.sin(angle)], [-mirror * math.sin(angle), mirror * math.cos(angle)]])
        y, phi = (1e-3 * image @ turn).T  # so small that the plane of rapidity and azimuth is flat
        features = DetectorFeatures()(JetBatch.from_arrays(particles(pt, y, phi), [4]), F64).features[0, :, :2]
        found.append(0.27e3 * features.numpy())
        z = pt / pt.sum()
        assert (z @ found[-1] ** 3 > 0).all()
        np.testing.assert_allclose(np.einsum("i,i,i->", z, *found[-1].T), 0, atol=1e-6)
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)
    np.testing.assert_allclose(found[2], found[0], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found[0], axis=1), np.linalg.norm(image, axis=1), atol=1e-3)


def test_only_the_energy_flow_network_is_infrared_safe():
    assert make("efn").infrared_safe
    assert check_infrared(make("efn"))["soft"] < 1e-6
    for tagger in (make("pfn"), make("part"), make("efn", scalars=1)):
        assert not tagger.infrared_safe
    pfn = make("pfn")
    pfn.infrared_safe = True
    with pytest.raises(AssertionError, match="soft particle"):
        check_infrared(pfn)


@pytest.mark.parametrize(
    ("name", "preset", "low", "high"),
    [
        *[(name, preset, *bounds) for name in ("pfn", "part") for preset, bounds in
          {"tiny": (3_000, 5_000), "small": (40_000, 50_000), "default": (200_000, 300_000)}.items()],
        ("pfn", "published", 82_000, 83_000),
        ("pfn", "efn", 82_000, 83_000),
    ],
)  # fmt: skip
def test_sizes_of_the_presets(name, preset, low, high):
    assert low <= taggers.create(name, preset).n_parameters <= high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "pfn", "phi": []}, "phi not empty"),
        ({"name": "pfn", "f": [0]}, "widths of at least 1"),
        ({"name": "pfn", "energy_weighted": True, "energies": True}, "exclude each other"),
        ({"name": "pfn", "dropout": 1}, "below 1"),
        ({"name": "pfn", "classes": 1}, "at least 2"),
        ({"name": "part", "width": 30}, "width must be a multiple of heads, got 30 and 4"),
        ({"name": "part", "blocks": 0}, "blocks must be at least 1"),
        ({"name": "part", "scalars": -1}, "scalars must be at least 0"),
        ({"name": "part", "dropout": -0.1}, "dropout must be at least 0"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        taggers.create(**arguments)
