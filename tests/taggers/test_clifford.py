"""The residual Clifford tagger: what its settings change, and what they do not."""

import pytest
import torch

from lorentznet import taggers
from lorentznet.errors import ConfigError
from lorentznet.testing import check_tagger, toy_jets


@pytest.mark.parametrize("grades", [(0, 1), (0, 1, 2), (0, 1, 2, 3, 4)])
def test_weights_of_grade_paths_are_one_at_first_and_keep_the_contract(grades):
    jets = toy_jets(5, particles=9)
    plain, weighted = (
        taggers.create("clifford", "tiny", seed=3, grades=grades, path_weights=wanted).double() for wanted in (False, True)
    )
    weighted.load_state_dict(plain.state_dict(), strict=False)
    paths = [layer.path_weights for layer in weighted.network.layers]
    added = weighted.n_parameters - plain.n_parameters
    assert added == sum(weights.numel() for weights in paths) > 0
    with torch.no_grad():
        torch.testing.assert_close(weighted(jets), plain(jets), rtol=1e-12, atol=1e-12)
        for weights in paths:
            weights += torch.randn(weights.shape, generator=torch.Generator().manual_seed(1), dtype=weights.dtype)
        assert (weighted(jets) - plain(jets)).abs().max() > 1e-3
    check_tagger(weighted.float())


def test_the_published_design_has_no_such_weights_to_choose():
    with pytest.raises(ConfigError, match="path_weights: 'True' needs design residual"):
        taggers.create("clifford", "published", path_weights=True)
