"""From scores to numbers: score files, metrics with intervals, invariance of trained taggers.

Submodules load on first use; metrics need neither torch nor a tagger.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = [
    "adapters",
    "bootstrap",
    "calibration",
    "comparison",
    "covariance",
    "dependence",
    "ensemble",
    "ensembles",
    "evaluation",
    "explain",
    "explanation",
    "foreign",
    "intervals",
    "invariance",
    "irc",
    "metrics",
    "paired",
    "regression",
    "regression_table",
    "scores",
    "summary",
]

if TYPE_CHECKING:
    from lorentznet.evaluate import (
        adapters,
        bootstrap,
        calibration,
        comparison,
        covariance,
        dependence,
        ensembles,
        evaluation,
        explain,
        explanation,
        foreign,
        intervals,
        invariance,
        irc,
        metrics,
        paired,
        regression,
        regression_table,
        scores,
        summary,
    )
    from lorentznet.evaluate.ensembles import ensemble


def __getattr__(name: str) -> Any:
    if name == "ensemble":
        return importlib.import_module("lorentznet.evaluate.ensembles").ensemble
    if name in __all__:
        return importlib.import_module(f"lorentznet.evaluate.{name}")
    raise AttributeError(f"module 'lorentznet.evaluate' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
