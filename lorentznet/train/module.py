"""A tagger under Lightning's Trainer: loss, optimiser, averaged weights, validation. Importing this file imports Lightning."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lorentznet.data.batch import JetBatch
from lorentznet.taggers import Tagger
from lorentznet.train.checkpoint import KEY, pack
from lorentznet.train.config import DataSettings, OptimizerSettings
from lorentznet.train.data import EvaluationBatches, TrainingBatches, steps_per_epoch
from lorentznet.train.ema import MovingAverage
from lorentznet.train.jet_arrays import JetArrays
from lorentznet.train.objective import OBJECTIVES, Figures
from lorentznet.train.optimizer import make_optimizer
from lorentznet.train.schedule import learning_rate_factor
from lorentznet.train.seeding import seed_step

VALIDATION_BATCH = 256


class TaggerModule(LightningModule):
    """Trains a tagger.

    Parameters
    ----------
    tagger
        The network; ``self.tagger``.
    settings
        Of the optimiser.
    mean_weight
        Mean weight of the training jets: losses are in its units, so that the learning rate does not depend on the scale of the
        weights.
    seed
        Randomness inside the network depends on (seed, step, process) only.
    """

    def __init__(self, tagger: Tagger, settings: OptimizerSettings, mean_weight: float = 1.0, seed: int = 0) -> None:
        super().__init__()
        self.tagger = tagger
        self.settings = settings
        self.mean_weight = mean_weight
        self.seed = seed
        self.average = MovingAverage(tagger, settings.ema)
        self.objective = OBJECTIVES[tagger.task]()
        self.validation: Figures | None = None
        self.about: dict[str, Any] = {}
        self._loss_sum: Tensor | None = None
        self._loss_jets = 0
        self._parts: list[tuple[Tensor, ...]] = []

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits of a batch, or what the tagger's task gives."""
        return self.tagger(batch)

    def training_step(self, batch: JetBatch, batch_idx: int) -> Tensor:
        """The loss of a batch: the mean over jets of weight times the loss of the task (cross entropy for tagging)."""
        seed_step(self.seed, self.global_step, self.global_rank, batch.p4.device)
        losses = self.objective.losses(self.tagger(batch), batch)
        loss: Tensor = (losses * (batch.weight / self.mean_weight).to(losses.dtype)).mean()
        self._count(loss.detach().double() * batch.n_jets, batch.n_jets)
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """One step of the optimiser, then of the averaged weights."""
        super().optimizer_step(*args, **kwargs)
        self.average.update()

    def configure_optimizers(self) -> Any:
        """The optimiser, and the course of the learning rate by step."""
        optimizer = make_optimizer(self.tagger, self.settings, "mixed" in self.trainer.precision)
        # not trainer.estimated_stepping_batches: that would make the batches before a checkpoint has restored the step
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        steps = data.steps_per_epoch * (self.trainer.max_epochs or 1)
        schedule = LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, steps, self.settings.schedule, self.settings.warm_up)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_validation_epoch_start(self) -> None:
        """Validate the averaged weights."""
        self.average.swap()
        self._parts = []

    def validation_step(self, batch: JetBatch, batch_idx: int) -> None:
        """Keep the outputs of a batch."""
        self._parts.append(self.objective.kept(self.tagger(batch), batch))

    def on_validation_epoch_end(self) -> None:
        """The figures of all validation jets of all processes, in float64."""
        self.average.swap()
        kept = tuple(torch.cat(part).detach().cpu() for part in zip(*self._parts, strict=True))
        self._parts = []
        gathered: list[Any] = [kept]
        if self.trainer.world_size > 1:
            gathered = [None] * self.trainer.world_size
            torch.distributed.all_gather_object(gathered, kept)
        self.validation = self.objective.figures(*(torch.cat(part) for part in zip(*gathered, strict=True)))

    def training_loss(self) -> float:
        """Mean loss of the training jets since the last call, over all processes; starts a new mean."""
        total = torch.zeros(2, dtype=torch.float64, device=self.device)
        if self._loss_sum is not None:
            total[0], total[1] = self._loss_sum, self._loss_jets
        self._loss_sum, self._loss_jets = None, 0
        summed = self.trainer.strategy.reduce(total, reduce_op="sum")
        return float(summed[0] / summed[1]) if summed[1] else math.nan

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the tagger (with averaged weights) and what a resumed training needs."""
        checkpoint[KEY] = pack(self.tagger, self.average.averaged_state(), **self.about)
        checkpoint["average"] = self.average.state_dict()
        trainer = self.trainer
        running = torch.zeros(trainer.world_size, 2, dtype=torch.float64, device=self.device)  # a row for each process
        running[trainer.global_rank, 0] = 0.0 if self._loss_sum is None else self._loss_sum
        running[trainer.global_rank, 1] = self._loss_jets
        checkpoint["running_loss"] = trainer.strategy.reduce(running, reduce_op="sum").tolist()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up averaged weights and the running mean of the loss."""
        self.average.load_state_dict(checkpoint["average"])
        loss_sum, jets = checkpoint["running_loss"][self.trainer.global_rank]
        self._loss_sum, self._loss_jets = torch.tensor(loss_sum, dtype=torch.float64), int(jets)

    def _count(self, loss: Tensor, jets: int) -> None:
        self._loss_sum = loss if self._loss_sum is None else self._loss_sum.to(loss.device) + loss
        self._loss_jets += jets


class JetDataModule(LightningDataModule):
    """Training and validation batches of this process.

    Parameters
    ----------
    train, val
        The jets.
    settings
        Batch size and bucket.
    seed
        The order of the jets in an epoch depends on (seed, epoch).
    """

    def __init__(self, train: JetArrays, val: JetArrays, settings: DataSettings, seed: int) -> None:
        super().__init__()
        self.train, self.val = train, val
        self.settings = settings
        self.seed = seed

    @property
    def steps_per_epoch(self) -> int:
        """Number of optimiser steps in an epoch."""
        assert self.trainer is not None
        return steps_per_epoch(len(self.train), self.settings.batch_size, self.trainer.world_size)

    def train_dataloader(self) -> TrainingBatches:
        """Shuffled batches, the same number in every process, from where the training stands."""
        trainer = self.trainer
        assert trainer is not None
        settings = self.settings
        batches = TrainingBatches(
            self.train,
            settings.batch_size,
            settings.bucket,
            self.seed,
            trainer.global_rank,
            trainer.world_size,
            settings.mirror,
        )
        batches.drawn = trainer.global_step  # the trainer restores positions only in the middle of an epoch
        return batches

    def val_dataloader(self) -> EvaluationBatches:
        """Every validation jet once."""
        trainer = self.trainer
        assert trainer is not None
        return EvaluationBatches(
            self.val, max(VALIDATION_BATCH, self.settings.batch_size), trainer.global_rank, trainer.world_size
        )


def current_lr(optimizers: list[Optimizer]) -> float:
    """The present learning rate."""
    return float(optimizers[0].param_groups[0]["lr"])
