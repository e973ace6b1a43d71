"""What functions of autograd with gradients of their own share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor


def placed(found: Iterable[Tensor], needed: Sequence[bool]) -> tuple[Tensor | None, ...]:
    """The gradients that were needed, each at the place of its argument; None at the other places."""
    left = iter(found)
    return tuple(next(left) if need else None for need in needed)
