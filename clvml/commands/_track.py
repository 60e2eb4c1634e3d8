"""``clvml track``: write a run to MLflow later, from its output folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clvml.commands._app import Debug, Quiet, TrackingUri, app
from clvml.commands._errors import exit_on_error


@app.command(epilog="Example: clvml track clvml-output/shop_holdout")
def track(
    folder: Annotated[Path, typer.Argument(help="Output folder of a run whose MLflow store was away.")],
    tracking_uri: TrackingUri = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a run to MLflow later, from its output folder; what is there already is not repeated."""
    with exit_on_error(debug):
        from clvml.workflow._console import Silent, Terminal
        from clvml.workflow._tracking import track as track_folder

        track_folder(folder, tracking_uri=tracking_uri, progress=Silent() if quiet else Terminal())
