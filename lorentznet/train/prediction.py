"""Logits, momenta or masses of every jet of a file, in file order."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from lorentznet.errors import DataError
from lorentznet.taggers import Tagger
from lorentznet.taggers.classes import labels_for
from lorentznet.train.allocator import keep_freed_memory
from lorentznet.train.checkpoint import load
from lorentznet.train.data import sorted_batches
from lorentznet.train.devices import select_device
from lorentznet.train.jet_arrays import JetArrays
from lorentznet.train.target import Target
from lorentznet.train.training_range import RangeCheck
from lorentznet.train.validation import class_logits

if TYPE_CHECKING:
    from lorentznet.console import Advance
    from lorentznet.data.card import DatasetCard
    from lorentznet.data.table import JetTable

CHUNK = 10_000
"""Jets in memory at a time."""


@dataclass(frozen=True)
class Prediction:
    """Logits, or what a regression gives, beside what the file says of each jet, in file order.

    Attributes
    ----------
    classes
        Names of the classes, in the order of the columns of ``logits``.
    ids
        Row of each jet in its file.
    labels
        Class of each jet, -1 where it is unknown.
    weights
        Weight of each jet.
    logits
        Shape (n_jets, classes), float64; a tagger with one logit z gives (0, z). A regression has none: (n_jets, 0).
    observers
        What the card keeps beside the jets; with several files also ``file``, the index in ``files``.
    files
        The words that were read.
    card
        The card of the first file, or None.
    seconds
        Time that it took.
    extrapolation
        What to say, after "the tagger was", if many jets lie outside the range of its training; else empty. See
        :meth:`lorentznet.train.training_range.RangeCheck.sentence`.
    without_rest_frame
        Number of jets of a single particle, or of exactly collinear ones.
    other_classes
        Number of jets of each class of the files that is none of the tagger; their label is -1.
    task
        ``tagging``, ``momentum`` or ``mass``.
    outputs, targets
        Of a regression: four-momenta (E, px, py, pz), shape (n_jets, 4), or masses, (n_jets, 1), in GeV; and the true ones, zeros for
        jets without, or None if the files do not have them. None for tagging.
    jets
        For a regression, momenta (E, px, py, pz) of the jets in GeV, shape (n_jets, 4).
    """

    classes: tuple[str, ...]
    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    logits: NDArray[np.float64]
    observers: dict[str, NDArray[Any]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    card: DatasetCard | None = None
    seconds: float = 0.0
    extrapolation: str = ""
    without_rest_frame: int = 0
    other_classes: dict[str, int] = field(default_factory=dict)
    task: str = "tagging"
    outputs: NDArray[np.float64] | None = None
    targets: NDArray[np.float64] | None = None
    jets: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.ids)


def predict(
    tagger: Tagger | str | Path,
    files: str | Path | Sequence[str | Path],
    card: DatasetCard | str | Path | None = None,
    batch_size: int = 512,
    device: str | torch.device | None = None,
    progress: Advance | None = None,
) -> Prediction:
    """Logits of all jets of one or several files, or their momenta or masses; no selection is applied.

    Parameters
    ----------
    tagger
        A tagger, or a checkpoint.
    files
        Words ``PATH[:TREE][#ROWS]``; patterns are expanded.
    card
        The dataset card, if not the one beside the files.
    batch_size
        Most jets in a batch; the logits depend on it by rounding only. With 1 a jet's logits are the same to the last bit whatever other
        jets there are, and take several times as long.
    device
        ``cpu``, ``cuda`` or ``cuda:K``; None: where the tagger is.
    progress
        Called with the number of jets after each batch.

    Returns
    -------
    Prediction
        Memory grows with the number of jets by their scores only; momenta are held for :data:`CHUNK` jets at a time.

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be used.
    DataError
        If a file cannot be read, has classes but not those of the tagger among them, or a logit is not finite.
    """
    from lorentznet.data import expand, iterate
    from lorentznet.data.checks import without_rest_frame

    start = time.monotonic()
    if not isinstance(tagger, Tagger):
        tagger = load(tagger)
    sources = expand(files)
    known = None
    where = select_device(device) if device is not None else None
    alike = RangeCheck(tagger.training_range)
    columns: dict[str, list[NDArray[Any]]] = {}
    lightlike, others = 0, Counter[str]()
    masses = getattr(tagger.config, "mass", None)  # taggers without this setting look at no jet in its rest frame
    for number, source in enumerate(sources):
        for table in iterate([source], card=card, jets=CHUNK):
            known = known or table.card
            labels, of_others = (table.labels, {}) if tagger.task != "tagging" else labels_for(tagger, table)
            others.update(of_others)
            alike.look(table)
            if masses is not None:
                lightlike += int(without_rest_frame(table, keep_masses=masses == "keep").sum())
            found = {"ids": table.ids, "labels": labels, "weights": table.weights}
            found |= _predicted(tagger, table, batch_size, where, progress)
            observed = {name: table.observer(name) for name in table.observers}
            if len(sources) > 1:
                if "file" in observed:
                    raise DataError(
                        f"{table.source}: the card has an observer 'file', which says of several files where a jet comes from; "
                        "predict them one by one, or leave it out of the card"
                    )
                observed["file"] = np.full(len(table), number)
            found |= {f"observer {name}": values for name, values in observed.items()}
            if columns and found.keys() != columns.keys():
                raise DataError(
                    f"{table.source}: has other observers or targets than {sources[0].path}; "
                    "predict these files one by one or with one card"
                )
            for name, values in found.items():
                columns.setdefault(name, []).append(values)
    joined = {name: np.concatenate(values) for name, values in columns.items()}
    if not joined:
        raise DataError(f"{', '.join(map(str, sources))}: holds no jets")
    observers = {name.removeprefix("observer "): joined.pop(name) for name in list(joined) if name.startswith("observer ")}
    return Prediction(
        classes=_class_names(tagger, joined["logits"].shape[1]) if tagger.task == "tagging" else (),
        task=tagger.task,
        **joined,
        observers=observers,
        files=tuple(str(source) for source in sources),
        card=known,
        seconds=time.monotonic() - start,
        extrapolation=alike.sentence(),
        without_rest_frame=lightlike,
        other_classes=dict(others),
    )


def logits(
    tagger: Tagger,
    table: JetTable,
    batch_size: int = 512,
    device: str | torch.device | None = None,
    progress: Advance | None = None,
) -> NDArray[np.float64]:
    """Logits of the jets of a table, in its order.

    Returns
    -------
    array, shape (n_jets, classes), float64
        A tagger with one logit z gives (0, z).
    """
    found = torch.from_numpy(outputs(tagger, table, batch_size, device, progress))
    return class_logits(found).numpy()


def outputs(
    tagger: Tagger,
    table: JetTable,
    batch_size: int = 512,
    device: str | torch.device | None = None,
    progress: Advance | None = None,
) -> NDArray[np.float64]:
    """What a tagger says of the jets of a table, in its order, as it comes: shape (n_jets, outputs), float64."""
    result = outputs_of(tagger, JetArrays.from_tables([table]), batch_size, device, progress)
    bad = np.flatnonzero(~np.isfinite(result).all(axis=1))
    if len(bad):
        raise DataError(
            f"{table.source}: the {_OUTPUTS[tagger.task]} of {len(bad)} jets are not finite (first: jet {table.ids[bad[0]]}); "
            "look at these jets or train again"
        )
    return result


def outputs_of(
    tagger: Tagger,
    jets: JetArrays,
    batch_size: int = 512,
    device: str | torch.device | None = None,
    progress: Advance | None = None,
    mirrored: bool = False,
) -> NDArray[np.float64]:
    """What a tagger says of jets in memory, or of their mirror images (z turned into -z), finite or not; see :func:`outputs`."""
    where = next(tagger.parameters()).device if device is None else select_device(device)
    result = np.zeros((len(jets), tagger.n_outputs))
    training = tagger.training
    tagger.to(where).eval()
    if where.type == "cpu":
        keep_freed_memory()
    try:
        with torch.no_grad():
            for rows in sorted_batches(jets.counts, batch_size):
                batch = jets.batch(rows, np.ones(len(rows), dtype=bool) if mirrored else None)
                result[rows] = tagger(batch.to(where)).double().cpu().numpy()
                if progress is not None:
                    progress(len(rows))
    finally:
        tagger.train(training)
    return result


_OUTPUTS = {"tagging": "logits", "momentum": "momenta", "mass": "masses"}


def _predicted(
    tagger: Tagger, table: JetTable, batch_size: int, device: torch.device | None, progress: Advance | None
) -> dict[str, NDArray[np.float64]]:
    if tagger.task == "tagging":
        return {"logits": logits(tagger, table, batch_size, device, progress)}
    found = {"logits": np.zeros((len(table), 0)), "outputs": outputs(tagger, table, batch_size, device, progress)}
    owner = np.repeat(np.arange(len(table)), table.counts)
    found["jets"] = np.stack([np.bincount(owner, component, len(table)) for component in table.momenta.T], axis=1)
    target = Target(tagger.target, tagger.task)
    if tagger.target and target.among(table.observers):
        values, present = target.values(table)
        found["targets"] = np.where(present[:, None], values, 0.0)
    return found


def _class_names(tagger: Tagger, number: int) -> tuple[str, ...]:
    return tagger.class_names or tuple(f"class{i}" for i in range(number))
