"""Output that is whole or absent.

Results are written beside their final name and moved there in one step, so that a full disk, an error or Ctrl-C leaves
nothing half-written behind.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lorentznet.errors import ConfigError, OutputError


def output_path(text: str) -> Path:
    """The value of ``--out``; nothing, as an unset variable of a shell script gives it, would be the working directory."""
    if not text.strip():
        raise ConfigError("--out: is empty; give the name of a file or folder to write, or '.' for this folder")
    return Path(text)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path in the same folder (same suffix); move it to ``path`` if the block ends well, else remove it.

    Raises
    ------
    OutputError
        If the folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    make_folder(path.parent)
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file to write")
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); free some space or choose another --out"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_json(path: str | Path, values: Any) -> Path:
    """Write plain values, whole or not at all; numbers must be finite."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
    return Path(path)


def make_folder(path: str | Path) -> Path:
    """Make a folder with its parents; :class:`OutputError` if that is not possible."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: the folder cannot be made ({error.strerror or error}); choose another --out") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder is not writable; choose another --out")
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
