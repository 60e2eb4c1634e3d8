"""``clvml run``: compare models on a holdout and register the champion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clvml.commands._app import Debug, DiscountRate, Horizon, Quiet, TrackingUri, app
from clvml.commands._data_options import (
    DATA_KEYS,
    TRACKING_KEYS,
    Amount,
    Customer,
    Date,
    DateFormat,
    DateOrigin,
    DateUnit,
    Decimal,
    FromTable,
    MaxUnreadable,
    Price,
    PricePerPurchase,
    PurchasesOnly,
    Quantity,
    Query,
    Settings,
    Sheet,
    Thousands,
    Timezone,
    overrides_of,
)
from clvml.commands._errors import exit_on_error
from clvml.commands._exit_statuses import ExitStatus

RUN_KEYS = {
    **DATA_KEYS,
    "calibration_end": "split.calibration_end",
    "observation_end": "split.observation_end",
    "time_unit": "split.time_unit",
    "horizon": "value.horizon",
    "annual_discount_rate": "value.annual_discount_rate",
    "output": "output.folder",
    **TRACKING_KEYS,
}


@app.command(epilog="Example: clvml run shop.toml --set segments.n_segments=4")
def run(
    config: Annotated[
        Path | None, typer.Argument(help="Config file (TOML). Default: the built-in CDNOW data.")
    ] = None,
    transactions: Annotated[
        str | None,
        typer.Option(
            help="Purchases, one per row: CSV, Parquet or Excel; a folder; - for standard input; a database,"
            " such as sqlite:///shop.db (needs --table or --query)."
        ),
    ] = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    quantity: Quantity = None,
    price: Price = None,
    purchases_only: PurchasesOnly = False,
    price_per_purchase: PricePerPurchase = None,
    date_format: DateFormat = None,
    date_unit: DateUnit = None,
    date_origin: DateOrigin = None,
    decimal: Decimal = None,
    thousands: Thousands = None,
    max_unreadable: MaxUnreadable = None,
    sheet: Sheet = None,
    table: FromTable = None,
    query: Query = None,
    timezone: Timezone = None,
    calibration_end: Annotated[
        str | None, typer.Option(help="Last day of the calibration period, YYYY-MM-DD.")
    ] = None,
    observation_end: Annotated[
        str | None, typer.Option(help="Last day of the holdout period, YYYY-MM-DD.")
    ] = None,
    time_unit: Annotated[str | None, typer.Option(help="Time unit of the models: D, W, M, Q or Y.")] = None,
    horizon: Horizon = None,
    annual_discount_rate: DiscountRate = None,
    output: Annotated[str | None, typer.Option(help="Output folder.")] = None,
    tracking_uri: TrackingUri = None,
    no_tracking: Annotated[bool, typer.Option("--no-tracking", help="Do not use MLflow.")] = False,
    settings: Settings = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare customer lifetime value models on a holdout period and register the champion.

    The exit status is 3 if the results are complete but could not be written to MLflow.
    """
    overrides = overrides_of(locals(), RUN_KEYS)
    with exit_on_error(debug):
        from clvml.workflow._config import load_config, parse_setting
        from clvml.workflow._console import Silent, Terminal
        from clvml.workflow._run import run as run_workflow

        overrides.update(map(parse_setting, settings or ()))
        results = run_workflow(load_config(config, overrides), Silent() if quiet else Terminal())
        if results.untracked:
            typer.echo(f"clvml: {results.untracked}", err=True)
            raise typer.Exit(ExitStatus.NOT_TRACKED)
