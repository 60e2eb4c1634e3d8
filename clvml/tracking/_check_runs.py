"""A check of a registered model in MLflow: a run in the model's experiment, and tags of the version."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from clvml.errors import TrackingError
from clvml.tracking._connection import connected
from clvml.tracking._records import RunRecord
from clvml.tracking._registry import RegisteredVersion
from clvml.tracking._run_parts import WrittenRun
from clvml.tracking._runs import write_records

LAST_CHECKED, LAST_STATUS, LAST_RUN = "last_checked", "last_check", "last_check_run"


def log_check(
    record: RunRecord,
    version: RegisteredVersion,
    *,
    status: str,
    checked_until: str,
    tracking_uri: str | None = None,
) -> WrittenRun:
    """Write a check as a run in the experiment of the model, linked to it, and tag the version.

    Parameters
    ----------
    record : RunRecord
        Without a model.
    version : RegisteredVersion
        That was checked.
    status : str
        Such as ``"in order"``: the tag ``last_check``.
    checked_until : str
        ISO date: the tag ``last_checked``.
    tracking_uri : str, optional
        See :mod:`clvml.tracking`.

    Raises
    ------
    TrackingError
        If the store is unavailable, or a part of the run could not be written.
    """
    with connected(tracking_uri) as uri:
        model_id, experiment = _origin(version)
    written = write_records([record], experiment=experiment, tracking_uri=uri)[record.name]
    with connected(uri):
        _link(written.run_id, model_id)
        tags = {LAST_CHECKED: checked_until, LAST_STATUS: status, LAST_RUN: written.run_id}
        _tag(version, tags)
    if written.errors:
        raise TrackingError(f"a part of the check could not be written to MLflow: {written.errors[0]}")
    return written


def challenger_of(version: RegisteredVersion, *, tracking_uri: str | None = None) -> RegisteredVersion | None:
    """The registered challenger of a model, if there is one, and it is another version."""
    from clvml.tracking._registry import _aliases, _version

    with connected(tracking_uri):
        number = _aliases(version.name).get("challenger")
        return None if number is None or int(number) == version.version else _version(version.name, number)


def _origin(version: RegisteredVersion) -> tuple[str | None, str]:
    """The id of the logged model of a version, and the name of its experiment."""
    import mlflow

    client, name = mlflow.MlflowClient(), version.tags.get("experiment", version.name)
    if not version.source.startswith("models:/"):
        return None, name
    model_id = version.source.removeprefix("models:/")
    with contextlib.suppress(mlflow.MlflowException):  # the logged model was deleted
        logged = client.get_logged_model(model_id)
        return model_id, str(client.get_experiment(logged.experiment_id).name)
    return None, name


def _link(run_id: str, model_id: str | None) -> None:
    """Make the model an input of the run, so that MLflow lists the one on the page of the other."""
    import mlflow
    from mlflow.entities import LoggedModelInput

    if model_id is not None:
        mlflow.MlflowClient().log_inputs(run_id, models=[LoggedModelInput(model_id=model_id)])


def _tag(version: RegisteredVersion, tags: Mapping[str, Any]) -> None:
    import mlflow

    client = mlflow.MlflowClient()
    for key, value in tags.items():
        client.set_model_version_tag(version.name, str(version.version), key, str(value))
