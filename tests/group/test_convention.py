"""What trained weights rely on: order of the irreps, their real bases, the product paths."""

import math

import pytest
import torch

from lorentznet.group.clebsch_gordan import product_paths, self_product_paths, vector_product_paths
from lorentznet.group.convention import BASIS, convention
from lorentznet.group.irreps import Irrep, real_irreps


def contracted(paths):
    """Each path contracted with fixed numbers: changes with order, sign, normalisation and basis."""

    def probe(dim, step):
        return torch.cos(step * torch.arange(1, dim + 1, dtype=torch.float64))

    return [
        float(torch.einsum("abc,a,b,c->", path.tensor, probe(path.i.dim, 0.7), probe(path.j.dim, 1.1), probe(path.out.dim, 1.9)))
        for path in paths
    ]


def test_order():
    assert convention() == f"(0,0) (1,1) ((2,0)+(0,2)) (2,2) ((3,1)+(1,3)) (3,3); basis {BASIS}"


SELF = [
    -0.07930815719439155,
    -0.4456275821664306,
    -0.7001348783151893,
    0.049950845418660336,
    0.03899301909771271,
    -0.43892068605270634,
    -0.7575917488585087,
    0.7984405634159467,
    0.5985556223935459,
    0.14795414887413366,
    0.0012606672993916096,
    -0.40771492188309066,
    -1.047145451482247,
    -0.46705140113142246,
    2.15051033465892,
    0.22556456066030198,
    -0.9472328840354393,
]
VECTOR = [
    -0.47167109063553825,
    0.055144456445858414,
    0.16653991206961072,
    -0.6207275870218405,
    -0.7575917488585087,
    0.7984405634159467,
    0.5985556223935459,
]


def test_weights_of_today_mean_the_same_tomorrow():
    """Whoever has to change these numbers raises ``BASIS``: networks that were trained before would read nonsense."""
    assert BASIS == 1
    assert contracted(self_product_paths(real_irreps(3))) == pytest.approx(SELF, abs=1e-12)
    assert contracted(vector_product_paths(real_irreps(3))) == pytest.approx(VECTOR, abs=1e-12)


@pytest.mark.parametrize(
    ("paths", "number", "sum_of_all"),
    [
        (self_product_paths(real_irreps(4)), 54, -0.8038098389266374),
        (vector_product_paths(real_irreps(4)), 14, 1.2122140294980468),
        (product_paths((Irrep(2, 2),), real_irreps(3), real_irreps(3)), 8, -2.68986034063549),
    ],
    ids=["products of maxdim 4", "with a vector, maxdim 4", "second order"],
)
def test_so_do_those_of_larger_networks(paths, number, sum_of_all):
    """Each path with a factor of its own, so that the sum notices when two change places."""
    values = contracted(paths)
    assert len(values) == number
    assert sum(math.cos(place) * value for place, value in enumerate(values)) == pytest.approx(sum_of_all, abs=1e-11)
