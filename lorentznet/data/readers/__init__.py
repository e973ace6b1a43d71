"""Readers of jet files: the only places that know a file format. A file is recognised by its content, not by its name."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from lorentznet.data.readers.base import Branch, Description, RawJets, Reader
from lorentznet.errors import DataError

__all__ = ["Branch", "Description", "RawJets", "Reader", "formats", "open_reader", "readers"]


def readers() -> list[type[Reader]]:
    """All readers: the concrete subclasses of :class:`Reader` in this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    found, waiting = [], Reader.__subclasses__()
    while waiting:
        reader = waiting.pop()
        waiting.extend(reader.__subclasses__())
        if not getattr(reader, "__abstractmethods__", None):
            found.append(reader)
    return sorted(found, key=lambda reader: reader.format)


def formats() -> list[str]:
    """Names of all formats, as cards write them."""
    return [reader.format for reader in readers()]


OTHER_FORMATS = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "npz or another zip archive",
    b"\x93NUMPY": "npy",
    b"\x1f\x8b": "compressed by gzip",
}
"""First bytes of files that jets are often kept in, and what they are."""


def open_reader(path: str, tree: str | None = None) -> Reader:
    """Open a jet file with the reader that recognises it.

    Parameters
    ----------
    path
        Of the file, or a URL of a ROOT file.
    tree
        Which of the tables in the file to read; None takes the only one.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, is empty, or is of no known format.
    """
    head = b"root" if "://" in path else _head(path)
    for reader in readers():
        if reader.recognises(path, head):
            return reader(path, tree)
    known = ", ".join(reader.title for reader in readers())
    for reader in readers():
        if head.startswith(reader.magic):
            raise DataError(f"{path}: its layout is not known, though its container is; jets are read from {known}")
    for magic, title in OTHER_FORMATS.items():
        if head.startswith(magic):
            raise DataError(
                f"{path}: is {title}, which is not read; jets are read from {known}: write one with uproot, a row per jet"
            )
    raise DataError(f"{path}: no jet file that is known (it begins with {head[:8]!r}); jets are read from {known}")


def _head(path: str) -> bytes:
    file = Path(path)
    if file.is_dir():
        raise DataError(f"{path}: is a folder; name the files in it, e.g. '{path.rstrip('/')}/*.root'")
    try:
        with file.open("rb") as stream:
            head = stream.read(64)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file{_similar(file)}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None
    if not head:
        raise DataError(f"{path}: the file is empty; copy or make it again")
    return head


def _similar(file: Path) -> str:
    import difflib

    folder = file.parent
    if not folder.is_dir():
        return f"; the folder {folder} does not exist either"
    close = difflib.get_close_matches(file.name, [other.name for other in folder.iterdir() if other.is_file()], n=1, cutoff=0.7)
    return f"; did you mean '{folder / close[0]}'?" if close else "; check the path"
