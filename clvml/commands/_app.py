"""The command line that all commands belong to, and the options that several of them have."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="clvml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
"""The command ``clvml`` with its subcommands, as a Typer application.

See Also
--------
clvml.workflow.run, clvml.workflow.check, clvml.workflow.track : ``clvml run``, ``check`` and ``track``.
clvml.tracking.score_batch, clvml.tracking.promote, clvml.serving.serve : ``score``, ``promote``, ``serve``.

Examples
--------
>>> from clvml.commands import app
>>> from typer.testing import CliRunner
>>> result = CliRunner().invoke(app, ["run", "--help"])
>>> result.exit_code
0
"""

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
TrackingUri = Annotated[
    str | None,
    typer.Option(help="MLflow tracking URI. Default: MLFLOW_TRACKING_URI, or sqlite:///mlflow.db."),
]
Horizon = Annotated[str | None, typer.Option(help="Prediction horizon, such as 12M or 52W.")]
DiscountRate = Annotated[float | None, typer.Option(help="Annual discount rate, 0.10 for 10 % (at most 1).")]
