"""The signature of a fitted model as plain data: the columns of requests and responses.

Each adapter (MLflow, an HTTP service) translates it to its own types. A column of kind
``number`` accepts integers as well: frequency may be int64.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import pandas as pd

from clvml.customers._ids import CUSTOMER_ID
from clvml.customers._time_units import TIME_UNIT, horizon_in
from clvml.scoring._contract import TOTAL_SPEND, columns_of, optional_columns_of, score, takes_parameters
from clvml.scoring._request_time import OBSERVED_UNTIL

Kind = Literal["number", "integer", "boolean", "text", "any"]

# A customer that every model can score, to determine the columns of the response.
_PLAUSIBLE = {"frequency": 1.0, "recency": 1.0, "T": 2.0, "probability_alive": 0.5}
TIMES = {"recency", "T"}  # columns in the model's time unit
INVENTED = "example"  # the id of an invented customer
_KINDS: dict[str, Kind] = {"f": "number", "i": "integer", "u": "integer", "b": "boolean"}


class Column(NamedTuple):
    """A column of a request or a response.

    Attributes
    ----------
    name : str
        As in the customer summary.
    kind : {"number", "integer", "boolean", "text", "any"}
        The type of its values.
    required : bool
        Whether a request must have it, or a response always has it.

    See Also
    --------
    clvml.scoring.signature : The columns of a model.

    Examples
    --------
    >>> import clvml
    >>> from clvml.scoring import signature
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> inputs = signature(clvml.TotalSpendValue(horizon=39).fit(customers)).inputs
    >>> [column.name for column in inputs if column.required]
    ['T', 'total_spend']
    """

    name: str
    kind: Kind
    required: bool = True


class Parameter(NamedTuple):
    """A parameter of a request with its default, the model's own value.

    Attributes
    ----------
    name : str
        ``"horizon"`` or ``"annual_discount_rate"``.
    default : float
        The horizon in the model's time unit; the rate as a fraction per year.

    See Also
    --------
    clvml.scoring.signature : The parameters of a model.
    clvml.scoring.request_params : Validates those of a request.

    Examples
    --------
    >>> import clvml
    >>> from clvml.scoring import signature
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon="12M", annual_discount_rate=0.1).fit(customers)
    >>> [(parameter.name, round(parameter.default, 2)) for parameter in signature(model).parameters]
    [('horizon', 52.0), ('annual_discount_rate', 0.1)]
    """

    name: str
    default: float


class Signature(NamedTuple):
    """The inputs and outputs of a model.

    Attributes
    ----------
    inputs, outputs : tuple of Column
        ``customer_id`` is the first input and the last output; ``observed_until`` and ``time_unit`` are the
        last inputs, the latter if the model has a time unit and needs times.
    parameters : tuple of Parameter
        None for a segmentation; no horizon for a model whose own horizon is infinite.
    statements : tuple of str
        The inputs ``observed_until`` and ``time_unit``, if the model has them: a request may state them once,
        as parameters of type text without a default, instead of in every row.
    switches : tuple of str
        Further parameters, true or false, false by default: ``details``.
    details : tuple of Column
        The outputs that ``details`` adds, at most, after the factors.

    See Also
    --------
    clvml.scoring.signature : That of a model.

    Examples
    --------
    What a form for one customer has to ask, and what it can show:

    >>> import clvml
    >>> from clvml.scoring import signature
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> found = signature(model)
    >>> [column.name for column in found.inputs if column.required]
    ['frequency', 'recency', 'T', 'monetary_value']
    >>> [column.name for column in found.outputs], found.switches
    (['clv', 'purchase_rate', 'average_order_value', 'customer_id'], ('details',))
    """

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    parameters: tuple[Parameter, ...]
    statements: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    details: tuple[Column, ...] = ()


def signature(model: Any) -> Signature:
    """The signature of a fitted lifetime-value model or segmentation.

    Parameters
    ----------
    model : estimator
        Fitted.

    Returns
    -------
    Signature
        Columns and parameters, as plain data.

    See Also
    --------
    clvml.scoring.read_request : Validates a request.
    clvml.scoring.request_table : Customers as rows of a request.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.scoring import signature
    >>> import clvml
    >>> customers = pd.DataFrame({"frequency": [1.0], "recency": [2.0], "T": [3.0], "monetary_value": [9.0]})
    >>> found = signature(clvml.ZeroValue(horizon=39).fit(customers))
    >>> [column.name for column in found.outputs], found.parameters[0].default
    (['clv', 'customer_id'], 39.0)
    """
    plausible = plausible_customers(model)
    scores = score(model, plausible)
    categories = getattr(model, "categories", {})
    kinds = {name: "any" if name in categories else _kind(plausible[name]) for name in plausible}
    kinds |= dict.fromkeys(optional_columns_of(model), "number")
    optional = set(optional_columns_of(model))
    inputs = [Column(str(name), kind, name not in optional) for name, kind in kinds.items()]
    outputs = [Column(str(name), _kind(scores[name])) for name in scores]
    customer = Column(CUSTOMER_ID, "any", required=False)
    if takes_parameters(model) and TOTAL_SPEND not in kinds:
        inputs.append(Column(TOTAL_SPEND, "number", required=False))
    statements = [Column(OBSERVED_UNTIL, "any", required=False)]
    if getattr(model, "time_unit_", None) is not None and TIMES & set(kinds):
        statements.append(Column(TIME_UNIT, "text", required=False))
    return Signature(
        (customer, *inputs, *statements),
        (*outputs, customer),
        _parameters(model),
        tuple(column.name for column in statements),
        ("details",) if takes_parameters(model) else (),
        _details(model, plausible, outputs),
    )


def _details(model: Any, plausible: pd.DataFrame, outputs: list[Column]) -> tuple[Column, ...]:
    """The columns that details add, at most."""
    if not takes_parameters(model):
        return ()
    more: dict[str, Any] = {TOTAL_SPEND: 1.0, OBSERVED_UNTIL: "2000-01-01"}
    customer = plausible.assign(**more)
    scores = score(model, customer, {"details": True})
    new = scores.columns[len(outputs) :]
    kinds: dict[Any, Kind] = {name: "number" if scores[name].dtype.kind == "f" else "text" for name in new}
    return tuple(Column(name, kind, required=False) for name, kind in kinds.items())


def plausible_customers(model: Any) -> pd.DataFrame:
    """A customer whom no model knows, with the categories known to the model."""
    levels = {name: known[0] for name, known in getattr(model, "categories", {}).items()}
    known = _PLAUSIBLE | getattr(model, "reference_", {}) | levels
    return pd.DataFrame({name: [known.get(name, 1.0)] for name in columns_of(model)}, [INVENTED])


def _parameters(model: Any) -> tuple[Parameter, ...]:
    if not takes_parameters(model):
        return ()
    rate = Parameter("annual_discount_rate", float(model.annual_discount_rate))
    if model.horizon is None:
        return (rate,)
    return (Parameter("horizon", horizon_in(model.horizon, getattr(model, "time_unit_", None))), rate)


def _kind(column: pd.Series) -> Kind:
    return _KINDS.get(column.dtype.kind, "text")
