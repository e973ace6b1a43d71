"""An invariance scan in words: one line for each property, with the numbers of all modes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lorentznet.evaluate.invariance_points import Change, Emission, LayerError, Mode
    from lorentznet.evaluate.invariance_result import TaggerInvariance

BROKEN = 1e-2
"""A change of the logit by this many of its standard deviations (rms) counts as broken."""
LAYER_GAMMA = 10.0
"""Boost of the jets, along random axes, for which layers are looked at."""
LAYER_JETS = 32
"""Jets for which layers are looked at, if there are as many."""
LAYER_BROKEN = 1e-9
"""Relative error of a layer in float64, behind the rest frame, that is no rounding."""

PROPERTIES = {
    "boost": "random boosts",
    "boost_z": "boosts along the beam",
    "boost_transverse": "boosts across the beam",
    "rotation": "rotations",
    "reflection": "reflection of space",
    "permutation": "order of the particles",
    "padding": "padding",
    "company": "other jets in the batch",
}
"""Transformations and rearrangements as properties."""
PRECISION = "precision, against float64"
EMISSIONS = {"soft": ("soft particle", "momentum fraction"), "collinear": ("collinear splitting", "angle")}

_FLAT = 10.0  # largest over smallest error of a curve that is called flat
_ORDER = ("float32", "float64", "autocast", "bfloat16")


def verdict(scanned: TaggerInvariance) -> list[str]:
    """One line for each property that was measured."""
    return [
        *_curves(scanned),
        *_precision(scanned.precision),
        *_separation(scanned),
        *_layers(scanned.layers),
        *_emissions(scanned.emissions),
    ]


def sorted_modes(modes: Mapping[Mode, object]) -> list[Mode]:
    """Modes behind the rest frame first, float32 before float64."""
    return sorted(modes, key=lambda mode: (mode[1], _ORDER.index(mode[0])))


def gamma_key(gamma: float) -> str:
    """The key of a gamma: its shortest decimal form.

    Examples
    --------
    >>> gamma_key(1.1), gamma_key(1000.0)
    ('1.1', '1000')
    """
    return str(int(gamma)) if float(gamma).is_integer() else repr(float(gamma))


def mode_name(dtype: str, conditioning: str) -> str:
    """A mode in words.

    Examples
    --------
    >>> mode_name("float32", "frame")
    'float32 network behind the float64 rest frame'
    """
    if conditioning == "frame":
        return "all in float64, rest frame" if dtype == "float64" else f"{dtype} network behind the float64 rest frame"
    return f"all in {dtype}, no rest frame"


def short_name(dtype: str, conditioning: str) -> str:
    """A mode in few words.

    Examples
    --------
    >>> short_name("float32", "frame"), short_name("autocast", "lab")
    ('float32, rest frame', 'bfloat16 autocast, lab frame')
    """
    frame = {"frame": "rest frame", "lab": "lab frame"}[conditioning]
    return f"{'bfloat16 autocast' if dtype == 'autocast' else dtype}, {frame}"


def listed_quantities(quantities: Iterable[str]) -> str:
    """What changes in some scans, each once: ``logit``, ``mass``, or ``logit or mass``."""
    return " or ".join(dict.fromkeys(quantities)) or "logit"


def number(value: float) -> str:
    """Two digits: ``6.5e-08``; ``0`` if it is exactly that, ``not finite`` if it is not.

    Examples
    --------
    >>> number(6.52e-8), number(0.0), number(float("inf"))
    ('6.5e-08', '0', 'not finite')
    """
    if value == 0:
        return "0"
    return f"{value:.1e}" if math.isfinite(value) else "not finite"


def _curves(scanned: TaggerInvariance) -> Iterator[str]:
    for transformation, title in PROPERTIES.items():
        found = {mode: curves[transformation] for mode, curves in scanned.curves.items() if transformation in curves}
        modes = sorted_modes(found)
        boosted = [mode for mode in modes if len(found[mode]) > 1]
        floor = scanned.floor.get(transformation, {})
        said = [f"{_boosts(found[mode], floor)} ({short_name(*mode)})" for mode in boosted]
        said += _once({mode: next(iter(found[mode].values())).rms for mode in modes if mode not in boosted})
        if said:
            yield f"{title}: {'; '.join(said)}"


def _precision(precision: Mapping[Mode, Change]) -> Iterator[str]:
    said = []
    for mode in sorted_modes(precision):
        found = precision[mode]
        flips = f", {100 * found.flips:.2g} % of the decisions flip" if found.flips else ""
        said.append(f"{number(found.rms)}{flips} ({short_name(*mode)})")
    if said:
        yield f"{PRECISION}: {'; '.join(said)}"


def _once(rms: Mapping[Mode, float]) -> list[str]:
    """What was measured at one point: the modes that keep the symmetry, then those that break it."""
    kept = [f"{number(value)} ({short_name(*mode)})" for mode, value in rms.items() if value <= BROKEN]
    lost = [f"{number(value)} ({short_name(*mode)})" for mode, value in rms.items() if not value <= BROKEN]
    return [f"{word} {', '.join(named)}" for word, named in (("invariant to", kept), ("broken,", lost)) if named]


def _boosts(points: Mapping[str, Change], floor: Mapping[str, Change]) -> str:
    gammas = sorted(points, key=float)
    rms = [points[gamma].rms for gamma in gammas]
    broken = next((place for place, value in enumerate(rms) if value > BROKEN), None)
    if broken == 0:
        return f"broken at gamma {gammas[0]} already, {number(rms[0])}"
    if broken is not None:
        return f"broken above gamma {_crossing(gammas[broken - 1 : broken + 1], rms[broken - 1 : broken + 1]):.2g}"
    if max(rms) <= _FLAT * min(rms):
        return f"invariant to {number(max(rms))} up to gamma {gammas[-1]}"
    line = f"invariant to {number(rms[0])} at gamma {gammas[0]}, {number(rms[-1])} at gamma {gammas[-1]}"
    upper = gammas[len(gammas) // 2 :]
    at_floor = floor and all(points[gamma].rms <= _FLAT * floor[gamma].rms for gamma in upper)
    return f"{line}, the floor of the input's rounding" if at_floor else line


def _crossing(gammas: list[str], rms: list[float]) -> float:
    """Where a power law through two points reaches :data:`BROKEN`; the first gamma if the second value is not finite."""
    first, last = map(float, gammas)
    if not math.isfinite(rms[1]) or rms[0] <= 0:
        return first
    share: float = math.log(BROKEN / rms[0]) / math.log(rms[1] / rms[0])
    return first * (last / first) ** share


def _separation(scanned: TaggerInvariance) -> Iterator[str]:
    """How the AUC under the strongest random boosts differs from that of the jets as they are."""
    said = []
    for mode in sorted_modes(scanned.unmoved):
        points = scanned.curves.get(mode, {}).get("boost", {})
        if points:
            gamma = max(points, key=float)
            before, after = scanned.unmoved[mode].auc.value, points[gamma].separation
            now = "lost" if after is None else f"{after.auc.value:.4f}"
            said.append(f"{before:.4f}, at gamma {gamma} {now} ({short_name(*mode)})")
    if said:
        yield f"AUC: {'; '.join(said)}"


def _layers(layers: Mapping[Mode, Mapping[str, LayerError]]) -> Iterator[str]:
    said = []
    for mode in sorted_modes(layers):
        name = worst_layer(layers[mode])
        line = f"{number(_own(layers[mode][name]))} at worst, in {name} ({short_name(*mode)})"
        said.append(line + (_culprit(layers[mode], name) if mode == ("float64", "frame") else ""))
    if said:
        yield f"equivariance of the layers: {'; '.join(said)}"


def worst_layer(errors: Mapping[str, LayerError]) -> str:
    """The layer with the largest error of its own, or the innermost part of it that has (nearly) the same error."""
    name = max(errors, key=lambda layer: _own(errors[layer]))
    while True:
        parts = [layer for layer in errors if layer.startswith(f"{name}.") and _own(errors[layer]) > _own(errors[name]) / 10]
        if not parts:
            return name
        name = max(parts, key=lambda layer: _own(errors[layer]))


def _own(error: LayerError) -> float:
    return -1.0 if error.own is None else error.own


def _culprit(errors: Mapping[str, LayerError], worst: str) -> str:
    if _own(errors[worst]) > LAYER_BROKEN:
        return ", which breaks the symmetry"
    late = next(((name, error) for name, error in errors.items() if error.total > LAYER_BROKEN), None)
    if late is None:
        return ""
    name, error = late
    where = f"in {name}, the front end" if error.own is None else f"before {name}, outside of the layers"
    return f", but the symmetry is broken {where}"


def _emissions(emissions: Mapping[str, Emission]) -> Iterator[str]:
    for kind, emission in emissions.items():
        title, size = EMISSIONS[kind]
        smallest = min(emission.changes, key=float)
        rms = emission.changes[smallest].rms
        if emission.safe:
            power = "" if emission.slope is None else f" with power {emission.slope:.2f} of it"
            what = "infrared" if kind == "soft" else "collinear"
            yield f"{title}: {what} safe, the change falls{power} to {number(rms)} at {size} {smallest}"
        else:
            power = "" if emission.slope is None else f" (fitted power {emission.slope:.2f})"
            yield f"{title}: not safe, the change is {number(rms)} at {size} {smallest} still{power}"
