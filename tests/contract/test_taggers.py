"""Every registered tagger, in every small preset, with and without reference vectors, keeps the contract."""

import pytest
import torch

from lorentznet import taggers
from lorentznet.data.batch import JetBatch
from lorentznet.taggers import Tagger
from lorentznet.testing import (
    TAGGER_CLAUSES,
    check_alone,
    check_padding,
    check_permutation,
    check_precision,
    check_symmetry,
    check_symmetry_is_maximal,
    check_tagger,
    toy_jets,
)

LARGEST = 60_000
"""Presets with more parameters are asked for less, on fewer jets."""


def variants() -> list:
    found = []
    for name in taggers.names():
        if not taggers.tagger_class(name).__module__.startswith("lorentznet."):
            continue
        settings = [(preset, {}) for preset in (None, *taggers.tagger_class(name).presets)]
        if hasattr(taggers.tagger_class(name).Config, "references"):
            settings += [(None, {"references": references}) for references in (("beams",), ("time",), ("beams", "time"))]
        for preset, changes in settings:
            tagger = taggers.create(name, preset, seed=4, **changes)
            if tagger.n_parameters <= LARGEST:
                label = "-".join([name, preset or "default", *changes.get("references", ())])
                found.append(pytest.param(tagger, id=label))
    return found


def presets_with_references() -> list:
    """All presets that do not choose their references themselves, with all references; and a star with nothing to act on."""
    found = [
        (name, preset, {"references": ("beams", "time")})
        for name in ("cg", "clifford")
        for preset, settings in taggers.tagger_class(name).presets.items()
        if "references" not in settings
    ]
    found += [("cg", "tiny", {"hodge": True}), ("cg", "tiny", {"hodge": True, "irreps": "6x(0,0)+4x(1,1)+2x(2,2)"})]
    return [pytest.param(*words, id="-".join([*words[:2], *words[2]])) for words in found]


@pytest.mark.parametrize(("name", "preset", "changes"), presets_with_references())
def test_presets_keep_the_symmetry_that_they_declare(name: str, preset: str, changes: dict) -> None:
    tagger, jets = taggers.create(name, preset, seed=4, **changes), toy_jets(6, seed=3, particles=14)
    for clause in (check_symmetry, check_symmetry_is_maximal, check_permutation, check_padding, check_alone, check_precision):
        clause(tagger, jets)


def test_the_two_taggers_are_among_them() -> None:
    assert {"cg", "clifford"} <= {parameter.values[0].name for parameter in variants()}


@pytest.mark.parametrize("clause", TAGGER_CLAUSES, ids=lambda clause: clause.__name__)
@pytest.mark.parametrize("tagger", variants())
def test_every_tagger_keeps_every_clause(tagger: Tagger, clause: object) -> None:
    clause(tagger)


@pytest.mark.parametrize("name", ["cg", "clifford"])
def test_taggers_of_several_classes_and_with_scalars_keep_the_contract(name: str) -> None:
    jets = toy_jets(16, seed=2)
    scalars = torch.rand((len(jets.p4), 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    jets = JetBatch.from_arrays(jets.p4, jets.counts, scalars=scalars)
    measured = check_tagger(taggers.create(name, "tiny", seed=1, classes=3, scalars=2), jets)
    assert measured["check_symmetry"]["fixed"] < 1e-8


@pytest.mark.parametrize("name", ["cg", "clifford"])
def test_reference_vectors_that_stay_behind_are_seen(name: str) -> None:
    """With references the logit changes under a boost of the particles alone, and does not if all is boosted."""
    tagger = taggers.create(name, "tiny", seed=1, references=("beams", "time"))
    measured = check_tagger(tagger)
    assert measured["check_symmetry"]["along"] < 1e-8
    assert min(measured["check_symmetry_is_maximal"].values()) > 1e-3


@pytest.mark.parametrize(("value", "complaint"), [(float("nan"), "not finite"), (0.25, "the same for all jets")])
def test_a_tagger_that_cannot_be_judged_does_not_pass(value: float, complaint: str) -> None:
    tagger = taggers.create("cg", "tiny", seed=1)
    tagger.forward = lambda batch: torch.full((batch.n_jets, 1), value)
    for clause in (check_symmetry, check_permutation, check_padding, check_alone, check_precision):
        with pytest.raises(AssertionError, match=complaint):
            clause(tagger)
