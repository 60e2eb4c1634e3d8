"""Champion and challenger of a registered model: the aliases, the tags and descriptions that say why.

Aliases decide; tags and descriptions explain. Every version has the tags ``status`` ("not judged yet", "not
promoted", "champion", "former champion") and ``why``. The registered model has the tag ``champions``: the
versions that were champion before the current one, and that one, so that `clvml.tracking.rollback` knows
where to go. An alias that somebody moved in MLflow's UI is accepted: the next change records it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CHAMPION, CHALLENGER = "champion", "challenger"
NOT_JUDGED, NOT_PROMOTED, FORMER = "not judged yet", "not promoted", "former champion"
HISTORY = "champions"
_KEPT = 100  # earlier champions
# The beginnings of descriptions that clvml may replace.
_OWN = (
    "Champion since ",
    "Former champion, ",
    "Not promoted.",
    "Not judged yet.",
    "**Champion: ",
    "**Challenger: ",
)


class Seats(NamedTuple):
    """Who is champion and who is challenger, and the versions that were champion.

    Attributes
    ----------
    champion, challenger : int or None
    history : tuple of int
        The champions from the first to the current one.
    """

    champion: int | None
    challenger: int | None
    history: tuple[int, ...]


def seats_of(registered: Any) -> Seats:
    """Of a registered model as MLflow's client returns it."""
    aliases = {alias: int(version) for alias, version in dict(registered.aliases).items()}
    history = [int(text) for text in registered.tags.get(HISTORY, "").split() if text.isdigit()]
    champion = aliases.get(CHAMPION)
    if champion is not None and history[-1:] != [champion]:
        history.append(champion)  # somebody else moved the alias
    return Seats(champion, aliases.get(CHALLENGER), tuple(history))


def seat(client: Any, name: str, version: int, history: Sequence[int], why: str, by: str) -> None:
    """Make a version the champion: first the alias, then what explains it.

    Parameters
    ----------
    client : mlflow.MlflowClient
    name : str
    version : int
    history : sequence of int
        The champions before it.
    why : str
    by : str
        "rule", "hand" or "rollback".
    """
    before = seats_of(client.get_registered_model(name))
    client.set_registered_model_alias(name, CHAMPION, str(version))
    if before.challenger == version:
        client.delete_registered_model_alias(name, CHALLENGER)
    stack = [*history, *([] if list(history[-1:]) == [version] else [version])][-_KEPT:]
    client.set_registered_model_tag(name, HISTORY, " ".join(map(str, stack)))
    predecessor = before.champion if before.champion != version else (history[-1] if history else None)
    if predecessor is not None and predecessor != version:
        _retire(client, name, predecessor, version)
    _untag(client, name, version, "champion_to", "replaced_by")
    _tag(client, name, version, why=why, champion_from=now(), champion_by=by, status=CHAMPION)
    describe(client, name, version)


def pass_over(client: Any, name: str, version: int, why: str) -> None:
    """Record why a version is not the champion."""
    _tag(client, name, version, why=why, status=NOT_PROMOTED)
    describe(client, name, version)


def describe(client: Any, name: str, version: int) -> None:
    """Say in the descriptions of the version and of the registered model who is champion and why."""
    found = client.get_model_version(name, str(version))
    _describe_version(client, found)
    registered = client.get_registered_model(name)
    if _may_replace(registered.description):
        client.update_registered_model(name, _of_model(client, name, seats_of(registered)))


def trained_on(tags: Mapping[str, str]) -> str:
    """What a version is and what it was trained on, in words; parts that are not known are left out."""
    parts = [tags.get("model", "")]
    if "dataset" in tags:
        customers = f"{int(tags['customers']):,} customers of " if tags.get("customers", "").isdigit() else ""
        until = f" until {tags['fitted_until']}" if "fitted_until" in tags else ""
        parts.append(f"trained on {customers}{tags['dataset']}{until}")
    if "warranty_until" in tags:
        parts.append(f"validated for predictions until {tags['warranty_until']}")
    return ", ".join(filter(None, parts))


def now() -> str:
    """The time, to the minute."""
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"


def _retire(client: Any, name: str, version: int, successor: int) -> None:
    _tag(client, name, version, status=FORMER, champion_to=now(), replaced_by=str(successor))
    _describe_version(client, client.get_model_version(name, str(version)))


def _describe_version(client: Any, found: Any) -> None:
    if _may_replace(found.description):
        client.update_model_version(found.name, str(found.version), _of_version(dict(found.tags)))


def _of_version(tags: Mapping[str, str]) -> str:
    since = {
        CHAMPION: f" since {tags.get('champion_from', '')}",
        FORMER: f", {tags.get('champion_from', '')} to {tags.get('champion_to', '')}, replaced by version"
        f" {tags.get('replaced_by', '')}",
    }
    status = tags.get("status", NOT_JUDGED)
    lead = f"{_sentence(status + since.get(status, ''))} {_sentence(tags.get('why', ''))}".strip()
    paragraphs = [lead, _sentence(trained_on(tags)), _sentence(_judged(tags))]
    return "\n\n".join(filter(None, paragraphs))


def _judged(tags: Mapping[str, str]) -> str:
    if "score_diff" not in tags:
        return ""
    return (
        f"score less that of {tags['judged_against']}: {tags['score_diff']}, on the holdout of"
        f" {tags['judged_on']}"
    )


def _of_model(client: Any, name: str, seats: Seats) -> str:
    lines = [
        f"**{title}: version {version}.** {_sentence(trained_on(tags))} {_sentence(tags.get('why', ''))}"
        for title, version in (("Champion", seats.champion), ("Challenger", seats.challenger))
        if version is not None
        for tags in [dict(client.get_model_version(name, str(version)).tags)]
    ]
    if len(seats.history) > 1:
        lines.append(f"Champions so far: versions {', '.join(map(str, seats.history))}.")
    return "\n\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _may_replace(description: str | None) -> bool:
    """Whether a description is empty or by clvml: one by a person stays."""
    return not description or description.startswith(_OWN)


def _tag(client: Any, name: str, version: int, **tags: str) -> None:
    """In this order: the status last, since a version that has one is complete."""
    for key, value in tags.items():
        client.set_model_version_tag(name, str(version), key, value)


def _untag(client: Any, name: str, version: int, *keys: str) -> None:
    present = client.get_model_version(name, str(version)).tags
    for key in keys:
        if key in present:
            client.delete_model_version_tag(name, str(version), key)
