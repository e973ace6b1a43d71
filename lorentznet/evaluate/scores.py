"""Score files: what a tagger says of each jet, beside what the jet file says of it.

One table, three containers: a ROOT TTree ``scores``, Parquet, HDF5. Its columns are ``jet_id`` (row in the jet file), ``label`` (-1:
unknown), ``weight``, ``logit_<class>`` and ``score_<class>`` for each class, and the observers; the provenance is stored as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lorentznet.errors import DataError, OutputError, nearest
from lorentznet.files import atomic

SUFFIXES = (".root", ".parquet", ".h5", ".hdf5")
TREE = "scores"
BASKET = 100_000
"""Jets in a basket of a TTree."""

Columns = dict[str, NDArray[Any]]
Meta = Mapping[str, Any]


@dataclass(frozen=True)
class ScoreTable:
    """Scores of one tagger.

    Attributes
    ----------
    name
        Of the tagger.
    classes
        Names of the classes 0, 1, ...
    ids
        Row of each jet in its file.
    labels
        Class of each jet, -1 where it is unknown.
    weights
        Weight of each jet.
    logits
        Shape (n_jets, classes), float64. A tagger with one logit z for two classes has (0, z).
    observers
        Further numbers of each jet.
    provenance
        Where the scores come from: plain values.
    """

    name: str
    classes: tuple[str, ...]
    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    logits: NDArray[np.float64]
    observers: dict[str, NDArray[Any]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.logits.shape != (len(self.ids), len(self.classes)):
            raise ValueError(f"logits must have shape ({len(self.ids)}, {len(self.classes)}), got {self.logits.shape}")
        for name, column in {"labels": self.labels, "weights": self.weights, **self.observers}.items():
            if np.shape(column) != (len(self.ids),):
                raise ValueError(f"{name} must have shape ({len(self.ids)},), got {np.shape(column)}")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def scores(self) -> NDArray[np.float64]:
        """Probability of each class, softmax of the logits in float64, shape (n_jets, classes)."""
        shifted = np.exp(self.logits - self.logits.max(axis=1, keepdims=True, initial=-np.inf))
        return shifted / shifted.sum(axis=1, keepdims=True)

    @property
    def log_odds(self) -> NDArray[np.float64]:
        """Log-odds of class 1 against class 0, shape (n_jets,), for two classes.

        Raises
        ------
        DataError
            If there are other than two classes.
        """
        if len(self.classes) != 2:
            raise DataError(
                f"scores of '{self.name}': have {len(self.classes)} classes ({', '.join(self.classes)}), log-odds need two"
            )
        return self.logits[:, 1] - self.logits[:, 0]

    @property
    def columns(self) -> Columns:
        """All columns as they are written, by name.

        Raises
        ------
        DataError
            If an observer has the name of another column.
        """
        columns: Columns = {"jet_id": self.ids, "label": self.labels, "weight": self.weights}
        columns |= {f"logit_{name}": self.logits[:, number] for number, name in enumerate(self.classes)}
        scores = self.scores
        columns |= {f"score_{name}": scores[:, number] for number, name in enumerate(self.classes)}
        return with_observers(columns, self.observers, self.name, "scores")

    def write(self, path: str | Path) -> Path:
        """Write a score file, whole or not at all; the suffix tells the container.

        Raises
        ------
        OutputError
            If the suffix is not one of :data:`SUFFIXES`, or the file cannot be written.
        """
        meta = {"name": self.name, "classes": list(self.classes), "provenance": self.provenance}
        return write_table(path, self.columns, meta)

    @classmethod
    def read(cls, path: str | Path) -> ScoreTable:
        """Read a score file.

        Raises
        ------
        DataError
            If there is no such file, it is damaged, or not a score file.
        """
        return cls._from_columns(Path(path), *read_table(path))

    @classmethod
    def _from_columns(cls, path: Path, columns: Columns, meta: Meta) -> ScoreTable:
        classes = tuple(meta.get("classes", ())) or tuple(
            name.removeprefix("logit_") for name in columns if name.startswith("logit_")
        )
        logits = [f"logit_{name}" for name in classes]
        needed = ["jet_id", "label", "weight", *(logits or ["logit_<class>"])]
        for name in needed:
            if name not in columns:
                raise DataError(f"{path}: not a score file: there is no column '{name}'; {nearest(name, columns)}")
        own = {*needed, *(f"score_{name}" for name in classes)}
        return cls(
            name=meta.get("name", path.stem),
            classes=classes,
            ids=columns["jet_id"].astype(np.int64),
            labels=columns["label"].astype(np.int64),
            weights=columns["weight"].astype(np.float64),
            logits=np.stack([columns[name].astype(np.float64) for name in logits], axis=1),
            observers={name: column for name, column in columns.items() if name not in own},
            provenance=dict(meta.get("provenance", {})),
        )

    def labelled(self) -> ScoreTable:
        """The jets whose class is known."""
        known = self.labels >= 0
        columns = {name: getattr(self, name)[known] for name in ("ids", "labels", "weights", "logits")}
        return replace(self, **columns, observers={name: column[known] for name, column in self.observers.items()})

    def _repr_html_(self) -> str:
        return f"<b>{self.name}</b>: {len(self)} jets, classes {', '.join(self.classes)}, observers {', '.join(self.observers) or 'none'}"


def check_same_jets(first: ScoreTable, other: ScoreTable, source: str, other_source: str) -> None:
    """Refuse two tables that are not of the same jets; :class:`DataError` names both files."""
    said = f"{other_source}: tagger '{other.name}'"
    cure = "taggers in one table must be scored on the same jets; evaluate them apart"
    if tuple(other.classes) != tuple(first.classes):
        raise DataError(f"{said} has classes {', '.join(other.classes)}, but {source} has {', '.join(first.classes)}; {cure}")
    if len(other.labels) != len(first.labels):
        raise DataError(f"{said} has {len(other.labels)} jets, but {source} has {len(first.labels)}; {cure}")
    differ = int(np.count_nonzero(np.asarray(other.labels) != np.asarray(first.labels)))
    if differ:
        raise DataError(f"{said} has other labels than {source} for {differ} of {len(first.labels)} jets; {cure}")


def check_suffix(path: str | Path) -> Path:
    """The path of a score file to write; :class:`OutputError` if its suffix tells no container."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise OutputError(f"{path}: the suffix '{path.suffix}' tells no format of scores; end the name in {', '.join(SUFFIXES)}")
    return path


def with_observers(columns: Columns, observers: Columns, name: str, what: str) -> Columns:
    """Own columns and observers together, contiguous.

    Raises
    ------
    DataError
        If an observer has the name of another column; ``what`` of the tagger ``name`` they are.
    """
    taken = sorted(columns.keys() & observers.keys())
    if taken:
        raise DataError(
            f"{what} of '{name}': an observer cannot be called '{taken[0]}', a column of {what}; take it out of the card's observers"
        )
    return {key: np.ascontiguousarray(column) for key, column in (columns | observers).items()}


def write_table(path: str | Path, columns: Columns, meta: Meta) -> Path:
    """Write columns and what is said of them, whole or not at all; the suffix tells the container, as in :meth:`ScoreTable.write`."""
    path = check_suffix(path)
    write = {".root": _write_root, ".parquet": _write_parquet}.get(path.suffix, _write_hdf5)
    text = json.dumps(meta, ensure_ascii=False)
    with atomic(path) as temporary:
        write(temporary, columns, text)
    return path


def read_table(path: str | Path) -> tuple[Columns, dict[str, Any]]:
    """The inverse of :func:`write_table`; :class:`DataError` if there is no such file or it is damaged."""
    path = Path(path)
    if not path.exists():
        here = [other.name for other in path.parent.iterdir() if other.suffix in SUFFIXES] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file" + (f"; {nearest(path.name, here)}" if here else ""))
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: not a score file; they end in {', '.join(SUFFIXES)}")
    read: Callable[[Path], tuple[Columns, str | None]] = {".root": _read_root, ".parquet": _read_parquet}.get(
        path.suffix, _read_hdf5
    )
    try:
        columns, text = read(path)
        return columns, json.loads(text) if text else {}
    except DataError:
        raise
    except Exception as error:  # uproot, pyarrow and h5py raise many kinds for damaged files
        raise DataError(f"{path}: cannot be read ({_first_line(error)}); write it again with 'lorentznet predict'") from error


def _write_root(path: Path, columns: Columns, meta: str) -> None:
    import uproot

    n_jets = len(columns["jet_id"])
    with uproot.recreate(path) as file:
        # an assignment would write an RNTuple, which other programs do not find
        tree = file.mktree(TREE, {name: column.dtype for name, column in columns.items()})
        for start in range(0, n_jets, BASKET):
            tree.extend({name: column[start : start + BASKET] for name, column in columns.items()})
        file["provenance"] = meta


def _read_root(path: Path) -> tuple[Columns, str | None]:
    import uproot

    with uproot.open(path) as file:
        names = file.keys(recursive=False, cycle=False)
        if TREE not in names:
            raise DataError(f"{path}: not a score file: there is no tree '{TREE}'; {nearest(TREE, names)}")
        columns = file[TREE].arrays(library="np")
        return columns, str(file["provenance"]) if "provenance" in names else None


def _write_parquet(path: Path, columns: Columns, meta: str) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table(columns).replace_schema_metadata({"provenance": meta})
    pyarrow.parquet.write_table(table, path)


def _read_parquet(path: Path) -> tuple[Columns, str | None]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    meta = (table.schema.metadata or {}).get(b"provenance")
    return {name: table[name].to_numpy() for name in table.column_names}, None if meta is None else meta.decode()


def _write_hdf5(path: Path, columns: Columns, meta: str) -> None:
    import h5py

    with h5py.File(path, "w", track_order=True) as file:
        group = file.create_group(TREE, track_order=True)
        for name, column in columns.items():
            group.create_dataset(name, data=column)
        group.attrs["provenance"] = np.bytes_(meta.encode())


def _read_hdf5(path: Path) -> tuple[Columns, str | None]:
    import h5py

    with h5py.File(path, "r") as file:
        if TREE not in file:
            raise DataError(f"{path}: not a score file: there is no group '{TREE}'; {nearest(TREE, file)}")
        group = file[TREE]
        meta = group.attrs.get("provenance")
        return {name: group[name][()] for name in group}, None if meta is None else bytes(meta).decode()


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
