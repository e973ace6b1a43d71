"""A small tagger for the tests of training: an MLP on a few numbers of each jet, with dropout so that randomness matters."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from lorentznet.group.subgroup import Subgroup
from lorentznet.taggers import Tagger


@dataclass(frozen=True)
class ToyConfig:
    classes: int = 2
    hidden: int = 8
    dropout: float = 0.1
    scalars: int = 0


class ToyTagger(Tagger):
    name = "toy"
    citation = "none"
    Config = ToyConfig
    presets: ClassVar[dict] = {"wide": {"hidden": 16}}

    def __init__(self, config):
        super().__init__(config)
        self.first = nn.Linear(3 + config.scalars, config.hidden)
        self.gain = nn.Parameter(torch.ones(config.hidden, 1))
        self.last = nn.Linear(config.hidden, self.n_outputs)
        self.register_buffer("shift", torch.tensor([3.0, 5.0, 6.0]))

    def forward(self, batch):
        jets = torch.zeros(batch.n_jets, 4, dtype=torch.float64, device=batch.p4.device).index_add(0, batch.batch, batch.p4)
        square = jets[:, 0] ** 2 - (jets[:, 1:] ** 2).sum(-1)
        features = torch.stack((batch.counts.double().log(), square.clamp(min=1).log() / 2, jets[:, 0].log()), -1) - self.shift
        if self.config.scalars:
            zeros = torch.zeros(batch.n_jets, self.config.scalars, dtype=torch.float64)
            features = torch.cat((features, zeros.index_add(0, batch.batch, batch.scalars)), -1)
        hidden = torch.tanh(self.first(features.to(self.first.weight.dtype))) * self.gain[:, 0]
        return self.last(nn.functional.dropout(hidden, self.config.dropout, self.training))

    @property
    def symmetry(self):
        return Subgroup.of("O+(1,3)")


def register_toy():
    """Add it to the registry, in a process of its own."""
    from lorentznet.taggers import register

    register(ToyTagger)
