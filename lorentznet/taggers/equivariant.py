"""What the package's own equivariant taggers share: the front end, its frame switch, the tasks, and the symmetry that follows.

Three tasks have one network and one front end in common and differ in what is read out: ``tagging`` (logits), ``momentum`` (a
four-vector that transforms like the jet, such as the momentum of the top quark in it) and ``mass`` (an invariant mass).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError, nearest
from lorentznet.group.irreps import Irrep
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.covariant_readout import CovariantReadout, to_batch
from lorentznet.nn.embedding import LOG_MASS, standardised
from lorentznet.nn.frame import FrameConditioner, JetFrame
from lorentznet.nn.invariants import jet_gram
from lorentznet.nn.pairs import GraphKind
from lorentznet.nn.readout import InvariantReadout
from lorentznet.nn.references import ReferenceUse
from lorentznet.taggers.base import Tagger
from lorentznet.taggers.compiling import ShapeFree
from lorentznet.taggers.sizes import check_sizes

Task = Literal["tagging", "momentum", "mass"]
_LARGEST_LOG_MASS = 50.0  # ln GeV: where an untrained network's mass ends


@dataclass(frozen=True)
class EquivariantConfig:
    """Settings that the equivariant taggers share.

    Attributes
    ----------
    classes
        Number of classes.
    layers
        Number of message-passing layers.
    bells
        Number of radial functions in ln(p_i.p_j / M^2), ln(1 - cos theta) and ln(p_i.p_j / GeV^2).
    pooled
        Number of learned functions of a particle's invariants that are pooled over the jet for logits; 0 pools the invariants themselves.
    hidden
        Width of the read-out.
    heads
        Attention heads of the read-out.
    dropout
        Share of the read-out's hidden units dropped in training.
    layers_read
        Of how many layers the invariants are read out: 1 those of the last layer, ``layers + 1`` also those before the first.
    mass, references, references_as, graph, neighbours
        See :class:`~lorentznet.nn.frame.FrameConditioner`.
    edges
        What a particle weighs in the sum over its neighbours: a ``radial`` function of the invariants of the pair, linear in the bells;
        or a ``nonlinear`` one of those and of the scalars of both particles, see :mod:`lorentznet.nn.edge`.
    edge_channels
        Number of non-linear functions.
    scalars
        Number of particle scalars that the data set provides, such as charges. The declared symmetry takes them as invariant.
    task
        What is read out: ``tagging`` logits, ``momentum`` a four-vector in GeV, ``mass`` an invariant mass in GeV. ``classes`` plays
        a part in tagging only.

    Raises
    ------
    ConfigError
        If a number is below what makes a network.
    """

    classes: int = 2
    layers: int = 2
    bells: tuple[int, int, int] = (8, 6, 0)
    pooled: int = 32
    hidden: int = 32
    heads: int = 2
    dropout: float = 0.0
    mass: Literal["massless", "keep"] = "massless"
    references: str | tuple[str, ...] = ()
    scalars: int = 0
    task: Task = "tagging"
    references_as: ReferenceUse = "scalars"
    graph: GraphKind = "all"
    neighbours: int = 16
    edges: Literal["radial", "nonlinear"] = "radial"
    edge_channels: int = 16
    layers_read: int = 1
    at_least: ClassVar[Mapping[str, int]] = {
        "classes": 2,
        "layers": 0,
        "pooled": 0,
        "hidden": 1,
        "heads": 0,
        "scalars": 0,
        "neighbours": 1,
        "edge_channels": 1,
        "layers_read": 1,
    }

    def __post_init__(self) -> None:
        if isinstance(self.references, str):
            object.__setattr__(self, "references", (self.references,))
        check_sizes(self, self.at_least)
        if min(self.bells) < 0 or not any(self.bells):
            found = ", ".join(map(str, self.bells))
            raise ConfigError(f"bells are three numbers of at least 0, one of them at least 1, got {found}")
        if self.layers_read > self.layers + 1:
            raise ConfigError(f"layers_read: {self.layers_read} of {self.layers} layers; at most {self.layers + 1}")
        for name, of, value in (("neighbours", "graph", "all"), ("edge_channels", "edges", "radial")):
            if getattr(self, of) == value and getattr(self, name) != getattr(type(self), name):
                raise ConfigError(f"{name}: {getattr(self, name)} has no use with {of} {value}; set {of}, or leave {name} out")
        if self.references_as == "particles" and not self.references:
            raise ConfigError("references_as: particles needs some; name them, for example references: [beams, time]")

    @property
    def edge_functions(self) -> int:
        """Number of non-linear functions of edges, 0 where weights are radial."""
        return self.edge_channels if self.edges == "nonlinear" else 0


def refuse_unused(config: EquivariantConfig, design: str, used: Sequence[str]) -> None:
    """Raise :class:`~lorentznet.errors.ConfigError` if a setting that the design ignores differs from its default."""
    for setting in fields(config):
        found = getattr(config, setting.name)
        if setting.name not in used and found != setting.default:
            raise ConfigError(
                f"{setting.name}: design {design} has no use for it, got {found}; leave it out or take design residual"
            )


class EquivariantTagger(Tagger):
    """A float64 front end and a network behind it.

    Subclasses set ``network``, a module from a :class:`~lorentznet.nn.frame.JetFrame` (and the particle scalars of the batch, or
    None) to logits; its configuration has ``mass`` and ``references`` of the front end.

    Logits can be differentiated once, by weights and momenta; the second derivative, as a gradient penalty needs it, raises
    ``RuntimeError``: sums over pairs and their bells have gradients written by hand.
    """

    network: nn.Module
    _compiled: ShapeFree | None = None

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.frame = FrameConditioner(config.mass, config.references, config.references_as, config.graph, config.neighbours)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the network, with the arguments of ``torch.compile``; one program serves batches of all shapes.

        On a CPU the default compiler makes others for small batches, see :mod:`lorentznet.taggers.compiling`. The front end is not worth
        it: float64 leaves little to gain. Graphs of nearest neighbours, whose numbers of edges the compiler cannot know, are compiled in
        parts.
        """
        self.network.compile(*args, **kwargs)
        self._compiled = ShapeFree()

    @property
    def n_outputs(self) -> int:
        """Numbers for each jet: logits, four components of a momentum, or a mass."""
        task: Task = self.config.task
        return super().n_outputs if task == "tagging" else {"momentum": 4, "mass": 1}[task]

    @property
    def output_law(self) -> Irrep | None:
        """Four-vector for ``momentum``, invariant for the other tasks."""
        return Irrep(1, 1) if self.config.task == "momentum" else None

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits, four-momenta or masses; the momenta of the particles are float64 until the front end is done with them.

        Returns
        -------
        Tensor
            ``tagging``: logits (n_jets, 1 or classes) in the dtype of the network's parameters. ``momentum``: (E, px, py, pz) in GeV, in
            the frame of the batch, (n_jets, 4), float64. ``mass``: GeV, (n_jets, 1), float64.
        """
        dtype = next(self.network.parameters()).dtype
        frame = self.frame(batch, dtype)
        # Products of components in bfloat16 destroy invariance, and so few channels gain nothing from it: autocast stays outside.
        with torch.autocast(batch.p4.device.type, enabled=False):
            extra = self._extra_scalars(batch, dtype, frame.mask)
            if self._compiled is not None:
                self._compiled.prepare(self.network, frame, extra)
            outputs: Tensor = self.network(frame, extra)
            if self.config.task == "momentum":
                return to_batch(frame, outputs)
            if self.config.task == "mass":
                return (frame.log_mass[:, None].double() + outputs.double()).clamp_max(_LARGEST_LOG_MASS).exp()
        return outputs

    def _extra_scalars(self, batch: JetBatch, dtype: torch.dtype, mask: Tensor) -> Tensor | None:
        if not self.config.scalars:
            return None
        scalars = getattr(batch, "scalars", None)
        if scalars is None:
            raise ConfigError(f"tagger '{self.name}' reads {self.config.scalars} scalars of each particle, the jets carry none")
        dense = scalars.new_zeros((*mask.shape, scalars.shape[-1]))
        dense[mask] = scalars
        return dense.to(dtype)

    @property
    def symmetry(self) -> Subgroup:
        """The architecture's group, met with what leaves the reference vectors unchanged (beams up to a scale).

        Of particle scalars it is taken that they do not change: true of a charge, not of a displacement.
        """
        group = Subgroup.of(self.architecture)
        if "beams" in self.frame.references:
            group = group.meet(Subgroup.stabiliser([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, -1.0]], rays=True))
        if "time" in self.frame.references:
            group = group.meet(Subgroup.stabiliser([[1.0, 0.0, 0.0, 0.0]]))
        if self.frame.graph == "knn-deltar":  # distances do not tell one beam from the other
            group = group.meet(Subgroup.of("O+(1,1)xO(2)"))
        return group

    def with_references(self, batch: JetBatch) -> JetBatch:
        """The batch with the laboratory's reference vectors attached, if this tagger reads any."""
        return self.frame.with_references(batch)

    def in_frame(self, conditioning: str) -> EquivariantTagger:
        """Switch the front end to ``"frame"`` or ``"lab"``; returns itself."""
        if conditioning not in ("frame", "lab"):
            raise ConfigError(f"unknown conditioning '{conditioning}'; {nearest(conditioning, ('frame', 'lab'))}")
        self.frame.conditioning = conditioning  # type: ignore[assignment]
        return self


def make_readout(
    config: EquivariantConfig, particle_features: int, jet_features: int, vectors: int, outputs: int
) -> InvariantReadout | CovariantReadout:
    """The read-out of a task.

    Parameters
    ----------
    config
        ``task``, ``hidden``, ``heads`` and ``dropout`` are used.
    particle_features, jet_features, vectors
        Numbers of invariants of a particle and of the jet, and of vector channels.
    outputs
        Number of invariant outputs.
    """
    if config.task == "momentum":
        return CovariantReadout(particle_features, jet_features + 1, vectors, config.hidden, config.heads, config.dropout)
    return InvariantReadout(particle_features, jet_features, config.hidden, outputs, config.heads, config.dropout, config.pooled)


def read_out(readout: nn.Module, particles: Tensor, vectors: Tensor, frame: JetFrame) -> Tensor:
    """Logits or the logarithm of the mass over that of the jet, (jets, outputs); or four-momenta (jets, 4) in units of the frame.

    Parameters
    ----------
    readout
        From :func:`make_readout`.
    particles
        Invariants, shape (features, jets, particles).
    vectors
        Vector features, shape (channels, jets, particles, 4).
    frame
        The jets.
    """
    energy = torch.where(frame.mask, frame.energy, 0)
    gram = jet_gram(vectors, energy, frame.time)
    if not isinstance(readout, CovariantReadout):
        return readout(particles, gram, frame)
    time = frame.momenta.new_tensor([1.0, 0.0, 0.0, 0.0]) if frame.time is None else frame.time
    # A jet without rest frame stays in that of the batch: there its momentum is the sum of its particles.
    summed = torch.where(frame.mask[..., None], frame.momenta, 0).sum(1)
    total = torch.where(frame.degenerate[:, None], summed, time)
    jets = torch.cat((gram, standardised(frame.log_mass, LOG_MASS)[:, None]), -1)
    return readout(particles, jets, vectors, frame.momenta, energy, frame.mask, total)
