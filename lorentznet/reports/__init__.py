"""Figures and pages, drawn from score files, CSV, JSON and jets; no model is needed and none is imported.

Figures are functions that take ``ax=`` and return it. Submodules load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = [
    "calibration",
    "dependence",
    "explain",
    "hepdata",
    "html",
    "invariance",
    "jets",
    "latex",
    "page",
    "regression",
    "roc",
    "scores",
    "style",
    "tagging",
    "training",
]

if TYPE_CHECKING:
    from lorentznet.reports import (
        calibration,
        dependence,
        explain,
        hepdata,
        html,
        invariance,
        jets,
        latex,
        page,
        regression,
        roc,
        scores,
        style,
        tagging,
        training,
    )


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"lorentznet.reports.{name}")
    raise AttributeError(f"module 'lorentznet.reports' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
