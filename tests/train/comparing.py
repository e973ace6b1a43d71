"""What the tests of training compare."""

import csv

import torch

from lorentznet.train import checkpoint

FILES = {"config.yaml", "run.json", "metrics.csv", "best.ckpt", "last.ckpt"}
"""All that a finished training leaves."""


def rows(run):
    with (run / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def weights(path):
    return checkpoint.read(path)["lorentznet"]["weights"]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def without_seconds(run):
    return [{key: value for key, value in row.items() if key not in ("seconds", "cpu_seconds")} for row in rows(run)]


def assert_same_training(run, reference):
    mine, other = checkpoint.read(run / "last.ckpt"), checkpoint.read(reference / "last.ckpt")
    assert same(mine["state_dict"], other["state_dict"])
    assert same(mine["average"]["average"], other["average"]["average"])
    state, expected = mine["optimizer_states"][0]["state"], other["optimizer_states"][0]["state"]
    assert all(torch.equal(*map(torch.as_tensor, (state[i][key], expected[i][key]))) for i in expected for key in expected[i])
    assert mine["global_step"] == other["global_step"]
    assert same(weights(run / "best.ckpt"), weights(reference / "best.ckpt"))
    assert without_seconds(run) == without_seconds(reference)
