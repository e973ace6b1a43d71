"""Parts of networks that are taken out, against networks whose weights say the same."""

import copy

import pytest
import torch

from lorentznet.data import collate
from lorentznet.evaluate.anatomy import parts_of, removed, watched
from lorentznet.taggers import create


def look(tagger, parts, batch):
    with torch.no_grad(), watched(tagger.network, [edit for part in parts for edit in part.edits]):
        return tagger(batch)


def without(tagger, part, batch):
    with torch.no_grad(), removed(tagger.network, part):
        return tagger(batch)


def logits(tagger, batch):
    with torch.no_grad():
        return tagger(batch)


def columns(mixing, given: int) -> tuple[int, slice]:
    """The output of an input term of an irrep mixing, and its columns of the weights there."""
    out = next(out for out, sources in enumerate(mixing.sources) if given in sources)
    before = [term for term in mixing.sources[out] if term < given]
    start = sum(mixing.irreps_in.terms[term][0] for term in before)
    return out, slice(start, start + mixing.irreps_in.terms[given][0])


def clear(mixing, given: int) -> None:
    out, chosen = columns(mixing, given)
    mixing.weights[out].data[:, chosen] = 0
    if str(out) in mixing.stars:
        mixing.stars[str(out)].data[:, chosen] = 0


@pytest.mark.parametrize("which", ["cg", "cg-everything"])
def test_a_path_of_irreps_is_its_weights(which, networks):
    tagger, batch = networks.make(which), collate(networks.jets(scalars=2))
    parts = [part for part in parts_of(tagger) if part.kind == "path"]
    whole, changed = logits(tagger, batch), 0
    for number, layer in enumerate(tagger.network.layers):
        of_layer = [part for part in parts if part.layer == number + 1]
        assert len(of_layer) == len(layer.widen.irreps_in)
        own = len(tagger.network.irreps)
        sums = len(layer.combine.irreps_in) - own
        for term, part in enumerate(of_layer):
            other = copy.deepcopy(tagger)
            clear(other.network.layers[number].widen, term)
            if 2 * own <= term < 2 * own + sums:  # sums over neighbours are used twice
                clear(other.network.layers[number].combine, term - own)
            found = without(tagger, part, batch)
            torch.testing.assert_close(found, logits(other, batch), rtol=0, atol=1e-12)
            changed += bool((found != whole).any())
    assert changed > 0.6 * len(parts)
    assert torch.equal(logits(tagger, batch), whole)


def test_paths_are_named_by_what_they_multiply(networks):
    for options in ({"maxdim": 4}, {"maxdim": 4, "hodge": True, "order": 2}, {"design": "lgn", "maxdim": 4}):
        made = create("cg", irreps="2x(0,0)+2x(1,1)", layers=1, **options)
        found = [part.name for part in parts_of(made)]
        assert len(set(found)) == len(found)
    names = [part.name for part in parts_of(networks.make("cg-everything")) if part.kind == "path"]
    assert len(set(names)) == len(names)
    for word in ("own v", "combined f", "neighbours t", "(u_i-u_j) x v -> t", "(u_i-u_j)^2 x s -> t", "v x f -> v (pseudo)"):
        assert f"layer 1: {word}" in names
    product = networks.make("cg").network.layers[0].square
    given = [torch.zeros(mult, 1, irrep.dim, dtype=torch.float64) for mult, irrep in product.irreps_in]
    given[1] += 1.0
    alive = {str(path.out) for path, z in zip(product.paths, product(given), strict=True) if z.abs().max() > 0}
    assert alive <= {str(path.out) for path in product.paths if str(path.i) == str(path.j) == "(1,1)"}
    assert "(2,2)" in alive


@pytest.mark.parametrize("which", ["cg", "cg-everything", "cg-first"])
@pytest.mark.parametrize("term", range(4))
def test_an_irrep_is_all_its_weights(which, term, networks):
    tagger, batch = networks.make(which), collate(networks.jets(scalars=2))
    other = copy.deepcopy(tagger)
    network = other.network
    for layer in network.layers:
        for mixing in (layer.narrow, layer.combine, layer.widen):
            mixing.weights[term].data.zero_()
            for words in (mixing.stars, mixing.biases):
                if str(term) in words:
                    words[str(term)].data.zero_()
        if term == 0:
            layer.gate.mlp[2].weight.data[:4] = 0
            layer.gate.mlp[2].bias.data[:4] = 0
    if term == 0:
        network.embed_scalars.weight.data.zero_()
        network.embed_scalars.bias.data.zero_()
    if term == 1:
        network.embed_vectors.weight.data.zero_()
        network.embed_vectors.bias.data.fill_(-1)
    part = [part for part in parts_of(tagger) if part.kind == "irrep"][term]
    assert part.name == ["scalars s", "vectors v", "bivectors f", "tensors t"][term]
    found = without(tagger, part, batch)
    torch.testing.assert_close(found, logits(other, batch), rtol=0, atol=1e-12)
    assert (found - logits(tagger, batch)).abs().max() > 1e-6


@pytest.mark.parametrize("which", ["clifford", "clifford-first"])
@pytest.mark.parametrize("grade", range(5))
def test_a_grade_is_all_its_weights(which, grade, networks):
    tagger, batch = networks.make(which), collate(networks.jets())
    other = copy.deepcopy(tagger)
    for layer in other.network.layers:
        for mixing in (layer.left, layer.right, layer.mix):
            mixing.weight.data[grade] = 0
            if grade == 0 and mixing.bias is not None:
                mixing.bias.data.zero_()
        if grade == 0:
            layer.to_grade_zero.weight.data.zero_()
            layer.to_grade_zero.bias.data.zero_()
    if grade == 1:
        other.network.embed_vectors.weight.data.zero_()
        other.network.embed_vectors.bias.data.fill_(-1)
    part = [part for part in parts_of(tagger) if part.kind == "irrep"][grade]
    found = without(tagger, part, batch)
    torch.testing.assert_close(found, logits(other, batch), rtol=0, atol=1e-12)
    change = (found - logits(tagger, batch)).abs().max()
    assert change > 1e-9 if grade < 4 else change == 0  # products of a single layer make no pseudoscalar


def test_a_path_of_multivectors_is_its_weights(networks):
    tagger, batch = networks.make("clifford"), collate(networks.jets())
    for part in parts_of(tagger):
        if part.kind == "path":
            (block, grade), other = part.block[1], copy.deepcopy(tagger)
            layer = other.network.layers[part.layer - 1]
            chosen = slice(2 * block, 2 * block + 2)
            for mixing in (layer.left, layer.right, layer.mix) if block in (1, 2) else (layer.mix,):
                mixing.weight.data[grade, :, chosen] = 0
            torch.testing.assert_close(without(tagger, part, batch), logits(other, batch), rtol=0, atol=1e-12)


def test_a_path_and_an_irrep_of_the_network_of_2020_are_their_weights(networks):
    tagger, batch = networks.make("lgn"), collate(networks.jets())
    parts = parts_of(tagger)
    for number, level in enumerate(tagger.network.levels):
        for term, part in enumerate(part for part in parts if part.layer == number + 1):
            other = copy.deepcopy(tagger)
            clear(other.network.levels[number].mixing, term)
            torch.testing.assert_close(without(tagger, part, batch), logits(other, batch), rtol=0, atol=1e-11)
        assert len(level.mixing.irreps_in) == term + 1
    other = copy.deepcopy(tagger)
    for level in other.network.levels:
        level.mixing.weights[1].data.zero_()
    other.network.embed_vectors.data.zero_()
    vectors = next(part for part in parts if part.name == "vectors v")
    torch.testing.assert_close(without(tagger, vectors, batch), logits(other, batch), rtol=0, atol=1e-11)


def test_invariants_are_replaced_by_their_mean(networks):
    """In the read-out a mean is a constant, which the next bias can hold."""
    tagger, batch = networks.make("cg"), collate(networks.jets())
    parts = parts_of(tagger)
    look(tagger, parts, batch)
    seen = {}
    handle = tagger.network.readout.register_forward_pre_hook(lambda module, args: seen.update(zip("pjf", args, strict=True)))
    logits(tagger, batch)
    handle.remove()
    rows = {"scalars": range(4), "v.v": range(4, 6), "v.u": range(6, 8), "f.f": range(8, 10), "t.t": range(10, 12)}
    for name, chosen in rows.items():
        other, first = copy.deepcopy(tagger), list(chosen)
        linear = other.network.readout.of_particle[0]
        mean = seen["p"][first][:, seen["f"].mask].mean(1)
        linear.bias.data += linear.weight.data[:, first] @ mean
        linear.weight.data[:, first] = 0
        part = next(part for part in parts if part.name == f"{name} in the read-out")
        torch.testing.assert_close(without(tagger, part, batch), logits(other, batch), rtol=0, atol=1e-12)
    gram = seen["j"].shape[1]
    for name, first, mean in (
        ("V_c.V_d and V_c.u of the jet", slice(-gram - 1, -1), seen["j"].mean(0)),
        ("ln M, in the read-out", slice(-1, None), (seen["f"].log_mass.mean()[None] - 4.5) / 0.6),
    ):
        other = copy.deepcopy(tagger)
        linear = other.network.readout.mlp[0]
        linear.bias.data += linear.weight.data[:, first] @ mean
        linear.weight.data[:, first] = 0
        part = next(part for part in parts if part.name == name)
        torch.testing.assert_close(without(tagger, part, batch), logits(other, batch), rtol=0, atol=1e-12)


def test_radial_functions_are_replaced_by_their_mean(networks):
    tagger, batch = networks.make("cg"), collate(networks.jets())
    parts = parts_of(tagger)
    look(tagger, parts, batch)
    with torch.no_grad():
        basis = tagger.network.basis(tagger.frame(batch, torch.float64))
    for name, first in (("M^2", slice(0, 3)), ("cos theta", slice(3, 5)), ("GeV^2", slice(5, 7))):
        other = copy.deepcopy(tagger)
        mean = basis[first][:, basis[-1] > 0].mean(1)
        for layer in other.network.layers:
            weight = layer.radial.weight.data
            weight[:, -1] += weight[:, first] @ mean
            weight[:, first] = 0
        part = next(part for part in parts if "radial" in part.name and name in part.name)
        torch.testing.assert_close(without(tagger, part, batch), logits(other, batch), rtol=0, atol=1e-12)


def test_without_ln_m_the_scale_of_a_jet_is_nothing(networks):
    """Without references ln M is all that knows of GeV."""
    tagger = networks.small().double().eval()
    parts = parts_of(tagger)
    batch = collate(networks.jets())
    look(tagger, parts, batch)
    part = next(part for part in parts if part.name == "ln M, everywhere")
    scaled = batch.with_momenta(batch.p4 * 3)
    assert (logits(tagger, scaled) - logits(tagger, batch)).abs().max() > 1e-6
    torch.testing.assert_close(without(tagger, part, scaled), without(tagger, part, batch), rtol=0, atol=1e-10)


@pytest.mark.parametrize("which", ["cg", "cg-everything"])
def test_without_reference_vectors_the_beams_are_nothing(which, networks):
    tagger = networks.make(which)
    parts = parts_of(tagger)
    batch = tagger.with_references(collate(networks.jets(scalars=2)))
    look(tagger, parts, batch)
    part = next(part for part in parts if part.name == "reference vectors")
    turned = batch.with_momenta(batch.p4, batch.references[..., [0, 3, 1, 2]])
    assert (logits(tagger, turned) - logits(tagger, batch)).abs().max() > 1e-6
    torch.testing.assert_close(without(tagger, part, turned), without(tagger, part, batch), rtol=0, atol=1e-12)
