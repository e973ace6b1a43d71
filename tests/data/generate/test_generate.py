"""From Pythia to the file: a few jets each, with the real generators."""

import multiprocessing
import os
import signal

import awkward as ak
import numpy as np
import pytest
import uproot

import lorentznet as ln
from lorentznet.data.card import DatasetCard
from lorentznet.data.generate import PROCESS_NAMES, generate, workers
from lorentznet.data.generate.chunk import Settings, make, seeds
from lorentznet.data.generate.events import Source
from lorentznet.data.generate.particles import azimuth_difference
from lorentznet.data.generate.processes import PROCESSES
from lorentznet.errors import LorentznetError

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

JETS = 60


def branches(path):
    with uproot.open(path) as file:
        return file["tree"].arrays()


def same(a, b):
    """Whether two sets of jets are equal bit by bit."""
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file of top and QCD jets, with the progress that was reported."""
    reported = []
    path = generate(
        ["top", "qcd"], JETS, tmp_path_factory.mktemp("made") / "jets.root", seed=5, workers=1, progress=reported.append
    )
    return path, reported


class TestFile:
    def test_branches(self, made):
        with uproot.open(made[0]) as file:
            tree = file["tree"]
            assert tree.classname == "TTree"
            assert tree.num_entries == JETS
            types = tree.typenames()
        momenta = {f"part_{name}": "float[]" for name in ("px", "py", "pz", "energy", "deta", "dphi")}
        flags = {f"part_is{kind}": "bool[]" for kind in ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")}
        jet = {f"jet_{name}": "float" for name in ("pt", "eta", "phi", "energy", "nparticles")}
        stems = ("aux_genpart", "aux_genpart_w")
        truth = {f"{stem}_{name}": "float" for stem in stems for name in ("px", "py", "pz", "energy")} | {"aux_pthat": "float"}
        labels = {"label_QCD": "int8_t", "label_Tbqq": "int8_t"}
        assert types == {"npart": "int32_t", "part_charge": "int8_t[]"} | momenta | flags | jet | truth | labels

    def test_classes_are_even_and_mixed(self, made):
        label = ak.to_numpy(branches(made[0]).label_Tbqq)
        assert label.sum() == JETS // 2
        assert 0.2 < label[: JETS // 2].mean() < 0.8
        assert (label + ak.to_numpy(branches(made[0]).label_QCD) == 1).all()

    def test_jets_are_in_the_window(self, made):
        jets = branches(made[0])
        assert ak.all((jets.jet_pt >= 550) & (jets.jet_pt <= 650) & (abs(jets.jet_eta) < 2))
        assert ak.all(jets.jet_nparticles == ak.num(jets.part_px))

    def test_jets_are_the_sums_of_their_particles(self, made):
        jets = branches(made[0])
        px, py, pz, energy = (
            ak.to_numpy(ak.sum(ak.values_astype(jets[f"part_{c}"], float), axis=1)) for c in ("px", "py", "pz", "energy")
        )
        np.testing.assert_allclose(jets.jet_pt, np.hypot(px, py), rtol=1e-6)
        np.testing.assert_allclose(jets.jet_eta, np.arcsinh(pz / np.hypot(px, py)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(jets.jet_energy, energy, rtol=1e-6)

    def test_particles(self, made):
        jets = branches(made[0])
        px, py, pz, energy = (ak.to_numpy(ak.flatten(jets[f"part_{c}"])) for c in ("px", "py", "pz", "energy"))
        exact = np.sqrt(px.astype(float) ** 2 + py.astype(float) ** 2 + pz.astype(float) ** 2)
        assert np.array_equal(energy, exact.astype(np.float32))
        pt = ak.unflatten(np.hypot(px, py), ak.num(jets.part_px))
        assert ak.all(pt[:, 1:] <= pt[:, :-1])
        flags = sum(ak.values_astype(jets[name], int) for name in jets.fields if name.startswith("part_is"))
        assert ak.all(flags == 1)
        neutral = jets.part_isPhoton | jets.part_isNeutralHadron
        assert ak.all((jets.part_charge == 0) == neutral)

    def test_angles(self, made):
        jets = branches(made[0])
        eta = np.arcsinh(jets.part_pz / np.hypot(jets.part_px, jets.part_py))
        assert ak.all(abs(jets.part_deta - (eta - jets.jet_eta) * np.sign(jets.jet_eta)) < 1e-5)
        assert ak.all(abs(jets.part_dphi) < 1.2)
        mean = ak.sum(jets.part_dphi * jets.part_energy, axis=1) / ak.sum(jets.part_energy, axis=1)
        assert ak.all(abs(mean) < 0.1)

    def test_truth(self, made):
        jets = branches(made[0])
        top = jets[jets.label_Tbqq == 1]
        px, py, pz, energy = (ak.to_numpy(top[f"aux_genpart_{c}"]).astype(float) for c in ("px", "py", "pz", "energy"))
        mass = np.sqrt(energy**2 - px**2 - py**2 - pz**2)
        assert np.median(mass) == pytest.approx(173, abs=1.5)
        assert ((mass > 100) & (mass < 260)).all()
        away = np.hypot(
            np.arcsinh(pz / np.hypot(px, py)) - top.jet_eta, azimuth_difference(np.arctan2(py, px), ak.to_numpy(top.jet_phi))
        )
        assert ak.all(away < 0.8)
        assert not ak.any(jets[jets.label_QCD == 1].aux_genpart_energy)
        assert ak.all(jets.aux_pthat > 500)

    def test_truth_of_the_w(self, made):
        """The W of each top quark: of its mass, and what is left of the top is a b quark, which is light."""
        jets = branches(made[0])
        top = jets[jets.label_Tbqq == 1]
        momenta = [
            np.stack([ak.to_numpy(top[f"{stem}_{c}"]).astype(float) for c in ("energy", "px", "py", "pz")])
            for stem in ("aux_genpart", "aux_genpart_w")
        ]
        mass, rest = (np.sqrt(np.maximum(p[0] ** 2 - (p[1:] ** 2).sum(0), 0)) for p in (momenta[1], momenta[0] - momenta[1]))
        assert np.median(mass) == pytest.approx(80.4, abs=2)
        assert np.median(rest) < 30
        assert not ak.any(jets[jets.label_QCD == 1].aux_genpart_w_energy)

    def test_card(self, made):
        card = DatasetCard.from_file(made[0].with_suffix(".yaml"))
        assert {"aux_genpart_energy", "aux_genpart_w_px"} <= set(card.observers)
        assert card.class_names == ("qcd", "top")
        assert card.splits == {"train": (0, 42), "val": (42, 48), "test": (48, 60)}
        for words in ("seed 5", "Pythia 8.", "FastJet", "above 500 GeV", "interactions off", f"lorentznet {ln.__version__}"):
            assert words in card.description

    def test_readable(self, made):
        table = ln.data.read(f"{made[0]}#test")
        assert len(table) == 12
        assert table.classes == ("qcd", "top")
        assert set(table.labels.tolist()) == {0, 1}

    def test_progress(self, made):
        assert sum(made[1]) == JETS

    def test_nothing_else_is_left(self, made):
        assert sorted(path.name for path in made[0].parent.iterdir()) == ["jets.root", "jets.yaml"]


class TestSameJets:
    @pytest.mark.slow
    def test_for_any_number_of_workers(self, made, tmp_path):
        again = generate(["qcd", "top"], JETS, tmp_path / "jets.root", seed=5, workers=2)
        one, two = branches(made[0]), branches(again)
        assert one.fields == two.fields
        assert all(ak.array_equal(one[name], two[name]) for name in one.fields)
        assert DatasetCard.from_file(again.with_suffix(".yaml")) == DatasetCard.from_file(made[0].with_suffix(".yaml"))

    @pytest.mark.slow
    def test_over_many_small_chunks(self):
        """Chunks that are finished out of order, some of them cut off."""
        settings = Settings(seed=2, batches=1)
        here = workers.run({"qcd": 70, "top": 40}, settings, 1, lambda number: None)
        spread = workers.run({"qcd": 70, "top": 40}, settings, 2, lambda number: None)
        assert {name: len(jets) for name, jets in here.items()} == {"qcd": 70, "top": 40}
        assert all(same(here[name], spread[name]) for name in here)

    def test_fewer_jets_are_the_first_of_more(self):
        settings = Settings(seed=3, batches=2)
        few, more = make("qcd", 0, settings, 5), make("qcd", 0, settings, 50)
        assert len(few) == 5
        assert len(more) > 40
        assert same(few, more[:5])

    def test_other_seeds_and_chunks_give_other_jets(self):
        first = make("qcd", 0, Settings(seed=3), 2)
        assert not np.array_equal(first.px, make("qcd", 0, Settings(seed=4), 2).px)
        assert not np.array_equal(first.px, make("qcd", 1, Settings(seed=3), 2).px)

    def test_seeds(self):
        numbers = [seeds(7, process, chunk)[0] for process in PROCESS_NAMES for chunk in range(500)]
        assert len(set(numbers)) == len(numbers)
        assert min(numbers) >= 1
        assert max(numbers) <= 900_000_000
        draws = [seeds(seed, process, chunk)[1].random() for seed in (0, 1) for process in ("top", "qcd") for chunk in (0, 1)]
        assert len(set(draws)) == 8


class TestPhysics:
    def test_top_events(self):
        """Two tops an event that decay to three quarks each; stable visible particles balance in the transverse plane."""
        events = Source(PROCESSES["top"], seed=1).batch(20)
        resonances = events.resonances
        assert np.bincount(resonances.event).tolist() == [2] * 20
        assert np.bincount(resonances.parton_owner).tolist() == [3] * 40
        p = events.particles
        assert not np.isin(np.abs(p.pdg), (12, 14, 16, 6, 24)).any()
        assert set(np.abs(p.charge).tolist()) == {0, 1}
        assert np.array_equal(np.sign(p.charge[np.abs(p.pdg) == 211]), np.sign(p.pdg[np.abs(p.pdg) == 211]))
        balance = np.hypot(np.bincount(p.event, p.px), np.bincount(p.event, p.py))
        assert np.median(balance) < 50
        assert (events.pt_hat > 500).all()

    @pytest.mark.parametrize(("process", "mass"), [("hbb", 125), ("hcc", 125), ("hgg", 125), ("wqq", 80.4), ("zqq", 91.2)])
    def test_two_prong_decays(self, process, mass):
        jets = make(process, 0, Settings(seed=1, batches=1), 4)
        assert len(jets) == 4
        px, py, pz, energy = jets.truth.astype(float).T
        assert np.median(np.sqrt(energy**2 - px**2 - py**2 - pz**2)) == pytest.approx(mass, abs=4)

    def test_truth_level(self):
        """All stable particles: more of them, with masses."""
        true, seen = (make("top", 0, Settings(seed=1, level=level, batches=1), 20) for level in ("truth", "detector"))
        assert true.counts.mean() > 1.2 * seen.counts.mean()
        momentum = np.sqrt(sum(c.astype(float) ** 2 for c in (true.px, true.py, true.pz)))
        masses = np.sqrt(np.maximum(true.energy.astype(float) ** 2 - momentum**2, 0))
        soft = (true.kind == 0) & (momentum < 5)
        assert np.median(masses[soft]) == pytest.approx(0.1396, abs=0.002)
        assert same(true, make("top", 0, Settings(seed=1, level="truth", batches=1), 20))

    def test_fine_towers_give_more_particles(self):
        coarse, fine = (make("qcd", 0, Settings(seed=1, level=level, batches=1), 30) for level in ("detector", "detector-fine"))
        assert (fine.kind == 2).sum() / len(fine) > 1.3 * (coarse.kind == 2).sum() / len(coarse)

    @pytest.mark.slow
    def test_multiparton_interactions_give_more_particles(self):
        off, on = (make("qcd", 0, Settings(seed=1, mpi=mpi, batches=1), 25) for mpi in (False, True))
        assert on.counts.mean() > off.counts.mean()


def test_compact_files(tmp_path):
    path = generate(["qcd"], 30, tmp_path / "small.root", seed=1, workers=1, compact=True)
    jets = branches(path)
    assert "part_deta" not in jets.fields
    px, py, pz, energy = (ak.to_numpy(ak.flatten(jets[f"part_{c}"])) for c in ("px", "py", "pz", "energy"))
    assert not (px.view(np.uint32) & 0x7FF).any()
    assert np.array_equal(
        energy, np.sqrt(px.astype(float) ** 2 + py.astype(float) ** 2 + pz.astype(float) ** 2).astype(np.float32)
    )
    card = DatasetCard.from_file(path.with_suffix(".yaml"))
    assert card.classes == {}
    assert "--compact" in card.description
    assert len(ln.data.read(path)) == 30


def test_nothing_is_printed(capfd, tmp_path):
    generate(["top", "qcd"], 2, tmp_path / "jets.root", seed=1, workers=1)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


class TestInterruption:
    @pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.slow)])
    def test_ctrl_c_leaves_nothing(self, number, tmp_path):
        def interrupt(new):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            generate(["top", "qcd"], 20, tmp_path / "jets.root", seed=1, workers=number, progress=interrupt)
        assert list(tmp_path.iterdir()) == []
        assert multiprocessing.active_children() == []

    @pytest.mark.slow
    def test_a_killed_worker_is_noticed(self):
        def kill(new):
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)

        with pytest.raises(LorentznetError, match=r"worker .* code -9.*--workers"):
            workers.run({"qcd": 5000, "top": 5000}, Settings(seed=1, batches=1), 2, kill)
        assert multiprocessing.active_children() == []

    @pytest.mark.slow
    def test_a_failing_worker_says_why(self):
        with pytest.raises(RuntimeError, match="KeyError: 'nonsense'"):
            workers.run({"nonsense": 5000}, Settings(seed=1), 2, lambda number: None)
