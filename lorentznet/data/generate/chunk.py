"""The unit of work: a fixed number of events with their own seeds, so that jets do not depend on who makes them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from lorentznet.data.generate.detector import observe
from lorentznet.data.generate.events import Source
from lorentznet.data.generate.processes import PROCESSES
from lorentznet.data.generate.selecting import Jets, kept_jets

BATCH = 100  # events at a time
_SEEDS = 900_000_000  # Pythia takes 1 to this


@dataclass(frozen=True)
class Settings:
    """What decides about the jets, beside their number; see :func:`lorentznet.data.generate.generate`."""

    seed: int
    level: str = "detector"
    mpi: bool = False
    pt_hat_min: float = 500.0
    bits: int | None = None
    batches: int = 10  # of a chunk; with 1000 events Pythia's start is some 5 % of the time


def seeds(seed: int, process: str, chunk: int) -> tuple[int, np.random.Generator]:
    """Pythia's seed and the generator of the detector for one chunk.

    The chunks of a process have neighbouring Pythia seeds, so that no two of them are the same; where they begin depends on the
    seed and the process.
    """
    key = zlib.crc32(process.encode())
    start = int(np.random.SeedSequence([seed, key]).generate_state(1)[0])
    return 1 + (start + chunk) % _SEEDS, np.random.default_rng(np.random.SeedSequence([seed, key, chunk]))


def make(process: str, chunk: int, settings: Settings, limit: int) -> Jets:
    """The jets of one chunk of events, in the order of the events, at most ``limit`` of them.

    Parameters
    ----------
    process
        Name of the process.
    chunk
        Number of the chunk, from 0.
    settings
        What decides about the jets.
    limit
        Work stops when so many jets are kept; those before are the same for any limit.
    """
    kind = PROCESSES[process]
    number, rng = seeds(settings.seed, process, chunk)
    source = Source(kind, number, settings.mpi, settings.pt_hat_min)
    parts: list[Jets] = []
    for _ in range(settings.batches):
        events = source.batch(BATCH)
        objects = observe(events.particles, settings.level, rng)
        resonances = events.resonances if kind.resonance else None
        parts.append(kept_jets(objects, resonances, events.pt_hat, settings.bits, massless=settings.level != "truth"))
        if sum(map(len, parts)) >= limit:
            break
    return Jets.joined(parts)[:limit]
