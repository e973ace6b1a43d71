"""Errors that a user can act on.

Every mistake that a user can make ends as a :class:`LorentznetError` whose message is one line: what was given (with the
file), what is possible, the nearest match, and the cure. The command line prints that line and exits with code 2; anything
else that is raised is a defect of the package and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LorentznetError(Exception):
    """Root of all errors that name a cure."""


class DataError(LorentznetError):
    """A jet file, dataset card or score file cannot be used as it is."""


class ConfigError(LorentznetError):
    """A configuration names something unknown or out of range."""


class CheckpointError(LorentznetError):
    """A checkpoint is missing, damaged, or of another tagger."""


class OutputError(LorentznetError):
    """An output file or folder cannot be written."""


class MissingExtraError(LorentznetError):
    """An optional dependency is not installed."""


def nearest(name: object, options: Iterable[object]) -> str:
    """Words that list the options and, if one is close to ``name``, point at it.

    Examples
    --------
    >>> nearest("part_pz2", ["part_px", "part_pz"])
    "did you mean 'part_pz'? (available: part_px, part_pz)"
    >>> nearest("x", [])
    'nothing is available'
    """
    listed = sorted({str(option) for option in options})
    if not listed:
        return "nothing is available"
    shown = ", ".join(listed[:20]) + (f" and {len(listed) - 20} more" if len(listed) > 20 else "")
    folded = {option.casefold(): option for option in listed}
    close = difflib.get_close_matches(str(name).casefold(), list(folded), n=1, cutoff=0.5)
    return f"did you mean '{folded[close[0]]}'? (available: {shown})" if close else f"available: {shown}"
