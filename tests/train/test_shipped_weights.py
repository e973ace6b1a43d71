"""Every pretrained tagger that ships: whole, documented, invariant, and good on the sample."""

import hashlib
import re

import numpy as np
import pytest

import lorentznet as ln
from lorentznet.evaluate import invariance
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
def test_invariant(name, sample):
    """float32 behind the rest frame: to a millionth, flat in gamma; float64: to what rounding of the boosted momenta does anyway; and
    bfloat16, of no use in the laboratory, flips no decision behind the rest frame."""
    dtypes = ("float32", "float64", "bfloat16")
    result = invariance.scan(ln.load(name), sample, (1.1, 10.0, 1000.0), ("boost",), dtypes, jets=24, name=name, parts=())
    scanned = result.taggers[name]
    single, double, half = (scanned.curves[dtype, "frame"]["boost"] for dtype in dtypes)
    for gamma, floor in scanned.floor["boost"].items():
        assert single[gamma].rms < 1e-6
        assert double[gamma].rms < 3 * floor.rms < 1e-6
        assert half[gamma].flips == 0
    assert max(single.values(), key=lambda change: change.rms).rms < 3 * min(single.values(), key=lambda change: change.rms).rms
    assert scanned.curves["bfloat16", "lab"]["boost"]["1000"].rms > 0.1


def test_size():
    assert sum(path.stat().st_size for path in pretrained.FOLDER.rglob("*") if path.is_file()) < 1_000_000
