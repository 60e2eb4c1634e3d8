"""The model registry: what is in it, a version by its URI, its model, scores of customers.

A model URI is ``models:/<name>@<alias>``, ``models:/<name>/<version>``, ``models:/<model id>``,
``runs:/<run id>/<name>``, or the path of a model folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from clvml.errors import TrackingError
from clvml.scoring._batches import score_batches
from clvml.scoring._contract import request_params
from clvml.scoring._customer_files import ScoreWriter, check_ids, read_batches
from clvml.tracking._connection import connected
from clvml.tracking.flavor import load_model


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
    uri = str(model_uri)
    if ":/" not in uri:
        if not Path(uri).is_dir():
            raise TrackingError(
                f"there is no model folder {uri!r}; a registered model is written as models:/<name>@<alias>."
            )
        return load_model(uri)
    with connected(tracking_uri):
        return load_model(_resolve(uri).uri if _names_a_version(uri) else uri)


def score_batch(
    model_uri: str | Path,
    customers: str | Path | pd.DataFrame,
    out_path: str | Path,
    *,
    horizon: float | str | None = None,
    annual_discount_rate: float | None = None,
    tracking_uri: str | None = None,
    segments: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Score customers with a model and write the scores to a file, in the customers' order.

    The file appears when it is complete; if scoring fails, no file is left and an existing file
    is unchanged. Files are read in batches, so that the scores, but not the input, must fit in memory.

    Parameters
    ----------
    model_uri : str or Path
        See the module's docstring.
    customers : str, Path or pandas.DataFrame
        A customer summary (``.parquet``, ``.csv`` or ``.xlsx``; a folder of them; ``"-"`` for standard input)
        with the model's columns; ids in the index or in a column ``customer_id`` (in CSV read as text, so
        that ``00017`` is kept).
    out_path : str or Path
        ``.parquet``, ``.csv`` or ``.xlsx``; the ids are its first column, ``customer_id``.
    horizon : float or str, optional
        In the model's time unit, or such as ``"12M"``; None takes the model's own.
    annual_discount_rate : float, optional
        None takes the model's own.
    segments : str or Path, optional
        The registered segments (``models:/<name>-segments@champion``) or the folder ``segments`` of a run:
        adds segment, class, stage and treatment of each customer, at the model's own horizon and discount
        rate. ``customers.parquet`` of a run has the purchases in each half of the relationship; without
        these columns trends are unknown.
    overwrite : bool, default False
        Whether an existing file may be replaced; the file of the customers never is.

    Returns
    -------
    pandas.DataFrame
        The scores, indexed by customer id: ``clv`` and its factors, or the segments.

    Raises
    ------
    TrackingError
        If the store does not respond or there is no such model.
    InputError
        If the file is missing or of another type, a customer is invalid, or ``out_path`` exists or is the
        customers' file.
    TimeUnitError
        If the summary counts time in another unit than the model.
    """
    file = ScoreWriter(out_path, overwrite=overwrite, source=customers)
    model = load(model_uri, tracking_uri=tracking_uri)
    options = {"horizon": horizon, "annual_discount_rate": annual_discount_rate}
    params = request_params(model, {name: value for name, value in options.items() if value is not None})
    groups = None if segments is None else load(segments, tracking_uri=tracking_uri)
    check_ids(customers)
    written = []
    with file:
        for scores in score_batches(model, read_batches(customers), params, groups):
            file.write(scores)
            written.append(scores)
    return pd.concat(written)


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
