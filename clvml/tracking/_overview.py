"""The registered models with their versions: which one is the champion, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from clvml.tracking._challenge import FOLLOWS
from clvml.tracking._connection import connected
from clvml.tracking._promotion import SEGMENTS, segments_of
from clvml.tracking._registry import _aliases, named
from clvml.tracking._seats import CHALLENGER, CHAMPION, FORMER, NOT_JUDGED, Seats, seats_of

COLUMNS = (
    *("name", "version", "status", "aliases", "model", "dataset", "customers", "fitted_until"),
    *(
        "warranty_until",
        "verdict",
        "judged_against",
        "score_diff",
        "champion_from",
        "champion_to",
        "why",
        "uri",
    ),
)


def models(name: str | None = None, *, tracking_uri: str | None = None) -> pd.DataFrame:
    """The versions of the registered models, the latest first, and why each is or is not the champion.

    Parameters
    ----------
    name : str, optional
        One registered model. Default: all.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.

    Returns
    -------
    pandas.DataFrame
        One row per version: ``name, version``; ``status`` ("champion", "challenger", "former champion", "not
        promoted", "not judged yet"; the aliases decide, whatever the tags say) and ``aliases``; what it is
        and was trained on, ``model, dataset, customers, fitted_until``; ``warranty_until``, the date until
        which the length of the holdout validates its predictions; ``verdict`` of its comparison;
        ``judged_against``, ``score_diff`` (its score less that of the champion, with the interval);
        ``champion_from, champion_to``; ``why``; ``uri``. Unknown values are empty.

    Raises
    ------
    TrackingError
        If the store does not respond, or there is no such model.

    See Also
    --------
    clvml.tracking.promote, clvml.tracking.rollback : Change the champion.
    clvml.tracking.resolve : One version by its URI.

    Examples
    --------
    >>> from clvml.tracking import models
    >>> versions = models("shop")  # doctest: +SKIP
    >>> versions[["version", "status", "uri"]]  # doctest: +SKIP
       version      status            uri
    0        2  challenger  models:/shop/2
    1        1    champion  models:/shop/1
    >>> versions["why"][1]  # doctest: +SKIP
    'the first version of shop'
    """
    with connected(tracking_uri):
        import mlflow

        client = mlflow.MlflowClient()
        if name is not None:
            _aliases(name)
        registered = (
            client.search_registered_models(max_results=1000)
            if name is None
            else [client.get_registered_model(name)]
        )
        rows = [row for found in registered for row in _rows(client, found)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(client: Any, registered: Any) -> Iterator[dict[str, Any]]:
    seats = seats_of(registered)
    versions = client.search_model_versions(named(registered.name), max_results=1000)
    for found in sorted(versions, key=lambda version: -int(version.version)):
        number, tags = int(found.version), dict(found.tags)
        status = _status(number, seats, tags)
        yield {
            **{column: tags.get(column, "") for column in COLUMNS},
            "name": registered.name,
            "version": number,
            "status": status,
            "aliases": ", ".join(sorted(a for a, v in dict(registered.aliases).items() if int(v) == number)),
            "model": tags.get("model", "") or tags.get(FOLLOWS, ""),
            "why": _why(client, registered.name, number, status, tags),
            "uri": f"models:/{registered.name}/{number}",
        }


def _status(number: int, seats: Seats, tags: dict[str, str]) -> str:
    """The aliases decide; the tag may be that of an interrupted change, or older than a change by hand."""
    if number == seats.champion:
        return CHAMPION
    known = tags.get("status", "")
    if known == CHAMPION:
        return FORMER
    if number == seats.challenger:
        return CHALLENGER if known != NOT_JUDGED else NOT_JUDGED
    return known


def _why(client: Any, name: str, number: int, status: str, tags: dict[str, str]) -> str:
    """The reason in the tags, and what is unfinished about it."""
    known, why = tags.get("status", ""), tags.get("why", "")
    if status == NOT_JUDGED:
        return f"{why or 'it was not judged'}: run again, or 'clvml promote {name} {number}'"
    if status == CHAMPION and known != CHAMPION:
        why = "the alias was set in MLflow, or the promotion was interrupted before it was explained"
    elif status == FORMER:
        left = (
            f"replaced by version {tags['replaced_by']}" if "replaced_by" in tags else "alias moved in MLflow"
        )
        why = f"{why}; {left}"
    if status == CHAMPION and not name.endswith(SEGMENTS):
        own = segments_of(client, name, number)
        champion = _champion_of_segments(client, name)
        if own is not None and champion != own:
            return f"{why}. Its segments, version {own}, are not champion: 'clvml promote {name} {number}'"
    return why


def _champion_of_segments(client: Any, name: str) -> int | None:
    found = client.search_registered_models(named(name + SEGMENTS))
    return seats_of(found[0]).champion if found else None
