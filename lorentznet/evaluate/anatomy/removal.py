"""Taking parts out of a network without touching it: what passes between its modules is replaced while hooks are in place.

A feature is replaced by zeros, which is what an equivariant network has where there is nothing; an invariant, whose zero means
nothing, by its mean over whatever has it: particles, pairs or jets.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

Values = Callable[[tuple[Any, ...], Any], tuple[Tensor, Tensor]]
"""From the arguments and the output of a module to values (rows, ...) and the mask (...) of those that count."""


class Edit(ABC):
    """A change of the arguments of a module, or of its output.

    Attributes
    ----------
    module
        Its name in the network; empty for the network itself.
    before
        True if arguments are changed, False for the output.
    """

    module: str
    before: bool

    def look(self, args: tuple[Any, ...], output: Any) -> None:
        """See the values of a network that is whole."""
        return

    @abstractmethod
    def change(self, args: tuple[Any, ...], output: Any) -> Any:
        """The new arguments, or the new output."""


@dataclass
class Zero(Edit):
    """Put zeros in the place of some features.

    Parameters
    ----------
    module
        See :class:`Edit`.
    part
        Which: terms of a list of features; or an index of a tensor.
    argument
        Number of the argument that is changed; None for the output.
    element
        Number of the element, if what is changed is a tuple of features.
    """

    module: str
    part: Sequence[int] | tuple[Any, ...]
    argument: int | None = None
    element: int | None = None

    @property
    def before(self) -> bool:  # type: ignore[override]
        """True if an argument is changed."""
        return self.argument is not None

    def change(self, args: tuple[Any, ...], output: Any) -> Any:
        """See :meth:`Edit.change`."""
        if self.argument is None:
            return self._zeroed(output)
        return *args[: self.argument], self._zeroed(args[self.argument]), *args[self.argument + 1 :]

    def _zeroed(self, value: Any) -> Any:
        if self.element is not None:
            return tuple(self._cleared(x) if n == self.element else x for n, x in enumerate(value))
        if isinstance(value, Tensor):
            return self._cleared(value)
        return [torch.zeros_like(x) if n in self.part else x for n, x in enumerate(value)]

    def _cleared(self, x: Tensor) -> Tensor:
        x = x.clone()
        x[tuple(self.part)] = 0
        return x


@dataclass
class Average(Edit):
    """Put the mean over all jets in the place of values.

    Parameters
    ----------
    module, before
        See :class:`Edit`.
    get
        The values.
    put
        From arguments, output and new values to what is changed.
    """

    module: str
    before: bool
    get: Values
    put: Callable[[tuple[Any, ...], Any, Tensor], Any]
    total: Tensor | None = field(default=None, repr=False)
    number: float = field(default=0.0, repr=False)

    def look(self, args: tuple[Any, ...], output: Any) -> None:
        """Add to the mean."""
        values, mask = self.get(args, output)
        added = torch.where(mask, values, 0).flatten(1).double().sum(1)
        self.total = added if self.total is None else self.total + added
        self.number += float(mask.sum())

    def change(self, args: tuple[Any, ...], output: Any) -> Any:
        """See :meth:`Edit.change`."""
        values, mask = self.get(args, output)
        if self.total is None:
            raise ValueError("a mean is put in before the network was seen whole")
        mean = (self.total / max(self.number, 1.0)).to(values).view(-1, *[1] * mask.ndim)
        return self.put(args, output, torch.where(mask, mean, values))


@dataclass
class Replace(Edit):
    """Change the arguments of a module by a function."""

    module: str
    function: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    before: bool = True

    def change(self, args: tuple[Any, ...], output: Any) -> Any:
        """See :meth:`Edit.change`."""
        return self.function(args)


@dataclass
class Part:
    """Something that can be taken out of a network.

    Attributes
    ----------
    kind
        ``path``, ``irrep`` or ``invariant``.
    name
        In the words of physics.
    edits
        What takes it out.
    layer
        Number of the layer, from 1; None where it concerns more than one.
    block
        Of a path: the module that adds it to the update, and its place there; see :mod:`lorentznet.evaluate.anatomy.shares`.
    """

    kind: str
    name: str
    edits: list[Edit]
    layer: int | None = None
    block: tuple[str, tuple[int, int]] | None = None


@contextmanager
def watched(network: nn.Module, edits: Iterable[Edit]) -> Iterator[None]:
    """Show edits what passes, changing nothing."""

    def before(edit: Edit) -> Callable[..., None]:
        return lambda module, args: edit.look(args, None)

    def after(edit: Edit) -> Callable[..., None]:
        return lambda module, args, output: edit.look(args, output)

    with _hooked(network, edits, before, after):
        yield


@contextmanager
def removed(network: nn.Module, part: Part) -> Iterator[None]:
    """The network without a part."""

    def before(edit: Edit) -> Callable[..., Any]:
        return lambda module, args: edit.change(args, None)

    def after(edit: Edit) -> Callable[..., Any]:
        return lambda module, args, output: edit.change(args, output)

    with _hooked(network, part.edits, before, after):
        yield


@contextmanager
def _hooked(
    network: nn.Module,
    edits: Iterable[Edit],
    before: Callable[[Edit], Callable[..., Any]],
    after: Callable[[Edit], Callable[..., Any]],
) -> Iterator[None]:
    handles = []
    try:
        for edit in edits:
            module = network.get_submodule(edit.module)
            if edit.before:
                handles.append(module.register_forward_pre_hook(before(edit)))
            else:
                handles.append(module.register_forward_hook(after(edit)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def rows_of(argument: int, rows: Sequence[int], frame: int) -> tuple[Values, Callable[[tuple[Any, ...], Any, Tensor], Any]]:
    """``get`` and ``put`` of an :class:`Average` over real particles, for rows of an argument (features, jets, particles).

    Parameters
    ----------
    argument, frame
        Numbers of the arguments that hold the features and the jets.
    rows
        Which features.
    """
    chosen = list(rows)

    def get(args: tuple[Any, ...], output: Any) -> tuple[Tensor, Tensor]:
        return args[argument][chosen], args[frame].mask

    def put(args: tuple[Any, ...], output: Any, new: Tensor) -> tuple[Any, ...]:
        features = args[argument].clone()
        features[chosen] = new
        return *args[:argument], features, *args[argument + 1 :]

    return get, put


def columns_of(argument: int, columns: Sequence[int]) -> tuple[Values, Callable[[tuple[Any, ...], Any, Tensor], Any]]:
    """The same over jets, for columns of an argument (jets, features)."""
    chosen = list(columns)

    def get(args: tuple[Any, ...], output: Any) -> tuple[Tensor, Tensor]:
        values = args[argument][:, chosen].T
        return values, torch.ones_like(values[0], dtype=torch.bool)

    def put(args: tuple[Any, ...], output: Any, new: Tensor) -> tuple[Any, ...]:
        features = args[argument].clone()
        features[:, chosen] = new.T
        return *args[:argument], features, *args[argument + 1 :]

    return get, put


def of_frame(argument: int, name: str) -> tuple[Values, Callable[[tuple[Any, ...], Any, Tensor], Any]]:
    """The same for a field of the :class:`~lorentznet.nn.frame.JetFrame` that an argument is: ``log_mass`` or ``reference_scalars``."""

    def get(args: tuple[Any, ...], output: Any) -> tuple[Tensor, Tensor]:
        values = getattr(args[argument], name)
        if values.ndim == 1:
            return values[None], torch.ones_like(values, dtype=torch.bool)
        return values.movedim(-1, 0), args[argument].mask

    def put(args: tuple[Any, ...], output: Any, new: Tensor) -> tuple[Any, ...]:
        values = new[0] if getattr(args[argument], name).ndim == 1 else new.movedim(0, -1)
        return *args[:argument], dataclasses.replace(args[argument], **{name: values}), *args[argument + 1 :]

    return get, put
