"""Jets and a trained tagger that several test files share, made once per run."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

SPLITS = {"train": [0, 240], "val": [240, 320], "test": [320, 400]}


def toy_branches(n: int = 400, seed: int = 1) -> dict:
    """Branches of a flat JetClass-like tree: toy top and QCD jets in turn, float64."""
    import awkward as ak

    from lorentznet.testing import toy_jets

    batch = toy_jets(n, seed)
    momenta, counts, labels = batch.p4.numpy(), batch.counts.numpy(), batch.y.numpy()
    branches = {f"part_{name}": ak.unflatten(momenta[:, k], counts) for k, name in enumerate(("energy", "px", "py", "pz"))}
    jets = np.add.reduceat(momenta, batch.ptr.numpy()[:-1])
    return branches | {"jet_pt": np.hypot(jets[:, 1], jets[:, 2]), "label_QCD": labels == 0, "label_Tbqq": labels == 1}


def toy_card(**changes) -> dict:
    """The card of a toy file, as plain values."""
    card = {
        "name": "toy",
        "units": "GeV",
        "momenta": {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"},
        "classes": {"qcd": "label_QCD", "top": "label_Tbqq"},
        "observers": ["jet_pt"],
        "splits": SPLITS,
    }
    return card | changes


def write_toy(path: Path, branches: dict | None = None, card: dict | None = None) -> Path:
    """A ROOT file with a TTree, written by uproot itself, and its card beside it."""
    import awkward as ak
    import uproot
    import yaml

    branches = toy_branches() if branches is None else branches
    path.parent.mkdir(parents=True, exist_ok=True)
    with uproot.recreate(path) as file:
        types = {name: ak.Array(values).type.content for name, values in branches.items()}
        tree = file.mktree(
            "tree", {name: str(kind) if "var" in str(kind) else np.asarray(branches[name]).dtype for name, kind in types.items()}
        )
        tree.extend(branches)
    path.with_suffix(".yaml").write_text(yaml.safe_dump(toy_card() if card is None else card))
    return path


@pytest.fixture(scope="session")
def toys():
    """The makers of toy files: ``branches(n, seed)``, ``card(**changes)``, ``write(path, branches, card)``."""
    return SimpleNamespace(branches=toy_branches, card=toy_card, write=write_toy, splits=SPLITS)


@pytest.fixture(scope="session")
def toy_study(tmp_path_factory):
    """A finished small study: ``jets`` (file), ``run`` (trained CG tagger), ``scores``, ``evaluation``, ``invariance``."""
    from lorentznet.cli import main

    folder = tmp_path_factory.mktemp("study")
    jets = write_toy(folder / "jets.root")
    study = SimpleNamespace(folder=folder, jets=jets, run=folder / "cg", checkpoint=folder / "cg" / "best.ckpt")
    study.scores, study.evaluation, study.invariance = folder / "scores.root", folder / "evaluation", folder / "invariance"
    data = ["--data.train", f"{jets}#train", "--data.val", f"{jets}#val"]
    lines = [
        ["train", "--config", "quickstart-cg", *data, "--tagger.preset", "tiny", "--trainer.epochs", "1", "--out", study.run],
        ["predict", study.checkpoint, f"{jets}#test", "--out", study.scores],
        ["evaluate", study.scores, "--out", study.evaluation],
        ["invariance", study.checkpoint, f"{jets}#test", "--jets", "20", "--out", study.invariance],
    ]
    for line in lines:
        assert main([*map(str, line), "--quiet"]) == 0, line
    return study


@pytest.fixture
def study_copy(toy_study, tmp_path):
    """The small study in a folder of the test's own, free to be damaged."""
    copy = shutil.copytree(toy_study.folder, tmp_path / "study")
    return SimpleNamespace(**{name: copy / path.relative_to(toy_study.folder) for name, path in vars(toy_study).items()})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what is in it."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.fixture
def refused(tmp_path, capfd):
    """Run a command line that must be refused; its one line is checked for words and given back."""

    from lorentznet.cli import main

    def run(argv, *words):
        before = contents(tmp_path)
        capfd.readouterr()
        code = main([*map(str, argv), "--quiet"])
        captured = capfd.readouterr()
        assert code == 2, captured
        assert captured.out == "" or argv[0] == "inspect"  # which describes what it finds all the same
        assert captured.err.startswith("lorentznet: error: ")
        assert captured.err.count("\n") == 1, captured.err
        assert all(str(word) in captured.err for word in words), captured.err
        assert contents(tmp_path) == before
        return captured.err

    return run
