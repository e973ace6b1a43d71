"""How the contract measures: copies that hide nothing, changes in units of the logits' spread, one form of complaint."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.group.irreps import Irrep
from lorentznet.group.minkowski import METRIC
from lorentznet.taggers.base import Tagger

Module = TypeVar("Module", bound=nn.Module)


def require(clause: str, what: str, measured: float, bound: float) -> float:
    """Give ``measured`` back if it does not exceed ``bound``.

    Raises
    ------
    AssertionError
        Naming clause, quantity, measured number and bound; a number that is not finite fails.
    """
    if not measured <= bound:
        raise AssertionError(f"{clause}: {what} is {measured:.3g}, allowed is {bound:.3g}")
    return measured


def awakened(module: Module, dtype: torch.dtype = torch.float64, seed: int = 0) -> Module:
    """A copy in eval mode on the CPU whose parameters hide nothing.

    A parameter that starts at zero (a bias, the last layer, a residual gate) switches off what it multiplies, and what is off
    cannot fail. Training moves it and the contract must hold at any value, so tensors that are all zero are filled with random
    numbers. The module itself is left as it is.
    """
    generator = torch.Generator().manual_seed(seed)
    woken = copy.deepcopy(module).cpu().to(dtype).eval()
    with torch.no_grad():
        for parameter in woken.parameters():
            if parameter.numel() and not parameter.any():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return woken


def logits_of(tagger: Tagger, batch: JetBatch) -> Tensor:
    """Logits in float64 without gradient, shape (jets, outputs); of a copy of the batch, in case the tagger changes it."""
    with torch.no_grad():
        logits: Tensor = tagger(batch.clone())
    return logits.double()


def spread(clause: str, logits: Tensor) -> float:
    """Standard deviation of the logits over the jets, the unit of every change.

    Raises
    ------
    AssertionError
        If the logits are not finite, or the same for all jets: then nothing can be tested.
    """
    if not bool(torch.isfinite(logits).all()):
        raise AssertionError(f"{clause}: the logits of ordinary jets are not finite")
    sigma = float((logits - logits.mean(0)).square().mean().sqrt())
    if not sigma > 1e-12 * float(logits.abs().max()):
        raise AssertionError(f"{clause}: the logits are the same for all jets, so that nothing can be tested; give other jets")
    return sigma


def change(logits: Tensor, reference: Tensor, sigma: float) -> float:
    """Largest difference of two sets of logits in units of their spread; infinite if some are not finite."""
    if logits.shape != reference.shape or not bool(torch.isfinite(logits).all()):
        return float("inf")
    return float((logits - reference).abs().max()) / sigma


def change_of_frame(tagger: Tagger, outputs: Tensor, jets: JetBatch, matrices: Tensor, sigma: float) -> float:
    """Largest violation of f(L x) = L f(x) when jets are seen from other frames; infinite if an output is not finite.

    Parameters
    ----------
    tagger
        Its ``output_law`` says what becomes of the outputs: nothing (None), or they are four-vectors.
    outputs
        f(x), shape (jets, outputs).
    jets
        x, with references if they are to be transformed along.
    matrices
        L of each jet, shape (jets, 4, 4).
    sigma
        Spread of invariant outputs over the jets, the unit of their change. That of a four-vector is measured in units of
        max(norm of L f(x), norm of L P) of its own jet, P being the jet's momentum.

    Raises
    ------
    AssertionError
        If the law is another one.
    """
    moved_jets = jets.transformed(matrices)
    moved = logits_of(tagger, moved_jets)
    if not is_covariant(tagger):
        return change(moved, outputs, sigma)
    expected = torch.einsum("bij,bj->bi", matrices, outputs)
    if moved.shape != expected.shape or not bool(torch.isfinite(moved).all()):
        return float("inf")
    total = torch.zeros_like(expected).index_add(0, moved_jets.batch, moved_jets.p4)
    return float(((moved - expected).norm(dim=1) / torch.maximum(expected.norm(dim=1), total.norm(dim=1))).max())


def pulled_back(tagger: Tagger, outputs: Tensor, matrices: Tensor) -> Tensor:
    """What outputs for jets that were moved by L are in the frame from which they were moved: L^-1 f, or f if it is invariant."""
    if not is_covariant(tagger):
        return outputs
    return torch.einsum("bij,bj->bi", METRIC @ matrices.mT @ METRIC, outputs)


def is_covariant(tagger: Tagger) -> bool:
    """True if the outputs are four-vectors, False if they are invariant; a tagger of another law cannot be tested."""
    law = tagger.output_law
    if law is not None and law != Irrep(1, 1):
        raise AssertionError(f"output_law is {law}; the contract knows None (invariant) and Irrep(1, 1) (four-vectors)")
    return law is not None
