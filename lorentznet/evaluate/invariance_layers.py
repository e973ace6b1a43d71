r"""Which layer of a trained network keeps the symmetry how well: f(D x) = D f(x) inside the network, for real jets.

Jets are scored as they are and seen from other frames :math:`\Lambda_j`. What a layer sees of a jet differs by a transform
:math:`\Lambda_j'`: by :math:`\Lambda_j` itself in the lab frame, and behind the rest-frame front end by the rotation that is left of it,

.. math:: \Lambda' = B(\Lambda P)\, \Lambda\, B(P)^{-1},

with B(P) the pure boost to the rest frame of P (a Wigner rotation; a reflection may be among it). Of every
:class:`~lorentznet.nn.base.EquivariantModule`, which declares its laws D, two relative errors are taken:

* ``own``: the layer is given :math:`D(\Lambda')\,x` once more, x being what it was given for the jets as they are. Only what the layer
  itself breaks or rounds is seen, so that the largest one names the culprit.
* ``total``: its output in the network for the jets seen from other frames. This is what has gathered up to there, with the rounding of
  the momenta and what happens between the layers. The front end, which comes first, has this one only.

Errors are norms over all jets, of the worst tensor of an output, those of small tensors relative to 1/1000 of the largest.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.evaluate.invariance_points import LayerError
from lorentznet.evaluate.invariance_words import LAYER_GAMMA, LAYER_JETS
from lorentznet.evaluate.measured import Measured
from lorentznet.evaluate.transformations import TRANSFORMATIONS, Matrices, to_rest, transformed
from lorentznet.group.irreps import Irrep, Irreps
from lorentznet.group.multivectors import Multivectors
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.base import EquivariantModule, Law
from lorentznet.nn.frame import JetFrame
from lorentznet.nn.pairs import pair_mask
from lorentznet.taggers.base import Tagger

_LEAST_MASS = 1e-3  # M / E below which the rest frame of a jet is not looked at
_SMALL = 1e-3
VECTOR = Irrep(1, 1)


@dataclass(frozen=True)
class Call:
    """What a layer was given and what it gave."""

    arguments: tuple[Any, ...]
    output: Any


def scan(
    measured: Measured, batch: JetBatch, mode: tuple[str, str], gamma: float = LAYER_GAMMA, seed: int = 1
) -> dict[str, LayerError]:
    """Errors of the layers in one mode, in the order in which they work; empty for a tagger without any.

    Parameters
    ----------
    measured
        The tagger; it is left as it is.
    batch
        Jets, with references if the tagger reads any; at most 32 of them are used.
    mode
        Precision and front end.
    gamma
        Boost factor. Every second jet is reflected too, if the tagger's architecture allows for it.
    seed
        Seed of the axes.
    """
    tagger = measured.tagger(mode)
    if not any(isinstance(layer, EquivariantModule) for layer in tagger.modules()):
        return {}
    jets = _suitable(batch)
    if jets.n_jets == 0:
        return {}
    matrices = TRANSFORMATIONS["boost"](gamma, jets.n_jets, np.random.default_rng([seed, 0])).copy()
    if Subgroup.of("O+(1,3)") <= Subgroup.of(tagger.architecture):
        matrices[::2, :, 1:] *= -1
    moved_jets = transformed(jets, matrices)
    seen = torch.from_numpy((_left_over(jets, matrices) if mode[1] == "frame" else matrices).astype(np.float64))
    with torch.no_grad():
        before, after = (_calls(tagger, part.to(measured.device)) for part in (jets, moved_jets))
        layers = dict(tagger.named_modules())
        return {name: _error(layers[name], call, after[name], seen) for name, call in before.items() if name in after}


def moved(law: Law, x: Any, matrices: Tensor) -> Any:
    """What becomes of ``x`` that transforms by ``law`` when jet j is seen by ``matrices[j]``; dtype and device of ``x`` are kept.

    Parameters
    ----------
    law
        As in :mod:`lorentznet.nn.base`.
    x
        Tensors as that law says, with an axis of jets: behind the channels, else first. Tensors beyond the law are left as they are.
    matrices
        Shape (jets, 4, 4), float64.
    """
    if law is None or x is None:
        return x
    if isinstance(law, Irreps):
        known = [_acted(irrep.representation(matrices), part, 1) for (_, irrep), part in zip(law, x, strict=False)]
        return [*known, *x[len(known) :]]
    if isinstance(law, Multivectors):
        grades = range(law.algebra.n + 1) if law.grades is None else law.grades
        parts = x.movedim(0, -1).split([law.algebra.grade_dims[grade] for grade in grades], -1)
        acted = [_acted(law.algebra.grade_matrix(matrices, grade), part, 1) for grade, part in zip(grades, parts, strict=True)]
        return torch.cat(acted, -1).movedim(-1, 0)
    return _acted(law.representation(matrices), x, max(0, x.ndim - 3))


def _acted(representation: Tensor, x: Tensor, axis: int) -> Tensor:
    first = x.movedim(axis, 0)
    flat = first.reshape(len(first), -1, first.shape[-1]).to(representation)
    return (flat @ representation.mT).view_as(first).movedim(0, axis).to(x)


def _suitable(batch: JetBatch) -> JetBatch:
    """Jets with a rest frame that is far from degenerate, evenly spaced."""
    total = torch.zeros(batch.n_jets, 4, dtype=torch.float64).index_add(0, batch.batch, batch.p4)
    square = total[:, 0].square() - total[:, 1:].square().sum(1)
    usable = torch.nonzero((square > (_LEAST_MASS * total[:, 0]) ** 2) & (batch.counts > 2))[:, 0]
    if len(usable) > LAYER_JETS:
        usable = usable[torch.arange(LAYER_JETS) * len(usable) // LAYER_JETS]
    return batch.select(usable)


def _left_over(jets: JetBatch, matrices: Matrices) -> Matrices:
    """B(L P) L B(P)^-1 of each jet, in extended precision, as the orthogonal matrix next to it."""
    total = np.zeros((jets.n_jets, 4), matrices.dtype)
    np.add.at(total, jets.batch.numpy(), jets.p4.numpy().astype(matrices.dtype))
    there = (matrices @ total[..., None])[..., 0]
    metric = np.diag(np.array([1, -1, -1, -1], matrices.dtype))
    rotation = to_rest(there) @ matrices @ metric @ to_rest(total).swapaxes(-1, -2) @ metric
    left, _, right = np.linalg.svd(rotation[:, 1:, 1:].astype(np.float64))
    result = np.zeros_like(matrices)
    result[:, 0, 0] = 1
    result[:, 1:, 1:] = left @ right
    return result


def _calls(tagger: Tagger, batch: JetBatch) -> dict[str, Call]:
    """The first call of every layer, and of the front end, in the order in which they end."""
    found: dict[str, Call] = {}

    def record(name: str, layer: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any], output: Any) -> None:
        if name not in found and (isinstance(layer, EquivariantModule) or isinstance(output, JetFrame)):
            bound = inspect.signature(layer.forward).bind(*given, **named)
            found[name] = Call((*bound.args, *bound.kwargs.values()), output)

    with _watched(tagger, record):
        tagger(batch)
    return found


@contextmanager
def _watched(tagger: Tagger, record: Any) -> Iterator[None]:
    handles = []
    for name, layer in tagger.named_modules():

        def hook(layer: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any], output: Any, name: str = name) -> None:
            record(name, layer, given, named, output)

        handles.append(layer.register_forward_hook(hook, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _error(layer: nn.Module, before: Call, after: Call, seen: Tensor) -> LayerError:
    if isinstance(before.output, JetFrame):
        frames = before.output, after.output
        # Of a particle with itself no network reads anything: its mass is rounding noise where particles are nearly massless.
        pairs = pair_mask(before.output.nodes)
        invariants = [[x.double() for x in (frame.energy, frame.log_mass, frame.log_product[pairs])] for frame in frames]
        error = _distance([frames[1].momenta, *invariants[1]], [moved(VECTOR, frames[0].momenta.double(), seen), *invariants[0]])
        return LayerError(None, error)
    assert isinstance(layer, EquivariantModule)
    laws = [law for _, law in layer.example_inputs(torch.Generator())]
    laws += [None] * (len(before.arguments) - len(laws))
    given = [moved(law, x, seen) for law, x in zip(laws, before.arguments, strict=False)]
    expected_output = _moved_output(layer.irreps_out, before.output, seen)
    own = _distance(_tensors(layer(*given)), expected_output)
    return LayerError(own, _distance(_tensors(after.output), expected_output))


def _moved_output(law: Law, output: Any, seen: Tensor) -> list[Tensor]:
    if isinstance(law, tuple):
        return [part for single, x in zip(law, output, strict=True) for part in _tensors(moved(single, _double(x), seen))]
    return _tensors(moved(law, _double(output), seen))


def _double(x: Any) -> Any:
    return [_double(part) for part in x] if isinstance(x, list | tuple) else x.double()


def _tensors(x: Any) -> list[Tensor]:
    return [part for item in x for part in _tensors(item)] if isinstance(x, list | tuple) else [x]


def _distance(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Largest relative difference of two sets of tensors."""
    norms = [float(x.double().norm()) for x in expected]
    floor = _SMALL * max(norms, default=0.0)
    errors = [
        float((x.double() - y.double()).norm()) / max(norm, floor)
        for x, y, norm in zip(found, expected, norms, strict=True)
        if max(norm, floor) > 0
    ]
    worst = max(errors, default=0.0, key=lambda error: error if error == error else math.inf)
    return worst if math.isfinite(worst) else math.inf
