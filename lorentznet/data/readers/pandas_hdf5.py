"""pandas tables in HDF5 files, as ``DataFrame.to_hdf(format="table")`` writes them: the layout of the top-tagging reference.

Particles stand in numbered columns (E_0, PX_0, PY_0, PZ_0, E_1, ...), padded with zeros. pandas groups columns of one type into
blocks, so neither the width of a block nor the place of a column in it is fixed: both are taken from the file's own metadata.
pandas is not needed. h5py reads the table; one that is compressed with blosc is read with PyTables, which knows that filter.
"""

from __future__ import annotations

import io
import pickle
import re
from itertools import pairwise
from typing import Any

import numpy as np

from lorentznet.data import selection
from lorentznet.data.card import DatasetCard
from lorentznet.data.readers.base import Branch, Description, RawJets, Reader, available, damaged, require
from lorentznet.errors import DataError, MissingExtraError, nearest

_NUMBERED = re.compile(r"(?P<stem>.+)_(?P<number>\d+)")


class PandasReader(Reader):
    """A pandas ``format="table"`` group; columns with numbered names are particles, the others are numbers per jet."""

    format = "pandas-hdf5"
    title = "HDF5 files (pandas table)"
    magic = b"\x89HDF\r\n\x1a\n"

    def __init__(self, path: str, tree: str | None = None) -> None:
        import h5py

        self.path = path
        with damaged(path, "HDF5"):
            self._file = h5py.File(path, "r", locking=False)
        self._tables: Any = None
        try:
            with damaged(path, "HDF5"):
                self.key = self._choose(tree)
                self._table = self._file[self.key]["table"]
                self._columns = self._find_columns()
            self._description = self._describe()
        except BaseException:
            self._file.close()
            raise

    @classmethod
    def recognises(cls, path: str, head: bytes) -> bool:
        """True for an HDF5 file with a group that pandas wrote."""
        import h5py

        if not head.startswith(cls.magic):
            return False
        with damaged(path, "HDF5"), h5py.File(path, "r", locking=False) as file:
            return any("pandas_type" in file[key].attrs for key in file)

    def _choose(self, tree: str | None) -> str:
        groups = {
            key: _text(self._file[key].attrs["pandas_type"]) for key in self._file if "pandas_type" in self._file[key].attrs
        }
        keys = [key for key, kind in groups.items() if kind == "frame_table"]
        if not keys:
            raise DataError(
                f"{self.path}: pandas wrote it as '{next(iter(groups.values()))}'; write it with to_hdf(..., format='table')"
            )
        if tree is None and len(keys) > 1:
            raise DataError(
                f"{self.path}: holds several tables ({', '.join(keys)}); name one: {self.path}:{keys[0]}, or 'tree' in the card"
            )
        if tree is not None and tree not in keys:
            raise DataError(f"{self.path}: has no table '{tree}'; {nearest(tree, keys)}")
        return tree or keys[0]

    def _find_columns(self) -> dict[str, tuple[str, int | None]]:
        """Column -> (field of the compound type, place in its block)."""
        columns: dict[str, tuple[str, int | None]] = {}
        for field in self._table.dtype.names:
            kind = self._table.attrs.get(f"{field}_kind")
            if field == "index" or kind is None:
                continue
            names = _unpickled_names(kind)
            shape = self._table.dtype[field].shape
            width = shape[0] if shape else 1
            if len(names) != width:
                what = f"block '{field}' has {width} columns but {len(names)} names"
                raise DataError(f"{self.path}: {what}; the file is damaged: copy or make it again")
            for place, name in enumerate(names):
                columns[name] = (field, place if shape else None)
        return columns

    def _describe(self) -> Description:
        stems: dict[str, dict[int, str]] = {}
        for name in self._columns:
            if match := _NUMBERED.fullmatch(name):
                stems.setdefault(match["stem"], {})[int(match["number"])] = name
        self._stems = {
            stem: [numbers[n] for n in sorted(numbers)]
            for stem, numbers in stems.items()
            if sorted(numbers) == list(range(len(numbers)))
        }
        branches = [Branch(stem, f"{self._type(names[0])} x {len(names)}", "particle") for stem, names in self._stems.items()]
        inside = {name for names in self._stems.values() for name in names}
        for name in self._columns:
            if name not in inside:
                branches.append(
                    Branch(
                        name,
                        self._type(name),
                        "jet" if self._table.dtype[self._columns[name][0]].base.kind in "biuf" else "other",
                    )
                )
        chunks = self._table.chunks
        return Description(
            f"pandas table '{self.key}'", int(self._table.shape[0]), tuple(branches), int(chunks[0]) if chunks else 1
        )

    def _type(self, column: str) -> str:
        return str(self._table.dtype[self._columns[column][0]].base)

    def describe(self) -> Description:
        """What the table holds."""
        return self._description

    def read(self, start: int, stop: int, card: DatasetCard) -> RawJets:
        """The columns of a card, of rows ``start`` to ``stop``; a slot whose momentum is zero in all components is padding."""
        found = self._description
        require(card.particle_branches, "particle", found, card, self.path)
        require(card.jet_branches, "jet", found, card, self.path)
        cuts = selection.names(card.selection) if card.selection else ()
        per_jet = dict.fromkeys([*card.jet_branches, *available(cuts, "jet", found)])
        rows = self._rows(start, stop)
        padded = {stem: self._padded(rows, stem, card) for stem in card.particle_branches}
        real = np.zeros(next(iter(padded.values())).shape, dtype=bool)
        for branch in card.momenta.branches.values():
            real |= padded[branch] != 0
        particles = {stem: values[real] for stem, values in padded.items()}
        return RawJets(
            particles, real.sum(axis=1, dtype=np.int64), {name: np.array(self._column(rows, name)) for name in per_jet}
        )

    def _padded(self, rows: np.ndarray, stem: str, card: DatasetCard) -> np.ndarray:
        """The numbered columns of a stem, shape (n_jets, slots), as a view if they are evenly spaced in one block."""
        names = self._stems[stem]
        slots = {len(self._stems[other]) for other in card.particle_branches}
        if len(slots) > 1:
            raise DataError(
                f"{self.path}: '{stem}' has {len(names)} numbered columns, other branches of card '{card.name}' another number"
            )
        fields = {self._columns[name][0] for name in names}
        places = [self._columns[name][1] for name in names]
        steps = {after - before for before, after in pairwise(places) if before is not None and after is not None}
        if len(fields) == 1 and len(steps) == 1 and (step := steps.pop()) > 0:
            block: np.ndarray = rows[fields.pop()]
            return block[:, places[0] :: step][:, : len(names)]
        return np.stack([self._column(rows, name) for name in names], axis=1)

    def _column(self, rows: np.ndarray, name: str) -> np.ndarray:
        field, place = self._columns[name]
        column: np.ndarray = rows[field] if place is None else rows[field][:, place]
        return column

    def _rows(self, start: int, stop: int) -> np.ndarray:
        import h5py

        create = self._table.id.get_create_plist()
        filters = [create.get_filter(i) for i in range(create.get_nfilters())]
        foreign = [code for code, *_ in filters if not h5py.h5z.filter_avail(code)]
        with damaged(self.path, "HDF5"):
            rows: np.ndarray = self._foreign_rows(start, stop) if foreign else self._table[start:stop]
        return rows

    def _foreign_rows(self, start: int, stop: int) -> np.ndarray:
        """Rows of a table whose compression only PyTables knows."""
        if self._tables is None:
            try:
                import tables
            except ImportError:
                cure = "install PyTables: pip install 'lorentznet[toptag]'"
                raise MissingExtraError(f"{self.path}: is compressed with blosc, which h5py cannot read; {cure}") from None
            self._tables = tables.open_file(self.path, "r")
        rows: np.ndarray = self._tables.get_node(f"/{self.key}/table").read(start, stop)
        return rows

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._tables is not None:
            self._tables.close()


class _NamesOnly(pickle.Unpickler):
    """Unpickles lists of strings and nothing that would run code."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not a name of a column")


def _unpickled_names(attribute: Any) -> list[str]:
    """Column names of a block: PyTables stores attributes that are lists as pickles."""
    data = attribute.encode() if isinstance(attribute, str) else bytes(attribute)
    return [str(name) for name in _NamesOnly(io.BytesIO(data), encoding="utf-8").load()]


def _text(attribute: Any) -> str:
    return attribute.decode() if isinstance(attribute, bytes) else str(attribute)
