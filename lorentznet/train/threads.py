"""How many CPU threads a training uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def available_threads() -> int:
    """``OMP_NUM_THREADS`` if it is set, else the number of cores that this process may use."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def cpu_threads(number: int | None) -> Iterator[int]:
    """Inside the block torch uses this many threads (None: :func:`available_threads`); gives the number."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or available_threads())
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
