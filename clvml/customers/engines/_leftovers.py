"""Temporary files and folders, locked by their process: what a killed one leaves, the next run removes.

A lock ends with its process, however it ends, and is seen from other containers, where process numbers
differ. Where there are no locks (Windows, some network file systems) nothing is removed.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_DIGITS = "[0-9a-f]" * 32
_ENDING = ".partial"
_SECONDS = 60.0  # a younger file may not be locked yet


def lock(path: Path) -> int:
    """Lock a file or a folder until the file descriptor that is returned is closed."""
    descriptor = os.open(path, os.O_RDONLY)
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def release(path: Path, descriptor: int) -> None:
    """Remove a file or a folder, and end its lock."""
    _remove(path)
    os.close(descriptor)


@contextlib.contextmanager
def partial_file(folder: Path, prefix: str) -> Iterator[Path]:
    """A new, locked file within a ``with`` block, at whose end it is removed, unless it was renamed.

    Parameters
    ----------
    folder : pathlib.Path
    prefix : str
        Of its name. Files with this prefix that killed processes left are removed first.
    """
    remove_abandoned(folder, prefix)
    path = folder / f"{prefix}{uuid.uuid4().hex}{_ENDING}"
    path.touch()
    descriptor = lock(path)
    try:
        yield path
    finally:
        release(path, descriptor)


def remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove the files and folders with this prefix and 32 hexadecimal digits, whose process has ended."""
    for path in folder.glob(f"{glob.escape(prefix)}{_DIGITS}*"):
        with contextlib.suppress(OSError):  # of another user, or removed meanwhile
            if not path.is_symlink() and _is_abandoned(path):
                _remove(path)


def _is_abandoned(path: Path) -> bool:
    if fcntl is None or time.time() - path.stat().st_mtime < _SECONDS:
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
