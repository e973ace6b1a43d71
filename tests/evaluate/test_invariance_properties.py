"""What must not matter besides the frame, which layer breaks the symmetry, and how well boosted jets are separated."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.evaluate import metrics
from lorentznet.evaluate.adapters import ModuleTagger
from lorentznet.evaluate.invariance import scan
from lorentznet.evaluate.invariance_layers import moved
from lorentznet.evaluate.invariance_result import TaggerInvariance
from lorentznet.evaluate.invariance_words import worst_layer
from lorentznet.evaluate.rearrangements import EXTRA, joined, longer_jet, permuted
from lorentznet.evaluate.transformations import TRANSFORMATIONS, to_rest
from lorentznet.group.irreps import Irrep, Irreps
from lorentznet.group.multivectors import Multivectors
from lorentznet.group.transform import LorentzTransform
from lorentznet.nn.base import EquivariantModule
from lorentznet.nn.frame import JetFrame
from lorentznet.taggers.base import Tagger
from lorentznet.testing import toy_jets

Function = Callable[[Tensor, Tensor], Tensor]
JETS = toy_jets(12, seed=4, particles=8)


def total(momenta: Tensor, mask: Tensor) -> Tensor:
    return momenta.sum(1)


def log_mass(momenta: Tensor, mask: Tensor) -> Tensor:
    jets = total(momenta, mask)
    return 0.5 * (jets[:, 0].square() - jets[:, 1:].square().sum(-1)).log()


def measured(function: Function, *transformations: str, parts: tuple[str, ...] = (), jets: JetBatch = JETS) -> TaggerInvariance:
    """The scan of a formula in float64."""
    options = {
        "gammas": (2.0, 50.0),
        "transformations": transformations,
        "dtypes": ("float64",),
        "parts": parts,
        "name": "formula",
    }
    return scan(ModuleTagger(function), jets, chunk=4, **options).taggers["formula"]


# ---------------------------------------------------------------------------------------------------------------- rearrangements


@pytest.mark.parametrize(
    ("culprit", "function"),
    [
        ("permutation", lambda momenta, mask: momenta[:, 0, 0].log()),
        ("padding", lambda momenta, mask: log_mass(momenta, mask) + mask.shape[1]),
        ("company", lambda momenta, mask: log_mass(momenta, mask) + momenta[:, :, 0].max()),
    ],
)
def test_what_a_tagger_minds_is_found(culprit: str, function: Function) -> None:
    curves = measured(function, "permutation", "padding", "company").curves["float64", "lab"]
    right = measured(log_mass, "permutation", "padding", "company").curves["float64", "lab"]
    assert curves[culprit]["1"].rms > 0.01
    assert (curves["permutation"]["1"].rms > 1e-9) == (culprit == "permutation")
    assert all(points["1"].rms < 1e-11 for points in right.values())


def test_rearranged_jets_are_the_same_jets() -> None:
    batch = JetBatch.from_arrays(JETS.p4, JETS.counts, scalars=JETS.p4[:, :1])
    shuffled = permuted(batch, np.random.default_rng(1))
    assert torch.equal(shuffled.scalars, shuffled.p4[:, :1])
    assert not torch.equal(shuffled.p4, batch.p4)
    for one, other in zip(shuffled.p4.split(batch.counts.tolist()), batch.p4.split(batch.counts.tolist()), strict=True):
        assert torch.equal(one[one[:, 0].argsort()], other[other[:, 0].argsort()])
    long_one = longer_jet(batch)
    assert long_one.counts.tolist() == [int(batch.counts.max()) + EXTRA]
    together = joined([batch, long_one])
    assert together.n_jets == batch.n_jets + 1
    assert torch.equal(together.scalars[: len(batch.p4)], batch.scalars)


# ---------------------------------------------------------------------------------------------------------------- separation


def test_boosted_jets_are_separated_by_what_is_invariant_only() -> None:
    jets = toy_jets(60, seed=3)
    scanned = measured(log_mass, "boost", jets=jets)
    whole = torch.zeros(60, 4, dtype=torch.float64).index_add(0, jets.batch, jets.p4)
    expected = metrics.auc(jets.y.numpy(), (whole[:, 0].square() - whole[:, 1:].square().sum(1)).numpy())
    assert scanned.unmoved["float64", "lab"].auc.value == expected.value
    boosted = scanned.curves["float64", "lab"]["boost"]["50"].separation
    assert boosted is not None
    assert boosted.auc.value == expected.value
    assert boosted.rejection == scanned.unmoved["float64", "lab"].rejection
    lost = measured(lambda momenta, mask: log_mass(momenta, mask) + total(momenta, mask)[:, 1].abs(), "boost", jets=jets)
    assert lost.curves["float64", "lab"]["boost"]["50"].separation.auc.value < expected.value
    assert any(line.startswith("AUC: ") and "at gamma 50" in line for line in scanned.verdict())


def test_nothing_is_said_of_jets_without_labels_or_of_one_class() -> None:
    unlabelled = JetBatch.from_arrays(JETS.p4, JETS.counts)
    for jets in (unlabelled, JETS.select(JETS.y == 1)):
        scanned = measured(log_mass, "boost", jets=jets)
        assert not scanned.unmoved
        assert "auc" not in scanned.to_dict()["float64"]["lab"]["boost"]["2"]
        assert not any(line.startswith("AUC") for line in scanned.verdict())


# ---------------------------------------------------------------------------------------------------------------- layers


class Broken(EquivariantModule):
    """A layer that adds a fixed vector to the vectors of another one."""

    def __init__(self, inner: EquivariantModule, size: float) -> None:
        super().__init__()
        self.inner, self.size = inner, size
        self.irreps_in, self.irreps_out, self.parity = inner.irreps_in, inner.irreps_out, inner.parity

    def forward(self, *arguments: object) -> list[Tensor]:
        first, vectors, *rest = self.inner(*arguments)
        return [first, vectors + self.size * vectors.new_tensor([0.0, 0.0, 0.0, 1.0]), *rest]

    def example_inputs(self, generator: torch.Generator) -> tuple:
        return self.inner.example_inputs(generator)


def layers_of(tagger: Tagger, dtype: str = "float64", conditioning: str = "frame") -> TaggerInvariance:
    options = {"transformations": (), "dtypes": (dtype,), "conditionings": (conditioning,), "parts": ("layers",)}
    return scan(tagger, toy_jets(8, seed=2, particles=8), name="net", **options).taggers["net"]


@pytest.mark.parametrize(("layer", "part"), [(0, "widen"), (1, "combine")])
def test_a_layer_that_breaks_the_symmetry_by_one_part_in_a_million_is_named(layer: int, part: str) -> None:
    tagger = taggers.create("cg", "tiny", seed=1)
    sound = layers_of(tagger).layers["float64", "frame"]
    block = tagger.network.layers[layer]
    setattr(block, part, Broken(getattr(block, part), 1e-6))
    scanned = layers_of(tagger)
    errors = scanned.layers["float64", "frame"]
    name = f"network.layers.{layer}.{part}"
    assert worst_layer(errors) == name
    assert 1e-8 < errors[name].own < 1e-4
    assert errors[f"{name}.inner"].own < 1e-13
    assert max(error.own for error in sound.values() if error.own is not None) < 1e-13
    assert max(error.total for error in sound.values()) < 1e-9
    line = next(line for line in scanned.verdict() if "equivariance of the layers" in line)
    assert f"in {name} (float64, rest frame), which breaks the symmetry" in line


def test_one_number_of_a_table_that_is_wrong_is_found() -> None:
    tagger = taggers.create("cg", "tiny", seed=1)
    entries = tagger.network.layers[1].message.with_vector.entries
    *places, value = entries[-1]
    entries[-1] = (*places, value + 1e-6)
    assert worst_layer(layers_of(tagger).layers["float64", "frame"]) == "network.layers.1.message"


def test_what_breaks_outside_of_the_layers_is_told_from_what_breaks_in_them() -> None:
    def shift(module: nn.Module, given: tuple[Tensor, ...], output: list[Tensor]) -> list[Tensor]:
        return [output[0], output[1] + 1e-5, *output[2:]]

    def tilt(module: nn.Module, given: tuple[object, ...], output: JetFrame) -> JetFrame:
        return dataclasses.replace(output, momenta=output.momenta * torch.tensor([1.0, 1.0, 1.0, 1 + 1e-6], dtype=torch.float64))

    for place, hook, where in (
        ("network.layers.0", shift, "before network.layers.1.narrow, outside of the layers"),
        ("frame", tilt, "in frame, the front end"),
    ):
        tagger = taggers.create("cg", "tiny", seed=1)
        tagger.get_submodule(place).register_forward_hook(hook)
        line = next(line for line in layers_of(tagger).verdict() if "layers" in line)
        assert f"but the symmetry is broken {where}" in line


@pytest.mark.parametrize("name", ["cg", "clifford"])
def test_layers_of_both_networks_are_equivariant_in_both_frames(name: str) -> None:
    tagger = taggers.create(name, "tiny", seed=1, references=("beams", "time"))
    for conditioning, own in (("frame", 1e-13), ("lab", 1e-4)):
        errors = layers_of(tagger, conditioning=conditioning).layers["float64", conditioning]
        assert len(errors) > 6
        assert next(iter(errors)) == "frame"
        assert all(error.own < own for error in errors.values() if error.own is not None)
    errors = layers_of(tagger, "float32").layers["float32", "frame"]
    assert 1e-9 < max(error.own for error in errors.values() if error.own is not None) < 1e-5


@pytest.mark.parametrize("changes", [{"mass": "keep"}, {"references": ("beams", "time"), "references_as": "particles"}])
def test_rounding_of_what_no_network_reads_is_no_broken_symmetry(changes) -> None:
    """p_i.p_i, whose rounding is that of the mass of a nearly massless particle."""
    tagger = taggers.create("cg", "tiny", seed=1, **changes)
    scanned = layers_of(tagger)
    assert scanned.layers["float64", "frame"]["frame"].total < 1e-9
    assert not any("broken" in line for line in scanned.verdict())


def test_transforms_of_each_jet_are_those_of_the_laws() -> None:
    generator = torch.Generator().manual_seed(1)
    transforms = [LorentzTransform.random("O+(1,3)", 1.0, generator) for _ in range(3)]
    matrices = torch.stack([transform.matrix for transform in transforms])
    irreps = Irreps("2x(0,0)+2x(1,1)+1x((2,0)+(0,2))+1x(2,2)")
    features = irreps.random((3, 4), generator)
    for law in (Multivectors(2), Multivectors(2, grades=(0, 1, 2))):
        x = law.random((3, 4), generator)
        for jet, transform in enumerate(transforms):
            torch.testing.assert_close(moved(law, x, matrices)[:, :, jet], law.act(transform, x)[:, :, jet])
    vectors = torch.randn(3, 4, 4, dtype=torch.float64, generator=generator)
    for jet, transform in enumerate(transforms):
        for found, part, (_, irrep) in zip(moved(irreps, features, matrices), features, irreps, strict=True):
            torch.testing.assert_close(found[:, jet], irrep.act(transform, part[:, jet]))
        torch.testing.assert_close(moved(Irrep(1, 1), vectors, matrices)[jet], vectors[jet] @ transform.matrix.T)
        torch.testing.assert_close(moved(Irrep(1, 1), vectors[:, 0], matrices)[jet], transform.matrix @ vectors[jet, 0])
    assert moved(None, vectors, matrices) is vectors


def test_boosts_to_rest_are_pure() -> None:
    momenta = TRANSFORMATIONS["boost"](5.0, 4, np.random.default_rng(1))[:, 0] * 3
    matrices = to_rest(momenta)
    rest = (matrices @ momenta[..., None])[..., 0].astype(float)
    np.testing.assert_allclose(rest, [[3.0, 0.0, 0.0, 0.0]] * 4, atol=1e-13)
    np.testing.assert_array_equal(matrices, matrices.swapaxes(-1, -2))
