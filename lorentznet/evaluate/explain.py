r"""What a trained tagger uses: paths, irreps and invariants are taken out of it one by one, and its loss and AUC are measured again.

* A **path** is one of the terms that a layer adds up to the update of the features (:mod:`lorentznet.evaluate.anatomy.irreps`,
  and :mod:`~lorentznet.evaluate.anatomy.grades` for multivectors): it is replaced by zero.
* An **irrep** (or grade) is taken out everywhere: all its channels are zero in all layers, and with them all paths from and to it.
* An **invariant** is replaced by its mean over the particles, pairs or jets that have it, in the read-out or where it enters.

For jets j with the losses l_j of the whole network and l'_j without the part, the change is the mean of :math:`d_j = l'_j - l_j`, with
the error of that mean: much smaller than that of either loss, as both are wrong about the same jets. That of the AUC is treated
alike (:mod:`lorentznet.evaluate.paired`). A loss that rises while the AUC stays says that the logits are shifted or stretched and the
jets still in their order.

Nothing is trained again. The numbers say what *this* network relies on, not what a network needs: another training, or one without
the part, may reach the same by other ways, and of two parts that say the same either alone may seem worthless. Whether an irrep is
needed shows in trainings without it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate import metrics
from lorentznet.evaluate.anatomy import Part, Shares, parts_of, removed, watched
from lorentznet.evaluate.explanation import Explanation, Row
from lorentznet.evaluate.intervals import Estimate
from lorentznet.evaluate.paired import auc_difference, cross_entropies, mean_difference
from lorentznet.taggers.classes import labels_for

if TYPE_CHECKING:
    from lorentznet.data.table import JetTable
    from lorentznet.taggers.base import Tagger

Array = NDArray[np.float64]
JETS = 2000
"""Jets that are looked at, if there are as many."""


def explain(
    tagger: Tagger,
    table: JetTable,
    jets: int = JETS,
    seed: int = 1,
    device: str | torch.device = "cpu",
    progress: Callable[[int], None] | None = None,
    name: str | None = None,
    about: dict[str, Any] | None = None,
    chunk: int | None = None,
) -> Explanation:
    """Take a trained tagger apart.

    Parameters
    ----------
    tagger
        One of ``cg`` or ``clifford``; it is left as it is (a copy is taken apart, in eval mode).
    table
        Labelled jets, float64 GeV; those without a label are left out.
    jets
        Use at most so many, drawn at random.
    seed
        Seed of that draw; nothing else is random.
    device
        Where the tagger runs.
    progress
        Called with the number of further parts done, out of :func:`n_parts`.
    name
        Name of the tagger in the result; its registered name if None.
    about
        Further facts for the record, plain values.
    chunk
        Jets in one call of the tagger; if None few on a CPU, so that they stay in its cache, and many elsewhere.

    Returns
    -------
    Explanation

    Raises
    ------
    ConfigError
        If the tagger has no parts that are known, has no layers, or was trained for another task than tagging; or if fewer than two
        jets are asked for.
    DataError
        If there are no jets, no labels, or no jets of some class; if the classes are not those of the tagger; or if logits are not finite.
    """
    parts = parts_of(tagger)
    chosen = choose(tagger, table, jets, seed)
    network = _Whole(tagger, chosen, device, chunk or (32 if torch.device(device).type == "cpu" else 512))
    shares = Shares(network.network, list(dict.fromkeys(part.block[0] for part in parts if part.block)))
    with watched(network.network, [*shares.edits(), *(edit for part in parts for edit in part.edits)]):
        whole = network.logits("the whole tagger")
    y, weights = chosen.labels, chosen.weights
    losses = cross_entropies(y, whole)
    rows = []
    for part in parts:
        with removed(network.network, part):
            logits = network.logits(f"the tagger without '{part.name}'")
        rows.append(
            _row(
                part,
                shares,
                mean_difference(losses, cross_entropies(y, logits), weights),
                auc_difference(y, whole, logits, weights),
            )
        )
        if progress is not None:
            progress(1)
    mean = mean_difference(np.zeros(len(losses)), losses, weights)
    return Explanation(
        name=name or tagger.name,
        jets={label: int((y == number).sum()) for number, label in enumerate(chosen.classes)},
        seed=seed,
        loss=Estimate(mean.value, mean.value - mean.error, mean.value + mean.error),
        auc=metrics.mean_auc(y, whole, weights),
        rows=tuple(rows),
        about={"tagger": tagger.name, "parameters": tagger.n_parameters, "source": table.source, **(about or {})},
    )


def n_parts(tagger: Tagger) -> int:
    """Number of parts of a tagger; errors as those of :func:`explain`."""
    return len(parts_of(tagger))


def choose(tagger: Tagger, table: JetTable, jets: int = JETS, seed: int = 1) -> JetTable:
    """The jets that a tagger is explained with: labelled ones, drawn at random, in the order of the table.

    Parameters
    ----------
    tagger, table, jets, seed
        As in :func:`explain`, which chooses the same.

    Raises
    ------
    ConfigError, DataError
        As in :func:`explain`.
    """
    if jets < 2:
        raise ConfigError(f"explain: at least 2 jets are needed, got {jets}")
    if len(table) == 0:
        raise DataError(f"{table.source}: holds no jets; give a file with jets of all classes")
    labels, _ = labels_for(tagger, table)
    labelled = np.flatnonzero(labels >= 0)
    if len(labelled) == 0:
        raise DataError(
            f"{table.source}: none of the {len(table)} jets drawn from it has a label, and a loss needs some; give labelled jets"
        )
    random = np.random.default_rng(seed)
    rows = labelled if len(labelled) <= jets else np.sort(random.choice(labelled, jets, replace=False))
    chosen: JetTable = replace(table, labels=labels, classes=tagger.class_names or tuple(table.classes))[rows]
    for number, name in enumerate(chosen.classes):
        if not (chosen.weights[chosen.labels == number] > 0).any():
            raise DataError(
                f"{table.source}: none of the {len(rows)} jets that are looked at is of class '{name}' (with some weight); "
                "give jets of all classes, or more of them"
            )
    return chosen


class _Whole:
    """A copy of a tagger with the jets that it sees, sorted by their size so that little is padding."""

    def __init__(self, tagger: Tagger, table: JetTable, device: str | torch.device, chunk: int) -> None:
        from lorentznet.data import collate

        self.tagger = copy.deepcopy(tagger).to(device).eval().in_frame("frame")
        self.network: torch.nn.Module = self.tagger.network  # type: ignore[assignment]
        order = np.argsort(table.counts, kind="stable")
        batch: JetBatch = collate(table)
        self.rows = [order[start : start + chunk] for start in range(0, len(order), chunk)]
        self.batches = [batch.select(torch.from_numpy(rows)).to(device) for rows in self.rows]
        self.shape = len(table), max(2, tagger.n_outputs)

    def logits(self, who: str) -> Array:
        """Shape (jets, classes), in the order of the table; one logit z of two classes as (0, z)."""
        result = np.zeros(self.shape)
        with torch.no_grad():
            for rows, batch in zip(self.rows, self.batches, strict=True):
                z = self.tagger(batch)
                result[rows, -z.shape[1] :] = z.double().cpu().numpy()
        bad = int((~np.isfinite(result).all(axis=1)).sum())
        if bad:
            raise DataError(
                f"the logits of {bad} of {len(result)} jets are not finite for {who}; look at these jets or train again"
            )
        return result


def _row(part: Part, shares: Shares, loss: Any, auc: Any) -> Row:
    share, norm = (None, None) if part.block is None else (shares.share(*part.block), shares.norm(*part.block))
    return Row(part.kind, part.name, loss, auc, part.layer, share, norm)
