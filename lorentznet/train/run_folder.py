"""The folder of a training: what is in it, who may write to it, what is left when a training fails."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.config import plain, read_yaml
from lorentznet.errors import ConfigError, OutputError
from lorentznet.train.checkpoint import BEST, CONFIG, INFO, LAST, METRICS, load_run_info
from lorentznet.train.config import TrainConfig, differences

REQUEUE = "REQUEUE"
"""Marker that a training was stopped by a signal of the batch system and wants to be put into the queue again."""


@dataclass
class RunFolder:
    """A folder that one training writes to.

    ``config.yaml`` is there from the start; ``metrics.csv``, ``run.json``, ``last.ckpt`` and ``best.ckpt`` are replaced as a whole
    after each epoch.
    """

    path: Path
    made: tuple[Path, ...] = ()
    """Folders that were made for this run, innermost first."""

    @classmethod
    def open(cls, path: str | Path, config: TrainConfig, resume: bool) -> RunFolder:
        """Make a folder ready for a training.

        Parameters
        ----------
        path
            The folder; made if it is not there.
        config
            Settings of the training.
        resume
            Continue the training in the folder, if there is one.

        Raises
        ------
        OutputError
            If the folder cannot be written, or holds a training that is not to be continued.
        ConfigError
            If the training to be continued has other settings.
        """
        path = Path(path)
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        folder = cls(path, tuple(missing))
        present = [name for name in (CONFIG, METRICS, INFO, LAST, BEST) if (path / name).exists()]
        if present and not resume:
            raise OutputError(
                f"{path}: holds a training already ({', '.join(present)}); continue it with --resume or choose another --out"
            )
        if (path / CONFIG).exists():
            changed = differences(read_yaml(path / CONFIG), config)
            if changed:
                raise ConfigError(
                    f"{path}: was trained with other settings ({', '.join(changed)}); "
                    f"resume with those of {path / CONFIG} or choose another --out"
                )
        try:
            files.make_folder(path)
            folder._write_text(CONFIG, _yaml(config))
            (path / REQUEUE).unlink(missing_ok=True)
        except BaseException:
            folder.clean()
            raise
        return folder

    @property
    def best(self) -> Path:
        """The checkpoint with the lowest validation loss."""
        return self.path / BEST

    @property
    def last(self) -> Path:
        """The checkpoint that a training can go on from."""
        return self.path / LAST

    @property
    def finished(self) -> bool:
        """True if the training came to its end."""
        return (self.path / INFO).exists() and self.best.exists() and bool(load_run_info(self.path).get("finished"))

    def write_metrics(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write ``metrics.csv``, a row per epoch.

        Its columns are ``epoch``, ``train_loss``, ``val_loss``, the further figures of the task (``val_auc`` and ``val_accuracy`` for
        tagging), ``lr``, ``seconds`` and ``cpu_seconds``, those of the (first) process on all its cores, validation included.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self._write_text(METRICS, text.getvalue())

    def write_info(self, info: Mapping[str, Any]) -> None:
        """Write ``run.json``."""
        self._write_text(INFO, json.dumps(plain(info), indent=2, ensure_ascii=False) + "\n")

    def mark_for_requeue(self) -> None:
        """Leave the marker :data:`REQUEUE`."""
        self._write_text(REQUEUE, "")

    def clean(self) -> None:
        """After a failure before the first checkpoint: remove what this run made."""
        if self.last.exists() or not self.path.is_dir():
            return
        for name in (CONFIG, METRICS, INFO, BEST):
            (self.path / name).unlink(missing_ok=True)
        for folder in self.made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _write_text(self, name: str, text: str) -> None:
        with files.atomic(self.path / name) as temporary:
            temporary.write_text(text)


def _yaml(config: TrainConfig) -> str:
    import yaml

    return str(yaml.safe_dump(plain(config), sort_keys=False, width=120))
