"""``clvml assign``: draw control groups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clvml.commands._app import Debug, Quiet, app
from clvml.commands._errors import exit_on_error
from clvml.errors import InputError


@app.command(epilog="Example: clvml assign segments.csv groups.csv --group control=0.2 --group letter=0.8")
def assign(
    customers: Annotated[
        Path, typer.Argument(help="Customers (CSV, Parquet or Excel), such as segments.csv of a run.")
    ],
    output: Annotated[
        Path, typer.Argument(help="Output file for the CRM (CSV, Parquet or Excel): id, segment, group.")
    ],
    group: Annotated[
        list[str],
        typer.Option(help="NAME=SHARE, or NAME=NUMBER of customers; one per group, control included."),
    ],
    segment: Annotated[
        str | None, typer.Option(help="Column with the segment, such as segment_name. Default: none.")
    ] = None,
    customer: Annotated[str, typer.Option(help="Column with the customer id.")] = "customer_id",
    random_state: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output file.")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Draw random control and treatment groups within segments."""
    with exit_on_error(debug):
        from clvml.treatments import count_groups
        from clvml.workflow import assign_file

        drawn = assign_file(
            customers,
            output,
            _sizes(group),
            segment=segment,
            customer=customer,
            random_state=random_state,
            overwrite=overwrite,
        )
        if not quiet:
            typer.echo(count_groups(drawn).to_string())
            for note in drawn.attrs["notes"]:
                typer.echo(f"{note}.")
            typer.echo(f"{len(drawn):,} customers written to {output}")


def _sizes(texts: list[str]) -> dict[str, float]:
    sizes = [_size(text) for text in texts]
    names = [name for name, _ in sizes]
    if len(set(names)) < len(names):
        raise InputError(f"group {max(names, key=names.count)!r} is given twice: give each group once.")
    return dict(sizes)


def _size(text: str) -> tuple[str, float]:
    name, sign, size = text.rpartition("=")
    try:
        if sign and name.strip():
            return name.strip(), float(size)
    except ValueError:
        pass
    raise InputError(f"{text!r} is not a group: write NAME=SHARE, such as control=0.2.")
