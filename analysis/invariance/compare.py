"""Invariance of taggers side by side: the package's own two, and L-GATr-slim of the package lgatr through the adapter.

    pip install 'lorentznet[baselines]'
    python analysis/invariance/compare.py                                     the pretrained cg-small and clifford-small
    python analysis/invariance/compare.py runs/cg runs/clifford --file jets.root#test --out comparison

Trained taggers are named by checkpoint, folder of a training or name of pretrained weights. L-GATr-slim comes with fresh weights: how
the error grows with the boost is a matter of the arithmetic, not of the training, but the spread of a fresh logit, which is the unit of
the table, is small. All read the beams and the time axis, which are boosted along.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

import lorentznet as ln
from lorentznet.commands.invariance import name_of
from lorentznet.console import aligned
from lorentznet.errors import LorentznetError, MissingExtraError
from lorentznet.evaluate.adapters import ModuleTagger
from lorentznet.evaluate.invariance import GAMMAS, draw, scan
from lorentznet.evaluate.invariance_result import InvarianceResult
from lorentznet.evaluate.invariance_tables import boosts
from lorentznet.taggers import Tagger

PRETRAINED = ["cg-small", "clifford-small"]
REFERENCES = ("beams", "time")
UNIT = 20.0
"""GeV: L-GATr's tagging experiments divide momenta by this."""


class Slim(nn.Module):
    """L-GATr-slim on particles and reference vectors, scalars averaged over the particles.

    An item is a vector, and a scalar that is 1 for a reference vector.

    Parameters
    ----------
    blocks, vectors, scalars, heads
        Sizes of the network.
    """

    def __init__(self, blocks: int = 4, vectors: int = 16, scalars: int = 32, heads: int = 4) -> None:
        super().__init__()
        try:
            from lgatr import LGATrSlim
        except ImportError:
            raise MissingExtraError(
                "L-GATr-slim needs lgatr, which is not installed: pip install 'lorentznet[baselines]'"
            ) from None
        sizes = {"num_blocks": blocks, "hidden_v_channels": vectors, "hidden_s_channels": scalars, "num_heads": heads}
        self.network = LGATrSlim(in_v_channels=1, out_v_channels=1, in_s_channels=1, out_s_channels=1, **sizes)

    def forward(self, momenta: Tensor, mask: Tensor, references: Tensor) -> Tensor:
        """Logits, shape (jets, 1)."""
        known = mask.new_ones(references.shape[:2])
        items = torch.cat((references, momenta / UNIT), 1)[:, :, None]
        real = torch.cat((known, mask), 1)
        scalars = torch.cat((known, torch.zeros_like(mask)), 1).to(momenta)[..., None]
        _, found = self.network(items, scalars, attn_mask=real[:, None, None])
        kept = torch.where(mask[..., None], found[:, references.shape[1] :], 0)
        logits: Tensor = kept.sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
        return logits


def slim(seed: int = 1) -> ModuleTagger:
    """L-GATr-slim with fresh weights as a tagger."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ModuleTagger(Slim(), references=REFERENCES, symmetry="SO+(1,3)", name="lgatr-slim, fresh")


def gather(words: Sequence[str], seed: int) -> dict[str, Tagger]:
    """Trained taggers by name, then the fresh one."""
    return {**{name_of(word): ln.load(word) for word in words}, "lgatr-slim, fresh": slim(seed)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "checkpoints", nargs="*", default=PRETRAINED, metavar="CHECKPOINT", help="trained taggers (default: %(default)s)"
    )
    parser.add_argument(
        "--file", default=str(ln.data.sample_path()), help="jets: PATH[:TREE][#ROWS] (default: the package's sample)"
    )
    parser.add_argument("--jets", type=int, default=100, help="number of jets (default: %(default)s)")
    parser.add_argument("--gammas", type=float, nargs="+", default=list(GAMMAS), help="boost factors")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"], help="precisions (default: float32 float64)")
    parser.add_argument("--seed", type=int, default=1, help="seed of fresh weights and of the boosts (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="folder for invariance.json and the CSVs (default: nothing is written)")
    args = parser.parse_args(arguments)
    try:
        table = draw(args.file, args.jets)
        given = {
            "gammas": args.gammas,
            "dtypes": args.dtypes,
            "transformations": ("boost", "rotation", "permutation"),
            "parts": (),
        }
        results = [
            scan(tagger, table, jets=args.jets, seed=args.seed, name=name, **given)
            for name, tagger in gather(args.checkpoints, args.seed).items()
        ]
        result = InvarianceResult.merged(results)
        if args.out is not None:
            result.write(args.out)
    except LorentznetError as error:
        print(f"compare: error: {error}", file=sys.stderr)
        return 2
    print(f"{result.caption()}\n\n{aligned(boosts(result.to_dict()['taggers']))}\n")
    for name, scanned in result.taggers.items():
        print(f"{name}: {scanned.verdict()[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
