import json

import awkward as ak
import numpy as np
import pytest
import torch
import yaml

import lorentznet as ln
from lorentznet.cli import main
from lorentznet.errors import CheckpointError, ConfigError, DataError
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.taggers import create, names
from lorentznet.train import checkpoint, prediction
from lorentznet.train.prediction import logits, predict


@pytest.fixture
def tagger(toy):
    made = create("toy", seed=1).eval()
    made.class_names = ("qcd", "top")
    return made


def one_by_one(tagger, table):
    """The logit of each jet alone: slow and obvious."""
    with torch.no_grad():
        return np.array(
            [
                float(tagger(ln.data.JetBatch.from_arrays(jet.momenta, jet.counts))[0, 0])
                for jet in (table[[k]] for k in range(len(table)))
            ]
        )


@pytest.mark.parametrize("chunk", [7, 10_000])
@pytest.mark.parametrize("batch_size", [1, 32, 512])
def test_every_jet_in_file_order(chunk, batch_size, tagger, jet_file, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK", chunk)
    table = ln.data.read(f"{jet_file}#test")
    steps = []
    result = predict(tagger, f"{jet_file}#test", batch_size=batch_size, progress=steps.append)
    assert sum(steps) == len(result) == 40
    assert result.ids.tolist() == list(range(400, 440))
    assert result.labels.tolist() == table.labels.tolist()
    assert result.weights.tolist() == [1.0] * 40
    assert result.classes == ("qcd", "top")
    assert result.logits.dtype == np.float64
    assert not result.logits[:, 0].any()
    np.testing.assert_allclose(result.logits[:, 1], one_by_one(tagger, table), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(result.observers["jet_pt"], table.observer("jet_pt"))
    assert list(result.observers) == ["jet_pt"]
    assert result.card.name == "toy"


@pytest.mark.parametrize("name", ["cg", "clifford", "part", "pfn"])
def test_one_by_one_no_bit_depends_on_other_jets(name, jet_file):
    made = create(name, "tiny" if name in ("cg", "clifford") else "small", seed=1).eval()
    made.class_names = ("qcd", "top")
    some, more = (predict(made, f"{jet_file}#{rows}", batch_size=1).logits for rows in ("7:11", "3:15"))
    assert np.array_equal(some, more[4:8])
    in_batches = predict(made, f"{jet_file}#3:15").logits
    np.testing.assert_allclose(in_batches, more, rtol=1e-4, atol=1e-5)


def test_selection_does_not_cut(tagger, toys, tmp_path):
    path = toys.write(tmp_path / "jets.root", card=toys.card(selection="jet_pt > 600"))
    assert len(predict(tagger, path)) == 400


def test_several_files(tagger, toys, tmp_path):
    for k in range(2):
        toys.write(tmp_path / f"jets{k}.root", toys.branches(20 + k, seed=k))
    result = predict(tagger, [f"{tmp_path}/jets*.root", f"{tmp_path}/jets0.root#3:5"])
    assert result.ids.tolist() == [*range(20), *range(21), 3, 4]
    assert result.observers["file"].tolist() == [0] * 20 + [1] * 21 + [2] * 2
    assert result.files == (f"{tmp_path}/jets0.root", f"{tmp_path}/jets1.root", f"{tmp_path}/jets0.root#3:5")
    np.testing.assert_allclose(result.logits[-2:], result.logits[3:5], atol=1e-6)


def test_an_observer_named_as_the_column_of_files_is_not_written_over(tagger, toys, tmp_path):
    branches = toys.branches(20)
    branches["file"] = np.full(20, 77)
    paths = [toys.write(tmp_path / f"jets{k}.root", branches, card=toys.card(observers=["file"])) for k in range(2)]
    assert set(predict(tagger, paths[0]).observers["file"]) == {77}
    with pytest.raises(DataError, match=r"jets0.root: the card has an observer 'file'.*predict them one by one"):
        predict(tagger, paths)


@pytest.mark.parametrize(("masses", "number"), [("massless", 4), ("keep", 0)])
def test_a_single_particle_has_a_rest_frame_if_its_mass_is_kept(masses, number, toys, tmp_path):
    branches = toys.branches(4)
    for name, component in (("part_px", 3.0), ("part_py", 0.0), ("part_pz", 4.0), ("part_energy", 6.0)):
        branches[name] = ak.values_astype(component * ak.ones_like(branches[name][:, :1]), np.float32)
    path = toys.write(tmp_path / "jets.root", branches)
    assert predict(create("cg", "tiny", seed=1, mass=masses), path).without_rest_frame == number


def test_jets_without_a_rest_frame_are_counted_and_said(tagger, toys, tmp_path, capsys):
    branches = toys.branches(30)
    collinear = ak.ones_like(branches["part_px"])
    rows = np.arange(30) % 10 == 4
    for name, component in (("part_px", 3.0), ("part_py", 0.0), ("part_pz", 4.0), ("part_energy", 5.0)):
        branches[name] = ak.values_astype(ak.where(rows, component * collinear, branches[name]), np.float32)
    path = toys.write(tmp_path / "jets.root", branches)
    assert predict(tagger, path).without_rest_frame == 0, "it looks at no jet in its rest frame"
    tagger = create("cg", "tiny", seed=1)
    assert predict(tagger, path).without_rest_frame == 3
    checkpoint.save(tmp_path / "best.ckpt", tagger)
    assert main(["predict", str(tmp_path / "best.ckpt"), str(path), "--out", str(tmp_path / "scores.root")]) == 0
    assert "warning: 3 of 30 jets have no rest frame (a single particle, or all exactly collinear)" in capsys.readouterr().err
    assert ScoreTable.read(tmp_path / "scores.root").provenance["prediction"]["jets_without_rest_frame"] == 3


def test_a_checkpoint_is_loaded(tagger, jet_file, tmp_path):
    path = checkpoint.save(tmp_path / "best.ckpt", tagger)
    assert np.array_equal(predict(path, f"{jet_file}#test").logits, predict(tagger, f"{jet_file}#test").logits)
    with pytest.raises(CheckpointError, match="no such file"):
        predict(tmp_path / "other.ckpt", jet_file)


def test_unlabelled_jets(tagger, toys, tmp_path):
    card = toys.card()
    del card["classes"]
    result = predict(tagger, toys.write(tmp_path / "jets.root", card=card))
    assert set(result.labels) == {-1}
    assert result.classes == ("qcd", "top")


@pytest.mark.parametrize("classes", [{"light": "label_QCD", "top": "label_Tbqq"}, {"Top": "label_Tbqq", "top": "label_QCD"}])
def test_jets_of_other_classes(classes, tagger, toys, tmp_path):
    path = toys.write(tmp_path / "jets.root")
    path.with_suffix(".yaml").write_text(yaml.safe_dump(toys.card(classes=classes), sort_keys=False))
    with pytest.raises(DataError) as caught:
        predict(tagger, path)
    assert all(word in str(caught.value) for word in [str(path), ", ".join(classes), "trained on qcd, top", "give a card"])


def test_classes_in_another_order_and_further_ones(tagger, toys, tmp_path, capsys):
    branches = toys.branches(40)
    expected = predict(tagger, toys.write(tmp_path / "jets.root", branches)).labels.copy()
    path = tmp_path / "jets.root"
    path.with_suffix(".yaml").write_text(
        yaml.safe_dump(toys.card(classes={"Tbqq": "label_Tbqq", "QCD": "label_QCD"}), sort_keys=False)
    )
    turned = predict(tagger, path)
    assert np.array_equal(turned.labels, expected)
    assert turned.other_classes == {}
    # the names of JetClass, and a class that the tagger does not know
    rows = np.arange(40) % 8 == 3
    branches |= {"label_Hbb": rows}
    branches |= {name: branches[name] & ~rows for name in ("label_QCD", "label_Tbqq")}
    card = toys.card(classes={name: f"label_{name}" for name in ("QCD", "Hbb", "Tbqq")})
    path = toys.write(tmp_path / "more.root", branches, card)
    found = predict(tagger, path)
    assert np.array_equal(found.labels, np.where(rows, -1, expected))
    assert found.other_classes == {"Hbb": 5}
    assert found.classes == ("qcd", "top")
    checkpoint.save(tmp_path / "best.ckpt", tagger)
    assert main(["predict", str(tmp_path / "best.ckpt"), str(path), "--out", str(tmp_path / "scores.root")]) == 0
    said = "warning: 5 of 40 jets are of other classes (Hbb 5) than the tagger's, qcd, top: they have scores, and no label"
    assert said in capsys.readouterr().err
    # which are left out, and said to be, when the others are evaluated
    assert main(["evaluate", str(tmp_path / "scores.root"), "--out", str(tmp_path / "evaluation")]) == 0
    assert "scores.root: 5 of 40 jets have no label and are left out" in capsys.readouterr().err
    numbers = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert numbers["dataset"]["jets"] == 35


def test_a_tagger_without_names_is_checked_by_number(toy, jet_file):
    assert predict(create("toy"), f"{jet_file}#test").classes == ("class0", "class1")
    with pytest.raises(DataError, match="2 classes, the tagger 3"):
        predict(create("toy", classes=3), f"{jet_file}#test")


def test_several_classes(toy, toys, tmp_path):
    card = toys.card()
    del card["classes"]
    tagger = create("toy", classes=3, seed=1)
    result = predict(tagger, toys.write(tmp_path / "jets.root", toys.branches(20), card))
    table = ln.data.read(tmp_path / "jets.root")
    with torch.no_grad():
        expected = tagger.eval()(ln.data.collate(table)).double().numpy()
    np.testing.assert_allclose(result.logits, expected, atol=1e-6)


def test_broken_logits_are_not_written(tagger, jet_file):
    with torch.no_grad():
        tagger.last.bias.fill_(float("nan"))
    with pytest.raises(DataError, match=r"40 jets are not finite .*jet 400"):
        predict(tagger, f"{jet_file}#test")


def test_the_tagger_is_left_in_its_mode(tagger, jet_file):
    table = ln.data.read(f"{jet_file}#test")
    tagger.train()
    first, second = logits(tagger, table), logits(tagger, table)
    assert tagger.training
    assert np.array_equal(first, second), "dropout was active"


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:0", "cuda:99"])
def test_devices_that_are_not_there(device, tagger, jet_file):
    with pytest.raises(ConfigError, match=device):
        predict(tagger, jet_file, device=device)


@pytest.mark.parametrize("name", names())
def test_taggers_of_the_package(name, jet_file):
    tagger = create(name, seed=1)
    result = predict(tagger, f"{jet_file}#test", batch_size=16)
    alone = one_by_one(tagger, ln.data.read(f"{jet_file}#test"))
    np.testing.assert_allclose(result.logits[:, 1], alone, rtol=1e-5, atol=2e-5)


def test_what_is_read_is_not_written_over(tagger, toys, tmp_path, capsys):
    jets, weights = toys.write(tmp_path / "jets.root"), checkpoint.save(tmp_path / "best.ckpt", tagger)
    before = jets.read_bytes()
    (tmp_path / "other.root").hardlink_to(jets)
    for out in (jets, tmp_path / "other.root"):
        assert main(["predict", str(weights), f"{jets}#0:3", "--out", str(out)]) == 2
        assert "is read by this command, and would be replaced by the scores; choose another --out" in capsys.readouterr().err
    renamed = weights.rename(tmp_path / "weights.root")
    assert main(["predict", str(renamed), str(jets), "--out", str(renamed)]) == 2
    assert "is read by this command" in capsys.readouterr().err
    assert jets.read_bytes() == before


def test_jets_of_the_training_are_no_test(tagger, jet_file, tmp_path, capsys):
    weights = checkpoint.save(tmp_path / "best.ckpt", tagger)
    info = {"data": {"train": [f"{jet_file}#train"], "val": [f"{jet_file}#val"]}}
    (tmp_path / "run.json").write_text(json.dumps(info))
    said = []
    for rows in ("#test", "#0:5"):
        assert main(["predict", str(weights), f"{jet_file}{rows}", "--out", str(tmp_path / "scores.root")]) == 0
        said.append("has jets in common with" in capsys.readouterr().err)
    assert said == [False, True]


def test_a_damaged_record_of_the_training_is_said(tagger, jet_file, tmp_path, capsys):
    weights = checkpoint.save(tmp_path / "best.ckpt", tagger)
    (tmp_path / "run.json").write_text("{")
    assert main(["predict", str(weights), f"{jet_file}#0:5", "--out", str(tmp_path / "scores.root")]) == 0
    said = capsys.readouterr().err
    assert "run.json: is not valid JSON" in said
    assert "saw these jets in training is not known" in said


def test_jets_that_are_named_twice_are_said(tagger, jet_file, tmp_path, capsys):
    weights = checkpoint.save(tmp_path / "best.ckpt", tagger)
    for second, said in (("#5:15", True), ("#10:15", False)):
        words = [f"{jet_file}#0:10", f"{jet_file}{second}"]
        assert main(["predict", str(weights), *words, "--out", str(tmp_path / "scores.root")]) == 0
        assert ("have jets in common, which have two scores" in capsys.readouterr().err) is said


def test_a_folder_is_no_file_of_jets(tagger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (".", ""):
        with pytest.raises(DataError, match="folder"):
            predict(tagger, name)
