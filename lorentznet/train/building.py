"""The tagger that a training begins with: with weights by lot, or with those of an earlier training, to be trained further.

With ``tagger.weights`` the network is that of the weights; ``tagger.options`` may change what leaves the shapes of its weights as they
are, such as ``dropout``. For another number of classes than the weights know the last layer begins anew by lot, for another task at
zero, where a mass is that of the jet; everything else is kept. Weights that read no particle scalars are trained further without them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from lorentznet.errors import ConfigError
from lorentznet.taggers import Tagger, create, describe, tagger_class
from lorentznet.train.config import TrainConfig
from lorentznet.train.trained import Trained


def find_start(config: TrainConfig) -> Trained | None:
    """The tagger that ``tagger.weights`` names, or None if the weights are drawn by lot; a mistake in the settings shows here, before
    any jet is read.

    Raises
    ------
    CheckpointError
        If it cannot be used.
    ConfigError
        If tagger, preset or an option is not possible, it is another tagger than the settings name, or its weights do not fit.
    """
    settings = config.tagger
    if settings.weights is None:
        _make(config, None)
        return None
    start = Trained.find(settings.weights, "tagger.weights")
    if start.tagger.name != settings.name:
        raise ConfigError(
            f"tagger.weights: {settings.weights} is a tagger '{start.tagger.name}', tagger.name is '{settings.name}'; "
            f"set tagger.name to {start.tagger.name}, or give weights of '{settings.name}'"
        )
    _take_weights(_make(config, start), start)
    return start


def build_tagger(config: TrainConfig, classes: tuple[str, ...], scalars: int = 0, start: Trained | None = None) -> Tagger:
    """The tagger with its first weights; a regression has no classes.

    Parameters
    ----------
    config
        Its section ``tagger`` and ``seed`` are used: weights by lot depend on the seed.
    classes
        Names of the classes of the jets.
    scalars
        Number of particle scalars of the jets; a tagger that can read scalars reads them all, unless the options say otherwise or
        ``start`` reads none.
    start
        The tagger whose weights are taken, see :func:`find_start`.

    Raises
    ------
    ConfigError
        If tagger, preset or an option is not possible, or the weights of ``start`` do not fit.
    """
    settings = config.tagger
    regression = config.data.target is not None
    if not regression and settings.options.get("classes", len(classes)) != len(classes):
        raise ConfigError(
            f"tagger.options.classes is {settings.options['classes']}, but the jets have {len(classes)} classes; leave it out"
        )
    found: dict[str, Any] = {} if regression else {"classes": len(classes)}
    if start is not None:
        start.check_scalars("tagger.weights", scalars)
    elif scalars and _reads_scalars(tagger_class(settings.name).Config):
        found["scalars"] = scalars
    tagger = _make(config, start, **found)
    if start is not None:
        _take_weights(tagger, start)
    tagger.class_names = () if regression else classes
    tagger.target = config.target_words
    return tagger


def _make(config: TrainConfig, start: Trained | None, **found: Any) -> Tagger:
    """The tagger of the configuration, its weights by lot; what was found in the jets applies where the options say nothing."""
    settings = config.tagger
    for key in ("name", "preset", "seed", "where"):
        if key in settings.options:
            raise ConfigError(f"tagger.options: unknown key '{key}'; name and preset stand beside the options, seed at the top")
    known = {} if start is None else describe(start.tagger)
    decided = ("name", "classes", "task")  # by the settings and the jets
    taken = {key: known[key] for key in known if key not in decided and (settings.preset is None or key == "scalars")}
    options = {**taken, **found, **settings.options}
    return create(settings.name, settings.preset, seed=config.seed, where="tagger.options", **options)


def what_is_kept(tagger: Tagger, start: Trained, scalars: int = 0) -> str:
    """What is taken from the weights, in words; ``scalars`` is the number of particle scalars of the jets."""
    said = f"goes on from the weights of {start.source}"
    if anew := _anew(tagger, start.tagger):
        other = "classes" if tagger.task == start.tagger.task else "answers"
        said += f"; anew, for other {other}: {', '.join(anew)}"
    elif start.tagger.class_names != tagger.class_names:
        said += f", which know the classes {', '.join(start.tagger.class_names)}, for {', '.join(tagger.class_names)}"
    if scalars and getattr(tagger.config, "scalars", scalars) == 0:
        said += f"; these read no scalars of particles, the {scalars} of the jets are not used"
    return said


def _reads_scalars(settings: type) -> bool:
    return any(field.name == "scalars" for field in dataclasses.fields(settings))


def _take_weights(tagger: Tagger, start: Trained) -> None:
    """Copy the weights of ``start`` but for those that begin anew."""
    own, taken = tagger.state_dict(), start.tagger.state_dict()
    anew = set(_anew(tagger, start.tagger))
    unlike = own.keys() ^ taken.keys() | {key for key in own.keys() & taken.keys() - anew if own[key].shape != taken[key].shape}
    if unlike:
        raise ConfigError(
            f"tagger.weights: the weights of {start.source} do not fit ({len(unlike)} names or shapes differ, "
            f"'{min(unlike)}' for one): {_differing(tagger, start.tagger)}; leave tagger.preset (null) and these options out, "
            "the network is then that of the weights"
        )
    first = own if tagger.task == start.tagger.task else {key: torch.zeros_like(own[key]) for key in anew}
    tagger.load_state_dict({key: first[key] if key in anew else taken[key] for key in own})


def _anew(tagger: Tagger, start: Tagger) -> list[str]:
    """Weights of which there is one row for each answer, where the number of answers or what they are is another."""
    own, taken = tagger.state_dict(), start.state_dict()
    if tagger.n_outputs == start.n_outputs:
        return [] if tagger.task == start.task else _rows_of_classes(tagger if tagger.task == "tagging" else start)
    return [
        key
        for key in own
        if key in taken
        and own[key].shape[:1] == (tagger.n_outputs,)
        and taken[key].shape[:1] == (start.n_outputs,)
        and own[key].shape[1:] == taken[key].shape[1:]
    ]


def _rows_of_classes(tagger: Tagger) -> list[str]:
    """Weights whose shape depends on the number of classes."""
    with torch.random.fork_rng(devices=[]):  # its weights are of no use
        other = type(tagger)(dataclasses.replace(tagger.config, classes=tagger.config.classes + 1))
    shapes = {key: value.shape for key, value in other.state_dict().items()}
    return [key for key, value in tagger.state_dict().items() if value.shape != shapes[key]]


def _differing(tagger: Tagger, start: Tagger) -> str:
    """Settings in which two taggers of one name differ, in words."""
    own, other = describe(tagger), describe(start)
    found = [f"{key} is {own[key]}, that of the weights {other.get(key)}" for key in own if own[key] != other.get(key)]
    return "; ".join(found) or "they were written by another version"
