"""Every layer of the package keeps the contract; layers with a planted defect do not."""

import importlib
import pkgutil
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

import lorentznet.nn
from lorentznet.group.irreps import Irrep, Irreps
from lorentznet.nn.base import EquivariantModule, collected_layers
from lorentznet.testing import (
    LAYER_CLAUSES,
    assert_equivariant,
    check_layer,
    check_layer_gradients,
    check_layer_padding,
    check_layer_pure,
)

for module in pkgutil.iter_modules(lorentznet.nn.__path__):
    importlib.import_module(f"lorentznet.nn.{module.name}")


def layers() -> list[type[EquivariantModule]]:
    """Layers of the package; a name with an underscore is a common base."""
    return [cls for cls in collected_layers() if cls.__module__.startswith("lorentznet.") and not cls.__name__.startswith("_")]


EXAMPLES = [pytest.param(layer, id=f"{cls.__name__}{k}") for cls in layers() for k, layer in enumerate(cls.examples())]


def test_layers_are_collected() -> None:
    assert len(layers()) >= 8


@pytest.mark.parametrize("cls", layers(), ids=lambda cls: cls.__name__)
def test_every_layer_offers_examples(cls: type[EquivariantModule]) -> None:
    assert len(cls.examples()) > 0, f"{cls.__name__} offers no examples to be tested with"


@pytest.mark.parametrize("layer", EXAMPLES)
def test_every_layer_keeps_the_contract(layer: EquivariantModule) -> None:
    check_layer(layer)


class _Planted(EquivariantModule):
    """Right: vectors scaled by a function of their invariant square, and channels mixed."""

    parity = True
    irreps_in = irreps_out = Irreps("3x(1,1)")

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        (x,) = features
        mixed = torch.einsum("mn,n...->m...", self.weight, x)
        return [mixed * torch.tanh(self.square(x))[..., None]]

    def square(self, x: Tensor) -> Tensor:
        return x[..., 0] ** 2 - (x[..., 1:] ** 2).sum(-1)


class _Euclidean(_Planted):
    """A Euclidean admixture of 1e-8 in the square."""

    def square(self, x: Tensor) -> Tensor:
        return super().square(x) + 1e-8 * (x**2).sum(-1)


class _VectorBias(_Planted):
    """A bias on a vector, zero before training."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [super().forward(features)[0] + self.bias]


class _Hodge(_Planted):
    """The Hodge dual of a bivector added, parity claimed all the same."""

    irreps_in = irreps_out = Irreps("3x((2,0)+(0,2))")

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        (x,) = features
        electric, magnetic = x.split(3, -1)
        return [x + torch.cat((-magnetic, electric), -1)]


class _HonestHodge(_Hodge):
    """The same, honest about parity."""

    parity = False


class _Root(_Planted):
    """The square root of an invariant that can vanish."""

    def square(self, x: Tensor) -> Tensor:
        return super().square(x).abs().sqrt()


class _Rounded(_Planted):
    """A constant that was rounded to float32 and comes back in float64."""

    def square(self, x: Tensor) -> Tensor:
        tenth = torch.tensor(-1.0 - 1e-7, dtype=torch.float32).to(x.dtype)
        return x[..., 0] ** 2 + tenth * (x[..., 1:] ** 2).sum(-1)


class _InPlace(_Planted):
    """The argument is scaled in place."""

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        features[0].mul_(0.5)
        return super().forward(features)


class _Dtype(_Planted):
    """Everything in float64."""

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [x.double() for x in super().forward(features)]


class _Silent(_Planted):
    """Zero whatever comes in."""

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [torch.zeros_like(x) for x in features]


class _Masked(_Planted):
    """Right: a mean over real particles."""

    def example_inputs(self, generator: torch.Generator) -> tuple:
        mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
        weights = torch.rand((2, 5, 5), generator=generator, dtype=torch.float64)
        return (self.irreps_in.random((2, 5), generator), self.irreps_in), (weights, None), (mask, None)

    def forward(self, features: Sequence[Tensor], weights: Tensor, mask: Tensor) -> list[Tensor]:
        pairs = mask[:, :, None] & mask[:, None]
        x = torch.where(mask[..., None], features[0], 0)
        return [torch.einsum("bij,cbjd->cbid", torch.where(pairs, weights, 0), x)]


class _MaskTimesValue(_Masked):
    """Zero times what is in the padding."""

    def forward(self, features: Sequence[Tensor], weights: Tensor, mask: Tensor) -> list[Tensor]:
        return [torch.einsum("bij,cbjd->cbid", weights, features[0] * mask[..., None])]


class _Tuple(_Planted):
    """Right: a tuple of outputs with a law each, an invariant among them."""

    irreps_out = (Irreps("3x(1,1)"), None)

    def forward(self, features: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        return super().forward(features), self.square(features[0])


class _Frozen(_Tuple):
    """The invariant is none."""

    def forward(self, features: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        return super().forward(features)[0], features[0][..., 0]


class _OneTensor(_Planted):
    """Right: a single tensor with the law of an irrep."""

    irreps_in = irreps_out = Irrep(2, 2)

    def example_inputs(self, generator: torch.Generator) -> tuple:
        return ((self.irreps_in.random((2, 5), generator), self.irreps_in),)

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(1, keepdim=True) - 2 * x


@pytest.mark.parametrize("cls", [_Planted, _HonestHodge, _Masked, _Tuple, _OneTensor])
def test_right_layers_pass(cls: type[EquivariantModule]) -> None:
    measured = check_layer(cls())
    assert set(measured) == {clause.__name__ for clause in LAYER_CLAUSES}
    assert measured["assert_equivariant"] < 1e-13
    assert (measured["check_layer_padding"] is None) == (cls is not _Masked)


@pytest.mark.parametrize(
    ("cls", "clause", "complaint"),
    [
        (_Euclidean, assert_equivariant, "relative to the features' growth"),
        (_VectorBias, assert_equivariant, "relative to the features' growth"),
        (_Hodge, assert_equivariant, r"O\+\(1,3\)"),
        (_Rounded, assert_equivariant, "allowed is 1e-11"),
        (_Frozen, assert_equivariant, "allowed is 1e-11"),
        (_Silent, assert_equivariant, "all outputs are zero"),
        (_Root, check_layer_gradients, "not finite for zero features"),
        (_MaskTimesValue, check_layer_padding, "padding is NaN"),
        (_InPlace, check_layer_pure, "in place"),
        (_Dtype, check_layer_pure, "torch.float32 features become torch.float64"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_defect_fails_its_clause_and_no_other(cls: type[EquivariantModule], clause: object, complaint: str) -> None:
    failures = {}
    for tested in LAYER_CLAUSES:
        try:
            tested(cls())
        except AssertionError as error:
            failures[tested] = str(error)
    assert list(failures) == [clause], failures
    with pytest.raises(AssertionError, match=complaint):
        clause(cls())


def test_the_error_is_measured_for_what_it_is() -> None:
    """A breaking of 1e-8 stands orders of magnitude above the bound, a right layer below it."""
    assert 1e-9 < assert_equivariant(_Euclidean(), tolerance=1.0) < 1e-5
    assert assert_equivariant(_Planted()) < 1e-14
