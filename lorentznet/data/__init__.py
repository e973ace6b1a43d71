"""Jets from files, as tables and batches.

Names load on first use: a batch needs torch and PyG only, a table needs awkward and vector, a reader its own format.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = [
    "DatasetCard",
    "JetBatch",
    "JetSource",
    "JetTable",
    "collate",
    "expand",
    "iterate",
    "parse",
    "read",
    "sample",
    "sample_path",
]

_HOME = {
    "DatasetCard": "card",
    "JetBatch": "batch",
    "JetSource": "source",
    "JetTable": "table",
    "collate": "batch",
    "expand": "source",
    "iterate": "loading",
    "parse": "source",
    "read": "loading",
    "sample": "loading",
    "sample_path": "source",
}
_SUBMODULES = frozenset({"batch", "card", "checks", "generate", "inspect", "loading", "readers", "selection", "source", "table"})

if TYPE_CHECKING:
    from lorentznet.data.batch import JetBatch, collate
    from lorentznet.data.card import DatasetCard
    from lorentznet.data.loading import iterate, read, sample
    from lorentznet.data.source import JetSource, expand, parse, sample_path
    from lorentznet.data.table import JetTable


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"lorentznet.data.{_HOME[name]}"), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"lorentznet.data.{name}")
    raise AttributeError(f"module 'lorentznet.data' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBMODULES})
