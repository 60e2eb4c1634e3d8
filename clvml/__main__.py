"""The command line: ``clvml run``, ``clvml init``, ``clvml score``, ``clvml version``.

It parses the arguments, calls the workflow, and reports any error as one sentence on standard error with an
exit status: 1 for an error, 2 for wrong usage, 130 for an interruption. ``--debug`` shows tracebacks.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="clvml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
TrackingUri = Annotated[str | None, typer.Option(help="MLflow tracking URI. Default: sqlite:///mlflow.db.")]
Horizon = Annotated[str | None, typer.Option(help="Prediction horizon, such as 12M or 52W.")]
DiscountRate = Annotated[float | None, typer.Option(help="Annual discount rate, 0.10 for 10 % (at most 1).")]


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
    """Compare customer lifetime value models on a holdout period and register the champion."""
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
        run_workflow(load_config(config, overrides), Silent() if quiet else Terminal())


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
        from clvml.tracking._registry import score_batch

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


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The config file to write.")] = Path("clvml.toml"),
    transactions: Annotated[str | None, typer.Option(help="The file of purchases to name in it.")] = None,
    debug: Debug = False,
) -> None:
    """Write a config file with every key, its meaning and its default, to edit and to run."""
    with exit_on_error(debug):
        from clvml.files import check_not_there, written_whole
        from clvml.workflow._config import Config
        from clvml.workflow._template import config_template

        check_not_there(path, "give another name, or remove it first")
        given = {} if transactions is None else {"data": {"source": transactions}}
        with written_whole(path) as part:
            part.write_text(config_template(Config.model_validate(given)), encoding="utf-8")
        typer.echo(f"written: {path}. Edit it, then: clvml run {shlex.quote(str(path))}")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(_installed())


def _installed() -> str:
    from importlib.metadata import version as installed

    return installed("clvml")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"clvml {_installed()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Customer lifetime value: compare models on a holdout, track them in MLflow, score customers."""


@contextmanager
def exit_on_error(debug: bool = False) -> Iterator[None]:
    """Turn any error inside into one sentence on standard error and an exit status."""
    from clvml.errors import ClvmlError

    _quiet(debug)
    interrupted = _record_interrupts()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Libraries may convert a KeyboardInterrupt into errors of their own.
        if interrupted.is_set() or isinstance(error, KeyboardInterrupt):
            typer.echo(" ".join(["clvml: interrupted.", *notes_of(error)]), err=True)
            raise typer.Exit(130) from None
        if debug or isinstance(error, typer.Exit):
            raise
        expected = isinstance(error, ClvmlError | OSError)
        typer.echo(f"clvml: error: {_sentence(error, expected)}", err=True)
        raise typer.Exit(1) from None


def _record_interrupts() -> threading.Event:
    """An event set when the user presses Ctrl-C, which still raises KeyboardInterrupt."""
    interrupted = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)
    return interrupted


def notes_of(error: BaseException) -> list[str]:
    """The notes that were added to an error."""
    return getattr(error, "__notes__", [])


def _sentence(error: Exception, expected: bool) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if not expected:
        text = f"unexpected {type(error).__name__}: {text}; --debug shows the traceback"
    return " ".join([f"{text.rstrip('.')}.", *notes_of(error)])


def _quiet(debug: bool) -> None:
    """Keep MLflow's notices out of the output."""
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    if not debug:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)


def main() -> None:
    """Entry point of the ``clvml`` command."""
    app()


if __name__ == "__main__":
    main()
