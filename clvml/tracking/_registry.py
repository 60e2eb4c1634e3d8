"""The model registry: what is in it, a version by its URI, its model and card.

A model URI is ``models:/<name>@<alias>``, ``models:/<name>/<version>``, ``models:/<model id>``,
``runs:/<run id>/<name>``, or the path of a model folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from clvml.errors import TrackingError
from clvml.scoring._card import ModelCard
from clvml.tracking import flavor
from clvml.tracking._connection import connected
from clvml.tracking.flavor import load_model

T = TypeVar("T")


class RegisteredVersion(NamedTuple):
    """One version of a registered model.

    Attributes
    ----------
    name : str
        The registered model.
    version : int
        From 1.
    source : str
        The URI of the logged model.
    aliases : tuple of str
        Such as ``"champion"``.
    tags : dict of str to str
        Of the version.
    """

    name: str
    version: int
    source: str
    aliases: tuple[str, ...]
    tags: dict[str, str]

    @property
    def uri(self) -> str:
        """``models:/<name>/<version>``, which always means this version."""
        return f"models:/{self.name}/{self.version}"


def check_name(name: str) -> None:
    """Refuse a name that cannot be part of a model URI.

    Raises
    ------
    TrackingError
        If it is empty or contains ``/`` or ``:``.
    """
    if not re.fullmatch(r"[^/:]+", name):
        raise TrackingError(f"a registered model cannot be named {name!r}: remove '/' and ':'.")


def resolve(model_uri: str, *, tracking_uri: str | None = None) -> RegisteredVersion:
    """The version that ``models:/<name>@<alias>`` or ``models:/<name>/<version>`` currently refers to.

    Raises
    ------
    TrackingError
        If the model, the alias or the version does not exist; the message lists those that do.
    """
    with connected(tracking_uri):
        return _resolve(model_uri)


def load(model_uri: str | Path, *, tracking_uri: str | None = None) -> Any:
    """The estimator of a model URI, exactly as it was logged.

    Raises
    ------
    TrackingError
        If the store does not respond, or there is no such model; the message lists those that exist.
    """
    return _loaded(load_model, model_uri, tracking_uri)


def load_card(model_uri: str | Path, *, tracking_uri: str | None = None) -> ModelCard:
    """The card of a model URI: what the model knows of its data, its parameters and its scores.

    Raises
    ------
    TrackingError
        As in :func:`load`.

    Examples
    --------
    >>> from clvml.tracking import load_card
    >>> load_card("models:/cdnow@champion").observed_until  # doctest: +SKIP
    '1998-06-30'
    """
    return _loaded(flavor.load_card, model_uri, tracking_uri)


def load_model_with_card(model_uri: str | Path, *, tracking_uri: str | None = None) -> tuple[Any, ModelCard]:
    """The estimator and its card, by one download; as :func:`load`."""
    return _loaded(flavor.load_model_with_card, model_uri, tracking_uri)


def _loaded(read: Callable[[str], T], model_uri: str | Path, tracking_uri: str | None) -> T:
    uri = str(model_uri)
    if ":/" not in uri:
        if not Path(uri).is_dir():
            raise TrackingError(
                f"there is no model folder {uri!r}; a registered model is written as models:/<name>@<alias>."
            )
        return read(uri)
    with connected(tracking_uri):
        return read(_resolve(uri).uri if _names_a_version(uri) else uri)


def named(name: str) -> str:
    """MLflow's filter for a registered model."""
    return f'name = "{name}"' if "'" in name else f"name = '{name}'"


def _names_a_version(uri: str) -> bool:
    return uri.startswith("models:/") and ("@" in uri or uri.count("/") > 1)


def _resolve(uri: str) -> RegisteredVersion:
    match = re.fullmatch(r"models:/(?P<name>[^/@:]+)(@(?P<alias>[^/@]+)|/(?P<version>[^/]+))", uri)
    if match is None:
        raise TrackingError(
            f"{uri!r} is not the URI of a registered model; write models:/<name>@<alias> or"
            " models:/<name>/<version>."
        )
    aliases = _aliases(match["name"])
    if match["version"] is not None:
        return _version(match["name"], match["version"])
    if match["alias"] not in aliases:
        known = ", ".join(sorted(aliases)) or "none"
        raise TrackingError(
            f"the registered model {match['name']!r} has no alias {match['alias']!r} (existing: {known});"
            " clvml.tracking.promote sets one."
        )
    return _version(match["name"], aliases[match["alias"]])


def _aliases(name: str) -> dict[str, str]:
    import mlflow

    client = mlflow.MlflowClient()
    try:
        # MLflow returns versions without their aliases; the registered model has them.
        return dict(client.get_registered_model(name).aliases)
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    known = ", ".join(model.name for model in client.search_registered_models()) or "none"
    raise TrackingError(
        f"there is no registered model {name!r} (existing: {known}); 'clvml run' registers one."
    )


def _version(name: str, version: int | str) -> RegisteredVersion:
    import mlflow

    aliases = _aliases(name)
    client = mlflow.MlflowClient()
    if not str(version).isdigit():
        raise TrackingError(f"{version!r} is not a version of {name!r}: versions are integers.")
    try:
        found = client.get_model_version(name, str(version))
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        known = sorted(int(other.version) for other in client.search_model_versions(named(name)))
        raise TrackingError(
            f"the registered model {name!r} has no version {version} (existing:"
            f" {', '.join(map(str, known))})."
        ) from None
    own = tuple(sorted(alias for alias, marked in aliases.items() if str(marked) == str(version)))
    return RegisteredVersion(name, int(version), found.source, own, dict(found.tags))
