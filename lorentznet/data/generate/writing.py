"""Generated jets as a ROOT file and its dataset card, both or neither."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from lorentznet.data.card import DatasetCard, Momenta
from lorentznet.data.generate.particles import KINDS, azimuth_difference, pseudorapidity
from lorentznet.data.generate.processes import TOP, Process
from lorentznet.data.generate.selecting import Jets
from lorentznet.files import atomic

BASKET = 10_000  # jets of one basket of the tree: what a reader of some rows has to unpack
TREE = "tree"
OBSERVERS = ("jet_pt", "jet_eta", "jet_nparticles", "aux_pthat")
TRUTH, TRUTH_OF_W = "aux_genpart", "aux_genpart_w"
"""Beginnings of the branches with the momentum of the decaying particle, and of the W boson that a top quark decays to."""
COMPONENTS = ("px", "py", "pz", "energy")


def make_card(
    processes: tuple[Process, ...],
    splits: Mapping[str, tuple[int, int]],
    description: str,
) -> DatasetCard:
    """The card of a file of generated jets; a file of a single process has no classes to tell apart."""
    several = len(processes) > 1
    names = "-".join(process.name for process in processes)
    return DatasetCard(
        name=f"generated-{names}",
        description=description,
        tree=TREE,
        units="GeV",
        momenta=Momenta(px="part_px", py="part_py", pz="part_pz", E="part_energy"),
        classes={process.name: process.label for process in processes} if several else {},
        observers=OBSERVERS + tuple(f"{stem}_{component}" for stem in truths(processes) for component in COMPONENTS),
        splits=dict(splits),
        citation=(
            "Pythia 8.3: Bierlich et al., arXiv:2203.11601; FastJet: Cacciari, Salam, Soyez, arXiv:1111.6097;"
            " recipe of the jets: Kasieczka et al., arXiv:1902.09914"
        ),
    )


def truths(processes: tuple[Process, ...]) -> tuple[str, ...]:
    """Beginnings of the branches with true momenta that say something: none for jets of quarks and gluons alone."""
    decaying = any(process.resonance for process in processes)
    return ((TRUTH,) if decaying else ()) + ((TRUTH_OF_W,) if any(process.resonance == TOP for process in processes) else ())


def write(path: Path, jets: Jets, classes: np.ndarray[Any, np.dtype[np.int64]], processes: tuple[Process, ...], card: DatasetCard,
          compact: bool = False) -> None:  # fmt: skip
    """Write the jets as a TTree with the branch names of JetClass, and the card beside it.

    Parameters
    ----------
    path
        Of the ROOT file; the card gets the suffix ``.yaml``.
    jets
        All jets, in their final order.
    classes : ndarray, shape (n_jets,)
        For each jet the number of its process.
    processes
        What was generated.
    card
        The dataset card.
    compact
        Leave out what follows from the other branches (``part_deta``, ``part_dphi``) and compress as far as it goes.

    Raises
    ------
    OutputError
        If the files cannot be written; none is there then.
    """
    import uproot

    compression = uproot.LZMA(9) if compact else uproot.ZSTD(5)
    with atomic(path) as tree_file, atomic(path.with_suffix(".yaml")) as card_file:
        with uproot.recreate(tree_file, compression=compression) as file:
            tree = None
            for start in range(0, len(jets), BASKET):
                rows = slice(start, start + BASKET)
                block = columns(jets[rows], classes[rows], processes, compact)
                if tree is None:
                    tree = file.mktree(TREE, {name: ak.type(values).content for name, values in block.items()})
                tree.extend(block)
        card.write(card_file)


def columns(
    jets: Jets, classes: np.ndarray[Any, np.dtype[np.int64]], processes: tuple[Process, ...], compact: bool
) -> dict[str, ak.Array]:
    """The branches of the tree; those of the particles are one record, so that they share one counter."""
    px, py, pz, energy = jets.momenta()
    jet = {"pt": np.hypot(px, py), "eta": pseudorapidity(px, py, pz), "phi": np.arctan2(py, px), "energy": energy}
    part = {"px": jets.px, "py": jets.py, "pz": jets.pz, "energy": jets.energy}
    if not compact:
        x, y, z = (component.astype(np.float64) for component in (jets.px, jets.py, jets.pz))
        eta, phi = np.repeat(jet["eta"], jets.counts), np.repeat(jet["phi"], jets.counts)
        # JetClass looks at every jet from the same side: deta is positive away from the middle of the detector
        part["deta"] = ((pseudorapidity(x, y, z) - eta) * np.where(eta > 0, 1.0, -1.0)).astype(np.float32)
        part["dphi"] = azimuth_difference(np.arctan2(y, x), phi).astype(np.float32)
    flags = {f"is{kind}": jets.kind == code for code, kind in enumerate(KINDS)}
    record = ak.zip(
        {name: ak.unflatten(values, jets.counts) for name, values in (part | {"charge": jets.charge} | flags).items()}
    )
    flat: dict[str, Any] = {f"jet_{name}": values.astype(np.float32) for name, values in jet.items()}
    flat["jet_nparticles"] = jets.counts.astype(np.float32)
    flat |= {process.label: (classes == number).astype(np.int8) for number, process in enumerate(processes)}
    for stem, momenta in {TRUTH: jets.truth, **({TRUTH_OF_W: jets.w} if TRUTH_OF_W in truths(processes) else {})}.items():
        flat |= {f"{stem}_{name}": momenta[:, k] for k, name in enumerate(COMPONENTS)}
    flat["aux_pthat"] = jets.pt_hat
    return {"part": record} | {name: ak.Array(values) for name, values in flat.items()}
