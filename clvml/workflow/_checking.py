"""Check a saved or registered model by new purchases: a page, a JSON file, an MLflow run, a status."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from clvml.customers._transactions import Transactions
from clvml.errors import InputError, TrackingError
from clvml.monitoring import ModelCheck, check_model
from clvml.scoring._card import ModelCard
from clvml.tracking._check_runs import challenger_of, log_check
from clvml.tracking._records import RunRecord
from clvml.tracking._registry import RegisteredVersion, load_model_with_card, resolve
from clvml.workflow._check_report import SECTIONS, findings_of
from clvml.workflow._config import Config
from clvml.workflow._console import Progress, Silent
from clvml.workflow._findings import Figure, Found, Metrics, Table
from clvml.workflow._folder_writer import REPORT, FolderWriter
from clvml.workflow._next_steps import Command
from clvml.workflow._output_checks import inputs_of
from clvml.workflow._report import report_page
from clvml.workflow._section import ExperimentSection
from clvml.workflow.stages._attribute_files import read_attributes
from clvml.workflow.stages._reading import read

CHECK_JSON = "check.json"


@dataclass(frozen=True, eq=False)
class CheckResults:
    """The results of a check.

    Attributes
    ----------
    check : ModelCheck
        The statements, the alarms and the tables.
    folder : Path
        With ``report.html`` for people and ``check.json`` for machines.
    untracked : str
        Why it is not in MLflow; empty if it is, or is not to be.

    See Also
    --------
    clvml.workflow.check : Makes them.
    clvml.monitoring.ModelCheck : ``check``.

    Examples
    --------
    >>> from clvml.workflow import check, load_config
    >>> config = load_config(overrides={"data.source": "june.csv"})
    >>> results = check("shop@champion", config)  # doctest: +SKIP
    >>> results.needs_attention, results.folder.as_posix()  # doctest: +SKIP
    (False, 'clvml-output/shop_check')
    >>> sorted(path.name for path in results.folder.glob("*.*"))  # doctest: +SKIP
    ['check.json', 'clvml-manifest.json', 'config.toml', 'metrics.csv', 'report.html']
    """

    check: ModelCheck
    folder: Path
    untracked: str = ""

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look at it."""
        return self.check.status != "in order"


@dataclass(frozen=True, eq=False)
class _Checked:
    """The model that is checked: its name to display, and its version if it is registered."""

    name: str
    model: Any
    card: ModelCard
    version: RegisteredVersion | None
    folder: Path | None


def check(
    model: str | Path,
    config: Config,
    progress: Progress | None = None,
    *,
    output: str | None = None,
    observed_until: str | None = None,
    until: str | None = None,
    level: float = 0.05,
) -> CheckResults:
    """Check a saved or registered model by new purchases: a report, a JSON file, an MLflow run.

    Parameters
    ----------
    model : str or Path
        ``NAME@champion``, ``NAME/3``, ``models:/NAME@champion``, or a model folder; ``NAME`` alone is its
        champion.
    config : Config
        Its ``[data]`` says where the purchases are and how they are read, ``[segments]`` where attributes
        are, ``[tracking]`` where MLflow is. Policy, time unit and dates are those of the model.
    progress : Progress, optional
        Receives messages; silent by default.
    output : str, optional
        The output folder, which is not that of the config. Default: ``clvml-output/<name>_check``.
    observed_until : str, optional
        The last day of the model's data, for a model whose card does not say.
    until : str, optional
        The last day to check. Default: the last day of the data.
    level : float, default 0.05
        The probability of any alarm if nothing has changed.

    Returns
    -------
    CheckResults
        The check, and the folder with its report.

    Raises
    ------
    InputError
        If the model cannot be checked by these purchases, or a user file would be lost in the folder.
    TrackingError
        If there is no such model, or the store is unavailable.

    See Also
    --------
    clvml.monitoring.check_model : The check without files and without a registry.
    clvml.workflow.run : Trains a challenger, where the check says so.

    Examples
    --------
    The model was trained on the purchases until March; ``june.csv`` has all until June:

    >>> from clvml.workflow import check, load_config
    >>> config = load_config(overrides={"data.source": "june.csv"})
    >>> results = check("shop@champion", config)  # doctest: +SKIP
    >>> print(results.check.summary)  # doctest: +SKIP
    all in order: 1,178 customers from 1998-03-31 to 1998-06-30, 21 statements at an alarm level of 5 %
    for all of them together
    """
    progress = progress or Silent()
    with progress.stage("Loading the model"):
        checked = _load(model, config, observed_until)
        challenger, its_card = _challenger(checked, config)
    config = _for_check(config, checked, output or default_folder(model))
    writer = FolderWriter(config, progress.say)
    inputs = inputs_of(config)
    writer.folder.check(inputs if checked.folder is None else {**inputs, "model": [checked.folder]})
    with writer.keeping():
        with progress.stage("Reading transactions"):
            transactions = _read(config)
        with progress.stage("Checking the model by the purchases since its training"):
            found = check_model(
                checked.model,
                checked.card,
                transactions,
                until=until,
                attributes=_attributes(config, transactions, progress),
                challenger=challenger,
                challenger_card=its_card,
                level=level,
            )
        with progress.stage("Writing the report"):
            kept = _written(found, checked, config, writer)
    for line in [f"{found.summary}.", *found.sentences, *(f"note: {note}." for note in found.period.notes)]:
        progress.say(line)
    folder = writer.folder.path
    progress.say(f"written to {folder}: open {folder / REPORT}")
    return CheckResults(found, folder, _tracked(found, checked, config, kept, folder, progress))


def model_uri(model: str | Path) -> str:
    """The URI, or the path of a folder, that a name of a model stands for.

    Examples
    --------
    >>> model_uri("shop@champion"), model_uri("shop/3"), model_uri("shop")
    ('models:/shop@champion', 'models:/shop/3', 'models:/shop@champion')
    """
    text = str(model)
    if ":/" in text or Path(text).is_dir():
        return text
    return f"models:/{text}" if re.search(r"@|/\d+$", text) else f"models:/{text}@champion"


def default_folder(model: str | Path) -> str:
    """The output folder of a check of a model.

    Examples
    --------
    >>> default_folder("models:/shop@champion"), default_folder("out/model")
    ('clvml-output/shop_check', 'clvml-output/out_model_check')
    """
    name = re.sub(r"^models:/|[@/]champion$|@.*$|/\d+$", "", str(model))
    safe = re.sub(r"[^\w.-]+", "_", name).strip("_.-") or "model"
    return str(Path("clvml-output") / f"{safe}_check")


def _load(model: str | Path, config: Config, observed_until: str | None) -> _Checked:
    uri, store = model_uri(model), config.tracking.uri
    is_registered = bool(re.match(r"models:/[^/]+(@|/)", uri))
    version = resolve(uri, tracking_uri=store) if is_registered else None
    loaded, card = load_model_with_card(uri if version is None else version.uri, tracking_uri=store)
    _check_currency(card, config)
    if observed_until is not None:
        card = card.with_evidence(ModelCard(observed_until=_iso(observed_until)))
    folder = Path(uri) if ":/" not in uri else None
    name = version.name if version is not None else card.dataset or Path(uri).name
    return _Checked(name, loaded, card, version, folder)


def _iso(day: str) -> str:
    try:
        return f"{pd.Timestamp(day):%Y-%m-%d}"
    except ValueError:
        raise InputError(f"observed_until is {day!r}; write a day as year-month-day.") from None


def _check_currency(card: ModelCard, config: Config) -> None:
    given = config.value.currency
    if given and card.currency and given != card.currency:
        raise InputError(
            f"the model was trained on amounts in {card.currency}, and the config says {given}: convert the"
            " amounts, or correct currency in [value]."
        )


def _challenger(checked: _Checked, config: Config) -> tuple[Any, ModelCard | None]:
    if checked.version is None:
        return None, None
    found = challenger_of(checked.version, tracking_uri=config.tracking.uri)
    if found is None:
        return None, None
    with suppress(TrackingError):  # it was deleted, or its files are damaged
        return load_model_with_card(found.uri, tracking_uri=config.tracking.uri)
    return None, None


def _for_check(config: Config, checked: _Checked, folder: str) -> Config:
    """The config with the model's policy, and a folder of its own."""
    policy = config.data.policy
    known = {key: value for key, value in checked.card.policy.items() if key in type(policy).model_fields}
    data = config.data.model_copy(update={"policy": policy.model_copy(update=known)})
    safe = re.sub(r"[^\w.-]+", "_", checked.name).strip("_.-") or "model"
    experiment = ExperimentSection(name=f"{safe}_check", question=_question(checked))
    output = config.output.model_copy(update={"folder": folder})
    return config.model_copy(update={"data": data, "experiment": experiment, "output": output})


def _question(checked: _Checked) -> str:
    which = "" if checked.version is None else f", version {checked.version.version},"
    return (
        f"Is the model {checked.name}{which} still right, {checked.card.observed_until} being its last day?"
    )


def _read(config: Config) -> Transactions:
    transactions = read(config.data)
    return transactions if transactions.has_amounts else transactions.at_price(config.value.price or 1.0)


def _attributes(config: Config, transactions: Transactions, progress: Progress) -> pd.DataFrame | None:
    if not config.segments.attributes:
        return None
    from clvml.customers._summary import summarize

    return read_attributes(config, summarize(transactions).index, progress.say).table


def _written(
    found: ModelCheck, checked: _Checked, config: Config, writer: FolderWriter
) -> dict[str, list[Found]]:
    """All findings in the folder, by section, and the page."""
    kept: dict[str, list[Found]] = {section: [] for section in SECTIONS}
    for section, finding in findings_of(found, checked.card):
        written = writer.add(finding)
        if written is not None:
            kept[section].append(Found(section, written))
    document = {"model": _named(checked), **found.as_dict()}
    writer.folder.text(CHECK_JSON, json.dumps(document, indent=1, allow_nan=False) + "\n")
    folder = writer.folder.now or writer.folder.path
    listed = [each for section in kept.values() for each in section]
    writer.report(report_page(config.experiment, listed, folder, _next(found, checked)))
    writer.folder.complete()
    return kept


def _named(checked: _Checked) -> dict[str, Any]:
    version = checked.version
    return {
        "name": checked.name,
        "version": None if version is None else version.version,
        "digest": checked.card.digest,
    }


def _next(found: ModelCheck, checked: _Checked) -> list[Command]:
    """The commands that the page suggests."""
    if found.status == "in order":
        return [Command("clvml check MODEL NEWDATA", "nothing to do; check again when there is more data")]
    commands = [Command("clvml run CONFIG", "train a challenger on the data until now; the better one leads")]
    if checked.version is not None:
        commands.append(Command(f"clvml models {checked.name}", "what was trained on what, and why it leads"))
    return commands


def _tracked(
    found: ModelCheck,
    checked: _Checked,
    config: Config,
    kept: Mapping[str, Sequence[Found]],
    folder: Path,
    progress: Progress,
) -> str:
    """Write the check to MLflow; why that failed, if it did."""
    version = checked.version
    if version is None or not config.tracking.enabled:
        return ""
    listed = [each.finding for section in kept.values() for each in section]
    tables = {each.name: each.data for each in listed if isinstance(each, Table)}
    figures = {each.name: folder / each.path for each in listed if isinstance(each, Figure) and each.path}
    metrics = {name: v for each in listed if isinstance(each, Metrics) for name, v in each.values.items()}
    record = RunRecord(
        name=f"check of {version.name} {version.version} until {found.period.until}",
        tags={
            "role": "check",
            "status": found.status,
            "checked_model": version.uri,
            "observed_until": str(found.period.card.observed_until),
            "checked_until": found.period.until,
        },
        metrics=metrics,
        tables=tables,
        figures=figures,
        description="\n\n".join([f"{found.summary}.", *(f"- {line}" for line in found.sentences)]),
    )
    try:
        with progress.stage("Writing the check to MLflow"):
            log_check(
                record,
                version,
                status=found.status,
                checked_until=found.period.until,
                tracking_uri=config.tracking.uri,
            )
    except TrackingError as error:
        return f"the check is complete in {folder}, but not in MLflow: {error}"
    return ""
