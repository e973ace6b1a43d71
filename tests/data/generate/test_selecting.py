"""Clustering, the window, matching, and the columns that are stored."""

import numpy as np
import pytest

from lorentznet.data.generate.events import Resonances
from lorentznet.data.generate.particles import Objects
from lorentznet.data.generate.selecting import Jets, kept_jets, matched, rounded


def momentum(pt, eta, phi):
    pt, eta, phi = (np.asarray(v, dtype=float) for v in (pt, eta, phi))
    return pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)


def objects(event, pt, eta, phi):
    """Massless objects."""
    px, py, pz = momentum(pt, eta, phi)
    n = len(px)
    return Objects(np.asarray(event), px, py, pz, np.sqrt(px**2 + py**2 + pz**2), np.zeros(n, dtype=int), np.full(n, 2))


def resonances(event, eta, phi, parton_owner, parton_eta, parton_phi):
    """Resonances of 600 GeV with partons of 200 GeV."""
    px, py, pz = momentum(np.full(len(event), 600.0), eta, phi)
    partons = momentum(np.full(len(parton_owner), 200.0), parton_eta, parton_phi)
    energy = np.sqrt(px**2 + py**2 + pz**2 + 173.0**2)
    w = 0.5 * np.stack([px, py, pz, energy], -1)
    return Resonances(np.asarray(event), px, py, pz, energy, np.asarray(parton_owner), *partons, w)


class TestRounding:
    def test_to_the_nearest(self):
        values = np.random.default_rng(1).normal(0, 100, 10_000)
        found = rounded(values, 12)
        assert found.dtype == np.float32
        assert np.max(np.abs(found / values - 1)) <= 2**-13 * (1 + 1e-6)
        assert not (found.view(np.uint32) & 0x7FF).any()
        assert rounded(np.array([2.0 - 2**-20, -1.0, 0.0]), 12).tolist() == [2.0, -1.0, 0.0]

    def test_float32_without(self):
        assert rounded(np.array([0.1]), None) == np.float32(0.1)


class TestMatching:
    def test_all_partons_in_the_jet(self):
        """Jets on the axis (0, 0) of events 0 to 3: matched; one parton away; the resonance away; no resonance."""
        found = matched(
            resonances([0, 1, 2], [0.1, 0.1, 0.9], [0, 0, 0], [0, 0, 1, 1, 2, 2], [0.3, -0.7, 0.3, 0.81, 0.3, 0.2], np.zeros(6)),
            event=np.arange(4), eta=np.zeros(4), phi=np.zeros(4), events=4,
        )  # fmt: skip
        assert found.tolist() == [0, -1, -1, -1]

    def test_either_of_two(self):
        """The two tops of an event are back to back; the jet may contain the second."""
        two = resonances([5, 5], [0, 0.2], [0, np.pi - 0.01], [0, 1, 1], [0, 0.1, 0.3], [0, -np.pi + 0.1, np.pi - 0.1])
        assert matched(two, np.array([5]), np.array([0.2]), np.array([-np.pi + 0.01]), 7).tolist() == [1]

    def test_no_jets(self):
        nobody = matched(resonances([0], [0], [0], [0], [0], [0]), np.zeros(0, dtype=int), np.zeros(0), np.zeros(0), 1)
        assert len(nobody) == 0


class TestKeptJets:
    pytestmark = pytest.mark.filterwarnings("error")

    @pytest.fixture(autouse=True)
    def _needs_fastjet(self):
        pytest.importorskip("fastjet")

    def test_window(self):
        """One jet an event: good; too soft; too hard; too far forward; a harder jet beside one in the window; nothing at all."""
        event = [0, 0, 1, 2, 3, 4, 4]
        pt, eta, phi = [400, 200, 500, 700, 600, 600, 700], [0, 0.1, 0, 0, 2.3, 0, 0], [0, 0.1, 0, 0, 0, 0, 3]
        kept = kept_jets(objects(event, pt, eta, phi), None, np.arange(6.0), None, massless=True)
        assert kept.counts.tolist() == [2]
        assert kept.pt_hat.tolist() == [0.0]
        assert not kept.truth.any()
        px, py, _, _ = kept.momenta()
        assert np.hypot(px, py) == pytest.approx(np.hypot(400 + 200 * np.cos(0.1), 200 * np.sin(0.1)))

    def test_falling_pt(self):
        rng = np.random.default_rng(2)
        n = 30
        pt = rng.exponential(1, n)
        kept = kept_jets(
            objects(np.zeros(n, int), pt / pt.sum() * 600, rng.normal(0, 0.1, n), rng.normal(0, 0.1, n)),
            None,
            np.ones(1),
            12,
            True,
        )
        assert kept.counts.tolist() == [n]
        assert (np.diff(np.hypot(kept.px, kept.py)) <= 0).all()

    def test_matched_truth_is_kept(self):
        jets = objects([0, 1], [600, 600], [0.1, 0.1], [0, 0])
        only_first = resonances([0, 1], [0.1, 0.1], [0.1, 2.0], [0, 0, 1], [0.2, 0, 0.1], [0, 0.3, 2.0])
        kept = kept_jets(jets, only_first, np.array([510.0, 520.0]), None, massless=True)
        assert kept.pt_hat.tolist() == [510.0]
        assert np.hypot(*kept.truth[0, :2]) == pytest.approx(600, rel=1e-6)
        assert kept.truth[0, 3] ** 2 - (kept.truth[0, :3] ** 2).sum() == pytest.approx(173.0**2, rel=1e-3)
        assert np.hypot(*kept.w[0, :2]) == pytest.approx(300, rel=1e-6)

    def test_at_most_200_particles(self):
        rng = np.random.default_rng(3)
        kept = kept_jets(
            objects(np.zeros(250, int), np.full(250, 2.9), rng.normal(0, 0.02, 250), rng.normal(0, 0.02, 250)),
            None,
            np.ones(1),
            None,
            True,
        )
        assert kept.counts.tolist() == [200]


def test_jets_are_reordered_with_their_particles():
    counts = np.array([2, 1, 3])
    values = np.arange(6, dtype=np.float32)
    jets = Jets(
        counts,
        values,
        values,
        values,
        values,
        values.astype(np.int8),
        values.astype(np.int8),
        np.eye(3, 4, dtype=np.float32),
        np.eye(3, 4, k=1, dtype=np.float32),
        values[:3],
    )
    turned = jets[np.array([2, 0])]
    assert turned.counts.tolist() == [3, 2]
    assert turned.px.tolist() == [3, 4, 5, 0, 1]
    assert turned.truth[:, 2].tolist() == [1, 0]
    assert turned.w[:, 3].tolist() == [1, 0]
    assert Jets.joined([jets[2:], jets[:1]]).px.tolist() == turned.px.tolist()
