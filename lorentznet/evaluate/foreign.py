"""Score files of others: ROOT, Parquet, npz or CSV with a label and one column a tagger.

The column ``label`` (or another that is named) holds the class of each jet as a whole number, ``weight`` its weight; columns
whose names begin with ``jet_`` and columns of whole numbers are observers; every other column of floating-point numbers is a
tagger of its own. A column of numbers in [0, 1] holds probabilities of class 1, any other log-odds; an array of shape
(jets, classes), which only npz files have, is one tagger with a logit or probability for each class.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lorentznet.errors import ConfigError, DataError, nearest
from lorentznet.evaluate.scores import TREE, ScoreTable

Kind = Literal["auto", "probability", "logit"]
SUFFIXES = (".root", ".parquet", ".pq", ".h5", ".hdf5", ".npz", ".csv")
BINARY = ("background", "signal")
"""Names of the classes 0 and 1 where the file has none."""
FLAT = re.compile(r"(std::)?(float|double|bool|u?int\d+_t)")
"""Types of ROOT columns with one number a jet."""


def read_scores(
    path: str | Path,
    label: str | None = None,
    scores: Sequence[str] = (),
    kind: Kind = "auto",
    classes: Sequence[str] = (),
) -> list[ScoreTable]:
    """The taggers in a score file, written by ``lorentznet predict`` or by others.

    Parameters
    ----------
    path
        The file; ``PATH:TREE`` names one of several trees in a ROOT file.
    label
        Column with the class of each jet; ``label`` if None.
    scores
        Columns to read as taggers; all columns of floating-point numbers if empty.
    kind
        What the columns hold; ``"auto"`` tells by their range.
    classes
        Names of the classes 0, 1, ...

    Raises
    ------
    DataError
        If the file is missing, damaged, not a table of scores, or lacks a column; the message names the nearest match.
    """
    path, tree = _split(str(path))
    if not path.exists():
        here = [other.name for other in path.parent.iterdir() if other.suffix in SUFFIXES] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such score file" + (f"; {nearest(path.name, here)}" if here else ""))
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give the score files in it")
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: not a score file; they end in {', '.join(SUFFIXES)}")
    hdf5 = path.suffix.lower() in (".h5", ".hdf5")
    if hdf5 or (label is None and not scores and tree in (None, TREE) and _written_by_predict(path)):
        table = ScoreTable.read(path)
        if classes or kind != "auto":
            raise ConfigError(
                f"{path}: was written by 'lorentznet predict' and says itself that it holds logits of {', '.join(table.classes)}; "
                "leave --classes and --kind out"
            )
        return [table]
    return _tables(path, _read(path, tree), label or "label", scores, kind, classes)


def _split(word: str) -> tuple[Path, str | None]:
    stem, colon, tree = word.rpartition(":")
    return (Path(stem), tree) if colon and stem.endswith(".root") else (Path(word), None)


def _written_by_predict(path: Path) -> bool:
    """True for ROOT and Parquet files with the columns that :class:`ScoreTable` writes."""
    names: list[str] = []
    with _errors_of(path):
        if path.suffix.lower() == ".root":
            import uproot

            with uproot.open(path) as file:
                names = file[TREE].keys() if TREE in file.keys(recursive=False, cycle=False) else []
        elif path.suffix.lower() == ".parquet":
            import pyarrow.parquet

            names = pyarrow.parquet.read_schema(path).names
    return {"jet_id", "label"} <= set(names) and any(name.startswith("logit_") for name in names)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """What libraries raise for damaged files, as one line that names the file."""
    try:
        yield
    except (OSError, ValueError, EOFError, KeyError, struct.error, zipfile.BadZipFile) as error:  # pyarrow's are ValueErrors
        said = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]}, it is damaged or of another format ({said})") from None


def _read(path: Path, tree: str | None) -> dict[str, NDArray[Any]]:
    """All flat columns of numbers in a file."""
    with _errors_of(path):
        match path.suffix.lower():
            case ".root":
                return _read_root(path, tree)
            case ".npz":
                with path.open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
                    return {name: arrays[name] for name in arrays.files}
            case ".csv":
                import pyarrow.csv

                return _from_arrow(pyarrow.csv.read_csv(path))
            case _:
                import pyarrow.parquet

                return _from_arrow(pyarrow.parquet.read_table(path))


def _from_arrow(table: Any) -> dict[str, NDArray[Any]]:
    import pyarrow.types as kinds

    def flat(kind: Any) -> bool:
        return bool(kinds.is_floating(kind) or kinds.is_integer(kind) or kinds.is_boolean(kind) or kinds.is_null(kind))

    return {field.name: table[field.name].to_numpy() for field in table.schema if flat(field.type)}


def _read_root(path: Path, tree: str | None) -> dict[str, NDArray[Any]]:
    import uproot

    with uproot.open(path) as file:
        kinds = file.classnames(recursive=False, cycle=False)
        trees = [name for name, kind in kinds.items() if kind in ("TTree", "ROOT::RNTuple")]
        if tree is None:
            tree = trees[0] if len(trees) == 1 else TREE if TREE in trees else None
        if tree is None or tree not in trees:
            found = f"has {len(trees)} trees" if tree is None else f"has no tree '{tree}'"
            raise DataError(f"{path}: {found}; name one as {path}:TREE; {nearest(tree or '', trees)}")
        kinds = file[tree].typenames()  # of a TTree and of an RNTuple alike
        flat = [name for name, kind in kinds.items() if FLAT.fullmatch(kind)]
        arrays = file[tree].arrays(flat, library="ak")
        return {name: np.asarray(arrays[name]) for name in flat}


def _tables(
    path: Path, columns: dict[str, NDArray[Any]], label: str, scores: Sequence[str], kind: Kind, classes: Sequence[str]
) -> list[ScoreTable]:
    if label not in columns:
        hint = nearest(label, columns)
        raise DataError(
            f"{path}: not a score file, it has no column '{label}'; name the column with the classes by --label; {hint}"
        )
    labels = _labels(path, columns.pop(label), label)
    jets = len(labels)
    weights = np.asarray(columns.pop("weight", np.ones(jets)), np.float64)
    observers = {name: column for name, column in columns.items() if column.shape == (jets,) and _is_observer(name, column)}
    chosen = _chosen(path, columns, set(observers), scores, jets)
    tables = []
    for name in chosen:
        logits, about = to_logits(columns[name], f"{path}: column '{name}'", jets, kind)
        named = tuple(classes) or (BINARY if logits.shape[1] == 2 else tuple(f"class{i}" for i in range(logits.shape[1])))
        if len(named) != logits.shape[1]:
            raise DataError(f"{path}: column '{name}' has {logits.shape[1]} classes, but --classes names {len(named)}")
        provenance = {"file": str(path), "column": name, **about}
        kept = {other: column for other, column in observers.items() if other not in chosen}
        tables.append(ScoreTable(name, named, np.arange(jets), labels, weights, logits, kept, provenance))
    return tables


def _chosen(path: Path, columns: dict[str, NDArray[Any]], observers: set[str], scores: Sequence[str], jets: int) -> list[str]:
    for name in scores:
        if name not in columns:
            raise DataError(f"{path}: no column '{name}'; {nearest(name, columns)}")
    for name, column in columns.items():
        if column.dtype.kind == "f" and column.ndim in (1, 2) and len(column) != jets:
            raise DataError(f"{path}: column '{name}' has {len(column)} values, but there are labels of {jets} jets")
    found = [name for name, column in columns.items() if name not in observers and _is_score(column, jets)]
    if not scores and not found:
        hint = nearest("score", columns)
        raise DataError(
            f"{path}: holds no scores: it has no column of floating-point numbers besides label, weight and jet_*; {hint}"
        )
    return list(dict.fromkeys(scores)) or found


def _labels(path: Path, column: NDArray[Any], name: str) -> NDArray[np.int64]:
    if not len(column):
        raise DataError(f"{path}: holds no jets: column '{name}' is empty")
    if column.ndim == 2 and column.dtype.kind in "biuf" and np.all(np.sort(column, axis=1)[:, -2:] == [0, 1]):
        column = column.argmax(axis=1)  # one-hot
    whole = column.dtype.kind in "biu" or (column.dtype.kind == "f" and bool(np.all(column == np.rint(column))))
    if column.ndim != 1 or not whole:
        raise DataError(f"{path}: column '{name}' does not hold classes (whole numbers 0, 1, ...); name another by --label")
    return column.astype(np.int64)


def _is_score(column: NDArray[Any], jets: int) -> bool:
    return column.dtype.kind == "f" and (
        column.shape == (jets,) or (column.ndim == 2 and len(column) == jets and column.shape[1] >= 1)
    )


def _is_observer(name: str, column: NDArray[Any]) -> bool:
    return name.startswith("jet_") or column.dtype.kind in "iu"


def to_logits(column: NDArray[Any], what: str, jets: int, kind: Kind = "auto") -> tuple[NDArray[np.float64], dict[str, Any]]:
    r"""Logits of a column, in float64 and in the order of its values.

    Probabilities p of class 1 become log(p / (1 - p)); values 0 and 1, which have no logit, are put one unit below and above all
    others, so that they keep their place and stay tied among themselves. Probabilities of several classes become log(p).

    Parameters
    ----------
    column
        Shape (jets,), (jets, 1) or (jets, classes).
    what
        Name of the column, for error messages.
    jets
        Number of jets that the column must have.
    kind
        ``"auto"``: probabilities if all values are in [0, 1].

    Returns
    -------
    logits, about
        Shape (jets, classes), a single logit z as (0, z); ``kind`` and, for probabilities, the numbers of ``saturated`` values.

    Raises
    ------
    DataError
        NaN or infinite values, values outside [0, 1] that are called probabilities, or a wrong length.
    """
    if column.shape[:1] != (jets,) or column.ndim > 2 or column.dtype.kind not in "fiub":
        raise DataError(f"{what} is no list of {jets} numbers (it is {column.dtype}, shape {column.shape})")
    values = column.astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise DataError(
            f"{what} has {bad} NaN or infinite values out of {values.size}; predict these jets again or leave them out"
        )
    inside = bool(np.all((values >= 0) & (values <= 1)))
    if kind == "probability" and not inside:
        raise DataError(
            f"{what} has values from {values.min():g} to {values.max():g}: these are not probabilities; use --kind logit"
        )
    single = values.ndim == 1 or values.shape[1] == 1
    about: dict[str, Any] = {"kind": "logit"}
    if kind == "probability" or (kind == "auto" and inside):
        about = {
            "kind": "probability",
            "saturated": {"0": int(np.count_nonzero(values == 0)), "1": int(np.count_nonzero(values == 1))},
        }
        with np.errstate(divide="ignore"):
            values = _finite(np.log(values) - (np.log1p(-values) if single else 0.0))
    if single:
        values = np.stack((np.zeros(jets), values.reshape(jets)), axis=1)
    return values, about


def _finite(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Infinite values put one unit beyond the others, and beyond zero."""
    finite = logits[np.isfinite(logits)]
    low, high = (min(float(finite.min()), 0.0), max(float(finite.max()), 0.0)) if finite.size else (0.0, 0.0)
    return np.where(logits == -np.inf, low - 1, np.where(logits == np.inf, high + 1, logits))
