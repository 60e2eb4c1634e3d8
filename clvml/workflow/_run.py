"""A run: a config in, results out, stage by stage.

What a stage finds is written before the next one starts, so that failing late loses nothing. Figures are
drawn when everything is computed; then come the report and, when the output folder has taken its place (see
`clvml.workflow._output_folder`), MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clvml.workflow._config import Config
from clvml.workflow._console import Progress, Silent
from clvml.workflow._findings import Figure, Finding, Found, Table, Words
from clvml.workflow._folder_writer import REPORT, FolderWriter
from clvml.workflow._mlflow_records import track
from clvml.workflow._next_steps import command_lines, commands_after
from clvml.workflow._output_checks import inputs_of
from clvml.workflow._report import report_page
from clvml.workflow._results import Results
from clvml.workflow._stage import Context, Stage
from clvml.workflow.stages._competing import PassedContenders
from clvml.workflow.stages._order import STAGES


def run(
    config: Config,
    progress: Progress | None = None,
    *,
    contenders: Mapping[str, Any] | None = None,
    extra_stages: Sequence[Stage] = (),
) -> Results:
    """Go through all stages.

    Parameters
    ----------
    config : Config
        From `clvml.workflow.load_config`.
    progress : Progress, optional
        Receives messages; silent by default.
    contenders : mapping of str to ValueModel, optional
        More models for the comparison, by id, beside those of the config: models, what makes them (see
        `clvml.workflow.custom_contender`), or a `clvml.workflow.Contender` with a title of its own.
    extra_stages : sequence of Stage, optional
        Stages of one's own, after those of clvml: what they yield is in the folder, the report and MLflow.

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
        (see `clvml.workflow._output_checks`), or the config names what is not there.
    """
    context = Context(config, progress or Silent())
    context.put(PassedContenders(contenders or {}))
    stages, writer = (*STAGES, *extra_stages), FolderWriter(config, context.say)
    writer.folder.check(inputs_of(config))
    for stage in stages:
        if stage.check is not None:
            stage.check(context)
    with writer.keeping():
        found = _drawn(context, writer, _found(context, stages, writer))
        findings, folder = [finding for _, finding in found], writer.folder.path
        commands = commands_after(config, findings)
        with context.progress.stage("Writing the report"):
            writer.report(report_page(config.experiment, found, writer.folder.now or folder, commands))
            writer.folder.complete()
        context.say(f"written to {folder}: open {folder / REPORT}")
        if config.tracking.enabled:
            with context.progress.stage("Writing MLflow runs and registering the models"):
                track(config.tracking, findings, folder, context.progress)
    if commands:
        context.say("next:")
    for line in command_lines(commands):
        context.say(f"  {line}")
    return Results(folder, tuple(found), context)


def _found(context: Context, stages: Sequence[Stage], writer: FolderWriter) -> list[Found]:
    """What all stages find, each finding written as soon as it is there; figures are not drawn yet."""
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
    """The same with the figures drawn, without those that have nothing to show."""
    with context.progress.stage("Drawing figures"):
        return [
            item
            for item in found
            if not isinstance(item.finding, Figure) or writer.add(item.finding) is not None
        ]


def _print(context: Context, finding: Finding) -> None:
    if isinstance(finding, Table) and finding.printed:
        context.progress.table(finding.formatted(), finding.title)
    if isinstance(finding, Words) and finding.printed:
        context.say(f"{finding.lead} {finding.text}".strip())
