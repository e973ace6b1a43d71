"""The parts of trained networks: what they are called, how much they carry, and how they are taken out.

Letters stand for irreps: s scalars (0,0), v vectors (1,1), f bivectors ((2,0)+(0,2)), t symmetric traceless tensors (2,2), others by their
labels; of multivectors also a, axial vectors (grade 3), and p, pseudoscalars (grade 4). u_i is the direction p_i / E_i of a particle.
"""

from __future__ import annotations

from lorentznet.errors import ConfigError
from lorentznet.evaluate.anatomy import grades, irreps
from lorentznet.evaluate.anatomy.removal import Part, removed, watched
from lorentznet.evaluate.anatomy.shares import Shares
from lorentznet.nn.lgn import LGNNetwork
from lorentznet.taggers.base import Tagger
from lorentznet.taggers.cg import CGNetwork, CGTagger
from lorentznet.taggers.clifford import CliffordNetwork, CliffordTagger

__all__ = ["Part", "Shares", "parts_of", "removed", "watched"]

_PARTS = {CGNetwork: irreps.cg_parts, LGNNetwork: irreps.lgn_parts, CliffordNetwork: grades.clifford_parts}


def parts_of(tagger: Tagger) -> list[Part]:
    """Everything that can be taken out of a tagger's network.

    Raises
    ------
    ConfigError
        If the tagger has no irreps or grades, is of a design that cannot be taken apart (``cgenn``), has no layers, or another task
        than tagging.
    """
    network = getattr(tagger, "network", None)
    if type(network) not in _PARTS and tagger.name in (CGTagger.name, CliffordTagger.name):
        raise ConfigError(
            f"tagger '{tagger.name}': design {tagger.config.design} cannot be taken apart; explain knows residual and lgn"
        )
    if type(network) not in _PARTS:
        raise ConfigError(
            f"tagger '{tagger.name}' has no irreps or grades whose paths could be taken out; give a checkpoint of cg or clifford"
        )
    if tagger.task != "tagging":
        raise ConfigError(
            f"tagger '{tagger.name}' was trained for the task '{tagger.task}'; only taggers (task 'tagging') can be explained, "
            "by their loss and AUC"
        )
    parts: list[Part] = _PARTS[type(network)](network)  # type: ignore[operator]
    if not any(part.kind == "path" for part in parts):
        raise ConfigError(
            f"tagger '{tagger.name}' has no layers whose paths could be taken out; train one with layers of at least 1"
        )
    return parts
