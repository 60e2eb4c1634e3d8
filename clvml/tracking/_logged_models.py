"""Log the folder of a saved model as a model of a run."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvml.tracking._card_text import CARD_FILE

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo


NOTE, MAX_NOTE = "mlflow.note.content", 5000  # the tag that MLflow's page of a model shows as Markdown


def log_model_folder(folder: Path, run_id: str, *, resume: bool = False, **described: Any) -> ModelInfo:
    """Log a saved model to a run: the steps of MLflow's `Model.log` that apply.

    There are no prompts and no trial of the example on a server. The model is READY when all its files are
    there.

    Parameters
    ----------
    folder : Path
        As `clvml.tracking.flavor.save_model` made it; it is not changed.
    run_id : str
    resume : bool
        Whether to complete a model of this name that an interrupted attempt left in the run.
    **described
        ``name``, ``model_type``, ``params`` and ``tags`` of the logged model; MLflow adds the run's
        parameters.
    """
    import mlflow

    client, recorded = mlflow.MlflowClient(), mlflow.models.Model.load(str(folder))
    described["tags"] = _shown(folder) | (described.get("tags") or {})
    entry = _entry_in(client, run_id, resume, **described)
    recorded.run_id, recorded.artifact_path = run_id, entry.artifact_location
    recorded.model_uuid = recorded.model_id = entry.model_id
    if str(entry.status) != "READY":
        try:
            with tempfile.TemporaryDirectory() as place:
                copied = Path(shutil.copytree(folder, Path(place) / "model"))
                recorded.save(str(copied / "MLmodel"))
                client.log_model_artifacts(entry.model_id, str(copied))
        except BaseException:
            with contextlib.suppress(Exception):  # the store may be lost
                client.finalize_logged_model(entry.model_id, "FAILED")
            raise
        entry = client.finalize_logged_model(entry.model_id, "READY")
    return recorded.get_model_info(entry)


def _shown(folder: Path) -> dict[str, str]:
    """The tag with the model's card."""
    page = folder / CARD_FILE
    return {NOTE: page.read_text(encoding="utf-8")[:MAX_NOTE]} if page.exists() else {}


def models_of(client: Any, experiment_id: str, run_id: str) -> list[Any]:
    """The logged models of a run, those in writing too."""
    return list(client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'"))


def _entry_in(client: Any, run_id: str, resume: bool, name: str, **described: Any) -> Any:
    """A logged model of the run, with the run's parameters and its own."""
    run = client.get_run(run_id)
    known = models_of(client, run.info.experiment_id, run_id) if resume else []
    entry = next((model for model in known if model.name == name), None)
    if entry is None:
        params = {**run.data.params, **(described.pop("params", None) or {})}
        text = {key: str(value) for key, value in params.items()}
        entry = client.create_logged_model(
            run.info.experiment_id, name, source_run_id=run_id, params=text, **described
        )
    link_model(client, run, entry.model_id)
    return entry


def link_model(client: Any, run: Any, model_id: str) -> None:
    """Make a model an output of the run, once."""
    from mlflow.entities import LoggedModelOutput

    linked = {output.model_id for output in (run.outputs.model_outputs if run.outputs else [])}
    if model_id not in linked:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model_id, step=0)])
