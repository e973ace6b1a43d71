r"""A particle transformer: attention between all particles of a jet, with the kinematics of each pair in the attention weights.

.. math:: \mathrm{softmax}\Big(\frac{Q K^T}{\sqrt d} + U\Big)\, V, \qquad
          U_{ab} = \mathrm{MLP}(\ln\Delta_{ab},\, \ln k_{T,ab},\, \ln z_{ab},\, \ln m^2_{ab})

U is common to all blocks, with a value for each head. Blocks are normalised before and after attention, and inside the MLP. A class
token then attends to itself and all particles, and is mapped to the logits. Particles come in detector coordinates
(:mod:`lorentznet.nn.detector_frame`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lorentznet.data.batch import JetBatch
from lorentznet.errors import ConfigError
from lorentznet.group.subgroup import Subgroup
from lorentznet.nn.detector_frame import DetectorFeatures, pair_features
from lorentznet.taggers.base import Tagger, register
from lorentznet.taggers.sizes import check_sizes


@dataclass(frozen=True)
class ParTConfig:
    """Settings of the particle transformer.

    Attributes
    ----------
    classes
        Number of classes.
    width
        Channels of a particle, a multiple of ``heads``.
    heads
        Number of attention heads.
    blocks, class_blocks
        Number of blocks of attention between particles, and of the class token to them.
    expansion
        Hidden width of the MLP of a block, in units of ``width``.
    pair_hidden
        Hidden width of the MLP of a pair.
    align
        Turn and reflect the image of the jet until its axes are those of the coordinates; the published network does not.
    energies
        Add energies to the features of a particle, as published; the network then changes under boosts along the beam.
    dropout
        Share of attention weights and hidden units dropped in training.
    scalars
        Number of particle scalars that the data set provides.

    Raises
    ------
    ConfigError
        If a number is below what makes a network, or ``width`` is no multiple of ``heads``.
    """

    classes: int = 2
    width: int = 32
    heads: int = 4
    blocks: int = 2
    class_blocks: int = 1
    expansion: int = 4
    pair_hidden: int = 16
    align: bool = True
    energies: bool = False
    dropout: float = 0.0
    scalars: int = 0

    def __post_init__(self) -> None:
        sizes = ("width", "heads", "blocks", "class_blocks", "expansion", "pair_hidden")
        check_sizes(self, {"classes": 2, "scalars": 0, **dict.fromkeys(sizes, 1)})
        if self.width % self.heads:
            raise ConfigError(f"width must be a multiple of heads, got {self.width} and {self.heads}")


class Attention(nn.Module):
    """Attention of queries to keys with several heads.

    Parameters
    ----------
    width, heads, dropout
        See :class:`ParTConfig`.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor, bias: Tensor | None = None) -> Tensor:
        """Shape (jets, queries, width).

        Parameters
        ----------
        queries, keys
            Shapes (jets, queries, width) and (jets, keys, width).
        mask
            True for a real key, shape (jets, keys).
        bias
            Shape (jets, heads, queries, keys).
        """
        q, k, v = (
            x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (self.query(queries), *self.key_value(keys).chunk(2, -1))
        )
        weights = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if bias is not None:
            weights = weights + bias
        weights = weights.masked_fill(~mask[:, None, None], torch.finfo(weights.dtype).min).softmax(-1)
        return self.out((self.drop(weights) @ v).transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """Attention and an MLP, each with a residual; queries may be the particles themselves or a class token.

    Parameters
    ----------
    width, heads, expansion, dropout
        See :class:`ParTConfig`.
    """

    def __init__(self, width: int, heads: int, expansion: int, dropout: float) -> None:
        super().__init__()
        hidden = expansion * width
        self.before = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.after = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.LayerNorm(hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
        )

    def forward(self, x: Tensor, keys: Tensor, mask: Tensor, bias: Tensor | None = None) -> Tensor:
        """New queries, of the shape of ``x``; arguments as in :class:`Attention`."""
        heard = self.before(keys)
        # a class token is the first of its keys, particles are all of them
        x = x + self.after(self.attention(heard[:, : x.shape[1]], heard, mask, bias))
        return x + self.mlp(x)


@register
class ParticleTransformer(Tagger):
    """Transformer with pair features as attention bias.

    Invariant under rotations about the beam and boosts along it, and under reflections if jets are aligned; not under the boosts if
    ``energies`` are read.
    """

    name: ClassVar[str] = "part"
    citation: ClassVar[str] = "Qu, Li, Qian, Particle Transformer for Jet Tagging (2022), arXiv:2202.03772"
    Config: ClassVar[type] = ParTConfig
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {"width": 12, "heads": 3, "blocks": 1, "expansion": 3, "pair_hidden": 12},
        "small": {"width": 32, "heads": 4, "blocks": 2},
        "default": {"width": 64, "heads": 8, "blocks": 4, "pair_hidden": 32},
    }

    def __init__(self, config: ParTConfig) -> None:
        super().__init__(config)
        width = config.width
        self.coordinates = DetectorFeatures(config.align, config.energies, config.scalars)
        self.architecture = str(self.coordinates.symmetry)
        self.embed = nn.Sequential(nn.Linear(self.coordinates.n_features, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        # no bias: the softmax does not feel what is added to all pairs of a head alike
        self.pairs = nn.Sequential(
            nn.Linear(4, config.pair_hidden), nn.GELU(), nn.Linear(config.pair_hidden, config.heads, bias=False)
        )
        sizes = (width, config.heads, config.expansion, config.dropout)
        self.blocks = nn.ModuleList(Block(*sizes) for _ in range(config.blocks))
        self.class_blocks = nn.ModuleList(Block(*sizes) for _ in range(config.class_blocks))
        self.token = nn.Parameter(0.02 * torch.randn(width))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, self.n_outputs))

    @property
    def symmetry(self) -> Subgroup:
        """That of the features: rotations about the beam, boosts along it unless energies are read, reflections if aligned."""
        return self.coordinates.symmetry

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits, in the dtype of the parameters; coordinates are computed in float64."""
        frame = self.coordinates(batch, self.token.dtype)
        bias = self.pairs(pair_features(frame).movedim(0, -1)).movedim(-1, 1)
        x = self.embed(frame.features)
        for block in self.blocks:
            x = block(x, x, frame.mask, bias)
        token = self.token.to(x.dtype).expand(len(x), 1, -1)
        mask = torch.cat((frame.mask.new_ones((len(x), 1)), frame.mask), 1)
        for block in self.class_blocks:
            token = block(token, torch.cat((token, x), 1), mask)
        return self.head(token[:, 0])
