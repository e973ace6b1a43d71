"""Constants of networks serve scoring and training in any order."""

import pytest
import torch

from lorentznet import taggers
from lorentznet.nn.constant import Constant
from lorentznet.testing import toy_jets


@pytest.mark.parametrize(("name", "preset"), [("cg", "tiny"), ("cg", "lgn"), ("clifford", "tiny"), ("clifford", "published")])
def test_a_tagger_that_has_scored_in_inference_mode_can_be_trained(name, preset):
    sizes = {"layers": 1, "multivectors": 2, "scalars_hidden": 4, "hidden": 4} if preset == "published" else {}
    tagger, jets = taggers.create(name, preset, seed=0, **sizes).float(), toy_jets(4, seed=1)
    with torch.inference_mode():
        scores = tagger(jets)
        tagger.in_frame("lab")(jets)
    tagger.in_frame("frame")
    logits = tagger(jets)
    if preset != "published":  # which has dropout
        torch.testing.assert_close(logits, scores.clone())
    logits.sum().backward()
    for conditioning in ("lab", "frame"):
        tagger.in_frame(conditioning)(jets).sum().backward()


def test_digits_survive_the_way_through_lower_precision():
    third = Constant(torch.tensor([1 / 3], dtype=torch.float64))
    assert third.like(torch.zeros(1)).dtype == torch.float32
    assert third.like(torch.zeros(1, dtype=torch.float64)).item() == 1 / 3
