"""`clvml serve` against a bare FastAPI that calls the model on the same payload and returns the same numbers.

Server processes run side by side and are asked in turn; CPU time is theirs, of all threads, per request.
The bare service parses with orjson, validates nothing, follows nothing and measures nothing.

Usage: python benchmarks/serving.py [rows]
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import requests
import uvicorn
from fastapi import FastAPI, Request, Response

import clvml
from clvml.scoring import load_model_folder, request_table, save_model_folder

ARROW = "application/vnd.apache.arrow.stream"
ROUNDS, TOTAL_ROWS = 7, 300_000


def bare(folder: str, port: int) -> None:
    """The reference: as short as it gets."""
    app, model = FastAPI(), load_model_folder(Path(folder) / "data")

    def scored(frame: pd.DataFrame) -> dict[str, Any]:
        scores = model.predict_factors(frame.set_index("customer_id"))
        return {name: scores[name].to_numpy() for name in scores} | {
            "customer_id": list(frame["customer_id"])
        }

    @app.post("/columns")
    async def columns(request: Request) -> Response:
        frame = pd.DataFrame(orjson.loads(await request.body())["columns"])
        content = orjson.dumps({"columns": scored(frame)}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(content, media_type="application/json")

    @app.post("/rows")
    async def rows(request: Request) -> Response:
        answer = scored(pd.DataFrame(orjson.loads(await request.body())["rows"]))
        lists = [list(column) if isinstance(column, list) else column.tolist() for column in answer.values()]
        content = [dict(zip(answer, row, strict=True)) for row in zip(*lists, strict=True)]
        return Response(orjson.dumps({"rows": content}), media_type="application/json")

    @app.post("/plain")
    async def plain(request: Request) -> dict[str, Any]:
        answer = scored(pd.DataFrame((await request.json())["columns"]))
        return {"columns": {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in answer.items()}}

    @app.post("/arrow")
    async def arrow(request: Request) -> Response:
        frame = pa.ipc.open_stream(await request.body()).read_all().to_pandas()
        return Response(in_arrow(pa.table(scored(frame))), media_type=ARROW)

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def in_arrow(table: pa.Table) -> bytes:
    """A table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


@contextlib.contextmanager
def started(command: list[str], port: int, path: str) -> Iterator[int]:
    """The id of a server process that answers."""
    server = subprocess.Popen([sys.executable, *command], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"http://127.0.0.1:{port}{path}", timeout=5)
                break
            time.sleep(0.1)
        yield server.pid
    finally:
        server.terminate()
        server.wait(30)


def cpu(process: int) -> float:
    """Seconds of all threads, from Linux's scheduler: nanoseconds rather than ticks."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def milliseconds(process: int, url: str, body: bytes, kind: str, repeats: int) -> float:
    """CPU per request, in ms."""
    with requests.Session() as session:
        before = cpu(process)
        for _ in range(repeats):
            answer = session.post(url, data=body, headers={"content-type": kind}, timeout=60)
            answer.raise_for_status()
        return (cpu(process) - before) / repeats * 1e3


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def payloads(model: Any, customers: pd.DataFrame, rows: int) -> dict[str, tuple[bytes, str, str, str]]:
    """By name: body, content type, the path of the service and that of the reference."""
    repeated = pd.concat([customers] * (rows // len(customers) + 1)).iloc[:rows]
    table = request_table(model, repeated.set_axis([f"customer-{i}" for i in range(rows)]))
    columns = json.dumps({"columns": {name: table[name].tolist() for name in table}}).encode()
    records = json.dumps({"rows": table.to_dict("records")}).encode()
    arrow = in_arrow(pa.Table.from_pandas(table, preserve_index=False))
    return {
        "columns in JSON": (columns, "application/json", "/score", "/columns"),
        "columns, FastAPI's own JSON": (columns, "application/json", "/score", "/plain"),
        "rows in JSON": (records, "application/json", "/score", "/rows"),
        "Arrow": (arrow, ARROW, "/score", "/arrow"),
    }


def dropped(url: str, body: bytes, clients: int = 32, each: int = 10) -> int:
    """Requests that were not answered with 200, of several clients at once."""
    failed: list[int] = []

    def ask() -> None:
        with requests.Session() as session:
            for _ in range(each):
                answer = session.post(
                    url, data=body, headers={"content-type": "application/json"}, timeout=120
                )
                failed.extend([answer.status_code] if answer.status_code != 200 else [])

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(failed)


def main(sizes: list[int]) -> None:
    customers = clvml.split(clvml.load_cdnow(), "1997-09-30", "1998-06-30", time_unit="W").calibration
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon="12M", annual_discount_rate=0.1)
    with tempfile.TemporaryDirectory() as folder:
        save_model_folder(model.fit(customers), Path(folder) / "data")
        ours, theirs = free_port(), free_port()
        serve = ["-m", "clvml", "serve", folder, "--quiet", "--drain", "0", "--port", str(ours)]
        reference = [__file__, "--bare", folder, str(theirs)]
        with started(serve, ours, "/ready") as service, started(reference, theirs, "/docs") as plain:
            for rows in sizes:
                repeats = max(3, min(200, TOTAL_ROWS // rows // ROUNDS))
                for name, (body, kind, path, other) in payloads(model, customers, rows).items():
                    urls = f"http://127.0.0.1:{ours}{path}", f"http://127.0.0.1:{theirs}{other}"
                    pairs = [
                        [
                            milliseconds(p, url, body, kind, repeats)
                            for p, url in zip((service, plain), urls, strict=True)
                        ]
                        for _ in range(ROUNDS)
                    ]
                    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
                    ratio = statistics.median(x / y for x, y in pairs)
                    sys.stdout.write(f"{rows:7,} {name:30} {a:8.2f} ms {b:8.2f} ms  {ratio:5.2f}\n")
            body = payloads(model, customers, 10_000)["columns in JSON"][0]
            lost = dropped(f"http://127.0.0.1:{ours}/score", body)
            sys.stdout.write(f"32 clients x 10 requests of 10,000 rows: {lost} not answered with 200\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        bare(sys.argv[2], int(sys.argv[3]))
    else:
        main([int(each) for each in sys.argv[1:]] or [1, 10_000])
