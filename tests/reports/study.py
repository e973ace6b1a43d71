"""A finished study made of numbers: score files, evaluation, trainings and an invariance scan, without any model."""

import json
from pathlib import Path

import numpy as np

from lorentznet.evaluate.scores import ScoreTable
from lorentznet.evaluate.summary import evaluate
from lorentznet.reports.tagging import write_evaluation

GAMMAS = ("1.1", "2", "10", "100", "1000")


def scores(name="cg", jets=600, distance=3.0, seed=1, classes=("qcd", "top")) -> ScoreTable:
    """Normal log-odds of a tagger."""
    random = np.random.default_rng(seed)
    labels = np.arange(jets) % len(classes)
    logits = random.normal(size=(jets, len(classes))) + distance * np.eye(len(classes))[labels]
    about = {
        "tagger": {"name": name, "parameters": 5021, "symmetry": "SO+(1,3)", "seconds": 171.3, "citation": "An <author>, 2020"},
        "prediction": {"command": f"lorentznet predict {name}/best.ckpt jets.root#test", "files": ["jets.root#test"]},
    }
    observers = {
        "jet_pt": random.uniform(550, 650, jets),
        "jet_eta": random.normal(0, 0.8, jets),
        "jet_mass": random.gamma(4, 25, jets),
    }
    return ScoreTable(name, classes, np.arange(jets), labels, np.ones(jets), logits, observers, about)


def run_info(name: str) -> dict:
    """The content of a ``run.json``."""
    return {
        "name": name,
        "command": f"lorentznet train --config {name}.yaml --out {name}",
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "tagger": {"name": name, "preset": "small", "parameters": 5021, "symmetry": "SO+(1,3)", "citation": "An <author>, 2020"},
        "classes": ["qcd", "top"],
        "data": {
            "train": ["jets.root#train"],
            "val": ["jets.root#val"],
            "jets": {"train": 4800, "val": 600},
            "card": {"name": "toy & co", "digest": "0123abcd"},
        },
        "seed": 7,
        "device": "cpu",
        "seconds": 171.3,
        "epochs": 3,
        "best": {"epoch": 2, "val_loss": 0.21, "val_auc": 0.98},
    }


def scan() -> dict:
    """One tagger of an ``invariance.json``."""
    errors = {("float32", "frame"): 3e-7, ("float64", "frame"): 5e-14, ("float32", "lab"): 1e-3, ("float64", "lab"): 1e-12}
    numbers: dict = {}
    for (dtype, conditioning), error in errors.items():
        curves = {
            name: {gamma: {"rms": error * float(gamma), "max": 4 * error} for gamma in GAMMAS} for name in ("boost", "boost_z")
        }
        numbers.setdefault(dtype, {})[conditioning] = curves | {"rotation": {"1": {"rms": error, "max": 2 * error}}}
    numbers["float32"]["lab"]["boost"]["1000"] = {"rms": None, "max": None, "nonfinite": 3}
    floor = {name: {gamma: {"rms": 1e-15 * float(gamma) ** 2, "max": 1e-12} for gamma in GAMMAS} for name in ("boost", "boost_z")}
    about = {"jets": 200, "seed": 5, "device": "cpu", "logit_std": 4.8, "verdict": ["float32: invariant to 3e-07 & flat"]}
    layers = {"frame": {"total": 1e-12}, "network.layers.0.gate": {"own": 2e-16, "total": 3e-12}}
    numbers["layers"] = {"float64": {"frame": layers}, "float32": {"frame": layers, "lab": layers}}
    sizes = {size: {"rms": float(size), "max": 2 * float(size), "flips": 0.0} for size in ("0.1", "0.001", "1e-06")}
    numbers["irc"] = {kind: {"slope": 1.0, "safe": True, "changes": sizes} for kind in ("soft", "collinear")}
    separation = {"auc": {"value": 0.97, "low": 0.96, "high": 0.98}}
    separation["rejection"] = {"value": None, "low": 30.0, "high": None, "survivors": 0}
    numbers["unmoved"] = {"float32": {"frame": separation}}
    numbers["float32"]["frame"]["boost"]["1000"] |= separation | {"flips": 0.25}
    return numbers | {"floor": floor} | about


def write_run(folder: Path, name: str) -> Path:
    """A run folder without checkpoints."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run_info(name)))
    rows = [f"{epoch},{0.5 / epoch},{0.6 / epoch},{1 - 0.1 / epoch}" for epoch in (1, 2, 3)]
    (folder / "metrics.csv").write_text("\n".join(["epoch,train_loss,val_loss,val_auc", *rows]) + "\n")
    return folder


def write_study(folder: Path, names=("cg", "clifford")) -> Path:
    """``<name>/``, ``evaluation/`` and ``invariance/`` in a folder."""
    for name in names:
        write_run(folder / name, name)
    tables = [scores(name, seed=seed) for seed, name in enumerate(names)]
    write_evaluation(evaluate(tables, [f"{name}.root" for name in names]), folder / "evaluation")
    (folder / "invariance").mkdir()
    (folder / "invariance" / "invariance.json").write_text(json.dumps({"taggers": {name: scan() for name in names}}))
    return folder
