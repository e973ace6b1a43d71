"""The public names, pinned: a change of the interface is a change of this file."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import lorentznet as ln

ROOMS = {
    "": "data errors evaluate group load nn reports taggers testing train",
    "group": """
        AnyIrrep CGPath CliffordAlgebra GENERATORS GENERATOR_NAMES Irrep IrrepPair Irreps LorentzTransform
        METRIC Multivectors SIGNATURE Subgroup boost_matrix clebsch_gordan compound minkowski_dot
        minkowski_square null_space_intertwiners product_paths real_clebsch_gordan real_irreps rotation_matrix
        self_product_paths subgroup_names vector_product_paths
    """,
    "data": "DatasetCard JetBatch JetSource JetTable collate expand iterate parse read sample sample_path",
    "nn": """
        CGMessage CliffordMessage CovariantReadout DenseGraph EdgeFunctions EdgeSum EquivariantModule FrameConditioner
        InvariantGate InvariantReadout IrrepMixing JetFrame JetPool MultivectorMixing MultivectorNorm PairBasis ParticleScalars
        RadialWeights RestFrameNorm ScalarGate SecondOrderMessage SelfProduct SparseGraph VectorProduct collected_layers
        geometric_product load_published vector_product
    """,
    "taggers": "Tagger cg clifford create describe names part pfn register tagger_class",
    "train": "Prediction TrainConfig fit load load_config load_run_info predict save",
    "evaluate": """
        adapters bootstrap calibration comparison covariance dependence ensemble ensembles evaluation explain explanation foreign
        intervals invariance irc metrics paired regression regression_table scores summary
    """,
    "reports": "calibration dependence explain hepdata html invariance jets latex page regression roc scores style tagging training",
    "testing": """
        LAYER_CLAUSES TAGGER_CLAUSES assert_equivariant check_alone check_gradients check_infrared check_layer
        check_layer_gradients check_layer_padding check_layer_pure check_padding check_permutation
        check_precision check_pure check_round_trip check_strong check_symmetry check_symmetry_is_maximal
        check_tagger degenerate_jets strong_transforms toy_jets
    """,
}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room or "lorentznet")
def test_names(room):
    module = importlib.import_module(f"lorentznet.{room}".rstrip("."))
    assert sorted(module.__all__) == sorted(ROOMS[room].split())
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        getattr(module, name)


def test_top_level():
    assert dir(ln) == sorted(["__version__", *ROOMS[""].split()])
    with pytest.raises(AttributeError, match="has no attribute 'tagers'"):
        _ = ln.tagers


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room or "lorentznet")
def test_everything_public_is_explained(room):
    module = importlib.import_module(f"lorentznet.{room}".rstrip("."))
    assert module.__doc__
    silent = [name for name in module.__all__ if callable(getattr(module, name)) and not getattr(module, name).__doc__]
    assert not silent


def test_the_lines_that_users_write(toy_study):
    """The names that scripts, notebooks and users' own tests use."""
    table = ln.data.read(toy_study.jets, card=None, start=0, stop=None)
    assert sum(len(part) for part in ln.data.iterate([toy_study.jets], card=None, jets=100)) == len(table) == 400
    assert len(ln.data.sample()) > 0
    batch = ln.data.collate(table[:8])
    assert set(ln.taggers.names()) == {"cg", "clifford", "part", "pfn"}
    assert ln.taggers.create("cg", preset="small", layers=1)(batch).shape == (8, 1)
    tagger = ln.load(toy_study.checkpoint)
    logits = tagger(batch).detach()
    assert ln.evaluate.metrics.background_rejection(table[:8].labels, logits, signal_efficiency=0.3, weights=None).low > 0
    assert ln.evaluate.invariance.scan(tagger, table, jets=10, gammas=[2.0]).to_dict()
    assert callable(ln.testing.check_tagger)
    assert callable(ln.testing.check_layer)


def test_the_readme_lists_the_taggers():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\S+) \| \[.*arxiv.org/abs/([\d.]+)\) \|$", text, re.MULTILINE)
    created = {name: ln.taggers.create(name) for name in ln.taggers.names()}
    assert [name for name, *_ in rows] == list(created)
    for name, symmetry, paper in rows:
        assert symmetry.replace("⁺", "+") == str(created[name].symmetry)
        assert f"arXiv:{paper}" in created[name].citation


def test_the_lines_of_the_group():
    from lorentznet.group import CliffordAlgebra, Irrep, Irreps, LorentzTransform, clebsch_gordan, minkowski_dot, minkowski_square

    assert Irrep(2, 2).dim == 9
    irreps = Irreps("8x(0,0)+4x(1,1)+2x(2,0)+2x(0,2)")
    assert irreps.dim == 8 + 16 + 6 + 6
    boost = LorentzTransform.boost([0, 0, 1.5]) @ LorentzTransform.rotation([0.1, 0, 0])
    assert torch.allclose(boost.matrix @ boost.inverse().matrix, torch.eye(4, dtype=torch.float64))
    algebra, generator = CliffordAlgebra(1, 3), torch.Generator().manual_seed(1)
    a, b = torch.randn(2, 16, dtype=torch.float64, generator=generator)
    assert torch.allclose(
        algebra.act(boost, algebra.product(a, b)), algebra.product(algebra.act(boost, a), algebra.act(boost, b))
    )
    assert clebsch_gordan(Irrep(1, 1), Irrep(1, 1), Irrep(2, 2)).shape == (4, 4, 9)
    p = torch.tensor([5.0, 3, 0, 0], dtype=torch.float64)
    assert minkowski_square(p) == minkowski_dot(p, p) == 16
    assert np.isclose(float(minkowski_square(boost.act(Irrep(1, 1), p))), 16)
