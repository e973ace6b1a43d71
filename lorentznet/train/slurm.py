"""Trainings that are stopped by signals, and go on under Slurm. Importing this file imports Lightning.

With ``#SBATCH --signal=USR1@180`` Slurm sends SIGUSR1 before the time is up, and SIGTERM when a job is preempted. The handler does
nothing but set a flag; at the end of a batch the processes agree on it, write ``last.ckpt`` and the marker ``REQUEUE``, and leave.
The batch script sees the marker and queues the job again, which goes on with ``--resume``. Elsewhere (HTCondor evicts jobs with SIGTERM
too) a single process writes ``last.ckpt`` at the end of the batch and leaves.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch import Callback, LightningModule, Trainer

from lorentznet.train.run_folder import RunFolder

SIGNALS = (signal.SIGUSR1, signal.SIGTERM)
_EVERY = 10
"""Several processes compare their flags after so many batches: a comparison waits for all of them."""


class Stopped(Exception):
    """Leaves the trainer after a signal, when everything is written."""


def under_slurm() -> bool:
    """True inside a Slurm job."""
    return "SLURM_JOB_ID" in os.environ


def cluster_environment() -> SLURMEnvironment | None:
    """Slurm as launcher of the processes, without Lightning's own signal handler, which would save inside it; else None."""
    if under_slurm() and SLURMEnvironment.detect() and not TorchElasticEnvironment.detect():
        return SLURMEnvironment(auto_requeue=False)
    return None


class StopOnSignal(Callback):
    """Stop at a batch's end after SIGUSR1 or SIGTERM, with everything written that is needed to go on.

    Parameters
    ----------
    folder
        Where the checkpoint and the marker go.
    requeue
        Under Slurm: write the marker. If not, SIGTERM alone is heeded, and that by a single process: what sends it to one of several
        need not send it to the others, who would wait for it.
    """

    def __init__(self, folder: RunFolder, requeue: bool) -> None:
        self.folder, self.requeue = folder, requeue
        self.received = 0
        self._before: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install the handlers, in place of the trainer's."""
        heeded = SIGNALS if self.requeue else (signal.SIGTERM,) if trainer.world_size == 1 else ()
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in heeded}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Leave if a process was signalled; at the last batch of an epoch the epoch is finished first."""
        last = batch_idx + 1 >= trainer.num_training_batches
        if not last and (trainer.world_size == 1 or (batch_idx + 1) % _EVERY == 0) and self._agreed(trainer):
            trainer.save_checkpoint(self.folder.last)
            self._leave(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave if a process was signalled; the epoch's checkpoint is written already."""
        unfinished = trainer.current_epoch + 1 < (trainer.max_epochs or 0) and not trainer.should_stop
        if self._agreed(trainer) and unfinished:
            self._leave(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the former handlers back."""
        self._restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Put the former handlers back."""
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number

    def _agreed(self, trainer: Trainer) -> bool:
        if not self.requeue and trainer.world_size > 1:
            return False  # no signal is heeded, so there is nothing to wait for each other for
        return bool(trainer.strategy.reduce_boolean_decision(bool(self.received), all=False))

    def _leave(self, trainer: Trainer) -> None:
        if trainer.is_global_zero and self.requeue:
            self.folder.mark_for_requeue()
        raise Stopped

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
