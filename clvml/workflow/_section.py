"""What the sections of a config have in common, and the sections that belong to no stage."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Section(BaseModel):
    """A section of the config: frozen, and it refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ExperimentSection(Section):
    """What is asked. ``name`` defaults to the name of the data with ``_holdout`` behind it."""

    name: str = ""
    question: str = "Which model values these customers best on the holdout?"

    @field_validator("name")
    @classmethod
    def _is_a_folder_name(cls, name: str) -> str:
        if name and not re.fullmatch(r"\w[\w .-]*", name):
            raise ValueError("must be letters, digits, '_', '-', '.' and blanks: it names a folder")
        return name


class TrackingSection(Section):
    """Where MLflow keeps the runs; without ``uri``, where MLflow itself would look."""

    enabled: bool = True
    uri: str | None = None
    experiment: str = ""
    registered_model: str = Field(default="clv", min_length=1, pattern=r"^[^/:]+$")

    @property
    def registered_segments(self) -> str:
        """What the segments are registered as."""
        return f"{self.registered_model}-segments"


class OutputSection(Section):
    """Where the files go; default ``clvml-output/<experiment name>`` in the current folder."""

    folder: str = ""
