"""A folder of scores in parts, ``part-00000.parquet`` and so on, that an interrupted run continues.

Each part appears when it is complete. Its Parquet metadata have the fingerprint of the run (model, parameters
and customers) and what the run has counted up to its end, so that nothing else needs to be kept in step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import pandas as pd

from clvml.errors import InputError
from clvml.files import lies_in
from clvml.scoring import _customer_files as customer_files
from clvml.scoring._customer_files import CustomerSource
from clvml.scoring._score_files import KINDS, ScoreWriter

PART_BATCHES = 64  # a million customers
_STAMP = b"clvml_scores"


def is_folder_of_scores(path: str | Path) -> bool:
    """Whether scores are to be written into a folder: the path has no suffix."""
    return Path(path).suffix == ""


def fingerprint(documents: Iterable[str], source: CustomerSource) -> str:
    """SHA-256 of all that scores depend on: models and parameters as JSON text, and the customers."""
    known = hashlib.sha256()
    for document in documents:
        known.update(document.encode())
    known.update(json.dumps([customer_files.BATCH_ROWS, PART_BATCHES]).encode())
    if isinstance(source.source, pd.DataFrame):
        known.update(repr(source.source.attrs).encode())
        known.update(_digest_of_frame(source.source))
    for path in source.files:
        with path.open("rb") as file:
            known.update(hashlib.file_digest(file, "sha256").digest())
    return known.hexdigest()


def _digest_of_frame(customers: pd.DataFrame) -> bytes:
    named = [(str(name), str(dtype)) for name, dtype in customers.dtypes.items()]
    rows = pd.util.hash_pandas_object(customers, categorize=False).to_numpy()
    return repr([named, str(customers.index.dtype)]).encode() + rows.tobytes()


class ScoreFolder:
    """Writes scores to a folder, part by part; use it in a ``with`` block.

    Parameters
    ----------
    path : str or Path
        A new folder, an empty one, or one with parts of the same run.
    overwrite : bool
        Whether parts of another run may be deleted. Files that clvml did not write are never touched.
    source : str, Path or pandas.DataFrame, optional
        The customers to be scored; their folder is not written to.

    Attributes
    ----------
    n_batches_done : int
        The number of batches in complete parts, once `open` was called.
    counts : dict or None
        What was counted up to the end of the last complete part.

    Raises
    ------
    InputError
        If the folder cannot be written to, or has files of scores or customers that clvml did not write.
    """

    def __init__(
        self, path: str | Path, *, overwrite: bool = False, source: str | Path | pd.DataFrame | None = None
    ) -> None:
        self.path, self._overwrite, self._source = Path(path), overwrite, source
        _check_folder(self.path, source)
        self.n_batches_done = 0
        self.counts: dict[str, Any] | None = None
        self._stamp: dict[str, Any] = {}
        self._writer: ScoreWriter | None = None
        self._n_in_part = 0

    def open(self, run: str) -> Self:
        """Continue the run with this fingerprint, or start it.

        Raises
        ------
        InputError
            If the folder has parts of another run, and ``overwrite`` is false.
        """
        self.path.mkdir(exist_ok=True)
        stamps = {part: _stamp_of(part) for part in sorted(self.path.glob("part-*.parquet"))}
        if any(stamp is not None and stamp["run"] != run for stamp in stamps.values()):
            self._start_anew(stamps)
            stamps = {}
        self._stamp = {"run": run}
        while (stamp := stamps.get(self._part())) is not None:
            stamps.pop(self._part())
            self.n_batches_done, self.counts = stamp["n_batches"], stamp["counts"]
        _delete_parts(stamps)  # after a part that is missing
        return self

    def write(self, table: pd.DataFrame, counts: Mapping[str, Any]) -> None:
        """Append the scores of the next batch; ``counts`` are plain data of all batches so far."""
        if self._writer is None:
            self._writer = ScoreWriter(self._part(), source=self._source)
        self._writer.write(table)
        self._n_in_part += 1
        self._stamp |= {"n_batches": self.n_batches_done + self._n_in_part, "counts": dict(counts)}
        if self._n_in_part == PART_BATCHES:
            self.finish_part()

    def finish_part(self) -> None:
        """Complete the part that is being written, if any."""
        if self._writer is not None:
            self._writer.describe({_STAMP: json.dumps(self._stamp).encode()})
            writer, self._writer = self._writer, None
            writer.__exit__(None)
            self.n_batches_done, self._n_in_part = self._stamp["n_batches"], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            self.finish_part()
        elif self._writer is not None:
            self._writer.__exit__(failed)

    def _part(self) -> Path:
        """The part that follows the complete ones."""
        return self.path / f"part-{-(-self.n_batches_done // PART_BATCHES):05d}.parquet"

    def _start_anew(self, stamps: Mapping[Path, Any]) -> None:
        if not self._overwrite:
            raise InputError(
                f"the folder {str(self.path)!r} has scores of another model, other customers or other"
                " parameters: give another folder, or start anew (--overwrite, overwrite=True)."
            )
        _delete_parts(stamps)


def _delete_parts(stamps: Mapping[Path, Any]) -> None:
    for part, stamp in stamps.items():
        if stamp is not None:
            part.unlink()


def _check_folder(path: Path, source: Any) -> None:
    if not path.parent.is_dir():
        raise InputError(f"the folder {str(path.parent)!r} for the scores does not exist; make it first.")
    if path.exists() and not path.is_dir():
        raise InputError(f"the scores cannot be written to the folder {str(path)!r}: it is a file.")
    if isinstance(source, str | Path) and Path(source).is_dir() and lies_in(path, source):
        raise InputError(
            f"the scores would be written into the folder of the customers, {str(source)!r}, and read as"
            " customers next time: give them another folder."
        )
    for file in sorted(path.iterdir()) if path.is_dir() else ():
        if file.suffix.lower() in KINDS and not file.name.startswith(".") and _stamp_of(file) is None:
            raise InputError(
                f"the folder {str(path)!r} has {file.name}, which is not a part of scores and would be read"
                " with them: give the scores another folder."
            )


def _stamp_of(path: Path) -> dict[str, Any] | None:
    """The stamp of a part; None for a file that clvml did not write as one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None
    return json.loads(metadata[_STAMP]) if _STAMP in metadata else None
