"""Exceptions and warnings of clvml: each message states what is wrong, the rule and a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ClvmlError(Exception):
    """Base class of all clvml errors; the command line prints them without a traceback.

    Every error derives from a built-in one too (``ValueError``, ``RuntimeError``), so that code that does not
    know clvml handles it.

    What to do: read the message, which names the thing, the rule and the way out. Catch this class where
    any error of clvml is to be handled alike.

    See Also
    --------
    clvml.InputError : The data or an argument is invalid.
    clvml.FitError : A model cannot be fitted.
    clvml.TrackingError : MLflow failed.

    Examples
    --------
    >>> import clvml
    >>> try:
    ...     clvml.load_cdnow("everything")
    ... except clvml.ClvmlError as error:
    ...     print(type(error).__name__)
    InputError
    """


class InputError(ClvmlError, ValueError):
    """The data or an argument is invalid.

    What to do: change what the message names: the argument, the column or the rows. Where rows of the
    data are to be left out rather than refused, set a :class:`clvml.TransactionPolicy`, or ``--on-bad-row
    skip`` of ``clvml score``.

    Parameters
    ----------
    message : str
        For the user, who has the data: it may name a customer and repeat values.
    row : int, optional
        Position of the first invalid row of a table, from 0; by default the first of ``rows``.
    column : str, optional
        Its column.
    rule : str, optional
        What is wrong with the rows without their ids and values, as in "2 of 10 customers have a negative T":
        for answers and logs of a service, and counts of rejected rows. Given with ``row`` or ``rows``.
    rows : array of bool, shape (n_rows,), optional
        All invalid rows of the table.

    See Also
    --------
    clvml.TimeUnitError : Its kind for time units.
    clvml.FitError : The input is valid, but no model can be fitted to it.
    clvml.TransactionPolicy : Rows that are counted and left out rather than refused.

    Examples
    --------
    The message names the first invalid customer; ``row`` is its position, and ``rule`` has no ids or values:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [1.0, 2.0], "recency": [4.0, 50.0], "T": [9.0, 38.9]})
    >>> try:
    ...     clvml.BGNBD().fit(customers)
    ... except clvml.InputError as error:
    ...     print(error.row, error.rule)
    1 1 of 2 customers have recency outside [0, T]
    """

    def __init__(
        self,
        message: str = "",
        *,
        row: int | None = None,
        column: str | None = None,
        rule: str = "",
        rows: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__(message)
        self.row = int(rows.argmax()) if row is None and rows is not None else row
        self.column = column
        self.rule = rule
        self.rows = rows


class TimeUnitError(InputError):
    """A model and a customer summary use different time units.

    What to do: convert the summary with :func:`clvml.convert_time_unit`, or summarise the purchases in
    the time unit of the model.

    An :class:`clvml.InputError`, with its parameters and attributes.

    Parameters
    ----------
    message : str
        As of :class:`clvml.InputError`, like the others.
    row : int, optional
        Position of the first invalid row.
    column : str, optional
        Its column.
    rule : str, optional
        What is wrong, without ids and values.
    rows : array of bool, shape (n_rows,), optional
        All invalid rows.

    See Also
    --------
    clvml.convert_time_unit : Converts the summary.
    clvml.TimeUnitWarning : The same suspicion, where customers do not state their unit.

    Examples
    --------
    >>> import clvml
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> monthly = clvml.summarize(clvml.load_cdnow(), "1997-09-30", time_unit="M")
    >>> try:
    ...     model.expected_purchases(monthly, 12)
    ... except clvml.TimeUnitError:
    ...     weekly = clvml.convert_time_unit(monthly, "W")
    >>> f"{model.expected_purchases(weekly, '12M').sum():,.0f}"
    '2,090'
    """


class FitError(ClvmlError, RuntimeError):
    """A model cannot be fitted to the given customers.

    What to do: use more customers, a longer calibration period or fewer parameters, as the message says;
    for few repeat buyers a formula of :mod:`clvml.lifetime_value.formulas`. In
    :func:`clvml.compare_models` and ``clvml run`` such a model is left out of the comparison, with the
    reason.

    See Also
    --------
    clvml.FitWarning : A model was fitted, but its parameters are unreliable.
    clvml.InputError : The customers themselves are invalid.

    Examples
    --------
    Nobody bought again, so nothing is known of repeat purchases:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [0.0, 0.0], "recency": [0.0, 0.0], "T": [9.0, 7.0]})
    >>> try:
    ...     clvml.BGNBD().fit(customers)
    ... except clvml.FitError:
    ...     print("use a formula instead")
    use a formula instead
    """


class LossError(InputError, FitError):
    """Some spend is negative (losses), and the requested computation needs non-negative spend.

    What to do: read the transactions with ``returns="net"`` or ``"drop"`` of a
    :class:`clvml.TransactionPolicy`, or use a formula, which accepts losses.

    Parameters
    ----------
    message : str
        As of :class:`clvml.InputError`, like the others.
    row : int, optional
        Position of the first invalid row.
    column : str, optional
        Its column.
    rule : str, optional
        What is wrong, without ids and values.
    rows : array of bool, shape (n_rows,), optional
        All invalid rows.

    See Also
    --------
    clvml.InputError, clvml.FitError : It is both.
    clvml.TransactionPolicy : ``returns="drop"`` or ``"net"`` leaves no losses.

    Examples
    --------
    Gamma-Gamma is a model of positive amounts; formulas accept customers who returned more than they bought:

    >>> import clvml
    >>> import pandas as pd
    >>> customers = pd.DataFrame({"frequency": [2.0, 1.0], "monetary_value": [-5.0, 9.0]})
    >>> try:
    ...     clvml.GammaGamma().fit(customers)
    ... except clvml.FitError as error:
    ...     print(type(error).__name__)
    LossError
    """


class TrackingError(ClvmlError, RuntimeError):
    """A request to the MLflow tracking server or model registry failed.

    What to do: check the tracking URI, the network and the permissions that the message names, and repeat
    the command. Results of a run that are complete but not in MLflow are written there later by ``clvml
    track``.

    See Also
    --------
    clvml.log_comparison : Log a comparison to MLflow.
    clvml.tracking.register : Register a model.

    Examples
    --------
    >>> import clvml
    >>> issubclass(clvml.TrackingError, RuntimeError)
    True
    """


class TimeUnitWarning(UserWarning):
    """Customers who do not state their time unit appear to use another one than the model.

    Times are compared with those of the fit.

    What to do: state the unit to avoid the guess, by a column ``time_unit`` or
    ``customers.attrs["time_unit"]``, which :func:`clvml.summarize` sets.

    See Also
    --------
    clvml.TimeUnitError : Raised where both state their unit, and it differs.
    clvml.convert_time_unit : Converts a summary.

    Examples
    --------
    The months of customers who lost their ``attrs``, for a model in weeks:

    >>> import warnings
    >>> import clvml
    >>> transactions = clvml.load_cdnow()
    >>> model = clvml.BGNBD().fit(clvml.summarize(transactions, "1997-09-30"))
    >>> monthly = clvml.summarize(transactions, "1997-09-30", time_unit="M")
    >>> monthly.attrs.clear()
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     alive = model.probability_alive(monthly)
    >>> [warning.category.__name__ for warning in caught]
    ['TimeUnitWarning']
    """


class FitWarning(UserWarning):
    """A model was fitted, but its parameters are unreliable: they diverge or are weakly identified.

    The sentences, each with a remedy, are in ``fit_record_.messages`` of the model too.

    What to do: use a prior, more customers or a longer calibration period, or a model with fewer
    parameters, as the message says. Predictions of totals may still be right; do not interpret the
    parameters.

    See Also
    --------
    clvml.FitError : There is no fit at all.
    clvml.inference.FitRecord : The diagnostics of a fit.

    Examples
    --------
    Forty customers do not identify four parameters; a weakly informative prior, ``BGNBD(prior="weak")``,
    regularises the fit:

    >>> import warnings
    >>> import clvml
    >>> few = clvml.summarize(clvml.load_cdnow(), "1997-09-30").head(40)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = clvml.BGNBD().fit(few)
    >>> [warning.category.__name__ for warning in caught], len(model.fit_record_.messages)
    (['FitWarning'], 1)
    """
