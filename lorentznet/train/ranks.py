"""Which of several processes this is, before any of them has started to talk to the others."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """True in the process that writes files and talks; decided from what torchrun, Lightning or Slurm put into the environment.

    Examples
    --------
    >>> is_first_process()
    True
    """
    environment = os.environ
    if "RANK" in environment:
        return environment["RANK"] == "0"
    if "LOCAL_RANK" in environment:
        return environment["LOCAL_RANK"] == "0" and environment.get("NODE_RANK", "0") == "0"
    return environment.get("SLURM_PROCID", "0") == "0"
