"""Randomness that does not depend on history: a step of a training draws the same numbers whether or not it was interrupted."""

from __future__ import annotations

import numpy as np
import torch


def seed_step(seed: int, step: int, rank: int = 0, device: torch.device | None = None) -> None:
    """Seed torch's generators of the CPU and of one CUDA device for one step of one process.

    Examples
    --------
    >>> with torch.random.fork_rng(devices=[]):
    ...     seed_step(1, 10)
    ...     first = torch.rand(3)
    ...     seed_step(1, 10)
    ...     torch.equal(first, torch.rand(3))
    True
    """
    number = int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0])
    # not torch.manual_seed: without a GPU it keeps a list of calls for later, which grows with every step
    torch.default_generator.manual_seed(number)
    if device is not None and device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(number)
