"""Parts of Clebsch-Gordan networks. What a path adds to the update of a particle is

* ``own v``: its own features, in the update only,
* ``combined v``: its features mixed with the sums over its neighbours, in the update only,
* ``neighbours v``: the sum over its neighbours, wherever it is used,
* ``(u_i-u_j) x v -> t``: the sum over its neighbours of products with the difference of directions, wherever it is used,
* ``v x f -> v``: a product of the combined features with themselves; ``(pseudo)`` marks one that changes sign under reflections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn

from lorentznet.evaluate.anatomy.common import (
    average,
    inputs,
    invariant,
    jet_invariants,
    particle_invariants,
    radial_functions,
)
from lorentznet.evaluate.anatomy.removal import Average, Edit, Part, Zero, columns_of
from lorentznet.group.clebsch_gordan import CGPath
from lorentznet.group.irreps import AnyIrrep, Irrep, IrrepPair, Irreps
from lorentznet.nn.cg_layer import CGLayer
from lorentznet.nn.cg_product import VectorProduct
from lorentznet.nn.invariants import VECTOR, count_irrep_invariants
from lorentznet.nn.lgn import LGNLevel, LGNNetwork
from lorentznet.nn.mixing import SCALAR, IrrepMixing
from lorentznet.taggers.cg import CGNetwork

SYMBOLS: dict[AnyIrrep, str] = {SCALAR: "s", VECTOR: "v", IrrepPair(2, 0): "f", Irrep(2, 2): "t"}
NAMES: dict[AnyIrrep, str] = {SCALAR: "scalars s", VECTOR: "vectors v", IrrepPair(2, 0): "bivectors f", Irrep(2, 2): "tensors t"}


def symbol(irrep: AnyIrrep) -> str:
    """One letter, or the labels of an irrep that has none.

    Examples
    --------
    >>> symbol(Irrep(1, 1)), symbol(Irrep(3, 3))
    ('v', '(3,3)')
    """
    return SYMBOLS.get(irrep, str(irrep))


def product_name(left: str, path: CGPath) -> str:
    """``left x v -> t``."""
    return f"{left} x {symbol(path.j)} -> {symbol(path.out)}{' (pseudo)' if path.parity < 0 else ''}"


def numbered(names: Sequence[str]) -> list[str]:
    """The names, those that occur before with a number: products of pairs (k,n)+(n,k) may hold an irrep several times.

    Examples
    --------
    >>> numbered(["v x f -> v", "t x t -> t", "v x f -> v"])
    ['v x f -> v', 't x t -> t', 'v x f -> v (2)']
    """
    counts: Counter[str] = Counter()
    result = []
    for name in names:
        counts[name] += 1
        result.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return result


def cg_parts(network: CGNetwork) -> list[Part]:
    """Paths of each layer, irreps, invariants; see the module."""
    paths = [part for number, layer in enumerate(network.layers) for part in _layer_paths(layer, number)]
    whole = [_irrep(network, irrep) for irrep in network.irreps.irreps]
    rows = _invariant_rows(Irreps([*network.irreps] * network.layers_read))
    vectors = network.irreps.count(VECTOR)
    return [
        *paths,
        *whole,
        *(particle_invariants(name, found) for name, found in rows.items()),
        *jet_invariants(vectors * (vectors + 3) // 2),
        *inputs(network),
        *radial_functions(network.basis),
    ]


def _layer_paths(layer: nn.Module, number: int) -> list[Part]:
    """The inputs of the last mixing of a layer, in their order."""
    if not isinstance(layer, CGLayer):
        raise TypeError(f"no paths are known of a {type(layer).__name__}")
    at = f"layers.{number}"
    kinds = [symbol(irrep) for irrep in layer.square.irreps_in.irreps]
    found: list[tuple[str, Edit | None]] = [(f"{what} {kind}", None) for what in ("own", "combined") for kind in kinds]
    sums = [f"neighbours {kind}" for kind in kinds]
    sums += [product_name("(u_i-u_j)", path) for path in layer.message.product.paths]
    found += [(name, Zero(f"{at}.message", [term])) for term, name in enumerate(sums)]
    if layer.second is not None:
        second = [product_name("(u_i-u_j)^2", path) for path in layer.second.paths]
        found += [(name, Zero(f"{at}.second", [term])) for term, name in enumerate(second)]
    found += [(product_name(symbol(path.i), path), None) for path in layer.square.paths]
    return _paths(found, f"{at}.widen", layer.widen, number)


def _paths(found: Sequence[tuple[str, Edit | None]], module: str, mixing: IrrepMixing, number: int) -> list[Part]:
    """Named inputs of a mixing as parts; without an edit of its own an input is taken out where it enters."""
    outputs = {given: out for out, sources in enumerate(mixing.sources) for given in sources}
    names = numbered([name for name, _ in found])
    return [
        Part(
            "path", f"layer {number + 1}: {name}", [edit or Zero(module, [term], 0)], number + 1, (module, (term, outputs[term]))
        )
        for term, (name, (_, edit)) in enumerate(zip(names, found, strict=True))
        if term in outputs
    ]


def _terms(irreps: Irreps, irrep: AnyIrrep) -> list[int]:
    return [term for term, other in enumerate(irreps.irreps) if other == irrep]


def _outputs(modules: Iterable[tuple[str, Any]], irrep: AnyIrrep) -> list[Edit]:
    """Zeros in all terms of an irrep of the outputs of some modules."""
    found = [(name, _terms(module.irreps_out, irrep)) for name, module in modules if module is not None]
    return [Zero(name, terms) for name, terms in found if terms]


def _irrep(network: CGNetwork, irrep: AnyIrrep) -> Part:
    own = _terms(network.irreps, irrep)
    edits: list[Edit] = []
    for number, layer in enumerate(network.layers):
        at = f"layers.{number}"
        names = ("narrow", "message", "second", "combine", "square", "widen")
        inside = _outputs(((f"{at}.{name}", getattr(layer, name)) for name in names), irrep)
        edits += [Zero(at, own, 0), *inside, Zero(at, own)]
    if network.layers_read > len(network.layers):  # the read-out sees the first features, which no layer gives
        before, itself = network.irreps.terms[: own[0]], network.irreps.terms[own[0]]
        first, size = count_irrep_invariants(Irreps(before)), count_irrep_invariants(Irreps([itself]))
        edits.append(Zero("readout", (slice(first, first + size),), 0))
    return Part("irrep", NAMES.get(irrep, str(irrep)), edits)


def _invariant_rows(irreps: Irreps, start: int = 0) -> dict[str, list[int]]:
    """Rows of :class:`~lorentznet.nn.invariants.IrrepInvariants` by name, from a first row on."""
    rows: dict[str, list[int]] = {}
    for mult, irrep in irreps:
        letter = symbol(irrep)
        names = ["scalars"] if irrep == SCALAR else [f"{letter}.{letter}", *(["v.u"] if irrep == VECTOR else [])]
        for name in names:
            rows.setdefault(name, []).extend(range(start, start + mult))
            start += mult
    return rows


def lgn_parts(network: LGNNetwork) -> list[Part]:
    """The same for the network of 2020: no combined features, momenta in the place of directions, invariants of all levels summed."""
    paths = [part for number, level in enumerate(network.levels) for part in _level_paths(level, number)]
    rows: dict[str, list[int]] = {}
    of_irrep: dict[AnyIrrep, list[int]] = {}
    start = 0
    for irreps in network.irreps:
        for mult, irrep in irreps:
            of_irrep.setdefault(irrep, []).extend(range(start, start + count_irrep_invariants(Irreps([(mult, irrep)]))))
            for name, found in _invariant_rows(Irreps([(mult, irrep)]), start).items():
                rows.setdefault(name, []).extend(found)
            start += count_irrep_invariants(Irreps([(mult, irrep)]))
    return [
        *paths,
        *(_irrep_of_levels(network, irrep, found) for irrep, found in of_irrep.items()),
        *(invariant(f"{name} in the read-out", average("readout", True, columns_of(0, found))) for name, found in rows.items()),
        *inputs(network),
        invariant("radial functions", *(Average(f"levels.{n}", True, _pairs, _with_pairs) for n in range(len(network.levels)))),
    ]


def _level_paths(level: nn.Module, number: int) -> list[Part]:
    if not isinstance(level, LGNLevel):
        raise TypeError(f"no paths are known of a {type(level).__name__}")
    kinds = [symbol(irrep) for irrep in level.irreps_in.irreps]
    found: list[tuple[str, Edit | None]] = [(f"neighbours {kind}", None) for kind in kinds]
    product = VectorProduct(level.irreps_in, level.parity, level.irreps_out.irreps)
    found += [(product_name("(p_i-p_j)", path), None) for path in product.paths]
    found += [(f"own {kind}", None) for kind in kinds]
    found += [(product_name(symbol(path.i), path), None) for path in level.square.paths]
    return _paths(found, f"levels.{number}.mixing", level.mixing, number)


def _irrep_of_levels(network: LGNNetwork, irrep: AnyIrrep, rows: list[int]) -> Part:
    edits: list[Edit] = [Zero("readout", (slice(None), rows), 0)]  # of the first features, which no level changes
    for number, level in enumerate(network.levels):
        at = f"levels.{number}"
        given = _terms(network.irreps[number], irrep)
        edits += [Zero(at, given, 0)] if given else []
        edits += _outputs(((f"{at}.{name}", getattr(level, name)) for name in ("message", "square", "mixing")), irrep)
        edits += _outputs([(at, level)], irrep)
    return Part("irrep", NAMES.get(irrep, str(irrep)), edits)


def _pairs(args: tuple[Any, ...], output: Any) -> tuple[Tensor, Tensor]:
    """The invariant of each pair, negative where there is none: with its mean all neighbours weigh the same."""
    return args[2][None], args[2] >= 0


def _with_pairs(args: tuple[Any, ...], output: Any, new: Tensor) -> tuple[Any, ...]:
    return *args[:2], new[0], *args[3:]


__all__ = ["NAMES", "SYMBOLS", "cg_parts", "lgn_parts", "numbered", "product_name", "symbol"]
