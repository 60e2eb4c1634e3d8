"""What a run may take for its output folder, checked before any work: nothing of the user's is ever lost.

A run replaces its output folder as a whole. So the folder is new, empty, or holds nothing but what an
earlier run wrote, unchanged; nothing that the run reads lies in it; and nobody lives in it.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clvml.errors import InputError
from clvml.files import is_same, lies_in
from clvml.tracking._connection import database_of, store_uri
from clvml.workflow._config import Config
from clvml.workflow._manifest import Manifest, entries

NAMED = 3
ANOTHER = "choose another folder (--output, or folder in [output] of the config)"


def check_output(path: Path, inputs: Mapping[str, Iterable[Path]] | None = None) -> None:
    """Refuse an output folder in which something of the user's would be lost.

    Parameters
    ----------
    path : Path
        The folder, which may not exist yet.
    inputs : mapping of str to paths, optional
        What the run reads, by what it is ("purchases"); see `inputs_of`.

    Raises
    ------
    InputError
        Which names the thing, the rule and the way out.
    """
    _check_is_folder(path)
    _check_nobody_lives_there(path)
    _check_holds_no_input(path, inputs or {})
    _check_can_be_replaced(path)
    if path.is_dir():
        check_own(path)


def inputs_of(config: Config) -> dict[str, list[Path]]:
    """What a run reads, by what it is: the files there are, and the place of an MLflow store."""
    segments = config.segments
    named = {
        "purchases": "" if config.data.is_built_in else config.data.source,
        "attributes": segments.attributes,
        "treatments": segments.treatments,
        "config": "" if config.file is None else str(config.file),
    }
    inputs = {kind: _existing(text) for kind, text in named.items() if text}
    store = _store_of(config)
    return inputs if store is None else inputs | {"MLflow store": [store]}


def check_own(path: Path) -> None:
    """Refuse a folder that holds anything but unchanged files of an earlier run."""
    manifest = Manifest.read(path) or Manifest(path)
    foreign = manifest.foreign(NAMED + 1)
    if foreign:
        raise InputError(
            f"the output folder {path} holds what clvml did not write ({_listed(foreign)}): a run replaces"
            " the whole folder, so it must be new, empty, or hold only the files of an earlier run; move"
            f" yours elsewhere, or {ANOTHER}."
        )
    changed = manifest.changed()
    if changed:
        raise InputError(
            f"in the output folder {path}, {_listed(changed)} changed after clvml wrote it, and a run would"
            f" replace it: move it elsewhere or delete it, or {ANOTHER}."
        )


def _check_is_folder(path: Path) -> None:
    taken = next((place for place in (path, *path.parents) if place.exists()), None)
    if taken is not None and not taken.is_dir():
        raise InputError(f"the output folder {path} cannot be made: {taken} is a file; {ANOTHER}.")


def _check_nobody_lives_there(path: Path) -> None:
    for what, place in (("the current folder", Path.cwd()), ("your home folder", Path.home())):
        if lies_in(place, path):
            where = "is" if is_same(place, path) else "contains"
            raise InputError(
                f"the output folder {path} {where} {what}, and a run replaces the whole folder: give a folder"
                f" inside it, such as --output {path / 'clvml-output'}."
            )


def _check_holds_no_input(path: Path, inputs: Mapping[str, Iterable[Path]]) -> None:
    for kind, files in inputs.items():
        for file in files:
            if lies_in(file, path) or _is_linked_into(file, path):
                raise InputError(
                    f"the output folder {path} holds the {kind} of this run ({file}), and a run replaces the"
                    f" whole folder: move {file.name} elsewhere, or {ANOTHER}."
                )


def _is_linked_into(file: Path, folder: Path) -> bool:
    """Whether a file has another name, as a hard link, in the folder."""
    if not file.is_file() or file.stat().st_nlink < 2 or not folder.is_dir():
        return False
    return any(is_same(folder / name, file) for name in entries(folder))


def _check_can_be_replaced(path: Path) -> None:
    """The new folder is built beside the old one: whether that can be done there."""
    place = Path(os.path.realpath(path))
    if place.is_mount():
        raise InputError(
            f"the output folder {path} is where a disk is mounted, and cannot be replaced as a whole: give a"
            f" folder inside it, such as --output {path / 'clvml-output'}."
        )
    above = next(parent for parent in place.parents if parent.exists())
    try:
        tempfile.TemporaryFile(dir=above).close()
    except OSError as error:
        inside = f", give a folder inside {path}" if place.exists() else ""
        raise InputError(
            f"the output folder {path} cannot be written: a run builds it in {above} and then moves it into"
            f" place, but nothing can be made there ({error.strerror}); mend that{inside}, or {ANOTHER}."
        ) from None


def _existing(text: str) -> list[Path]:
    found = [text] if os.path.lexists(text) else glob.glob(text, recursive=True)
    return [Path(path) for path in found]


def _store_of(config: Config) -> Path | None:
    """The file or folder of the MLflow store, where it has one here."""
    if not config.tracking.enabled:
        return None
    uri = store_uri(config.tracking.uri)
    parts = urlsplit(uri)
    local = Path(unquote(parts.path)) if parts.scheme in ("", "file") else None
    return database_of(uri) or local


def _listed(names: list[str]) -> str:
    more = " and more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
