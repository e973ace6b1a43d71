"""Jets from Pythia 8, FastJet and a fast detector.

:func:`generate` writes a ROOT file of labelled jets and its dataset card. The generators are GPL programs that come with
``pip install 'lorentznet[gen]'``; they are imported only while jets are generated. Generated jets resemble the published
top-tagging reference set but are not it: results on them are to be labelled so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lorentznet.data.generate.processes import PROCESSES, chosen
from lorentznet.errors import ConfigError, OutputError, nearest

__all__ = ["DEFAULT_SPLITS", "LEVELS", "PROCESS_NAMES", "generate", "require"]

LEVELS = {
    "detector": "fast detector, towers of 0.1 x 10 degrees",
    "detector-fine": "fast detector, electromagnetic towers of 0.0174 x 1 degree",
    "truth": "all visible stable particles",
}
"""What jets can be made of."""

PROCESS_NAMES = tuple(PROCESSES)
"""The processes, in the order of the classes in every card."""

DEFAULT_SPLITS: dict[str, float] = {"train": 0.7, "val": 0.1, "test": 0.2}
"""Fractions of the rows of a file, in this order."""

COMPACT_BITS = 12


def require() -> dict[str, str]:
    """Versions of Pythia and FastJet; :class:`~lorentznet.errors.MissingExtraError` if one is not installed."""
    from lorentznet.data.generate import packages

    return packages.versions()


def generate(
    processes: Sequence[str],
    jets: int,
    out: str | Path,
    seed: int,
    level: str = "detector",
    mpi: bool = False,
    workers: int | None = None,
    splits: Mapping[str, float] | None = None,
    pt_hat_min: float = 500.0,
    compact: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Path:
    r"""Generate labelled jets: pp at 14 TeV, anti-kT R = 0.8, leading jet, 550 to 650 GeV, :math:`|\eta| < 2`.

    Jets of a decaying particle (top, Higgs, W, Z) contain that particle and all the quarks or gluons it decays to within
    :math:`\Delta R < 0.8` of their axis. The jets are the same, bit by bit, for any number of workers.

    Parameters
    ----------
    processes
        Some of :data:`PROCESS_NAMES`.
    jets
        Number of jets, evenly split over the processes.
    out
        ROOT file to write; the dataset card is written beside it with the suffix ``.yaml``.
    seed
        Not negative; other seeds give other jets.
    level
        One of :data:`LEVELS`.
    mpi
        Whether to simulate multiparton interactions (three times slower). The jets are then like those of the top-tagging reference
        set in mass and number of particles, although its description says that it has none; without them QCD jets are lighter.
    workers
        Worker processes; None takes all cores.
    splits
        Name -> fraction of the rows, in the order of the rows; :data:`DEFAULT_SPLITS` if None.
    pt_hat_min
        Smallest transverse momentum of the hard process in GeV, a choice that shapes the pT spectrum of the jets.
    compact
        Round momenta to 12 bits (relative error 1.2e-4) and leave out columns that follow from others: 40 % of the size.
    progress
        Called with the number of new jets.

    Returns
    -------
    Path
        The ROOT file.

    Raises
    ------
    ConfigError
        If a parameter is not possible.
    MissingExtraError
        If Pythia or FastJet is not installed.
    OutputError
        If the files cannot be written.
    """
    out = Path(out)
    _check(jets, processes, seed, level, workers, pt_hat_min, out)
    rows = split_rows(jets, DEFAULT_SPLITS if splits is None else splits)
    versions = require()

    from lorentznet.data.generate import job
    from lorentznet.data.generate.chunk import Settings

    settings = Settings(seed, level, mpi, pt_hat_min, COMPACT_BITS if compact else None)
    job.run(chosen(processes), jets, out, settings, workers, rows, versions, progress or (lambda number: None))
    return out


def split_rows(jets: int, splits: Mapping[str, float]) -> dict[str, tuple[int, int]]:
    """Rows of each split, one after the other; splits without a row are left out.

    Raises
    ------
    ConfigError
        If the fractions are not positive or sum to more than one.

    Examples
    --------
    >>> split_rows(4000, {"train": 0.7, "val": 0.1, "test": 0.2})
    {'train': (0, 2800), 'val': (2800, 3200), 'test': (3200, 4000)}
    """
    if any(not fraction > 0 for fraction in splits.values()) or sum(splits.values()) > 1 + 1e-9:
        words = " ".join(f"{name}={fraction:g}" for name, fraction in splits.items())
        raise ConfigError(f"splits {words}: the fractions must be positive and sum to at most 1")
    rows: dict[str, tuple[int, int]] = {}
    before = 0.0
    for name, fraction in splits.items():
        start, stop = round(jets * before), round(jets * (before + fraction))
        before += fraction
        if start < stop:
            rows[name] = (start, stop)
    return rows


def _check(jets: int, processes: Sequence[str], seed: int, level: str, workers: int | None, pt_hat_min: float, out: Path) -> None:
    from lorentznet import files

    names = chosen(processes)
    if jets < len(names):
        raise ConfigError(f"--jets {jets}: at least one jet for each of the {len(names)} processes is needed")
    if seed < 0:
        raise ConfigError(f"--seed {seed}: the seed cannot be negative")
    if level not in LEVELS:
        raise ConfigError(f"unknown level '{level}'; {nearest(level, LEVELS)}")
    if workers is not None and workers < 1:
        raise ConfigError(f"--workers {workers}: at least one is needed")
    if not 0 < pt_hat_min <= 650:
        raise ConfigError(f"--pt-hat-min {pt_hat_min:g}: must lie between 0 and 650 GeV, the upper edge of the jets' pT")
    if out.suffix != ".root":
        raise OutputError(f"{out}: jets are written as a ROOT file; give --out a name that ends with .root")
    if out.is_dir():
        raise OutputError(f"{out}: is a folder; give the name of a file to write")
    files.make_folder(out.parent)
