"""The fast detector, step by step; nothing here needs the generator packages."""

import numpy as np
import pytest

from lorentznet.data.generate import calorimeter, helix, tracker
from lorentznet.data.generate.detector import observe
from lorentznet.data.generate.particles import CHARGED_HADRON, MUON, NEUTRAL_HADRON, PHOTON, Particles

PION, KLONG, GAMMA, MU, E, NEUTRON, KSHORT = 211, 130, 22, 13, 11, 2112, 310


def particles(n, pt=50.0, eta=0.0, phi=0.0, pdg=PION, charge=1, vertex=(0.0, 0.0, 0.0), event=None, mass=0.0):
    """Particles with the same or with given properties."""
    pt, eta, phi, pdg, charge, x, y, z = (np.broadcast_to(v, n).copy() for v in (pt, eta, phi, pdg, charge, *vertex))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    event = np.zeros(n, dtype=np.int64) if event is None else event
    return Particles(event, pdg, charge, px, py, pz, energy, *(v.astype(float) for v in (x, y, z)))


def perfect(threshold=0.0, constant=0.0, stochastic=0.0, noise=0.0, kind=NEUTRAL_HADRON):
    """A calorimeter layer of one resolution everywhere."""
    return calorimeter.Layer(threshold, (), (constant,), (stochastic,), (noise,), kind)


def hits(energy, track=0.0, spread=0.0, cell=100, event=0):
    """Hits in one layer."""
    energy = np.atleast_1d(np.asarray(energy, dtype=float))
    n = len(energy)
    track, spread = (np.broadcast_to(np.asarray(v, dtype=float), n)[:, None] for v in (track, spread))
    event, cell = (np.broadcast_to(np.asarray(v, dtype=np.int64), n) for v in (event, cell))
    return calorimeter.Hits(event, cell, energy[:, None], track, spread)


class TestHelix:
    def test_neutral_particles_fly_straight(self):
        rng = np.random.default_rng(1)
        p = particles(100, eta=rng.uniform(-3, 3, 100), phi=rng.uniform(-3, 3, 100), charge=0, pdg=GAMMA)
        eta, phi, reached = helix.to_calorimeter(p)
        assert reached.all()
        np.testing.assert_allclose(eta, p.eta, atol=1e-12)
        np.testing.assert_allclose(phi, np.arctan2(p.py, p.px), atol=1e-12)

    def test_deflection_of_a_track_from_the_origin(self):
        """sin(delta phi) = R / (2 r) with r = pT / (0.2998 B)."""
        pt = np.array([0.5, 1.0, 10.0, 5e4])
        _, phi, _ = helix.to_calorimeter(particles(4, pt=pt, charge=1))
        np.testing.assert_allclose(np.sin(-phi), helix.RADIUS * 0.299792458 * helix.FIELD / (2 * pt), rtol=1e-10)

    def test_high_pt_is_a_straight_line(self):
        charged = helix.to_calorimeter(particles(1, pt=1e6, eta=0.7, phi=0.3, vertex=(0.1, -0.2, 0.5)))
        neutral = helix.to_calorimeter(particles(1, pt=1e6, eta=0.7, phi=0.3, vertex=(0.1, -0.2, 0.5), charge=0))
        np.testing.assert_allclose(charged[0], neutral[0], atol=1e-6)
        np.testing.assert_allclose(charged[1], neutral[1], atol=1e-6)

    def test_reversed_charge_is_the_mirror_image(self):
        rng = np.random.default_rng(2)
        n = 500
        pt, eta, phi = rng.exponential(1.0, n) + 0.1, rng.uniform(-2.5, 2.5, n), rng.uniform(-3, 3, n)
        x, y, z = rng.uniform(-0.7, 0.7, (3, n))
        one = helix.to_calorimeter(particles(n, pt, eta, phi, charge=1, vertex=(x, y, z)))
        mirrored = helix.to_calorimeter(particles(n, pt, eta, -phi, charge=-1, vertex=(x, -y, z)))
        np.testing.assert_allclose(one[0], mirrored[0], atol=1e-9)
        np.testing.assert_allclose(np.cos(one[1] + mirrored[1]), 1.0, atol=1e-9)

    def test_against_small_steps(self):
        """Follow dp/ds = k (p x e_z) in small steps until the wall or the end plate: the slow and obvious way."""
        rng = np.random.default_rng(3)
        n = 100
        pt, phi0 = rng.exponential(0.8, n) + 0.1, rng.uniform(-3, 3, n)
        eta = rng.uniform(0.4, 2.5, n) * rng.choice([-1, 1], n)
        charge = rng.choice([-1, 1], n)
        radius, angle = 1.0 * np.sqrt(rng.random(n)), rng.uniform(-3, 3, n)
        x, y, z = radius * np.cos(angle), radius * np.sin(angle), rng.uniform(-3, 3, n)
        eta_found, phi_found, reached = helix.to_calorimeter(particles(n, pt, eta, phi0, charge=charge, vertex=(x, y, z)))
        assert reached.all()
        step = 1e-3
        turn = -0.299792458 * helix.FIELD * charge / pt * step
        direction, flying = phi0.copy(), np.ones(n, dtype=bool)
        while flying.any():
            middle = direction + turn / 2
            x = np.where(flying, x + step * np.cos(middle), x)
            y = np.where(flying, y + step * np.sin(middle), y)
            z = np.where(flying, z + step * np.sinh(eta), z)
            direction += turn
            flying &= (np.hypot(x, y) < helix.RADIUS) & (np.abs(z) < helix.HALF_LENGTH)
        np.testing.assert_allclose(eta_found, np.arcsinh(z / np.hypot(x, y)), atol=0.01)
        np.testing.assert_allclose(np.cos(phi_found - np.arctan2(y, x)), 1.0, atol=1e-4)

    def test_soft_tracks_curl_to_the_end_plate(self):
        eta, phi, _ = helix.to_calorimeter(particles(1, pt=0.2, eta=0.5))
        circle = 2 * 0.2 / (0.299792458 * helix.FIELD)
        assert helix.HALF_LENGTH / np.sinh(eta[0]) < min(circle, helix.RADIUS)
        assert np.isfinite(phi).all()

    def test_outside_the_tracker(self):
        _, _, reached = helix.to_calorimeter(particles(3, vertex=([1.2, 0.0, 0.5], 0.0, [0.0, 3.6, 0.0])))
        assert reached.tolist() == [False, False, True]


class TestTracker:
    @pytest.mark.parametrize(
        ("pdg", "pt", "eta", "expected"),
        [(PION, 0.5, 1.0, 0.70), (PION, 5, -1.0, 0.95), (PION, 0.5, 2.0, 0.60), (PION, 500, 2.0, 0.85),
         (PION, 0.09, 0.0, 0.0), (PION, 5, 2.6, 0.0), (E, 0.5, 0.0, 0.73), (E, 50, 0.0, 0.95), (E, 150, 0.0, 0.99),
         (E, 0.5, 2.0, 0.50), (E, 50, 2.0, 0.83), (E, 150, -2.0, 0.90), (MU, 0.5, 0.0, 0.75), (MU, 50, 0.0, 0.99),
         (MU, 0.5, 2.0, 0.70), (MU, 150, 2.0, 0.98)],
    )  # fmt: skip
    def test_efficiency(self, pdg, pt, eta, expected):
        assert tracker.efficiency(particles(1, pt=pt, eta=eta, pdg=pdg)) == expected
        assert tracker.efficiency(particles(1, pt=pt, eta=eta, pdg=-pdg, charge=-1)) == expected
        assert tracker.efficiency(particles(1, pt=pt, eta=eta, pdg=KLONG, charge=0)) == 0

    @pytest.mark.parametrize(("eta", "a", "b"), [(0.2, 0.06, 1.3e-3), (-1.0, 0.10, 1.7e-3), (2.0, 0.25, 3.1e-3)])
    def test_measured_tracks(self, eta, a, b):
        n = 40_000
        p = particles(n, pt=50.0, eta=eta)
        found, scale = tracker.measure(p, np.ones(n, dtype=bool), np.random.default_rng(4))
        probability = tracker.efficiency(p)[0]
        assert abs(found.mean() - probability) < 4 * np.sqrt(probability * (1 - probability) / n)
        relative = np.hypot(a, b * 50)
        assert abs(scale.mean() - 1) < 4 * relative / np.sqrt(n)
        assert scale.std() == pytest.approx(relative, rel=0.05)

    def test_no_track_from_outside(self):
        found, _ = tracker.measure(particles(100), np.zeros(100, dtype=bool), np.random.default_rng(5))
        assert not found.any()

    def test_exact_when_there_is_no_spread(self):
        energy = np.array([0.0, 1.0, 300.0])
        assert tracker.log_normal(energy, np.zeros(3), np.random.default_rng(6)).tolist() == energy.tolist()


class TestCalorimeter:
    @pytest.mark.parametrize("grid", [calorimeter.COARSE, calorimeter.FINE], ids=["coarse", "fine"])
    def test_cells_cover_every_direction_once(self, grid):
        cells = np.arange(grid.offsets[-1])
        rng = np.random.default_rng(7)
        eta, phi = grid.direction(cells, rng.random(len(cells)), rng.random(len(cells)))
        assert np.array_equal(grid.cell(eta, phi), cells)
        assert grid.cell(np.array([-5.0, 5.0]), np.zeros(2)).tolist() == [-1, -1]
        assert np.all(np.abs(phi) <= np.pi)

    @pytest.mark.parametrize(
        ("grid", "size", "degrees"), [(calorimeter.COARSE, 0.1, 10), (calorimeter.FINE, 0.0174, 1)], ids=["coarse", "fine"]
    )
    def test_cell_size(self, grid, size, degrees):
        cell = grid.cell(np.array([0.01, -1.23, 2.31]), np.array([0.01, 1.0, -3.0]))
        low, high = (np.array(grid.direction(cell, np.full(3, u), np.full(3, u))) for u in (0.0, 1.0))
        np.testing.assert_allclose((high - low)[0], size, rtol=3e-3)
        np.testing.assert_allclose(np.degrees((high - low)[1]), degrees, rtol=1e-9)

    def test_who_leaves_energy_where(self):
        ecal, hcal = calorimeter.fractions(np.array([GAMMA, E, -E, PION, KLONG, NEUTRON, KSHORT, -3122, MU, 12]))
        assert ecal.tolist() == [1, 1, 1, 0, 0, 0, 0.3, 0.3, 0, 0]
        assert hcal.tolist() == [0, 0, 0, 1, 1, 1, 0.7, 0.7, 0, 0]

    def test_resolutions(self):
        energy, eta = np.full(3, 100.0), np.array([0.0, 2.0, -4.0])
        np.testing.assert_allclose(
            calorimeter.ECAL.deviation(energy, eta), [np.hypot(0.17, 1.01), np.hypot(0.17, 1.01), np.hypot(3.5, 2.85)]
        )
        expected = [np.sqrt(3.02**2 + 5.205**2 + 1.59**2), np.hypot(5.0, 7.06), np.hypot(9.42, 10.0)]
        np.testing.assert_allclose(calorimeter.HCAL.deviation(energy, eta), expected)

    def test_thresholds(self):
        eta = np.zeros(4)
        assert calorimeter.ECAL.cleaned(np.array([0.49, 0.51, 0.0, 9.0]), eta).tolist() == [0, 0.51, 0, 9]
        assert calorimeter.HCAL.cleaned(np.array([0.9, 1.5, 2.0, 9.0]), eta).tolist() == [
            0,
            0,
            2,
            9,
        ]  # 1.5 GeV is within the noise

    def test_energy_is_conserved(self):
        """With perfect calorimeters neutral energy is what came in, tower by tower and event by event."""
        rng = np.random.default_rng(8)
        n = 1000
        event, cell, energy = rng.integers(0, 5, n), rng.integers(0, 300, n), rng.exponential(5.0, n)
        objects, scale = calorimeter.energy_flow(hits(energy, cell=cell, event=event), calorimeter.COARSE, (perfect(),), rng)
        np.testing.assert_allclose(np.bincount(objects.event, objects.energy), np.bincount(event, energy))
        assert len(objects) == len(np.unique(event * 300 + cell))
        assert (scale == 1).all()
        found = calorimeter.COARSE.cell(np.arcsinh(objects.pz / objects.pt), np.arctan2(objects.py, objects.px))
        np.testing.assert_allclose(np.bincount(found, objects.energy, 300), np.bincount(cell, energy, 300))

    def test_measured_energy(self):
        n = 20_000
        objects, _ = calorimeter.energy_flow(
            hits(np.full(n, 100.0), event=np.arange(n)), calorimeter.COARSE, (calorimeter.HCAL,), np.random.default_rng(9)
        )
        deviation = np.sqrt(0.0302**2 * 1e4 + 0.5205**2 * 100 + 1.59**2)
        eta = calorimeter.COARSE.direction(np.array([100]), np.full(1, 0.5), np.full(1, 0.5))[0]
        if abs(eta[0]) > 3.2:
            deviation = np.sqrt(0.0942**2 * 1e4 + 100)
        assert objects.energy.mean() == pytest.approx(100, abs=4 * deviation / np.sqrt(n))
        assert objects.energy.std() == pytest.approx(deviation, rel=0.05)

    def test_a_good_track_is_taken_off(self):
        """Track 60 GeV and neutral 40 GeV in a tower with a poor calorimeter: the track stays, the rest is neutral."""
        layer = calorimeter.Layer(0.0, (), (0.1,), (0.0,), (0.0,), NEUTRAL_HADRON)
        n = 4000
        both = hits(np.tile([60.0, 40.0], n), np.tile([60.0, 0.0], n), np.tile([0.6, 0.0], n), event=np.repeat(np.arange(n), 2))
        objects, scale = calorimeter.energy_flow(both, calorimeter.COARSE, (layer,), np.random.default_rng(10))
        assert (scale == 1).all()
        assert objects.energy.sum() / n == pytest.approx(40, abs=4 * 10 / np.sqrt(n))

    def test_a_poor_track_is_replaced(self):
        """The tower's energy stands for a track that is measured worse; nothing is left to a neutral object."""
        both = hits([60.0, 40.0], [90.0, 0.0], [30.0, 0.0])
        objects, scale = calorimeter.energy_flow(both, calorimeter.COARSE, (perfect(),), np.random.default_rng(11))
        assert len(objects) == 0
        assert scale.tolist() == [pytest.approx(100 / 90), 1.0]

    def test_tracks_stay_where_the_tower_saw_nothing(self):
        objects, scale = calorimeter.energy_flow(
            hits(0.4, 0.5, 0.4), calorimeter.COARSE, (perfect(threshold=1.0),), np.random.default_rng(12)
        )
        assert len(objects) == 0
        assert scale.tolist() == [1.0]


class TestObserve:
    def test_truth_is_what_came_in(self):
        p = particles(3, pt=[5.0, 1.0, 2.0], pdg=[PION, GAMMA, MU], charge=[1, 0, 1], event=np.array([0, 1, 1]), mass=0.1)
        objects = observe(p, "truth", np.random.default_rng(1))
        assert objects.energy.tolist() == p.energy.tolist()
        assert objects.kind.tolist() == [CHARGED_HADRON, PHOTON, MUON]

    @pytest.mark.parametrize("level", ["detector", "detector-fine"])
    def test_objects(self, level):
        """Massless objects in order of the events; mean energy kept within the resolution."""
        rng = np.random.default_rng(13)
        n = 6000
        pdg = rng.choice([PION, -PION, GAMMA, KLONG], n)
        charge = np.where(np.abs(pdg) == PION, np.sign(pdg), 0)
        p = particles(n, 20.0, rng.uniform(-2, 2, n), rng.uniform(-3, 3, n), pdg, charge, event=np.arange(n) // 10)
        objects = observe(p, level, np.random.default_rng(14))
        np.testing.assert_allclose(objects.energy, np.sqrt(objects.px**2 + objects.py**2 + objects.pz**2))
        assert (np.diff(objects.event) >= 0).all()
        assert objects.energy.sum() / p.energy.sum() == pytest.approx(1.0, abs=0.02)
        assert (objects.charge[objects.kind == CHARGED_HADRON] != 0).all()
        assert (objects.charge[np.isin(objects.kind, (PHOTON, NEUTRAL_HADRON))] == 0).all()
        again = observe(p, level, np.random.default_rng(14))
        assert np.array_equal(objects.px, again.px)

    def test_muons_are_tracks_and_nothing_else(self):
        objects = observe(particles(1000, pdg=MU), "detector", np.random.default_rng(15))
        assert set(objects.kind.tolist()) == {MUON}
        assert 970 < len(objects) <= 1000

    def test_lost_tracks_are_neutral_energy(self):
        """Pions without a track (5 %) are seen by the calorimeter alone."""
        n = 4000
        objects = observe(particles(n, pt=30.0, event=np.arange(n)), "detector", np.random.default_rng(16))
        alone = np.bincount(objects.event, objects.kind == CHARGED_HADRON, n) == 0
        assert alone.mean() == pytest.approx(0.05, abs=0.015)
        assert (np.bincount(objects.event, minlength=n) > 0).mean() > 0.999

    def test_nothing_is_seen_of_what_is_made_outside(self):
        objects = observe(particles(100, vertex=(1.3, 0.0, 0.0)), "detector", np.random.default_rng(17))
        assert len(objects) == 0

    def test_fine_towers_separate_photons(self):
        p = particles(2, pt=20.0, eta=[0.02, 0.08], phi=[0.02, 0.12], pdg=GAMMA, charge=0)
        assert len(observe(p, "detector", np.random.default_rng(18))) == 1
        assert len(observe(p, "detector-fine", np.random.default_rng(18))) == 2
