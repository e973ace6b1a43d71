"""What an invariance scan measures at one point: the change of the logit, the error of a layer, the effect of an emission."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lorentznet.evaluate.intervals import Estimate


@dataclass(frozen=True)
class Separation:
    """How well labelled jets are told apart: AUC, and background rejection at a signal efficiency of 0.3."""

    auc: Estimate
    rejection: Estimate

    def to_dict(self) -> dict[str, Any]:
        """``{"auc": {value, low, high}, "rejection": {value, low, high, survivors}}``."""
        return {"auc": self.auc.as_dict(), "rejection": self.rejection.as_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Separation:
        """The inverse of :meth:`to_dict`."""
        return cls(Estimate.from_dict(values["auc"]), Estimate.from_dict(values["rejection"]))


@dataclass(frozen=True)
class Change:
    """Change of the logit over a set of jets, in standard deviations of the logit.

    Attributes
    ----------
    rms, max
        Root mean square and largest absolute value; infinite if some logit is not finite.
    nonfinite
        Number of jets whose logit is not finite.
    flips
        Part of the jets whose most likely class changes.
    separation
        How well the changed jets are told apart; None where that is not known.
    """

    rms: float
    max: float
    nonfinite: int = 0
    flips: float = 0.0
    separation: Separation | None = None

    def to_dict(self) -> dict[str, Any]:
        """``{"rms", "max", "flips"}``, None for what is not finite; then ``nonfinite``, ``auc`` and ``rejection`` where there are any."""
        values = {"rms": _or_none(self.rms), "max": _or_none(self.max), "flips": self.flips}
        if self.nonfinite:
            values["nonfinite"] = self.nonfinite
        return values | ({} if self.separation is None else self.separation.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Change:
        """The inverse of :meth:`to_dict`."""
        rms, largest = (_or_inf(values[key]) for key in ("rms", "max"))
        separation = Separation.from_dict(values) if "auc" in values else None
        return cls(rms, largest, int(values.get("nonfinite", 0)), float(values.get("flips", 0.0)), separation)


@dataclass(frozen=True)
class LayerError:
    """Relative error of a layer's equivariance in a network at work; infinite if something is not finite.

    Attributes
    ----------
    own
        What the layer itself adds: f(D x) against D f(x), x being what it is given for the jets as they are; None for the front end,
        which is given the jets.
    total
        What has gathered from the input to it: its output for transformed jets against D times that for the jets as they are.
    """

    own: float | None
    total: float

    def to_dict(self) -> dict[str, Any]:
        """``{"own", "total"}``, without ``own`` for the front end; None for what is not finite."""
        total = {"total": _or_none(self.total)}
        return total if self.own is None else {"own": _or_none(self.own), **total}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LayerError:
        """The inverse of :meth:`to_dict`."""
        return cls(_or_inf(values["own"]) if "own" in values else None, _or_inf(values["total"]))


@dataclass(frozen=True)
class Emission:
    """Change of the logit by a soft particle, or a collinear splitting, of falling size.

    Attributes
    ----------
    changes
        By size as a string: the momentum fraction of the soft particle, or the angle in radian.
    slope
        Fitted power of the size with which the rms change falls; None where it is below rounding.
    safe
        True if the change vanishes with the size.
    """

    changes: dict[str, Change]
    slope: float | None
    safe: bool

    def to_dict(self) -> dict[str, Any]:
        """``{"slope", "safe", "changes": {<size>: {rms, max, flips}}}``."""
        return {"slope": self.slope, "safe": self.safe, "changes": plain(self.changes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Emission:
        """The inverse of :meth:`to_dict`."""
        return cls(changes_of(values["changes"]), values["slope"], bool(values["safe"]))


Curves = dict[str, dict[str, Change]]
"""Transformation -> gamma as a string -> change."""

Mode = tuple[str, str]
"""Dtype and conditioning: ``("float32", "frame")``."""


def plain(changes: Mapping[str, Change]) -> dict[str, Any]:
    """Changes as plain values."""
    return {key: change.to_dict() for key, change in changes.items()}


def changes_of(values: Mapping[str, Any]) -> dict[str, Change]:
    """The inverse of :func:`plain`."""
    return {key: Change.from_dict(change) for key, change in values.items()}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_inf(value: float | None) -> float:
    return math.inf if value is None else float(value)
