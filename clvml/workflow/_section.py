"""The base class of config sections, and the sections that belong to no stage."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Section(BaseModel):
    """A section of the config: frozen, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ExperimentSection(Section):
    """Name and question. ``name`` defaults to the name of the data followed by ``_holdout``."""

    name: str = ""
    question: str = "Which model values these customers best on the holdout?"

    @field_validator("name")
    @classmethod
    def _is_a_folder_name(cls, name: str) -> str:
        if name and not re.fullmatch(r"\w[\w .-]*", name):
            raise ValueError("must consist of letters, digits, '_', '-', '.' and spaces: it names a folder")
        return name


class TrackingSection(Section):
    """The MLflow store; without ``uri``, MLflow's default."""

    enabled: bool = True
    uri: str | None = None
    experiment: str = ""
    registered_model: str = Field(default="clv", min_length=1, pattern=r"^[^/:]+$")

    @property
    def registered_segments(self) -> str:
        """The name under which the segments are registered."""
        return f"{self.registered_model}-segments"


class OutputSection(Section):
    """The output folder; default ``clvml-output/<experiment name>`` in the current folder."""

    folder: str = ""
