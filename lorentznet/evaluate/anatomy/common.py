"""Parts that all networks behind the rest-frame front end have: inputs, radial functions, invariants of the jet."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from lorentznet.evaluate.anatomy.removal import Average, Edit, Part, Replace, columns_of, of_frame, rows_of
from lorentznet.nn.embedding import ParticleScalars
from lorentznet.nn.radial import PairBasis

RADIAL = (
    "radial functions of ln(p_i.p_j / M^2)",
    "radial functions of ln(1 - cos theta)",
    "radial functions of ln(p_i.p_j / GeV^2)",
)
"""The kinds of bells of a :class:`~lorentznet.nn.radial.PairBasis`."""


def average(module: str, before: bool, access: Any) -> Average:
    """An :class:`~lorentznet.evaluate.anatomy.removal.Average` of what ``access`` (get and put) points at."""
    get, put = access
    return Average(module, before, get, put)


def invariant(name: str, *edits: Edit) -> Part:
    """A group of invariants."""
    return Part("invariant", name, list(edits))


def inputs(network: nn.Module) -> list[Part]:
    """What the front end gives: energies as scalars, ln M, the reference vectors, particle scalars of the data."""
    features = network.features
    if not isinstance(features, ParticleScalars):
        raise TypeError(f"no inputs are known of {type(features).__name__}")
    energy = invariant("ln(E_i / M) as a scalar", Average("features", False, _energy, _with_energy))
    found = [energy, invariant("ln M, everywhere", average("", True, of_frame(0, "log_mass")))]
    if features.n_features > 2 + features.n_extra:
        scalars = average("", True, of_frame(0, "reference_scalars"))
        found.append(invariant("reference vectors", scalars, Replace("", _without_reference_particles)))
    if features.n_extra:
        found.append(invariant("particle scalars of the data", Average("", True, _extra, _with_extra)))
    return found


def radial_functions(basis: PairBasis) -> list[Part]:
    """The bells of a pair basis by kind; the constant function stays."""
    parts, start = [], 0
    for name, number in zip(RADIAL, basis.numbers, strict=True):
        if number:
            parts.append(invariant(name, _bells(slice(start, start + number))))
        start += number
    return parts


def jet_invariants(gram: int) -> list[Part]:
    """What an :class:`~lorentznet.nn.readout.InvariantReadout` knows of the jet as a whole.

    Parameters
    ----------
    gram
        Number of products of the jet's vectors.
    """
    products = invariant("V_c.V_d and V_c.u of the jet", average("readout", True, columns_of(1, range(gram))))
    mass = invariant("ln M, in the read-out", average("readout", True, of_frame(2, "log_mass")))
    return [products, mass] if gram else [mass]


def particle_invariants(name: str, rows: list[int]) -> Part:
    """Some rows of the particles' invariants in the read-out."""
    return invariant(f"{name} in the read-out", average("readout", True, rows_of(0, rows, 2)))


def _bells(rows: slice) -> Average:
    def get(args: tuple[Any, ...], output: Any) -> tuple[Tensor, Tensor]:
        return output[rows], output[-1] > 0

    def put(args: tuple[Any, ...], output: Any, new: Tensor) -> Tensor:
        changed: Tensor = output.clone()
        changed[rows] = new
        return changed

    return Average("basis", False, get, put)


def _energy(args: tuple[Any, ...], output: Any) -> tuple[Tensor, Tensor]:
    return output[:1], args[0].mask


def _with_energy(args: tuple[Any, ...], output: Any, new: Tensor) -> Tensor:
    return torch.cat((new, output[1:]))


def _extra(args: tuple[Any, ...], output: Any) -> tuple[Tensor, Tensor]:
    return args[1].movedim(-1, 0), args[0].mask


def _with_extra(args: tuple[Any, ...], output: Any, new: Tensor) -> tuple[Any, ...]:
    return args[0], new.movedim(0, -1)


def _without_reference_particles(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The jets without the references that take part as particles, which stand before those of the jet."""
    frame, extra = args
    if frame.indicators is None:
        return args
    first = frame.indicators.shape[-1]
    kept = {name: getattr(frame, name)[:, first:] for name in ("momenta", "mask", "energy", "reference_scalars", "indicators")}
    kept |= {name: getattr(frame, name)[:, first:, first:] for name in ("log_product", "log_angle")}
    if frame.neighbours is not None:
        kept["neighbours"] = frame.neighbours[:, first:, first:]
    return dataclasses.replace(frame, **kept), None if extra is None else extra[:, first:]
