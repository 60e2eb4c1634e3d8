"""``clvml run``: compare models on a holdout and register the champion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clvml.commands._app import Debug, DiscountRate, Horizon, Quiet, TrackingUri, app
from clvml.commands._errors import NOT_TRACKED, exit_on_error


@app.command()
def run(
    config: Annotated[
        Path | None, typer.Argument(help="Config file (TOML). Default: the built-in CDNOW data.")
    ] = None,
    transactions: Annotated[
        str | None,
        typer.Option(help="Purchases, one per row: CSV, Parquet or Excel; a folder; - for standard input."),
    ] = None,
    customer: Annotated[str | None, typer.Option(help="Column with the customer id.")] = None,
    date: Annotated[str | None, typer.Option(help="Column with the date or time of the purchase.")] = None,
    amount: Annotated[str | None, typer.Option(help="Column with the amount of money.")] = None,
    quantity: Annotated[str | None, typer.Option(help="Column with the quantity (needs --price).")] = None,
    price: Annotated[str | None, typer.Option(help="Column with the unit price (needs --quantity).")] = None,
    purchases_only: Annotated[
        bool, typer.Option("--purchases-only", help="The purchases have no amounts: predict purchases.")
    ] = False,
    price_per_purchase: Annotated[
        float | None, typer.Option(help="Value of a purchase, for purchases without amounts.")
    ] = None,
    date_format: Annotated[
        str | None, typer.Option(help="Format of the dates, such as %d/%m/%Y; excel for serial numbers.")
    ] = None,
    date_unit: Annotated[
        str | None,
        typer.Option(help="Unit of dates that are numbers: D, W, M, Q or Y (needs --date-origin)."),
    ] = None,
    date_origin: Annotated[
        str | None, typer.Option(help="Date of number 0, YYYY-MM-DD (needs --date-unit).")
    ] = None,
    decimal: Annotated[
        str | None,
        typer.Option(help="Decimal separator of amounts in text: . or , (default: as the column shows)."),
    ] = None,
    thousands: Annotated[
        str | None, typer.Option(help="Thousands separator of amounts in text: . , ' or a blank.")
    ] = None,
    max_unreadable: Annotated[
        float | None,
        typer.Option(help="Share of unreadable dates or amounts that stops the run (default: 0.1)."),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of an Excel workbook, by name or number (default: the first).")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone of the shop, such as America/New_York.")
    ] = None,
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
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Any key of the config, such as data.policy.returns=net."
        ),
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare customer lifetime value models on a holdout period and register the champion.

    The exit status is 3 if the results are complete but could not be written to MLflow.
    """
    overrides: dict[str, Any] = {
        "data.source": transactions,
        "data.customer": customer,
        "data.date": date,
        "data.amount": amount,
        "data.quantity": quantity,
        "data.price": price,
        "data.purchases_only": purchases_only or None,
        "value.price": price_per_purchase,
        "data.date_format": date_format,
        "data.timezone": timezone,
        "data.date_unit": date_unit,
        "data.date_origin": date_origin,
        "data.decimal": decimal,
        "data.thousands": thousands,
        "data.max_unreadable": max_unreadable,
        "data.sheet": sheet,
        "split.calibration_end": calibration_end,
        "split.observation_end": observation_end,
        "split.time_unit": time_unit,
        "value.horizon": horizon,
        "value.annual_discount_rate": annual_discount_rate,
        "output.folder": output,
        "tracking.uri": tracking_uri,
        "tracking.enabled": False if no_tracking else None,
    }
    with exit_on_error(debug):
        from clvml.workflow._config import load_config, parse_setting
        from clvml.workflow._console import Silent, Terminal
        from clvml.workflow._run import run as run_workflow

        overrides.update(map(parse_setting, settings or ()))
        results = run_workflow(load_config(config, overrides), Silent() if quiet else Terminal())
        if results.untracked:
            typer.echo(f"clvml: {results.untracked}", err=True)
            raise typer.Exit(NOT_TRACKED)
