"""Files and folders that are written whole or not at all, and never over what somebody else keeps there."""

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
    """Whether two paths lead to one file or folder: through links, ``..`` or as hard links too."""
    try:
        return os.path.samefile(first, second)
    except OSError:  # one of them does not exist
        return os.path.realpath(first) == os.path.realpath(second)


def lies_in(path: str | Path, folder: str | Path) -> bool:
    """Whether a path is the folder or anything in it, as it is written or once its links are followed."""
    written, followed = Path(os.path.abspath(path)), Path(os.path.realpath(path))
    places = {written, followed, *written.parents, *followed.parents}
    return any(is_same(place, folder) for place in places)


def beside(path: Path) -> Path:
    """A hidden name in the same folder that nothing has yet, to be written and then moved to ``path``."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def check_not_there(path: str | Path, way_out: str) -> None:
    """Refuse to write over a file, or into a folder that holds something.

    Raises
    ------
    InputError
        Which ends with ``way_out``.
    """
    path = Path(path)
    if path.is_dir() and not any(path.iterdir()):
        return
    if os.path.lexists(path):
        raise InputError(f"{path} exists already and is not written over: {way_out}.")


@contextlib.contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """A path to write a file or folder to, which takes the place of ``path`` when the block succeeds.

    A file that was there before stays as it was until then, and for good where the block fails.
    """
    target = Path(os.path.realpath(path))
    unfinished = beside(target)
    try:
        yield unfinished
        if target.is_dir():
            target.rmdir()  # an empty one; the system refuses any other
        os.replace(unfinished, target)
    finally:
        delete(unfinished)


def delete(path: Path) -> None:
    """Remove a file, a folder with all that is in it, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def exchange(first: Path, second: Path) -> bool:
    """Let two folders trade names in one step; False, with nothing done, where the system cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return bool(rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def put_in_place(new: Path, place: Path, previous: Path) -> Path | None:
    """Move a finished folder to its place; where the folder that was there is now, if there was one.

    On Linux the two trade names in one step. Elsewhere the earlier one takes the name ``previous`` first.
    Both exist whole at every instant.
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
