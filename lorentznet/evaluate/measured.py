"""A trained tagger as its invariance is measured: in every precision, with and without the rest frame, in units of its spread."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.invariance_points import Change, Mode, Separation
from lorentznet.evaluate.rearrangements import joined
from lorentznet.taggers.base import Tagger

AUTOCAST = "autocast"
"""The name of the mode in which a float32 network runs under torch's bfloat16 autocast."""
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}
PRECISIONS = (*DTYPES, AUTOCAST)
"""Names of all precisions of a network."""
CONDITIONINGS = ("frame", "lab")
SIGNAL_EFFICIENCY = 0.3
"""Signal efficiency at which background rejections of boosted jets are quoted."""


class Measured:
    """Copies of a tagger in all its modes; the tagger itself is not touched.

    Parameters
    ----------
    tagger
        Any tagger. One that cannot leave its precision (an ONNX file) says so by an attribute ``fixed_dtype``.
    device
        Where it runs.
    dtypes
        Precisions, out of :data:`PRECISIONS`.
    conditionings
        Front ends, out of :data:`CONDITIONINGS`; a tagger without a switch has ``"lab"`` alone.
    chunk
        Jets in one call; if None few on a CPU, so that they stay in its cache, and many elsewhere.
    """

    def __init__(
        self,
        tagger: Tagger,
        device: str | torch.device,
        dtypes: Sequence[str],
        conditionings: Sequence[str] = CONDITIONINGS,
        chunk: int | None = None,
    ) -> None:
        fixed = getattr(tagger, "fixed_dtype", None)
        self.dtypes: tuple[str, ...] = tuple(dtypes) if fixed is None else (fixed,)
        self.exact: str = fixed or "float64"
        wanted = {*self.dtypes, self.exact}
        self.copies = {dtype: copy.deepcopy(tagger).to(device, DTYPES.get(dtype, torch.float32)).eval() for dtype in wanted}
        self.device, self.chunk = torch.device(device), chunk or (32 if torch.device(device).type == "cpu" else 512)
        try:
            self.copies[self.exact].in_frame("frame")
            self.switchable = True
        except ConfigError:
            self.switchable = False
        self.conditionings = tuple(conditionings) if self.switchable else ("lab",)

    @property
    def modes(self) -> list[Mode]:
        """Every (dtype, conditioning)."""
        return [(dtype, conditioning) for conditioning in self.conditionings for dtype in self.dtypes]

    @property
    def best(self) -> Mode:
        """The mode in which the tagger is most precise."""
        return self.exact, "frame" if self.switchable else "lab"

    def tagger(self, mode: Mode) -> Tagger:
        """The copy of a mode, its front end switched."""
        dtype, conditioning = mode
        return self.copies[dtype].in_frame(conditioning) if self.switchable else self.copies[dtype]

    def logits(self, batch: JetBatch, mode: Mode, company: JetBatch | None = None) -> Tensor:
        """Logits in float64, shape (jets, outputs); of several classes relative to their mean, as the softmax sees them.

        Parameters
        ----------
        batch
            Jets, with references if the tagger reads any.
        mode
            Precision and front end.
        company
            Further jets that are scored along in every call; their logits are left out.
        """
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mode[0] == AUTOCAST):
            logits = in_portions(self.tagger(mode), batch, self.device, self.chunk, company)
        return logits - logits.mean(1, keepdim=True) if logits.shape[1] > 1 else logits

    def spread(self, batch: JetBatch, name: str) -> tuple[float, Tensor]:
        """Standard deviation of the most precise logits over the jets, the unit of all changes, and these logits."""
        if batch.n_jets == 0:
            raise DataError(f"tagger '{name}': there are no jets to measure its invariance with; give a file with at least two")
        logits = self.logits(batch, self.best)
        finite = logits[torch.isfinite(logits).all(1)]
        sigma = math.sqrt(float((finite - finite.mean(0)).square().sum(1).mean() / finite.shape[1])) if len(finite) else 0.0
        if not sigma > 0:
            what = "is the same for all" if len(finite) else "is not finite for any"
            raise DataError(f"tagger '{name}': its logit {what} of {batch.n_jets} jets; give different jets or train it first")
        return sigma, logits


def in_portions(
    tagger: Tagger, batch: JetBatch, device: str | torch.device, chunk: int, company: JetBatch | None = None
) -> Tensor:
    """Outputs of a tagger in float64, ``chunk`` jets at a time; a company of jets is scored along in every call and left out."""
    parts = []
    with torch.no_grad():
        for start in range(0, batch.n_jets, chunk):
            part = batch.select(slice(start, start + chunk))
            called = part if company is None else joined([part, company])
            parts.append(tagger(called.to(device)).double().cpu()[: part.n_jets])
    return torch.cat(parts)


def change(logits: Tensor, baseline: Tensor, sigma: float, batch: JetBatch | None = None) -> Change:
    """The change of logits in units of their spread; with labelled jets also how well they still separate the classes."""
    difference = (logits - baseline) / sigma
    flips = float((_decision(logits) != _decision(baseline)).double().mean())
    separation = None if batch is None else separate(logits, batch)
    bad = int((~torch.isfinite(difference).all(1)).sum())
    if bad:
        return Change(math.inf, math.inf, bad, flips, separation)
    return Change(float(difference.square().mean().sqrt()), float(difference.abs().max()), 0, flips, separation)


def separate(logits: Tensor, batch: JetBatch) -> Separation | None:
    """AUC and background rejection of labelled jets of two classes; None without both, or if a logit is not finite."""
    if "y" not in batch or logits.shape[1] > 2 or not bool(torch.isfinite(logits).all()):
        return None
    labels, weights = batch.y.cpu().numpy(), batch.weight.cpu().numpy()
    known = np.isin(labels, (0, 1))
    if not all(weights[known & (labels == number)].sum() > 0 for number in (0, 1)):
        return None
    given = labels[known], logits.numpy()[known]
    return Separation(
        metrics.auc(*given, weights[known]),
        metrics.background_rejection(*given, signal_efficiency=SIGNAL_EFFICIENCY, weights=weights[known]),
    )


def _decision(logits: Tensor) -> Tensor:
    return logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)
