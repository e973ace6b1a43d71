import numpy as np
import pytest
import torch

from lorentznet.group import METRIC, SIGNATURE, LorentzTransform, minkowski_dot, minkowski_square


def test_dot_and_square_by_hand():
    p, q = torch.tensor([10.0, 1.0, 2.0, 3.0]), torch.tensor([7.0, -1.0, 0.5, 2.0])
    assert minkowski_dot(p, q).item() == 70 + 1 - 1 - 6
    assert minkowski_square(p).item() == 100 - 14


def test_metric_is_the_quadratic_form():
    p, q = torch.randn(2, 50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(minkowski_dot(p, q), torch.einsum("nm,mk,nk->n", p, METRIC, q), rtol=0, atol=1e-14)
    assert METRIC.diagonal().tolist() == list(SIGNATURE) == [1, -1, -1, -1]


def test_numpy_and_torch_agree_and_leading_axes_broadcast():
    p, q = np.random.default_rng(0).normal(size=(5, 1, 4)), np.random.default_rng(1).normal(size=(3, 4))
    result = minkowski_dot(p, q)
    assert isinstance(result, np.ndarray)
    assert result.shape == (5, 3)
    np.testing.assert_array_equal(result, minkowski_dot(torch.tensor(p), torch.tensor(q)).numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(dtype):
    assert minkowski_square(torch.ones(3, 4, dtype=dtype)).dtype == dtype


def test_reduced_precision_autocast_does_not_touch_it():
    p = torch.randn(100, 4, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = minkowski_square(p)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, minkowski_square(p))


def test_invariance_under_a_strong_transform():
    generator = torch.Generator().manual_seed(3)
    p, q = torch.randn(2, 100, 4, dtype=torch.float64, generator=generator)
    matrix = LorentzTransform.random("O(1,3)", rapidity=3.0, generator=generator).matrix
    change = minkowski_dot(p @ matrix.T, q @ matrix.T) - minkowski_dot(p, q)
    assert change.abs().max() < 1e-12 * matrix.square().sum()
