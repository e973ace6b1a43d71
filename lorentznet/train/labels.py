"""Labels and weights that a training can use."""

from __future__ import annotations

import numpy as np

from lorentznet.errors import DataError
from lorentznet.train.jet_arrays import JetArrays


def check_labels(jets: JetArrays, where: str, validation: bool = False) -> None:
    """Refuse jets that one cannot train with, or validate; those of a regression need no labels.

    Raises
    ------
    DataError
        If there are no classes, jets without label, classes without jets, or a sum of weights that is not positive; for validation
        also if a weight is negative, with which there is no ROC.
    """
    negative = int((jets.weights < 0).sum())
    if validation and negative:
        raise DataError(
            f"{where}: the weights of {negative} of {len(jets)} jets are negative; efficiencies need weights of at least zero: "
            "validate with other jets, or with a card without 'weight'"
        )
    if not float(jets.weights.sum()) > 0:
        raise DataError(f"{where}: the weights of the jets add up to {float(jets.weights.sum()):g}; correct the card's weight")
    if jets.targets is not None:
        return
    if len(jets.classes) < 2:
        raise DataError(f"{where}: the jets have no classes; name them in the dataset card ('classes' or 'label')")
    number = np.bincount(jets.labels.numpy() + 1, minlength=len(jets.classes) + 1)
    if number[0]:
        raise DataError(f"{where}: {number[0]} of {len(jets)} jets have no label; training and validation need labelled jets")
    for name, found in zip(jets.classes, number[1:], strict=True):
        if not found:
            counts = ", ".join(f"{other}: {n}" for other, n in zip(jets.classes, number[1:], strict=True))
            raise DataError(
                f"{where}: class '{name}' never occurs ({counts} jets); give other rows or correct the card's classes"
            )
