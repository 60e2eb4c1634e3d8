"""The configuration of a run as a TOML file: input, split, models, output.

Each stage defines its section in its own module (`clvml.workflow.stages`); here they are combined.

The file and the command line share one mechanism: an option such as ``--time-unit M`` overrides
one key, here ``split.time_unit``, and the result is a `Config`. Every key
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
from typing import Any, get_args

from pydantic import PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from clvml.customers.engines._files import STDIN
from clvml.customers.engines._logins import is_url
from clvml.customers.engines._spark_session import is_catalog_name
from clvml.errors import InputError
from clvml.workflow._section import (
    PASSWORD_NOTE,
    ExperimentSection,
    OutputSection,
    Section,
    TrackingSection,
)
from clvml.workflow.stages._backtesting import BacktestSection
from clvml.workflow.stages._comparison_section import ComparisonSection
from clvml.workflow.stages._competing import ModelsSection
from clvml.workflow.stages._customer_base import CustomerBaseSection
from clvml.workflow.stages._economics_section import EconomicsSection
from clvml.workflow.stages._reading import BUILT_IN, DataSection
from clvml.workflow.stages._segmenting import SegmentsSection
from clvml.workflow.stages._serving import ValueSection
from clvml.workflow.stages._splitting import SplitSection
from clvml.workflow.stages._surveying import SurveySection
from clvml.workflow.stages._treatments_section import TreatmentsSection

CDNOW_DATES = (dt.date(1997, 9, 30), dt.date(1998, 6, 30))
# Keys that name a file; a relative path is relative to the folder of the config file.
TABLES = (
    ("segments", "treatments"),
    ("segments", "attributes"),
    ("segments", "contacts"),
    ("economics", "acquisition"),
    ("survey", "ratings"),
    ("survey", "satisfaction"),
    ("survey", "complaints"),
    ("treatments", "responses"),
)


class Config(Section):
    """The configuration of a run, as `load_config` reads it: frozen, with unknown keys refused.

    Each attribute is a section of the file; ``clvml init`` writes one with all keys, meanings and defaults.

    Attributes
    ----------
    experiment : ExperimentSection
        Name and question.
    data : DataSection
        Where the purchases are, how they are read, and the policy.
    split : SplitSection
        Calibration, holdout and time unit.
    value : ValueSection
        Horizon, discount rate, margin, price and currency.
    models : ModelsSection
        The contenders.
    backtest : BacktestSection
        Earlier holdouts.
    comparison : ComparisonSection
        What the comparison is for, and its rule.
    segments : SegmentsSection
        Method and number of segments, attributes, treatments.
    economics : EconomicsSection
        Costs of acquisition and retention, budget.
    customer_base : CustomerBaseSection
        The audit of the customer base.
    survey : SurveySection
        Files of ratings, satisfaction and complaints.
    treatments : TreatmentsSection
        The test whose outcome is to be measured.
    tracking : TrackingSection
        The MLflow store.
    output : OutputSection
        The output folder.

    See Also
    --------
    clvml.workflow.load_config : Makes one, from a file and overrides.
    clvml.workflow.run : Takes it.

    Examples
    --------
    >>> from clvml.workflow import load_config
    >>> config = load_config(overrides={"experiment.name": "shop", "value.currency": "EUR"})
    >>> config.value.currency, config.split.time_unit, config.folder.name
    ('EUR', 'W', 'shop')
    >>> config.to_toml().splitlines()[:2]
    ['[experiment]', 'name = "shop"']
    """

    experiment: ExperimentSection = ExperimentSection()
    data: DataSection = DataSection()
    split: SplitSection = SplitSection()
    value: ValueSection = ValueSection()
    models: ModelsSection = ModelsSection()
    backtest: BacktestSection = BacktestSection()
    comparison: ComparisonSection = ComparisonSection()
    segments: SegmentsSection = SegmentsSection()
    economics: EconomicsSection = EconomicsSection()
    customer_base: CustomerBaseSection = CustomerBaseSection()
    survey: SurveySection = SurveySection()
    treatments: TreatmentsSection = TreatmentsSection()
    tracking: TrackingSection = TrackingSection()
    output: OutputSection = OutputSection()
    _file: Path | None = PrivateAttr(None)

    def __eq__(self, other: object) -> bool:
        """Whether all keys are equal, whatever file they were read from."""
        return isinstance(other, Config) and self.model_dump() == other.model_dump()

    @property
    def folder(self) -> Path:
        """The output folder."""
        return Path(self.output.folder)

    @property
    def file(self) -> Path | None:
        """The file that the config was read from, if any."""
        return self._file

    def to_toml(self) -> str:
        """The config as TOML text, which reads back as the same config, but for a password of the store."""
        blocks = []
        for name, section in _tables(self.model_dump(exclude_none=True, exclude_defaults=False), ""):
            lines = [f"{_toml_key(key)} = {toml_value(value)}" for key, value in section.items()]
            if name == "tracking" and self.tracking.has_password:
                lines.insert(0, PASSWORD_NOTE)
            blocks.append("\n".join([f"[{name}]", *lines]))
        return "\n\n".join(blocks) + "\n"


def load_config(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a config file, apply the overrides, and fill in defaults that depend on other keys.

    Parameters
    ----------
    path : path, optional
        A TOML file; without one, every key has its default.
    overrides : mapping, optional
        From dotted keys, such as ``"split.time_unit"``, to values; None means "not given".

    Returns
    -------
    Config
        All keys, with those that were not given at their defaults.

    Raises
    ------
    InputError
        If the file is missing or not TOML, a key is unknown or a value is not allowed; the message
        names the key and the closest known one.

    See Also
    --------
    clvml.workflow.run : Runs it.
    clvml.workflow.Config : The sections.

    Examples
    --------
    >>> from clvml.workflow import load_config
    >>> load_config(overrides={"split.time_unit": "M"}).split.time_unit
    'M'
    >>> load_config().experiment.name
    'cdnow_holdout'
    """
    values = {} if path is None else _read_toml(Path(path))
    engine = (overrides or {}).get("data.engine") or _given(values, "data", "engine")
    _resolve_source(values, Path(path).parent if path is not None else Path(), engine)
    _resolve_tables(values, Path(path).parent if path is not None else Path())
    for key, value in (overrides or {}).items():
        if value is not None:
            _override(values, key.split("."), value)
    if overrides and overrides.get("data.source") is not None:
        _resolve_source(values, Path(), engine)
    try:
        config = _completed(Config.model_validate(values))
    except ValidationError as error:
        raise InputError(_sentence(error, "the options" if path is None else str(path))) from None
    config._file = None if path is None else Path(path)
    return config


def parse_setting(text: str) -> tuple[str, Any]:
    """The dotted key and the value of ``KEY=VALUE``.

    The value is read as TOML (``4``, ``true``, ``["historic"]``, ``1997-09-30``) and as text otherwise.

    Raises
    ------
    InputError
        If there is no key or no ``=``.

    Examples
    --------
    >>> parse_setting("segments.n_segments=4"), parse_setting("data.policy.returns=net")
    (('segments.n_segments', 4), ('data.policy.returns', 'net'))
    """
    key, sign, value = text.partition("=")
    key = key.strip()
    if not sign or not re.fullmatch(r"\w+(\.\w+)+", key):
        raise InputError(
            f"{text!r} is not a setting; write KEY=VALUE with the section in the key, such as"
            " data.policy.returns=net. clvml init writes a file with all keys."
        )
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value.strip()


def _override(values: dict[str, Any], path: list[str], value: object) -> None:
    """Set a key; a section that is not a table is left to the validation to refuse."""
    *sections, name = path
    part: object = values
    for section in sections:
        part = part.setdefault(section, {}) if isinstance(part, dict) else part
    if isinstance(part, dict):
        part[name] = value


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


def _given(values: dict[str, Any], section: str, key: str) -> Any:
    table = values.get(section)
    return table.get(key) if isinstance(table, dict) else None


def _resolve_source(values: dict[str, Any], folder: Path, engine: Any) -> None:
    source = _given(values, "data", "source")
    if not isinstance(source, str) or (engine == "spark" and is_catalog_name(source, folder)):
        return
    data = values["data"]
    if data["source"].startswith("sqlite:///"):
        path = (folder / data["source"].removeprefix("sqlite:///")).resolve()
        data["source"] = f"sqlite:///{path}"
    elif data["source"] not in (*BUILT_IN, STDIN) and not is_url(data["source"]):
        data["source"] = str((folder / data["source"]).resolve())


def _resolve_tables(values: dict[str, Any], folder: Path) -> None:
    for section, key in TABLES:
        table = values.get(section)
        if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
            table[key] = str((folder / table[key]).resolve())


def _completed(config: Config) -> Config:
    """The config with the defaults that depend on other keys: names, folder, CDNOW's dates."""
    data = config.data
    origin = data.table or "query" if is_url(data.source) else Path(data.source).stem
    stem = re.sub(r"[^\w.]+", "_", origin).strip("_.")
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
            "tracking": _named(config.tracking, name),
            "output": config.output.model_copy(update={"folder": folder}),
        }
    )


def _named(tracking: TrackingSection, name: str) -> TrackingSection:
    """With the names of the MLflow experiment and of the registered model that follow from ``name``."""
    experiment = tracking.experiment or name
    registered = tracking.registered_model or re.sub(r"[^\w.-]+", "_", experiment).strip("_.") or "clv"
    return tracking.model_copy(update={"experiment": experiment, "registered_model": registered})


def _sentence(error: ValidationError, where: str) -> str:
    """The first error as a sentence, and the number of further ones."""
    problems = error.errors(include_url=False)
    first = problems[0]
    path = _known_path(first["loc"])
    if first["type"] == "extra_forbidden":
        text = _unknown_key(path, str(first["loc"][-1]))
    else:
        *sections, key = path
        place = f"[{'.'.join(sections)}] {key}" if sections else f"[{key}]"
        rule = re.sub(rf"^{re.escape(key)} is \S+; ", "", _rule(first))
        given = "" if isinstance(first["input"], dict) else f" is {first['input']!r}:"
        text = f"{place}{given} {rule}"
    others = {_known_path(problem["loc"]) for problem in problems}
    more = len({other for other in others if path[: len(other)] != other})  # not a consequence of the first
    rest = f" (and {more} more error{'s' if more > 1 else ''})" if more else ""
    return f"{where}: {text}{rest}."


def _known_path(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The sections and keys of a location, without list positions and types."""
    path: list[str] = []
    section: type[Section] | None = Config
    for part in location:
        if section is None:
            break
        if part in section.model_fields:
            path.append(str(part))
            section = _section_of(section.model_fields[str(part)].annotation)
    return tuple(path)


def _section_of(annotation: Any) -> type[Section] | None:
    """The section that is a key's type, directly or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    found = (_section_of(part) for part in get_args(annotation))
    return next((section for section in found if section is not None), None)


def _rule(problem: ErrorDetails) -> str:
    if problem["type"].startswith("date"):
        return "write a day as year-month-day, such as 1997-09-30"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return (message[:1].lower() + message[1:]).rstrip(".")


def _unknown_key(sections: tuple[str, ...], key: str) -> str:
    section: type[Section] = Config
    for name in sections:
        section = _section_of(section.model_fields[name].annotation) or section
    known = list(section.model_fields)
    close = difflib.get_close_matches(key, known, n=1)
    place = f"[{'.'.join(sections)}]" if sections else "the config"
    advice = f"did you mean {close[0]!r}?" if close else "leave it out."
    return f"{place} has no key {key!r}; {advice} Its keys are {', '.join(known)}"


def _tables(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield f"{prefix}{name}", {k: v for k, v in value.items() if not isinstance(v, Mapping)}
            yield from _tables(
                {k: v for k, v in value.items() if isinstance(v, Mapping) and v}, f"{prefix}{name}."
            )


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key, ensure_ascii=False)


def toml_value(value: Any) -> str:
    """A value as TOML text."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        items = (f"{json.dumps(key)} = {toml_value(item)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    return json.dumps(value, ensure_ascii=False)  # text, numbers and booleans are written alike in TOML
