"""Where the artifacts of an experiment are: models, tables and figures.

Beside an SQLite database; where the server says; with another database, where the experiment was created
to keep them. MLflow's default for that is the folder ``mlruns`` of whoever creates it, which others cannot
reach.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clvml.errors import TrackingError
from clvml.tracking._record_files import file_name
from clvml.tracking._store_checks import check_space, database_of, dialect_of


def location_for(name: str, uri: str, artifacts: str | None) -> str | None:
    """The location of the artifacts of a new experiment; None for the store's own default.

    Parameters
    ----------
    name : str
        Of the experiment.
    uri : str
        Of the store.
    artifacts : str, optional
        A folder or a URI, in which the experiment gets a folder of its name.
    """
    if artifacts:
        return f"{make_absolute(artifacts).rstrip('/')}/{file_name(name)}"
    if (database := database_of(uri)) is not None:
        return (database.parent / "mlruns" / file_name(name)).as_uri()
    return (Path.cwd() / "mlruns" / file_name(name)).as_uri() if dialect_of(uri) is not None else None


def make_absolute(artifacts: str) -> str:
    """A URI as it is; a path as an absolute ``file://`` URI.

    Examples
    --------
    >>> make_absolute("s3://models/clv"), make_absolute("/srv/mlflow")
    ('s3://models/clv', 'file:///srv/mlflow')
    """
    return artifacts if "://" in artifacts else Path(artifacts).absolute().as_uri()


def folder_of(location: str) -> Path | None:
    """The folder on this machine that a location means; None for any other."""
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def check_location(location: str) -> None:
    """Refuse a folder that cannot be written.

    Raises
    ------
    TrackingError
        With the folder.
    """
    folder = folder_of(location) if location else None
    if folder is None:
        return
    above = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(above, os.W_OK):
        raise TrackingError(
            f"the artifacts of the experiment are kept in {folder}, which cannot be written on this machine."
        )
    check_space(folder, "artifacts in")


def describe_location(location: str, uri: str, artifacts: str | None, *, is_new: bool) -> str:
    """A sentence on where the artifacts are, if that may surprise; otherwise empty."""
    if not location or database_of(uri) is not None:
        return ""
    folder, wanted = folder_of(location), artifacts and make_absolute(artifacts)
    if folder is None and dialect_of(uri) is None:
        return ""
    where = f"artifacts (models, tables, figures) are in {location if folder is None else folder}"
    if wanted and not is_new and not location.startswith(wanted):
        return f"{where}: the experiment has kept them there, and [tracking] artifacts is for new experiments"
    if folder is None or wanted:
        return where
    return (
        f"{where} of this machine, where others may not reach them: set [tracking] artifacts to a shared"
        " folder or bucket for new experiments (--set tracking.artifacts=s3://bucket/mlflow)"
    )
