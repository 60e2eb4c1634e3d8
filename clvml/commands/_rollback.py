"""``clvml rollback``: make the champion before the current one the champion again."""

from __future__ import annotations

import typer

from clvml.commands._app import Debug, Quiet, TrackingUri, app
from clvml.commands._errors import exit_on_error
from clvml.commands._promote import Name, Reason


@app.command(epilog='Example: clvml rollback shop_holdout --reason "complaints about June"')
def rollback(
    name: Name,
    reason: Reason = "",
    tracking_uri: TrackingUri = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Go back to the champion before the current one; repeated, further back."""
    with exit_on_error(debug):
        from clvml.tracking import rollback as roll_back

        found = roll_back(name, reason=reason, tracking_uri=tracking_uri)
        if not quiet:
            typer.echo(f"{found.uri} is the champion again: models:/{name}@champion loads it")
