"""Writing files so that there is the old one or the new one, never half of one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]

_ENDING = ".part"


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` when the block ends without an error.

    The bytes are on disk before that; after an error nothing is left behind. What processes that
    were killed while writing `path` have left is removed. A link is followed: what it leads to is
    replaced.

    Raises:
        OSError: the folder does not exist or cannot be written to.
    """
    given, path = path, Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{os.fspath(given)}: there is no folder {Path(given).parent}")
    clear_leftovers(path)
    file, partial = _created(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                os.chmod(partial, path.stat().st_mode & 0o777)
            if fcntl is not None:  # while the lock is held, or it might be taken for a leftover
                os.replace(partial, path)
        if fcntl is None:
            os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(path.parent)


def clear_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove files beside `path` that a killed process was writing in its place when it died."""
    path = Path(os.path.realpath(path))
    with suppress(OSError):
        for entry in path.parent.iterdir():
            if entry.name.startswith(f".{path.name}.") and entry.name.endswith(_ENDING):
                with suppress(OSError):
                    _remove_unless_open(entry)


def _created(path: Path) -> tuple[BinaryIO, Path]:
    """A new file beside `path`, locked by this process for as long as it is open."""
    while True:
        partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_ENDING}")
        file = partial.open("xb")
        if fcntl is None:
            return file, partial
        fcntl.flock(file, fcntl.LOCK_EX)
        # Between being made and locked it may have been taken for a leftover.
        if os.fstat(file.fileno()).st_nlink:
            return file, partial
        file.close()


def _remove_unless_open(partial: Path) -> None:
    if fcntl is None:
        partial.unlink()
        return
    with partial.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its writer lives
        partial.unlink()


def _sync_folder(folder: Path) -> None:
    """Let the renaming reach the disk; Windows has no way to ask for it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
