"""Training: a configuration and jets in, a run folder with a trained tagger out.

Names load on first use; Lightning is imported by :func:`fit` only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "Prediction": "prediction",
    "TrainConfig": "config",
    "fit": "training",
    "load": "checkpoint",
    "load_config": "config",
    "load_run_info": "checkpoint",
    "predict": "prediction",
    "save": "checkpoint",
}
__all__ = ["Prediction", "TrainConfig", "fit", "load", "load_config", "load_run_info", "predict", "save"]
_SUBMODULES = frozenset(
    {"allocator", "checkpoint", "config", "data", "ema", "objective", "pretrained", "schedule", "target", "validation"}
)

if TYPE_CHECKING:
    from lorentznet.train.checkpoint import load, load_run_info, save
    from lorentznet.train.config import TrainConfig, load_config
    from lorentznet.train.prediction import Prediction, predict
    from lorentznet.train.training import fit


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"lorentznet.train.{_HOME[name]}"), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"lorentznet.train.{name}")
    raise AttributeError(f"module 'lorentznet.train' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBMODULES})
