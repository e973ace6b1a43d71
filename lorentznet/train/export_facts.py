"""What is to be known of pretrained weights, gathered from the folders of trainings, evaluation and invariance scan.

Folders of the machine on which that was done are left out of all paths.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lorentznet import __version__
from lorentznet.config import build, plain, read_yaml
from lorentznet.errors import CheckpointError, ConfigError, DataError, nearest
from lorentznet.taggers import tagger_class
from lorentznet.train.checkpoint import BEST, CONFIG, load_run_info
from lorentznet.train.config import TrainConfig, differences
from lorentznet.train.portable import jets_by_name, portable_config, portable_info
from lorentznet.train.provenance import card_facts
from lorentznet.train.trained import seen

Result = str | Path | Mapping[str, Any]
"""A folder with results, their JSON file, or its content."""


def gather(
    runs: str | Path | Sequence[str | Path],
    evaluation: Result,
    invariance: Result,
    tagger: str | None = None,
    card: str | Path | None = None,
) -> tuple[Path, dict[str, Any]]:
    """The training to take and all facts of it; arguments as in :func:`lorentznet.train.pretrained.export`.

    Returns
    -------
    (folder of the training with the lowest validation loss, facts)
    """
    folders = [Path(run) for run in ([runs] if isinstance(runs, str | Path) else runs)]
    infos = [_finished(folder) for folder in folders]
    _check_alike(folders)
    chosen, info = min(zip(folders, infos, strict=True), key=lambda pair: pair[1]["best"]["val_loss"])
    measured, where = _of_tagger(evaluation, "metrics.json", "evaluate", chosen, info["name"], tagger)
    _check_same_training(measured, info, chosen, where)
    scanned = scanned_invariance(invariance, chosen, info["name"], info["tagger"]["symmetry"], tagger)
    test = measured.get("provenance", {}).get("prediction", {}).get("files", [])
    _check_unseen(test, seen(info))
    return chosen, {
        "made": __version__,
        **{key: info["tagger"][key] for key in ("parameters", "symmetry", "citation")},
        "data": _data(info, card, test, measured.get("jets", {})),
        "training": _training(chosen, info),
        "seeds": [{"seed": other["seed"], **other["best"]} for other in infos],
        "metrics": {key: measured[key] for key in ("auc", "accuracy", "background_rejection", "classes") if key in measured},
        "invariance": scanned,
    }


def scanned_invariance(invariance: Result, scanned: Path, name: str, symmetry: str, tagger: str | None = None) -> dict[str, Any]:
    """What a model card says of the invariance: ``{dtype: {front end: {transformation: {gamma: rms}}}}``, and how it was measured.

    Parameters
    ----------
    invariance
        Result of ``lorentznet invariance``.
    scanned
        The training or weights that should have been scanned, with their name and symmetry.
    tagger
        Name of the tagger in the result; found by itself if None and possible.

    Raises
    ------
    DataError
        If the result is of something else.
    """
    found, where = _of_tagger(invariance, "invariance.json", "invariance", scanned, name, tagger)
    if found.get("symmetry") != symmetry:
        raise DataError(f"{where} has the symmetry {found.get('symmetry')}, but {scanned} has {symmetry}; scan that training")
    rms: dict[str, Any] = {
        dtype: {mode: _rms(curves) for mode, curves in found[dtype].items()} for dtype in ("float32", "float64") if dtype in found
    }
    kept = ("jets", "seed", "references", "logit_std")
    return {**rms, "floor": _rms(found.get("floor", {})), **{key: found[key] for key in kept if key in found}}


def measured_range(run: Path) -> dict[str, Any]:
    """The range of the training jets of a run, from its jets."""
    from lorentznet.data import iterate
    from lorentznet.train.jet_arrays import JetArrays
    from lorentznet.train.training_range import measure

    config = build(TrainConfig, read_yaml(run / CONFIG), str(run / CONFIG))
    jets = JetArrays.from_tables(iterate(config.train_words, card=config.data.card, select=True))
    return measure(jets.p4.numpy(), jets.counts)


def _finished(folder: Path) -> dict[str, Any]:
    info = load_run_info(folder)
    if not info.get("finished") or not (folder / BEST).exists():
        raise CheckpointError(f"{folder}: this training is not finished; go on with 'lorentznet train --resume'")
    return info


def _check_alike(folders: Sequence[Path]) -> None:
    first = build(TrainConfig, read_yaml(folders[0] / CONFIG), str(folders[0] / CONFIG))
    for other in folders[1:]:
        changed = [key for key in differences(read_yaml(other / CONFIG), first) if key != "seed"]
        if changed:
            raise ConfigError(
                f"{other}: differs from {folders[0]} in {', '.join(changed)}; give trainings that differ in their seed only"
            )


def _of_tagger(result: Result, file: str, command: str, run: Path, known_as: str, name: str | None) -> tuple[dict[str, Any], str]:
    """The part of a result that is of this training, and words that name it."""
    where, content = file, result
    if not isinstance(result, Mapping):
        path = Path(result) / file if Path(result).is_dir() else Path(result)
        where = str(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); give the folder of 'lorentznet {command}'") from None
        except ValueError:
            raise DataError(f"{path}: is not valid JSON; give the folder of 'lorentznet {command}'") from None
    taggers = content.get("taggers") if isinstance(content, Mapping) else None
    if not isinstance(taggers, Mapping) or not taggers:
        raise DataError(f"{where}: is not the {file} of 'lorentznet {command}'")
    if name is None:
        own = [key for key, values in taggers.items() if _made_by(values, run)]
        found = own if len(own) == 1 else list(taggers) if len(taggers) == 1 else [key for key in taggers if key == known_as]
        if not found:
            raise DataError(
                f"{where}: cannot tell which tagger belongs to {run}; name it with --tagger; {nearest(known_as, taggers)}"
            )
        name = found[0]
    if name not in taggers:
        raise DataError(f"{where}: has no tagger '{name}'; {nearest(name, taggers)}")
    return dict(taggers[name]), f"{where}: tagger '{name}'"


def _made_by(values: Mapping[str, Any], run: Path) -> bool:
    """True if the scores behind these results were made with the best checkpoint of the run."""
    checkpoint = values.get("provenance", {}).get("prediction", {}).get("checkpoint")
    return checkpoint is not None and Path(checkpoint).resolve() == (run / BEST).resolve()


def _check_same_training(measured: Mapping[str, Any], info: Mapping[str, Any], run: Path, where: str) -> None:
    if "auc" not in measured:
        raise DataError(f"{where} has no AUC; only taggers are exported")
    scored = measured.get("provenance", {}).get("tagger", {})
    # a setting that one of both does not have, as an older version wrote it, has its default
    unset = plain(tagger_class(info["tagger"]["name"]).Config())
    for key, known in (("seed", info["seed"]), ("config", info["tagger"]["config"])):
        found = scored.get(key, measured.get(key, known))
        if (found != known) if key == "seed" else ({**unset, **found} != {**unset, **known}):
            said = f"the seed {found}" if key == "seed" else "other settings"
            raise DataError(f"{where} has {said}, the training to be exported is {run} (seed {info['seed']}); evaluate that one")


def _check_unseen(test: Sequence[str], used: Sequence[str]) -> None:
    from lorentznet.data.overlap import overlap
    from lorentznet.data.source import parse

    on = "on which the tagger, or one that it began with, was trained or chosen"
    for word in test:
        for other in used:
            shared = overlap(parse(word), parse(other), by_name=True)
            if shared is None:
                raise DataError(
                    f"{word}: may overlap with {other}, {on}; give both by rows, or both by the names of splits whose card is there"
                )
            if shared:
                raise DataError(f"{word}: the test jets overlap with {other}, {on}")


def _data(info: Mapping[str, Any], card: str | Path | None, test: Sequence[str], jets: Mapping[str, int]) -> dict[str, Any]:
    from lorentznet.data.card import DatasetCard

    data = info["data"]
    about = dict(data.get("card") or {})
    if card is not None:
        about = {**about, **(card_facts(DatasetCard.from_file(card)) or {}), "digest": about.get("digest", "")}
    for key in ("licence", "citation"):
        if not about.get(key):
            raise ConfigError(
                f"the dataset card of the training names no {key} of the jets; give a card that does (--card CARD.yaml)"
            )
    rows = {"train": data["train"], "val": data["val"], "test": test}
    return {
        **about,
        **{name: [jets_by_name(word) for word in words] for name, words in rows.items()},
        "jets": {**data["jets"], "test": dict(jets)},
    }


def _training(run: Path, info: Mapping[str, Any]) -> dict[str, Any]:
    def name(source: str) -> str:
        return _beside(source, run)

    known = portable_info(info, name)
    kept = ("seed", "seconds", "cpu_seconds", "device", "epochs", "best", "versions")
    return {
        "command": known["command"],
        **{key: known[key] for key in kept if key in known},
        **{key: known[key] for key in ("teachers", "weights") if known.get(key)},
        "preset": info["tagger"].get("preset"),
        "config": portable_config(read_yaml(run / CONFIG), name),
    }


def _beside(source: str, run: Path) -> str:
    """A trained tagger as it was named, from where the training was started; if by a whole path, its place below the folder that holds
    it and the training, or its last name only if there is no such folder."""
    if not Path(source).is_absolute() and ".." not in Path(source).parts:
        return source  # or the name of pretrained weights
    path, own = Path(source).resolve(), run.resolve()
    shared = Path(os.path.commonpath((path, own)))
    return str(path.relative_to(shared)) if shared != Path(shared.root) else path.name


def _rms(curves: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    return {
        name: {gamma: None if change["rms"] is None else float(f"{change['rms']:.3g}") for gamma, change in points.items()}
        for name, points in curves.items()
    }
