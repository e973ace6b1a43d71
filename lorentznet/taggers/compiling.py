"""One compiled program for batches of every shape.

By itself ``torch.compile`` makes a new program for each number of jets or particles that it has not seen, of which batches of jets have
many, and gives up after a few. If the lengths that vary are marked in advance, it makes one, and treats all others as constants. On a CPU
inductor makes further ones for small batches, because it adds up to 4,096 numbers, such as the places of particles, without the care for
rounding that it takes for longer sums.
"""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor, nn

from lorentznet.nn.frame import JetFrame

_VARYING_AXES = {"log_mass": 1, "degenerate": 1, "time": 1, "log_product": 3, "log_angle": 3, "neighbours": 3}
"""Number of leading axes of a tensor of the front end that count jets and particles, where it is not two."""


class ShapeFree:
    """What has to be done before each call of a compiled network."""

    def __init__(self) -> None:
        self._seen: set[tuple[torch.dtype, torch.device]] = set()

    def prepare(self, network: nn.Module, frame: JetFrame, extra: Tensor | None) -> None:
        """Mark the lengths that vary, and let the network see its dtype and device once before the compiler looks at it.

        Parameters
        ----------
        network, frame, extra
            The network and its arguments.
        """
        key = frame.momenta.dtype, frame.momenta.device
        if key not in self._seen:
            # Constants of the group are cast when first wanted. Were that in the compiled call, the next one would find another
            # network than the one that was compiled, and compile again.
            with torch.no_grad(), torch.random.fork_rng([key[1]] if key[1].type == "cuda" else []):
                network.forward(frame, extra)
            self._seen.add(key)
        tensors = {field.name: getattr(frame, field.name) for field in fields(frame)} | {"extra": extra}
        for name, tensor in tensors.items():
            if isinstance(tensor, Tensor):
                for axis in range(_VARYING_AXES.get(name, 2)):
                    torch._dynamo.maybe_mark_dynamic(tensor, axis)
