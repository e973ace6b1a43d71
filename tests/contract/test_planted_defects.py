"""The contract can fail: defects planted in a right toy tagger are found by the clauses meant for them and by no other."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.group.irreps import Irrep
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.frame import FrameConditioner, JetFrame
from lorentznet.nn.kinematics import to_dense
from lorentznet.taggers.base import Tagger
from lorentznet.testing import TAGGER_CLAUSES, check_symmetry, check_tagger


@dataclass(frozen=True)
class ToyConfig:
    classes: int = 2
    hidden: int = 8
    references: tuple[str, ...] = ()


class Right(Tagger):
    """Deep sets on invariants: full symmetry without references, SO(1,1)xO(2) with beams."""

    name: ClassVar[str] = "toy"
    citation: ClassVar[str] = "none"
    Config: ClassVar[type] = ToyConfig
    presets: ClassVar[dict] = {}

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.frame = FrameConditioner(references=config.references)
        self.pair = nn.Linear(1, config.hidden)
        self.particle = nn.Linear(2 + self.frame.n_reference_scalars + config.hidden, config.hidden)
        self.head = nn.Linear(config.hidden, self.n_outputs)

    def forward(self, batch: JetBatch) -> Tensor:
        return self.logits(self.seen(batch))

    def seen(self, batch: JetBatch) -> JetFrame:
        return self.frame(batch, self.head.weight.dtype)

    def logits(self, frame: JetFrame) -> Tensor:
        return self.head(self.pool(self.particles(frame), frame.mask))

    def particles(self, frame: JetFrame) -> Tensor:
        pairs = frame.mask[:, :, None] & frame.mask[:, None]
        around = torch.where(pairs[..., None], torch.tanh(self.pair(frame.log_product[..., None] / 8)), 0).sum(2) / 16
        log_energy = (frame.energy.clamp_min(0) + 1e-6).log()
        own = torch.stack((log_energy, frame.log_mass[:, None].expand_as(log_energy)), -1)
        return torch.tanh(self.particle(torch.cat((own, frame.reference_scalars, around), -1)))

    def pool(self, values: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask[..., None], values, 0).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)

    @property
    def symmetry(self) -> Subgroup:
        return Subgroup.of("SO(1,1)xO(2)" if self.config.references else "O+(1,3)")

    def with_references(self, batch: JetBatch) -> JetBatch:
        return self.frame.with_references(batch)

    def in_frame(self, conditioning: str) -> Tagger:
        self.frame.conditioning = conditioning
        return self


class InfraredSafe(Right):
    """Right, and safe: an energy-weighted sum over pairs."""

    infrared_safe = True

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        del self.particle

    def logits(self, frame: JetFrame) -> Tensor:
        energy = torch.where(frame.mask, frame.energy, 0)
        weight = energy[:, :, None] * energy[:, None]
        angle = torch.where(weight > 0, frame.log_angle.exp(), 0)
        return self.head(torch.einsum("bij,bijf->bf", weight, torch.tanh(self.pair(angle[..., None]))))


class EuclideanAdmixture(Right):
    """1e-6 of the Euclidean product in the dot product."""

    def seen(self, batch: JetBatch) -> JetFrame:
        frame = super().seen(batch)
        dense, _ = to_dense(batch.p4, batch.ptr, batch.batch)
        euclidean = (dense[:, :, None] * dense[:, None]).sum(-1) / (2 * frame.log_mass.double()).exp()[:, None, None]
        admixed = (frame.log_product.double().exp() + 1e-6 * euclidean).log()
        return dataclasses.replace(frame, log_product=admixed.to(frame.log_product.dtype))


class PaddedMean(Right):
    """The mean runs over padded slots too."""

    def pool(self, values: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask[..., None], values, 0).mean(1)


class MaskTimesValue(Right):
    """Padding is multiplied by zero instead of being left out, so that what is in it matters."""

    def pool(self, values: Tensor, mask: Tensor) -> Tensor:
        return (values * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)


class InPlaceScaling(Right):
    """Momenta are scaled in place."""

    def forward(self, batch: JetBatch) -> Tensor:
        batch.p4 /= 20.0
        return super().forward(batch)


class FirstParticle(Right):
    """The first particle is read out."""

    def pool(self, values: Tensor, mask: Tensor) -> Tensor:
        return super().pool(values, mask) + values[:, 0]


class UndeclaredBeam(Right):
    """Beams are used, the full group is claimed."""

    @property
    def symmetry(self) -> Subgroup:
        return Subgroup.of("O+(1,3)")


class HardCodedBeam(Right):
    """The beam axis is written into the network: boosting the jets leaves it behind."""

    def seen(self, batch: JetBatch) -> JetFrame:
        frame = super().seen(batch)
        along = torch.zeros(batch.n_jets, dtype=torch.float64).index_add(0, batch.batch, batch.p4[:, 0] - batch.p4[:, 3])
        return dataclasses.replace(frame, log_mass=frame.log_mass + 0.1 * torch.log1p(along.abs()).to(frame.log_mass.dtype))


class UnusedBeam(Right):
    """Beams are declared and attached, but never read."""

    def seen(self, batch: JetBatch) -> JetFrame:
        frame = super().seen(batch)
        return dataclasses.replace(frame, reference_scalars=torch.zeros_like(frame.reference_scalars))


class BatchStatistics(Right):
    """Features are normalised by the batch, in evaluation too."""

    def pool(self, values: Tensor, mask: Tensor) -> Tensor:
        pooled = super().pool(values, mask)
        return pooled - pooled.mean(0)


class UnstableRoot(Right):
    """The square root of M^2 where M^2 can vanish."""

    def logits(self, frame: JetFrame) -> Tensor:
        total = torch.where(frame.mask[..., None], frame.momenta, 0).sum(1)
        mass = (total[:, 0].square() - total[:, 1:].square().sum(-1)).clamp_min(0).sqrt()
        return super().logits(frame) + mass[:, None]


class IdleParameter(Right):
    """A parameter that takes no part."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.idle = nn.Parameter(torch.ones(3))


class SleepingBreaking(Right):
    """The first particle's direction is read out behind a gate that starts at zero."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.gate = nn.Parameter(torch.zeros(()))

    def logits(self, frame: JetFrame) -> Tensor:
        return super().logits(frame) + self.gate * frame.momenta[..., 0, 1:].sum(-1, keepdim=True)


class ForgottenSetting(Right):
    """A number that shapes the network and is in neither configuration nor state."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.offset = float(torch.rand(()))

    def logits(self, frame: JetFrame) -> Tensor:
        return super().logits(frame) + self.offset


class LowPrecision(Right):
    """Momenta are rounded to the network's dtype before the front end."""

    def seen(self, batch: JetBatch) -> JetFrame:
        return super().seen(batch.with_momenta(batch.p4.to(self.head.weight.dtype).double()))


class FalseSafety(Right):
    """Infrared safety is claimed for a mean over particles."""

    infrared_safe = True


class Covariant(Right):
    """Right: a four-vector, the sum of the particles with learned invariant weights."""

    output_law = Irrep(1, 1)

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.hidden, 1)

    def forward(self, batch: JetBatch) -> Tensor:
        frame = self.seen(batch)
        weights = 1 + self.head(self.particles(frame))[..., 0].double()
        dense, _ = to_dense(batch.p4, batch.ptr, batch.batch)
        return self.summed(torch.where(frame.mask, weights, 0), dense)

    def summed(self, weights: Tensor, dense: Tensor) -> Tensor:
        return (weights[..., None] * dense).sum(1)


class EuclideanMomentum(Covariant):
    """1e-6 of the sum of the Euclidean norms in the energy that comes out."""

    def summed(self, weights: Tensor, dense: Tensor) -> Tensor:
        momentum = super().summed(weights, dense)
        return momentum + 1e-6 * dense.norm(dim=-1).sum(1)[:, None] * momentum.new_tensor([1.0, 0.0, 0.0, 0.0])


class UndeclaredLaw(Covariant):
    """Four-vectors that are said to be invariant."""

    output_law = None


def build(cls: type[Right], references: tuple[str, ...] = ()) -> Right:
    torch.manual_seed(3)
    return cls(ToyConfig(references=references))


def failing_clauses(tagger: Tagger) -> dict[str, str]:
    failures = {}
    for clause in TAGGER_CLAUSES:
        try:
            clause(tagger)
        except AssertionError as error:
            failures[clause.__name__] = str(error)
    return failures


@pytest.mark.parametrize(
    ("cls", "references"),
    [(Right, ()), (Right, ("beams",)), (InfraredSafe, ()), (Covariant, ()), (Covariant, ("beams",))],
    ids=["full group", "beams", "infrared safe", "covariant", "covariant with beams"],
)
def test_right_taggers_pass_every_clause(cls: type[Right], references: tuple[str, ...]) -> None:
    measured = check_tagger(build(cls, references))
    assert set(measured) == {clause.__name__ for clause in TAGGER_CLAUSES}
    assert 0 < measured["check_symmetry"]["fixed"] < 1e-8
    assert measured["check_precision"]["float32"][1000.0] > measured["check_precision"]["float64"][2.0]
    assert (measured["check_infrared"] is not None) == (cls is InfraredSafe)
    assert ("along" in measured["check_symmetry"]) == bool(references)
    assert bool(measured["check_symmetry_is_maximal"]) == bool(references)


DEFECTS = [
    (EuclideanAdmixture, (), {"check_symmetry", "check_precision"}),
    (PaddedMean, (), {"check_padding", "check_alone"}),
    (MaskTimesValue, (), {"check_padding"}),
    (InPlaceScaling, (), {"check_pure"}),
    (FirstParticle, (), {"check_permutation"}),
    (UndeclaredBeam, ("beams",), {"check_symmetry"}),
    (HardCodedBeam, (), {"check_symmetry", "check_precision"}),
    (UnusedBeam, ("beams",), {"check_symmetry_is_maximal"}),
    (BatchStatistics, (), {"check_padding", "check_alone"}),
    (UnstableRoot, (), {"check_gradients"}),
    (IdleParameter, (), {"check_gradients"}),
    (SleepingBreaking, (), {"check_symmetry", "check_permutation", "check_precision"}),
    (ForgottenSetting, (), {"check_round_trip"}),
    (LowPrecision, (), {"check_precision"}),
    (FalseSafety, (), {"check_infrared"}),
    (EuclideanMomentum, (), {"check_symmetry", "check_precision"}),
    (UndeclaredLaw, (), {"check_symmetry", "check_precision"}),
]


@pytest.mark.parametrize(("cls", "references", "clauses"), DEFECTS, ids=[cls.__name__ for cls, _, _ in DEFECTS])
def test_a_planted_defect_fails_its_clauses_and_no_other(cls: type[Right], references: tuple, clauses: set[str]) -> None:
    failures = failing_clauses(build(cls, references))
    assert set(failures) == clauses, failures


def test_the_complaint_names_every_clause_with_number_and_bound() -> None:
    with pytest.raises(AssertionError, match="PaddedMean breaks the contract") as caught:
        check_tagger(build(PaddedMean))
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == ["check_padding", "check_alone"]
    for line in lines:
        measured, allowed = (
            float(word.rstrip(",")) for word in line.split(" is ")[1:] for word in [word.split(",")[0].split()[0]]
        )
        assert measured > 1e-3 > allowed == 1e-12


def test_a_tagger_is_left_as_it_is() -> None:
    tagger = build(SleepingBreaking).train()
    before = {key: value.clone() for key, value in tagger.state_dict().items()}
    failing_clauses(tagger)
    assert tagger.training
    assert all(torch.equal(value, before[key]) for key, value in tagger.state_dict().items())
    assert next(tagger.parameters()).dtype == torch.float32
    assert all(parameter.grad is None for parameter in tagger.parameters())


def test_a_smaller_declaration_than_the_truth_is_noticed() -> None:
    class Modest(Right):
        @property
        def symmetry(self) -> Subgroup:
            return Subgroup.of("SO(3)")

    failures = failing_clauses(build(Modest))
    assert set(failures) == {"check_symmetry_is_maximal"}
    assert "O(3)" in failures["check_symmetry_is_maximal"]


def test_bounds_can_be_chosen() -> None:
    assert 1e-8 < check_symmetry(build(EuclideanAdmixture), tolerance=1.0)["fixed"] < 1.0
