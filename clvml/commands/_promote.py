"""``clvml promote``: make a version of a registered model the champion."""

from __future__ import annotations

from typing import Annotated

import typer

from clvml.commands._app import Debug, Quiet, TrackingUri, app
from clvml.commands._errors import exit_on_error

Name = Annotated[str, typer.Argument(help="The registered model.")]
Reason = Annotated[str, typer.Option(help="Why, for its tags and its description in MLflow.")]


@app.command(epilog='Example: clvml promote shop_holdout 4 --reason "trained on June"')
def promote(
    name: Name,
    version: Annotated[int | None, typer.Argument(help="The version. Default: the challenger.")] = None,
    reason: Reason = "",
    tracking_uri: TrackingUri = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a version of a registered model the champion, by hand."""
    with exit_on_error(debug):
        from clvml.tracking import promote as promote_version

        found = promote_version(name, version, reason=reason, tracking_uri=tracking_uri)
        if not quiet:
            typer.echo(f"{found.uri} is the champion: models:/{name}@champion loads it")
