"""A run as a TOML file: what to read, where to cut it, what to compare, where to write.

One mechanism serves the file and the command line: an option such as ``--time-unit M`` is an
override of one key, here ``split.time_unit``, and what comes out is the same `Config`. Every key
has a default, so that an empty file is the built-in CDNOW comparison. Unknown keys are refused.

Paths of data are relative to the folder of the config file (or to the current folder where an
option gives them); the output folder is relative to the current folder.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from clvml.customers._time_units import horizon_in
from clvml.errors import InputError

BUILT_IN = ("cdnow", "cdnow-master")
CDNOW_DATES = (dt.date(1997, 9, 30), dt.date(1998, 6, 30))
TimeUnitCode = Literal["D", "W", "M", "Y"]
ContenderName = Literal[
    "bgnbd_gamma_gamma",
    "mbgnbd_gamma_gamma",
    "pareto_nbd_gamma_gamma",
    "lifetimes",
    "repeat_rate",
    "total_spend",
    "historic",
    "annuity",
    "retention",
    "total_customer_value",
    "loyalty_effects",
    "profit_contribution",
    "migration",
    "zero",
]


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


class PolicySection(Section):
    """What to do with rows that may not be purchases: the choices of `clvml.TransactionPolicy`."""

    missing_customer: Literal["drop", "error"] = "drop"
    bad_date: Literal["drop", "error"] = "drop"
    bad_amount: Literal["drop", "error"] = "drop"
    future_date: Literal["drop", "keep", "error"] = "drop"
    returns: Literal["drop", "net", "error"] = "drop"
    zero_amount: Literal["keep", "drop", "error"] = "keep"
    duplicates: Literal["keep", "drop", "error"] = "keep"


class DataSection(Section):
    """Where the purchases are, and how their columns are called."""

    source: str = "cdnow"
    customer: str = "customer_id"
    date: str = "date"
    amount: str | None = None
    quantity: str | None = None
    price: str | None = None
    date_format: str | None = None
    memory_limit: str | None = None
    policy: PolicySection = PolicySection()

    @property
    def is_built_in(self) -> bool:
        """Whether the source is one of the data sets that come with clvml."""
        return self.source in BUILT_IN

    @model_validator(mode="after")
    def _columns_fit_together(self) -> Self:
        if (self.quantity is None) != (self.price is None):
            raise ValueError("needs quantity and price together: an amount is quantity x price")
        if self.amount and self.quantity:
            raise ValueError("names amount as well as quantity and price: give one or the other")
        told = self.model_fields_set - {"source"}
        if self.is_built_in and told:
            raise ValueError(
                f"gives {min(told)}, but {self.source!r} is built in and needs none of it: name the source"
                " of your own table too (--transactions)"
            )
        return self


class SplitSection(Section):
    """Where calibration ends and observation ends (both days included), and how time is counted.

    Left out, observation ends with the last purchase and the holdout is the last third of the time;
    CDNOW has its customary dates.
    """

    calibration_end: dt.date | None = None
    observation_end: dt.date | None = None
    time_unit: TimeUnitCode = "W"
    collapse: Literal["D", "W", "M", "Y", "none"] = "D"

    @model_validator(mode="after")
    def _leaves_a_holdout(self) -> Self:
        start, end = self.calibration_end, self.observation_end
        if start and end and start >= end:
            raise ValueError(
                f"leaves no holdout: calibration_end {start} must be earlier than observation_end {end}"
            )
        return self


class ValueSection(Section):
    """The lifetime value that the registered model gives.

    The comparison has no such freedom: it predicts the holdout's own duration, undiscounted and
    with a margin of 1, because its truth is the revenue of the holdout.
    """

    horizon: float | str = "12M"
    annual_discount_rate: float = Field(default=0.10, ge=0)
    margin: float = Field(default=1.0, gt=0)

    @field_validator("horizon", mode="before")
    @classmethod
    def _is_a_duration(cls, horizon: object) -> object:
        number = isinstance(horizon, str) and re.fullmatch(r"\s*\d+(\.\d*)?\s*", horizon)
        value = float(horizon) if number else horizon  # type: ignore[arg-type]
        horizon_in(value, "W")  # type: ignore[arg-type]
        return value


class ModelsSection(Section):
    """Which models compete; the zero baseline is always in."""

    contenders: tuple[ContenderName, ...] = Field(default=get_args(ContenderName), min_length=1)


class SegmentsSection(Section):
    """How many segments: a number, or ``"auto"`` for the criterion of `KMeansSegments`.

    ``treatments`` is a CSV file to use instead of `clvml.segments.acting`' own. ``attributes`` is a CSV
    or Parquet file with more about the customers, one row each, their id named as in the purchases; segments
    rest on its ``attribute_columns`` too (all, if none are named). ``contact`` is the column by which a
    customer can be reached; it is only counted. Paths are relative to the config's folder.
    """

    n_segments: int | Literal["auto"] = "auto"
    random_state: int = 0
    treatments: str = ""
    attributes: str = ""
    attribute_columns: tuple[str, ...] = ()
    contact: str = ""

    @model_validator(mode="after")
    def _columns_have_a_table(self) -> Self:
        if (self.attribute_columns or self.contact) and not self.attributes:
            raise ValueError("names columns of attributes but not the table they are in: give attributes")
        return self


class TrackingSection(Section):
    """Where MLflow keeps the runs; without ``uri``, where MLflow itself would look."""

    enabled: bool = True
    uri: str | None = None
    experiment: str = ""
    registered_model: str = Field(default="clv", min_length=1, pattern=r"^[^/:]+$")


class OutputSection(Section):
    """Where the files go; default ``clvml-output/<experiment name>`` in the current folder."""

    folder: str = ""


class Config(Section):
    """Everything that decides a run."""

    experiment: ExperimentSection = ExperimentSection()
    data: DataSection = DataSection()
    split: SplitSection = SplitSection()
    value: ValueSection = ValueSection()
    models: ModelsSection = ModelsSection()
    segments: SegmentsSection = SegmentsSection()
    tracking: TrackingSection = TrackingSection()
    output: OutputSection = OutputSection()
    _file: Path | None = PrivateAttr(None)

    def __eq__(self, other: object) -> bool:
        """Whether all keys are equal; the file that they were read from does not matter."""
        return isinstance(other, Config) and self.model_dump() == other.model_dump()

    @property
    def folder(self) -> Path:
        """The output folder."""
        return Path(self.output.folder)

    @property
    def file(self) -> Path | None:
        """The file that the config was read from, if it was."""
        return self._file

    def to_toml(self) -> str:
        """The config as TOML text, which reads back as the same config."""
        blocks = []
        for name, section in _tables(self.model_dump(exclude_none=True, exclude_defaults=False), ""):
            lines = [f"{key} = {_toml_value(value)}" for key, value in section.items()]
            blocks.append("\n".join([f"[{name}]", *lines]))
        return "\n\n".join(blocks) + "\n"


def load_config(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a config file, put the overrides over it, and fill in what follows from the rest.

    Parameters
    ----------
    path : path, optional
        A TOML file; without one, every key has its default.
    overrides : mapping, optional
        From dotted keys, such as ``"split.time_unit"``, to values; None means "not given".

    Raises
    ------
    InputError
        If the file is missing or not TOML, a key is unknown or a value is not allowed; the message
        names the key and the closest known one.

    Examples
    --------
    >>> load_config(overrides={"split.time_unit": "M"}).split.time_unit
    'M'
    >>> load_config().experiment.name
    'cdnow_holdout'
    """
    values = {} if path is None else _read_toml(Path(path))
    _resolve_source(values, Path(path).parent if path is not None else Path())
    _resolve_tables(values, Path(path).parent if path is not None else Path())
    for key, value in (overrides or {}).items():
        if value is not None:
            section, name = key.split(".")
            part = values.setdefault(section, {})
            if isinstance(part, dict):
                part[name] = value
    if overrides and overrides.get("data.source") is not None:
        _resolve_source(values, Path())
    try:
        config = _completed(Config.model_validate(values))
    except ValidationError as error:
        raise InputError(_sentence(error, "the options" if path is None else str(path))) from None
    config._file = None if path is None else Path(path)
    return config


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"there is no config file {str(path)!r}; give the path of a TOML file, or none for the built-in"
            " CDNOW comparison."
        ) from None
    except IsADirectoryError:
        raise InputError(f"{str(path)!r} is a folder; give the path of the config.toml in it.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}.") from None


def _resolve_source(values: dict[str, Any], folder: Path) -> None:
    data = values.get("data")
    if isinstance(data, dict) and isinstance(data.get("source"), str) and data["source"] not in BUILT_IN:
        data["source"] = str((folder / data["source"]).resolve())


def _resolve_tables(values: dict[str, Any], folder: Path) -> None:
    segments = values.get("segments")
    if not isinstance(segments, dict):
        return
    for name in ("treatments", "attributes"):
        if isinstance(segments.get(name), str) and segments[name]:
            segments[name] = str((folder / segments[name]).resolve())


def _completed(config: Config) -> Config:
    """The config with the defaults that depend on other keys: names, folder, CDNOW's dates."""
    stem = re.sub(r"[^\w.]+", "_", Path(config.data.source).stem).strip("_.")
    name = config.experiment.name or f"{stem or 'data'}_holdout"
    folder = config.output.folder or str(Path("clvml-output") / name)
    split = config.split
    if config.data.is_built_in and split.calibration_end is None and split.observation_end is None:
        start, end = CDNOW_DATES
        split = split.model_copy(update={"calibration_end": start, "observation_end": end})
    return config.model_copy(
        update={
            "experiment": config.experiment.model_copy(update={"name": name}),
            "split": split,
            "tracking": config.tracking.model_copy(update={"experiment": config.tracking.experiment or name}),
            "output": config.output.model_copy(update={"folder": folder}),
        }
    )


def _sentence(error: ValidationError, where: str) -> str:
    """The first thing that is wrong, in words, and how many more keys are."""
    problems = error.errors(include_url=False)
    first = problems[0]
    path = _known_path(first["loc"])
    if first["type"] == "extra_forbidden":
        text = _unknown_key(path, str(first["loc"][-1]))
    else:
        *sections, key = path
        place = f"[{'.'.join(sections)}] {key}" if sections else f"[{key}]"
        rule = _rule(first).removeprefix(f"{key} is {first['input']!r}; ")
        given = "" if isinstance(first["input"], dict) else f" is {first['input']!r}:"
        text = f"{place}{given} {rule}"
    more = len({_known_path(problem["loc"]) for problem in problems} - {path})
    return f"{where}: {text}{f' ({more} more to mend after that)' if more else ''}."


def _known_path(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The part of a location that names sections and keys of the config, without list places and types."""
    path: list[str] = []
    found: Any = Config
    for part in location:
        if not (isinstance(found, type) and issubclass(found, Section)) or part not in found.model_fields:
            break
        path.append(str(part))
        found = found.model_fields[str(part)].annotation
    return tuple(path)


def _rule(problem: ErrorDetails) -> str:
    if problem["type"].startswith("date"):
        return "write a day as year-month-day, such as 1997-09-30"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return (message[:1].lower() + message[1:]).rstrip(".")


def _unknown_key(sections: tuple[str, ...], key: str) -> str:
    section: Any = Config
    for name in sections:
        section = section.model_fields[name].annotation
    known = list(section.model_fields)
    close = difflib.get_close_matches(key, known, n=1)
    place = f"[{'.'.join(sections)}]" if sections else "the config"
    advice = f"did you mean {close[0]!r}?" if close else "leave it out."
    return f"{place} has no key {key!r}; {advice} It knows {', '.join(known)}"


def _tables(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield f"{prefix}{name}", {k: v for k, v in value.items() if not isinstance(v, Mapping)}
            yield from _tables(
                {k: v for k, v in value.items() if isinstance(v, Mapping) and v}, f"{prefix}{name}."
            )


def _toml_value(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # text, numbers and booleans are written alike in TOML
