"""Taggers under one interface: ``names()``, ``create(name, preset, **changes)``, ``tagger(batch) -> logits``."""

from lorentznet.taggers import cg, clifford
from lorentznet.taggers.base import Tagger, create, describe, names, register, tagger_class

__all__ = ["Tagger", "cg", "clifford", "create", "describe", "names", "register", "tagger_class"]
