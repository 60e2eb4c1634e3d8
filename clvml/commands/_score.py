"""``clvml score``: score a file of customers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clvml.commands._app import Debug, DiscountRate, Horizon, Quiet, TrackingUri, app
from clvml.commands._errors import exit_on_error


@app.command()
def score(
    model: Annotated[str, typer.Argument(help="Model URI, such as models:/NAME@champion.")],
    customers: Annotated[
        Path, typer.Argument(help="Customer summary (Parquet, CSV or Excel; - for CSV from standard input).")
    ],
    output: Annotated[Path, typer.Argument(help="Output file (Parquet, CSV or Excel).")],
    horizon: Horizon = None,
    annual_discount_rate: DiscountRate = None,
    segments: Annotated[
        str | None, typer.Option(help="Segments (URI or folder): add segment, stage and treatment.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output file.")] = False,
    tracking_uri: TrackingUri = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score a file of customers with a saved or registered model."""
    with exit_on_error(debug):
        from clvml.tracking._score_batch import score_batch

        scored = score_batch(
            model,
            customers,
            output,
            horizon=horizon,
            annual_discount_rate=annual_discount_rate,
            tracking_uri=tracking_uri,
            segments=segments,
            overwrite=overwrite,
        )
        if not quiet:
            typer.echo(f"{len(scored):,} customers scored by {model}, written to {output}")
