"""Constants of the group inside a network: exact in float64, cast when used, never through a lower precision on the way."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor


class Constant:
    """A float64 tensor that is handed out in the dtype and on the device of its user.

    A registered buffer would follow ``module.float()`` and come back from ``module.double()`` with float32 digits, and with it every
    symmetry at the level of 1e-8; this does not.

    Parameters
    ----------
    value
        The constant, float64.
    """

    def __init__(self, value: Tensor) -> None:
        self.value = value.detach().to(torch.float64)
        self._cast: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def like(self, x: Tensor) -> Tensor:
        """The constant in the dtype and on the device of ``x``: an ordinary tensor, even if first wanted under inference mode."""
        key = (x.dtype, x.device)
        if key not in self._cast:
            # a compiler cannot ask for the mode
            scoring = not torch.compiler.is_compiling() and torch.is_inference_mode_enabled()
            with torch.inference_mode(False) if scoring else nullcontext():
                self._cast[key] = self.value.to(dtype=x.dtype, device=x.device)
        return self._cast[key]
