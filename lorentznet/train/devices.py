"""Devices by name."""

from __future__ import annotations

import torch

from lorentznet.errors import ConfigError


def select_device(name: str | torch.device | None = None) -> torch.device:
    """The device with this name: ``cpu``, ``cuda`` or ``cuda:K`` (None: the CPU).

    Raises
    ------
    ConfigError
        If there is no such device.

    Examples
    --------
    >>> select_device("cpu")
    device(type='cpu')
    """
    if isinstance(name, torch.device):
        return name
    kind, _, number = (name or "cpu").partition(":")
    if kind not in ("cpu", "cuda") or (number and (kind == "cpu" or not number.isdigit())):
        raise ConfigError(f"device '{name}' is not known; give cpu, cuda or cuda:K")
    if kind == "cuda":
        present = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= present:
            raise ConfigError(
                f"device '{name}': {present or 'no'} CUDA device{'s' if present != 1 else ''} found here; use --device cpu"
            )
    return torch.device(name or "cpu")
