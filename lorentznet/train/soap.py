r"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

Vyas et al., SOAP: Improving and Stabilizing Shampoo using Adam (2024), arXiv:2409.11321, algorithm 3. For a matrix W with gradient G

.. math::

    L \leftarrow \beta_2 L + (1 - \beta_2)\, G G^T, \quad R \leftarrow \beta_2 R + (1 - \beta_2)\, G^T G, \quad
    W \leftarrow W - \eta\, Q_L\, \mathrm{Adam}(Q_L^T G\, Q_R)\, Q_R^T

with the orthogonal matrices of eigenvectors :math:`Q_L, Q_R` of L and R, renewed every few steps by one step of orthogonal iteration.
The matrices of equivariant networks are small (few channels), so that this costs a few per cent of a training step, and networks of
some thousand parameters need far fewer steps than with Adam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class SOAP(Optimizer):
    """Adam in the eigenbasis of Shampoo's preconditioner, with decoupled weight decay.

    Matrices with sides of at most ``largest``, the last two axes of a tensor, are preconditioned; all other parameters are updated as by
    AdamW. Nothing moves in the first step, whose gradients give the first bases.

    Parameters
    ----------
    params
        Parameters or groups of them.
    lr
        Learning rate.
    betas
        Decay of the mean gradient, and of its mean square and L and R.
    eps
        Added to the root of the mean square.
    weight_decay
        Decoupled from the gradient: W shrinks by ``lr * weight_decay`` in a step.
    every
        Steps after which the bases are renewed.
    largest
        Longest side of a matrix that is preconditioned; 0 for none.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        every: int = 10,
        largest: int = 1024,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "every": every, "largest": largest}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; gives what the closure gives."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, self.state[parameter], group)
        return loss

    def _update(self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if not state:
            if not bool(gradient.isfinite().all()):  # has no eigenvectors; the training says that its loss is not finite
                return
            _begin(gradient, state, group["betas"][1], group["largest"])
            return
        (first, second), step = group["betas"], state["step"] + 1
        state["step"] = step
        mean, square = state["mean"].lerp_(gradient, 1 - first), state["square"]
        rotated = _into(state, gradient)
        square.mul_(second).addcmul_(rotated, rotated, value=1 - second)
        root = (square / (1 - second**step)).sqrt_().add_(group["eps"])
        update = _back(state, _into(state, mean) / root)
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] / (1 - first**step))
        if "left" in state:
            state["left"].lerp_(gradient @ gradient.mT, 1 - second)
            state["right"].lerp_(gradient.mT @ gradient, 1 - second)
            if step % group["every"] == 0:
                _renew(state)


def _begin(gradient: Tensor, state: dict[str, Any], second: float, largest: int) -> None:
    state["step"] = 0
    state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
    if gradient.ndim > 1 and max(gradient.shape[-2:]) <= largest:
        for side, product in (("left", gradient @ gradient.mT), ("right", gradient.mT @ gradient)):
            state[side] = product * (1 - second)
            state[f"{side}_basis"] = torch.linalg.eigh(product)[1]


def _into(state: dict[str, Any], x: Tensor) -> Tensor:
    """A matrix in the present bases; anything else as it is."""
    return state["left_basis"].mT @ x @ state["right_basis"] if "left" in state else x


def _back(state: dict[str, Any], x: Tensor) -> Tensor:
    return state["left_basis"] @ x @ state["right_basis"].mT if "left" in state else x


def _renew(state: dict[str, Any]) -> None:
    """One orthogonal iteration from the present bases, eigenvectors sorted by their estimated eigenvalues; the mean square follows."""
    for side in ("left", "right"):
        basis = state[f"{side}_basis"]
        ahead = state[side] @ basis
        order = (basis * ahead).sum(-2, keepdim=True).argsort(-1, descending=True)
        state["square"] = state["square"].take_along_dim(order.mT if side == "left" else order, -2 if side == "left" else -1)
        state[f"{side}_basis"] = torch.linalg.qr(ahead.take_along_dim(order, -1))[0]
