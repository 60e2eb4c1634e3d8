"""``clvml init``: write a config file to edit."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from clvml.commands._app import Debug, app
from clvml.commands._errors import exit_on_error


@app.command(epilog="Example: clvml init shop.toml --transactions sales.csv")
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
