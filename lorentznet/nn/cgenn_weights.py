"""Weights of the published Clifford network in the layout in which it stores them, and where they go in this package's.

Multivector maps are stored as (out, in, grade), here (grade, out, in); weights of products have their grade paths ordered by (left factor,
product, right factor), here by (left factor, right factor, product). Constants of the algebra are stored with every module and ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lorentznet.errors import CheckpointError, ConfigError, nearest
from lorentznet.nn.cgenn import CGENN
from lorentznet.nn.geometric_product import SPACETIME

_STORED = sorted((left, product, right) for left, right, product in SPACETIME.grade_paths)
_ORDER = [_STORED.index((left, product, right)) for left, right, product in SPACETIME.grade_paths]

_MODULES = {
    "embed_scalars": "embedding_h",
    "embed_vectors": "embedding_x",
    "readout": "graph_dec",
    "message.product": "phi_x.0",
    "message.norm": "phi_x.1",
    "message.first": "phi_h.0",
    "message.batch_norm": "phi_h.1",
    "message.second": "phi_h.3",
    "message.gate": "psi_x",
    "product": "theta_x.0",
    "norm": "theta_x.1",
    "first": "theta_h.0",
    "batch_norm": "theta_h.1",
    "second": "theta_h.3",
    "gate": "chi_x",
}
_INNER = {"left.": "linear_left.", "right.": "linear_right.", "gain": "a"}


def load_published(tagger: nn.Module, state: Mapping[str, Any]) -> None:
    """Take over weights, and the statistics of batch normalisation, that the published code has stored.

    Parameters
    ----------
    tagger
        A ``clifford`` tagger of design ``cgenn`` and of the same sizes (preset ``published``), or its network; it keeps its dtype and
        device.
    state
        Weights by name, or a checkpoint of the published code, which has them under ``"model"``.

    Raises
    ------
    ConfigError
        If the tagger is of another design.
    CheckpointError
        If a name is missing, unknown (with the nearest one that is known) or has another shape; the network is then left as it was.

    Examples
    --------
    >>> from lorentznet import taggers
    >>> tagger = taggers.create("clifford", "published", seed=0)
    >>> load_published(tagger, {"embeding_h.weight": torch.zeros(72, 2)})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    lorentznet.errors.CheckpointError: published weights: unknown name 'embeding_h.weight'; did you mean 'embedding_h.weight'? ...

    With a file of the published code: ``load_published(tagger, torch.load("best", weights_only=True))``.
    """
    network = getattr(tagger, "network", tagger)
    if not isinstance(network, CGENN):
        raise ConfigError(
            f"published weights are for taggers.create('clifford', 'published'), not for a {type(network).__name__} of another design"
        )
    model = state.get("model")
    state = model if isinstance(model, Mapping) else state
    names = {_published_name(name): name for name in network.state_dict()}
    given = {name: value for name, value in state.items() if "algebra" not in name.split(".")}
    for name in given:
        if name not in names:
            raise CheckpointError(f"published weights: unknown name '{name}'; {nearest(name, names)}")
    own = network.state_dict()
    new = {}
    for published, name in names.items():
        if published not in given:
            raise CheckpointError(f"published weights: '{published}' is missing; given are {len(given)} of {len(names)} names")
        value = _converter(name)(given[published])
        if value.shape != own[name].shape:
            found, wanted = (tuple(x.shape) for x in (given[published], own[name]))
            raise CheckpointError(
                f"published weights: '{published}' has shape {found}, which does not make {wanted}; other sizes?"
            )
        new[name] = value
    network.load_state_dict(new)


def _published_name(name: str) -> str:
    """The name in the published layout of a parameter or buffer of the network."""
    prefix = ""
    if name.startswith("layers."):
        _, number, name = name.split(".", 2)
        prefix = f"CGLs.{number}."
    module = max((module for module in _MODULES if name.startswith(f"{module}.")), key=len)
    rest = name.removeprefix(f"{module}.")
    for own, published in _INNER.items():
        if rest.startswith(own):
            rest = published + rest.removeprefix(own)
    return f"{prefix}{_MODULES[module]}.{rest}"


def _converter(name: str) -> Callable[[Tensor], Tensor]:
    """What makes a stored value one of this package."""
    if name.endswith(("left.weight", "right.weight")):
        return lambda value: value.movedim(-1, 0)
    if name.endswith("product.weight"):
        return lambda value: value[..., _ORDER]
    if name.endswith(("left.bias", "gain", "embed_vectors.bias")):
        return torch.flatten
    return lambda value: value
