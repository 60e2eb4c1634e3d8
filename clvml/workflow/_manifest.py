"""The manifest of an output folder: the files that clvml wrote, each with the digest of its content.

It is ``clvml-manifest.json`` in the folder. A file that it does not list was not written by clvml; one whose
content differs from the digest was changed afterwards. Only listed files are ever deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import secrets
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from clvml.files import delete, written_whole

MANIFEST = "clvml-manifest.json"
# Files that file managers create in folders they display.
OF_FILE_MANAGERS = (".DS_Store", "Thumbs.db", "desktop.ini")
_THIS_PROCESS = {"host": platform.node(), "id": os.getpid(), "token": secrets.token_hex(8)}


class Manifest:
    """The files of one output folder.

    Attributes
    ----------
    folder : Path
        Its path.
    files : dict of str to str or None
        By the path in the folder, with ``/``: the SHA-256 of the content; None while a file (or a folder with
        all in it) is being written.
    complete : bool
        Whether the run that wrote the folder completed.
    process : dict or None
        The process that is writing the folder; None when it has finished.
    """

    def __init__(
        self,
        folder: Path,
        files: dict[str, str | None] | None = None,
        complete: bool = False,
        process: dict[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.files = {} if files is None else files
        self.complete = complete
        self.process = process

    @classmethod
    def start(cls, folder: Path) -> Manifest:
        """The manifest of a new folder, to be written by this process."""
        manifest = cls(folder, process=dict(_THIS_PROCESS, id=os.getpid()))
        manifest.save()
        return manifest

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest of a folder; None if it is missing or unreadable."""
        try:
            document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            files = dict(document["files"])
            if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
                return None  # not written by clvml: a path outside the folder
            return cls(folder, files, bool(document["complete"]), document.get("process"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self) -> None:
        """Write it into its folder."""
        document = {
            "written_by": f"clvml {version('clvml')}",
            "complete": self.complete,
            "files": self.files,
            **({} if self.process is None else {"process": self.process}),
        }
        with written_whole(self.folder / MANIFEST) as path:
            path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """The path for a file or folder of this name: listed before it is written, then with its digest."""
        path = self.folder / name
        self.files[name] = None
        self.save()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield path
        except BaseException:
            delete(path)
            _remove_if_empty(path.parent)
            del self.files[name]
            self.save()
            raise
        del self.files[name]
        written = [path / entry for entry in entries(path)] if path.is_dir() else [path]
        self.files |= {file.relative_to(self.folder).as_posix(): digest(file) for file in written}
        self.save()

    def is_abandoned(self) -> bool:
        """Whether no live process is writing the folder, as far as can be determined."""
        if self.process is None:
            return True
        host, number, token = (self.process.get(key) for key in ("host", "id", "token"))
        if host != _THIS_PROCESS["host"] or os.name != "posix":
            return False
        if number == os.getpid():
            return token != _THIS_PROCESS["token"]
        try:
            os.kill(int(str(number)), 0)
        except ProcessLookupError:
            return True
        except (OSError, ValueError):
            return False
        return False

    def foreign(self, most: int | None = None) -> list[str]:
        """Files in the folder that are not listed, links and empty folders; at most ``most`` of them."""
        return list(islice((name for name in entries(self.folder) if not self._lists(name)), most))

    def changed(self) -> list[str]:
        """Listed files whose content has changed, or which are no longer regular files."""
        there = {name: self.folder / name for name in self.files if os.path.lexists(self.folder / name)}
        return [name for name, path in there.items() if self.files[name] not in (None, digest(path))]

    def delete_files(self) -> bool:
        """Delete the listed files and folders left empty; return whether there was nothing else."""
        for name, written in self.files.items():
            delete(self.folder / name) if written is None else _unlink(self.folder / name)
        for root, _, _ in os.walk(self.folder, topdown=False):
            for name in OF_FILE_MANAGERS:
                _unlink(Path(root) / name)
            if Path(root) != self.folder:
                _remove_if_empty(Path(root))
        if not self.foreign(1):
            _unlink(self.folder / MANIFEST)
        delete_remains(self.folder)
        return not self.folder.exists()

    def _lists(self, name: str) -> bool:
        if name.endswith("/"):  # an empty folder, whose files are gone
            return any(file.startswith(name) for file in self.files)
        above = (self.files.get(parent.as_posix(), "") is None for parent in Path(name).parents)
        return name in self.files or any(above)


def delete_remains(folder: Path) -> None:
    """Delete an empty folder left by a run interrupted before or after its manifest existed."""
    for unfinished in folder.glob(f".{MANIFEST}.*.part"):
        _unlink(unfinished)
    _remove_if_empty(folder)


def entries(folder: Path) -> Iterator[str]:
    """The files, links and empty folders below a folder, by their paths in it; the manifest is left out."""
    for root, folders, files in os.walk(folder, onerror=_raise):
        here = Path(root)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*files, *links]):
            path = (here / name).relative_to(folder).as_posix()
            if path != MANIFEST and name not in OF_FILE_MANAGERS and not _is_manifest_in_writing(path):
                yield path
        if not folders and not files and here != folder:
            yield here.relative_to(folder).as_posix() + "/"
        folders.sort()


def digest(path: Path) -> str:
    """The SHA-256 of a file's content; empty if it is not a regular file."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_manifest_in_writing(path: str) -> bool:
    return path.startswith(f".{MANIFEST}.") and path.endswith(".part")


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _raise(error: OSError) -> None:
    raise error
