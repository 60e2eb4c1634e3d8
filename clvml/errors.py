"""Exceptions and warnings of clvml: each message states what is wrong, the rule and a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ClvmlError(Exception):
    """Base class of all clvml errors; the command line prints them without a traceback."""


class InputError(ClvmlError, ValueError):
    """The data or an argument is invalid.

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
    """A model and a customer summary use different time units."""


class FitError(ClvmlError, RuntimeError):
    """A model cannot be fitted to the given customers."""


class LossError(InputError, FitError):
    """Some spend is negative (losses), and the requested computation needs non-negative spend."""


class TrackingError(ClvmlError, RuntimeError):
    """A request to the MLflow tracking server or model registry failed."""


class TimeUnitWarning(UserWarning):
    """Customers who do not state their time unit appear to use another one than the model."""


class FitWarning(UserWarning):
    """A model was fitted, but its parameters are unreliable: they diverge or are weakly identified."""
