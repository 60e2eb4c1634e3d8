"""The command line: ``clvml run``, ``clvml score``, ``clvml version``.

It parses, calls the workflow, and turns every failure into one sentence on standard error and a
status: 1 for a failure, 2 for wrong usage, 130 for an interruption. ``--debug`` shows tracebacks.
"""

from __future__ import annotations

import logging
import os
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
    help="Customer lifetime value: models compared on a holdout, tracked in MLflow, served for scoring.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")]
TrackingUri = Annotated[str | None, typer.Option(help="MLflow tracking URI; default sqlite:///mlflow.db.")]
Horizon = Annotated[str | None, typer.Option(help="Horizon of the lifetime value, such as 12M or 52W.")]
DiscountRate = Annotated[float | None, typer.Option(help="Annual discount rate, such as 0.10.")]


@app.command()
def run(
    config: Annotated[Path | None, typer.Argument(help="A config.toml; none: the CDNOW comparison.")] = None,
    transactions: Annotated[str | None, typer.Option(help="CSV or Parquet file of purchases.")] = None,
    customer: Annotated[str | None, typer.Option(help="Column of the customer id.")] = None,
    date: Annotated[str | None, typer.Option(help="Column of the date or time of purchase.")] = None,
    amount: Annotated[str | None, typer.Option(help="Column of the money spent.")] = None,
    quantity: Annotated[str | None, typer.Option(help="Column of the quantity, with --price.")] = None,
    price: Annotated[str | None, typer.Option(help="Column of the unit price, with --quantity.")] = None,
    date_format: Annotated[str | None, typer.Option(help="How dates are written, such as %d/%m/%Y.")] = None,
    calibration_end: Annotated[str | None, typer.Option(help="Last day of calibration, YYYY-MM-DD.")] = None,
    observation_end: Annotated[str | None, typer.Option(help="Last day of the holdout, YYYY-MM-DD.")] = None,
    time_unit: Annotated[str | None, typer.Option(help="Unit in which time is counted: D, W, M, Y.")] = None,
    horizon: Horizon = None,
    annual_discount_rate: DiscountRate = None,
    output: Annotated[str | None, typer.Option(help="Folder for the results.")] = None,
    tracking_uri: TrackingUri = None,
    no_tracking: Annotated[bool, typer.Option("--no-tracking", help="Leave MLflow out.")] = False,
    debug: Debug = False,
) -> None:
    """Compare models of customer value on a holdout, and register the best."""
    overrides: dict[str, Any] = {
        "data.source": transactions,
        "data.customer": customer,
        "data.date": date,
        "data.amount": amount,
        "data.quantity": quantity,
        "data.price": price,
        "data.date_format": date_format,
        "split.calibration_end": calibration_end,
        "split.observation_end": observation_end,
        "split.time_unit": time_unit,
        "value.horizon": horizon,
        "value.annual_discount_rate": annual_discount_rate,
        "output.folder": output,
        "tracking.uri": tracking_uri,
        "tracking.enabled": False if no_tracking else None,
    }
    with failures_in_words(debug):
        from clvml.workflow._config import load_config
        from clvml.workflow._console import Terminal
        from clvml.workflow._run import run as run_workflow

        run_workflow(load_config(config, overrides), Terminal())


@app.command()
def score(
    model: Annotated[str, typer.Argument(help="Model URI, such as models:/clv@champion.")],
    customers: Annotated[Path, typer.Argument(help="Customer summary, as Parquet or CSV.")],
    output: Annotated[Path, typer.Argument(help="Where the scores go, as Parquet or CSV.")],
    horizon: Horizon = None,
    annual_discount_rate: DiscountRate = None,
    segments: Annotated[
        str | None, typer.Option(help="Segments (URI or folder): adds segment, stage and treatment.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let the scores take an older file's place.")
    ] = False,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """Score a file of customers with a registered model."""
    with failures_in_words(debug):
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
        typer.echo(f"{len(scored):,} customers scored by {model}, written to {output}")


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("clvml"))


@contextmanager
def failures_in_words(debug: bool = False) -> Iterator[None]:
    """Turn any failure inside into one sentence on standard error and an exit status."""
    from clvml.errors import ClvmlError

    _quiet(debug)
    interrupted = _listen_for_interrupts()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Libraries turn an interruption on its way through them into errors of their own.
        if interrupted.is_set() or isinstance(error, KeyboardInterrupt):
            typer.echo(" ".join(["clvml: interrupted.", *notes_of(error)]), err=True)
            raise typer.Exit(130) from None
        if debug or isinstance(error, typer.Exit):
            raise
        expected = isinstance(error, ClvmlError | OSError)
        typer.echo(f"clvml: error: {_sentence(error, expected)}", err=True)
        raise typer.Exit(1) from None


def _listen_for_interrupts() -> threading.Event:
    """Set when the user presses Ctrl-C, which still raises KeyboardInterrupt where it arrives."""
    interrupted = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)
    return interrupted


def notes_of(error: BaseException) -> list[str]:
    """The notes that were added to an error on its way."""
    return getattr(error, "__notes__", [])


def _sentence(error: Exception, expected: bool) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if not expected:
        text = f"unexpected {type(error).__name__}: {text}; --debug shows where it came from"
    return " ".join([f"{text.rstrip('.')}.", *notes_of(error)])


def _quiet(debug: bool) -> None:
    """Keep MLflow's notices out of the output; they say nothing that the run does not say."""
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
