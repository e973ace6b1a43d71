"""Parts of Clifford networks, grade by grade. With X the multivectors of a particle, what a path adds to their update is

* ``own v``: grade 1 of its own multivectors, in the update only,
* ``neighbours v``: that of the sum over its neighbours, wherever it is used,
* ``(u_i-u_j) X -> v``: that of the sum over its neighbours of geometric products with the difference of directions, wherever it is used,
* ``X X -> v``: that of a geometric product of two mixtures of all of these.
"""

from __future__ import annotations

from collections.abc import Sequence

from lorentznet.evaluate.anatomy.common import inputs, jet_invariants, particle_invariants, radial_functions
from lorentznet.evaluate.anatomy.removal import Edit, Part, Zero
from lorentznet.nn.multivector import Grades
from lorentznet.taggers.clifford import CliffordNetwork

GRADES = ("s", "v", "f", "a", "p")
NAMES = (
    "grade 0, scalars s",
    "grade 1, vectors v",
    "grade 2, bivectors f",
    "grade 3, axial vectors a",
    "grade 4, pseudoscalars p",
)


def clifford_parts(network: CliffordNetwork) -> list[Part]:
    """Paths of each layer, grades, invariants; see the module."""
    channels = int(network.embed_vectors.out_features)
    scalars = int(network.embed_scalars.out_features)
    layers = range(len(network.layers))
    grades = network.grades
    rows: dict[str, list[int]] = {}
    start = 0
    squares = [f"{GRADES[grade]}.{GRADES[grade]}" for grade in grades.kept[1:]]
    for _ in range(network.layers_read):
        for name, size in (("scalars", scalars), *((name, channels) for name in ("grade 0", "v.u", *squares))):
            rows.setdefault(name, []).extend(range(start, start + size))
            start += size
    # Of the first features, which no layer gives, only scalars and vectors are not zero.
    reads_first = network.layers_read > len(layers)
    of_vectors = [row for name in ("v.u", "v.v") for row in rows[name][:channels]] if reads_first else []
    return [
        *(part for number in layers for part in _layer_paths(channels, number, grades)),
        *(
            _grade(layers, grade, index, of_vectors if grade == 1 else [])
            for grade, index in zip(grades.kept, _components(grades), strict=True)
        ),
        _scalars(layers, rows["scalars"][:scalars] if reads_first else []),
        *(particle_invariants(name, found) for name, found in rows.items()),
        *jet_invariants(channels * (channels + 3) // 2),
        *inputs(network),
        *radial_functions(network.basis),
    ]


def _components(grades: Grades) -> Sequence[slice]:
    """Where the components of each grade stand."""
    stops = [sum(grades.dims[: place + 1]) for place in range(len(grades.dims))]
    return [slice(stop - size, stop) for size, stop in zip(grades.dims, stops, strict=True)]


def _layer_paths(channels: int, number: int, grades: Grades) -> list[Part]:
    at = f"layers.{number}"
    parts = []
    for block, what in enumerate(("own {}", "neighbours {}", "(u_i-u_j) X -> {}", "X X -> {}")):
        for place, (grade, components) in enumerate(zip(grades.kept, _components(grades), strict=True)):
            summed = block in (1, 2)  # the message has these two blocks
            first = (block - summed) * channels
            index = (components, slice(first, first + channels))
            edit: Edit = Zero(f"{at}.message", index, element=0) if summed else Zero(f"{at}.mix", index, 0)
            name = f"layer {number + 1}: {what.format(GRADES[grade])}"
            parts.append(Part("path", name, [edit], number + 1, (f"{at}.mix", (block, place))))
    return parts


def _grade(layers: range, grade: int, components: slice, read: list[int]) -> Part:
    """A grade in all layers, and the rows of the read-out that are of its first features."""
    index = (components,)
    edits: list[Edit] = [Zero("readout", (read,), 0)] if read else []
    for number in layers:
        at = f"layers.{number}"
        edits += [Zero(at, index, 0), Zero(f"{at}.mix", index, 0), Zero(at, index, element=0)]
        edits += [Zero(f"{at}.message", index, element=0), *(Zero(f"{at}.{name}", index) for name in ("left", "right", "mix"))]
        if grade == 0:
            edits.append(Zero(f"{at}.to_grade_zero", (...,)))
    return Part("irrep", NAMES[grade], edits)


def _scalars(layers: range, read: list[int]) -> Part:
    """The scalars that stand beside the multivectors and see their invariants; ``read`` as for a grade."""
    edits: list[Edit] = [Zero("readout", (read,), 0)] if read else []
    for number in layers:
        edits += [Zero(f"layers.{number}", (...,), 1), Zero(f"layers.{number}", (...,), element=1)]
    return Part("irrep", "scalars beside the multivectors", edits)


__all__ = ["GRADES", "NAMES", "clifford_parts"]
