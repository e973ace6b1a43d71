"""Clauses on a tagger as a piece of software: it leaves its input alone, and can be saved and built again."""

from __future__ import annotations

import copy
import io
import json

import torch

from lorentznet.config import build
from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.taggers.base import Tagger, create, describe, names, tagger_class
from lorentznet.testing.jets import toy_jets
from lorentznet.testing.measure import awakened, logits_of, spread


def check_pure(tagger: Tagger, jets: JetBatch | None = None) -> None:
    """``forward`` leaves its batch as it was, in training too; evaluated twice it gives the same logits and leaves no trace.

    Parameters
    ----------
    tagger, jets
        As in :func:`~lorentznet.testing.symmetry.check_symmetry`.

    Raises
    ------
    AssertionError
        Naming what changed: an attribute of the batch, a buffer, the logits, torch's random state or default dtype.
    """
    clause = "check_pure"
    given = toy_jets() if jets is None else jets
    tagger = awakened(tagger)
    for attached in (given, tagger.with_references(given)):
        batch, original = attached.clone(), attached.clone()
        state = {key: value.clone() for key, value in tagger.state_dict().items()}
        random, dtype = torch.get_rng_state(), torch.get_default_dtype()
        first = _evaluated(tagger, batch)
        _same_batch(clause, batch, original, "evaluation")
        for key, value in tagger.state_dict().items():
            if not torch.equal(value, state[key]):
                raise AssertionError(f"{clause}: evaluation changes the tagger's {key}")
        if not torch.equal(torch.get_rng_state(), random):
            raise AssertionError(f"{clause}: evaluation draws random numbers")
        if torch.get_default_dtype() != dtype:
            raise AssertionError(f"{clause}: forward changes torch's default dtype")
        if not torch.equal(_evaluated(tagger, batch), first):
            raise AssertionError(f"{clause}: a second evaluation of the same batch gives other logits")
        trained = copy.deepcopy(tagger).train()
        with torch.random.fork_rng(devices=[]):
            trained(batch).sum().backward()
        _same_batch(clause, batch, original, "training")


def _evaluated(tagger: Tagger, batch: JetBatch) -> torch.Tensor:
    """Logits of the batch itself, not of a copy."""
    with torch.no_grad():
        logits: torch.Tensor = tagger(batch)
    return logits


def _same_batch(clause: str, batch: JetBatch, original: JetBatch, when: str) -> None:
    if sorted(batch.keys()) != sorted(original.keys()):
        odd = sorted(set(batch.keys()) ^ set(original.keys()))
        raise AssertionError(f"{clause}: {when} adds or removes {', '.join(odd)} of its batch")
    for key in original.keys():  # noqa: SIM118 (a PyG object iterates over pairs)
        if isinstance(original[key], torch.Tensor) and not torch.equal(batch[key], original[key]):
            raise AssertionError(f"{clause}: {when} changes {key} of its batch in place")


def check_round_trip(tagger: Tagger, jets: JetBatch | None = None) -> None:
    """Description as JSON, built again, state saved and loaded: the same logits to the last bit.

    Parameters
    ----------
    tagger, jets
        As in :func:`~lorentznet.testing.symmetry.check_symmetry`.

    Raises
    ------
    AssertionError
        If the description does not survive JSON, does not fit the state, or the logits differ.
    """
    clause = "check_round_trip"
    jets = toy_jets() if jets is None else jets
    original = copy.deepcopy(tagger).cpu().eval()
    try:
        settings = json.loads(json.dumps(describe(original), allow_nan=False))
        name = settings.pop("name")
        registered = name in names() and tagger_class(name) is type(original)
        rebuilt = create(name, **settings) if registered else type(original)(build(type(original).Config, settings))
    except (TypeError, ValueError, ConfigError) as error:
        raise AssertionError(f"{clause}: the tagger cannot be built again from its description ({error})") from error
    stored = io.BytesIO()
    torch.save(original.state_dict(), stored)
    stored.seek(0)
    try:
        rebuilt.load_state_dict(torch.load(stored, weights_only=True))
    except RuntimeError as error:
        raise AssertionError(f"{clause}: the state does not fit the tagger built from its description ({error})") from error
    rebuilt = rebuilt.to(next(original.parameters()).dtype).eval()
    first, second = logits_of(original, jets), logits_of(rebuilt, jets)
    spread(clause, first)
    if not torch.equal(first, second):
        worst = float((first - second).abs().max())
        raise AssertionError(f"{clause}: the tagger built again differs by {worst:.3g} in its logits, allowed is 0")
