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

    See Also
    --------
    clvml.tracking.resolve, clvml.tracking.register, clvml.tracking.promote : Return one.
    clvml.tracking.models : All versions as a table.

    Examples
    --------
    A scheduler notes which version answers today, by the URI that will always mean it:

    >>> from clvml.tracking import resolve
    >>> version = resolve("models:/shop@champion")  # doctest: +SKIP
    >>> version.uri, version.aliases  # doctest: +SKIP
    ('models:/shop/1', ('champion',))
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

    Parameters
    ----------
    model_uri : str
        ``models:/<name>@<alias>`` or ``models:/<name>/<version>``.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.

    Returns
    -------
    RegisteredVersion
        Its number, aliases and tags.

    Raises
    ------
    TrackingError
        If the model, the alias or the version does not exist; the message lists those that do.

    See Also
    --------
    clvml.tracking.load : Its model.
    clvml.tracking.models : All versions, and why each is or is not the champion.

    Examples
    --------
    >>> from clvml.tracking import resolve
    >>> resolve("models:/shop@champion").version  # doctest: +SKIP
    1
    >>> resolve("models:/shop@challenger")  # doctest: +SKIP
    Traceback (most recent call last):
    clvml.errors.TrackingError: the registered model 'shop' has no alias 'challenger' (existing: champion);
    clvml.tracking.promote sets one.
    """
    with connected(tracking_uri):
        return _resolve(model_uri)


def load(model_uri: str | Path, *, tracking_uri: str | None = None) -> Any:
    """The estimator of a model URI, exactly as it was logged.

    Parameters
    ----------
    model_uri : str or Path
        ``models:/<name>@<alias>``, ``models:/<name>/<version>``, ``models:/<model id>``,
        ``runs:/<run id>/<name>``, or the path of a model folder.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.

    Returns
    -------
    estimator
        A fitted lifetime-value model, a segmentation or customer groups.

    Raises
    ------
    TrackingError
        If the store does not respond, or there is no such model; the message lists those that exist.

    See Also
    --------
    clvml.tracking.load_model_with_card : With what is known of it.
    clvml.scoring.load_model_folder : A folder, without MLflow.
    clvml.tracking.score_batch : Scores a file without loading the model first.

    Examples
    --------
    A model folder loads as a registered model does, ``load("models:/shop@champion")``:

    >>> import tempfile
    >>> import clvml
    >>> from clvml.scoring import ModelCard, save_model_folder
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> from clvml.tracking import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_model_folder(clvml.RepeatRateValue(horizon=39).fit(customers), folder)
    ...     model = load(folder)
    >>> f"{model.predict(customers).sum():,.0f}"
    '114,396'
    """
    return _loaded(load_model, model_uri, tracking_uri)


def load_card(model_uri: str | Path, *, tracking_uri: str | None = None) -> ModelCard:
    """The card of a model URI: what the model knows of its data, its parameters and its scores.

    Parameters
    ----------
    model_uri : str or Path
        ``models:/<name>@<alias>``, ``models:/<name>/<version>``, ``models:/<model id>``,
        ``runs:/<run id>/<name>``, or the path of a model folder.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.

    Returns
    -------
    ModelCard
        Without a customer.

    Raises
    ------
    TrackingError
        As in :func:`load`.

    See Also
    --------
    clvml.tracking.load_model_with_card : With the model, by one download.
    clvml.scoring.read_card : From a folder, without MLflow.

    Examples
    --------
    Whether the champion's predictions are past what was validated:

    >>> from clvml.tracking import load_card
    >>> card = load_card("models:/shop@champion")  # doctest: +SKIP
    >>> card.title, card.observed_until, card.warranty["until"]  # doctest: +SKIP
    ('BG/NBD x Gamma-Gamma', '1998-03-31', '1998-08-29')
    """
    return _loaded(flavor.load_card, model_uri, tracking_uri)


def load_model_with_card(model_uri: str | Path, *, tracking_uri: str | None = None) -> tuple[Any, ModelCard]:
    """The estimator of a model URI and its card, by one download.

    Parameters
    ----------
    model_uri : str or Path
        ``models:/<name>@<alias>``, ``models:/<name>/<version>``, ``models:/<model id>``,
        ``runs:/<run id>/<name>``, or the path of a model folder.
    tracking_uri : str, optional
        The MLflow store. Default: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in the current folder.

    Returns
    -------
    model : estimator
        As from :func:`load`.
    card : ModelCard
        As from :func:`load_card`.

    Raises
    ------
    TrackingError
        As in :func:`load`.

    See Also
    --------
    clvml.monitoring.check_model : Takes both, with later purchases.
    clvml.scoring.load_with_card : From a folder, without MLflow.

    Examples
    --------
    >>> import tempfile
    >>> import clvml
    >>> from clvml.scoring import ModelCard, save_model_folder
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> from clvml.tracking import load_model_with_card
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     card = ModelCard(observed_until="1997-09-30")
    ...     file = save_model_folder(clvml.RepeatRateValue(horizon=39).fit(customers), folder, card)
    ...     model, card = load_model_with_card(folder)
    >>> model.horizon, card.observed_until
    (39, '1997-09-30')
    """
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
