"""The optimiser of a training, by the name in its configuration."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from lorentznet.train.config import OptimizerSettings
from lorentznet.train.soap import SOAP


def make_optimizer(module: nn.Module, settings: OptimizerSettings, mixed: bool = False) -> Optimizer:
    """AdamW or SOAP with weight decay on matrices only; ``mixed``: for mixed precision, in which fused steps do not go with clipping."""
    if settings.name == "soap":
        groups = parameter_groups(module, settings.weight_decay, largest=0)  # gains of several kinds make no matrix
        return SOAP(groups, lr=settings.lr, betas=settings.betas)
    return AdamW(parameter_groups(module, settings.weight_decay), lr=settings.lr, betas=settings.betas, fused=not mixed)


def parameter_groups(module: nn.Module, weight_decay: float, **of_others: Any) -> list[dict[str, Any]]:
    """Parameters with decay (matrices) and without (vectors, scalars, and whatever is named a gain or a bias, also per channel).

    ``of_others`` are settings of the second group.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            kept = parameter.ndim <= 1 or any(part.startswith(("gain", "bias")) for part in name.split("."))
            (others if kept else matrices).append(parameter)
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0, **of_others}]
    return [group for group in groups if group["params"]]
