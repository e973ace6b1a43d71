"""The contract of taggers and layers, for this package's own and for those of its users.

Each clause is a function that measures, compares with a bound, and raises ``AssertionError`` naming clause, number and bound;
:func:`check_tagger` and :func:`check_layer` run them all. Taggers are measured in float64 copies, in units of the spread of their
logits over the jets, under strong random transforms.

Examples
--------
>>> from lorentznet import taggers, testing
>>> tagger = taggers.create("cg", preset="tiny", seed=1)
>>> testing.check_permutation(tagger) < 1e-9
True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lorentznet.data.batch import JetBatch
from lorentznet.nn.base import EquivariantModule
from lorentznet.taggers.base import Tagger
from lorentznet.testing.behaviour import check_pure, check_round_trip
from lorentznet.testing.jets import degenerate_jets, toy_jets
from lorentznet.testing.layers import assert_equivariant, check_layer_gradients, check_layer_padding, check_layer_pure
from lorentznet.testing.numerics import check_gradients, check_infrared, check_precision
from lorentznet.testing.symmetry import check_alone, check_padding, check_permutation, check_symmetry, check_symmetry_is_maximal
from lorentznet.testing.transforms import check_strong, strong_transforms

__all__ = [
    "LAYER_CLAUSES",
    "TAGGER_CLAUSES",
    "assert_equivariant",
    "check_alone",
    "check_gradients",
    "check_infrared",
    "check_layer",
    "check_layer_gradients",
    "check_layer_padding",
    "check_layer_pure",
    "check_padding",
    "check_permutation",
    "check_precision",
    "check_pure",
    "check_round_trip",
    "check_strong",
    "check_symmetry",
    "check_symmetry_is_maximal",
    "check_tagger",
    "degenerate_jets",
    "strong_transforms",
    "toy_jets",
]

TAGGER_CLAUSES: tuple[Callable[..., Any], ...] = (
    check_symmetry,
    check_symmetry_is_maximal,
    check_permutation,
    check_padding,
    check_alone,
    check_pure,
    check_gradients,
    check_precision,
    check_round_trip,
    check_infrared,
)
"""What every tagger is tested for; each takes a tagger and, optionally, jets."""

LAYER_CLAUSES: tuple[Callable[..., Any], ...] = (assert_equivariant, check_layer_gradients, check_layer_padding, check_layer_pure)
"""What every layer is tested for."""


def check_tagger(tagger: Tagger, jets: JetBatch | None = None) -> dict[str, Any]:
    """Test a tagger for every clause of the contract.

    Parameters
    ----------
    tagger
        Any tagger, registered or not, trained or not; it is left as it is.
    jets
        Jets in the laboratory to test with, in GeV; toy jets if None. A tagger that reads particle scalars needs jets with them.

    Returns
    -------
    dict
        What each clause measured, by its name.

    Raises
    ------
    AssertionError
        Naming every clause that fails, with the measured number and its bound.
    """
    return _run(TAGGER_CLAUSES, type(tagger).__name__, tagger, jets)


def check_layer(layer: EquivariantModule) -> dict[str, Any]:
    """Test a layer for every clause of the contract.

    Parameters
    ----------
    layer
        An instance; ``example_inputs`` says what it is tested with.

    Returns
    -------
    dict
        What each clause measured, by its name.

    Raises
    ------
    AssertionError
        Naming every clause that fails, with the measured number and its bound.
    """
    return _run(LAYER_CLAUSES, type(layer).__name__, layer)


def _run(clauses: tuple[Callable[..., Any], ...], name: str, *arguments: Any) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    complaints = []
    for clause in clauses:
        try:
            measured[clause.__name__] = clause(*arguments)
        except AssertionError as error:
            complaints.append(str(error))
    if complaints:
        raise AssertionError(f"{name} breaks the contract:\n" + "\n".join(complaints))
    return measured
