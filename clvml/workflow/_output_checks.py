"""Checks of the output folder before a run, so that no user file is ever lost.

A run replaces its output folder as a whole. So the folder must be new, empty, or contain only unchanged files
of an earlier run; it must contain no input of the run; and it must not be the current or home folder, or a
parent.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clvml.customers.engines._logins import is_url
from clvml.errors import InputError
from clvml.files import is_same, lies_in
from clvml.tracking._connection import store_uri
from clvml.tracking._store_checks import database_of
from clvml.workflow._config import Config
from clvml.workflow._manifest import Manifest, entries

NAMED = 3
ANOTHER = "choose another folder (--output, or folder in [output] of the config)"


def check_output(path: Path, inputs: Mapping[str, Iterable[Path]] | None = None) -> None:
    """Refuse an output folder in which user files would be lost.

    Parameters
    ----------
    path : Path
        The folder, which may not exist yet.
    inputs : mapping of str to paths, optional
        The inputs of the run by kind ("purchases"); see `inputs_of`.

    Raises
    ------
    InputError
        Naming the file, the rule and the remedy.
    """
    _check_is_folder(path)
    _check_not_current_or_home(path)
    _check_holds_no_input(path, inputs or {})
    _check_can_be_replaced(path)
    if path.is_dir():
        check_own(path)


def inputs_of(config: Config) -> dict[str, list[Path]]:
    """The inputs of a run by kind: existing files, and the location of an MLflow store."""
    segments = config.segments
    named = {
        "purchases": "" if config.data.is_built_in or is_url(config.data.source) else config.data.source,
        "attributes": segments.attributes,
        "treatments": segments.treatments,
        "contacts": segments.contacts,
        "acquisition costs": config.economics.acquisition,
        "ratings": config.survey.ratings,
        "answers about satisfaction": config.survey.satisfaction,
        "complaints": config.survey.complaints,
        "responses": config.treatments.responses,
        "config": "" if config.file is None else str(config.file),
    }
    inputs = {kind: _existing(text) for kind, text in named.items() if text}
    store = _store_of(config)
    return inputs if store is None else inputs | {"MLflow store": [store]}


def check_own(path: Path) -> None:
    """Refuse a folder that contains anything but unchanged files of an earlier run."""
    manifest = Manifest.read(path) or Manifest(path)
    foreign = manifest.foreign(NAMED + 1)
    if foreign:
        raise InputError(
            f"the output folder {path} contains files that clvml did not write ({_listed(foreign)}): a run"
            " replaces the whole folder, so it must be new, empty, or contain only files of an earlier run;"
            f" move yours elsewhere, or {ANOTHER}."
        )
    changed = manifest.changed()
    if changed:
        raise InputError(
            f"in the output folder {path}, {_listed(changed)} changed after clvml wrote it, and a run would"
            f" overwrite it: move it elsewhere or delete it, or {ANOTHER}."
        )


def _check_is_folder(path: Path) -> None:
    taken = next((place for place in (path, *path.parents) if place.exists()), None)
    if taken is not None and not taken.is_dir():
        raise InputError(f"the output folder {path} cannot be made: {taken} is a file; {ANOTHER}.")


def _check_not_current_or_home(path: Path) -> None:
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
                    f"the output folder {path} contains the {kind} of this run ({file}), and a run replaces"
                    f" the whole folder: move {file.name} elsewhere, or {ANOTHER}."
                )


def _is_linked_into(file: Path, folder: Path) -> bool:
    """Whether the folder contains a hard link to the file."""
    if not file.is_file() or file.stat().st_nlink < 2 or not folder.is_dir():
        return False
    return any(is_same(folder / name, file) for name in entries(folder))


def _check_can_be_replaced(path: Path) -> None:
    """Check that the new folder can be built beside the old one."""
    place = Path(os.path.realpath(path))
    if place.is_mount():
        raise InputError(
            f"the output folder {path} is a mount point and cannot be replaced as a whole: give a"
            f" folder inside it, such as --output {path / 'clvml-output'}."
        )
    above = next(parent for parent in place.parents if parent.exists())
    try:
        tempfile.TemporaryFile(dir=above).close()
    except OSError as error:
        inside = f", give a folder inside {path}" if place.exists() else ""
        raise InputError(
            f"the output folder {path} cannot be written: a run builds it in {above} and then moves it into"
            f" place, but {above} is not writable ({error.strerror}); correct that{inside}, or {ANOTHER}."
        ) from None


def _existing(text: str) -> list[Path]:
    found = [text] if os.path.lexists(text) else glob.glob(text, recursive=True)
    return [Path(path) for path in found]


def _store_of(config: Config) -> Path | None:
    """The file or folder of the MLflow store, if it is local."""
    if not config.tracking.enabled:
        return None
    uri = store_uri(config.tracking.uri)
    parts = urlsplit(uri)
    local = Path(unquote(parts.path)) if parts.scheme in ("", "file") else None
    return database_of(uri) or local


def _listed(names: list[str]) -> str:
    more = " and more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
