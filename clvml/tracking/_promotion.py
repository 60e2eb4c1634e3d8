"""Promote a version by hand, and roll back to the champion before."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from clvml.errors import TrackingError
from clvml.tracking._challenge import FOLLOWS
from clvml.tracking._connection import connected
from clvml.tracking._exclusive import exclusively
from clvml.tracking._registry import RegisteredVersion, _aliases, _version, named
from clvml.tracking._seats import CHAMPION, Seats, seat, seats_of

SEGMENTS = "-segments"  # ends the name of the segments that follow a model


def promote(
    name: str,
    version: int | None = None,
    alias: str = "champion",
    *,
    reason: str = "",
    tracking_uri: str | None = None,
) -> RegisteredVersion:
    """Make a version the champion: from now on ``models:/<name>@champion`` loads it.

    Its segments, if it was registered with any, are promoted with it.

    Parameters
    ----------
    name : str
        The registered model.
    version : int, optional
        Default: the challenger.
    alias : str
        Another alias is only set, without a record of why.
    reason : str
        Why, for the tags and the description of the version.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.

    Returns
    -------
    RegisteredVersion
        The version with its aliases.

    Raises
    ------
    TrackingError
        If the model or the version does not exist, there is no challenger, or the version is of segments,
        which follow their model.

    See Also
    --------
    clvml.tracking.rollback : Back to the champion before.
    clvml.tracking.models : Which version is the champion, and why.

    Examples
    --------
    >>> from clvml.tracking import promote
    >>> version = promote("shop", 2, reason="won the pilot in May")  # doctest: +SKIP
    >>> version.version, version.aliases, version.tags["why"]  # doctest: +SKIP
    (2, ('champion',), 'promoted by hand: won the pilot in May')
    """
    with connected(tracking_uri) as uri:
        import mlflow

        client = mlflow.MlflowClient()
        _aliases(name)  # it exists
        number = _challenger(client, name) if version is None else version
        found = _version(name, number)
        if alias != CHAMPION:
            client.set_registered_model_alias(name, alias, str(found.version))
            return _version(name, number)
        _refuse_segments(found)
        why = f"promoted by hand: {reason}" if reason else "promoted by hand"
        with exclusively(client, name, uri):
            seats = seats_of(client.get_registered_model(name))
            seat(client, name, found.version, seats.history, why, "hand")
        _move_segments(client, name, found.version, uri, "hand")
        return _version(name, number)


def rollback(name: str, *, reason: str = "", tracking_uri: str | None = None) -> RegisteredVersion:
    """Make the champion before the current one the champion again, and its segments with it.

    Repeated, it goes further back. Versions that were deleted since are passed over.

    Parameters
    ----------
    name : str
        The registered model.
    reason : str
        Why, for the tags and the description of the version.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.

    Returns
    -------
    RegisteredVersion
        The version that is the champion now.

    Raises
    ------
    TrackingError
        If the model does not exist, or there is no earlier champion.

    See Also
    --------
    clvml.tracking.promote : Makes any version the champion.
    clvml.tracking.models : Which version is the champion, and why.

    Examples
    --------
    >>> from clvml.tracking import rollback
    >>> version = rollback("shop", reason="totals too high in June")  # doctest: +SKIP
    >>> version.version, version.tags["why"]  # doctest: +SKIP
    (1, 'rolled back from version 2: totals too high in June')
    """
    with connected(tracking_uri) as uri:
        import mlflow

        client = mlflow.MlflowClient()
        _aliases(name)
        with exclusively(client, name, uri):
            seats = seats_of(client.get_registered_model(name))
            if seats.champion is not None:
                _refuse_segments(_version(name, seats.champion))
            earlier = _earlier(client, name, seats)
            left = "" if seats.champion is None else f" from version {seats.champion}"
            why = f"rolled back{left}{f': {reason}' if reason else ''}"
            seat(client, name, earlier[-1], earlier, why, "rollback")
        _move_segments(client, name, earlier[-1], uri, "rollback")
        return _version(name, earlier[-1])


def segments_of(client: Any, name: str, version: int) -> int | None:
    """The version of the segments that were made with a version of a model; None if there are none."""
    own = [
        int(found.version)
        for found in client.search_model_versions(named(name + SEGMENTS))
        if found.tags.get(FOLLOWS) == f"{name}/{version}"
    ]
    return max(own, default=None)


def _challenger(client: Any, name: str) -> int:
    seats = seats_of(client.get_registered_model(name))
    if seats.challenger is None:
        champion = "" if seats.champion is None else f" (its champion is version {seats.champion})"
        raise TrackingError(
            f"the registered model {name!r} has no challenger{champion}: name a version; 'clvml models"
            f" {name}' lists them."
        )
    return seats.challenger


def _earlier(client: Any, name: str, seats: Seats) -> list[int]:
    """The champions up to the one before the current one that still exists."""
    existing = {int(found.version) for found in client.search_model_versions(named(name))}
    earlier = list(seats.history)
    while earlier and (earlier[-1] == seats.champion or earlier[-1] not in existing):
        earlier.pop()
    if not earlier:
        current = "it has no champion" if seats.champion is None else f"version {seats.champion} is its first"
        raise TrackingError(
            f"the registered model {name!r} has no earlier champion to go back to: {current}. 'clvml promote"
            f" {name} VERSION' makes any version the champion."
        )
    return earlier


def _refuse_segments(found: RegisteredVersion) -> None:
    """Segments are tied to the values of a model."""
    model, _, version = found.tags.get(FOLLOWS, "").rpartition("/")
    if model:
        raise TrackingError(
            f"{found.name} version {found.version} has the segments of {model} version {version}, and follows"
            f" it: promote or roll back {model}."
        )


def _move_segments(client: Any, name: str, version: int, uri: str, by: str) -> None:
    """Make the segments of this version of the model the champion of theirs."""
    own, their_name = segments_of(client, name, version), name + SEGMENTS
    if own is None:
        return
    with exclusively(client, their_name, uri):
        seats = seats_of(client.get_registered_model(their_name))
        if seats.champion == own:
            return
        earlier = list(seats.history)
        if by == "rollback":
            with suppress(ValueError):  # never champion before: its model was promoted in MLflow's UI
                earlier = earlier[: len(earlier) - earlier[::-1].index(own)]
        seat(client, their_name, own, earlier, f"the segments of {name} version {version}, its champion", by)
