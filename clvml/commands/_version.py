"""``clvml version`` and ``clvml --version``."""

from __future__ import annotations

from typing import Annotated

import typer

from clvml.commands._app import app


@app.command(epilog="Example: clvml version")
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
