"""clvml models as MLflow models: a folder of readable JSON that MLflow can log, register and serve.

The folder contains ``data/model.json`` (see :mod:`~clvml.scoring`) under two flavours:
``clvml``, which loads the estimator (:func:`load_model`), and ``python_function``, which
``mlflow models serve`` and ``mlflow.pyfunc`` load. Neither uses pickle, so both work with
``MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false``. Beside it are ``card.md``, the model's card for people, and in
``code`` the wheel of clvml that the requirements name (see `clvml.tracking._wheel`), so that an environment
can be built from the folder alone. No customer is in it.

This module is the adapter between MLflow and :mod:`clvml.scoring`, which defines requests and responses.
In MLflow's types the signature is::

    in   customer_id (any type), the model's columns (numbers of any type, whole ones too; categories),
         time_unit and observed_until
    out  clv, then its factors as double          | segment (long), segment_name (string); of customer
                                                  | groups class, stage, treatment and budget too

with the parameters ``time_unit`` and ``observed_until``, and ``horizon``, ``annual_discount_rate`` and
``details`` for a lifetime-value model. Money is the first column because ``spark_udf(result_type="double")``
takes the first column of that type. Some columns of the answer are not in the signature, and ``spark_udf``
leaves them out: those that ``details`` adds, unless its ``result_type`` names them; ``customer_id``, where
ids were given (``spark_udf`` without a ``result_type`` fails if a column of any type is in the signature, and
in Spark the answers are a column beside the ids); and last ``warning``, where a request is answered with one
(see :class:`clvml.scoring.Request`), the same text in each row, as the answer is a table.

**All inputs are declared optional and of any type**, so that clvml validates requests itself. Any narrower
type makes MLflow refuse what is valid (int64 for a double: pandas, Arrow, Spark's bigint), and its errors
repeat the customers' rows. It costs MLflow a loop over the cells, about 8 ms of CPU per 10,000 numbers.
Without a schema there would be no such loop, but neither would anybody see in the registry what the model
needs.

**CSV gives way to ids of any type**: MLflow reads CSV by the types of the signature and has none for "any",
so its server answers CSV with 400. With ids declared as text, requests with numbers as ids would fail in
JSON, pandas and Spark; with no types MLflow would read the id ``007`` as 7 and answer for a customer who
does not exist. Send JSON or, for many rows, Parquet (``application/vnd.apache.parquet``), which keeps types.

**Out of clvml's reach**: MLflow drops parameters that are not in the signature, with a line in its log,
before clvml receives them, and refuses one of the wrong type itself, in a message that repeats rows.
``clvml serve`` does neither.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from clvml.errors import ClvmlError, TrackingError
from clvml.files import check_not_there, written_whole
from clvml.scoring._card import ModelCard
from clvml.scoring._contract import needs_observation_end, read_request, response_table, score
from clvml.scoring._fitted_parameters import parts_of
from clvml.scoring._invented import invented_request
from clvml.scoring._model_file import (
    MODEL_FILE,
    load_model_folder,
    load_with_card,
    read_card,
    save_model_folder,
)
from clvml.scoring._request_time import OBSERVED_UNTIL, warranty_notice
from clvml.scoring._signature import Signature, signature
from clvml.tracking._card_text import CARD_FILE, card_markdown
from clvml.tracking._logged_models import log_model_folder
from clvml.tracking._wheel import NEEDS, pinned, travelling_wheel

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature
    from mlflow.models.model import ModelInfo

logger = logging.getLogger("clvml")

FLAVOR_NAME = "clvml"
WARNING = "warning"  # the column of an answer
# MLflow's types by the contract's kinds; any other is MLflow's AnyType.
_OUTPUT_TYPES = {"number": "double", "integer": "long", "boolean": "boolean", "text": "string"}
_NOT_SAID = ""  # the default of a text parameter; MLflow needs one, and null would hide a null of the request


def save_model(
    model: Any,
    path: str | Path,
    *,
    input_example: pd.DataFrame | None = None,
    metadata: dict[str, Any] | None = None,
    mlflow_model: Model | None = None,
    card: ModelCard | None = None,
) -> None:
    """Save a fitted model as an MLflow model folder.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model, a segmentation, or :class:`clvml.CustomerGroups`.
    path : str or Path
        A folder that does not exist yet, or is empty; it appears when the model is complete.
    input_example : pandas.DataFrame, optional
        Customers; a few invented ones, from rounded quantiles of theirs, are saved as the input example.
        No row and no id of a customer is saved.
    metadata : dict, optional
        Saved in the ``MLmodel`` file.
    mlflow_model : mlflow.models.Model, optional
        Passed by MLflow when it logs the model.
    card : ModelCard, optional
        What is known of the model beyond itself, such as its data and scores; never a customer.

    Raises
    ------
    InputError
        If the folder is not empty, or the model cannot be serialised as JSON (see
        :func:`~clvml.scoring.dump_model`).
    """
    import mlflow

    check_not_there(path, "save the model in another folder, or move this one away first")
    with tempfile.TemporaryDirectory() as folder, written_whole(path) as unfinished:
        file = save_model_folder(model, folder, card)
        found = signature(model)
        described = mlflow_model or mlflow.models.Model()
        described.add_flavor(FLAVOR_NAME, **_flavor_facts(model, found))
        mlflow.pyfunc.save_model(
            path=str(unfinished),
            loader_module=__name__,
            data_path=str(file),
            mlflow_model=described,
            signature=_in_mlflow(found),
            input_example=None if input_example is None else invented_request(model, input_example),
            pip_requirements=list(requirements(model)),
            metadata=metadata,
        )
        wheel = unfinished / travelling_wheel().requirement
        wheel.parent.mkdir(exist_ok=True)
        wheel.write_bytes(travelling_wheel().content)
        page = card_markdown(read_card(file))
        (unfinished / CARD_FILE).write_text(page, encoding="utf-8")


def log_model(
    model: Any,
    name: str,
    *,
    registered_model_name: str | None = None,
    input_example: pd.DataFrame | None = None,
    metadata: dict[str, Any] | None = None,
    params: dict[str, Any] | None = None,
    tags: dict[str, Any] | None = None,
    run_id: str | None = None,
    card: ModelCard | None = None,
) -> ModelInfo:
    """Log a fitted model to the active run of MLflow, or to ``run_id``.

    Parameters
    ----------
    model, input_example, metadata, card
        As in :func:`save_model`.
    name : str
        The model's name in the run.
    registered_model_name : str, optional
        Also register it as a version of this name (see :func:`clvml.tracking.register`
        for an alias too).
    params, tags : dict, optional
        Of the logged model; MLflow adds the run's parameters.
    run_id : str, optional
        The run, if not the active one.

    Returns
    -------
    mlflow.models.model.ModelInfo
        With ``model_uri`` and ``model_id``.
    """
    from mlflow.models import Model

    described = {"name": name, "tags": tags, "params": params, "model_type": type(model).__name__}
    options = {"model": model, "input_example": input_example, "metadata": metadata, "card": card}
    if run_id is not None:
        # MLflow uses the experiment of the active run only, and takes most of a second for each model.
        return _log_to(run_id, described, options, registered_model_name)
    return Model.log(
        artifact_path=None,
        flavor=sys.modules[__name__],
        registered_model_name=registered_model_name,
        **options,
        **described,
    )


def _log_to(
    run_id: str, described: dict[str, Any], options: dict[str, Any], registered_model_name: str | None
) -> ModelInfo:
    """It is saved first: a model that cannot be saved leaves nothing behind."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        save_model(path=path, **options)
        info = log_model_folder(path, run_id, **described)
    if registered_model_name is not None:
        made = mlflow.register_model(info.model_uri, registered_model_name, tags=described["tags"])
        info.registered_model_version = int(made.version)
    return info


def load_model(model_uri: str | Path) -> Any:
    """The estimator itself, from a model folder or any model URI that MLflow supports.

    It does not use ``mlflow.pyfunc`` and runs no code of the folder, so it works wherever MLflow may execute
    neither code nor pickles of a model.

    Raises
    ------
    TrackingError
        If the model was not saved by clvml.
    InputError
        If its file is damaged.
    """
    with _local(model_uri) as folder:
        return load_model_folder(folder)


def load_model_with_card(model_uri: str | Path) -> tuple[Any, ModelCard]:
    """The estimator and its card; as :func:`load_model`."""
    with _local(model_uri) as folder:
        return load_with_card(folder)


def load_card(model_uri: str | Path) -> ModelCard:
    """The card of a saved model: its data, parameters and scores; as :func:`load_model`."""
    with _local(model_uri) as folder:
        return read_card(folder)


@contextmanager
def _local(model_uri: str | Path) -> Iterator[Path]:
    """The data folder of a model of clvml, on this machine."""
    if Path(model_uri).is_dir():
        yield _data_folder(Path(model_uri))
        return
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        yield _data_folder(
            Path(mlflow.artifacts.download_artifacts(artifact_uri=str(model_uri), dst_path=folder))
        )


def _in_mlflow(found: Signature) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    inputs = [ColSpec(AnyType(), c.name, required=False) for c in found.inputs]
    outputs = [ColSpec(_OUTPUT_TYPES[c.kind], c.name) for c in found.outputs if c.required]
    params = [ParamSpec(name, "double", default) for name, default in found.parameters]
    params += [ParamSpec(name, "string", _NOT_SAID) for name in found.statements]
    params += [ParamSpec(name, "boolean", False) for name in found.switches]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs), params=ParamSchema(params))


def requirements(model: Any) -> tuple[str, ...]:
    """What pip is to install for the model, in its folder: the wheel of clvml, and pinned packages."""
    own = {need for _, part in parts_of(model) for need in getattr(part, "needs_packages", ())}
    return (travelling_wheel().requirement, *pinned((*NEEDS, *sorted(own))))


class ServedModel:
    """The model that ``mlflow.pyfunc`` calls: a table of rows in, a table of scores out.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmenter.
    card : ModelCard
        The model's, with which requests are compared. That it is past its warranty by today's date is logged
        once; answers say so only if the request says until when its customers are observed.
    """

    def __init__(self, model: Any, card: ModelCard):
        self.model = model
        self.card = card
        for sentence in warranty_notice(card.warranty.get("until"), []):
            logger.warning("%s", sentence)

    def predict(self, data: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Score customers; an invalid request raises an error with one sentence (HTTP 400)."""
        said = {name: value for name, value in (params or {}).items() if value != _NOT_SAID}
        if not said.get("details", True):
            said.pop("details")
        is_dated = "details" in said or needs_observation_end(self.model)
        if OBSERVED_UNTIL not in said and OBSERVED_UNTIL not in data and self.card.warranty.get("until"):
            # That time has passed is logged at the start.
            until = self.card.observed_until if is_dated else None
            said[OBSERVED_UNTIL] = until or self.card.warranty["until"]
        try:
            request = read_request(self.model, data, said, self.card)
            scores = response_table(score(self.model, request.customers, request.params))
        except ClvmlError as error:
            raise _refusal(str(error)) from None
        return scores.assign(**{WARNING: " ".join(request.warnings)}) if request.warnings else scores


def _load_pyfunc(path: str) -> ServedModel:
    """Called by MLflow with the path of the model's data."""
    return ServedModel(*load_with_card(path))


def _data_folder(folder: Path) -> Path:
    """Where ``model.json`` is: within MLflow's folder, or in that of `clvml.scoring.save_model_folder`."""
    data = folder / "data"
    if not (data / MODEL_FILE).exists() and (folder / "MLmodel").exists():
        raise TrackingError(
            "this MLflow model was not saved by clvml: load it with mlflow.pyfunc.load_model instead."
        )
    return data if data.is_dir() else folder


def _flavor_facts(model: Any, found: Signature) -> dict[str, Any]:
    return {
        "clvml_version": version("clvml"),
        "model_class": type(model).__name__,
        "data": f"data/{MODEL_FILE}",
        "required_columns": [c.name for c in found.inputs if c.required],
        "columns": {c.name: c.kind for c in found.inputs},
        "time_unit": getattr(model, "time_unit_", None),
    }


def _refusal(sentence: str) -> Exception:
    """An error that MLflow converts to HTTP 400 with this sentence.

    MLflow's server prefixes the messages of errors with the rows of the request. Customer data must not
    appear in responses and logs, so this message cannot be changed.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

    class Refusal(MlflowException):
        message = property(lambda _: sentence, lambda _, __: None)

    return Refusal(sentence, error_code=INVALID_PARAMETER_VALUE)
