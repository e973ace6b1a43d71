r"""Learning from other taggers: what trained ones, the teachers, say of the training jets takes the place of the labels, or goes with them.

A label says which of two jets that look alike was the signal; the probability that it is signal says more, and without noise. With the
label y, the probabilities q of the teachers and the share s the loss of a jet is

.. math:: H\big((1 - s)\, y + s\, q,\; p\big), \qquad H(q, p) = -\sum_c q_c \ln p_c, \qquad
          q_c \propto \exp \frac1T \sum_{t=1}^T \ln p^{(t)}_c .

The mean over teachers t is one of logarithms, as that of the logits of an ensemble is. With mirrored jets (``data.mirror``) it goes over
both images of a jet, which beams of the same kind make equally likely whatever the class. (Hinton, Vinyals, Dean 2015, arXiv:1503.02531,
at temperature 1; teachers no larger than the network that learns: Furlanello et al. 2018, arXiv:1805.04770.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lorentznet.errors import ConfigError, DataError
from lorentznet.files import atomic
from lorentznet.train.jet_arrays import JetArrays
from lorentznet.train.prediction import outputs_of
from lorentznet.train.trained import Trained
from lorentznet.train.validation import class_logits

if TYPE_CHECKING:
    from lorentznet.console import Console


def load_teachers(words: Sequence[str]) -> list[Trained]:
    """The taggers that the settings name: checkpoints, run folders, names of pretrained weights, or patterns of the first two.

    Raises
    ------
    ConfigError
        If a pattern matches nothing or a tagger does not tag.
    CheckpointError
        If a checkpoint cannot be used.
    """
    from lorentznet.data.source import matching

    found = []
    for word in words:
        paths = matching(word)
        if not paths:
            raise ConfigError(
                f"distillation.teachers: no file or folder matches '{word}'; give checkpoints or folders of trainings"
            )
        for path in paths:
            teacher = Trained.find(path, "distillation.teachers")
            if teacher.tagger.task != "tagging":
                raise ConfigError(f"distillation.teachers: {path} has the task {teacher.tagger.task}; teachers are taggers")
            found.append(teacher)
    return found


def check_teachers(teachers: Sequence[Trained], jets: JetArrays) -> None:
    """Refuse teachers of a regression, of other classes or of other particle scalars than the jets have; :class:`ConfigError`."""
    if teachers and jets.targets is not None:
        raise ConfigError("distillation.teachers: a regression learns from its targets; leave the teachers or data.target out")
    scalars = 0 if jets.scalars is None else jets.scalars.shape[1]
    for teacher in teachers:
        known, where = teacher.tagger.class_names, f"distillation.teachers: {teacher.source}"
        if known != jets.classes:
            raise ConfigError(
                f"{where} knows the classes {', '.join(known) or 'without names'}, the training jets have {', '.join(jets.classes)}; "
                "give taggers that were trained on the same classes in the same order"
            )
        teacher.check_scalars("distillation.teachers", scalars)


def soft_labels(
    teachers: Sequence[Trained],
    jets: JetArrays,
    share: float = 1.0,
    mirror: bool = False,
    device: str | torch.device | None = None,
    console: Console | None = None,
    cache: str | Path | None = None,
) -> Tensor:
    """(1 - s) y + s q of each jet, shape (n_jets, classes), float64.

    Parameters
    ----------
    teachers
        At least one.
    jets
        The training jets.
    share
        s.
    mirror
        Let the mean go over each jet and its mirror image.
    device
        Where the teachers run. Every process of a training asks them itself, once.
    console
        For progress.
    cache
        Folder in which what a teacher said of these jets is kept, so that the next training of the same jets need not ask it.

    Raises
    ------
    DataError
        If a teacher's logit is not finite or a file of the cache cannot be used.
    """
    mean = torch.zeros(len(jets), len(jets.classes), dtype=torch.float64)
    of_jets = "" if cache is None else _digest(jets)
    for teacher in teachers:
        where = ""
        if cache is None:
            said = _ask(teacher, jets, mirror, device)
        else:
            key = hashlib.sha256(f"{teacher.digest} {mirror} {of_jets}".encode()).hexdigest()
            kept = Path(cache) / f"{key}.npy"
            if kept.exists():
                said, where = _read(kept, mean.shape), f", as kept in {kept}"
            else:
                said = _ask(teacher, jets, mirror, device)
                with atomic(kept) as temporary:
                    np.save(temporary, said.numpy())
        mean += said / len(teachers)
        if console is not None:
            console.say(f"teacher {teacher.source}: {teacher.tagger.name}, {teacher.tagger.n_parameters} parameters{where}")
    return (1 - share) * functional.one_hot(jets.labels, len(jets.classes)) + share * mean.softmax(1)


def _ask(teacher: Trained, jets: JetArrays, mirror: bool, device: str | torch.device | None) -> Tensor:
    """Logarithms of the probabilities that a teacher gives, shape (n_jets, classes); with ``mirror`` their mean over both images."""
    logits = [
        class_logits(torch.from_numpy(outputs_of(teacher.tagger, jets, device=device, mirrored=mirrored)))
        for mirrored in ((False, True) if mirror else (False,))
    ]
    if not all(bool(torch.isfinite(found).all()) for found in logits):
        raise DataError(f"distillation.teachers: logits of {teacher.source} are not finite; leave it out")
    return torch.stack([found.log_softmax(1) for found in logits]).mean(0)


def _digest(jets: JetArrays) -> str:
    """Of all that a teacher sees of the jets."""
    digest = hashlib.sha256()
    for values in (jets.counts, jets.p4.numpy(), np.empty(0) if jets.scalars is None else jets.scalars.numpy()):
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _read(path: Path, shape: Sequence[int]) -> Tensor:
    try:
        said = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: what a teacher said of the jets cannot be read ({error}); remove the file") from None
    if said.shape != tuple(shape) or said.dtype != np.float64:
        raise DataError(f"{path}: holds {said.dtype} of the shape {said.shape}, not float64 of {tuple(shape)}; remove the file")
    return torch.from_numpy(said)
