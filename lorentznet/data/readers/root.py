"""ROOT files with one row per jet: a TTree or an RNTuple, read through uproot.

Two habits of uproot's RNTuple reader shape this file: it drops columns that do not exist without a word, and it ignores cuts.
So the set of columns is checked here, and no cut is ever given to uproot.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lorentznet.data import selection
from lorentznet.data.card import DatasetCard
from lorentznet.data.readers.base import Branch, Description, RawJets, Reader, available, damaged, require
from lorentznet.errors import DataError, nearest

TABLES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple", "ROOT::Experimental::RNTuple")


class RootReader(Reader):
    """A flat TTree or RNTuple: numbers per jet in plain branches, numbers per particle in jagged ones."""

    format = "root"
    title = "ROOT files (TTree or RNTuple)"
    magic = b"root"

    def __init__(self, path: str, tree: str | None = None) -> None:
        import uproot

        self.path = path
        _check_length(path)
        with damaged(path, "ROOT"):
            # a mapping, because uproot would take the path apart at colons; no cache of arrays, which would hold 100 MB;
            # local files are mapped to memory: no threads, so that workers may be forked
            handler = None if "://" in path else uproot.MemmapSource
            self._file = uproot.open({path: None}, array_cache=None, handler=handler)
        try:
            with damaged(path, "ROOT"):
                name, self._class = self._choose(tree)
                self._tree: Any = self._file[name]
                self._description = self._describe(name)
        except BaseException:
            self._file.close()
            raise

    def _choose(self, tree: str | None) -> tuple[str, str]:
        tables: dict[str, str] = {}
        for name, kind in self._file.classnames(cycle=True).items():
            if kind in TABLES:
                tables.setdefault(name.rpartition(";")[0], kind)  # uproot lists the latest cycle of a name first
        if not tables:
            found = ", ".join(sorted(set(self._file.classnames().values()))) or "nothing"
            raise DataError(f"{self.path}: holds no TTree or RNTuple (found: {found}); give a file with one row per jet")
        if tree is not None:
            if tree.rpartition(";")[0] in tables:
                return tree, tables[tree.rpartition(";")[0]]
            if tree not in tables:
                raise DataError(f"{self.path}: has no tree '{tree}'; {nearest(tree, tables)}")
            return tree, tables[tree]
        for usual in ("tree", "Events", *tables):
            if usual in tables and (len(tables) == 1 or usual in ("tree", "Events")):
                return usual, tables[usual]
        names = ", ".join(tables)
        raise DataError(f"{self.path}: holds several trees ({names}); name one as {self.path}:NAME, or by 'tree' in the card")

    def _describe(self, name: str) -> Description:
        is_ntuple = "RNTuple" in self._class
        branches = []
        for key in self._tree.keys(recursive=False):
            field = self._tree[key]
            kind = str(field.typename)
            branches.append(Branch(key, kind, _kind_of_field(kind) if is_ntuple else _kind_of_branch(field)))
        n_jets = int(self._tree.num_entries)
        container = f"{'RNTuple' if is_ntuple else 'TTree'} '{name}'"
        return Description(container, n_jets, tuple(branches), self._block(is_ntuple, branches, n_jets))

    def _block(self, is_ntuple: bool, branches: list[Branch], n_jets: int) -> int:
        """Rows per basket of the largest column, or per cluster."""
        if is_ntuple:
            sizes = [cluster.num_entries for cluster in self._tree.cluster_summaries]
        else:
            jagged = [branch.name for branch in branches if branch.kind == "particle"]
            sizes = list(np.diff(self._tree[jagged[0]].entry_offsets)) if jagged else []
        return int(max(sizes, default=n_jets))

    def describe(self) -> Description:
        """What the tree holds."""
        return self._description

    def read(self, start: int, stop: int, card: DatasetCard) -> RawJets:
        """The columns of a card, of rows ``start`` to ``stop``."""
        import awkward as ak

        found = self._description
        require(card.particle_branches, "particle", found, card, self.path)
        require(card.jet_branches, "jet", found, card, self.path)
        cuts = selection.names(card.selection) if card.selection else ()
        per_jet = list(dict.fromkeys([*card.jet_branches, *available(cuts, "jet", found)]))
        per_particle = list(card.particle_branches)
        with damaged(self.path, "ROOT"):
            columns = self._tree.arrays([*per_particle, *per_jet], entry_start=start, entry_stop=stop, library="ak")
            layout = ak.to_layout(columns)
            contents = {name: layout[name].to_packed() for name in layout.fields}
        missing = {*per_particle, *per_jet} - set(contents)
        if missing or len(layout) != stop - start:
            what = f"branches {', '.join(sorted(missing))} were" if missing else f"only {len(layout)} of {stop - start} rows were"
            raise DataError(f"{self.path}: {what} read from {found.container}; the file is damaged: copy or make it again")
        particles, counts = self._flat({name: contents[name] for name in per_particle}, card, start)
        return RawJets(particles, counts, {name: np.array(ak.to_numpy(contents[name])) for name in per_jet})

    def _flat(self, jagged: dict[str, Any], card: DatasetCard, start: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Flat columns and the number of particles; every column must have the same number in each jet."""
        import awkward as ak

        particles: dict[str, np.ndarray] = {}
        counts: np.ndarray | None = None
        first = next(iter(jagged))
        for name, layout in jagged.items():
            offsets = np.asarray(
                layout.offsets if layout.is_list and not layout.is_regular else layout.to_ListOffsetArray64(True).offsets
            )
            number = np.diff(offsets)
            if counts is None:
                counts = number.astype(np.int64, copy=False)
            elif not np.array_equal(counts, number):
                row = int(np.flatnonzero(counts != number)[0])
                raise DataError(
                    f"{self.path}: jet {start + row} has {counts[row]} particles in '{first}' but {number[row]} in '{name}'; "
                    f"card '{card.name}' must name branches of the same collection"
                )
            particles[name] = np.asarray(ak.to_numpy(layout.content))
        assert counts is not None
        return particles, counts

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _kind_of_branch(branch: Any) -> Any:
    """Kind of a TTree branch, from its interpretation: numbers, or a variable number of them, per row."""
    import uproot

    if branch.branches:
        return "other"
    interpretation = branch.interpretation
    if isinstance(interpretation, uproot.AsJagged):
        return "particle" if _is_number(interpretation.content) else "other"
    return "jet" if _is_number(interpretation) else "other"


def _is_number(interpretation: Any) -> bool:
    import uproot

    if not isinstance(interpretation, uproot.AsDtype):
        return False
    dtype = interpretation.to_dtype
    return dtype.kind in "biuf" and dtype.shape == ()


def _kind_of_field(typename: str) -> Any:
    """Kind of an RNTuple field, from the name of its C++ type."""
    numbers = ("float", "double", "bool", "char", "std::int", "std::uint", "std::byte", "int", "unsigned", "short", "long")
    for prefix in ("std::vector<", "ROOT::VecOps::RVec<"):
        if typename.startswith(prefix):
            return "particle" if typename[len(prefix) :].startswith(numbers) else "other"
    return "jet" if typename.startswith(numbers) else "other"


def _check_length(path: str) -> None:
    """Refuse a local file that is shorter than its own header says: the plainest kind of truncation."""
    if "://" in path:
        return
    with open(path, "rb") as stream:
        head = stream.read(24)
    if len(head) < 24:
        raise DataError(f"{path}: truncated ROOT file ({len(head)} bytes); copy or make it again")
    version = int.from_bytes(head[4:8], "big")
    end = int.from_bytes(head[12:20] if version >= 1_000_000 else head[12:16], "big")
    size = os.path.getsize(path)
    if size < end:
        raise DataError(f"{path}: truncated ROOT file ({size} of {end} bytes); copy or make it again")
