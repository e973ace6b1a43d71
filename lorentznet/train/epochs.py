"""What happens after each epoch: a line, a row, checkpoints, and the decision to stop. Importing this file imports Lightning."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lorentznet.console import Advance, Console
from lorentznet.errors import ConfigError
from lorentznet.train.checkpoint import KEY, pack, write
from lorentznet.train.module import TaggerModule, current_lr
from lorentznet.train.run_folder import RunFolder


class EpochRecord(Callback):
    """Writes the run folder after each epoch, on the first process; keeps the best epoch; ends a training that no longer gains.

    Parameters
    ----------
    folder
        Where to write.
    patience
        Number of epochs without a lower validation loss after which training ends; 0: never early.
    console
        For a line per epoch.

    Attributes
    ----------
    describe
        From (rows, best row, finished) to the content of ``run.json``.
    advance
        Moves a progress bar by a number of batches.
    interrupted
        True after Ctrl-C.
    """

    describe: Callable[[list[dict[str, Any]], Mapping[str, Any], bool], Mapping[str, Any]]

    def __init__(self, folder: RunFolder, patience: int, console: Console) -> None:
        self.folder = folder
        self.patience = patience
        self.console = console
        self.advance: Advance = lambda n: None
        self.rows: list[dict[str, Any]] = []
        self.interrupted = False
        self._start_clocks()

    @property
    def best(self) -> dict[str, Any]:
        """The row with the lowest validation loss, the earliest of equals."""
        return min(self.rows, key=lambda row: row["val_loss"])

    @property
    def exhausted(self) -> bool:
        """True if no lower loss came for ``patience`` epochs."""
        return bool(self.patience and self.rows and len(self.rows) - self.best["epoch"] >= self.patience)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock and the bar; a training that had ended before does not go on."""
        self._start_clocks(self._carried)
        if trainer.global_step:
            self.advance(trainer.global_step)
        trainer.should_stop = trainer.should_stop or self.exhausted

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the bar."""
        self.advance(1)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write, tell, decide."""
        assert isinstance(pl_module, TaggerModule)
        assert pl_module.validation is not None
        validation = pl_module.validation
        row: dict[str, Any] = {
            "epoch": len(self.rows) + 1,
            "train_loss": pl_module.training_loss(),
            **validation,
            "lr": current_lr(trainer.optimizers),
            "seconds": round(self._elapsed()[0], 3),
            "cpu_seconds": round(self._elapsed()[1], 3),
        }
        if not (math.isfinite(row["train_loss"]) and math.isfinite(row["val_loss"])):
            raise ConfigError(
                f"training went astray in epoch {row['epoch']}: the loss is not finite; "
                f"lower optimizer.lr (it is {pl_module.settings.lr:g})"
            )
        self.rows.append(row)
        self._start_clocks()
        improved = self.best is row
        pl_module.about = {name: row[name] for name in ("epoch", "val_loss", pl_module.objective.headline)}
        if trainer.is_global_zero:
            if improved:
                write({KEY: pack(pl_module.tagger, pl_module.average.averaged_state(), **pl_module.about)}, self.folder.best)
            self.folder.write_metrics(self.rows)
            self.folder.write_info(self.describe(self.rows, self.best, False))
        trainer.save_checkpoint(self.folder.last)
        self.console.say(self._line(row, trainer.max_epochs, improved, pl_module.objective.words(row)))
        trainer.should_stop = trainer.should_stop or self.exhausted

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remember Ctrl-C, which the trainer turns into an exit."""
        self.interrupted = self.interrupted or isinstance(exception, KeyboardInterrupt)

    def state_dict(self) -> dict[str, Any]:
        """Rows so far, and the seconds of the epoch under way."""
        seconds, cpu_seconds = self._elapsed()
        return {"rows": self.rows, "seconds": seconds, "cpu_seconds": cpu_seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from saved rows."""
        self.rows = list(state_dict["rows"])
        self._carried = float(state_dict["seconds"]), float(state_dict["cpu_seconds"])

    def _start_clocks(self, carried: tuple[float, float] = (0.0, 0.0)) -> None:
        self._start = time.monotonic(), time.process_time()
        self._carried = carried

    def _elapsed(self) -> tuple[float, float]:
        """Seconds on the clock and of this process on all its cores, since the epoch began."""
        now = time.monotonic(), time.process_time()
        return self._carried[0] + now[0] - self._start[0], self._carried[1] + now[1] - self._start[1]

    @staticmethod
    def _line(row: Mapping[str, Any], epochs: int | None, improved: bool, headline: str) -> str:
        return (
            f"epoch {row['epoch']:>3}/{epochs}  train loss {row['train_loss']:.4f}  val loss {row['val_loss']:.4f}  "
            f"{headline}  lr {row['lr']:.1e}  {row['seconds']:.1f} s{'  best' if improved else ''}"
        )
