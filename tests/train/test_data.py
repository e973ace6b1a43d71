import numpy as np
import pytest
import torch

from lorentznet.data import JetTable
from lorentznet.errors import DataError
from lorentznet.train.data import EvaluationBatches, TrainingBatches, sorted_batches
from lorentznet.train.jet_arrays import JetArrays
from lorentznet.train.labels import check_labels


def make_jets(n, seed=0, scalars=0, smallest=1, largest=60):
    random = np.random.default_rng(seed)
    counts = random.integers(smallest, largest, n)
    p4 = random.normal(size=(counts.sum(), 4))
    extra = random.normal(size=(counts.sum(), scalars)) if scalars else None
    return JetArrays(p4, counts, np.arange(n) % 2, random.random(n), extra, ("qcd", "top"))


def test_a_batch_is_what_a_loop_over_jets_gives():
    jets = make_jets(30, scalars=2)
    rows = np.array([7, 0, 29, 3, 3])
    batch = jets.batch(rows)
    starts = np.concatenate([[0], np.cumsum(jets.counts)])
    pieces = [slice(starts[row], starts[row + 1]) for row in rows]
    assert torch.equal(batch.p4, torch.cat([jets.p4[piece] for piece in pieces]))
    assert torch.equal(batch.scalars, torch.cat([jets.scalars[piece] for piece in pieces]))
    assert batch.counts.tolist() == jets.counts[rows].tolist()
    assert batch.batch.tolist() == [k for k, row in enumerate(rows) for _ in range(jets.counts[row])]
    assert batch.y.tolist() == (rows % 2).tolist()
    assert torch.equal(batch.weight, jets.weights[rows])
    assert batch.p4.dtype == torch.float64


def test_empty_batch_and_jet_without_particles():
    jets = JetArrays(np.ones((3, 4)), [2, 0, 1], [0, 1, 0])
    assert jets.batch(np.array([], dtype=np.int64)).n_jets == 0
    assert jets.batch(np.array([1, 2])).counts.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("n", "batch_size", "world_size"),
    [(100, 16, 1), (101, 16, 1), (101, 16, 2), (17, 16, 3), (64, 16, 4), (5, 100, 2), (97, 1, 2)],
)
@pytest.mark.parametrize("bucket", [1, 3, 32])
def test_an_epoch_uses_every_jet_once_in_equal_shares(n, batch_size, world_size, bucket):
    jets = make_jets(n)
    ranks = [TrainingBatches(jets, batch_size, bucket, seed=4, rank=rank, world_size=world_size) for rank in range(world_size)]
    epochs = [rank.epoch(2) for rank in ranks]
    assert {len(epoch) for epoch in epochs} == {len(ranks[0])}
    used = np.concatenate([batch for epoch in epochs for batch in epoch])
    assert sorted(used) == list(range(n))
    sizes = {len(batch) for epoch in epochs for batch in epoch}
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_order_depends_on_seed_and_epoch_only():
    jets = make_jets(200)
    first, second = TrainingBatches(jets, 16, 4, seed=1), TrainingBatches(jets, 16, 4, seed=1)
    list(first)  # an epoch that is over changes nothing
    assert all(np.array_equal(a, b) for a, b in zip(first.epoch(5), second.epoch(5), strict=True))
    for other in (TrainingBatches(jets, 16, 4, seed=2).epoch(5), first.epoch(6)):
        assert not all(np.array_equal(a, b) for a, b in zip(first.epoch(5), other, strict=True))


def test_mirrored_jets_have_z_turned_and_nothing_else():
    jets = make_jets(40, scalars=2)
    jets.targets = torch.randn(40, 4, dtype=torch.float64)
    rows, mirrored = np.array([7, 0, 29, 3]), np.array([True, False, True, False])
    plain, batch = jets.batch(rows), jets.batch(rows, mirrored)
    turned = torch.tensor([1.0, 1.0, 1.0, -1.0], dtype=torch.float64)
    for jet, turn in enumerate(mirrored):
        own = plain.batch == jet
        assert torch.equal(batch.p4[own], plain.p4[own] * (turned if turn else 1))
        assert torch.equal(batch.target[jet], plain.target[jet] * (turned if turn else 1))
    assert torch.equal(batch.scalars, plain.scalars)
    assert torch.equal(jets.batch(rows).p4, plain.p4), "the jets themselves are left as they are"
    jets.targets = torch.ones(40, 1, dtype=torch.float64)  # a mass
    assert torch.equal(jets.batch(rows, mirrored).target, torch.ones(4, 1, dtype=torch.float64))


def test_half_of_the_jets_are_mirrored_anew_in_each_epoch_and_by_all_processes_alike():
    jets = make_jets(2000)
    first, second = (TrainingBatches(jets, 100, 4, seed=3, rank=rank, world_size=2, mirror=True) for rank in range(2))
    lots = [first.mirrored(epoch) for epoch in range(3)]
    assert all(abs(lot.mean() - 0.5) < 0.05 for lot in lots)
    assert abs((lots[0] == lots[1]).mean() - 0.5) < 0.05
    assert all(np.array_equal(second.mirrored(epoch), lot) for epoch, lot in enumerate(lots))
    assert TrainingBatches(jets, 100).mirrored(0) is None
    shares = [batch for batches in (first, second) for batch in batches]
    order = np.concatenate([rows for batches in (first, second) for rows in batches.epoch(0)])
    signs = torch.cat([torch.sign(batch.p4[:, 3]) for batch in shares])
    expected = torch.cat([torch.sign(jets.batch(np.array([row])).p4[:, 3]) * (-1 if lots[0][row] else 1) for row in order])
    assert torch.equal(signs, expected)


def padded(jets, batches):
    """Slots of all batches when each is padded to its longest jet."""
    return sum(len(batch) * jets.counts[batch].max() for batch in batches)


def test_buckets_save_padding_and_stay_random():
    jets = make_jets(4000)
    sorted_epoch, plain_epoch = (TrainingBatches(jets, 32, bucket, seed=1).epoch(0) for bucket in (32, 1))
    particles = jets.counts.sum()
    assert padded(jets, sorted_epoch) < 1.06 * particles
    assert padded(jets, plain_epoch) > 1.5 * particles
    sizes = np.array([jets.counts[batch].mean() for batch in sorted_epoch])
    assert abs(np.corrcoef(sizes[1:], sizes[:-1])[0, 1]) < 0.3, "batches of an epoch follow each other by size"
    # jets that are neighbours in one epoch are not in the next
    together = {frozenset(pair) for batch in sorted_epoch for pair in zip(batch[1:].tolist(), batch[:-1].tolist(), strict=True)}
    again = {
        frozenset(pair)
        for batch in TrainingBatches(jets, 32, 32, seed=1).epoch(1)
        for pair in zip(batch[1:].tolist(), batch[:-1].tolist(), strict=True)
    }
    assert len(together & again) < 0.05 * len(together)


def test_processes_of_a_step_get_jets_of_one_size():
    jets = make_jets(4000)
    ranks = [TrainingBatches(jets, 32, 16, seed=1, rank=rank, world_size=2).epoch(0) for rank in range(2)]
    differences = [abs(jets.counts[a].mean() - jets.counts[b].mean()) for a, b in zip(*ranks, strict=True)]
    assert np.median(differences) < 2


def test_position_can_be_saved_in_the_middle_of_an_epoch():
    jets = make_jets(100)
    whole = TrainingBatches(jets, 16, 4, seed=1)
    expected = [batch.p4 for _ in range(2) for batch in whole]
    first = TrainingBatches(jets, 16, 4, seed=1)
    walk = iter(first)
    seen = [next(walk).p4 for _ in range(3)]
    second = TrainingBatches(jets, 16, 4, seed=1)
    second.load_state_dict(first.state_dict())
    seen += [batch.p4 for _ in range(2) for batch in second]
    assert len(seen) == len(expected) == 14
    assert all(torch.equal(a, b) for a, b in zip(seen, expected, strict=True))


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
@pytest.mark.parametrize("batch_size", [1, 7, 16])
@pytest.mark.parametrize("n", [10, 11, 12, 13, 50])
def test_validation_uses_every_jet_once_in_equally_many_batches(n, batch_size, world_size):
    jets = make_jets(n)
    ranks = [EvaluationBatches(jets, batch_size, rank, world_size) for rank in range(world_size)]
    assert len({len(rank) for rank in ranks}) == 1
    used = [batch for rank in ranks for batch in rank.batches]
    assert sorted(np.concatenate(used)) == list(range(n))
    assert min(len(batch) for batch in used) >= 1
    assert max(len(batch) for batch in used) <= max(2, batch_size)


def test_too_few_jets_for_the_processes():
    with pytest.raises(DataError, match="3 training jets"):
        TrainingBatches(make_jets(3), 2, world_size=4)
    with pytest.raises(DataError, match="3 validation jets"):
        EvaluationBatches(make_jets(3), 2, world_size=2)


def test_sorted_batches_bound_memory():
    counts = np.random.default_rng(1).integers(0, 200, 1000)
    batches = sorted_batches(counts, 64, pairs=200_000)
    assert sorted(np.concatenate(batches)) == list(range(1000))
    assert max(map(len, batches)) == 64
    assert all(len(batch) * counts[batch].max() ** 2 <= 200_000 for batch in batches)
    assert [len(batch) for batch in sorted_batches(np.array([500, 500]), 64, pairs=1000)] == [1, 1]
    assert sorted_batches(np.array([], dtype=np.int64), 64) == []


def table(classes=("qcd", "top"), labels=(0, 1), scalars=None, source="a.root", weights=None):
    return JetTable.from_arrays(np.ones((3, 4)), [1, 2], labels, weights, classes=classes, scalars=scalars, source=source)


def test_tables_are_joined():
    jets = JetArrays.from_tables(iter([table(scalars=np.ones((3, 2))), table(scalars=np.zeros((3, 2)))]))
    assert len(jets) == 4
    assert jets.counts.tolist() == [1, 2, 1, 2]
    assert jets.scalars.sum() == 6
    assert jets.classes == ("qcd", "top")


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([], ["no jets"]),
        ([table(), table(("qcd", "w"), source="b.root")], ["b.root", "a.root", "qcd, w"]),
        ([table(), table(scalars=np.ones((3, 2)), source="b.root")], ["b.root", "2 scalars"]),
    ],
)
def test_tables_that_do_not_fit(tables, words):
    with pytest.raises(DataError) as caught:
        JetArrays.from_tables(tables)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (table(()), ["jets.root", "no classes"]),
        (table(labels=(0, -1)), ["1 of 2 jets have no label"]),
        (table(weights=(1, -1)), ["weights", "add up to 0"]),
        (table(labels=(0, 0)), ["class 'top' never occurs", "qcd: 2, top: 0"]),
    ],
)
def test_labels_that_cannot_be_trained_with(made, words):
    with pytest.raises(DataError) as caught:
        check_labels(JetArrays.from_tables([made]), "jets.root")
    assert all(word in str(caught.value) for word in words)
