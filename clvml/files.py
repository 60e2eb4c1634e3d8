"""Atomic writes of files and folders, which never overwrite existing data."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from clvml.errors import InputError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of renameat2(2)


def is_same(first: str | Path, second: str | Path) -> bool:
    """Whether two paths refer to the same file or folder, symbolic and hard links included."""
    try:
        return os.path.samefile(first, second)
    except OSError:  # one of them does not exist
        return os.path.realpath(first) == os.path.realpath(second)


def lies_in(path: str | Path, folder: str | Path) -> bool:
    """Whether a path is the folder itself or inside it, before or after resolving symbolic links."""
    written, followed = Path(os.path.abspath(path)), Path(os.path.realpath(path))
    places = {written, followed, *written.parents, *followed.parents}
    return any(is_same(place, folder) for place in places)


def beside(path: Path) -> Path:
    """An unused hidden path in the same folder, to be written first and then renamed to ``path``."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def check_not_there(path: str | Path, way_out: str) -> None:
    """Raise if ``path`` is an existing file or a folder that is not empty.

    Raises
    ------
    InputError
        If it is; the message ends with ``way_out``.
    """
    path = Path(path)
    if path.is_dir() and not any(path.iterdir()):
        return
    if os.path.lexists(path):
        raise InputError(f"{path} already exists and will not be overwritten: {way_out}.")


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """A temporary path for a file or folder, renamed to ``path`` when the block succeeds.

    An existing file is unchanged until then, and stays so if the block raises.
    """
    target = Path(os.path.realpath(path))
    unfinished = beside(target)
    try:
        yield unfinished
        if target.is_dir():
            target.rmdir()  # only if empty: the system refuses any other
        os.replace(unfinished, target)
    finally:
        delete(unfinished)


def delete(path: Path) -> None:
    """Remove a file or a folder with its contents; do nothing if the path does not exist."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def exchange(first: Path, second: Path) -> bool:
    """Swap two folders atomically; return False, having done nothing, if the system does not support it."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return bool(rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def put_in_place(new: Path, place: Path, previous: Path) -> Path | None:
    """Move a finished folder to ``place``; return the new path of the folder that it replaces, or None.

    On Linux the two are swapped atomically. Elsewhere the old folder is first renamed to ``previous``. Both
    are complete at all times.
    """
    if not place.exists():
        new.rename(place)
        return None
    shutil.copymode(place, new)
    if exchange(new, place):
        return new
    place.rename(previous)
    try:
        new.rename(place)
    except OSError:
        previous.rename(place)
        raise
    return previous
