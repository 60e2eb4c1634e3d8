"""``clvml models``: the registered models, their versions, and which one is the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clvml.commands._app import Debug, TrackingUri, app
from clvml.commands._errors import exit_on_error

if TYPE_CHECKING:
    import pandas as pd

SHOWN = {
    "status": "status",
    "model": "model",
    "dataset": "data set",
    "customers": "customers",
    "fitted_until": "until",
    "warranty_until": "warranty until",
    "verdict": "verdict",
}


@app.command(epilog="Example: clvml models shop_holdout")
def models(
    name: Annotated[str | None, typer.Argument(help="A registered model. Default: all.")] = None,
    tracking_uri: TrackingUri = None,
    debug: Debug = False,
) -> None:
    """List the registered models: versions, what they were trained on, which one is champion and why."""
    with exit_on_error(debug):
        from clvml.tracking import models as registered_models

        found = registered_models(name, tracking_uri=tracking_uri)
        if not len(found):
            typer.echo("no models are registered here; 'clvml run' registers one.")
        for registered, versions in found.groupby("name", sort=False):
            typer.echo(_listed(str(registered), versions))


def _listed(name: str, versions: pd.DataFrame) -> str:
    """A table of the versions, and a line for each that says why it is or is not the champion."""
    from clvml.workflow._console import aligned

    table = versions.set_index("version")[list(SHOWN)].rename(columns=SHOWN)
    table = table.loc[:, (table != "").any()]
    reasons = [f"  {number}: {why}" for number, why in versions.set_index("version")["why"].items() if why]
    return "\n".join([name, *(f"  {line}" for line in aligned(table).splitlines()), *reasons, ""])
