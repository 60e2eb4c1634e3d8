"""A run: a config in, results out, stage by stage.

What a stage finds is written before the next one starts, so that failing late loses nothing; the output
folder takes its place when all is written (see `clvml.workflow._output_folder`). The
comparison fits every contender on the calibration period and predicts the holdout; the model to
serve is the champion's kind, fitted again on everything observed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd

from clvml.customers._datasets import load_cdnow
from clvml.customers._policy import RULES, TransactionPolicy
from clvml.customers._split import Split, purchases_over_time, split
from clvml.customers._summary import summarize
from clvml.customers._transactions import Transactions, read_transactions
from clvml.errors import FitError, InputError
from clvml.evaluation._champion import choose_champion
from clvml.evaluation._comparison import compare
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import ValueModel
from clvml.segments.acting._treatments import read_treatments
from clvml.segments.grouping._relationship_course import relation_evidence
from clvml.tracking._connection import shown, store_uri
from clvml.workflow._artifacts import write_comparison, write_customers, write_model, write_segments
from clvml.workflow._attribute_files import read_attributes
from clvml.workflow._config import Config
from clvml.workflow._console import Progress, Silent
from clvml.workflow._contenders import CONTENDERS, Contender
from clvml.workflow._figures import (
    Figure,
    comparison_figures,
    purchase_figures,
    purchase_model,
    purchases_shown,
    value_figures,
)
from clvml.workflow._formatting import (
    command_lines,
    commands_for_folder,
    comparison_in_words,
    next_commands,
    rule_in_words,
    split_in_words,
)
from clvml.workflow._mlflow_records import segments_name, track
from clvml.workflow._output_checks import inputs_of
from clvml.workflow._output_folder import OutputFolder
from clvml.workflow._report import report_page
from clvml.workflow._results import Comparison, Moves, Results, Segments, Served
from clvml.workflow._segment_figures import segment_figures
from clvml.workflow._segmenting import group, joined, judge_methods, moves_since


def run(config: Config, progress: Progress | None = None) -> Results:
    """Go through all stages.

    Parameters
    ----------
    config : Config
        From `clvml.workflow.load_config`.
    progress : Progress, optional
        Told what happens; nobody by default.

    Returns
    -------
    Results
        What was found; the same is in ``config.folder``.

    Raises
    ------
    ClvmlError
        If a stage fails. What earlier stages found is kept beside the folder, and the message says where.
    InputError
        Before any work, if something of the user's would be lost in the folder
        (see `clvml.workflow._output_checks`).
    """
    tell = progress or Silent()
    folder = OutputFolder(config.folder)
    folder.check(inputs_of(config))
    with tell.stage("Reading transactions"):
        transactions = read(config, tell)
    with tell.stage("Splitting customers into calibration and holdout"):
        parts, customers = divide(config, transactions, tell)
        known = read_attributes(config, customers.index, tell)
        customers = joined(customers, known.table)
    treatments = read_treatments(config.segments.treatments or None)  # a bad file is told before the work
    with keeping(folder):
        write_customers(folder, config, transactions, customers)
        with tell.stage(f"Fitting {len(contenders_of(config))} models on the calibration period"):
            models, left_out = fit(config, parts, tell)
        with tell.stage("Comparing their predictions with the holdout"):
            comparison = judge(models, left_out, parts)
            write_comparison(folder, comparison, parts)
            tell_comparison(comparison, parts, tell)
        with tell.stage("Fitting the model to serve on everything observed"):
            served = fit_to_serve(config, comparison, customers)
            write_model(folder, served, customers)
        with tell.stage("Grouping customers into segments"):
            segments = group(config, customers, comparison, served, known, treatments, tell)
            contest = judge_methods(config, parts, comparison, known, tell)
            moves = moves_since(transactions, parts, served, known, segments)
            write_segments(folder, segments, contest, moves)
        with tell.stage("Drawing figures"):
            figures = draw(folder, transactions, parts, comparison, served, segments, moves, tell)
        results = Results(
            config=config,
            transactions=transactions,
            split=parts,
            customers=customers,
            comparison=comparison,
            served=served,
            segments=segments,
            contest=contest,
            moves=moves,
            figures=figures,
            folder=folder.path,
        )
        commands = commands_after(config, with_groups=segments is not None and segments.groups is not None)
        with tell.stage("Writing the report"):
            folder.text("report.html", report_page(results, commands))
            results = in_place(folder, results)
        tell.say(f"written to {folder.path}: open {folder.path / 'report.html'}")
        if config.tracking.enabled:
            with tell.stage("Writing MLflow runs and registering the models"):
                track(results, tell)
    tell.say("next:")
    for line in command_lines(commands):
        tell.say(f"  {line}")
    return results


def read(config: Config, tell: Progress) -> Transactions:
    """Read the purchases, and say what was set aside and why."""
    data = config.data
    if data.source == "cdnow":
        transactions = load_cdnow()
    elif data.source == "cdnow-master":
        transactions = load_cdnow("master")
    else:
        if not Path(data.source).exists() and "*" not in data.source:
            raise InputError(
                f"there is no file {data.source}; give the path of a CSV or Parquet file of purchases"
                " (paths in a config are relative to its folder)."
            )
        policy = TransactionPolicy(**data.policy.model_dump())
        told = data.model_dump(exclude={"source", "policy"})
        transactions = read_transactions(data.source, policy=policy, **told)
    rows = transactions.report["rows"].to_dict()
    tell.say(f"{rows['read']:,} rows read, {rows['used']:,} used")  # why not all, the transactions say
    for rule in RULES:
        choice = transactions.policy.choice(rule)
        if rows[rule.name] and choice != "drop":
            tell.say(f"used as well: {rows[rule.name]:,} {rule.says} ({rule.name} = {choice!r})")
    return transactions


def divide(config: Config, transactions: Transactions, tell: Progress) -> tuple[Split, pd.DataFrame]:
    """Calibration and holdout, and all customers until the end of observation with the course they took."""
    section = config.split
    collapse = None if section.collapse == "none" else section.collapse
    observation_end = section.observation_end or transactions.last_date.date()
    calibration_end = section.calibration_end or two_thirds(transactions.first_date.date(), observation_end)
    parts = split(transactions, calibration_end, observation_end, section.time_unit, collapse)
    tell.say(split_in_words(parts))
    customers = summarize(transactions, observation_end, section.time_unit, collapse)
    return parts, joined(customers, relation_evidence(transactions, customers))


def two_thirds(first: dt.date, last: dt.date) -> dt.date:
    """The day that leaves the last third of the time as the holdout.

    Examples
    --------
    >>> two_thirds(dt.date(2020, 1, 1), dt.date(2020, 1, 31))
    datetime.date(2020, 1, 21)
    """
    return last - (last - first) // 3


def contenders_of(config: Config) -> dict[str, Contender]:
    """The contenders that the config names, and the baseline."""
    return {name: CONTENDERS[name] for name in (*config.models.contenders, "zero")}


def fit(config: Config, parts: Split, tell: Progress) -> tuple[dict[str, ValueModel], dict[str, str]]:
    """Every contender fitted on the calibration period, and those left out with the reason."""
    models: dict[str, ValueModel] = {}
    left_out: dict[str, str] = {}
    for contender in contenders_of(config).values():
        model = contender.build(horizon=parts.duration, annual_discount_rate=0.0, margin=1.0)
        try:
            models[contender.title] = model.fit(parts.calibration)
        except FitError as error:
            left_out[contender.title] = str(error)
            tell.say(f"left out: {contender.title}: {error}")
    return models, left_out


def judge(models: dict[str, ValueModel], left_out: dict[str, str], parts: Split) -> Comparison:
    """Predictions against the truth, and the champion; a contender without a prediction is left out."""
    predictions, left_out = {}, dict(left_out)
    for title, model in models.items():
        try:
            predictions[title] = model.predict(parts.calibration)
        except FitError as error:
            left_out[title] = str(error)
    table = pd.DataFrame(predictions)
    known = {contender.title: contender for contender in CONTENDERS.values()}
    families = {title: known[title].family for title in predictions}
    compared = compare(parts.holdout["spend"], table, families)
    baselines = [title for title, family in families.items() if family == "baseline"]
    able = [title for title in predictions if title not in baselines]
    if not able:
        raise FitError(
            "no model could be fitted to the customers of the calibration period, so there is nothing to"
            f" compare: {'; '.join(f'{title}: {reason}' for title, reason in left_out.items())}"
        )
    champion = choose_champion(compared, [title for title in able if not known[title].optional] or able)
    kept = {title: models[title] for title in predictions}
    return Comparison(kept, families, table, compared, champion, left_out)


def tell_comparison(comparison: Comparison, parts: Split, tell: Progress) -> None:
    """Print the table, the champion and the rule."""
    title = f"Predicted revenue of the holdout; the truth is {parts.holdout['spend'].sum():,.2f}"
    tell.table(comparison_in_words(comparison.table), title)
    tell.say(f"champion: {comparison.champion.name}")
    tell.say(rule_in_words(comparison))


def fit_to_serve(config: Config, comparison: Comparison, customers: pd.DataFrame) -> Served:
    """The champion's kind of model on all customers, with the config's horizon, rate and margin."""
    title = comparison.champion.name
    contender = next(contender for contender in CONTENDERS.values() if contender.title == title)
    model = contender.build(**config.value.model_dump())
    model.fit(customers)
    return Served(title, model, model.predict_factors(customers))


def draw(
    folder: OutputFolder,
    transactions: Transactions,
    parts: Split,
    comparison: Comparison,
    served: Served,
    segments: Segments | None,
    moves: Moves | None,
    tell: Progress,
) -> dict[str, Path]:
    """Draw every figure into the folder; their paths by title."""
    figures: list[Figure] = [*comparison_figures(comparison, parts)]
    value = comparison.models.get(purchases_shown(comparison) or "")
    purchases = purchase_model(value)
    if purchases is not None:
        figures += purchase_figures(purchases, parts, purchases_over_time(transactions, parts))
    if isinstance(value, LifetimeValue):
        figures += value_figures(value, parts)
    figures += segment_figures(served, segments, moves)
    drawn: dict[str, Path] = {}
    for figure in figures:
        try:
            drawn[figure.title] = folder.place(f"figures/{figure.name}.png", figure.save)
        except InputError as error:  # these data have nothing to show in it
            tell.say(f"no figure {figure.title!r}: {error}")
    return drawn


def commands_after(config: Config, with_groups: bool) -> list[tuple[str, str]]:
    """What to type next; with groups, scoring gives segment, stage and treatment too."""
    tracking = config.tracking
    if not tracking.enabled:
        return commands_for_folder(config.folder, with_groups)
    own, default = store_uri("sqlite:///mlflow.db"), store_uri(None)
    uri = default if tracking.uri is None else store_uri(tracking.uri)
    return next_commands(
        model=f"models:/{tracking.registered_model}@champion",
        segments=f"models:/{segments_name(config)}@champion" if with_groups else None,
        uri=shown(uri),
        is_found=uri == default,
        is_here=uri == own,
        folder=config.folder,
    )


def in_place(folder: OutputFolder, results: Results) -> Results:
    """Move the finished folder to its place; the results with the figures where they are then."""
    folder.complete()
    figures = {title: folder.path / "figures" / path.name for title, path in results.figures.items()}
    return replace(results, figures=figures)


@contextmanager
def keeping(folder: OutputFolder) -> Iterator[None]:
    """Note on whatever fails that what was found before it is kept, and where."""
    try:
        yield
    except BaseException as error:
        folder.keep_unfinished()
        if folder.now is not None:
            error.add_note(f"What was computed before that is kept in {folder.now}.")
        raise
