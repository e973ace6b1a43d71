"""Factors, weights and gradients for tests of the geometric product's kernels, and how far results are from each other."""

import torch

from lorentznet.nn.geometric_product import ALL, geometric_product
from lorentznet.nn.product_terms import product_terms

F64, F32 = torch.float64, torch.float32
FEW, MANY = 30, 1500
"""Elements for the two ways of the eager kernel."""
NO_BIVECTORS = (0, 1, 2, 3, 4, 11, 12, 13, 14)
UNWEIGHTED, PER_CHANNEL, CONNECTED = "unweighted", "per channel", "fully connected"
WEIGHTS = {UNWEIGHTED: None, PER_CHANNEL: (3,), CONNECTED: (2, 3)}


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def arguments(kind, elements, blades=ALL, channels=3):
    """Two factors, weights if there are any, and a gradient of the result."""
    shape = WEIGHTS[kind]
    factors = [random(len(blades), channels, elements, seed=seed) for seed in (1, 2)]
    paths = len(product_terms(blades, blades, blades).paths)
    weights = [] if shape is None else [random(*shape, paths, seed=3)]
    rows = channels if shape is None else shape[0]
    return factors + weights, random(len(blades), rows, elements, seed=4)


def evaluated(inputs, gradient, dtype=F64, kernel="dense", blades=ALL):
    """The result and the gradients of all inputs."""
    leaves = [value.to(dtype).requires_grad_() for value in inputs]
    weights = leaves[2] if len(leaves) > 2 else None
    result = geometric_product(leaves[0], leaves[1], blades, weights, kernel)
    assert result.dtype == dtype
    return [result.detach(), *torch.autograd.grad(result, leaves, gradient.to(dtype))]


def relative(found, expected):
    return [((one.double() - other).norm() / other.norm()).item() for one, other in zip(found, expected, strict=True)]
