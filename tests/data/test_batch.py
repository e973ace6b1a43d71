"""JetBatch: built from offsets, selected, transformed, and still a PyG batch."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import global_add_pool

from lorentznet.data.batch import JetBatch
from lorentznet.group import LorentzTransform


@pytest.fixture
def batch():
    random = np.random.default_rng(1)
    return JetBatch.from_arrays(
        random.normal(size=(9, 4)), [4, 0, 3, 2], y=[0, 1, 1, 0], weight=[1, 2, 3, 4], scalars=np.arange(9)[:, None]
    )


def test_offsets_and_owners(batch):
    assert batch.ptr.tolist() == [0, 4, 4, 7, 9]
    assert batch.batch.tolist() == [0] * 4 + [2] * 3 + [3] * 2
    assert batch.counts.tolist() == [4, 0, 3, 2]
    assert (batch.n_jets, batch.num_graphs, batch.num_nodes) == (4, 4, 9)
    assert batch.p4.dtype == batch.weight.dtype == torch.float64


def test_it_is_a_pyg_batch(batch):
    pooled = global_add_pool(batch.p4, batch.batch, batch.num_graphs)
    assert torch.allclose(pooled[2], batch.p4[4:7].sum(0))
    assert not pooled[1].any()


def test_weights_are_one_and_labels_absent_unless_given():
    plain = JetBatch.from_arrays(np.zeros((2, 4)), [1, 1])
    assert plain.weight.tolist() == [1.0, 1.0]
    assert "y" not in plain


@pytest.mark.parametrize(("chosen", "kept"), [([3, 0], [3, 0]), (slice(1, 3), [1, 2]), ([True, False, True, False], [0, 2])])
def test_selection_keeps_what_belongs_to_a_jet(batch, chosen, kept):
    rows = chosen if isinstance(chosen, slice) else torch.tensor(chosen)
    selected = batch.select(rows)
    assert selected.y.tolist() == [batch.y[k].item() for k in kept]
    assert selected.weight.tolist() == [batch.weight[k].item() for k in kept]
    assert selected.counts.tolist() == [batch.counts[k].item() for k in kept]
    for new, old in enumerate(kept):
        here, there = slice(*selected.ptr[new : new + 2].tolist()), slice(*batch.ptr[old : old + 2].tolist())
        assert torch.equal(selected.p4[here], batch.p4[there])
        assert torch.equal(selected.scalars[here], batch.scalars[there])


def test_one_transform_for_all_or_one_for_each(batch):
    boost, rotation = LorentzTransform.boost([0.1, 0.2, -1.0]), LorentzTransform.rotation([0.4, 0, 0.3])
    before = batch.p4.clone()
    assert torch.allclose(batch.transformed(boost.matrix).p4, batch.p4 @ boost.matrix.T)
    each = torch.stack([boost.matrix, boost.matrix, rotation.matrix, rotation.matrix])
    moved = batch.transformed(each)
    assert torch.allclose(moved.p4[:4], batch.p4[:4] @ boost.matrix.T)
    assert torch.allclose(moved.p4[4:], batch.p4[4:] @ rotation.matrix.T)
    assert torch.equal(batch.p4, before)


def test_references_are_transformed_along(batch):
    beams = torch.tensor([[1.0, 0, 0, 1], [1, 0, 0, -1]], dtype=torch.float64).expand(4, 2, 4)
    boost = LorentzTransform.boost([0.0, 0.5, 0.5])
    moved = batch.with_momenta(batch.p4, beams).transformed(boost.matrix)
    assert torch.allclose(moved.references, beams @ boost.matrix.T)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(n_particles, 4\)"):
        JetBatch.from_arrays(np.zeros((3, 3)), [3])
    with pytest.raises(ValueError, match="add up to 2 particles, but p4 holds 3"):
        JetBatch.from_arrays(np.zeros((3, 4)), [1, 1])
