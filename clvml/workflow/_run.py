"""A run: a config in, results out, stage by stage.

The MLflow store is asked before the first stage whether it can be used; where it cannot, the run goes on
without it. The findings of a stage are written before the next one starts, so that a late failure loses
nothing. Figures are drawn after all stages; the report follows and, once the output folder is in place (see
`clvml.workflow._output_folder`), MLflow, from the folder.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from clvml._remembered import remembering
from clvml.evaluation._observers import unannounced
from clvml.workflow._config import Config
from clvml.workflow._console import Progress, Silent
from clvml.workflow._findings import Figure, Finding, Found, Table, Words
from clvml.workflow._folder_writer import REPORT, FolderWriter
from clvml.workflow._next_steps import command_lines, commands_after
from clvml.workflow._output_checks import inputs_of
from clvml.workflow._report import report_page
from clvml.workflow._results import Results
from clvml.workflow._stage import Context, Stage
from clvml.workflow._tracking import Tracking
from clvml.workflow.stages._competing import PassedContenders
from clvml.workflow.stages._order import STAGES, section_order

log = logging.getLogger("clvml")


def run(
    config: Config,
    progress: Progress | None = None,
    *,
    contenders: Mapping[str, Any] | None = None,
    extra_stages: Sequence[Stage] = (),
) -> Results:
    """Run all stages: compare models, value and segment customers, write the report, register the models.

    Parameters
    ----------
    config : Config
        From `clvml.workflow.load_config`.
    progress : Progress, optional
        Receives messages; silent by default.
    contenders : mapping of str to ValueModel, optional
        Further models for the comparison, by id, in addition to those of the config: models, classes or
        functions that make them (see `clvml.workflow.custom_contender`), or a `clvml.workflow.Contender`.
    extra_stages : sequence of Stage, optional
        User-defined stages, after the built-in ones: their findings are in the folder, the report and MLflow.

    Returns
    -------
    Results
        The results, which are also in ``config.folder``. Where MLflow could not be used, ``untracked`` says
        why, and `clvml.workflow.track` writes the folder to it later.

    Raises
    ------
    ClvmlError
        If a stage fails. Results of earlier stages are kept, and the message says where.
    InputError
        Before any computation, if a user file would be lost in the folder, or a file named in the config does
        not exist.

    See Also
    --------
    clvml.workflow.load_config : Reads the config.
    clvml.workflow.Results : What it returns.
    clvml.workflow.check : Checks the registered model by later purchases.
    clvml.compare_models : The comparison alone.

    Examples
    --------
    In a folder with an export of purchases, ``march.csv``; leave ``contenders`` out, and all are compared:

    >>> from clvml.workflow import load_config, run
    >>> keys = {"data.source": "march.csv", "experiment.name": "shop"}
    >>> contenders = {"models.contenders": ["bgnbd_gamma_gamma", "repeat_rate"], "backtest.origins": 1}
    >>> results = run(load_config(overrides=keys | contenders))  # doctest: +SKIP
    >>> results.tables["comparison"][["bias_pct", "rmse", "spearman"]].round(1)  # doctest: +SKIP
                                       bias_pct  rmse  spearman
    model
    BG/NBD x Gamma-Gamma                  -12.7  43.9       0.4
    repeat rate x average order value      40.8  58.5       0.5
    zero baseline                        -100.0  52.1       0.0
    >>> results.folder.as_posix()  # doctest: +SKIP
    'clvml-output/shop'
    """
    context = Context(config, progress or Silent())
    context.put(PassedContenders(contenders or {}))
    stages = [s for s in (*STAGES, *extra_stages) if s.applies is None or s.applies(config)]
    writer = FolderWriter(config, context.say)
    writer.folder.check(inputs_of(config))
    for stage in stages:
        if stage.check is not None:
            stage.check(context)
    tracking = Tracking(config.tracking, context.progress)
    tracking.ask(config.folder)
    with writer.keeping(), context.resources, remembering(), unannounced():  # it logs its comparison itself
        found = _drawn(context, writer, _found(context, stages, writer))
        findings, folder = [finding for _, finding in found], writer.folder.path
        commands = commands_after(config, findings, is_tracked=not tracking.failed)
        with context.progress.stage("Writing the report"):
            tracking.save(findings, writer.folder)
            writer.report(
                report_page(config.experiment, _as_read(found), writer.folder.now or folder, commands)
            )
            writer.folder.complete()
        context.say(f"written to {folder}: open {folder / REPORT}")
        tracking.write(folder)
    untracked = tracking.describe_failure(folder)
    if untracked and progress is None:
        log.warning("%s", untracked)
    if tracking.refused:  # the champion of that name is of other purchases
        commands = commands_after(config, findings, is_tracked=False)
    if commands:
        context.say("next:")
    for line in command_lines(commands):
        context.say(f"  {line}")
    return Results(folder, tuple(found), context, untracked)


def _found(context: Context, stages: Sequence[Stage], writer: FolderWriter) -> list[Found]:
    """The findings of all stages, each written at once; figures are not drawn yet."""
    found = []
    for stage in stages:
        with context.progress.stage(stage.title):
            for finding in stage.find(context):
                kept = finding if isinstance(finding, Figure) else writer.add(finding)
                if kept is not None:
                    found.append(Found(stage.section, kept))
                    _print(context, kept)
    return found


def _drawn(context: Context, writer: FolderWriter, found: Sequence[Found]) -> list[Found]:
    """The findings with the figures drawn, without those that do not apply to the data."""
    with context.progress.stage("Drawing figures"):
        return [
            item
            for item in found
            if not isinstance(item.finding, Figure) or writer.add(item.finding) is not None
        ]


def _as_read(found: Sequence[Found]) -> list[Found]:
    """The findings in the order of the report."""
    first = section_order()
    return sorted(found, key=lambda item: first.index(item.section) if item.section in first else len(first))


def _print(context: Context, finding: Finding) -> None:
    if isinstance(finding, Table) and finding.printed:
        context.progress.table(finding.formatted(), finding.title)
    if isinstance(finding, Words) and finding.printed:
        context.say(f"{finding.lead} {finding.text}".strip())
