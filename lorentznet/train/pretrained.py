"""Trained taggers that come with the package: what there is, loading, and how they are made.

What lies in the folder ``lorentznet/pretrained`` is what there is: three files for each name, see
:mod:`lorentznet.train.weights_file` and :mod:`lorentznet.train.model_card`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lorentznet import files
from lorentznet.errors import CheckpointError, nearest
from lorentznet.taggers import Tagger
from lorentznet.train import checkpoint, export_facts, model_card, weights_file

FOLDER = Path(__file__).parent.parent / "pretrained"
"""The folder of the weights that come with the package."""


def names(folder: str | Path | None = None) -> list[str]:
    """Names of the pretrained weights in a folder (that of the package if None), in alphabetical order."""
    place = FOLDER if folder is None else Path(folder)
    return sorted(path.stem for path in place.glob(f"*{weights_file.SUFFIX}"))


def path_of(name: str, folder: str | Path | None = None) -> Path:
    """The weights file of a name; :class:`CheckpointError` with the nearest match if there is none."""
    known = names(folder)
    if name not in known:
        raise CheckpointError(f"no pretrained weights are called '{name}'; {nearest(name, known)}")
    return (FOLDER if folder is None else Path(folder)) / f"{name}{weights_file.SUFFIX}"


def load(name: str, folder: str | Path | None = None) -> Tagger:
    """The tagger with these weights, in evaluation mode on the CPU, as :func:`lorentznet.train.checkpoint.load` gives it.

    Raises
    ------
    CheckpointError
        If there is no such name (with the nearest match), or its files are damaged or of another version.
    """
    return checkpoint.load(path_of(name, folder))


def facts(name: str, folder: str | Path | None = None) -> dict[str, Any]:
    """What is known of these weights: the content of their JSON."""
    return weights_file.read_facts(path_of(name, folder))


def card(name: str, folder: str | Path | None = None) -> str:
    """The model card, in Markdown."""
    return model_card.render(facts(name, folder))


def write_card(name: str, folder: str | Path | None = None) -> Path:
    """Write the model card anew from the JSON; gives its path."""
    text, path = card(name, folder), path_of(name, folder).with_suffix(".md")
    with files.atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def renew_invariance(
    name: str, invariance: str | Path | Mapping[str, Any], folder: str | Path | None = None, tagger: str | None = None
) -> Path:
    """Put a new invariance scan of pretrained weights into their JSON and model card; gives the path of the JSON.

    Raises
    ------
    CheckpointError, DataError
        If there are no such weights, or the scan is of a tagger with another symmetry.
    """
    path, known = path_of(name, folder), facts(name, folder)
    known["invariance"] = export_facts.scanned_invariance(invariance, path, name, known["symmetry"], tagger)
    written = files.write_json(path.with_suffix(".json"), known)
    write_card(name, folder)
    return written


def export(
    name: str,
    runs: str | Path | Sequence[str | Path],
    evaluation: str | Path | Mapping[str, Any],
    invariance: str | Path | Mapping[str, Any],
    folder: str | Path | None = None,
    tagger: str | None = None,
    card: str | Path | None = None,
) -> Path:
    """Make pretrained weights of finished trainings.

    Parameters
    ----------
    name
        Name of the weights, for example ``cg-small``.
    runs
        Folder of a training, or of several that differ in their seed only; the one with the lowest validation loss is taken.
    evaluation, invariance
        Results of ``lorentznet evaluate`` and ``lorentznet invariance`` for that training: folders, JSON files or their content.
    folder
        Where the files are written; the package's own folder if None.
    tagger
        Name of the tagger in evaluation and invariance; found by itself if that is possible.
    card
        Dataset card with description, licence and citation of the jets, where the one of the training says nothing of them.

    Returns
    -------
    Path
        The weights file.

    Raises
    ------
    CheckpointError, ConfigError, DataError
        If a training is not finished, they differ in more than the seed, the results are of another tagger or seed, or nobody says
        under which licence the jets are.
    OutputError
        If a file cannot be written.
    """
    chosen, found = export_facts.gather(runs, evaluation, invariance, tagger, card)
    trained = checkpoint.load(chosen / checkpoint.BEST)
    if trained.training_range is None:
        trained.training_range = export_facts.measured_range(chosen)
    path = (FOLDER if folder is None else Path(folder)) / f"{name}{weights_file.SUFFIX}"
    weights_file.write(
        path, checkpoint.pack(trained, **found["training"]["best"]), {**found, "architecture": trained.architecture}
    )
    write_card(name, path.parent)
    return path
