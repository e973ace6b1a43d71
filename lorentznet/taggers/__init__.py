"""Taggers under one interface: ``names()``, ``create(name, preset, **changes)``, ``tagger(batch) -> logits``."""

from lorentznet.taggers import cg, clifford, part, pfn
from lorentznet.taggers.base import Tagger, create, describe, names, register, tagger_class

__all__ = ["Tagger", "cg", "clifford", "create", "describe", "names", "part", "pfn", "register", "tagger_class"]
