"""``clvml check``: is a model still right, by the purchases since it was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clvml.commands._app import Debug, Quiet, TrackingUri, app
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

CHECK_KEYS = {**DATA_KEYS, **TRACKING_KEYS}


@app.command(epilog="Example: clvml check shop_holdout@champion purchases.csv --config shop.toml")
def check(
    model: Annotated[
        str, typer.Argument(help="NAME@champion, NAME/3, models:/NAME@champion, or a model folder.")
    ],
    transactions: Annotated[
        str | None,
        typer.Argument(
            metavar="NEWDATA",
            help="All purchases, of the model's training and later: as --transactions of clvml run."
            " Default: those of --config.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Config file (TOML) of the run, for the options of the data.")
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
    until: Annotated[
        str | None, typer.Option(help="Last day to check, YYYY-MM-DD. Default: the last day of the data.")
    ] = None,
    observed_until: Annotated[
        str | None,
        typer.Option(help="Last day of the model's data, for a model whose card does not say it."),
    ] = None,
    level: Annotated[
        float, typer.Option(help="Probability of any alarm if nothing has changed.", min=0.0001, max=0.5)
    ] = 0.05,
    output: Annotated[
        str | None, typer.Option(help="Output folder. Default: clvml-output/NAME_check.")
    ] = None,
    tracking_uri: TrackingUri = None,
    no_tracking: Annotated[
        bool, typer.Option("--no-tracking", help="Do not write the check to MLflow.")
    ] = False,
    settings: Settings = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Check a model by later purchases: outcomes, inputs, parameters, challengers.

    Exit status, for a scheduler: 0 all in order; 4 look at it (the page says at what, and what to do next);
    3 in order, but not written to MLflow; 1 an error, such as no new data; 2 wrong usage.
    """
    overrides = overrides_of(locals(), CHECK_KEYS)
    with exit_on_error(debug):
        from clvml.errors import InputError
        from clvml.workflow._checking import check as check_by_config
        from clvml.workflow._config import load_config, parse_setting
        from clvml.workflow._console import Silent, Terminal

        if transactions is None and config is None:
            raise InputError("name the purchases: clvml check MODEL NEWDATA, or --config with their source.")
        overrides.update(map(parse_setting, settings or ()))
        progress = Silent() if quiet else Terminal()
        results = check_by_config(
            model,
            load_config(config, overrides),
            progress,
            output=output,
            until=until,
            observed_until=observed_until,
            level=level,
        )
        if results.untracked:
            typer.echo(f"clvml: {results.untracked}", err=True)
        if results.needs_attention:
            if quiet:
                typer.echo(
                    f"clvml: look at {results.folder / 'report.html'}: {results.check.summary}.", err=True
                )
            raise typer.Exit(ExitStatus.LOOK_AT_IT)
        if results.untracked:
            raise typer.Exit(ExitStatus.NOT_TRACKED)
