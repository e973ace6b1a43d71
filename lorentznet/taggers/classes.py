"""Classes of jets as a file names them, and as a tagger does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lorentznet.errors import DataError

if TYPE_CHECKING:
    from lorentznet.data.table import JetTable
    from lorentznet.taggers.base import Tagger

SYNONYMS: Mapping[str, str] = {"tbqq": "top"}
"""Other names of a class: JetClass has hadronic top decays, Tbqq, which are meant by "top", and leptonic ones, Tbl, a class of its own."""


def labels_for(tagger: Tagger, table: JetTable) -> tuple[NDArray[np.int64], dict[str, int]]:
    """The labels of jets, as numbers of the tagger's classes.

    The file may have them in another order, or written ``QCD`` or ``Tbqq``, and further classes too: jets of these have no label, -1.

    Returns
    -------
    labels : array, shape (n_jets,)
    others : dict
        Number of jets of each class that is not one of the tagger.

    Raises
    ------
    DataError
        If a class of the tagger is missing among those of the file.
    """
    known, given = tagger.class_names, tuple(table.classes)
    if not given or given == known:
        return table.labels, {}
    if not known:
        if len(given) != tagger.config.classes:
            raise DataError(
                f"{table.source}: its card has {len(given)} classes, the tagger {tagger.config.classes}; give another card"
            )
        return table.labels, {}
    number = {_plain(name): index for index, name in enumerate(known)}
    places = np.array([number.get(_plain(name), -1) for name in given])
    if sorted(places[places >= 0]) != list(range(len(known))):
        raise DataError(
            f"{table.source}: its card has the classes {', '.join(given)}, the tagger was trained on {', '.join(known)}; "
            "give a card that has these among its classes, or one without classes"
        )
    counts = {name: int((table.labels == index).sum()) for index, name in enumerate(given) if places[index] < 0}
    return np.where(table.labels >= 0, places[table.labels], -1), {name: count for name, count in counts.items() if count}


def _plain(name: str) -> str:
    plain = name.casefold()
    return SYNONYMS.get(plain, plain)
