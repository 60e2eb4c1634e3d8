"""The output folder: built under a temporary name and moved into place when complete.

A run writes to ``<folder>.unfinished``. When complete, that replaces the folder of an earlier
run, atomically where the system supports it (Linux) and by two renames elsewhere, so that at every instant
the earlier or the new results exist in full. A failed run keeps what it computed under the temporary name and
leaves the earlier results unchanged. The next run cleans up after an interrupted one.
"""

from __future__ import annotations

import contextlib
import glob
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from clvml.customers._formula_escapes import with_escapes
from clvml.customers._ids import CUSTOMER_ID, to_arrow
from clvml.customers.engines._large_csv import MANY, write_csv
from clvml.files import is_same, put_in_place
from clvml.workflow._manifest import Manifest, delete_remains
from clvml.workflow._output_checks import check_output, check_own

log = logging.getLogger("clvml")

KINDS = UNFINISHED, PREVIOUS = "unfinished", "previous"


class OutputFolder:
    """Writes the results of a run.

    Parameters
    ----------
    path : path
        The final location. Nothing is created before the first file is written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._manifest: Manifest | None = None
        self._is_complete = False

    @property
    def now(self) -> Path | None:
        """Where the files are now: the temporary folder until it is complete; None before the first file."""
        if self._is_complete:
            return self.path
        if self._manifest is None:
            return None
        as_written = self.path.parent / self._manifest.folder.name
        return as_written if is_same(as_written, self._manifest.folder) else self._manifest.folder

    def check(self, inputs: Mapping[str, Iterable[Path]] | None = None) -> None:
        """Refuse a folder in which user files would be lost, before the run starts.

        Raises
        ------
        InputError
            As `clvml.workflow._output_checks.check_output` does.
        """
        _mend(self._place)
        check_output(self.path, inputs)

    def text(self, name: str, content: str) -> Path:
        """Write a text file in UTF-8."""
        return self.place(name, lambda path: path.write_text(content, encoding="utf-8"))

    def csv(self, name: str, table: pd.DataFrame) -> Path:
        """Write a table with its index; floats round-trip exactly, and no id runs as a formula."""
        if table.index.name != CUSTOMER_ID:
            return self.place(name, table.to_csv)
        escaped = with_escapes(table)
        return self.place(name, partial(write_csv, escaped) if len(table) >= MANY else escaped.to_csv)

    def parquet(self, name: str, customers: pd.DataFrame) -> Path:
        """Write a table of customers with their ids and its attrs (the time unit among them)."""
        import pyarrow.parquet as pq

        return self.place(name, lambda path: pq.write_table(to_arrow(customers), path))

    def place(self, name: str, write: Callable[[Path], object]) -> Path:
        """Call ``write`` with the path of a file or folder of this name; return the path."""
        if self._manifest is None:
            self._manifest = _made_beside(self._place)
        with self._manifest.writing(name) as path:
            write(path)
        return path

    def keep_unfinished(self) -> None:
        """Keep the temporary folder: the run has failed."""
        if self._manifest is not None and not self._is_complete:
            self._manifest.process = None
            self._manifest.save()

    def complete(self) -> None:
        """Move the finished folder to its place.

        Raises
        ------
        InputError
            If a user file was added to the folder in the meantime; nothing is moved.
        """
        assert self._manifest is not None, "nothing was written"
        place = self._place
        if place.exists():
            check_own(place)
        self._manifest.complete = True
        self._manifest.save()
        earlier = put_in_place(self._manifest.folder, place, next(_free_names(place, PREVIOUS)))
        self._manifest.folder, self._manifest.process = place, None
        self._manifest.save()
        self._is_complete = True
        if earlier is not None:
            _discard(earlier)

    @property
    def _place(self) -> Path:
        """The folder itself if the path is a symbolic link."""
        return Path(os.path.realpath(self.path))


def _made_beside(place: Path) -> Manifest:
    """A new temporary folder; unfinished folders of earlier runs are deleted."""
    place.parent.mkdir(parents=True, exist_ok=True)
    for folder in _left_beside(place):
        manifest = Manifest.read(folder)
        if manifest is None:
            delete_remains(folder)
        elif manifest.is_abandoned() and not manifest.foreign(1) and not manifest.changed():
            manifest.delete_files()
    for name in _free_names(place, UNFINISHED):
        # Another run may create the folder first, or delete it while it is still empty.
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            name.mkdir()
            return Manifest.start(name)
    raise AssertionError  # names never end


def _mend(place: Path) -> None:
    """Restore the folder if a run was killed between the two renames."""
    if place.exists():
        return
    for manifest in map(Manifest.read, _left_beside(place)):
        if manifest is not None and manifest.complete and manifest.is_abandoned():
            manifest.folder.rename(place)
            return


def _left_beside(place: Path) -> list[Path]:
    """The temporary folders that earlier runs may have left, the unfinished ones first."""
    patterns = [f"{glob.escape(place.name)}.{kind}{more}" for kind in KINDS for more in ("", "-[0-9]*")]
    return [path for pattern in patterns for path in sorted(place.parent.glob(pattern)) if path.is_dir()]


def _free_names(place: Path, kind: str) -> Iterator[Path]:
    """``out.unfinished``, and ``out.unfinished-2`` where that is taken, and so on."""
    number = 1
    while True:
        path = place.with_name(f"{place.name}.{kind}" + (f"-{number}" if number > 1 else ""))
        if not os.path.lexists(path):
            yield path
        number += 1


def _discard(earlier: Path) -> None:
    """Delete the files of the earlier run; files added to its folder in the meantime are kept."""
    manifest = Manifest.read(earlier) or Manifest(earlier)  # an empty folder has none
    if not manifest.delete_files():
        log.warning("%s contains files that were added during the run; they are kept there", earlier)
