"""Compare results of lifetimes and clvml for the same customers, and explain the differences.

The report separates three causes. *Parameters*: an optimum that was not reached, a penalty, other customers.
*Formulas*: NaN, infinity, loss of precision. *Conventions*: a month of lifetimes is 30 days or 4.345 weeks,
and it discounts from the end of each month. So predictions are computed three times: by lifetimes, by clvml
at lifetimes' parameters, and by clvml.

Log-likelihoods are those of the customers as given, by clvml at either set of parameters. The number
that lifetimes stores is on another scale: the negative mean per customer, any penalty included, with time
divided by the longest T (Pareto/NBD: the sum).
"""

from __future__ import annotations

import dataclasses
import html
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from clvml.compat.lifetimes._bridge import quiet_lifetimes, to_lifetimes
from clvml.compat.lifetimes._findings import on_fit, on_months, on_predictions, on_times, plain
from clvml.compat.lifetimes._pairs import (
    Pair,
    Question,
    attempt,
    brought_over,
    by_clvml,
    by_lifetimes,
    discounted,
    new_fitter,
    pair_of_purchases,
    pair_of_spend,
)
from clvml.customers._discount_rate import check_period_rate
from clvml.customers._summary_checks import HISTORY, check_customers
from clvml.customers._time_units import time_unit_of
from clvml.distributions._history import Array
from clvml.errors import ClvmlError, InputError
from clvml.models._customer_history import check_weights

_MILLIONTH = 1e-6
_ROUNDING = 1e-9  # in units of time
_PENALTY = 0.01  # of the kind that lifetimes' documentation recommends


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LifetimesCheck:
    """Comparison of lifetimes and clvml for the same customers; prints as a report.

    Attributes
    ----------
    title : str
        What was compared, on how many customers.
    findings : tuple of str
        Differences and their causes.
    parameters : DataFrame
        Index ``model, parameter``; columns ``lifetimes, clvml``, and their difference
        ``in_standard_errors``, to three decimals.
    log_likelihood : DataFrame
        Index ``model``; of the given customers by ``lifetimes, clvml``, the ``gain`` of clvml to six
        decimals, and ``stored``, the value stored by lifetimes.
    predictions : DataFrame
        Index ``quantity``; totals by ``lifetimes``, by clvml ``at_lifetimes_parameters``, and by
        ``clvml``; number of ``not_a_number`` in lifetimes; the ``largest_difference`` of a customer, and
        the customer ``at`` which it occurs, unless below a millionth of the largest value.
    conventions : DataFrame
        Value of all customers by convention: lifetimes' call, clvml's, and two common mistakes.
    habits : DataFrame
        Effects of common practices on the fit: parameters, log-likelihood of the given customers, and totals.
    customers : DataFrame
        Predictions per customer; columns ``(source, quantity)``.

    See Also
    --------
    clvml.check_against_lifetimes : Makes it.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> check = clvml.check_against_lifetimes(customers)
    >>> check.parameters.loc["BG/NBD"].round(2)
               lifetimes  clvml  in_standard_errors
    parameter
    r               0.24   0.24                 0.0
    alpha           4.41   4.41                 0.0
    a               0.79   0.79                 0.0
    b               2.43   2.43                 0.0
    """

    title: str
    findings: tuple[str, ...]
    parameters: pd.DataFrame
    log_likelihood: pd.DataFrame
    predictions: pd.DataFrame
    conventions: pd.DataFrame
    habits: pd.DataFrame
    customers: pd.DataFrame

    def _tables(self) -> dict[str, pd.DataFrame]:
        tables = {
            "Parameters": self.parameters,
            "Log-likelihood of these customers": self.log_likelihood,
            "Predictions, summed over customers": self.predictions,
            "Value of all customers, by how it is asked for": self.conventions,
            "What customary steps do to the fit": self.habits,
        }
        return {heading: table for heading, table in tables.items() if not table.empty}

    def __repr__(self) -> str:
        said = "\n".join(f"- {finding}" for finding in self.findings)
        tables = [
            f"{name}\n{table.to_string(float_format=_shown, na_rep='')}"
            for name, table in self._tables().items()
        ]
        return "\n\n".join([self.title, said, *tables])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{html.escape(finding)}</li>" for finding in self.findings)
        tables = "".join(
            f"<h4>{html.escape(heading)}</h4>{table.to_html(float_format=_shown, na_rep='')}"
            for heading, table in self._tables().items()
        )
        return f"<h3>{html.escape(self.title)}</h3><ul>{said}</ul>{tables}"


def _shown(value: float) -> str:
    return f"{value:,.7g}"


def check_against_lifetimes(
    customers: pd.DataFrame,
    purchases: Any = None,
    spend: Any = None,
    *,
    months: int = 12,
    monthly_discount_rate: float = 0.01,
    time_unit: str | None = None,
    weights: object = None,
) -> LifetimesCheck:
    """Compare clvml with lifetimes on your customers, and explain the differences.

    Both packages are fitted to the same customers, unless fitted lifetimes models are given.

    Parameters
    ----------
    customers : DataFrame
        ``frequency, recency, T`` and, for spend and value, ``monetary_value``.
    purchases : fitter of lifetimes, optional
        A fitted or loaded model of purchases, instead of a BetaGeoFitter fitted here.
    spend : GammaGammaFitter, optional
        A fitted or loaded model of spend, instead of one fitted here.
    months : int, default 12
        ``time`` of lifetimes' ``customer_lifetime_value``.
    monthly_discount_rate : float, default 0.01
        ``discount_rate`` of lifetimes' ``customer_lifetime_value``.
    time_unit : {"D", "W", "M", "Q", "Y"}, optional
        The unit of ``recency`` and ``T``; required if not in ``customers.attrs``.
    weights : array-like, optional
        Number of customers that each row represents.

    Returns
    -------
    LifetimesCheck
        Prints as a report; failures of lifetimes are listed in ``findings``.

    Raises
    ------
    InputError
        If the customers are invalid, their time unit is unknown, or a fitter is of the wrong type.
    FitError
        If clvml cannot fit the model of purchases to these customers.

    See Also
    --------
    clvml.from_lifetimes : The model of clvml with the parameters of a lifetimes fitter.
    clvml.LifetimesValue : Lifetimes as a contender in comparisons.

    Examples
    --------
    Both find the same optimum for CDNOW, and predict the same:

    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> check = clvml.check_against_lifetimes(customers)
    >>> check.findings[0].partition(",")[0]
    'BG/NBD: both find the same optimum'
    >>> check.predictions[["lifetimes", "clvml"]].round(-1)
                        lifetimes    clvml
    quantity
    expected_purchases     2090.0   2090.0
    probability_alive      1920.0   1920.0
    expected_spend        83090.0  83090.0
    clv                   71510.0  71510.0
    """
    question = _question(customers, months, monthly_discount_rate, time_unit, weights)
    bought, trouble = pair_of_purchases(question, purchases)
    spent, no_spend = pair_of_spend(question, spend)
    theirs, no_answer = by_lifetimes(question, bought.at_theirs, spent and spent.at_theirs)
    answers = {
        "lifetimes": theirs,
        "at_lifetimes_parameters": by_clvml(question, bought.at_theirs, spent and spent.at_theirs),
        "clvml": by_clvml(question, bought.ours, spent and spent.ours),
    }
    pairs = [bought] if spent is None else [bought, spent]
    conventions = _conventions(question, bought, answers)
    values = conventions.get("value", pd.Series(dtype=float))
    habits, no_habit = _habits(question, bought, spent)
    return LifetimesCheck(
        f"{question.weights.sum():,.0f} customers by lifetimes and by clvml, {months} months ahead, time in"
        f" {question.unit.name}s",
        (
            *filter(None, (trouble, no_spend, *no_answer, no_habit)),
            *(said for pair in pairs for said in on_fit(question, pair)),
            *on_predictions(question, answers),
            *([on_months(question, *values.iloc[1:3])] if len(values) else []),
            *on_times(question, bought),
        ),
        pd.concat([_parameters(pair) for pair in pairs]),
        pd.DataFrame({pair.title: _log_likelihood(question, pair) for pair in pairs}).T.rename_axis("model"),
        _predictions(question, answers),
        conventions,
        habits,
        pd.concat(answers, axis=1),
    )


def _question(
    customers: pd.DataFrame, months: int, rate: float, time_unit: str | None, weights: object
) -> Question:
    money = ["monetary_value"] if "monetary_value" in customers else []
    table = check_customers(customers, [*HISTORY, *money], time_unit)
    unit = time_unit or table.attrs.get("time_unit")
    if unit is None:
        raise InputError(
            "the customers have no time unit, and lifetimes does not store it either: give time_unit"
            " as 'D', 'W', 'M' or 'Y'."
        )
    if isinstance(months, bool) or not isinstance(months, int) or months < 1:
        raise InputError(f"months is {months!r}; it must be an integer of at least 1.")
    if not 0 <= rate < float("inf"):
        raise InputError(f"monthly_discount_rate is {rate!r}; it must be finite and non-negative.")
    check_period_rate("monthly_discount_rate", rate, "month")
    table.attrs["time_unit"] = unit
    return Question(table, _weights(weights, table), time_unit_of(unit), months, float(rate))


def _weights(weights: object, table: pd.DataFrame) -> Array:
    checked = check_weights(weights, table)
    return np.ones(len(table)) if checked is None else checked


def _parameters(pair: Pair) -> pd.DataFrame:
    ours, errors = np.array(pair.ours.params_), np.array(pair.ours.standard_errors_)
    theirs = np.full(ours.shape, np.nan) if pair.at_theirs is None else np.array(pair.at_theirs.params_)
    index = pd.MultiIndex.from_product(
        [[pair.title], pair.ours.params_._fields], names=["model", "parameter"]
    )
    columns = {
        "lifetimes": theirs,
        "clvml": ours,
        "in_standard_errors": np.round((theirs - ours) / errors, 3) + 0.0,
    }
    return pd.DataFrame(columns, index)


def _log_likelihood(question: Question, pair: Pair) -> dict[str, float]:
    theirs, ours = question.log_likelihood(pair.at_theirs), question.log_likelihood(pair.ours)
    stored = float(getattr(pair.fitter, "_negative_log_likelihood_", np.nan))
    return {"lifetimes": theirs, "clvml": ours, "gain": round(ours - theirs, 6) + 0.0, "stored": stored}


def _predictions(question: Question, answers: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Totals of each quantity by source, and the customer with the largest difference."""
    rows: dict[str, dict[str, Any]] = {}
    for name in answers["clvml"]:
        values = {way: table[name] for way, table in answers.items() if name in table}
        row: dict[str, Any] = {way: question.total(value) for way, value in values.items()}
        if "lifetimes" in values:
            apart = (values["lifetimes"] - values["clvml"]).abs()
            row["not_a_number"] = int(apart.isna().sum())
            if apart.max() > _MILLIONTH * values["clvml"].abs().max():
                row["largest_difference"], row["at"] = apart.max(), str(plain(apart.idxmax()))
        rows[str(name)] = row
    return pd.DataFrame(list(rows.values()), pd.Index(list(rows), name="quantity"))


def _conventions(question: Question, bought: Pair, answers: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The value of all customers by convention; mistakes computed by clvml at lifetimes' parameters."""
    if "clv" not in answers["lifetimes"]:
        return pd.DataFrame()
    months, unit, own = question.months, question.unit, question.months / 12 * question.unit.per_year
    spend = answers["at_lifetimes_parameters"]["expected_spend"]
    by_unit = bought.ours.discounted_purchases(question.customers, f"{months}M", question.annual_rate)
    span = months * question.month
    rows = [
        (f"lifetimes: time={months}, freq={unit.code!r}", span, answers["lifetimes"]["clv"]),
        (f"clvml, in lifetimes' {months} months", span, answers["clvml"]["clv"]),
        (f"clvml: horizon '{months}M'", own, by_unit * answers["clvml"]["expected_spend"]),
    ]
    if unit.code != "D":
        mistaken = discounted(question, bought.at_theirs, 30.0, months) * spend
        rows.append((f"lifetimes: time={months}, and freq left at 'D'", months * 30.0, mistaken))
    if unit.code != "M":
        mistaken = discounted(question, bought.at_theirs, question.month, round(own)) * spend
        label = f"lifetimes: time={own:.0f}, as if it counted {unit.name}s"
        rows.append((label, round(own) * question.month, mistaken))
    totals = [(how, length, question.total(values)) for how, length, values in rows]
    return pd.DataFrame(totals, columns=["how", f"{unit.name}s", "value"]).set_index("how")


def _habits(question: Question, bought: Pair, spent: Pair | None) -> tuple[pd.DataFrame, str]:
    """Effects of common practices on the fit of purchases, evaluated on the given customers."""
    table, weights, unit = question.customers, question.weights, question.unit
    penalised = new_fitter(type(to_lifetimes(bought.ours)).__name__, _PENALTY)
    fit = attempt(f"fit with penalizer_coef={_PENALTY}", partial(penalised.fit, *question.history, weights))
    with_penalty, trouble = brought_over(*fit, unit.code)
    again = (table["frequency"] > 0).to_numpy()
    whole = table.assign(**{name: np.floor(table[name] + _ROUNDING) for name in ("recency", "T")})
    fits = {
        "clvml": bought.ours,
        "lifetimes": bought.at_theirs,
        f"lifetimes, penalizer_coef={_PENALTY}": with_penalty,
        "frequency 0 left out": _quietly_fitted(bought.ours, table[again], weights[again]),
    }
    if not np.allclose(whole, table, rtol=0, atol=_ROUNDING):
        fits[f"times cut to whole {unit.name}s"] = _quietly_fitted(bought.ours, whole, weights)
    rows = {label: _judged(question, fit, spent) for label, fit in fits.items() if fit is not None}
    return pd.DataFrame(list(rows.values()), pd.Index(list(rows), name="fit")), trouble


def _quietly_fitted(model: Any, table: pd.DataFrame, weights: Array) -> Any:
    """An auxiliary fit, without warnings; None if it fails."""
    with quiet_lifetimes():
        try:
            return type(model)().fit(table, weights=weights)
        except ClvmlError:
            return None


def _judged(question: Question, bought: Any, spent: Pair | None) -> dict[str, float]:
    answers = by_clvml(question, bought, spent and spent.ours)
    totals = {
        name: question.total(answers[name]) for name in ("expected_purchases", "clv") if name in answers
    }
    return bought.params_._asdict() | {"log_likelihood": question.log_likelihood(bought)} | totals
