"""clvml models as MLflow models: a folder of readable JSON that MLflow can log, register and serve.

The folder holds ``data/model.json`` (see :mod:`~clvml.scoring`) under two flavours:
``clvml``, which gives the estimator back (:func:`load_model`), and ``python_function``, which
``mlflow models serve`` and ``mlflow.pyfunc`` load. Neither pickles anything.

The signature, for a lifetime-value model and for segments::

    in   customer_id (any type, may be left out), then the model's columns: double, but for
         categories: string, boolean or long among covariates, any type among attributes
    out  clv, then its factors as double          | segment (long), segment_name; of customer
         customer_id last, where it was given     | groups class, stage, treatment and budget too
                                                  | customer_id last, where it was given

with the parameters ``horizon`` and ``annual_discount_rate`` for a lifetime-value model. Money comes
first because ``spark_udf(result_type="double")`` takes the first column of that type. The columns
are declared optional so that a request without one reaches us and gets one sentence: MLflow's own
refusal repeats the customers' rows. MLflow drops parameters that the signature does not know
before we see them.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvml.customers._ids import CUSTOMER_ID, check_present
from clvml.customers._summary_checks import HISTORY
from clvml.customers._time_units import horizon_in
from clvml.errors import ClvmlError, InputError, TrackingError
from clvml.files import check_not_there, written_whole
from clvml.scoring._model_file import MODEL_FILE, load_model_folder, save_model_folder

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature
    from mlflow.models.model import ModelInfo

FLAVOR_NAME = "clvml"
NEEDS = ("pandas", "numpy", "scipy", "scikit-learn")
# One customer that any model has an answer for: it shows which columns the answer has.
PLAUSIBLE = {"frequency": 1.0, "recency": 1.0, "T": 2.0, "probability_alive": 0.5}


def save_model(
    model: Any,
    path: str | Path,
    *,
    input_example: pd.DataFrame | None = None,
    metadata: dict[str, Any] | None = None,
    mlflow_model: Model | None = None,
) -> None:
    """Save a fitted model as an MLflow model folder.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model, a segmentation, or :class:`clvml.CustomerGroups`.
    path : str or Path
        A folder that does not exist yet, or is empty; it appears when the model is complete.
    input_example : pandas.DataFrame, optional
        Customers; the first five are kept as the example of a request.
    metadata : dict, optional
        Kept in the ``MLmodel`` file.
    mlflow_model : mlflow.models.Model, optional
        Given by MLflow when it logs the model.

    Raises
    ------
    InputError
        If the folder holds something, or the model has no place in a JSON file (see
        :func:`~clvml.scoring.dump_model`).
    """
    import mlflow

    check_not_there(path, "save the model in another folder, or move this one away first")
    with tempfile.TemporaryDirectory() as folder, written_whole(path) as unfinished:
        file = save_model_folder(model, folder)
        described = mlflow_model or mlflow.models.Model()
        described.add_flavor(FLAVOR_NAME, **_flavor_facts(model))
        mlflow.pyfunc.save_model(
            path=str(unfinished),
            loader_module=__name__,
            data_path=str(file),
            mlflow_model=described,
            signature=signature_of(model),
            input_example=None if input_example is None else request_of(model, input_example.head(5)),
            pip_requirements=requirements(),
            metadata=metadata,
        )


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
) -> ModelInfo:
    """Log a fitted model to the active run of MLflow, or to ``run_id``.

    Parameters
    ----------
    model, input_example, metadata
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
    if run_id is not None:
        # MLflow looks for the experiment of the active run only: here it is the one of run_id.
        described = {"model_id": _entry_in(run_id, **described)}
    return Model.log(
        artifact_path=None,
        flavor=sys.modules[__name__],
        registered_model_name=registered_model_name,
        metadata=metadata,
        run_id=run_id,
        model=model,
        input_example=input_example,
        **described,
    )


def _entry_in(run_id: str, **described: Any) -> str:
    import mlflow

    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    params = {**run.data.params, **(described.pop("params") or {})}
    entry = client.create_logged_model(
        run.info.experiment_id,
        source_run_id=run_id,
        params={key: str(value) for key, value in params.items()},
        **described,
    )
    return str(entry.model_id)


def load_model(model_uri: str | Path) -> Any:
    """The estimator itself, from a model folder or any model URI that MLflow knows.

    It does not go through ``mlflow.pyfunc``, so it works where that is switched off
    (``MLFLOW_ALLOW_MODEL_CODE_EXECUTION=false``).

    Raises
    ------
    TrackingError
        If the model was saved by something else than clvml.
    InputError
        If its file is damaged.
    """
    if Path(model_uri).is_dir():
        return _load_folder(Path(model_uri))
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        local = mlflow.artifacts.download_artifacts(artifact_uri=str(model_uri), dst_path=folder)
        return _load_folder(Path(local))


def answers_of(
    model: Any,
    customers: pd.DataFrame,
    horizon: float | str | None = None,
    annual_discount_rate: float | None = None,
) -> pd.DataFrame:
    """What the model says of each customer, on the customers' index: the table that is served.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmenter.
    customers : pandas.DataFrame
        One row a customer, with the model's columns.
    horizon, annual_discount_rate : optional
        Of a lifetime-value model; None takes the model's own.

    Returns
    -------
    pandas.DataFrame
        ``clv`` and its factors, or ``segment``, ``segment_name`` and, of customer groups, class, stage,
        treatment and budget; never a missing number.

    Raises
    ------
    InputError
        If the customers break a rule, or a customer's value is not a finite number.
    """
    if hasattr(model, "predict_factors"):
        answers = model.predict_factors(customers, horizon=horizon, annual_discount_rate=annual_discount_rate)
    elif horizon is not None or annual_discount_rate is not None:
        raise InputError(f"{type(model).__name__} takes neither a horizon nor an annual discount rate.")
    elif hasattr(model, "assign"):
        answers = model.assign(customers)
    else:
        segments = model.predict(customers)
        answers = pd.DataFrame({"segment": segments, "segment_name": model.segment_names(customers)})
    _check_finite(answers, type(model).__name__)
    return answers


def columns_of(model: Any) -> tuple[str, ...]:
    """The columns that a request must carry; a model that reads none is sent the purchase history."""
    return tuple(model.required_columns) or HISTORY


def optional_columns_of(model: Any) -> tuple[str, ...]:
    """The columns that a request may carry as well."""
    return tuple(getattr(model, "optional_columns", ()))


def request_of(model: Any, customers: pd.DataFrame) -> pd.DataFrame:
    """Customers in the form in which the served model takes them: the id as the first column."""
    more = [name for name in optional_columns_of(model) if name in customers]
    request = customers[[*columns_of(model), *more]]
    # MLflow has no type for pandas' categories: a request carries what they stand for.
    coded = request.select_dtypes("category")
    request = request.astype({name: coded[name].cat.categories.dtype for name in coded})
    if isinstance(customers.index, pd.RangeIndex) and customers.index.name is None:
        return request.reset_index(drop=True)
    return request.rename_axis(CUSTOMER_ID).reset_index()


def signature_of(model: Any) -> ModelSignature:
    """The MLflow signature of a fitted model, as in this module's docstring."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    columns, categories = columns_of(model), getattr(model, "categories", {})
    known = (
        PLAUSIBLE | getattr(model, "reference_", {}) | {name: seen[0] for name, seen in categories.items()}
    )
    plausible = pd.DataFrame({name: [known.get(name, 1.0)] for name in columns})
    answers = answers_of(model, plausible)
    customer = ColSpec(AnyType(), CUSTOMER_ID, required=False)
    types = {name: AnyType() if name in categories else _mlflow_type(plausible[name]) for name in columns}
    types |= dict.fromkeys(optional_columns_of(model), "double")
    inputs = [ColSpec(kind, name, required=False) for name, kind in types.items()]
    outputs = [ColSpec(_mlflow_type(answers[name]), name) for name in answers]
    return ModelSignature(
        inputs=Schema([customer, *inputs]), outputs=Schema([*outputs, customer]), params=_parameters(model)
    )


def requirements() -> list[str]:
    """What the model needs in order to be served, at the versions of now."""
    return [f"{name}=={version(name)}" for name in ("clvml", *NEEDS)]


class ServedModel:
    """What ``mlflow.pyfunc`` calls: a table of requests in, a table of answers out.

    Parameters
    ----------
    model : estimator
        A fitted lifetime-value model or segmenter.
    """

    def __init__(self, model: Any):
        self.model = model

    def predict(self, data: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Score customers; whatever is wrong with them is one sentence and, over HTTP, a 400."""
        try:
            customers = _customers_of(data, columns_of(self.model))
            answers = answers_of(self.model, customers, **_wishes(params or {}))
        except ClvmlError as error:
            raise _refusal(str(error)) from None
        return _answer_table(answers)


def _load_pyfunc(path: str) -> ServedModel:
    """Called by MLflow with the path of the model's data."""
    return ServedModel(load_model_folder(path))


def _load_folder(folder: Path) -> Any:
    if not (folder / "data" / MODEL_FILE).exists() and (folder / "MLmodel").exists():
        raise TrackingError(
            "this MLflow model was not saved by clvml: load it with mlflow.pyfunc.load_model instead."
        )
    return load_model_folder(folder / "data")


def _flavor_facts(model: Any) -> dict[str, Any]:
    return {
        "clvml_version": version("clvml"),
        "model_class": type(model).__name__,
        "data": f"data/{MODEL_FILE}",
        "required_columns": list(columns_of(model)),
        "time_unit": getattr(model, "time_unit_", None),
    }


def _parameters(model: Any) -> Any:
    from mlflow.types import ParamSchema, ParamSpec

    if not hasattr(model, "predict_factors"):
        return None
    params = [ParamSpec("annual_discount_rate", "double", float(model.annual_discount_rate))]
    if model.horizon is not None:
        horizon = horizon_in(model.horizon, getattr(model, "time_unit_", None))
        params.insert(0, ParamSpec("horizon", "double", horizon))
    return ParamSchema(params)


def _mlflow_type(column: pd.Series) -> str:
    return {"f": "double", "i": "long", "b": "boolean"}.get(column.dtype.kind, "string")


def _customers_of(data: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    missing = [name for name in columns if name not in data]
    if missing:
        raise InputError(
            f"the request lacks the column {', '.join(map(repr, missing))}; it needs {', '.join(columns)}."
        )
    if CUSTOMER_ID not in data:
        return data
    check_present(data[CUSTOMER_ID])
    return data.set_index(CUSTOMER_ID)


def _wishes(params: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(params) - {"horizon", "annual_discount_rate"})
    if unknown:
        raise InputError(f"there is no parameter {unknown[0]!r}; there are horizon and annual_discount_rate.")
    return dict(params)


def _check_finite(answers: pd.DataFrame, model: str) -> None:
    numbers = answers.select_dtypes("number")
    bad = ~np.isfinite(numbers.to_numpy()).all(axis=1)
    if bad.any():
        first = answers.index[int(np.argmax(bad))]
        raise InputError(
            f"{model} has no finite value for {bad.sum()} of {len(answers)} customers; the first is"
            f" {first!r}: look at the horizon and at these customers."
        )


def _answer_table(answers: pd.DataFrame) -> pd.DataFrame:
    table = answers.reset_index(drop=True)
    if answers.index.name == CUSTOMER_ID:
        table[CUSTOMER_ID] = answers.index.to_numpy()
    return table


def _refusal(sentence: str) -> Exception:
    """An error that MLflow turns into HTTP 400 and this sentence.

    MLflow's server puts the rows of the request in front of the message of the error that it
    passes on. Customers' data has no place in an answer (and a log), so this message stays as it is.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

    class Refusal(MlflowException):
        message = property(lambda _: sentence, lambda _, __: None)

    return Refusal(sentence, error_code=INVALID_PARAMETER_VALUE)
