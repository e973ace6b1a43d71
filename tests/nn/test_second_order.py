"""Messages of second order against the sum over edges."""

import pytest
import torch

from lorentznet import taggers
from lorentznet.group import Irreps
from lorentznet.group.clebsch_gordan import clebsch_gordan, product_paths
from lorentznet.group.irreps import Irrep, real_irreps
from lorentznet.nn.second_order import SecondOrderMessage
from lorentznet.testing import toy_jets

F64 = torch.float64
VECTOR, TENSOR = Irrep(1, 1), Irrep(2, 2)


def sum_over_edges(layer, outputs, features, vectors, weights):
    """sum_j f_ij z_ij (x) F_j, path by path, with arrays of all edges."""
    difference = vectors[:, :, None] - vectors[:, None]
    z = torch.einsum("bijm,bijn,mnz->bijz", difference, difference, clebsch_gordan(VECTOR, VECTOR, TENSOR))
    irreps = layer.irreps_in.irreps
    found = []
    for path in product_paths((TENSOR,), irreps, outputs or irreps):
        if path.parity > 0 or not layer.parity:
            x = features[irreps.index(path.j)]
            message = torch.einsum("cbij,bijz,cbjx,zxo->cbio", weights, z, x, path.tensor)
            found.append((path.out, message))
    return found


@pytest.mark.parametrize("reflections", [True, False])
@pytest.mark.parametrize(
    ("irreps", "outputs"),
    [
        ("2x(0,0)+2x(1,1)", None),
        ("2x(0,0)+2x(1,1)", real_irreps(3)),
        ("2x(0,0)+2x(1,1)+2x((2,0)+(0,2))+2x(2,2)", None),
        ("1x(0,0)+1x(1,1)+1x(3,3)+1x((3,1)+(1,3))", None),
    ],
)
def test_three_terms_at_the_nodes_equal_the_sum_over_edges(irreps, outputs, reflections):
    generator = torch.Generator().manual_seed(5)
    layer = SecondOrderMessage(Irreps(irreps), reflections, outputs)
    features = layer.irreps_in.random((3, 6), generator)
    vectors = torch.randn((3, 6, 4), generator=generator, dtype=F64)
    weights = torch.randn((features[0].shape[0], 3, 6, 6), generator=generator, dtype=F64)
    found = layer(features, vectors, weights)
    expected = sum_over_edges(layer, outputs, features, vectors, weights)
    assert [out for out, _ in expected] == [irrep for _, irrep in layer.irreps_out]
    for x, (_, y) in zip(found, expected, strict=True):
        assert (x - y).abs().max() <= 1e-12 * y.abs().max()


def test_the_number_of_paths():
    def paths(irreps, **settings):
        return [str(irrep) for _, irrep in SecondOrderMessage(Irreps(irreps), **settings).irreps_out]

    assert paths("(0,0)") == []
    assert paths("(0,0)+(1,1)") == ["(1,1)"]
    every = "(0,0)+(1,1)+((2,0)+(0,2))+(2,2)"
    assert len(paths(every)) == 7
    assert len(paths(every, reflections=False)) > 7


def test_a_layer_that_has_no_paths_gives_none():
    layer = SecondOrderMessage(Irreps("2x(0,0)"))
    assert layer([torch.ones(2, 1, 3, 1)], torch.ones(1, 3, 4), torch.ones(2, 1, 3, 3)) == []


def test_the_tagger_reads_them():
    first, second = (taggers.create("cg", "tiny", order=order, seed=1) for order in (1, 2))
    assert second.n_parameters > first.n_parameters
    jets = toy_jets(4, seed=2)
    before = second(jets).detach()
    with torch.no_grad():
        for layer in second.network.layers:
            channels = layer.second.irreps_in.multiplicities[0]
            assert layer.radial.weight.shape[0] == 3 * channels
            layer.radial.weight[2 * channels :] = 0  # those of second order
    assert (second(jets).detach() - before).abs().max() > 1e-4
