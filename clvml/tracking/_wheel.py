"""The wheel of clvml that travels with a model, so that its environment can be built from its folder alone.

clvml is on no package index, where its name belongs to nobody: a requirement ``clvml==0.1.0`` would fail, or
install what a stranger put there. The wheel is assembled from the imported package (PEP 427): no build tool
runs and nothing is fetched, whether clvml is installed, or editable from its sources. Its metadata list the
needs of scoring only, at any version that clvml supports. Equal sources give equal bytes, and the build
number in the name differs with the sources, so that MLflow, which names environments by their requirements,
does not take another one for the same.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import Distribution, distribution, distributions
from importlib.resources import files
from typing import Any, NamedTuple

PACKAGE = "clvml"
FOLDER = "code"  # in the folder of a model
# What scoring imports; tests/tracking/test_wheel.py scores with these alone.
NEEDS = ("duckdb", "lazy-loader", "numpy", "pandas", "rich", "scikit-learn", "scipy", "threadpoolctl")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the date of all files
_LEFT_OUT = ("__pycache__",)


class Wheel(NamedTuple):
    """A wheel: its file name and its bytes."""

    name: str
    content: bytes

    @property
    def requirement(self) -> str:
        """The line in the requirements of a model; pip is run in the model's folder."""
        return f"{FOLDER}/{self.name}"


@cache
def travelling_wheel() -> Wheel:
    """The wheel of the imported clvml; assembled once per process."""
    sources = dict(_files(files(PACKAGE), f"{PACKAGE}/"))
    found = _installed()
    build = f"0{hashlib.sha256(repr([*map(_record_line, sources.items())]).encode()).hexdigest()[:10]}"
    info = f"{PACKAGE}-{found.version}.dist-info"
    content = sources | {
        f"{info}/METADATA": _metadata(found).encode(),
        f"{info}/WHEEL": _wheel_file(build).encode(),
    }
    if (licence := found.read_text("licenses/LICENSE")) is not None:
        content[f"{info}/licenses/LICENSE"] = licence.encode()
    record = f"{info}/RECORD"
    lines = [*map(_record_line, sorted(content.items())), f"{record},,"]
    content[record] = "".join(f"{line}\n" for line in lines).encode()
    return Wheel(f"{PACKAGE}-{found.version}-{build}-py3-none-any.whl", _zipped(content))


def _installed() -> Distribution:
    """The installed clvml, before the unfinished metadata that a build leaves in a source tree."""
    whole = (found for found in distributions(name=PACKAGE) if found.read_text("RECORD") is not None)
    return next(whole, None) or distribution(PACKAGE)


@cache
def pinned(names: Sequence[str]) -> tuple[str, ...]:
    """The packages at their installed versions, without a local part, which no index has."""
    return tuple(f"{name}=={distribution(name).version.partition('+')[0]}" for name in names)


def _files(folder: Any, prefix: str) -> Iterator[tuple[str, bytes]]:
    """All files of a package, by their paths."""
    for entry in sorted(folder.iterdir(), key=lambda each: str(each.name)):
        if entry.name.startswith(".") or entry.name in _LEFT_OUT or entry.name.endswith((".pyc", ".pyo")):
            continue
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _record_line(item: tuple[str, bytes]) -> str:
    path, content = item
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}"


def _metadata(found: Distribution) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {PACKAGE}", f"Version: {found.version}"]
    lines += [
        f"{key}: {found.metadata[key]}" for key in ("Summary", "Requires-Python") if found.metadata[key]
    ]
    lines += [f"Requires-Dist: {need}" for need in _supported(found.requires or [])]
    return "".join(f"{line}\n" for line in lines)


def _supported(requirements: Sequence[str]) -> list[str]:
    """Those of clvml's own requirements that scoring needs, with the versions that it supports."""
    stated = {re.split(r"[ <>=!~;\[]", line, maxsplit=1)[0].lower(): line for line in requirements}
    return [stated.get(name, name) for name in NEEDS]


def _wheel_file(build: str) -> str:
    return f"Wheel-Version: 1.0\nGenerator: clvml\nRoot-Is-Purelib: true\nBuild: {build}\nTag: py3-none-any\n"


def _zipped(content: dict[str, bytes]) -> bytes:
    """The files in order, RECORD last, with fixed dates and permissions."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data in content.items():
            entry = zipfile.ZipInfo(path, _LONG_AGO)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()
