r"""The inverse hyperbolic sine, which compresses invariants: linear near zero, a signed logarithm far from it.

.. math:: \operatorname{asinh} x = \operatorname{sign}(x)\,\ln\!\big(1 + |x| + |x|\,r\big), \qquad r = \frac{|x|}{1 + \sqrt{1 + x^2}} .

The terms are positive, so nothing cancels and the rounding is that of the last step for small numbers too. On a CPU each operation goes
over whole vector registers, where ``torch.asinh`` takes number by number. In bfloat16 so many steps would round too often.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_LARGE = 1e18
"""Where r is 1 to all digits, and the square is still far from the largest float32."""


def asinh(x: Tensor) -> Tensor:
    """asinh x, for all finite and infinite numbers."""
    if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64) or torch.compiler.is_compiling():
        return torch.asinh(x)  # one kernel, or part of one; rounded once
    return _Asinh.apply(x)


class _Asinh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        size = x.abs()
        bounded = size.clamp_max(_LARGE)
        ratio = bounded / (bounded * bounded).add_(1).sqrt_().add_(1)
        return size.addcmul(size, ratio).log1p_().copysign_(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradients[0] * (x * x + 1).rsqrt()
