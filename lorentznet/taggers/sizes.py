"""Checks of the numbers that make a network, which the configurations of all taggers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorentznet.errors import ConfigError


def check_sizes(config: Any, at_least: Mapping[str, int]) -> None:
    """Refuse numbers below what makes a network, and a ``dropout`` outside [0, 1), by :class:`~lorentznet.errors.ConfigError`.

    Parameters
    ----------
    config
        A configuration with a ``dropout``.
    at_least
        Setting -> smallest number.
    """
    for name, least in at_least.items():
        found = getattr(config, name)
        if found < least:
            raise ConfigError(f"{name} must be at least {least}, got {found}")
    if not 0 <= config.dropout < 1:
        raise ConfigError(f"dropout must be at least 0 and below 1, got {config.dropout}")
