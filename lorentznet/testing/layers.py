r"""Clauses on layers: f(L x) = L f(x), gradients, masks, purity.

A layer says by itself how it is to be tested (:class:`~lorentznet.nn.base.EquivariantModule`): ``irreps_out`` is the law of what
it gives (a tuple of laws for a tuple of outputs), ``parity`` whether it commutes with reflections, and
``example_inputs(generator)`` gives arguments with their laws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lorentznet.group.irreps import Irreps
from lorentznet.group.multivectors import Multivectors
from lorentznet.group.subgroup import Subgroup
from lorentznet.group.transform import LorentzTransform
from lorentznet.nn.base import EquivariantModule, Law
from lorentznet.testing.measure import awakened, require
from lorentznet.testing.transforms import RAPIDITY, strong_transforms

TOLERANCE = 1e-11
"""Bound on the equivariance error of a layer in float64, relative to the growth of its features."""

Arguments = tuple[tuple[Any, Law], ...]


def assert_equivariant(
    module: EquivariantModule, draws: int = 16, rapidity: float = RAPIDITY, tolerance: float = TOLERANCE, seed: int = 0
) -> float:
    r"""f(L x) = L f(x) in float64 for strong random L from O+(1,3), or SO+(1,3) if the layer breaks parity.

    Under a boost tensors grow, and what is formed of them loses as much precision as they grow, twice for products. The error is
    therefore measured against

    .. math:: \|L f(x)\| + r^2 \|f(x)\|, \qquad r = \max_i \|L x_i\| / \|x_i\|.

    A breaking of the symmetry grows in the same way, so that nothing is hidden by it.

    Parameters
    ----------
    module
        A layer; it is left as it is. Parameters that are zero are tested at random values.
    draws
        Number of transforms.
    rapidity
        Typical rapidity of the boosts.
    tolerance
        Bound on the error.
    seed
        Seed of inputs and transforms.

    Returns
    -------
    float
        The largest error of all draws and outputs.

    Raises
    ------
    AssertionError
        If it exceeds the tolerance.
    """
    clause = f"assert_equivariant ({type(module).__name__})"
    module = awakened(module)
    arguments = module.example_inputs(torch.Generator().manual_seed(seed))
    group = Subgroup.of("O+(1,3)" if module.parity else "SO+(1,3)")
    measured = 0.0
    with torch.no_grad():
        expected = _outputs(module, arguments)
        if not any(bool(x.any()) for x, _ in _leaves(expected)):
            raise AssertionError(f"{clause}: all outputs are zero, so that nothing can be tested; give other example_inputs")
        for transform in strong_transforms(group, draws, rapidity, seed):
            moved = tuple((transform.act(law, x), law) for x, law in arguments)
            growth = _growth(arguments, moved)
            measured = max(measured, _error(_outputs(module, moved), expected, transform, growth))
    return require(clause, f"the error of f(L x) = L f(x) under {group}, relative to the features' growth,", measured, tolerance)


def check_layer_gradients(module: EquivariantModule, dtypes: Sequence[torch.dtype] = (torch.float64, torch.float32)) -> None:
    """Gradients are finite where features vanish, are lightlike, or are the same for all particles.

    Parameters
    ----------
    module
        A layer; it is left as it is.
    dtypes
        Precisions of the layer.
    """
    cases: dict[str, Callable[[Tensor, Law], Tensor]] = {
        "ordinary features": lambda x, law: x,
        "zero features": lambda x, law: torch.zeros_like(x),
        "lightlike features": _lightlike,
        "features that are the same for all particles": _same_for_all,
    }
    for dtype in dtypes:
        for name, change in cases.items():
            copy = awakened(module, dtype)
            arguments = copy.example_inputs(torch.Generator().manual_seed(0))
            # Other arguments than features (a time axis, weights of pairs) stay what they have to be.
            changed = tuple((_mapped(x, law, change) if law == module.irreps_in else x, law) for x, law in arguments)
            leaves = tuple((_mapped(x, law, partial(_leaf, dtype=dtype)), law) for x, law in changed)
            what = _not_finite(copy, leaves)
            if what:
                layer = type(module).__name__
                raise AssertionError(f"check_layer_gradients ({layer}): {what} is not finite for {name} in {dtype}")


def _not_finite(module: EquivariantModule, leaves: Arguments) -> str | None:
    """The first output or gradient that is not finite, in words."""
    outputs = [x for x, _ in _leaves(_outputs(module, leaves)) if x.requires_grad]
    if outputs:
        torch.stack([x.abs().square().sum() for x in outputs]).sum().backward()
    found: list[tuple[str, Tensor | None]] = [(f"output {number}", x) for number, x in enumerate(outputs)]
    found += [("the gradient by an input", x.grad) for x, _ in _leaves(leaves)]
    found += [(f"the gradient by {key}", parameter.grad) for key, parameter in module.named_parameters()]
    return next((what for what, x in found if x is not None and not bool(torch.isfinite(x).all())), None)


def check_layer_padding(module: EquivariantModule, tolerance: float = TOLERANCE) -> float | None:
    """Features of masked particles, filled with NaN, change no output of real ones; None for a layer without mask.

    The mask is the argument of :meth:`example_inputs` that is boolean, shape (jets, particles).

    Parameters
    ----------
    module, tolerance
        As in :func:`assert_equivariant`.
    """
    clause = f"check_layer_padding ({type(module).__name__})"
    module = awakened(module)
    arguments = module.example_inputs(torch.Generator().manual_seed(0))
    masks = [x for x, _ in arguments if isinstance(x, Tensor) and x.dtype == torch.bool]
    if not masks:
        return None
    real = masks[0].clone()
    real[..., -2:] = False
    fill = {value: _filler(real, value) for value in (0.0, float("nan"))}
    inputs = [
        tuple((real if x is masks[0] else _mapped(x, law, change), law) for x, law in arguments) for change in fill.values()
    ]
    measured = 0.0
    with torch.no_grad():
        clean, poisoned = (_outputs(module, given) for given in inputs)
        for (x, law), (y, _) in zip(_leaves(clean), _leaves(poisoned), strict=True):
            difference = _filler(real, 0.0)(y, law) - _filler(real, 0.0)(x, law)
            worst = float(difference.abs().max() / x.abs().nan_to_num().max().clamp_min(1e-30))
            measured = max(measured, worst if worst == worst else float("inf"))
    return require(clause, "the relative change of real outputs when padding is NaN", measured, tolerance)


def check_layer_pure(module: EquivariantModule) -> None:
    """``forward`` leaves its arguments as they were, keeps their dtype, and gives the same twice.

    Parameters
    ----------
    module
        A layer; it is left as it is.
    """
    clause = f"check_layer_pure ({type(module).__name__})"
    for dtype in (torch.float64, torch.float32):
        copy = awakened(module, dtype)
        arguments = tuple(
            (_mapped(x, law, partial(_cast, dtype=dtype)), law) for x, law in copy.example_inputs(torch.Generator())
        )
        before = [x.clone() for x, _ in _leaves(arguments)]
        with torch.no_grad():
            first, second = _called(copy, arguments), _called(copy, arguments)
        if any(not torch.equal(x, y) for (x, _), y in zip(_leaves(arguments), before, strict=True)):
            raise AssertionError(f"{clause}: forward changes its arguments in place")
        for (x, _), (y, _) in zip(_leaves(first), _leaves(second), strict=True):
            if not torch.equal(x, y):
                raise AssertionError(f"{clause}: a second call with the same arguments gives something else")
            if x.is_floating_point() and x.dtype != dtype:
                raise AssertionError(f"{clause}: {dtype} features become {x.dtype}")


def _outputs(module: EquivariantModule, arguments: Arguments) -> Arguments:
    """Outputs with their laws, of copies of the arguments in case the layer changes them."""
    return _called(module, tuple((_mapped(x, law, lambda y, _: y.clone()), law) for x, law in arguments))


def _called(module: EquivariantModule, arguments: Arguments) -> Arguments:
    result, law = module(*(x for x, _ in arguments)), module.irreps_out
    return tuple(zip(result, law, strict=True)) if isinstance(law, tuple) else ((result, law),)


def _leaves(values: Arguments) -> Iterator[tuple[Tensor, Law]]:
    """All tensors in arguments or outputs, with the laws of what they belong to."""
    for x, law in values:
        for part in x if isinstance(x, list | tuple) else [x]:
            if isinstance(part, Tensor):
                yield part, law


def _mapped(x: Any, law: Law, change: Callable[[Tensor, Law], Tensor]) -> Any:
    """Apply a change to every tensor of real or complex numbers in an argument."""
    if isinstance(x, list | tuple):
        return [_mapped(part, law, change) for part in x]
    return change(x, law) if isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()) else x


def _growth(arguments: Arguments, moved: Arguments) -> float:
    """How much the norm of any argument grows under a transform, at least 1."""
    pairs = zip(_leaves(moved), _leaves(arguments), strict=True)
    return max([1.0, *(float(new.norm() / old.norm()) for (new, law), (old, _) in pairs if law is not None and old.any())])


def _error(found: Arguments, expected: Arguments, transform: LorentzTransform, growth: float) -> float:
    """Largest error of the outputs relative to their growth; a vanishing output is measured against the largest one."""
    wanted = tuple((transform.act(law, x), law) for x, law in expected)
    scales = [
        float(y.norm()) + growth**2 * float(x.norm()) for (x, _), (y, _) in zip(_leaves(expected), _leaves(wanted), strict=True)
    ]
    floor = 1e-3 * max(scales)
    errors = [
        float((z - y).norm()) / max(scale, floor)
        for (z, _), (y, _), scale in zip(_leaves(found), _leaves(wanted), scales, strict=True)
    ]
    return max(error if error == error else float("inf") for error in errors)


def _lightlike(x: Tensor, law: Law) -> Tensor:
    """Features in the limit of an infinite boost, of their first size: null under the invariant form."""
    if law is None:
        return x
    boost = LorentzTransform.boost([0.0, 0.0, 18.0])
    parts = [irrep for _, irrep in law if irrep.dim == x.shape[-1]] if isinstance(law, Irreps) else [law]
    grown = parts[0].act(boost, x)
    return grown * (x.abs().max() / grown.abs().max())


def _same_for_all(x: Tensor, law: Law) -> Tensor:
    axis = 2 if isinstance(law, Multivectors) else 1 if isinstance(law, Irreps) else 0
    return x.narrow(axis + 1, 0, 1).expand_as(x) if x.ndim > axis + 2 or isinstance(law, Multivectors) else x


def _cast(x: Tensor, law: Law, dtype: torch.dtype) -> Tensor:
    return x.to(dtype.to_complex() if x.is_complex() else dtype)


def _leaf(x: Tensor, law: Law, dtype: torch.dtype) -> Tensor:
    return _cast(x, law, dtype).detach().clone().requires_grad_()


def _filler(real: Tensor, value: float) -> Callable[[Tensor, Law], Tensor]:
    """Fill what belongs to masked particles, on the particle axis and on both axes of pairs."""

    def fill(x: Tensor, law: Law) -> Tensor:
        start = 2 if isinstance(law, Multivectors) else 1 if isinstance(law, Irreps) else 0
        places = [k for k in range(start, x.ndim - 1) if x.shape[k : k + 2] == real.shape]
        if not places:
            return x
        first, particles = places[0], real.shape[1]
        shape = [1] * x.ndim
        shape[first : first + 2] = real.shape
        kept = real.view(shape)
        if law is None and x.ndim > first + 2 and x.shape[first + 2] == particles:
            shape[first + 1], shape[first + 2] = 1, particles
            kept = kept & real.view(shape)
        return x.masked_fill(~kept, value)

    return fill
