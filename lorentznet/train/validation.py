"""Loss, AUC and accuracy of the validation jets, exact and in float64; median and spread of a regression's response."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Validation:
    """How good the tagger is on the validation jets; all means are weighted."""

    loss: float
    auc: float
    accuracy: float


def validate(logits: Tensor, labels: Tensor, weights: Tensor) -> Validation:
    """Score logits.

    Parameters
    ----------
    logits
        Shape (n_jets, 1) (log-odds of class 1) or (n_jets, classes).
    labels, weights
        Shape (n_jets,).

    Returns
    -------
    Validation
        Cross entropy; area under the ROC curve, from logits (several classes: mean over classes of one against the rest, from
        softmax); accuracy of the most probable class. NaN in every place if a logit is not finite.
    """
    from sklearn.metrics import roc_auc_score

    z = class_logits(logits.double())
    if not bool(torch.isfinite(z).all()):
        return Validation(float("nan"), float("nan"), float("nan"))
    weights = weights.double()
    total = weights.sum()
    losses = torch.nn.functional.cross_entropy(z, labels, reduction="none")
    right = (z.argmax(1) == labels).double()
    if z.shape[1] == 2:
        auc = roc_auc_score(labels.numpy(), (z[:, 1] - z[:, 0]).numpy(), sample_weight=weights.numpy())
    else:
        auc = roc_auc_score(
            labels.numpy(),
            z.softmax(1).numpy(),
            sample_weight=weights.numpy(),
            multi_class="ovr",
            labels=list(range(z.shape[1])),
        )
    return Validation(float((losses * weights).sum() / total), float(auc), float((right * weights).sum() / total))


def class_logits(logits: Tensor) -> Tensor:
    """A logit of each class, shape (n_jets, classes): a single one z, the log-odds of class 1, becomes (0, z)."""
    return logits if logits.shape[1] > 1 else torch.cat((torch.zeros_like(logits), logits), 1)


def central(response: Tensor, weights: Tensor) -> tuple[float, float]:
    """Bias and resolution: the median response minus one, and half the width of the central 68.27 % over the median; weighted."""
    order = response.argsort()
    passed = weights.double()[order].cumsum(0)
    passed = (passed - 0.5 * weights.double()[order]) / passed[-1]
    places = torch.tensor([0.158655, 0.5, 0.841345], dtype=torch.float64)
    low, median, high = response.double()[order][torch.searchsorted(passed, places).clamp_max(len(response) - 1)].tolist()
    return median - 1, 0.5 * (high - low) / median if median else float("nan")
