"""Memory for tables that are built once from their definition."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar, cast

import torch

P = ParamSpec("P")
R = TypeVar("R")


def table(build: Callable[P, R]) -> Callable[P, R]:
    """Decorator: build a table of tensors once for every set of (hashable) labels, and share it from then on.

    Whoever asks first must not decide what all others get: the tensors are ordinary ones on the CPU, even if first wanted
    under ``torch.inference_mode`` or another default device. They must not be modified in place.
    """

    @wraps(build)
    def built(*labels: P.args, **options: P.kwargs) -> R:
        with torch.inference_mode(False), torch.device("cpu"):
            return build(*labels, **options)

    return cast("Callable[P, R]", cache(built))
