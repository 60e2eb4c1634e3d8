"""The output folder: each file appears whole or not at all.

A file is written beside its place under a temporary name and then renamed, so that a run that is
interrupted leaves no half-written file behind, and the files of earlier stages stay.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from clvml.errors import InputError


class OutputFolder:
    """Writes the results of a run.

    Parameters
    ----------
    path : path
        Made when the first file is written, with the folders above it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def check(self) -> None:
        """Refuse a path that cannot be a folder, before anything is computed for it."""
        taken = next((path for path in (self.path, *self.path.parents) if path.exists()), None)
        if taken is not None and not taken.is_dir():
            raise InputError(
                f"the output folder {self.path} cannot be made: {taken} is a file; choose another."
            )

    def text(self, name: str, content: str) -> Path:
        """Write a text file in UTF-8."""
        return self._place(name, lambda temporary: temporary.write_text(content, encoding="utf-8"))

    def csv(self, name: str, table: pd.DataFrame) -> Path:
        """Write a table with its index; numbers are written so that they read back the same."""
        return self._place(name, lambda temporary: table.to_csv(temporary))

    def parquet(self, name: str, table: pd.DataFrame) -> Path:
        """Write a table with its index and its attrs (the time unit among them)."""
        return self._place(name, lambda temporary: table.to_parquet(temporary))

    def place(self, name: str, write: Callable[[Path], object]) -> Path:
        """Let ``write`` fill a temporary path (a file or a folder), then move it to ``name``."""
        return self._place(name, write)

    def forget(self, names: tuple[str, ...]) -> None:
        """Remove what an earlier run left under these names, so that results do not mix."""
        for name in names:
            _remove(self.path / name)

    def _place(self, name: str, write: Callable[[Path], object]) -> Path:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=target.parent) as scratch:
            temporary = Path(scratch) / target.name
            write(temporary)
            if temporary.is_dir():
                _remove(target)
            os.replace(temporary, target)
        return target


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
