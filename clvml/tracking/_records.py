"""The content of MLflow runs as plain data, independent of MLflow.

One :class:`RunRecord` is one model. Metric keys are short, because MLflow's table truncates its headers at
twelve characters; what is common to all runs of an experiment belongs in the tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from clvml.scoring._card import ModelCard

if TYPE_CHECKING:
    from clvml.tracking._trial import Trial


@dataclass(frozen=True, eq=False)
class DatasetRecord:
    """A table that a run used.

    Attributes
    ----------
    name : str
        Such as ``"cdnow_sample_holdout"``.
    frame : pandas.DataFrame
        The table; MLflow keeps its schema, size and digest, not its rows.
    context : str
        ``"calibration"`` or ``"holdout"``.
    source : str, optional
        A path or a URL.
    facts : dict
        Tags of the dataset, such as the number of rows set aside by the transaction policy.
    """

    name: str
    frame: pd.DataFrame
    context: str
    source: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def described(self) -> dict[str, Any]:
        """As MLflow describes it: name, digest, source, schema and size."""
        import mlflow

        frame = self.frame.reset_index()
        return dict(mlflow.data.from_pandas(frame, source=self.source, name=self.name).to_dict())


@dataclass(frozen=True)
class Registration:
    """The registration of a run's model.

    Attributes
    ----------
    name : str
        Name of the registered model; the new version gets the alias "challenger", or "champion" where there
        is none or the trial says so.
    tags : dict
        Tags of the version, in addition to the run's family and metrics.
    trial : Trial, optional
        The evidence by which it is judged against the champion; without it, a champion stays.
    follows : str
        The registered model, of another record, with which it is promoted or not: segments follow the model
        whose values they group.
    """

    name: str
    tags: Mapping[str, Any] = field(default_factory=dict)
    trial: Trial | None = None
    follows: str = ""


@dataclass(frozen=True)
class RunRecord:
    """The MLflow run of one model.

    Attributes
    ----------
    name : str
        The run's name.
    tags : dict
        What is common to all runs of an experiment, and the model's family.
    params : dict
        Constructor arguments and fitted parameters (see :func:`parameters_of`).
    metrics : dict of str to float
        Short keys, such as those of `clvml.evaluation.score`; missing values are left out.
    steps : dict of str to pandas.Series
        A metric's values by whole-number step: a decile, a week.
    tables : dict of str to pandas.DataFrame
        Saved as CSV and as a table that MLflow displays.
    figures : dict
        By name: a matplotlib Figure or Axes, a function without arguments that draws one, or the path
        of an image.
    datasets : sequence of DatasetRecord
        The metrics are linked to the one whose context is "holdout".
    model : estimator, optional
        Logged as a model, which the metrics are linked to; one that cannot be serialised gets an
        entry without a file.
    model_folder : Path, optional
        Where the model is saved already, as by :func:`clvml.tracking.flavor.save_model`.
    input_example : pandas.DataFrame, optional
        Customers, from which the model's input example is invented.
    card : ModelCard, optional
        What is known of the model beyond itself; saved with it.
    registration : Registration, optional
        To register the model.
    children : sequence of RunRecord
        Runs nested in it; only their names, tags, parameters and metrics are written.
    description : str
        Markdown, at the top of the run's page.
    """

    name: str
    tags: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, pd.Series] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    datasets: Sequence[DatasetRecord] = ()
    model: Any = None
    model_folder: Path | None = None
    input_example: pd.DataFrame | None = None
    card: ModelCard | None = None
    registration: Registration | None = None
    children: Sequence[RunRecord] = ()
    description: str = ""


def parameters_of(model: Any, prefix: str = "", *, fitted: bool = True) -> dict[str, Any]:
    """Constructor arguments and fitted parameters by dotted names, such as ``purchases.alpha``.

    Parameters
    ----------
    model : estimator
        Nested estimators are followed, the fitted ones (``purchases_``) before those given. A model without
        ``get_params`` has only the name of its class.
    prefix : str
        Put before every name.
    fitted : bool, default True
        Whether to include fitted parameters.
    """
    found: dict[str, Any] = {f"{prefix}model": type(model).__name__}
    given = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    for name, value in given.items():
        nested = getattr(model, f"{name}_", value)
        if hasattr(nested, "get_params"):
            found |= parameters_of(nested, f"{prefix}{name}.", fitted=fitted)
        else:
            found[f"{prefix}{name}"] = value
    learnt = getattr(model, "params_", {}) if fitted else {}
    learnt = learnt._asdict() if hasattr(learnt, "_asdict") else learnt
    return found | {f"{prefix}{name}": value for name, value in learnt.items()}


def is_image(figure: Any) -> bool:
    """Whether a figure of a record is the path of an image."""
    return isinstance(figure, str | Path)
