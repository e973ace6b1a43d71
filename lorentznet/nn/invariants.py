r"""Invariants of tensor features, compressed so that none runs away: asinh of bilinear forms, exact in every frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from lorentznet.group.irreps import AnyIrrep, Irrep, Irreps
from lorentznet.group.minkowski import minkowski_dot
from lorentznet.nn.compression import asinh
from lorentznet.nn.constant import Constant
from lorentznet.nn.mixing import SCALAR
from lorentznet.nn.multivector import ALL_GRADES, Grades

VECTOR = Irrep(1, 1)


def time_component(vectors: Tensor, time: Tensor | None) -> Tensor:
    """v.u for vectors (channels, jets, particles, 4), u of each jet (jets, 4) or None in the rest frame."""
    return vectors[..., 0] if time is None else minkowski_dot(vectors, time[:, None])


@cache
def form_signs(irrep: AnyIrrep) -> Constant | None:
    """Diagonal of the invariant form, shape (dim,), or None where the form is not diagonal, as on ((4,2)+(2,4))."""
    form = irrep.metric
    return Constant(form.diagonal()) if torch.equal(form, torch.diag(form.diagonal())) else None


class IrrepInvariants:
    """Invariants of each particle: scalars, asinh of x g x for tensors, asinh of v.u for vectors.

    What depends on the irreps alone is found here and not on the way, which torch.compile could not follow.

    Parameters
    ----------
    irreps
        Laws of the features.

    Attributes
    ----------
    count
        Number of invariants of a particle.
    """

    def __init__(self, irreps: Irreps) -> None:
        self.count = count_irrep_invariants(irreps)
        self._kinds = [(irrep == SCALAR, irrep == VECTOR) for _, irrep in irreps]
        self._signs = [form_signs(irrep) for _, irrep in irreps]
        self._forms = [Constant(irrep.metric) for _, irrep in irreps]

    def __call__(self, features: Sequence[Tensor], time: Tensor | None) -> Tensor:
        """Shape (count, jets, particles).

        Parameters
        ----------
        features
            Tensors (channels, jets, particles, dim), one per term of the irreps.
        time
            u of each jet, shape (jets, 4), or None in the rest frame.
        """
        rows = []
        for x, (scalar, vector), signs, form in zip(features, self._kinds, self._signs, self._forms, strict=True):
            if scalar:
                rows.append(x[..., 0])
                continue
            rows.append(asinh(((x @ form.like(x)) * x).sum(-1) if signs is None else x.square() @ signs.like(x)))
            if vector:
                rows.append(asinh(time_component(x, time)))
        return torch.cat(rows)


def count_irrep_invariants(irreps: Irreps) -> int:
    """Number of rows of :class:`IrrepInvariants`."""
    return sum(mult * (2 if irrep == VECTOR else 1) for mult, irrep in irreps)


def multivector_invariants(x: Tensor, time: Tensor | None, grades: Grades = ALL_GRADES) -> Tensor:
    """Invariants of each multivector: its scalar, asinh of v.u of its vector, and asinh of q of every grade but the scalar.

    Parameters
    ----------
    x
        Shape (components, channels, jets, particles).
    time
        u of each jet, shape (jets, 4), or None in the rest frame.
    grades
        What the multivectors consist of.

    Returns
    -------
    Tensor, shape ((1 + number of grades) channels, jets, particles)
    """
    component = time_component(x[1:5].movedim(0, -1), time)
    return torch.cat((x[:1], asinh(torch.cat((component[None], grades.squares(x)[1:]))))).flatten(0, 1)


def jet_gram(vectors: Tensor, energy: Tensor, time: Tensor | None) -> Tensor:
    r"""Invariants of the jet's energy-weighted vectors V_c = sum_i z_i v_{c,i}: asinh of all V_c.V_d and V_c.u.

    Parameters
    ----------
    vectors
        Shape (channels, jets, particles, 4).
    energy
        z_i, shape (jets, particles), zero for padding.
    time
        u of each jet, shape (jets, 4), or None in the rest frame.

    Returns
    -------
    Tensor, shape (jets, channels (channels + 3) / 2)
    """
    total = (vectors * energy[..., None]).sum(2)
    channels = total.shape[0]
    products = minkowski_dot(total[:, None], total[None])
    own = total[..., 0] if time is None else minkowski_dot(total, time)
    return asinh(torch.cat([*(products[c, c:] for c in range(channels)), own])).T
