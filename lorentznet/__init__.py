"""Tag jets with networks that respect Lorentz symmetry.

Submodules load on first use, so that ``import lorentznet`` and ``lorentznet --help`` stay cheap::

    import lorentznet as ln
    table = ln.data.read("jets.root")
    tagger = ln.load("runs/cg/best.ckpt")
    logits = tagger(ln.data.collate(table))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["data", "errors", "evaluate", "group", "load", "nn", "reports", "taggers", "testing", "train"]

_SUBMODULES = frozenset(__all__) - {"load"}

if TYPE_CHECKING:
    from lorentznet import data, errors, evaluate, group, nn, reports, taggers, testing, train
    from lorentznet.train.checkpoint import load


def __getattr__(name: str) -> Any:
    if name == "load":
        return importlib.import_module("lorentznet.train.checkpoint").load
    if name in _SUBMODULES:
        return importlib.import_module(f"lorentznet.{name}")
    raise AttributeError(f"module 'lorentznet' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
