"""How well a tagger separates its classes: numbers with intervals, from labels and logits.

Every function takes

labels
    Class of each jet, integers in [0, classes), shape (jets,).
logits
    Shape (jets,) or (jets, 1): the log-odds of class 1 against class 0; shape (jets, classes): one logit a class, of which only
    differences matter. They are taken to float64 before anything else is done with them.
weights
    Non-negative weight of each jet, shape (jets,); None counts every jet once.

and, where it matters, the two classes that are compared: ``signal`` against ``background`` (only jets of these two count; this is
the convention s / (s + s_QCD) of JetClass), or against all others (``background=None``, one against the rest). With two classes
these are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lorentznet.errors import DataError
from lorentznet.evaluate.intervals import LEVEL, Estimate, Method, fraction_interval, variance_in_classes
from lorentznet.evaluate.roc import Roc, build_roc
from lorentznet.evaluate.ties import Ties, ties_of

Array = NDArray[np.float64]


def check(labels: ArrayLike, logits: ArrayLike, weights: ArrayLike | None = None) -> tuple[NDArray[np.int64], Array, Array]:
    """The three inputs as arrays that fit together.

    Returns
    -------
    labels, logits, weights
        int64 (jets,), float64 (jets, classes), float64 (jets,). A single logit z becomes the pair (0, z).

    Raises
    ------
    DataError
        Different lengths, no jets, NaN or infinite logits (with their number), negative or non-finite weights, labels that are
        not classes.
    """
    z = np.asarray(logits)
    if z.dtype.kind not in "fiu":
        raise DataError(f"logits must be numbers, got {z.dtype}")
    z = z.astype(np.float64, copy=False)
    if z.ndim == 1 or (z.ndim == 2 and z.shape[1] == 1):
        z = np.stack((np.zeros(len(z)), z.reshape(len(z))), axis=1)
    if z.ndim != 2:
        raise DataError(f"logits must have shape (jets,), (jets, 1) or (jets, classes), got {z.shape}")
    y = np.asarray(labels)
    w = np.ones(len(z)) if weights is None else np.asarray(weights, np.float64)
    for what, array in (("labels", y), ("weights", w)):
        if array.shape != (len(z),):
            raise DataError(f"there are logits of {len(z)} jets, but {what} of shape {array.shape}; expected ({len(z)},)")
    if len(z) == 0:
        raise DataError("there are no jets to evaluate")
    bad = int(np.count_nonzero(~np.isfinite(z).all(axis=1)))
    if bad:
        raise DataError(
            f"the logits of {bad} of {len(z)} jets are NaN or infinite; find these jets in the score file and predict them again"
        )
    bad = int(np.count_nonzero(~(np.isfinite(w) & (w >= 0))))
    if bad:
        raise DataError(
            f"the weights of {bad} of {len(z)} jets are negative, NaN or infinite; efficiencies need weights of at least zero"
        )
    return _classes_of(y, z.shape[1]), z, w


def _classes_of(labels: NDArray[Any], classes: int) -> NDArray[np.int64]:
    if labels.dtype.kind not in "biuf" or (labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels))):
        raise DataError(
            f"labels must be whole numbers from 0 to {classes - 1}, got {labels.dtype} with values such as {labels[0]!r}"
        )
    whole = labels.astype(np.int64, copy=False)
    unknown = int(np.count_nonzero(whole == -1))
    if unknown:
        raise DataError(f"{unknown} of {len(whole)} jets have no label (-1); leave them out, or score a file that has labels")
    if whole.min() < 0 or whole.max() >= classes:
        raise DataError(f"labels must be whole numbers from 0 to {classes - 1}, found {whole.min()} to {whole.max()}")
    return whole


def log_odds(logits: ArrayLike, signal: int = 1, background: int | None = 0) -> Array:
    r"""The discriminant of ``signal``: the log of the odds in float64, which any monotone function of the scores orders alike.

    .. math:: z_s - z_b \quad\text{or, against all others,}\quad z_s - \log\sum_{c \ne s} e^{z_c}

    Parameters
    ----------
    logits
        See the module.
    signal, background
        Class numbers; ``background=None`` compares with all other classes.

    Returns
    -------
    numpy.ndarray, float64, shape (jets,)

    Raises
    ------
    DataError
        If there is no such class, or both are one.
    """
    z = np.asarray(logits, np.float64)
    if z.ndim == 1 or z.shape[1] == 1:
        z = np.stack((np.zeros(len(z)), z.reshape(len(z))), axis=1)
    for number in (signal, background):
        if number is not None and not 0 <= number < z.shape[1]:
            raise DataError(f"there is no class {number}; the logits have classes 0 to {z.shape[1] - 1}")
    if signal == background:
        raise DataError(f"class {signal} cannot be signal and background; give two classes, or background=None for all others")
    if background is not None:
        return z[:, signal] - z[:, background]
    others = np.delete(z, signal, axis=1)
    highest = others.max(axis=1)
    return z[:, signal] - (highest + np.log(np.exp(others - highest[:, None]).sum(axis=1)))


def roc_curve(
    labels: ArrayLike, logits: ArrayLike, weights: ArrayLike | None = None, *, signal: int = 1, background: int | None = None
) -> Roc:
    """The ROC of one class against another or against all others; see the module for the arguments.

    Raises
    ------
    DataError
        As :func:`check`, and if one of the two classes has no jet or no weight.

    Examples
    --------
    >>> roc = roc_curve([0, 0, 1, 1], [-1.0, 0.5, 0.2, 3.0])
    >>> roc.signal_efficiency.tolist(), roc.background_efficiency.tolist()
    ([0.0, 0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5, 1.0])
    """
    y, z, w = check(labels, logits, weights)
    discriminant = log_odds(z, signal, background)
    is_signal = y == signal
    for name, member in (
        (f"{signal}", is_signal),
        ("other than it" if background is None else f"{background}", _opponents(y, signal, background)),
    ):
        if not member.any():
            found = ", ".join(str(number) for number in np.unique(y))
            raise DataError(f"no jet is of class {name} (found: {found}); efficiencies need jets of both classes")
        if not w[member].sum() > 0:
            raise DataError(f"the weights of all {np.count_nonzero(member)} jets of class {name} are zero")
    if background is None or z.shape[1] == 2:
        return build_roc(is_signal, discriminant, w)
    chosen = is_signal | (y == background)
    return build_roc(is_signal[chosen], discriminant[chosen], w[chosen])


def _opponents(labels: NDArray[np.int64], signal: int, background: int | None) -> NDArray[np.bool_]:
    return labels != signal if background is None else labels == background


def auc(
    labels: ArrayLike,
    logits: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    signal: int = 1,
    background: int | None = None,
    level: float = LEVEL,
) -> Estimate:
    """Area under the ROC curve with DeLong's interval (:meth:`lorentznet.evaluate.roc.Roc.auc`).

    Examples
    --------
    >>> auc([0, 0, 1, 1], [-1.0, 0.5, 0.2, 3.0]).value
    0.75
    """
    return roc_curve(labels, logits, weights, signal=signal, background=background).auc(level)


def mean_auc(labels: ArrayLike, logits: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """Of two classes the AUC; of several the mean of each against all others, with the mean limits (errors fully correlated)."""
    y, z, w = check(labels, logits, weights)
    areas = [auc(y, z, w, signal=number) for number in ([1] if z.shape[1] == 2 else range(z.shape[1]))]
    value, low, high = (float(np.mean([getattr(area, key) for area in areas])) for key in ("value", "low", "high"))
    return Estimate(value, low, high)


def background_rejection(
    labels: ArrayLike,
    logits: ArrayLike,
    signal_efficiency: float = 0.3,
    weights: ArrayLike | None = None,
    *,
    signal: int = 1,
    background: int | None = None,
    level: float = LEVEL,
    method: Method = "jeffreys",
) -> Estimate:
    r"""Background rejection :math:`1/\epsilon_B` at a signal efficiency, its interval, and the surviving background jets.

    The ROC is interpolated linearly in the efficiencies (:meth:`lorentznet.evaluate.roc.Roc.at`). When no background jet survives
    the value is ``inf`` and ``low`` the limit that the sample allows.

    Examples
    --------
    >>> labels, logits = [0] * 400 + [1] * 400, [-1.0] * 396 + [1.0] * 4 + [2.0] * 300 + [0.0] * 100
    >>> print(background_rejection(labels, logits, signal_efficiency=0.8))
    100 +62 -39 (4 survive)
    """
    roc = roc_curve(labels, logits, weights, signal=signal, background=background)
    return roc.background_rejection(signal_efficiency, level, method)


def signal_efficiency(
    labels: ArrayLike,
    logits: ArrayLike,
    background_efficiency: float = 0.01,
    weights: ArrayLike | None = None,
    *,
    signal: int = 1,
    background: int | None = None,
    level: float = LEVEL,
    method: Method = "jeffreys",
) -> Estimate:
    """Signal efficiency at a background efficiency (mistag rate), with its interval and the surviving background jets.

    The ROC is interpolated linearly in the efficiencies (:meth:`lorentznet.evaluate.roc.Roc.signal_efficiency_at`).

    Examples
    --------
    >>> labels, logits = [0] * 400 + [1] * 400, [-1.0] * 396 + [1.0] * 4 + [2.0] * 300 + [0.0] * 100
    >>> print(signal_efficiency(labels, logits, background_efficiency=0.005))
    0.75 +0.17 -0.36 (2 survive)
    """
    roc = roc_curve(labels, logits, weights, signal=signal, background=background)
    return roc.signal_efficiency_at(background_efficiency, level, method)


def accuracy(
    labels: ArrayLike, logits: ArrayLike, weights: ArrayLike | None = None, *, level: float = LEVEL, method: Method = "jeffreys"
) -> Estimate:
    """Fraction of jets whose class has the largest logit (of two classes: log-odds above 0 mean class 1), with its interval.

    The interval is that of a count (:mod:`lorentznet.evaluate.intervals`), effective for weights and for the numbers of jets of each
    class, which are not left to chance.

    Examples
    --------
    >>> accuracy([0, 0, 1, 1], [-1.0, 0.5, 0.2, 3.0]).value
    0.75
    """
    y, z, w = check(labels, logits, weights)
    total = float(w.sum())
    if total == 0:
        raise DataError("the weights of all jets are zero")
    right = z.argmax(axis=1) == y
    fraction = float(w[right].sum()) / total
    variance = variance_in_classes(w * (right - fraction) / total, y)
    if variance < 1e-12 and 0 < fraction < 1:  # all jets of some classes are right, none of the others
        limits = np.zeros(2)
        for label in np.unique(y[w > 0]):
            own, hit = w[y == label], right[y == label]
            part = fraction_interval(float(own[hit].sum() / own.sum()), 0.0, own.sum() ** 2 / (own**2).sum(), level, method)
            limits += np.array(part, dtype=np.float64).ravel() * own.sum() / total
        return Estimate(fraction, float(limits[0]), float(limits[1]))
    low, high = fraction_interval(fraction, variance, total**2 / float((w**2).sum()), level, method)
    return Estimate(fraction, float(low), float(high))


def ties(
    labels: ArrayLike, logits: ArrayLike, weights: ArrayLike | None = None, *, signal: int = 1, background: int | None = None
) -> Ties:
    """Report of equal values of the discriminant, as a saturated float32 score makes them.

    Examples
    --------
    >>> print(ties([0, 1, 0, 1], [1.0, 1.0, -2.0, 3.0]))
    2 of 4 jets share their value with a jet of the other class, at most 2 jets the value 1; AUC undefined by ± 1.2e-01
    """
    return ties_of(roc_curve(labels, logits, weights, signal=signal, background=background))
