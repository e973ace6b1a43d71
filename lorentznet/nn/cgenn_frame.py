"""The front end of the published Clifford network: momenta in GeV, and two time-like beam particles before them.

The published network looks at jets in the laboratory and at numbers as they come. The beams are (sqrt 2, 0, 0, +-1) GeV, of mass 1 GeV,
and are made from the reference vectors b+- = (1, 0, 0, +-1) that a batch carries, so that they may be transformed along with it:

.. math:: \\beta_\\pm = \\frac{\\sqrt2 + 1}{2}\\, b_\\pm + \\frac{\\sqrt2 - 1}{2}\\, b_\\mp .
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lorentznet.data.batch import JetBatch
from lorentznet.group.minkowski import minkowski_square
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn import doubled
from lorentznet.nn.frame import FrameConditioner
from lorentznet.nn.kinematics import boost_to_rest, to_dense

_NEAR, _FAR = (2**0.5 + 1) / 2, (2**0.5 - 1) / 2


@dataclass(frozen=True)
class BeamJets:
    """A batch of jets as the published network sees it: dense, in the dtype of the network.

    Attributes
    ----------
    momenta : Tensor, shape (jets, nodes, 4)
        In GeV: two beams, then the particles of the jet; zero where there is none.
    mask : Tensor, shape (jets, nodes), bool
        True for particles of the jet.
    nodes : Tensor, shape (jets, nodes), bool
        True for particles with energy, and beams.
    masses : Tensor, shape (jets, nodes)
        The root of \\|p^2\\| in GeV, from float64.
    """

    momenta: Tensor
    mask: Tensor
    nodes: Tensor
    masses: Tensor


class BeamParticles(FrameConditioner):
    """From a batch of ragged float64 momenta to :class:`BeamJets`.

    Notes
    -----
    ``conditioning`` is ``"lab"`` here if nothing else is asked for: momenta are cast as they are. ``"frame"`` takes particles and beams to
    the rest frame of the jet in float64 first, which in exact arithmetic is the same function of the jet.
    """

    symmetry = Subgroup.of("O(2)xO(1)")
    """What leaves the pair of beams unchanged: they look alike, so that they may be exchanged."""

    def __init__(self) -> None:
        super().__init__("keep", ("beams",), "particles")
        self.conditioning = "lab"

    def forward(self, batch: JetBatch, dtype: torch.dtype) -> BeamJets:  # type: ignore[override]
        """Momenta, beams and masses; everything that is returned has ``dtype``."""
        batch = self.with_references(batch)
        with torch.autocast(batch.p4.device.type, enabled=False):
            particles, mask = to_dense(batch.p4.double(), batch.ptr, batch.batch)
            references = batch.references.double()
            beams = _NEAR * references + _FAR * references.flip(1)
            momenta = torch.cat((beams.to(particles), particles), 1)
            if self.conditioning == "frame":
                momenta = self._at_rest(momenta, particles.sum(1), mask)
            present = torch.ones_like(mask[:, :1]).expand(-1, 2)
            return BeamJets(
                momenta=momenta.to(dtype),
                mask=torch.cat((~present, mask), 1),
                nodes=torch.cat((present, mask & (particles[..., 0] != 0)), 1),
                masses=_root(minkowski_square(momenta).abs()).to(dtype),
            )

    def _at_rest(self, momenta: Tensor, total: Tensor, mask: Tensor) -> Tensor:
        """All momenta of a jet in its rest frame, boosted twice as in the other front end; jets without one stay where they are."""
        for _ in range(2):
            square = doubled.minkowski_dot(total, total)
            stays = self._without_rest_frame(total, square, mask)[:, None]
            rest = torch.cat((torch.ones_like(total[:, :1]), torch.zeros_like(total[:, 1:])), 1)
            mass = torch.where(stays[:, 0], 1, square).sqrt()
            momenta = boost_to_rest(momenta, torch.where(stays, rest, total), mass)
            total = torch.where(mask[..., None], momenta[:, 2:], 0).sum(1)
        return momenta


def _root(x: Tensor) -> Tensor:
    """The square root with gradient zero, not infinite, at zero."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1).sqrt(), 0)
