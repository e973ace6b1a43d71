"""One order of jets, from the processes to the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from lorentznet import __version__
from lorentznet.data.generate import LEVELS, workers, writing
from lorentznet.data.generate.chunk import Settings
from lorentznet.data.generate.processes import Process
from lorentznet.data.generate.selecting import Jets


def run(
    processes: tuple[Process, ...],
    jets: int,
    out: Path,
    settings: Settings,
    crew: int | None,
    splits: Mapping[str, tuple[int, int]],
    versions: Mapping[str, str],
    progress: Callable[[int], None],
) -> None:
    """Generate, mix and write; the arguments are those of :func:`lorentznet.data.generate.generate`, checked."""
    share, more = divmod(jets, len(processes))
    wanted = {process.name: share + (number < more) for number, process in enumerate(processes)}
    made = workers.run(wanted, settings, crew or workers.available_cores(), progress)
    classes = np.repeat(np.arange(len(processes)), list(wanted.values()))
    order = np.random.default_rng([settings.seed, jets]).permutation(jets)  # any range of rows is a fair mixture
    card = writing.make_card(processes, splits, describe(processes, jets, settings, versions))
    mixed = Jets.joined([made[process.name] for process in processes])[order]
    writing.write(out, mixed, classes[order], processes, card, compact=settings.bits is not None)


def describe(processes: tuple[Process, ...], jets: int, settings: Settings, versions: Mapping[str, str]) -> str:
    """What the jets are and how to make them again."""
    names = " ".join(process.name for process in processes)
    options = [f"--process {names} --jets {jets} --seed {settings.seed}"]
    options += ["--mpi"] * settings.mpi + [f"--{settings.level}"] * (settings.level != "detector")
    options += [f"--pt-hat-min {settings.pt_hat_min:g}"] * (settings.pt_hat_min != 500)
    options += ["--compact"] * (settings.bits is not None)
    titles = "; ".join(f"{process.name}: {process.title}" for process in processes)
    decaying = ", ".join(process.name for process in processes if process.resonance)
    matched = (
        f"; jets of {decaying} contain the decaying particle and all its quarks or gluons (Delta R < 0.8)" if decaying else ""
    )
    return (
        f"Generated jets (Pythia {versions['pythia']}, FastJet {versions['fastjet']}, {LEVELS[settings.level]}), neither measured"
        f" nor the published reference set. pp at 14 TeV; {titles}; pT-hat above {settings.pt_hat_min:g} GeV, multiparton"
        f" interactions {'on' if settings.mpi else 'off'}, no pile-up. Leading anti-kT R = 0.8 jets of 550 to 650 GeV,"
        f" |eta| < 2{matched}."
        f" Made by lorentznet {__version__}: lorentznet generate {' '.join(options)} --out FILE.root"
    )
