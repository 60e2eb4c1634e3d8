"""The base class of config sections, and the sections that belong to no stage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from clvml._secrets import without_password

PASSWORD_NOTE = (
    "# The login of the store was left out. Set PGPASSWORD for PostgreSQL, MLFLOW_TRACKING_USERNAME and\n"
    "# MLFLOW_TRACKING_PASSWORD for a server, or MLFLOW_TRACKING_URI in place of uri."
)


class Section(BaseModel):
    """A section of the config: frozen, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class ExperimentSection(Section):
    """The name of the experiment and the question it answers."""

    name: str = ""
    """Name in the report, in MLflow and of the output folder. Default: that of the data with ``_holdout``."""
    question: str = "Which model values these customers best on the holdout?"
    """What the run is to answer; shown in the report."""

    @field_validator("name")
    @classmethod
    def _is_a_folder_name(cls, name: str) -> str:
        if name and not re.fullmatch(r"\w[\w .-]*", name):
            raise ValueError("must consist of letters, digits, '_', '-', '.' and spaces: it names a folder")
        return name


class TrackingSection(Section):
    """The MLflow store of runs and registered models."""

    enabled: bool = True
    """Whether to log runs and register the model (``--no-tracking``: no)."""
    uri: str | None = None
    """MLflow tracking URI, such as ``http://127.0.0.1:5000``. Default: MLflow's, sqlite:///mlflow.db.
    Better without a password: set PGPASSWORD, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."""
    artifacts: str = ""
    """Folder or bucket for the models, tables and figures of a new experiment, such as s3://bucket/mlflow; a
    path is relative to the current folder. Default: beside an SQLite database, or where the server says."""
    experiment: str = ""
    """Name of the MLflow experiment. Default: the name of the experiment."""
    registered_model: str = Field(default="", pattern=r"^[^/:]*$")
    """Name of the registered model; that of the segments adds ``-segments``. Default: the name of the MLflow
    experiment, so that another data set does not replace the champion. A run registers a challenger, which
    replaces the champion only if it is better on the latest holdout."""
    log_customers: bool = False
    """Whether tables and figures that name customers by id, such as predictions and segments, are logged to
    MLflow too; they are in the output folder anyway."""

    @property
    def has_password(self) -> bool:
        """Whether the URI has a password (or, for a server, a user), which is not written anywhere."""
        return self.uri is not None and without_password(self.uri) != self.uri

    @field_serializer("uri")
    def _without_password(self, uri: str | None) -> str | None:
        return None if uri is None else without_password(uri)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Without a password."""
        return iter(self.model_dump().items())

    @property
    def registered_segments(self) -> str:
        """The name under which the segments are registered."""
        return f"{self.registered_model}-segments"


class OutputSection(Section):
    """The output folder."""

    folder: str = ""
    """Path, relative to the current folder. Default: ``clvml-output/<experiment name>``."""
