"""The study of data efficiency: all stages on a few toy jets, and its comparisons on scores that are known."""

import csv
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from lorentznet import taggers
from lorentznet.errors import ConfigError
from lorentznet.evaluate import metrics

STUDY = Path(__file__).parents[1] / "analysis" / "landscape"
MODULES = ("landscape", "entries", "jobs", "results", "paired", "landscape_tables", "figure", "record")


@pytest.fixture(scope="module")
def study():
    """The modules of the study, which import each other as scripts do."""
    if not STUDY.is_dir():
        pytest.skip("the studies are not part of the installed package")
    sys.path.insert(0, str(STUDY))
    yield {name: importlib.import_module(name) for name in MODULES}
    sys.path.remove(str(STUDY))
    for name in MODULES:
        del sys.modules[name]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A small study; its last entry cannot be trained."""
    values = {
        "description": "toy jets",
        "data": {"train": "{file}#0:{jets}", "val": "{file}#240:320", "test": "{file}#test", "batch_size": 30},
        "sizes": [60, 120],
        "seeds": [1, 2],
        "epochs": {60: 2, 120: 1},
        "optimizer": {"lr": 0.002},
        "trainer": {"accelerator": "cpu", "threads": 1},
        "baseline": "pfn",
        "entries": [
            {"label": "pfn", "tagger": "pfn", "preset": "tiny"},
            {
                "label": "efn",
                "tagger": "pfn",
                "preset": "tiny",
                "like": "pfn",
                "options": {"energy_weighted": True},
                "seeds": [3],
            },
            {"label": "broken", "tagger": "pfn", "preset": "huge", "sizes": [60], "seeds": [1]},
        ],
    }
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def run(study, settings, toys, tmp_path_factory):
    """Runs a stage on toy jets, gives its exit code; ``run.out`` is the folder of the results."""
    folder = tmp_path_factory.mktemp("landscape")
    jets = toys.write(folder / "jets.root")

    def stage(name, *arguments, study_file=settings):
        return study["landscape"].main([name, str(jets), str(stage.out), "--study", str(study_file), *arguments])

    stage.out = folder / "out"
    return stage


def test_all_stages(study, run, settings, capsys):
    assert run("evaluate") == 2
    assert "no training has scores, nor does" in capsys.readouterr().err
    assert run("table") == 2

    # a part of it gives partial results
    assert run("train", "--only", "pfn/60/seed2") == 0
    assert run("predict") == 0
    assert run("evaluate", "--quiet") == 0
    assert run("table") == 0
    assert "`efn`" not in (run.out / "landscape.md").read_text()
    first = (run.out / "runs" / "pfn" / "60" / "seed2" / "best.ckpt").stat().st_mtime_ns

    assert run("train") == 1, "the broken entry is reported"
    assert "broken/60/seed1: failed:" in capsys.readouterr().err
    assert (run.out / "runs" / "pfn" / "60" / "seed2" / "best.ckpt").stat().st_mtime_ns == first, "is not trained again"
    run("list")
    states = [line.split()[1:] for line in capsys.readouterr().out.splitlines()]
    assert ["pfn/60/seed2", "scored"] in states
    assert ["efn/120/seed3", "trained"] in states
    assert ["broken/60/seed1", "waiting"] in states
    for stage in ("predict", "evaluate", "table", "figure"):
        assert run(stage, "--quiet") == 0

    numbers = json.loads((run.out / "results.json").read_text())
    found = {(item["entry"], item["size"]): item for item in numbers["results"]}
    assert set(found) == {(entry, size) for entry in ("pfn", "efn") for size in (60, 120)}
    assert numbers["test_jets"] == {"qcd": 40, "top": 40}
    pfn, efn = found["pfn", 60], found["efn", 60]
    assert (pfn["seeds"], pfn["epochs"], pfn["train_jets"], pfn["symmetry"]) == ([1, 2], [2, 2], 60, "O+(1,1)xO(2)")
    assert all(minutes >= 0 for minutes in pfn["cpu_minutes"])
    areas = pfn["single"]["auc"]
    assert areas["value"] == pytest.approx(np.mean(areas["values"]))
    assert areas["low"] < areas["value"] < areas["high"]
    assert areas["seed_std"] == pytest.approx(np.std(areas["values"], ddof=1))
    assert pfn["ensemble"]
    assert efn["ensemble"] is None
    assert pfn["against"] == []
    (against,) = efn["against"]
    assert against["baseline"] == "pfn"
    difference = against["auc_difference"]
    assert difference["value"] == pytest.approx(efn["single"]["auc"]["value"] - areas["value"])

    text = (run.out / "landscape.md").read_text()
    assert "## 60 training jets" in text
    assert "`efn` against `pfn`" in text
    assert "unverified here" in text
    with (run.out / "landscape.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {row["kind"] for row in rows} == {"fact", "single", "ensemble", "seed 1", "seed 2", "seed 3", "against pfn"}
    assert {"landscape.png", "landscape.pdf"} <= {path.name for path in run.out.iterdir()}

    # numbers of trainings that lie elsewhere are kept, those that are here are made anew
    numbers["results"] = [item | {"entry": "pfn", "size": 90} for item in numbers["results"] if item is pfn]
    (run.out / "results.json").write_text(json.dumps(numbers))
    assert run("evaluate", "--quiet") == 0
    again = {(item["entry"], item["size"]): item for item in json.loads((run.out / "results.json").read_text())["results"]}
    assert list(again) == [("pfn", 60), ("pfn", 120), ("efn", 60), ("efn", 120), ("pfn", 90)]
    assert again["pfn", 60] == pfn
    (run.out / "results.json").write_text(json.dumps(numbers | {"test_jets": {"qcd": 41, "top": 40}}))
    assert run("evaluate", "--quiet") == 2
    assert "is of another study or of other test jets" in capsys.readouterr().err

    # the study changes under trainings that are there
    changed = settings.with_name("changed.yaml")
    changed.write_text(settings.read_text().replace("lr: 0.002", "lr: 0.003"))
    run("list", "--only", "pfn/60/seed1", study_file=changed)
    assert "scored, with other settings than the study has: optimizer.lr" in capsys.readouterr().out


def test_scores_in_the_record_stand_for_trainings_that_are_elsewhere(study, run, settings, capsys):
    """The same numbers come from the record alone, in an output folder that is empty."""
    (run.out / "results.json").unlink(missing_ok=True)
    for stage in ("train", "predict", "evaluate"):  # what is there is not made again
        run(stage, "--quiet")
    before = {(item["entry"], item["size"]): item for item in json.loads((run.out / "results.json").read_text())["results"]}
    assert run("keep") == 0
    folder = settings.parent / "record" / "study"
    kept = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.npz"))
    assert kept == [
        f"{name}.npz"
        for name in ("efn/120/seed3", "efn/60/seed3", "pfn/120/seed1", "pfn/120/seed2", "pfn/60/seed1", "pfn/60/seed2")
    ]
    assert max(path.stat().st_size for path in folder.rglob("*.npz")) < 3_000
    with np.load(folder / kept[0]) as content:
        assert set(content) == {"rows", "log_odds", "step", "facts"}, "no labels, no momenta"

    full, run.out = run.out, run.out.with_name("empty")
    assert run("evaluate", "--quiet") == 0
    found = json.loads((run.out / "results.json").read_text())["results"]
    assert [(item["entry"], item["size"]) for item in found] == [("pfn", 60), ("pfn", 120), ("efn", 60), ("efn", 120)]
    for item in found:
        old = before[item["entry"], item["size"]]
        assert item["single"]["auc"]["values"] == pytest.approx(old["single"]["auc"]["values"], abs=2e-3)
        assert {key: item[key] for key in ("seeds", "epochs", "cpu_minutes", "parameters", "symmetry", "val_auc")} == {
            key: old[key] for key in ("seeds", "epochs", "cpu_minutes", "parameters", "symmetry", "val_auc")
        }
    (folder / kept[0]).write_bytes(b"PK nothing")
    assert run("evaluate", "--quiet", "--only", "efn") == 2
    assert "is not a record of a training" in capsys.readouterr().err
    with np.load(folder / kept[1]) as content:
        np.savez(folder / kept[0], **{**content, "rows": content["rows"] + 1})
    assert run("evaluate", "--quiet", "--only", "efn") == 2
    assert "holds scores of other jets" in capsys.readouterr().err
    run.out = full


def test_one_entry_learns_from_another(study, run, settings, toys, tmp_path, capsys, monkeypatch):
    values = yaml.safe_load(settings.read_text())
    teacher = {**values["entries"][0], "sizes": [60]}
    student = {**teacher, "label": "student", "teachers": ["pfn"], "seeds": [1]}
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump({**values, "baseline": None, "entries": [teacher, student]}))
    monkeypatch.setattr(run, "out", tmp_path / "out")
    assert run("train", "--only", "student", study_file=path) == 1
    assert "needs trainings that are not finished: pfn/60/seed1, pfn/60/seed2" in capsys.readouterr().err
    assert run("train", "--quiet", study_file=path) == 0
    folder = run.out / "runs" / "student" / "60" / "seed1"
    found = json.loads((folder / "run.json").read_text())["teachers"]
    assert [known["source"] for known in found] == [str(run.out / "runs" / f"pfn/60/seed{k}" / "best.ckpt") for k in (1, 2)]
    assert run("predict", "--quiet", study_file=path) == 0
    assert run("keep", "--quiet", study_file=path) == 0
    record = tmp_path / "record" / "two"
    assert {str(file.relative_to(record)) for file in record.rglob("*.ckpt")} == {f"pfn/60/seed{k}.ckpt" for k in (1, 2)}
    # one of two
    path.write_text(yaml.safe_dump({**values, "baseline": None, "entries": [teacher, {**student, "teachers": ["pfn/seed2"]}]}))
    small = study["entries"].read_study(path)
    (job,) = study["jobs"].make_jobs(small, "f", run.out, ["student"], record)
    assert [one.name for one in job.teachers] == ["pfn/60/seed2"]
    assert job.changed == ["distillation.teachers"]
    assert [one.teaches for one in study["jobs"].make_jobs(small, "f", run.out)] == [False, True, False]
    path.write_text(yaml.safe_dump({**values, "baseline": None, "entries": [teacher, student]}))
    # elsewhere the record's weights teach, and the training is the same one
    monkeypatch.setattr(run, "out", tmp_path / "elsewhere")
    assert run("train", "--quiet", "--only", "student", study_file=path) == 0
    again = json.loads((run.out / "runs" / "student" / "60" / "seed1" / "run.json").read_text())
    assert [known["digest"] for known in again["teachers"]] == [known["digest"] for known in found]
    assert again["teachers"][0]["source"] == str(record / "pfn/60/seed1.ckpt")
    capsys.readouterr()
    assert run("list", "--only", "student", study_file=path) == 0
    assert capsys.readouterr().out.split()[-1] == "trained"
    assert run("evaluate", study_file=path) == 0
    assert "was trained with other settings" not in capsys.readouterr().err
    assert run("table", study_file=path) == 0
    found = json.loads((run.out / "results.json").read_text())["results"]
    assert [item["teachers"] for item in found] == [[], ["pfn"]]
    minutes = sum(found[0]["cpu_minutes"])
    (row,) = [line for line in (run.out / "landscape.md").read_text().splitlines() if line.startswith("| `student` |")]
    assert f", teachers {minutes:.0f} (cpu, 1 thread)" in row


def test_one_entry_goes_on_from_generated_jets(study, run, settings, tmp_path, capsys, monkeypatch):
    pytest.importorskip("pythia8mc")
    values = yaml.safe_load(settings.read_text())
    first = {
        **values["entries"][0],
        "label": "first",
        "sizes": [40],
        "seeds": [1],
        "data": {"train": "{generated}/few.root#0:{jets}"},
    }
    values |= {
        "epochs": {40: 1, 60: 1},
        "sizes": [60],
        "baseline": None,
        "generate": [{"name": "few", "processes": ["top", "qcd"], "jets": 40, "seed": 5}],
    }
    second = {**values["entries"][0], "label": "second", "like": "first", "weights": "first/40/seed1", "seeds": [1]}
    path = tmp_path / "transfer.yaml"
    third = {**second, "label": "third", "weights": "second/60/seed1"}
    path.write_text(yaml.safe_dump({**values, "entries": [first, second, third]}))
    monkeypatch.setattr(run, "out", tmp_path / "out")
    assert run("train", "--only", "second", study_file=path) == 1
    assert "needs trainings that are not finished: first/40/seed1" in capsys.readouterr().err
    assert run("train", "--quiet", study_file=path) == 0
    runs = run.out / "runs"
    found = json.loads((runs / "second/60/seed1/run.json").read_text())["weights"]
    assert found["source"] == str(runs / "first/40/seed1/best.ckpt")
    assert json.loads((runs / "first/40/seed1/run.json").read_text())["data"]["train"] == [f"{run.out}/generated/few.root#0:40"]
    assert run("predict", "--quiet", study_file=path) == 0
    assert run("keep", "--quiet", study_file=path) == 0
    record = tmp_path / "record" / "transfer"
    assert [str(file.relative_to(record)) for file in sorted(record.rglob("*.ckpt"))] == [
        "first/40/seed1.ckpt",
        "second/60/seed1.ckpt",
    ]
    # the record says what was trained on which jets, and nothing of this machine
    said = [file.read_text() for file in record.rglob("*.json")]
    for file in record.rglob("*.npz"):
        with np.load(file) as content:
            said.append(str(content["facts"]))
    assert len(said) == 5
    assert not [text for text in said if str(tmp_path) in text or str(run.out) in text]
    with np.load(record / "second/60/seed1.npz") as content:
        config = json.loads(str(content["facts"]))["config"]
    assert config["tagger"]["weights"] == "first/40/seed1"
    # elsewhere it goes on from the record's weights, and is the same training
    monkeypatch.setattr(run, "out", tmp_path / "elsewhere")
    assert run("train", "--quiet", "--only", "second", study_file=path) == 0
    again = json.loads((run.out / "runs/second/60/seed1/run.json").read_text())["weights"]
    assert again["source"] == str(record / "first/40/seed1.ckpt")
    assert again["digest"] == found["digest"]
    assert [part["card"] for part in again["trained_on"]] == [part["card"] for part in found["trained_on"]]
    assert again["seen"] == [Path(word).name for word in found["seen"]]
    assert again["seen"][0] == "few.root#0:40"
    capsys.readouterr()
    assert run("list", "--only", "second", study_file=path) == 0
    assert capsys.readouterr().out.split()[-1] == "trained"
    assert run("evaluate", study_file=path) == 0
    assert run("table", study_file=path) == 0
    assert run("figure", study_file=path) == 0
    path_of_results = run.out / "results.json"
    numbers = json.loads(path_of_results.read_text())
    for minutes, item in zip((40.0, 2.0, 3.0), numbers["results"], strict=True):
        item["cpu_minutes"] = [minutes]
    path_of_results.write_text(json.dumps(numbers))
    assert run("table", study_file=path) == 0
    said = (run.out / "landscape.md").read_text()
    assert "## 40 generated training jets, real test jets" in said
    for label, minutes in (("first", "40.0"), ("second", "2.0, first weights 40"), ("third", "3.0, first weights 42")):
        after = "" if label == "first" else " (after 40 generated jets)"
        (row,) = [line for line in said.splitlines() if line.startswith(f"| `{label}`{after} | 4")]
        assert row.endswith(f"| {minutes} (cpu, 1 thread) |")
    path_of_results.write_text(json.dumps({**numbers, "results": numbers["results"][1:]}))  # as of evaluate --only
    assert run("table", study_file=path) == 0
    said = (run.out / "landscape.md").read_text()
    assert "| `third` (after first/40/seed1) | 4" in said
    assert "| 3.0, first weights 2, those of first/40/seed1 unknown (cpu, 1 thread) |" in said
    path.write_text(yaml.safe_dump({**values, "generate": [], "entries": [first, second]}))
    monkeypatch.setattr(run, "out", tmp_path / "without")
    assert run("train", "--only", "first", study_file=path) == 1
    assert "no jets are generated under this name: {generated}/few.root#0:{jets}" in capsys.readouterr().err


def test_two_processes_share_the_work(study, run, settings):
    jobs = study["jobs"]
    job = jobs.make_jobs(study["entries"].read_study(settings), "jets.root", run.out)[0]
    with jobs.reserved(job) as mine:
        assert mine
        with jobs.reserved(job) as again:
            assert not again
    with jobs.reserved(job) as mine:
        assert mine


def test_a_file_that_is_not_there(study, settings, tmp_path, capsys):
    assert study["landscape"].main(["list", str(tmp_path / "jets.root"), str(tmp_path), "--study", str(settings)]) == 2
    assert "jets.root: no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["landscape", "landscape_rejection"])
def test_the_figures_have_a_panel_for_each_way_of_training(study, name):
    figure = study["figure"]
    numbers = json.loads((STUDY / "results.json").read_text())
    quoted = study["landscape_tables"].published(STUDY / "published.yaml")
    panels = figure.draw(numbers, quoted, *figure.QUANTITIES[name]).figure.axes
    assert [panel.get_title(loc="left") for panel in panels] == ["by labels", "taught", "after generated jets", "invariant"]
    shown = [text.get_text() for panel in panels for text in panel.get_legend().get_texts()]
    entries = {item["entry"] for item in numbers["results"] if not item.get("generated")}
    assert sorted(shown) == sorted(entries | {point["label"] for point in quoted["points"]})
    assert len({panel.get_ylim() for panel in panels}) == 1


def test_patterns_choose_and_order(study, settings, tmp_path):
    jobs = study["jobs"]
    small = study["entries"].read_study(settings)
    names = [job.name for job in jobs.make_jobs(small, "f", tmp_path, ["*/120/*", "pfn"])]
    assert names == ["pfn/120/seed1", "pfn/120/seed2", "efn/120/seed3", "pfn/60/seed1", "pfn/60/seed2"]
    with pytest.raises(ConfigError, match="--only pfm/60/seed1: matches no training; did you mean 'pfn/60/seed1'"):
        jobs.make_jobs(small, "f", tmp_path, ["pfm/60/seed1"])


@pytest.mark.parametrize("name", ["study", "full", "attempts"])
def test_settings_of_the_study_can_be_built(study, name, tmp_path):
    found = study["entries"].read_study(STUDY / f"{name}.yaml")
    for entry in found.entries:
        taggers.create(entry.tagger, entry.preset, **entry.options)
    for job in study["jobs"].make_jobs(found, "/data/jets", tmp_path):
        assert job.config.train_words[0].startswith(str(job.generated) if job.generated_jets else "/data/jets")
        assert job.words("test")


def test_mistakes_in_a_study_are_named(study, settings, tmp_path):
    values = yaml.safe_load(settings.read_text())
    for change, words in (
        ({"baseline": "pfm"}, "baseline: .*did you mean 'pfn'"),
        ({"entries": [*values["entries"], values["entries"][0]]}, "'pfn' .* occurs twice"),
        ({"entries": [{**values["entries"][0], "like": "cg"}]}, "like: there is no entry 'cg'"),
        ({"entries": [{**values["entries"][0], "against": ["pfm"]}]}, "against: there is no entry 'pfm'; did you mean 'pfn'"),
        (
            {"entries": [{**values["entries"][0], "teachers": ["pfm/seed1"]}]},
            "teachers: there is no entry 'pfm'; did you mean 'pfn'",
        ),
        ({"entries": [{**values["entries"][0], "teachers": ["pfn/seed7"]}]}, "teachers: there is no training 'pfn/seed7'"),
        (
            {"entries": [{**values["entries"][0], "weights": "pfn/60/seed7"}]},
            "weights: there is no training 'pfn/60/seed7'; did you mean 'pfn/60/seed",
        ),
        ({"entrys": []}, "unknown key 'entrys'"),
    ):
        path = tmp_path / "wrong.yaml"
        path.write_text(yaml.safe_dump({**values, **change}))
        with pytest.raises(ConfigError, match=words):
            study["entries"].read_study(path)


def test_published_points_name_their_source(study):
    quoted = study["landscape_tables"].published(STUDY / "published.yaml")
    assert all(point["source"] in quoted["sources"] for point in quoted["points"])
    assert {"LorentzNet", "ParticleNet", "PFN"} == {point["label"] for point in quoted["points"]}


def scores(seed, jets=3000, noise=1.0):
    """Labels, and log-odds of three taggers that share most of their noise."""
    random = np.random.default_rng(seed)
    labels = random.random(jets) < 0.5
    common = 2.5 * labels + random.normal(size=jets)
    return labels, [common + noise * random.normal(size=jets) for _ in range(3)]


def test_areas_and_their_errors(study):
    paired, (labels, found) = study["paired"], scores(1)
    value, error = paired.area(labels, found[:1])
    assert value == pytest.approx(roc_auc_score(labels, found[0]), abs=1e-12)
    estimate = metrics.auc(labels, found[0])
    assert error == pytest.approx((estimate.high - estimate.low) / 2, rel=0.02)
    value, error = paired.area(labels, found[:1], found[1:2])
    assert value == pytest.approx(roc_auc_score(labels, found[0]) - roc_auc_score(labels, found[1]), abs=1e-12)
    resampled = []
    for k in range(200):
        rows = np.random.default_rng(k).integers(0, len(labels), len(labels))
        resampled.append(roc_auc_score(labels[rows], found[0][rows]) - roc_auc_score(labels[rows], found[1][rows]))
    assert error == pytest.approx(np.std(resampled), rel=0.15)
    assert paired.area(labels, found, found) == (0.0, 0.0)


def test_rejections_and_their_ratio(study):
    paired, (labels, found) = study["paired"], scores(2, jets=6_000)
    measured = paired.rejections(labels, found[:1], (0.5, 0.3))
    for row, efficiency in zip(measured, (0.5, 0.3), strict=True):
        estimate = metrics.background_rejection(labels, found[0], efficiency)
        assert row[0] == pytest.approx(estimate.value, rel=0.02)
        assert np.quantile(row[1:], 0.84) - row[0] == pytest.approx(estimate.high - estimate.value, rel=0.35)
    same = paired.compare(labels, found[:2], found[:2], (0.5,))
    assert same["rejection_ratio_0.5"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    better = paired.compare(labels, scores(2, jets=6_000, noise=0.3)[1], found, (0.5,))
    assert better["auc_difference"]["value"] > 5 * better["auc_difference"]["test_error"]
    assert better["rejection_ratio_0.5"]["low"] > 1


def test_the_array_of_the_full_study_has_all_its_trainings(study, tmp_path):
    jobs = study["jobs"].make_jobs(study["entries"].read_study(STUDY / "full.yaml"), "f", tmp_path)
    assert f"sbatch --array=0-{len(jobs) - 1} " in (STUDY / "full.sbatch").read_text()


@pytest.mark.parametrize("script", ["run.sh", "full.sbatch"])
def test_scripts_are_understood_by_the_shell(script):
    subprocess.run(["bash", "-n", STUDY / script], check=True)
