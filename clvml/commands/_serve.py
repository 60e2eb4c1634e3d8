"""``clvml serve``: score customers over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clvml.commands._app import Debug, Quiet, TrackingUri, app
from clvml.commands._errors import exit_on_error


@app.command(epilog="Example: clvml serve models:/shop_holdout@champion --port 8080")
def serve(
    model: Annotated[str, typer.Argument(help="Model URI (models:/NAME@champion) or model folder.")],
    segments: Annotated[
        str | None, typer.Option(help="Segments (URI or folder): add segment, stage and treatment.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the bearer token. Default: CLVML_TOKEN, if set."),
    ] = None,
    max_rows: Annotated[int, typer.Option(min=1, help="Customers per request.")] = 100_000,
    max_body: Annotated[int, typer.Option(min=1, help="MiB per request.")] = 32,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests computed at the same time.")] = 2,
    queue: Annotated[int, typer.Option(min=0, help="Requests that may wait; more get a 503.")] = 128,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds for a request.")] = 30.0,
    poll: Annotated[float, typer.Option(min=0.1, help="Seconds between looks at the alias.")] = 10.0,
    drain: Annotated[
        float, typer.Option(min=0.0, help="Seconds of service after SIGTERM, while /ready says 503.")
    ] = 2.0,
    tracking_uri: TrackingUri = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score customers over HTTP, with the version that the alias of a registered model names.

    SIGTERM ends it with exit status 0 once the requests in flight are answered; Ctrl-C ends it with 130.
    """
    with exit_on_error(debug):
        from clvml.serving._server import log_to_stderr, serve
        from clvml.serving._settings import Settings, read_token

        settings = Settings(
            max_rows=max_rows,
            max_body=max_body * 2**20,
            concurrency=concurrency,
            queue=queue,
            timeout=timeout,
            poll=poll,
            drain=drain,
            token=read_token(token_file),
        )
        log_to_stderr(access=not quiet)
        serve(model, segments=segments, tracking_uri=tracking_uri, host=host, port=port, settings=settings)
