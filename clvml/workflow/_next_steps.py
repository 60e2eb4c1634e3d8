"""The commands suggested after a run, ready to paste."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from clvml._secrets import without_password
from clvml.tracking._connection import store_uri
from clvml.workflow._config import Config
from clvml.workflow._findings import SEGMENTS, SERVED, Finding, Model


class Command(NamedTuple):
    """A command and its description; the command is empty where there is only advice."""

    command: str
    what: str


def commands_after(config: Config, found: Iterable[Finding], is_tracked: bool = True) -> list[Command]:
    """The suggested commands; with customer groups, scoring adds segment, stage and treatment.

    Those of a run that is not in MLflow name the models in its folder.
    """
    files = {finding.key: finding for finding in found if isinstance(finding, Model) and finding.folder}
    has_model, has_groups = SERVED[0] in files, SEGMENTS[0] in files
    tracking = config.tracking
    if not tracking.enabled or not is_tracked:
        return commands_for_folder(config.folder, has_groups) if has_model else []
    own, default = store_uri("sqlite:///mlflow.db"), store_uri(None)
    uri = default if tracking.uri is None else store_uri(tracking.uri)
    return next_commands(
        model=f"models:/{tracking.registered_model}@champion" if has_model else None,
        segments=f"models:/{tracking.registered_segments}@champion" if has_groups else None,
        uri=without_password(uri),
        is_found=uri == default,
        is_here=uri == own,
        folder=config.folder,
    )


def next_commands(
    *, model: str | None, uri: str, is_found: bool, is_here: bool, folder: Path, segments: str | None = None
) -> list[Command]:
    """Suggested commands, each with a description.

    Parameters
    ----------
    model : str or None
        URI of the registered model; None where it has no file.
    uri : str
        The tracking URI that the run used.
    is_found : bool
        Whether MLflow's commands look there by default.
    is_here : bool
        Whether it is the embedded store of the current folder, where ``mlflow ui`` looks.
    folder : path
        The output folder.
    segments : str, optional
        URI of the registered segments.

    Examples
    --------
    >>> for command, what in next_commands(
    ...     model="models:/clv@champion",
    ...     uri="sqlite:////home/ann/mlflow.db",
    ...     is_found=True,
    ...     is_here=True,
    ...     folder=Path("out"),
    ... ):
    ...     print(command)
    mlflow ui
    clvml serve models:/clv@champion
    clvml score models:/clv@champion out/customers.parquet scores.parquet
    """
    address = uri.rstrip("/") if uri.startswith("http") else "http://127.0.0.1:5000"
    look = f"compare the runs at {address}/?workflowType=machine_learning"
    commands = [] if model is None else _use(model, folder, segments)
    if not is_found:
        commands.insert(0, Command(f"export MLFLOW_TRACKING_URI={shlex.quote(uri)}", "where the registry is"))
    if uri.startswith("http"):
        return [Command("", look), *commands]
    ui = "mlflow ui" if is_here else f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
    return [Command(ui, look), *commands]


def commands_for_folder(folder: Path, has_groups: bool = False) -> list[Command]:
    """Suggested commands after a run without MLflow."""
    return _use(str(folder / "model"), folder, str(folder / "segments") if has_groups else None)


def _use(model: str, folder: Path, segments: str | None) -> list[Command]:
    name, customers = shlex.quote(model), shlex.quote(str(folder / "customers.parquet"))
    groups = f" --segments {shlex.quote(segments)}" if segments else ""
    serve = f"clvml serve {name}{groups}"
    return [
        Command(serve, "serve it over HTTP; http://127.0.0.1:8000/docs describes the requests"),
        Command(f"clvml score {name} {customers} scores.parquet{groups}", "score a file of customers"),
    ]


def command_lines(commands: Sequence[Command]) -> list[str]:
    """Lines to copy: each command below a comment with its description.

    Examples
    --------
    >>> command_lines([Command("mlflow ui", "compare the runs")])
    ['# compare the runs', 'mlflow ui']
    """
    return [line for command, what in commands for line in (f"# {what}", command) if line]
