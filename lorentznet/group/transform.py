r"""Lorentz transforms as values: 4x4 float64 matrices :math:`\Lambda` with :math:`\Lambda^T\eta\Lambda=\eta`.

Transforms are active and act on contravariant components, :math:`p'^\mu=\Lambda^\mu{}_\nu p^\nu`. The six generators are, in
the order :math:`(K_x,K_y,K_z,J_x,J_y,J_z)`,

.. math:: (K_i)^0{}_i=(K_i)^i{}_0=1,\qquad (J_z)^1{}_2=-1,\ (J_z)^2{}_1=+1\ \text{and cyclic},

with :math:`[J_x,J_y]=J_z`, :math:`[J_x,K_y]=K_z`, :math:`[K_x,K_y]=-J_z`. A boost is :math:`e^{\zeta\cdot K}` with the rapidity
vector :math:`\zeta`, a rotation :math:`e^{\omega\cdot J}` with the rotation vector :math:`\omega`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lorentznet.errors import ConfigError
from lorentznet.group.minkowski import METRIC

if TYPE_CHECKING:
    from lorentznet.group.subgroup import Subgroup

GENERATOR_NAMES: tuple[str, ...] = ("Kx", "Ky", "Kz", "Jx", "Jy", "Jz")


def _generators() -> Tensor:
    generators = torch.zeros(6, 4, 4, dtype=torch.float64)
    for i in range(3):
        first, second = (i + 1) % 3 + 1, (i + 2) % 3 + 1
        generators[i, 0, i + 1] = generators[i, i + 1, 0] = 1.0
        generators[i + 3, first, second] = -1.0
        generators[i + 3, second, first] = 1.0
    return generators


GENERATORS: Tensor = _generators()
"""The generators (6, 4, 4) in the order of :data:`GENERATOR_NAMES`; not to be modified in place."""


def boost_matrix(rapidity: Tensor) -> Tensor:
    r"""Pure boosts :math:`e^{\zeta\cdot K}`.

    .. math:: \Lambda^0{}_0=\cosh\zeta,\quad \Lambda^i{}_0=\Lambda^0{}_i=n_i\sinh\zeta,\quad
              \Lambda^i{}_j=\delta_{ij}+2\sinh^2(\zeta/2)\,n_in_j,\qquad \vec\zeta=\zeta\,\vec n

    Parameters
    ----------
    rapidity
        Rapidity vectors, shape (..., 3); at rest maps to momentum along +n.

    Returns
    -------
    Tensor, shape (..., 4, 4), symmetric, dtype of the input
    """
    size = rapidity.norm(dim=-1)[..., None]
    direction = rapidity / size.clamp_min(torch.finfo(rapidity.dtype).tiny)
    matrix = torch.eye(4, dtype=rapidity.dtype, device=rapidity.device).repeat(*rapidity.shape[:-1], 1, 1)
    matrix[..., 0, 0] = torch.cosh(size[..., 0])
    matrix[..., 0, 1:] = matrix[..., 1:, 0] = direction * torch.sinh(size)
    matrix[..., 1:, 1:] += 2 * (torch.sinh(size / 2) ** 2)[..., None] * direction[..., :, None] * direction[..., None, :]
    return matrix


def rotation_matrix(rotation: Tensor) -> Tensor:
    r"""Rotations :math:`e^{\omega\cdot J}` by the angle :math:`|\omega|` (radian) about :math:`\omega`, by Rodrigues' formula.

    Parameters
    ----------
    rotation
        Rotation vectors, shape (..., 3).

    Returns
    -------
    Tensor, shape (..., 4, 4), dtype of the input
    """
    angle = rotation.norm(dim=-1)[..., None, None]
    generator = torch.einsum("...i,imn->...mn", rotation, GENERATORS[3:].to(rotation))
    # torch.sinc(x) = sin(pi x) / (pi x): both coefficients are smooth at angle zero
    linear, quadratic = torch.sinc(angle / torch.pi), torch.sinc(angle / (2 * torch.pi)) ** 2 / 2
    identity = torch.eye(4, dtype=rotation.dtype, device=rotation.device)
    return identity + linear * generator + quadratic * (generator @ generator)


@dataclass(frozen=True, eq=False, repr=False)
class LorentzTransform:
    """One Lorentz transform, an element of O(1,3).

    Attributes
    ----------
    matrix
        (4, 4) float64 tensor on the CPU; not to be modified in place.

    Examples
    --------
    >>> L = LorentzTransform.boost([0, 0, 1.5]) @ LorentzTransform.rotation([0.1, 0, 0])
    >>> round(L.rapidity, 12), L.is_proper, L.is_orthochronous
    (1.5, True, True)
    >>> (L @ L.inverse()).is_close(LorentzTransform.identity())
    True
    """

    matrix: Tensor

    @classmethod
    def identity(cls) -> LorentzTransform:
        """The transform that changes nothing."""
        return cls(torch.eye(4, dtype=torch.float64))

    @classmethod
    def boost(cls, rapidity: Sequence[float] | Tensor) -> LorentzTransform:
        r"""Boost by a rapidity vector (3,): takes a particle at rest to velocity :math:`\tanh|\zeta|` along it."""
        return cls(boost_matrix(_vector(rapidity, "the rapidity vector")))

    @classmethod
    def boost_gamma(cls, gamma: float, axis: Sequence[float] | Tensor) -> LorentzTransform:
        r"""Boost with Lorentz factor :math:`\gamma\ge1` along ``axis`` (any length but zero): rapidity arcosh :math:`\gamma`."""
        direction = _vector(axis, "the boost axis")
        length = direction.norm()
        if gamma < 1 or not length > 0:
            raise ConfigError(f"a boost needs gamma >= 1 and a non-zero axis; got gamma = {gamma}, axis = {direction.tolist()}")
        return cls.boost(direction / length * torch.acosh(torch.tensor(gamma, dtype=torch.float64)))

    @classmethod
    def rotation(cls, rotation: Sequence[float] | Tensor) -> LorentzTransform:
        """Rotation by the angle (radian) and about the direction of a rotation vector (3,)."""
        return cls(rotation_matrix(_vector(rotation, "the rotation vector")))

    @classmethod
    def parity(cls) -> LorentzTransform:
        """Reflection of space, diag(1, -1, -1, -1)."""
        return cls(METRIC.clone())

    @classmethod
    def time_reversal(cls) -> LorentzTransform:
        """Reflection of time, diag(-1, 1, 1, 1)."""
        return cls(-METRIC)

    @classmethod
    def from_matrix(cls, matrix: Sequence[Sequence[float]] | Tensor) -> LorentzTransform:
        r"""A transform from its matrix.

        Raises
        ------
        ConfigError
            The shape is not (4, 4), or :math:`\Lambda^T\eta\Lambda=\eta` fails by more than :math:`10^{-9}\|\Lambda\|^2`.
        """
        value = torch.as_tensor(matrix, dtype=torch.float64).detach().cpu().clone()
        if value.shape != (4, 4):
            raise ConfigError(f"a Lorentz transform is a 4 x 4 matrix; got shape {tuple(value.shape)}")
        defect = (value.T @ METRIC @ value - METRIC).abs().max().item()
        if not defect <= 1e-9 * max(1.0, value.square().sum().item()):
            raise ConfigError(
                f"the matrix does not keep the metric (+,-,-,-) of (E, px, py, pz): |L^T eta L - eta| = {defect:.2g}"
            )
        return cls(value)

    @classmethod
    def random(
        cls, subgroup: str | Subgroup = "SO+(1,3)", rapidity: float = 3.0, generator: torch.Generator | None = None
    ) -> LorentzTransform:
        """A strong random element of a subgroup; see :meth:`lorentznet.group.subgroup.Subgroup.random`."""
        from lorentznet.group.subgroup import Subgroup

        chosen = Subgroup.of(subgroup) if isinstance(subgroup, str) else subgroup
        return chosen.random(rapidity, generator)

    def __matmul__(self, other: LorentzTransform) -> LorentzTransform:
        """The product: ``other`` acts first."""
        if not isinstance(other, LorentzTransform):
            return NotImplemented
        return LorentzTransform(self.matrix @ other.matrix)

    def inverse(self) -> LorentzTransform:
        r"""The inverse :math:`\eta\Lambda^T\eta`, without a linear solve."""
        return LorentzTransform(METRIC @ self.matrix.T @ METRIC)

    def act(self, law: Any, x: Any) -> Any:
        """What becomes of ``x`` that transforms by ``law``.

        Parameters
        ----------
        law
            :class:`~lorentznet.group.irreps.Irrep` or ``IrrepPair`` (last axis of ``x``);
            :class:`~lorentznet.group.irreps.Irreps` (``x`` a list with one tensor (multiplicity, ..., dim) per term, or one
            flat tensor whose last axis holds the terms one after the other, each as multiplicity blocks of dim);
            :class:`~lorentznet.group.multivectors.Multivectors` (components first); or None: ``x`` is invariant.
        """
        return x if law is None else law.act(self, x)

    @property
    def is_proper(self) -> bool:
        """True if the determinant is +1."""
        return bool(torch.linalg.det(self.matrix) > 0)

    @property
    def is_orthochronous(self) -> bool:
        """True if the direction of time is kept."""
        return bool(self.matrix[0, 0] > 0)

    @property
    def rapidity(self) -> float:
        """Rapidity of the boost B in L = B R, R a rotation up to reflections; 0 for rotations and reflections."""
        return float(torch.asinh(self.matrix[1:, 0].norm()))

    @property
    def gamma(self) -> float:
        """Lorentz factor of the boost part, cosh of :attr:`rapidity`."""
        return float(self.matrix[0, 0].abs())

    def is_close(self, other: LorentzTransform, tolerance: float = 1e-12) -> bool:
        """True if no matrix element differs by more than ``tolerance`` times the largest one."""
        scale = max(1.0, float(self.matrix.abs().max()))
        return bool((self.matrix - other.matrix).abs().max() <= tolerance * scale)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LorentzTransform) and torch.equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash(tuple(self.matrix.flatten().tolist()))

    def __repr__(self) -> str:
        rows = ", ".join("[" + ", ".join(f"{value:.6g}" for value in row) + "]" for row in self.matrix.tolist())
        return f"LorentzTransform([{rows}])"


def _vector(value: Sequence[float] | Tensor, what: str) -> Tensor:
    vector = torch.as_tensor(value, dtype=torch.float64).detach().cpu()
    if vector.shape != (3,) or not bool(torch.isfinite(vector).all()):
        raise ConfigError(f"{what} has three finite components (x, y, z); got {vector.tolist()}")
    return vector
