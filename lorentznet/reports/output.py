"""Several files that appear together."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lorentznet import files
from lorentznet.errors import OutputError


@contextmanager
def together(folder: str | Path) -> Iterator[Path]:
    """Give an empty folder beside ``folder``; if the block ends well its files move into ``folder``, else they are removed.

    Other files in ``folder`` stay as they are.

    Raises
    ------
    OutputError
        If the folder cannot be made or written, or the disk is full.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; give the name of a folder to write")
    files.make_folder(folder.parent)
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        yield temporary
        files.make_folder(folder)
        for path in sorted(temporary.iterdir()):
            os.replace(path, folder / path.name)
    except OutputError as error:
        raise OutputError(str(error).replace(str(temporary), str(folder))) from None
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); free some space or choose another --out"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
