"""Lightning's Trainer as it is used here: no logger, no banners, atomic checkpoints. Importing this file imports Lightning."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer

from lorentznet.errors import ConfigError
from lorentznet.train.checkpoint import write
from lorentznet.train.config import TrainConfig
from lorentznet.train.slurm import cluster_environment

_LOGGERS = ("lightning.pytorch", "lightning.fabric")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are whole or absent."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write beside the final name and move."""
        write(checkpoint, path)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Hints, advertisements, device banners and warnings about our own use of Lightning are not shown inside the block."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def process_group_of_the_block() -> Iterator[None]:
    """End a process group that was started inside the block.

    Lightning leaves one of gloo to the end of the interpreter, where its threads can still run: the process then dies of
    ``std::terminate`` after all its work is done. A group that was there before belongs to the caller and stays.
    """
    before = _has_process_group()
    try:
        yield
    finally:
        if _has_process_group() and not before:
            torch.distributed.destroy_process_group()


def _has_process_group() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def make_trainer(config: TrainConfig, callbacks: list[Callback]) -> Trainer:
    """A trainer with these settings.

    Raises
    ------
    ConfigError
        If accelerator, devices or strategy are not possible here.
    """
    settings = config.trainer
    try:
        return Trainer(**_arguments(config, cluster_environment()), callbacks=callbacks)
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        what = f"accelerator {settings.accelerator}, devices {settings.devices}, nodes {settings.nodes}, strategy {settings.strategy}"
        raise ConfigError(f"trainer: {what}: not possible here: {str(error).splitlines()[0].strip()}") from None


def _accelerator(name: str) -> str:
    """What ``auto`` means: CUDA or the CPU, as the front end of taggers computes in float64, which other devices lack."""
    if name != "auto":
        return name
    return "gpu" if torch.cuda.is_available() else "cpu"


def _arguments(config: TrainConfig, environment: SLURMEnvironment | None) -> dict[str, Any]:
    settings = config.trainer
    return dict(
        accelerator=_accelerator(settings.accelerator),
        devices=list(settings.devices) if isinstance(settings.devices, tuple) else settings.devices,
        num_nodes=settings.nodes,
        strategy=settings.strategy,
        precision=settings.precision,
        max_epochs=settings.epochs,
        gradient_clip_val=config.optimizer.clip or None,
        plugins=[AtomicCheckpointIO(), *([environment] if environment else [])],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
