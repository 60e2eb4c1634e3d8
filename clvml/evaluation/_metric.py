"""One interface for every metric: what it is of, its direction, and why it is undefined where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError
from clvml.evaluation._alignment import FloatArray, aligned, check_probabilities
from clvml.evaluation._metric_notes import MetricNotes
from clvml.evaluation._resampled import Loss, Resampled

Function = Callable[[FloatArray, FloatArray], float]
Reason = Callable[[FloatArray, FloatArray], str]


def always_defined(actual: FloatArray, predicted: FloatArray) -> str:  # noqa: ARG001
    """No reason: the metric is defined for all finite numbers."""
    return ""


@dataclass(frozen=True)
class Metric:
    """A metric of predictions against actual values.

    Call it with the actual values and the predictions, as Series by customer in any order; for metrics of
    intervals, the predictions are a DataFrame with ``lower`` and ``upper``, and the nominal coverage in
    ``attrs["coverage"]``. The result is NaN where the metric is undefined for these data;
    `why_undefined` gives the reason.

    Attributes
    ----------
    key : str
        At most 12 characters: the column of tables, the key in MLflow.
    label : str
        The name in prose.
    better : {"lower", "higher", "zero", "target"}
        The better direction; "target" where the value alone does not say (a total, a coverage).
    of : {"values", "probabilities", "intervals"}
        What is evaluated. Probabilities are evaluated against 0 and 1.
    unit : {"money", "share", "percent", ""}
        Unit of the value; "money" where it is in the unit of the actual values.
    formula : str
        Definition in one line: y actual, f predicted, n customers.
    function, undefined, resampled, loss : callable
        Of arrays: the metric, the reason why it is undefined, the metric of resamples, the loss per customer.
    uses : str
        What the metric uses of a table of intervals besides its ends.
    notes : tuple
        ``latex``, ``low`` and ``high`` (the range, for amounts that are not negative), ``use`` (when to look
        at it), ``edges`` (zeros and ties) and ``source``.

    See Also
    --------
    clvml.evaluation.METRICS : All metrics by key.
    clvml.score, clvml.compare : Evaluate several metrics.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.evaluation import METRICS
    >>> rmse = METRICS["rmse"]
    >>> rmse(pd.Series([0.0, 8.0]), pd.Series([3.0, 4.0])), rmse.better
    (3.5355339059327378, 'lower')
    >>> METRICS["spearman"].why_undefined(pd.Series([5.0, 5.0]), pd.Series([3.0, 4.0]))
    'all 2 customers have the same actual value, so no order of them is better than another'
    """

    key: str
    label: str
    better: str
    of: str
    unit: str
    formula: str
    function: Function = field(repr=False)
    undefined: Reason = field(default=always_defined, repr=False)
    resampled: Callable[[Resampled], FloatArray] | None = field(default=None, repr=False)
    loss: Loss | None = field(default=None, repr=False)
    uses: str = field(default="", repr=False)  # "ranks", "top": what its bootstrap needs besides the loss
    notes: MetricNotes | None = field(default=None, repr=False)

    def __call__(self, actual: pd.Series, predicted: pd.Series | pd.DataFrame) -> float:
        """The metric; NaN where it is undefined."""
        return self.value(*self.arrays(actual, predicted))

    def why_undefined(self, actual: pd.Series, predicted: pd.Series | pd.DataFrame) -> str:
        """The reason why the metric is undefined for these data; empty if it is defined."""
        return self.undefined(*self.arrays(actual, predicted))

    def value(self, actual: FloatArray, predicted: FloatArray) -> float:
        """The metric of aligned arrays; NaN where it is undefined."""
        return float("nan") if self.undefined(actual, predicted) else float(self.function(actual, predicted))

    def arrays(self, actual: pd.Series, predicted: pd.Series | pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """Both as aligned arrays, checked for what the metric is of."""
        if self.of == "intervals":
            return interval_arrays(actual, predicted)
        truth, forecast = aligned(actual, cast("pd.Series", predicted))
        if self.of == "probabilities":
            check_probabilities(truth, forecast)
        return truth, forecast

    @property
    def can_be_resampled(self) -> bool:
        """Whether `bootstrap_metrics` evaluates it."""
        return self.resampled is not None

    def badness(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values for which smaller is better; NaN where the direction is "target"."""
        numbers = np.asarray(values, dtype=np.float64)
        if self.better == "zero":
            return np.abs(numbers)
        return numbers * {"lower": 1.0, "higher": -1.0, "target": np.nan}[self.better]


def interval_arrays(actual: pd.Series, intervals: Any) -> tuple[FloatArray, FloatArray]:
    """The actual values, and three columns: lower, upper, nominal coverage (NaN if not given)."""
    if not isinstance(intervals, pd.DataFrame) or not {"lower", "upper"} <= set(intervals.columns):
        raise InputError("intervals must be a pandas DataFrame with the columns 'lower' and 'upper'.")
    truth, lower = aligned(actual, intervals["lower"])
    _, upper = aligned(actual, intervals["upper"])
    crossed = lower > upper
    if crossed.any():
        raise InputError(
            f"lower exceeds upper in {crossed.sum()} of {len(crossed)} intervals; the first is"
            f" {actual.index[int(np.argmax(crossed))]!r}."
        )
    nominal = float(intervals.attrs.get("coverage", np.nan))
    return truth, np.column_stack([lower, upper, np.full(len(truth), nominal)])
