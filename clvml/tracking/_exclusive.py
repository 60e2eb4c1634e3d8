"""One process at a time changes the aliases of a registered model."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from typing import Any

from clvml.errors import TrackingError
from clvml.tracking._connection import _alone, database_of

CLAIM = "clvml.claim"  # tag of the registered model: the process that is changing its aliases
SETTLED = 0.5  # seconds in which another process, which saw no claim either, has written its own
ABANDONED = 30.0  # seconds after which an unchanged claim is that of a process that died
PATIENCE = 180.0


@contextlib.contextmanager
def exclusively(client: Any, name: str, uri: str) -> Iterator[None]:
    """Hold the right to change the aliases of this registered model within the block.

    For an SQLite store by its lock file, which the system releases if the process dies. Other stores have no
    locks that MLflow gives access to, so a tag claims it: the last of several claims written at once is
    the valid one, which each process sees when it reads the tag again a moment later (Fischer's algorithm). A
    claim that stays unchanged for long is that of a process that died, and is ignored.

    Parameters
    ----------
    client : mlflow.MlflowClient
    name : str
        A registered model that exists.
    uri : str
        Of the store.

    Raises
    ------
    TrackingError
        If other processes hold it for minutes.
    """
    database = database_of(uri)
    if database is not None:
        with _alone(database):
            yield
        return
    claim = uuid.uuid4().hex
    _claim(client, name, claim)
    try:
        yield
    finally:
        if _claimed_by(client, name) == claim:
            client.delete_registered_model_tag(name, CLAIM)


def _claim(client: Any, name: str, claim: str) -> None:
    started = changed = time.monotonic()
    seen = ""
    while time.monotonic() - started < PATIENCE:
        holder = _claimed_by(client, name)
        if holder != seen:
            seen, changed = holder, time.monotonic()
        if not holder or time.monotonic() - changed > ABANDONED:
            _write(client, name, claim)
            time.sleep(SETTLED)
            if _claimed_by(client, name) == claim:
                return
        time.sleep(SETTLED / 2)
    raise TrackingError(
        f"other processes have been changing the aliases of {name!r} for {PATIENCE / 60:.0f} minutes; try"
        " 'clvml promote' when they are done."
    )


def _write(client: Any, name: str, claim: str) -> None:
    """Write the claim; a database refuses the second of two that are new at the same moment: it has lost."""
    from mlflow.exceptions import MlflowException

    try:
        client.set_registered_model_tag(name, CLAIM, claim)
    except MlflowException:
        if not _claimed_by(client, name):
            raise


def _claimed_by(client: Any, name: str) -> str:
    return str(client.get_registered_model(name).tags.get(CLAIM, ""))
