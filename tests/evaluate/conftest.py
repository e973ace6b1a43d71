"""Small networks of every design, away from their first weights, and jets for them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lorentznet import taggers
from lorentznet.data import JetTable
from lorentznet.testing import toy_jets

SIZES = {
    "irreps": "4x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)",
    "products": 2,
    "width": 5,
    "bells": (3, 2, 2),
    "pooled": 4,
    "hidden": 5,
}
MAKERS = {
    "cg": ("cg", {**SIZES, "heads": 1, "references": ["beams"]}),
    "cg-everything": (
        "cg",
        {
            **SIZES,
            **{"heads": 1, "order": 2, "hodge": True, "edges": "nonlinear", "edge_channels": 3, "layers": 1, "scalars": 2},
            **{"graph": "knn-angle", "neighbours": 4, "references": ["beams", "time"], "references_as": "particles"},
        },
    ),
    "cg-first": ("cg", {**SIZES, "heads": 1, "layers_read": 3}),
    "lgn": ("cg", {"design": "lgn", "irreps": "2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)", "layers": 2, "bells": (2, 0, 0)}),
    "clifford": (
        "clifford",
        {"layers": 1, "multivectors": 2, "scalars_hidden": 4, "hidden": 5, "pooled": 4, "heads": 1, "bells": (3, 2, 0)},
    ),
    "clifford-first": (
        "clifford",
        {
            **{"layers": 1, "layers_read": 2, "multivectors": 2, "scalars_hidden": 4, "hidden": 5, "pooled": 4, "heads": 1},
            "bells": (3, 2, 0),
        },
    ),
    "clifford-grades": (
        "clifford",
        {
            "layers": 1,
            "multivectors": 2,
            "scalars_hidden": 4,
            "grades": (0, 1, 2),
            "path_weights": True,
            "hidden": 5,
            "pooled": 0,
            "heads": 1,
            "bells": (3, 2, 0),
        },
    ),
}


def make(which: str):
    name, options = MAKERS[which]
    tagger = taggers.create(name, seed=3, **options).eval().double()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in tagger.parameters():  # away from zero biases and unit gains, as training leads
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return tagger


def small(**options):
    """Few paths: scalars and vectors in one layer."""
    settings = {"irreps": "3x(0,0)+2x(1,1)", "layers": 1, "products": 2, "width": 4, "bells": (2, 2, 2), "pooled": 3, "hidden": 4}
    return taggers.create("cg", seed=1, **{**settings, "heads": 1, **options})


def jets(n: int = 6, seed: int = 1, scalars: int = 0, labels=None, classes=("qcd", "top")) -> JetTable:
    batch = toy_jets(n, seed=seed, particles=5)
    extra = np.random.default_rng(0).normal(size=(len(batch.p4), scalars)) if scalars else None
    y = batch.y.numpy() if labels is None else np.asarray(labels)
    return JetTable.from_arrays(batch.p4.numpy(), batch.counts.numpy(), labels=y, classes=classes, scalars=extra)


@pytest.fixture(scope="session")
def networks():
    """``make(which)``, ``small(**options)`` and ``jets(n, ...)``."""
    return SimpleNamespace(make=make, small=small, jets=jets)
