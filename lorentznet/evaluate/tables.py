"""Results in files: columns of numbers as CSV, what a figure is drawn from without a model, and everything else as JSON."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lorentznet import files
from lorentznet.errors import DataError

Columns = Mapping[str, NDArray[Any]]
Result = TypeVar("Result")


def read_json(path: str | Path, build: Callable[[Any], Result], what: str, cure: str) -> Result:
    """A result of plain values from a file.

    Parameters
    ----------
    path
        The file.
    build
        Makes the result of the values; what it raises for values of another kind becomes the error below.
    what, cure
        For the error: what the file should be, and what to do.

    Raises
    ------
    DataError
        If the file cannot be read or holds something else.
    """
    path = Path(path)
    try:
        return build(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: is not the {what}; {cure}") from None


def write_rows(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a CSV file, whole or not at all; None becomes an empty field, numbers are written in full."""
    with files.atomic(path) as temporary, temporary.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return Path(path)


def write_columns(path: str | Path, columns: Columns) -> Path:
    """Write arrays of one length as the columns of a CSV file."""
    return write_rows(path, list(columns), zip(*(column.tolist() for column in columns.values()), strict=True))


def read_columns(path: str | Path, words: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """The columns of a CSV file of numbers: int64 where all are whole, else float64; empty fields and words become NaN.

    Columns in ``words`` stay words.

    Raises
    ------
    DataError
        If there is no such file or it has no header and rows of one length.
    """
    path = Path(path)
    try:
        with path.open(newline="") as handle:
            header, *rows = list(csv.reader(handle)) or [[]]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (csv.Error, UnicodeDecodeError):
        raise DataError(f"{path}: is not a CSV file") from None
    if not header or any(len(row) != len(header) for row in rows):
        raise DataError(f"{path}: is not a table: give a header and rows of as many fields")
    fields = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    return {name: np.array(column, str) if name in words else _column(column) for name, column in fields.items()}


def without_empty(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table of words, header first, without the columns after the first that are empty in all rows."""
    used = [column for column in range(len(rows[0])) if column == 0 or any(row[column] for row in rows[1:])]
    return [[row[column] for column in used] for row in rows]


def file_name(name: str, taken: set[str]) -> str:
    """A file name for anything, different from those taken, to which it is added.

    Examples
    --------
    >>> taken = set()
    >>> file_name("cg: top/QCD", taken), file_name("cg: top?QCD", taken)
    ('cg__top_QCD', 'cg__top_QCD_')
    """
    stem = re.sub(r"[^\w.+-]", "_", name)
    while stem.casefold() in taken:
        stem += "_"
    taken.add(stem.casefold())
    return stem


def html_table(cells: Sequence[Sequence[str]], caption: str = "") -> str:
    """A table of words, the first row being the header, as HTML.

    Examples
    --------
    >>> html_table([["a"], ["<1"]], "numbers")
    '<table><caption>numbers</caption><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;1</td></tr></tbody></table>'
    """
    header, *rows = ([html.escape(word) for word in row] for row in cells)
    above = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    head = "".join(f"<th>{word}</th>" for word in header)
    body = "".join("<tr>" + "".join(f"<td>{word}</td>" for word in row) + "</tr>" for row in rows)
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _column(words: Sequence[str]) -> NDArray[Any]:
    if words and all(word.lstrip("-").isdecimal() for word in words):
        return np.array([int(word) for word in words], np.int64)
    return np.array([_number(word) for word in words], np.float64)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")
