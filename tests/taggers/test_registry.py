"""Names, presets, configurations and their errors."""

import dataclasses

import pytest
import torch

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.group.subgroup import Subgroup
from lorentznet.taggers.equivariant import EquivariantTagger
from lorentznet.testing import check_permutation, check_symmetry, check_tagger, toy_jets

EQUIVARIANT = [name for name in taggers.names() if issubclass(taggers.tagger_class(name), EquivariantTagger)]
"""Taggers with the front end of the rest frame; the others work in the coordinates of a detector."""


def test_the_families_are_registered():
    assert {"cg", "clifford", "part", "pfn"} <= set(taggers.names())
    assert {"cg", "clifford"} == set(EQUIVARIANT)


@pytest.mark.parametrize("name", taggers.names())
def test_every_preset_builds_and_gives_one_logit_a_jet(name):
    batch = toy_jets(3, seed=1)
    for preset in taggers.tagger_class(name).presets:
        logits = taggers.create(name, preset, seed=1)(batch)
        assert logits.shape == (3, 1)
        assert logits.dtype == torch.float32
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", taggers.names())
def test_several_classes_give_one_logit_each(name):
    assert taggers.create(name, "tiny", classes=5)(toy_jets(2, seed=1)).shape == (2, 5)


@pytest.mark.parametrize("name", taggers.names())
def test_tiny_stays_below_five_thousand_parameters(name):
    assert taggers.create(name, "tiny").n_parameters <= 5000
    assert taggers.create(name, "small").n_parameters <= 50_000


def test_the_seed_fixes_the_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, third = (taggers.create("cg", "tiny", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    batch = toy_jets(2, seed=1)
    assert torch.equal(first(batch), second(batch))
    assert not torch.equal(first(batch), third(batch))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "clifort"}, "unknown tagger 'clifort'; did you mean 'clifford'"),
        ({"name": "cg", "preset": "smal"}, "has no preset 'smal'; did you mean 'small'"),
        ({"name": "cg", "layer": 3}, "unknown key 'layer'; did you mean 'layers'"),
        ({"name": "cg", "layers": "many"}, "layers: .*got 'many'"),
        ({"name": "cg", "irreps": "4x(1,1)"}, r"lacks \(0,0\)"),
        ({"name": "cg", "irreps": "4x(0,0)+2x(2,2)"}, r"lacks \(1,1\); add vectors for \(2,2\), which are made of them"),
        ({"name": "cg", "irreps": "4x(0,0)", "order": 2}, r"lacks \(1,1\); add vectors for messages of order 2"),
        ({"name": "cg", "irreps": "4x(0,0)", "task": "momentum"}, r"lacks \(1,1\); add vectors for the task 'momentum'"),
        ({"name": "cg", "irreps": "4x(0,0)", "design": "lgn"}, r"lacks \(1,1\); design lgn needs"),
        ({"name": "cg", "irreps": "4x(0,0)+2x(1,1)+1x(2,0)"}, "write the pair"),
        ({"name": "cg", "irreps": "4x(0,0)+2x(1,1)+1x(3,3)"}, r"nothing makes \(3,3\) out of \(0,0\), \(1,1\).*e.g. \(2,2\) for"),
        (
            {"name": "cg", "irreps": "4x(0,0)+2x(1,1)+1x((1,0)+(0,1))"},
            r"nothing makes \(\(1,0\).*odd k \+ n, which is never made",
        ),
        ({"name": "cg", "preset": "lgn", "irreps": "4x(0,0)+4x(1,1)+4x(3,3)"}, r"nothing makes \(3,3\)"),
        ({"name": "clifford", "grades": [0, 1, 3]}, "grades: 0, 1, 3 lack 2, without which .* makes 3; add 2, or leave 3 out"),
        ({"name": "cg", "products": 0}, "products must be at least 1, got 0"),
        ({"name": "clifford", "classes": 1}, "classes must be at least 2"),
        ({"name": "clifford", "dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"name": "cg", "bells": [8, -1, 0]}, "bells are three numbers"),
        ({"name": "clifford", "references": ["bems"]}, "unknown reference 'bems'; did you mean 'beams'"),
    ],
)
def test_mistakes_name_what_is_possible(arguments, message):
    with pytest.raises(ConfigError, match=message):
        taggers.create(**arguments)


@pytest.mark.parametrize("name", taggers.names())
def test_description_builds_the_same_network_again(name):
    tagger = taggers.create(name, "small", seed=3, **({"references": ("beams",)} if name in EQUIVARIANT else {}))
    description = taggers.describe(tagger)
    again = taggers.create(description.pop("name"), **description)
    again.load_state_dict(tagger.state_dict())
    assert dataclasses.asdict(again.config) == dataclasses.asdict(tagger.config)
    batch = toy_jets(2, seed=1)
    assert torch.equal(again.eval()(batch), tagger.eval()(batch))  # without dropout


def test_symmetry_follows_from_architecture_and_references():
    def symmetry(**changes):
        return taggers.create("cg", "tiny", **changes).symmetry

    assert symmetry() == Subgroup.of("O+(1,3)")
    assert symmetry(hodge=True) == Subgroup.of("SO+(1,3)")
    assert symmetry(hodge=True, irreps="4x(0,0)+4x(1,1)+4x(2,2)") == Subgroup.of("O+(1,3)")  # nothing for the star to act on
    assert symmetry(hodge=True, layers=0) == Subgroup.of("O+(1,3)")  # nothing makes bivectors
    beams, time, both = symmetry(references=["beams"]), symmetry(references=["time"]), symmetry(references=["beams", "time"])
    assert both == beams.meet(time)
    assert both <= beams <= symmetry()
    assert both <= time
    assert beams != time


@pytest.mark.parametrize("hodge", [False, True])
def test_irreps_beyond_the_default_work_through_the_same_layers(hodge):
    tagger = taggers.create("cg", irreps="4x(0,0)+2x(1,1)", maxdim=4, products=1, layers=2, hodge=hodge, seed=1).double()
    assert "(3,3)" in str(tagger.network.irreps)
    check_symmetry(tagger)
    check_permutation(tagger)


def test_a_table_is_no_batch():
    with pytest.raises(
        TypeError, match=r"tagger 'pfn' takes a JetBatch, got list; make one with lorentznet\.data\.collate\(table\)"
    ):
        taggers.create("pfn", "small")([1.0])


def test_scalars_alone_are_a_tagger():
    """Of the pairs it knows their invariants, of the jet what is pooled of particles."""
    for changes in ({"references": ("beams", "time")}, {"edges": "nonlinear", "graph": "knn-angle", "neighbours": 5}):
        check_tagger(taggers.create("cg", "tiny", seed=1, irreps="6x(0,0)", **changes))
    assert str(taggers.create("cg", "tiny", irreps="6x(0,0)", maxdim=2).network.irreps) == "6x(0,0)+6x(1,1)"


def test_maxdim_adds_the_irreps_below_it():
    def irreps(**changes):
        return str(taggers.create("cg", layers=1, products=1, **changes).network.irreps)

    assert irreps(irreps="4x(0,0)+2x(1,1)", maxdim=3) == "4x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)"
    assert irreps(irreps="4x(0,0)+3x(1,1)+1x(2,2)", maxdim=4) == "4x(0,0)+3x(1,1)+1x((2,0)+(0,2))+1x(2,2)+1x((3,1)+(1,3))+1x(3,3)"
    assert irreps(irreps="4x(0,0)+2x(1,1)", maxdim=2) == "4x(0,0)+2x(1,1)"
    with pytest.raises(ConfigError, match=r"maxdim: \(2,2\) of irreps .* is not among those below 2: \(0,0\), \(1,1\)"):
        irreps(irreps="4x(0,0)+2x(1,1)+1x(2,2)", maxdim=2)


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_invariants_of_several_layers_are_read(name):
    last, both, every = (taggers.create(name, "tiny", seed=1, layers_read=number, pooled=0).double() for number in (1, 2, 3))
    assert last.n_parameters < both.n_parameters < every.n_parameters
    check_tagger(every.float())
    with pytest.raises(ConfigError, match="layers_read: 4 of 2 layers; at most 3"):
        taggers.create(name, "tiny", layers_read=4)


@pytest.mark.parametrize(
    ("name", "preset", "changes", "words"),
    [
        ("cg", "lgn", {"dropout": 0.1}, "dropout: design lgn has no use for it, got 0.1"),
        ("cg", "lgn", {"edges": "nonlinear"}, "edges: design lgn has no use for it, got nonlinear"),
        ("cg", "lgn", {"order": 2}, "order: design lgn has no use for it, got 2"),
        ("clifford", "published", {"heads": 4}, "heads: design cgenn has no use for it, got 4"),
        ("clifford", "published", {"bells": (1, 0, 0)}, r"bells: design cgenn has no use for it, got \(1, 0, 0\)"),
        ("cg", "tiny", {"bells": (0, 0, 0)}, "one of them at least 1, got 0, 0, 0"),
    ],
)
def test_settings_without_use_are_refused(name, preset, changes, words):
    with pytest.raises(ConfigError, match=words):
        taggers.create(name, preset, **changes)


def test_the_network_of_2020_takes_beams_as_particles():
    tagger = taggers.create("cg", "lgn", seed=0, references="beams", references_as="particles")
    assert tagger.config.references == ("beams",)
    check_tagger(tagger)


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_a_batch_with_the_references_of_another_tagger_is_refused(name):
    beams, both = (taggers.create(name, "tiny", references=references) for references in (["beams"], ["beams", "time"]))
    with pytest.raises(ConfigError, match=r"carries 2 reference vectors, the tagger reads 3 \(beams, time\)"):
        both(beams.with_references(toy_jets(2, seed=1)))


@pytest.mark.parametrize(
    ("name", "preset"),
    [("cg", "tiny"), ("cg", "lgn"), ("clifford", "tiny"), ("clifford", "published"), ("part", "tiny"), ("pfn", "tiny")],
)
def test_batches_of_nothing(name, preset):
    """Jets without particles; and no jets at all."""
    tagger = taggers.create(name, preset, seed=0).eval()
    for counts in ([0, 0], []):
        logits = tagger(JetBatch.from_arrays(torch.zeros(0, 4, dtype=torch.float64), counts))
        assert logits.shape == (len(counts), 1)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *[(name, {}) for name in taggers.names()],
        ("cg", {"layers": 0}),
        ("cg", {"graph": "knn-angle", "neighbours": 4}),
        ("cg", {"task": "mass"}),
        ("cg", {"task": "momentum"}),
        ("clifford", {"graph": "knn-deltar", "neighbours": 4}),
    ],
)
def test_momenta_that_are_not_finite_give_no_finite_numbers(name, changes, value):
    """Neither alone in their jet nor among others; and the other jets of the batch do not notice."""
    tagger = taggers.create(name, "tiny", seed=1, **changes).eval()
    jets = toy_jets(3, seed=1)
    p4 = torch.cat((jets.p4, torch.tensor([[5.0, 3.0, 4.0, 0.0]], dtype=torch.float64)))
    batch = JetBatch.from_arrays(p4, [*jets.counts.tolist(), 1])
    expected = tagger(batch)
    p4 = p4.clone()
    p4[[int(jets.counts[0]) + 2, -1]] = torch.tensor([value, 3.0, value, 0.0], dtype=torch.float64)
    found = tagger(JetBatch.from_arrays(p4, [*jets.counts.tolist(), 1]))
    assert not found[[1, 3]].isfinite().any()
    assert torch.allclose(found[[0, 2]], expected[[0, 2]], atol=1e-5)


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_momenta_in_float32_lose_only_what_their_rounding_took(name):
    tagger = taggers.create(name, "tiny", seed=1).double()
    jets = toy_jets(4, seed=1)
    single = jets.with_momenta(jets.p4.float())
    assert torch.equal(tagger(single), tagger(jets.with_momenta(single.p4.double())))


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_second_derivatives_are_refused_and_not_wrong(name):
    tagger = taggers.create(name, "tiny", seed=1)
    batch = toy_jets(2, seed=1)
    batch.p4.requires_grad_()
    (first,) = torch.autograd.grad(tagger(batch).sum(), batch.p4, create_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        first.square().sum().backward()


def test_particle_scalars_are_read_or_missed_with_a_message():
    tagger = taggers.create("cg", "tiny", scalars=2, seed=1)
    batch = toy_jets(3, seed=1)
    with pytest.raises(ConfigError, match="reads 2 scalars of each particle"):
        tagger(batch)
    batch.scalars = torch.zeros((batch.p4.shape[0], 2), dtype=torch.float64)
    plain = tagger(batch)
    batch.scalars[:, 0] = 1.0
    assert not torch.allclose(plain, tagger(batch))


@pytest.mark.parametrize("name", EQUIVARIANT)
@pytest.mark.parametrize(("preset", "bound"), [("tiny", 1e-6), ("small", 1e-6)])
def test_rest_frame_and_laboratory_are_one_function(name, preset, bound):
    """In float64 both front ends give the same logits, up to what the laboratory's cancellations leave."""
    tagger, batch = taggers.create(name, preset, references=("beams", "time"), seed=1).double(), toy_jets(20, seed=2)
    frame, lab = tagger.in_frame("frame")(batch), tagger.in_frame("lab")(batch)
    assert (frame - lab).abs().max() < bound * frame.std()


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_autocast_stays_outside(name):
    tagger, batch = taggers.create(name, "small", seed=1), toy_jets(3, seed=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = tagger(batch)
    assert torch.equal(inside, tagger(batch))


@pytest.mark.parametrize("name", taggers.names())
def test_gradients_do_not_depend_on_the_order_of_threads(name):
    """The gradient of an index is summed by parallel threads in any order, so that a seed would not fix a training."""
    changes = {"references": ("beams", "time")} if name in EQUIVARIANT else {}
    logits = taggers.create(name, "small", seed=1, **changes)(toy_jets(2, seed=1))
    waiting, seen = [logits.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [below for below, _ in node.next_functions]
    assert len(seen) > (100 if name in EQUIVARIANT else 10)
    assert not [node.name() for node in seen if node.name().startswith(("Index", "Gather", "Scatter"))]
