"""Trained taggers taken apart: numbers, files, and what is refused."""

import copy
import json

import numpy as np
import pytest
import torch

from lorentznet import taggers
from lorentznet.data import collate
from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate.anatomy import parts_of, removed
from lorentznet.evaluate.explain import explain, n_parts
from lorentznet.evaluate.explanation import Explanation


@pytest.fixture(scope="module", params=["cg", "cg-everything", "lgn", "clifford", "clifford-grades"])
def explained(request, networks):
    tagger, table = networks.make(request.param), networks.jets(12, scalars=2)
    return tagger, table, explain(tagger, table)


def test_everything_is_explained(explained):
    tagger, table, found = explained
    assert len(found.rows) == n_parts(tagger)
    assert found.jets == {"qcd": 6, "top": 6}
    assert {row.kind for row in found.rows} == {"path", "irrep", "invariant"}
    names = [row.name for row in found.rows]
    assert len(set(names)) == len(names)
    assert sum(row.loss.value != 0 for row in found.rows) > 0.5 * len(names)
    batch = collate(table)
    with torch.no_grad():
        z = tagger(batch)[:, 0].numpy()
    losses = np.log1p(np.exp(np.where(table.labels == 1, -z, z)))
    assert found.loss.value == pytest.approx(losses.mean(), rel=1e-6)
    part = next(part for part in parts_of(tagger) if part.kind == "irrep")
    with torch.no_grad(), removed(tagger.network, part):
        after = tagger(batch)[:, 0].numpy()
    change = np.log1p(np.exp(np.where(table.labels == 1, -after, after))) - losses
    row = next(row for row in found.rows if row.name == part.name)
    assert row.loss.value == pytest.approx(change.mean(), abs=1e-9)
    assert row.loss.error == pytest.approx(change.std(ddof=1) / np.sqrt(12), abs=1e-9)


def test_shares_of_an_update_add_up_in_squares(explained):
    tagger, _, found = explained
    sums: dict[tuple[int, str], float] = {}
    for row, part in zip(found.rows, parts_of(tagger), strict=True):
        assert (row.share is not None) == (row.kind == "path") == (row.weight_norm is not None)
        if part.block is not None:
            key = part.layer, str(part.block[1][1])
            sums[key] = sums.get(key, 0.0) + row.share**2
            assert row.weight_norm > 0
    arriving = [total for total in sums.values() if total > 0]
    np.testing.assert_allclose(arriving, 1.0, rtol=1e-6)
    assert len(arriving) > 0.7 * len(sums)


def test_the_tagger_is_left_as_it_is_and_batches_do_not_matter(networks):
    tagger, table = networks.make("clifford").train(), networks.jets(12)
    before = copy.deepcopy(tagger.state_dict())
    found, again = explain(tagger, table), explain(tagger, table, chunk=5)
    for first, second in zip(found.rows, again.rows, strict=True):
        assert first.loss.value == pytest.approx(second.loss.value, abs=1e-9)
        assert (first.share or 0) == pytest.approx(second.share or 0, abs=1e-9)
    assert tagger.training
    assert all(torch.equal(value, tagger.state_dict()[name]) for name, value in before.items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tagger.modules())


def test_jets_are_drawn_by_the_seed(networks):
    tagger, table = networks.small(), networks.jets(40)
    first, same, other = (explain(tagger, table, jets=12, seed=seed) for seed in (1, 1, 2))
    assert first.to_dict() == same.to_dict()
    assert first.loss != other.loss
    assert sum(first.jets.values()) == sum(other.jets.values()) == 12


def test_files_and_words(explained, tmp_path):
    *_, found = explained
    paths = found.write(tmp_path)
    assert [path.name for path in paths] == ["explain.json", "explain.csv"]
    assert Explanation.read(paths[0]).to_dict() == found.to_dict() == json.loads(paths[0].read_text())
    lines = paths[1].read_text().splitlines()
    assert lines[0].startswith("kind,name,layer,share,weight_norm,loss,")
    assert len(lines) == 1 + len(found.rows)
    text = found.table(paths=3)
    assert f"largest 3 of {len(found.of_kind('path'))}" in text
    assert "12 jets (6 qcd, 6 top; seed 1)" in text
    assert "nothing trained again" in text
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + len(found.largest())
    assert "&gt;" in page
    values = [row.loss.value for row in found.of_kind("invariant")]
    assert values == sorted(values, reverse=True)
    with pytest.raises(ConfigError, match="did you mean 'path'"):
        found.of_kind("paths")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match=r"other.json: is not the explain.json"):
        Explanation.read(tmp_path / "other.json")


def test_several_classes_and_weights(networks):
    table = networks.jets(30, labels=np.arange(30) % 3, classes=("a", "b", "c"))
    found = explain(networks.small(classes=3), table)
    assert found.jets == {"a": 10, "b": 10, "c": 10}
    assert 0 < found.auc.low < found.auc.value < found.auc.high < 1


def test_classes_in_another_order_and_further_ones_are_those_of_the_tagger(networks):
    tagger = networks.small()
    tagger.class_names = ("qcd", "top")
    plain = networks.jets(20, labels=np.arange(20) % 2)
    other = networks.jets(30, labels=np.r_[1 - np.arange(20) % 2, [2] * 10], classes=("Tbqq", "QCD", "w"))
    expected, found = explain(tagger, plain), explain(tagger, other)
    assert found.jets == {"qcd": 10, "top": 10}
    assert np.isclose(found.auc.value, expected.auc.value)
    assert np.allclose([row.loss.value for row in found.rows], [row.loss.value for row in expected.rows])


@pytest.mark.parametrize("options", [{"task": "momentum"}, {"task": "mass"}])
def test_regression_is_refused(options, networks):
    with pytest.raises(ConfigError, match=f"trained for the task '{options['task']}'; only taggers"):
        explain(networks.small(**options), networks.jets())


@pytest.mark.parametrize("name", ["pfn", "part"])
def test_taggers_without_irreps_are_refused(name, networks):
    with pytest.raises(ConfigError, match=f"tagger '{name}' has no irreps or grades .*; give a checkpoint of cg or clifford"):
        explain(taggers.create(name, "small", seed=1), networks.jets())


def test_the_published_clifford_network_is_refused(networks):
    with pytest.raises(
        ConfigError, match="tagger 'clifford': design cgenn cannot be taken apart; explain knows residual and lgn"
    ):
        explain(taggers.create("clifford", "published", layers=1), networks.jets())


def test_networks_without_layers_are_refused(networks):
    with pytest.raises(ConfigError, match="has no layers"):
        explain(networks.small(layers=0), networks.jets())


@pytest.mark.parametrize(
    ("options", "number", "words"),
    [
        ({"labels": [-1] * 12}, 12, "memory: none of the 12 jets drawn from it has a label"),
        ({"labels": [1] * 12}, 12, "none of the 12 jets that are looked at is of class 'qcd'"),
        ({"classes": ("qcd", "w", "top")}, 12, "its card has 3 classes, the tagger 2"),
        ({}, 0, "memory: holds no jets"),
    ],
)
def test_jets_that_say_nothing_are_refused(options, number, words, networks):
    with pytest.raises(DataError, match=words):
        explain(networks.small(), networks.jets(12, **options)[:number])


def test_jets_without_a_label_are_left_out(networks):
    labels = np.arange(20) % 2
    labels[:6] = -1
    found = explain(networks.small(), networks.jets(20, labels=labels))
    assert found.jets == {"qcd": 7, "top": 7}
    with pytest.raises(ConfigError, match="at least 2 jets"):
        explain(networks.small(), networks.jets(20), jets=1)


def test_scalars_alone_are_explained(networks):
    tagger = taggers.create("cg", "tiny", seed=1, irreps="6x(0,0)", references=("beams",))
    names = [row.name for row in explain(tagger, networks.jets(12)).rows]
    assert "layer 1: neighbours s" in names
    assert "ln M, in the read-out" in names
    assert not [name for name in names if "v" in name.replace("everywhere", "").replace("vectors", "")]
