"""Trained taggers in files.

A checkpoint is a ``torch.save`` file of plain values and tensors, read with ``weights_only=True``: opening one runs no code from
it. Under the key ``lorentznet`` it holds the format's version, the tagger's name and configuration, the class names, the order and
basis of the irreps, the range of the training jets and the weights; a ``last.ckpt`` holds the state of the training beside that, so
that it can go on.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lorentznet import files
from lorentznet.errors import CheckpointError, ConfigError, nearest
from lorentznet.group.convention import convention
from lorentznet.taggers import Tagger, create, describe, names
from lorentznet.train import weights_file

KEY = "lorentznet"
FORMAT = 1
BEST, LAST, INFO, CONFIG, METRICS = "best.ckpt", "last.ckpt", "run.json", "config.yaml", "metrics.csv"
"""Names of the files in a run folder."""
UNTAGGED = "(0,0) (1,1) ((2,0)+(0,2)) (2,2) ((3,1)+(1,3)) (3,3); basis 1"
"""The convention of the irreps in checkpoints that do not name theirs."""


def pack(tagger: Tagger, weights: Mapping[str, Tensor] | None = None, **about: Any) -> dict[str, Any]:
    """What a checkpoint says of a tagger.

    Parameters
    ----------
    tagger
        The tagger; its ``class_names`` are stored.
    weights
        State dictionary to store instead of the tagger's own (averaged weights).
    **about
        Further plain values (epoch, validation loss, ...).
    """
    state = tagger.state_dict() if weights is None else weights
    return {
        "format": FORMAT,
        "tagger": describe(tagger),
        "classes": list(tagger.class_names),
        "weights": {name: value.detach().cpu() for name, value in state.items()},
        "irreps": convention(),
        "range": tagger.training_range,
        "target": list(tagger.target),
        "about": about,
    }


def save(path: str | Path, tagger: Tagger, **about: Any) -> Path:
    """Write a checkpoint of a tagger, whole or not at all; :class:`OutputError` if it cannot be written."""
    return write({KEY: pack(tagger, **about)}, path)


def write(content: Mapping[str, Any], path: str | Path) -> Path:
    """Write plain values and tensors, whole or not at all; :class:`OutputError` if they cannot be written."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with files.atomic(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
    return Path(path)


def load(path: str | Path, name: str | None = None) -> Tagger:
    """The tagger in a checkpoint, in evaluation mode on the CPU, with its ``class_names`` and ``training_range``.

    Parameters
    ----------
    path
        A ``.ckpt`` file, a run folder (its ``best.ckpt`` is taken), the name of pretrained weights (see
        :func:`lorentznet.train.pretrained.names`), or a ``.safetensors`` file like theirs. What exists as a path is not looked
        for among the names.
    name
        The tagger that it must be; any if None.

    Raises
    ------
    CheckpointError
        If there is no such file, it is no checkpoint of this package, is damaged or of a newer format, holds an unknown tagger or
        another than ``name``, its irreps have another order or basis, or its weights do not fit.
    """
    path = locate(path)
    return _rebuild(_payload(path), path, name)


def _payload(path: Path) -> Mapping[str, Any]:
    return weights_file.read(path) if path.suffix == weights_file.SUFFIX else read(path)[KEY]


def locate(path: str | Path) -> Path:
    """The file that is meant: the file itself, ``best.ckpt`` of a run folder, or the pretrained weights of this name."""
    from lorentznet.train import pretrained

    path = Path(path)
    if path.is_dir():
        if not (path / BEST).exists():
            raise CheckpointError(f"{path}: there is no {BEST} in this folder; give a checkpoint or the folder of a training")
        path = path / BEST
    if not path.exists():
        if path.parts == (path.name,) and path.name in pretrained.names():
            return pretrained.path_of(path.name)
        here = [other.name for other in path.parent.glob("*.ckpt")] if path.parent.is_dir() else []
        if path.parts == (path.name,) and path.suffix not in (".ckpt", weights_file.SUFFIX):
            options = nearest(path.name, [*here, *pretrained.names()])
            if "," in path.name:
                options = f"a list of settings is written '[{path.name.replace(',', ', ')}]'"
            raise CheckpointError(f"{path}: no such file, and no pretrained weights have this name; {options}")
        raise CheckpointError(f"{path}: no such file" + (f"; {nearest(path.name, here)}" if here else ""))
    return path


def read(path: str | Path) -> dict[str, Any]:
    """All that a checkpoint file holds, after a check that this package wrote it and can read it.

    Raises
    ------
    CheckpointError
        As for :func:`load`.
    """
    path = Path(path)
    foreign = f"{path}: is not a checkpoint written by lorentznet; give best.ckpt of a training"
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
    except OSError as error:
        raise _unreadable(path, error) from None
    if not zipped:  # torch would take it for one of its old formats
        raise CheckpointError(foreign)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what is no archive, or no archive of torch, can raise anything
        if not zipfile.is_zipfile(path):
            raise CheckpointError(f"{path}: is damaged or truncated; copy it again or train again") from None
        if isinstance(error, OSError):
            raise _unreadable(path, error) from None
        raise CheckpointError(foreign) from error
    payload = content.get(KEY) if isinstance(content, Mapping) else None
    if not isinstance(payload, Mapping) or not {"format", "tagger", "classes", "weights"} <= set(payload):
        raise CheckpointError(foreign)
    if payload["format"] > FORMAT:
        raise CheckpointError(
            f"{path}: has format {payload['format']}, this version reads up to {FORMAT}; install a newer lorentznet"
        )
    return dict(content)


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"{path}: cannot be read ({error.strerror or error})")


def about(path: str | Path) -> dict[str, Any]:
    """What a checkpoint says of itself: tagger (name and configuration), classes, epoch, validation loss."""
    payload = _payload(locate(path))
    return {"tagger": payload["tagger"], "classes": tuple(payload["classes"]), **payload.get("about", {})}


def load_run_info(run: str | Path) -> dict[str, Any]:
    """The content of ``run.json`` in a run folder (or of the run that a checkpoint lies in), or what pretrained weights say instead.

    A checkpoint that was taken away from its training may have it beside it, under its own name: ``NAME.json`` for ``NAME.ckpt``.

    Raises
    ------
    CheckpointError
        If there is none or it cannot be read.
    """
    folder = Path(run)
    if folder.suffix == weights_file.SUFFIX:
        return weights_file.run_info(folder)
    own = folder.with_suffix(".json")
    path = folder / INFO if folder.is_dir() else own if own.is_file() else folder.parent / INFO
    try:
        info = json.loads(path.read_text())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); give the folder of a training") from None
    except ValueError:
        raise CheckpointError(f"{path}: is not valid JSON; train again") from None
    if not isinstance(info, dict):
        raise CheckpointError(f"{path}: does not describe a training; give the folder of a training")
    return info


def _rebuild(payload: Mapping[str, Any], path: Path, name: str | None) -> Tagger:
    settings = dict(payload["tagger"])
    found = settings.pop("name", None)
    if name is not None and found != name:
        raise CheckpointError(f"{path}: is a checkpoint of the tagger '{found}', not of '{name}'; give a checkpoint of '{name}'")
    if found not in names():
        raise CheckpointError(
            f"{path}: is a checkpoint of the unknown tagger '{found}'; {nearest(found, names())}; import the module that registers it"
        )
    basis = payload.get("irreps", UNTAGGED)
    if basis != convention():
        raise CheckpointError(
            f"{path}: its weights are for the irreps '{basis}', this version has '{convention()}'; "
            "load them with the version that wrote them, or train again"
        )
    try:
        tagger = create(found, where=str(path), **settings)
    except ConfigError as error:
        raise CheckpointError(f"{error}; the checkpoint was written by another version of the tagger") from None
    _fill(tagger, payload["weights"], path)
    tagger.class_names = tuple(payload["classes"])
    tagger.training_range = payload.get("range")
    tagger.target = tuple(payload.get("target", ()))
    return tagger.eval()


def _fill(tagger: Tagger, weights: Mapping[str, Tensor], path: Path) -> None:
    own = tagger.state_dict()
    lacking, surplus = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    other = f"the checkpoint was written by another version of the tagger '{tagger.name}'"
    if lacking or surplus:
        which = f"lacks the weights '{lacking[0]}'" if lacking else f"has unknown weights '{surplus[0]}'"
        raise CheckpointError(
            f"{path}: {which}{f' ({len(lacking) + len(surplus)} names differ)' if len(lacking) + len(surplus) > 1 else ''}; {other}"
        )
    for key, value in own.items():
        if value.shape != weights[key].shape:
            shapes = f"shape {tuple(weights[key].shape)}, expected {tuple(value.shape)}"
            raise CheckpointError(f"{path}: weights '{key}' have {shapes}; {other}")
    dtypes = {weights[key].dtype for key, _ in tagger.named_parameters()}
    if dtypes == {torch.float64}:
        tagger.double()
    tagger.load_state_dict(dict(weights))
