"""Runs that clvml began and whose process has ended: none stays RUNNING for ever.

Only runs with clvml's own tag are touched, and only those whose process was on this host and is gone, or
which were begun more than a day ago: writing a run takes seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from clvml.tracking._logged_models import models_of
from clvml.tracking._process import is_gone

RECORD = "clvml_record"  # the tag with the id of the folder and the run's place in it
PROCESS = "clvml_process"  # the tag with the process that writes the run
A_DAY = 86_400_000  # milliseconds


def end_abandoned(client: Any, experiment_id: str, id: str) -> Iterator[str]:
    """End the abandoned runs of an experiment as KILLED, except those of the folder with this id.

    Yields
    ------
    str
        A sentence on each folder whose runs were ended.
    """
    asked = "attributes.status = 'RUNNING'"
    running = client.search_runs([experiment_id], asked, max_results=5000)
    ended: dict[str, list[str]] = {}
    for run in running:
        folder = run.data.tags.get(RECORD, "").partition("/")[0]
        if folder and folder != id and _is_abandoned(run):
            _end(client, experiment_id, run.info.run_id)
            ended.setdefault(folder, []).append(run.info.run_name)
    for names in ended.values():
        yield (
            f"ended in MLflow: {len(names)} run{'s' if len(names) > 1 else ''} of a process that had stopped"
            f" in the middle ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        )


def _is_abandoned(run: Any) -> bool:
    old = time.time() * 1000 - run.info.start_time > A_DAY
    return old or is_gone(run.data.tags.get(PROCESS, ""))


def _end(client: Any, experiment_id: str, run_id: str) -> None:
    for model in models_of(client, experiment_id, run_id):
        if str(model.status) == "PENDING":
            client.finalize_logged_model(model.model_id, "FAILED")
    client.set_terminated(run_id, status="KILLED")
