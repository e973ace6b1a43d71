"""The front end: covariant, exact, finite."""

import decimal
import math

import pytest
import torch

from lorentznet.data.batch import JetBatch
from lorentznet.data.checks import without_rest_frame
from lorentznet.data.table import JetTable
from lorentznet.errors import ConfigError
from lorentznet.group import LorentzTransform
from lorentznet.group.minkowski import minkowski_dot, minkowski_square
from lorentznet.nn import doubled
from lorentznet.nn.frame import FrameConditioner
from lorentznet.nn.kinematics import boost_by_little, boost_to_rest, safe_norm, to_dense

F64 = torch.float64


def some_jets(counts=(7, 12, 1 + 4), masses=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    n = sum(counts)
    space = torch.randn((n, 3), generator=generator, dtype=F64) * 5 + torch.tensor([40.0, 10.0, -20.0], dtype=F64)
    energy = (space.square().sum(-1) + masses**2).sqrt()
    return JetBatch.from_arrays(torch.cat((energy[:, None], space), -1), counts)


def decimals(rows):
    """Exactly those numbers."""
    return [[decimal.Decimal(value) for value in row.tolist()] for row in rows]


def test_ragged_to_dense_keeps_every_particle_and_pads_with_zero():
    batch = some_jets()
    dense, mask = to_dense(batch.p4, batch.ptr, batch.batch)
    assert dense.shape == (3, 12, 4)
    assert torch.equal(dense[mask], batch.p4)
    assert mask.sum(1).tolist() == [7, 12, 5]
    assert not dense[~mask].any()


def test_momenta_are_at_rest_and_in_units_of_the_jet_mass():
    batch = some_jets()
    frame = FrameConditioner("keep")(batch, F64)
    total = frame.momenta.sum(1)
    assert torch.allclose(total, torch.tensor([1.0, 0, 0, 0], dtype=F64).expand(3, 4), atol=1e-13)
    jets = torch.stack([batch.p4[batch.batch == k].sum(0) for k in range(3)])
    assert torch.allclose(frame.log_mass, minkowski_square(jets).sqrt().log(), rtol=1e-13)
    assert torch.allclose(frame.energy.sum(1), torch.ones(3, dtype=F64))


def test_pure_boost_agrees_with_the_group():
    batch = some_jets((6,))
    total = batch.p4.sum(0)
    mass = minkowski_square(total).sqrt()
    speed = total[1:].norm()
    boost = LorentzTransform.boost(-total[1:] / speed * torch.asinh(speed / mass))
    ours = boost_to_rest(batch.p4[None], total[None], mass[None])[0]
    assert torch.allclose(ours, batch.p4 @ boost.matrix.T, atol=1e-11)


@pytest.mark.parametrize("mass", [0.0, 0.14])
def test_pair_invariants_are_the_minkowski_products(mass):
    batch = some_jets(masses=mass)
    frame = FrameConditioner("keep" if mass else "massless")(batch, F64)
    dense, mask = to_dense(batch.p4, batch.ptr, batch.batch)
    naive = minkowski_dot(dense[:, :, None], dense[:, None]) / frame.log_mass.exp().square()[:, None, None]
    real = mask[:, :, None] & mask[:, None] & ~torch.eye(12, dtype=torch.bool)
    assert torch.allclose(frame.log_product.exp()[real], naive[real] + 1e-9, rtol=1e-7)
    ratio = naive / (frame.energy[:, :, None] * frame.energy[:, None])
    assert torch.allclose(frame.log_angle.exp()[real], ratio[real] + 1e-9, rtol=1e-7)


def test_collinear_pairs_keep_their_digits_where_the_naive_product_loses_them():
    """Two photons 1e-6 apart: E1 E2 - p1.p2 has no digit left, the half-angle form has all."""
    angle = 1e-6
    directions = torch.tensor([[0.0, 0.0, 1.0], [math.sin(angle), 0.0, math.cos(angle)], [0.0, -0.3, 0.2]], dtype=F64)
    space = directions / directions.norm(dim=1, keepdim=True) * torch.tensor([[100.0], [50.0], [70.0]], dtype=F64)
    batch = JetBatch.from_arrays(torch.cat((space.norm(dim=1, keepdim=True), space), 1), [3])
    frame = FrameConditioner()(batch, F64)
    exact = 2 * 100 * 50 * math.sin(angle / 2) ** 2
    found = (frame.log_product[0, 0, 1].exp() - 1e-9) * (2 * frame.log_mass[0]).exp()
    assert found == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("gamma", [1.1, 10.0, 1000.0])
def test_boosted_jets_differ_by_a_rotation_only(gamma):
    batch = some_jets()
    boost = LorentzTransform.boost(math.acosh(gamma) * torch.tensor([2.0, -1.0, 2.0], dtype=F64) / 3)
    conditioner = FrameConditioner()
    here, there = conditioner(batch, F64), conditioner(batch.transformed(boost.matrix), F64)
    bound = 1e-14 * gamma**2
    for name in ("energy", "log_product", "log_angle", "log_mass"):
        a, b = getattr(here, name), getattr(there, name)
        mask = here.mask if a.ndim == 2 else slice(None)
        assert torch.allclose(a[mask], b[mask], atol=1e3 * bound), name
    gram = here.momenta @ here.momenta.mT
    assert torch.allclose(gram, there.momenta @ there.momenta.mT, atol=1e2 * bound)


@pytest.mark.parametrize("gamma", [1.1, 30.0, 1e4])
def test_a_boost_adds_no_rounding_of_its_own(gamma):
    """Of momenta as they are stored, boosted ones are right to some units in the last place, found in 60 digits."""
    decimal.getcontext().prec = 60
    batch = some_jets((9,), masses=0.1)
    boost = LorentzTransform.boost(math.acosh(gamma) * torch.tensor([2.0, -1.0, 2.0], dtype=F64) / 3)
    momenta = batch.transformed(boost.matrix).p4
    total = momenta.sum(0)
    square = doubled.minkowski_dot(total, total)
    found = boost_to_rest(momenta[None], total[None], square.sqrt()[None])[0]
    axis, mass_found, *rows = decimals([total, square.sqrt()[None], *momenta])
    mass = (axis[0] ** 2 - sum(value**2 for value in axis[1:])).sqrt()
    assert abs(mass_found[0] / mass - 1) < 4e-16
    for p, ours in zip(rows, decimals(found), strict=True):
        energy = (axis[0] * p[0] - sum(a * b for a, b in zip(axis[1:], p[1:], strict=True))) / mass
        exact = [energy, *(b - a * (p[0] + energy) / (axis[0] + mass) for a, b in zip(axis[1:], p[1:], strict=True))]
        assert max(abs(a - b) for a, b in zip(ours, exact, strict=True)) / energy < 2e-15


@pytest.mark.parametrize("speed", [0.0, 1e-12, 1e-3])
def test_a_jet_nearly_at_rest_is_boosted_plainly_to_the_same_digits(speed):
    momenta = FrameConditioner("keep")(some_jets((9,), masses=0.1), F64).momenta
    moved = momenta @ LorentzTransform.boost(speed * torch.tensor([2.0, -1.0, 2.0], dtype=F64) / 3).matrix.T
    total = moved.sum(1)
    mass = minkowski_square(total).sqrt()
    assert torch.allclose(boost_by_little(moved, total, mass), boost_to_rest(moved, total, mass), rtol=0, atol=2e-16)


def test_the_mass_shell_is_covariant_for_momenta_rounded_to_float32():
    batch = some_jets()
    rounded = batch.with_momenta(batch.p4.float().double())
    boost = LorentzTransform.boost(torch.tensor([0.0, 1.5, 0.5], dtype=F64))
    conditioner = FrameConditioner("massless")
    here, there = conditioner(rounded, F64), conditioner(rounded.transformed(boost.matrix), F64)
    assert minkowski_square(here.momenta).abs().max() < 1e-15
    assert torch.allclose(here.energy, there.energy, atol=1e-12)


def test_laboratory_mode_is_the_same_function():
    batch = some_jets()
    conditioner = FrameConditioner(references=("beams", "time"))
    frame = conditioner(batch, F64)
    conditioner.conditioning = "lab"
    lab = conditioner(batch, F64)
    for name in ("energy", "log_mass", "reference_scalars"):
        assert torch.allclose(getattr(frame, name), getattr(lab, name), atol=1e-6), name
    off_diagonal = frame.mask[:, :, None] & frame.mask[:, None] & ~torch.eye(12, dtype=torch.bool)
    assert torch.allclose(frame.log_product[off_diagonal], lab.log_product[off_diagonal], atol=1e-6)
    assert torch.allclose(minkowski_square(lab.time), torch.ones(3, dtype=F64))


def test_reference_scalars_follow_their_definition_and_are_boosted_along():
    batch = some_jets((5,))
    conditioner = FrameConditioner("keep", ("time", "beams"))
    assert conditioner.n_reference_scalars == 4
    frame = conditioner(batch, F64)
    total = batch.p4.sum(0)
    plus, minus, time = batch.p4[:, 0] - batch.p4[:, 3], batch.p4[:, 0] + batch.p4[:, 3], batch.p4[:, 0]
    jet = total[0] - total[3], total[0] + total[3], total[0]
    expected = torch.stack((plus / jet[0], minus / jet[1], time / jet[2]), -1).log()
    assert torch.allclose(frame.reference_scalars[0, :, :3], expected, atol=1e-6)
    assert torch.allclose(frame.reference_scalars[0, :, 3], 0.5 * (jet[0] * jet[1] / 600**2).log(), atol=1e-6)
    boost = LorentzTransform.boost(torch.tensor([0.3, -1.0, 0.4], dtype=F64))
    along = conditioner(conditioner.with_references(batch).transformed(boost.matrix), F64)
    assert torch.allclose(along.reference_scalars, frame.reference_scalars, atol=1e-10)
    alone = conditioner(batch.transformed(boost.matrix), F64)
    assert not torch.allclose(alone.reference_scalars, frame.reference_scalars, atol=1e-2)


def test_unknown_reference_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'beams'"):
        FrameConditioner(references=("beam",))


def degenerate_batches():
    zero = torch.zeros((1, 4), dtype=F64)
    one = torch.tensor([[50.0, 0, 30.0, 40.0]], dtype=F64)
    return {
        "one massless particle": (one, [1]),
        "collinear": (torch.cat((one, 2 * one, 0.1 * one)), [3]),
        "one at rest": (torch.tensor([[0.14, 0, 0, 0]], dtype=F64), [1]),
        "zeros": (torch.cat((zero, zero)), [2]),
        "zero among others": (torch.cat((one, zero, one.roll(1, 1).abs())), [3]),
        "no particles beside one": (one, [0, 1]),
    }


@pytest.mark.parametrize("conditioning", ["frame", "lab"])
@pytest.mark.parametrize("case", degenerate_batches())
def test_degenerate_jets_are_finite_with_finite_gradients(case, conditioning):
    p4, counts = degenerate_batches()[case]
    p4.requires_grad_()
    conditioner = FrameConditioner(references=("beams", "time"))
    conditioner.conditioning = conditioning
    batch = JetBatch.from_arrays(p4, counts)
    frame = conditioner(batch, F64)
    total = sum(
        getattr(frame, name).sum() for name in ("momenta", "energy", "log_product", "log_angle", "log_mass", "reference_scalars")
    )
    (gradient,) = torch.autograd.grad(total, p4)
    assert torch.isfinite(total)
    assert torch.isfinite(gradient).all()


def test_jets_without_a_rest_frame_are_counted_and_covariant():
    p4, counts = degenerate_batches()["collinear"]
    batch = JetBatch.from_arrays(p4, counts)
    conditioner = FrameConditioner()
    boost = LorentzTransform.boost(torch.tensor([0.5, 1.0, -2.0], dtype=F64))
    here, there = conditioner(batch, F64), conditioner(batch.transformed(boost.matrix), F64)
    assert here.degenerate.all()
    assert there.degenerate.all()
    assert torch.allclose(here.energy, there.energy, atol=1e-12)
    assert torch.allclose(here.log_mass, there.log_mass)


@pytest.mark.parametrize("mass", [0.0, 0.14, 0.938])
def test_how_fast_a_single_particle_is_cannot_be_seen(mass):
    """It is massless by decree; what is seen of it must not depend on how much of its energy is mass."""
    batch = JetBatch.from_arrays(torch.tensor([[math.hypot(2.0, mass), 1.2, 0.0, 1.6]], dtype=F64), [1])
    conditioner = FrameConditioner(references=("beams", "time"))
    batch = conditioner.with_references(batch)
    boost = LorentzTransform.boost(torch.tensor([0.5, 1.0, -2.0], dtype=F64))
    here, there = conditioner(batch, F64), conditioner(batch.transformed(boost.matrix), F64)
    assert here.degenerate.all()
    for name in ("energy", "log_mass", "reference_scalars"):
        torch.testing.assert_close(getattr(there, name), getattr(here, name), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(there.momenta.norm(), here.momenta.norm(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("delta_r", [1e-1, 1e-3, 1e-5])
def test_pair_invariants_have_all_their_digits_at_small_angles(delta_r):
    """Against 60 digits: boost, mass shell and products of the same float64 momenta."""
    mpmath = pytest.importorskip("mpmath")
    eta, phi, pt = [0.3, 0.3 + 0.6 * delta_r, -0.1], [1.0, 1.0 + 0.8 * delta_r, 1.5], [300.0, 120.0, 250.0]
    space = torch.tensor(
        [[p * math.cos(f), p * math.sin(f), p * math.sinh(e)] for p, f, e in zip(pt, phi, eta, strict=True)], dtype=F64
    )
    batch = JetBatch.from_arrays(torch.cat((safe_norm(space)[:, None], space), 1), [3])
    frame = FrameConditioner()(batch, F64)
    with mpmath.workdps(60):
        p4 = [[mpmath.mpf(x) for x in row] for row in batch.p4.tolist()]
        total = [mpmath.fsum(column) for column in zip(*p4, strict=True)]
        mass = mpmath.sqrt(total[0] ** 2 - mpmath.fsum(x**2 for x in total[1:]))
        u = [x / mass for x in total]
        rest = []
        for p in p4:
            along = mpmath.fsum(a * b for a, b in zip(p[1:], u[1:], strict=True))
            rest.append([x + v * (along / (1 + u[0]) - p[0]) for x, v in zip(p[1:], u[1:], strict=True)])
        norms = [mpmath.sqrt(mpmath.fsum(x**2 for x in p)) for p in rest]
        for i, j in ((0, 1), (0, 2), (1, 2)):
            cosine = mpmath.fsum(a * b for a, b in zip(rest[i], rest[j], strict=True)) / (norms[i] * norms[j])
            angle, product = 1 - cosine, norms[i] * norms[j] * (1 - cosine) / mass**2
            assert abs(frame.log_angle[0, i, j].item() - mpmath.log(angle + mpmath.mpf(1e-9))) < 1e-11 / delta_r
            assert abs(frame.log_product[0, i, j].item() - mpmath.log(product + mpmath.mpf(1e-9))) < 1e-11 / delta_r
    exact, found = float(angle), frame.log_angle[0, 1, 2].exp().item()
    assert found == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_a_single_particle_has_no_rest_frame_whatever_the_sign_of_its_rounding_noise(dtype):
    """Rounded to float32 a massless particle has a mass, real or imaginary, of a thousandth of its energy."""
    space = torch.randn((40, 3), generator=torch.Generator().manual_seed(0), dtype=F64)
    p4 = torch.cat((safe_norm(space)[:, None], space), 1).to(dtype).double()
    square = minkowski_square(p4)
    assert dtype == F64 or ((square > 1e-9).any() and (square < -1e-9).any())
    frame = FrameConditioner()(JetBatch.from_arrays(p4, [1] * 40), F64)
    assert frame.degenerate.all()
    assert torch.allclose(frame.energy, torch.ones(40, 1, dtype=F64), atol=1e-6)
    assert (frame.log_mass == frame.log_mass[0]).all()
    heavy = torch.tensor([[13.0, 3.0, 0.0, 4.0]], dtype=F64)
    assert not FrameConditioner("keep")(JetBatch.from_arrays(heavy, [1]), F64).degenerate.any()


def test_files_are_searched_for_the_jets_that_the_front_end_finds_without_rest_frame():
    generator = torch.Generator().manual_seed(1)
    axis = torch.tensor([0.48, 0.6, 0.64], dtype=F64)
    jets = [axis + spread * torch.randn((3, 3), generator=generator, dtype=F64) for spread in (0.0, 1e-12, 1e-5, 1e-2)]
    space = torch.cat([*jets, axis[None], 100 * axis[None]])
    p4, counts = torch.cat((safe_norm(space)[:, None], space), 1), [3, 3, 3, 3, 1, 1]
    frame = FrameConditioner()(JetBatch.from_arrays(p4, counts), F64)
    table = JetTable.from_arrays(p4.numpy(), counts)
    assert frame.degenerate.tolist() == [True, True, False, False, True, True]
    assert without_rest_frame(table).tolist() == frame.degenerate.tolist()
    assert without_rest_frame(table[:0]).tolist() == []
    kept = FrameConditioner("keep")(JetBatch.from_arrays(p4, counts), F64)
    assert without_rest_frame(table, keep_masses=True).tolist() == kept.degenerate.tolist()
