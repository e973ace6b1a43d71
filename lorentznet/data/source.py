"""Words that name jets: ``PATH[:TREE][#ROWS]``, the one syntax wherever a jet file is given.

``jets.root``, ``jets.root:tree``, ``jets.root#0:12000`` (rows from 0 to 11,999), ``jets.root#test`` (a split of the
card), ``root://server//path/jets.root``, ``sample`` (the jets that ship with the package); where several files may be given,
``PATH`` may be a pattern such as ``data/*.root``.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from lorentznet.data.card import DatasetCard, split_rows
from lorentznet.errors import DataError

_WITH_TREE = re.compile(r"(?P<path>.*\.\w+):(?P<tree>[A-Za-z_][\w;]*(?:/[\w;]+)*)", re.DOTALL)
_SLICE = re.compile(r"(?P<start>\d*):(?P<stop>\d*)", re.ASCII)


SAMPLE = "sample"


def sample_path() -> Path:
    """The file with the generated top and QCD jets that ships with the package; its card stands beside it."""
    return Path(__file__).parent / "sample" / "toptag_sample.root"


@dataclass(frozen=True)
class JetSource:
    """A jet file, the tree in it, and the rows of it.

    Attributes
    ----------
    path
        Of the file, or a URL.
    tree
        Name of the TTree, RNTuple or HDF5 group; None takes the card's, or the only one.
    rows
        A slice, the name of a split, or None for all rows.
    """

    path: str
    tree: str | None = None
    rows: slice | str | None = None

    def __str__(self) -> str:
        rows = self.rows
        text = "" if rows is None else f"#{rows}"
        if isinstance(rows, slice):
            text = f"#{'' if rows.start is None else rows.start}:{'' if rows.stop is None else rows.stop}"
        return self.path + (f":{self.tree}" if self.tree else "") + text

    @property
    def is_remote(self) -> bool:
        """True for a URL."""
        return "://" in self.path

    def row_range(self, n_jets: int, card: DatasetCard) -> tuple[int, int]:
        """First row and row after the last, in a file of ``n_jets`` jets.

        Raises
        ------
        DataError
            If the card has no such split, rows or the split end past the end of the file, or no row is left.
        """
        if self.rows is None:
            return 0, n_jets
        if isinstance(self.rows, str):
            start, stop = split_rows(card, self.rows, self.path)
            if stop > n_jets:
                what = f"split '{self.rows}' ends at row {stop}, but the file has {n_jets} jets"
                raise DataError(f"{self.path}: {what}; correct the splits in the card")
            return start, stop
        start, stop, _ = self.rows.indices(n_jets)
        if start >= stop:
            raise DataError(f"{self}: no jet is in these rows; the file has {n_jets} jets")
        if self.rows.stop is not None and self.rows.stop > n_jets:
            what = f"these rows end at {self.rows.stop}, but the file has {n_jets} jets"
            raise DataError(f"{self}: {what}; write #{start}: for all jets from {start} on")
        return start, stop


def parse(word: str | Path | JetSource) -> JetSource:
    """Take a word apart.

    Raises
    ------
    DataError
        If the rows are neither ``start:stop`` nor the name of a split.

    Examples
    --------
    >>> parse("jets.root:tree#0:12000")
    JetSource(path='jets.root', tree='tree', rows=slice(0, 12000, None))
    >>> parse("jets.root#test").rows
    'test'
    """
    if isinstance(word, JetSource):
        return word
    text = str(word)
    if isinstance(word, Path) or Path(text).is_file():
        return JetSource(text)
    path, mark, rows = text.rpartition("#")
    if not mark:
        path, rows = text, ""
    if path == SAMPLE and not Path(path).exists():
        path = str(sample_path())
    tree = None
    if not Path(path).is_file() and (match := _WITH_TREE.fullmatch(path)):
        path, tree = match["path"], match["tree"]
    return JetSource(path, tree, _rows(rows, text) if mark else None)


def _rows(text: str, word: str) -> slice | str:
    if match := _SLICE.fullmatch(text):
        return slice(*(int(end) if end else None for end in match.groups()))
    if not text.isidentifier():
        raise DataError(
            f"{word}: rows '{text}' are not understood; write #start:stop (rows counted from 0) or #split, e.g. #0:1000 or #test"
        )
    return text


def matching(path: str) -> list[str]:
    """What a pattern matches, in order; a path that exists, or is no pattern, stands for itself."""
    if Path(path).exists() or not glob.has_magic(path):
        return [path]
    return sorted(glob.glob(path, recursive=True))


def expand(words: str | Path | JetSource | Iterable[str | Path | JetSource]) -> list[JetSource]:
    """Take words apart and replace patterns by the files they match, in alphabetical order.

    Raises
    ------
    DataError
        If a pattern matches nothing.
    """
    if isinstance(words, str | Path | JetSource):
        words = [words]
    sources: list[JetSource] = []
    for word in words:
        source = parse(word)
        if source.is_remote:
            sources.append(source)
            continue
        found = matching(source.path)
        if not found:
            raise DataError(f"{source.path}: no file matches this pattern")
        sources.extend(replace(source, path=path) for path in found)
    return sources
