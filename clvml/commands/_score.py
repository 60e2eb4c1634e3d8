"""``clvml score``: score a file of customers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvml.commands._app import Debug, DiscountRate, Horizon, Quiet, TrackingUri, app
from clvml.commands._errors import exit_on_error

if TYPE_CHECKING:
    from clvml.tracking import BatchResult


@app.command(epilog="Example: clvml score models:/shop_holdout@champion customers.parquet scores.parquet")
def score(
    model: Annotated[str, typer.Argument(help="Model URI, such as models:/NAME@champion.")],
    customers: Annotated[
        Path, typer.Argument(help="Customer summary (Parquet, CSV or Excel; - for CSV from standard input).")
    ],
    output: Annotated[
        Path, typer.Argument(help="Output file (Parquet, CSV or Excel), or a folder of Parquet parts.")
    ],
    horizon: Horizon = None,
    annual_discount_rate: DiscountRate = None,
    time_unit: Annotated[
        str | None,
        typer.Option(help="Unit of the customers' times: D, W, M, Q or Y (default: what the file states)."),
    ] = None,
    observed_until: Annotated[
        str | None, typer.Option(help="Date until which the customers are observed, such as 1998-06-30.")
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Add P(buys), next purchase, historic value and reasons.")
    ] = False,
    segments: Annotated[
        str | None, typer.Option(help="Segments (URI or folder): add segment, stage and treatment.")
    ] = None,
    on_bad_row: Annotated[
        str,
        typer.Option(help="At a row that cannot be scored: stop, or skip (OUTPUT-rejected.csv lists them)."),
    ] = "stop",
    decimal: Annotated[
        str | None, typer.Option(help="Decimal separator of numbers in text: . or , (default: .).")
    ] = None,
    thousands: Annotated[
        str | None, typer.Option(help="Thousands separator of numbers in text: . , ' or a blank.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output file.")] = False,
    tracking_uri: TrackingUri = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score a file of customers with a saved or registered model."""
    # Arrow's own allocator keeps what it has once used, most of 50 MB; read when pyarrow is imported.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with exit_on_error(debug):
        from clvml.commands._progress import progress_of_rows
        from clvml.tracking import score_batch

        with progress_of_rows(quiet) as progress:
            result = score_batch(
                model,
                customers,
                output,
                horizon=horizon,
                annual_discount_rate=annual_discount_rate,
                time_unit=time_unit,
                observed_until=observed_until,
                details=details,
                tracking_uri=tracking_uri,
                segments=segments,
                overwrite=overwrite,
                on_bad_row=on_bad_row,
                decimal=decimal,
                thousands=thousands,
                progress=progress,
            )
        for sentence in () if quiet else result.warnings:
            typer.echo(f"note: {sentence}", err=True)
        _say_rejected(result)
        if not quiet:
            typer.echo(f"{result.n_scored:,} customers scored by {model}, written to {output}")


def _say_rejected(result: BatchResult) -> None:
    """Rows that were not scored are an error of the data, of which a scheduler's log should know."""
    if result.n_rejected:
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in result.rejected.items())
        typer.echo(
            f"clvml: rows not scored: {result.n_rejected:,}, in {result.rejected_path}: {reasons}.",
            err=True,
        )
