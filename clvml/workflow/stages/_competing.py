"""The contenders: the section of the config, and the models constructed from it before the run starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator

from clvml.errors import InputError
from clvml.workflow._contenders import (
    CONTENDERS,
    CUSTOM,
    IMPORT_PATH,
    RENAMED_IDS,
    Contender,
    custom_contender,
    imported,
)
from clvml.workflow._section import Section
from clvml.workflow._stage import Context

BASELINE_ID = "zero"  # always compared


def _known(name: str) -> str:
    name = RENAMED_IDS.get(name, name)
    if name in CONTENDERS or IMPORT_PATH.fullmatch(name):
        return name
    raise ValueError(
        f"write an id ({', '.join(CONTENDERS)}) or the import path of a model of your own, such as"
        " 'mypackage.mymodule:MyModel'"
    )


ContenderName = Annotated[str, AfterValidator(_known)]


class ContenderSection(Section):
    """A contender with options: ``{model = "mypackage.mymodule:MyModel", options = {alpha = 1}}``.

    All but ``model`` can be left out.
    """

    model: str
    """Import path of a model, or of a class or function that returns one."""
    id: str = ""
    """Id in tables and for ``incumbent``. Default: the path."""
    title: str = ""
    """Title in the report. Default: the name in the path."""
    family: str = CUSTOM
    """Family under which the report lists it."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Arguments of that class or function."""

    @field_validator("model")
    @classmethod
    def _is_an_import_path(cls, model: str) -> str:
        if not IMPORT_PATH.fullmatch(model):
            raise ValueError("write the import path of a model, such as 'mypackage.mymodule:MyModel'")
        return model


def _kind(given: object) -> str:
    return "table" if isinstance(given, Mapping | ContenderSection) else "name"


class ModelsSection(Section):
    """The models to compare; the zero baseline is always included."""

    contenders: tuple[
        Annotated[
            Annotated[ContenderName, Tag("name")] | Annotated[ContenderSection, Tag("table")],
            Discriminator(_kind),
        ],
        ...,
    ] = Field(default=tuple(name for name, each in CONTENDERS.items() if each.by_default), min_length=1)
    """Built-in models by id, and models of your own by import path, such as "mypackage.mymodule:MyModel", or
    with options as {model = "mypackage.mymodule:MyModel", options = {alpha = 1}}."""


class PassedContenders(dict[str, Any]):
    """Contenders that were passed in Python, by id."""


class Contenders(dict[str, Contender]):
    """All contenders of the run by id: those of the config, those passed in Python, the zero baseline."""

    @property
    def titles(self) -> dict[str, str]:
        """The titles by id."""
        return {name: contender.title for name, contender in self.items()}


def check(context: Context) -> None:
    """Import and construct user-defined contenders, so that an error is found before the run."""
    passed = context.get(PassedContenders) or PassedContenders()
    contenders = Contenders()
    for given in (*context.config.models.contenders, BASELINE_ID):
        name, contender = _from_config(given)
        if contenders.get(name, contender) is not contender:
            raise InputError(f"two contenders have the id {name!r}; ids must be unique.")
        contenders[name] = contender
    for name, model in passed.items():
        if name in contenders:
            raise InputError(f"a contender with the id {name!r} is in the config already; choose another id.")
        contenders[name] = custom_contender(model, title=name)
    titles = list(contenders.titles.values())
    repeated = next((title for title in titles if titles.count(title) > 1), None)
    if repeated is not None:
        raise InputError(f"two contenders have the title {repeated!r}; titles must be unique.")
    incumbent = context.config.comparison.incumbent
    if incumbent and incumbent not in contenders:
        raise InputError(
            f"[comparison] incumbent is {incumbent!r}, which is not among the contenders:"
            f" {', '.join(contenders)}."
        )
    context.put(contenders)


def _from_config(given: str | ContenderSection) -> tuple[str, Contender]:
    if isinstance(given, str) and given in CONTENDERS:
        return given, CONTENDERS[given]
    section = ContenderSection(model=given) if isinstance(given, str) else given
    title = section.title or section.model.rpartition(":")[2]
    contender = custom_contender(imported(section.model), title, section.family, section.options)
    return section.id or section.model, contender
