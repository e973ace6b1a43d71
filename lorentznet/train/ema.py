"""The exponential moving average of the weights: what is validated and kept."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    r"""The average :math:`\bar w_t = d_t \bar w_{t-1} + (1 - d_t) w_t` of the parameters of a module.

    The decay rises as :math:`d_t = \min(d, (1 + t)/(10 + t))`, so that the random initial weights are soon forgotten. Buffers are
    not averaged.

    Parameters
    ----------
    module
        The module whose parameters are followed.
    decay
        The decay d; 0 switches the average off: it is then the parameters themselves.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = module
        self.updates = 0
        self.average = {name: value.detach().clone() for name, value in module.named_parameters()} if decay else {}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the present weights; to be called after each step of the optimiser."""
        if not self.decay:
            return
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        present = dict(self.module.named_parameters())
        self._follow(present)
        get_ema_multi_avg_fn(decay)(list(self.average.values()), [present[name] for name in self.average], self.updates)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights of the module and the average."""
        present = dict(self.module.named_parameters())
        self._follow(present)
        for name, average in self.average.items():
            value = average.clone()
            average.copy_(present[name])
            present[name].copy_(value)

    def averaged_state(self) -> dict[str, Tensor]:
        """A copy of the state dictionary of the module with averaged parameters, on the CPU."""
        self.swap()
        state = {name: value.detach().cpu().clone() for name, value in self.module.state_dict().items()}
        self.swap()
        return state

    def state_dict(self) -> dict[str, object]:
        """What :meth:`load_state_dict` needs."""
        return {"average": self.average, "updates": self.updates}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Continue from a saved state."""
        self.average = dict(state["average"])  # type: ignore[call-overload]
        self.updates = int(state["updates"])  # type: ignore[call-overload]

    def _follow(self, present: Mapping[str, Tensor]) -> None:
        """Move the average to where the parameters are now (the trainer moves the module after it was made)."""
        for name, value in self.average.items():
            if value.device != present[name].device or value.dtype != present[name].dtype:
                self.average[name] = value.to(present[name])
