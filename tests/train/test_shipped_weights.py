"""Every pretrained tagger that ships: whole, documented, invariant, and good on the sample."""

import hashlib
import re

import numpy as np
import pytest
import torch

import lorentznet as ln
from lorentznet.group import LorentzTransform
from lorentznet.train import pretrained

NAMES = pretrained.names()


@pytest.fixture(scope="module")
def sample():
    """Some jets of the sample."""
    return ln.data.sample()[:64]


@pytest.mark.parametrize("name", NAMES)
def test_files_belong_together(name):
    facts, path = pretrained.facts(name), pretrained.path_of(name)
    assert facts["name"] == name
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    written = path.with_suffix(".md").read_text(encoding="utf-8")
    assert written == pretrained.card(name), "write it anew: python analysis/pretrained/export.py --cards"
    tagger = ln.load(name)
    assert (tagger.n_parameters, str(tagger.symmetry)) == (facts["parameters"], facts["symmetry"])
    assert list(tagger.class_names) == facts["classes"]


@pytest.mark.parametrize("name", NAMES)
def test_card_names_licence_and_citation(name):
    card = pretrained.card(name)
    assert "CC BY 4.0" in card
    assert "Kasieczka, Plehn, Thompson, Russell" in " ".join(card.split())
    assert "zenodo.2603256" in card
    said = card + pretrained.path_of(name).with_suffix(".json").read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.:/])/(?:home|tmp|work|root|data|users|scratch)/", said, re.IGNORECASE)


@pytest.mark.parametrize("name", NAMES)
def test_good_on_the_sample(name):
    scored = ln.train.predict(name, "sample#0:1000")
    assert np.isfinite(scored.logits).all()
    assert ln.evaluate.metrics.auc(scored.labels, scored.logits).value > 0.9
    assert scored.extrapolation == ""


@pytest.mark.parametrize("name", NAMES)
def test_invariant_in_float64(name, sample):
    tagger = ln.load(name).double()
    batch = tagger.with_references(ln.data.collate(sample))
    transform = LorentzTransform.random(tagger.architecture, rapidity=1.0, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before, after = tagger(batch), tagger(batch.transformed(transform.matrix))
    assert float((after - before).abs().max() / before.std()) < 1e-8


def test_size():
    assert sum(path.stat().st_size for path in pretrained.FOLDER.rglob("*") if path.is_file()) < 1_000_000
