"""What a command says while it works: plain lines, progress bars on a terminal, nothing with ``--quiet``.

On a terminal progress is a bar; in a batch log it is a line now and then, never a carriage return.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Advance = Callable[[int], None]


def aligned(cells: Sequence[Sequence[str]]) -> str:
    """A table of words, header included, as lines with aligned columns.

    Examples
    --------
    >>> print(aligned([["name", "jets"], ["top-tagging", "12"]]))
    name         jets
    top-tagging  12
    """
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in cells)


class Console:
    """Lines and progress of one command, on standard error; results go to files or to standard output."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def say(self, text: str = "") -> None:
        """One line for the reader, unless quiet."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def result(self, text: str = "") -> None:
        """One line of the command's result, on standard output, also when quiet."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Advance]:
        """Give ``advance(n)``; ``total`` is the number of steps, or None when it is not known."""
        if self.quiet:
            yield lambda n: None
        elif sys.stderr.isatty():
            from rich.console import Console as RichConsole
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=RichConsole(stderr=True), transient=False) as bars:
                task = bars.add_task(description, total=total)
                yield lambda n: bars.advance(task, n)
        else:
            yield _lines(self.say, description, total)


def _lines(say: Callable[[str], None], description: str, total: int | None) -> Advance:
    """Progress for a log file: a line at most every ten seconds, and one at the end."""
    start = last = time.monotonic()
    done = 0

    def advance(n: int) -> None:
        nonlocal done, last
        done += n
        now = time.monotonic()
        if now - last >= 10 or (total is not None and done >= total > done - n):
            last = now
            say(f"{description}: {done}{'' if total is None else f'/{total}'}, {now - start:.0f} s")

    return advance
