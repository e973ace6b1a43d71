"""How the contract measures: copies that hide nothing, changes in units of the logits' spread, one form of complaint."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
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
