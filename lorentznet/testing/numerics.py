"""Clauses on numbers: gradients at the edges of phase space, and what float32 costs as a function of gamma."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lorentznet.data.batch import JetBatch
from lorentznet.evaluate import irc
from lorentznet.evaluate.transformations import boosts
from lorentznet.group.subgroup import Subgroup
from lorentznet.group.transform import LorentzTransform
from lorentznet.taggers.base import Tagger
from lorentznet.testing.jets import degenerate_jets, toy_jets
from lorentznet.testing.measure import awakened, change, logits_of, pulled_back, require, spread

PRECISION = {torch.float32: 1e-3, torch.float64: 1e-5}
"""Bounds on the rms change of a logit for gamma up to 1000, in units of the logits' spread."""
SOFT = 1e-12
"""Part of a jet's energy that its soft particle has."""


def check_gradients(
    tagger: Tagger, jets: JetBatch | None = None, dtypes: Sequence[torch.dtype] = (torch.float64, torch.float32)
) -> int:
    """Logits and gradients, by parameters and by momenta, are finite for degenerate jets; ordinary jets reach every parameter.

    Degenerate are the jets of :func:`~lorentznet.testing.jets.degenerate_jets`: zero, lightlike and collinear momenta, one
    particle, soft particles, jets without mass.

    Parameters
    ----------
    tagger
        A tagger; it is left as it is.
    jets
        Ordinary jets; toy jets if None. If they carry scalars the degenerate ones get zeros.
    dtypes
        Precisions of the network.

    Returns
    -------
    int
        Number of jets and precisions tested.

    Raises
    ------
    AssertionError
        Naming the jet, and the parameter whose gradient is not finite or that takes no part.
    """
    jets = toy_jets(8) if jets is None else jets.select(slice(0, 8))
    scalars = jets.scalars.shape[1] if "scalars" in jets else 0
    cases = {"ordinary jets": jets}
    for name, jet in degenerate_jets().items():
        cases[name] = JetBatch.from_arrays(jet.p4, jet.counts, scalars=torch.zeros(len(jet.p4), scalars) if scalars else None)
    for dtype in dtypes:
        copy = awakened(tagger, dtype)
        for name, batch in cases.items():
            copy.zero_grad(set_to_none=True)
            _finite_gradients(copy, batch, f"{name} in {str(dtype).removeprefix('torch.')}")
            if batch is jets:
                idle = [key for key, parameter in copy.named_parameters() if parameter.requires_grad and parameter.grad is None]
                if idle:
                    raise AssertionError(f"check_gradients: no gradient reaches the parameter {idle[0]} ({len(idle)} in all)")
    return len(cases) * len(dtypes)


def _finite_gradients(tagger: Tagger, batch: JetBatch, what: str) -> None:
    momenta = batch.p4.clone().requires_grad_()
    logits = tagger(batch.with_momenta(momenta.clone()))
    if not bool(torch.isfinite(logits).all()):
        raise AssertionError(f"check_gradients: the logits are not finite for {what}")
    logits.square().sum().backward()
    gradients = {
        "the momenta": momenta.grad,
        **{f"parameter {key}": parameter.grad for key, parameter in tagger.named_parameters()},
    }
    for name, gradient in gradients.items():
        if gradient is not None and not bool(torch.isfinite(gradient).all()):
            raise AssertionError(f"check_gradients: the gradient by {name} is not finite for {what}")


def check_precision(
    tagger: Tagger,
    jets: JetBatch | None = None,
    gammas: Sequence[float] = (1.0, 2.0, 10.0, 100.0, 1000.0),
    bounds: dict[torch.dtype, float] | None = None,
    seed: int = 0,
) -> dict[str, dict[float, float]]:
    """What float32 costs: logits of boosted jets against those of the float64 network at gamma = 1, references boosted along.

    Four-vectors are boosted back before they are compared.

    The axes are random, or along the beam for a tagger that is invariant under no other boosts; a tagger without any invariance
    under boosts is measured at gamma = 1.

    Parameters
    ----------
    tagger, jets, seed
        As in :func:`~lorentznet.testing.symmetry.check_symmetry`.
    gammas
        Boost factors.
    bounds
        Largest rms change for each dtype, in units of the logits' spread; :data:`PRECISION` if None. A tagger without float64
        front end keeps such bounds for small gamma only.

    Returns
    -------
    dict
        The rms change by the name of the dtype and gamma.
    """
    clause = "check_precision"
    jets = toy_jets() if jets is None else jets
    copies = {dtype: awakened(tagger, dtype) for dtype in bounds or PRECISION}
    exact = awakened(tagger)
    batch = exact.with_references(jets)
    reference = logits_of(exact, batch)
    sigma = spread(clause, reference)
    group = Subgroup.of(exact.architecture) if "references" in batch else exact.symmetry
    measured: dict[str, dict[float, float]] = {}
    for gamma in gammas:
        matrices = _boosts(group, gamma, batch.n_jets, seed)
        moved = batch if matrices is None else batch.transformed(matrices)
        for dtype, bound in (bounds or PRECISION).items():
            name = str(dtype).removeprefix("torch.")
            found = logits_of(copies[dtype], moved)
            rms = _rms(found if matrices is None else pulled_back(exact, found, matrices), reference, sigma)
            what = f"the rms change of the {name} logits at gamma {gamma:g}, over their spread,"
            measured.setdefault(name, {})[gamma] = require(clause, what, rms, bound)
    return measured


def _rms(logits: Tensor, reference: Tensor, sigma: float) -> float:
    return float((logits - reference).square().mean().sqrt()) / sigma if bool(torch.isfinite(logits).all()) else float("inf")


def _boosts(group: Subgroup, gamma: float, jets: int, seed: int) -> Tensor | None:
    """Boosts along random axes, or along the beam, whichever the group holds; None if it holds neither."""
    axes = np.random.default_rng(seed).normal(size=(jets, 3))
    if not Subgroup.of("SO+(1,3)") <= group:
        axes *= (0.0, 0.0, 1.0)
        if not group.contains(LorentzTransform.boost([0.0, 0.0, 1.0])):
            return None
    return torch.from_numpy(boosts(gamma, axes / np.linalg.norm(axes, axis=1, keepdims=True)))


def check_infrared(tagger: Tagger, jets: JetBatch | None = None, tolerance: float = 1e-5) -> dict[str, float] | None:
    """Where ``tagger.infrared_safe`` is True: a soft particle and a collinear splitting change nothing.

    Each jet gets a further particle of 1e-12 of its energy; or one of its particles is split into two that are exactly collinear, see
    :mod:`lorentznet.evaluate.irc`.

    Parameters
    ----------
    tagger, jets
        As in :func:`~lorentznet.testing.symmetry.check_symmetry`.
    tolerance
        Bound on the largest change of a logit, in units of the logits' spread.

    Returns
    -------
    dict or None
        The changes under ``"soft"`` and ``"collinear"``; None where no safety is claimed.
    """
    clause = "check_infrared"
    if not tagger.infrared_safe:
        return None
    tagger, jets = awakened(tagger), toy_jets() if jets is None else jets
    logits = logits_of(tagger, jets)
    sigma = spread(clause, logits)
    measured = {}
    for name, size in (("soft", SOFT), ("collinear", 0.0)):
        emitted = irc.EMISSIONS[name](jets, size, np.random.default_rng(0))
        measured[name] = change(logits_of(tagger, emitted), logits, sigma)
        require(clause, f"the change of the logits by a {name} particle, over their spread,", measured[name], tolerance)
    return measured
