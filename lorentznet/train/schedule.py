"""The course of the learning rate, as a factor of the highest one."""

from __future__ import annotations

import math

_START = 1 / 25
_END = 1e-4
_WARM_UP = {"one-cycle": 0.3, "cosine": 0.05, "constant": 0.05}


def learning_rate_factor(step: int, steps: int, schedule: str = "one-cycle", warm_up: float | None = None) -> float:
    r"""The learning rate at a step, in units of its maximum.

    With :math:`t` the part of the rise (of the fall) that is done:

    * ``one-cycle`` [1]_: from 1/25 up to 1 and down to 1e-4, both as :math:`a + (b - a)(1 - \cos\pi t)/2`;
    * ``cosine``: linearly up to 1, then down to 1e-4 as a cosine;
    * ``constant``: linearly up to 1, then 1.

    Parameters
    ----------
    step, steps
        The step about to be done, from 0, and the number of all steps.
    schedule
        One of the three above.
    warm_up
        Part of all steps in which the rate rises; None: 0.3 for ``one-cycle``, else 0.05.

    References
    ----------
    .. [1] L. N. Smith, N. Topin, "Super-convergence", arXiv:1708.07120.

    Examples
    --------
    >>> [round(learning_rate_factor(step, 101), 3) for step in (0, 30, 65, 100)]
    [0.04, 1.0, 0.5, 0.0]
    >>> [learning_rate_factor(step, 101, "constant", 0.1) for step in (0, 4, 9, 100)]
    [0.1, 0.5, 1.0, 1.0]
    """
    part = _WARM_UP[schedule] if warm_up is None else warm_up
    last = max(1, steps - 1)
    rise = part * last
    if step < rise:
        return _cosine(_START, 1.0, step / rise) if schedule == "one-cycle" else min(1.0, (step + 1) / rise)
    if schedule == "constant":
        return 1.0
    return _cosine(1.0, _END, min(1.0, (step - rise) / (last - rise)))


def _cosine(start: float, end: float, done: float) -> float:
    return start + (end - start) * (1 - math.cos(math.pi * done)) / 2
