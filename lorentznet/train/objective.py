r"""What a training minimises and how a validation is summed up, for each task.

Momenta are compared in the rest frame of the jet in units of its mass M, where they are of order one: with the difference
:math:`\Delta` of the four-momenta there, and :math:`m` the masses in the same unit, the loss of a jet is

.. math:: h(\|\Delta\|) + h(m - m_\mathrm{true}), \qquad h(x) = \sqrt{1 + x^2/\beta^2} - 1, \quad \beta = 0.1,

quadratic for small errors and linear for large ones. Seen from another frame it is the same: the rest frame is turned at most, which
leaves the norm as it is. The loss of a mass is :math:`h(\ln m/m_\mathrm{true})`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from lorentznet.data.batch import JetBatch
from lorentznet.group.minkowski import minkowski_square
from lorentznet.nn import doubled
from lorentznet.nn.kinematics import boost_to_rest
from lorentznet.train.validation import central, validate

BETA = 0.1
_SMALLEST_SQUARE = 1e-6  # of a predicted mass over M: below it the mass gives no gradient

Figures = dict[str, float]


class Objective(ABC):
    """Loss and validation of a task.

    Class attributes
    ----------------
    headline
        The figure that is kept beside the validation loss.
    """

    headline: ClassVar[str]

    @abstractmethod
    def losses(self, outputs: Tensor, batch: JetBatch) -> Tensor:
        """The loss of each jet, shape (n_jets,)."""

    @abstractmethod
    def kept(self, outputs: Tensor, batch: JetBatch) -> tuple[Tensor, ...]:
        """What :meth:`figures` needs of a batch; tensors whose first axis is that of the jets."""

    @abstractmethod
    def figures(self, *kept: Tensor) -> Figures:
        """``val_loss`` and further figures of all validation jets, NaN if an output is not finite."""

    @abstractmethod
    def words(self, row: Figures) -> str:
        """The headline of an epoch, for people."""


class Tagging(Objective):
    """Cross entropy; AUC and accuracy."""

    headline = "val_auc"

    def losses(self, outputs: Tensor, batch: JetBatch) -> Tensor:
        """Cross entropy of each jet with its label, or with the soft label that taggers gave it (:mod:`lorentznet.train.distillation`)."""
        soft = getattr(batch, "soft_labels", None)
        return cross_entropy(outputs, batch.y if soft is None else soft)

    def kept(self, outputs: Tensor, batch: JetBatch) -> tuple[Tensor, ...]:
        """Logits, labels, weights."""
        return outputs, batch.y, batch.weight

    def figures(self, *kept: Tensor) -> Figures:
        """``val_loss``, ``val_auc``, ``val_accuracy``, see :func:`~lorentznet.train.validation.validate`."""
        result = validate(*kept)
        return {"val_loss": result.loss, "val_auc": result.auc, "val_accuracy": result.accuracy}

    def words(self, row: Figures) -> str:
        """The AUC."""
        return f"val AUC {row['val_auc']:.5f}"


class Regression(Objective):
    """What the regressions share: the response, predicted over true, and its median and spread."""

    headline = "val_resolution"

    def kept(self, outputs: Tensor, batch: JetBatch) -> tuple[Tensor, ...]:
        """Outputs, targets, weights, losses."""
        return outputs.double(), batch.target, batch.weight, self.losses(outputs, batch)

    def figures(self, *kept: Tensor) -> Figures:
        """``val_loss``; ``val_bias`` and ``val_resolution``, see :func:`~lorentznet.train.validation.central`."""
        outputs, targets, weights, losses = kept
        if not bool(torch.isfinite(outputs).all()):
            return dict.fromkeys(("val_loss", *self.names), float("nan"))
        loss = float((losses * weights).sum() / weights.sum())
        found = [value for response in self.responses(outputs, targets) for value in central(response, weights)]
        return {"val_loss": loss, **dict(zip(self.names, found, strict=True))}

    def words(self, row: Figures) -> str:
        """The resolution."""
        return f"val resolution {100 * row['val_resolution']:.2f} %"

    names: ClassVar[tuple[str, ...]]

    @abstractmethod
    def responses(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Predicted over true of each quantity, shape (n_jets,); two of ``names`` for each: bias and resolution."""


class Momentum(Regression):
    """Four-momenta: transverse momentum first, then mass."""

    names = ("val_bias", "val_resolution", "val_mass_bias", "val_mass_resolution")

    def losses(self, outputs: Tensor, batch: JetBatch) -> Tensor:
        """See the module."""
        found, wanted = in_jet_frame(torch.stack((outputs.double(), batch.target), 1), batch).unbind(1)
        masses = [minkowski_square(momenta).clamp_min(_SMALLEST_SQUARE).sqrt() for momenta in (found, wanted)]
        return huber((found - wanted).square().sum(1)) + huber((masses[0] - masses[1]).square())

    def responses(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Of transverse momentum and mass."""
        transverse = [momenta[:, 1:3].norm(dim=1) for momenta in (outputs, targets)]
        masses = [minkowski_square(momenta).clamp_min(0).sqrt() for momenta in (outputs, targets)]
        return tuple(found / wanted.clamp_min(1e-9) for found, wanted in (transverse, masses))


class Mass(Regression):
    """Invariant masses."""

    names = ("val_bias", "val_resolution")

    def losses(self, outputs: Tensor, batch: JetBatch) -> Tensor:
        """See the module."""
        return huber((outputs.double() / batch.target).log().square().sum(1))

    def responses(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Of the mass."""
        return ((outputs / targets)[:, 0],)


OBJECTIVES: dict[str, type[Objective]] = {"tagging": Tagging, "momentum": Momentum, "mass": Mass}
"""By task."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    r"""Cross entropy of each jet, shape (n_jets,); ``labels`` are numbers of classes, or probabilities of shape (n_jets, classes).

    For one logit z, the log-odds of class 1: :math:`-\ln\sigma(z)` for class 1 and :math:`-\ln\sigma(-z)` for class 0; else
    :math:`-\ln\mathrm{softmax}(z)_y`.
    """
    if labels.ndim == 2:
        labels = labels[:, 1] if logits.shape[1] == 1 else labels.to(logits.dtype)
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype), reduction="none")
    return F.cross_entropy(logits, labels, reduction="none")


def huber(square: Tensor, beta: float = BETA) -> Tensor:
    r""":math:`\sqrt{1 + x^2/\beta^2} - 1` from x squared, without loss of digits for small x."""
    scaled = square / beta**2
    return scaled / (1 + (1 + scaled).sqrt())


def in_jet_frame(momenta: Tensor, batch: JetBatch) -> Tensor:
    """Four-momenta of each jet in its rest frame in units of its mass; of a jet without mass as they are, in units of its energy.

    So are those of a jet of one particle, whose mass may be rounding noise, by which nothing should be divided.

    Parameters
    ----------
    momenta
        Shape (n_jets, m, 4), float64, in the frame of the batch.
    batch
        The jets.
    """
    total = torch.zeros(batch.n_jets, 4, dtype=torch.float64, device=batch.p4.device).index_add(0, batch.batch, batch.p4)
    square = doubled.minkowski_dot(total, total)
    without = (square <= 64 * torch.finfo(torch.float64).eps * total[:, 0].square()) | (batch.counts <= 1)
    mass = torch.where(without, 1.0, square).sqrt()
    rest = total.new_tensor([1.0, 0.0, 0.0, 0.0])
    moved = boost_to_rest(momenta, torch.where(without[:, None], rest, total), mass)
    return moved / torch.where(without, total[:, 0].clamp_min(1e-3), mass)[:, None, None]
