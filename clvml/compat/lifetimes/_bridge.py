"""Conversion of fitted models from and to the lifetimes package, and its models as a contender.

lifetimes (0.11.3, archived) sets a pandas option and a warnings filter when it is imported, warns in its
formulas, prints when a fit fails and uses random starting values in some fits; this module confines these
side effects.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clvml._listing import Listed, listed_numbers
from clvml.customers._customer_tables import as_customers
from clvml.customers._summary_checks import HISTORY, check_customers
from clvml.customers._time_units import Horizon, horizon_in, rate_per_unit
from clvml.customers._training_summary import TrainingSummary, check_time_scale, training_summary
from clvml.distributions._discounting import discounted_ends
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.gamma_gamma import GammaGammaParams
from clvml.errors import FitError, InputError
from clvml.inference._arguments import check_params
from clvml.inference._deviance import deviance_score
from clvml.models._bgbb import BGBB
from clvml.models._bgnbd import BGNBD
from clvml.models._gamma_gamma import GammaGamma
from clvml.models._mbgnbd import MBGNBD
from clvml.models._pareto_nbd import ParetoNBD

PurchaseModel = BGNBD | MBGNBD | ParetoNBD | BGBB

COUNTERPARTS: dict[str, Any] = {
    "BetaGeoFitter": BGNBD,
    "ModifiedBetaGeoFitter": MBGNBD,
    "ParetoNBDFitter": ParetoNBD,
    "BetaGeoBetaBinomFitter": BGBB,
    "GammaGammaFitter": GammaGamma,
}


@contextlib.contextmanager
def quiet_lifetimes() -> Iterator[Any]:
    """Import lifetimes without its side effects: warnings, output and a change of a pandas option.

    Inside the context NumPy's global random state is fixed, as lifetimes' Pareto/NBD uses random starting
    values; the caller's state is restored.

    Yields
    ------
    module
        ``lifetimes``.

    See Also
    --------
    clvml.check_against_lifetimes : Compare the two packages on your customers.

    Examples
    --------
    >>> from clvml.compat.lifetimes import quiet_lifetimes
    >>> with quiet_lifetimes() as lifetimes:
    ...     fitter = lifetimes.BetaGeoFitter()
    >>> type(fitter).__name__
    'BetaGeoFitter'
    """
    option = "mode.chained_assignment"
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        np.errstate(all="ignore"),
        _fixed_global_random_state(),
    ):
        warnings.simplefilter("ignore")
        before = pd.get_option(option)
        import lifetimes

        pd.set_option(option, before)
        warnings.simplefilter("ignore")
        yield lifetimes


@contextlib.contextmanager
def _fixed_global_random_state() -> Iterator[None]:
    before = np.random.get_state()  # noqa: NPY002 - the state that lifetimes draws from
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def counterpart_of(fitter: Any) -> Any:
    """The clvml class that corresponds to a lifetimes fitter, or to a subclass of one.

    Raises
    ------
    InputError
        If there is none.
    """
    for base in type(fitter).__mro__:
        if base.__name__ in COUNTERPARTS:
            return COUNTERPARTS[base.__name__]
    raise InputError(
        f"clvml has no counterpart of {type(fitter).__name__}; supported are {', '.join(COUNTERPARTS)}."
    )


def from_lifetimes(fitter: Any, *, time_unit: str | None = None) -> PurchaseModel | GammaGamma:
    """The clvml model with the parameters of a fitted lifetimes model.

    Parameters
    ----------
    fitter : lifetimes fitter
        Fitted, or loaded from a file by its ``load_model``.
    time_unit : {"D", "W", "M", "Q", "Y"}, optional
        The time unit of its data, which lifetimes does not store.

    Returns
    -------
    BGNBD, MBGNBD, ParetoNBD, BGBB or GammaGamma
        Ready to predict, without standard errors: a fitter of lifetimes does not have clvml's.

    Raises
    ------
    InputError
        If there is no counterpart in clvml, the fitter has not been fitted, or its parameters are not
        positive and finite.

    See Also
    --------
    clvml.to_lifetimes : The other way.
    clvml.check_against_lifetimes : Compare the two packages on your customers.

    Examples
    --------
    A model of lifetimes (here made from one of clvml) continues as a model of clvml:

    >>> import clvml
    >>> fitter = clvml.to_lifetimes(clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426))
    >>> fitter
    <lifetimes.BetaGeoFitter: a: 0.79, alpha: 4.41, b: 2.43, r: 0.24>
    >>> clvml.from_lifetimes(fitter, time_unit="W").params_
    BGNBDParams(r=0.243, alpha=4.414, a=0.793, b=2.426)
    """
    model = counterpart_of(fitter)
    if not hasattr(fitter, "params_"):
        raise InputError(
            f"this {type(fitter).__name__} has not been fitted: call its fit or load_model first."
        )
    params = {key: float(value) for key, value in fitter.params_.items()}
    unit = {} if model is GammaGamma else {"time_unit": time_unit}
    return model.from_params(**params, **unit)


def to_lifetimes(model: PurchaseModel | GammaGamma) -> Any:
    """A lifetimes model with the parameters of a fitted clvml model, ready to predict.

    Parameters
    ----------
    model : BGNBD, MBGNBD, ParetoNBD, BGBB or GammaGamma
        Fitted, without covariates.

    Returns
    -------
    lifetimes fitter
        BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter, BetaGeoBetaBinomFitter or GammaGammaFitter.

    Raises
    ------
    InputError
        If there is no counterpart in lifetimes, or the model has covariates.

    See Also
    --------
    clvml.from_lifetimes : The other way.
    clvml.check_against_lifetimes : Compare the two packages on your customers.

    Examples
    --------
    >>> import clvml
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> fitter = clvml.to_lifetimes(model)
    >>> round(float(fitter.conditional_expected_number_of_purchases_up_to_time(39, 2, 30.43, 38.86)), 3)
    1.226
    """
    names = {counterpart: name for name, counterpart in COUNTERPARTS.items()}
    if type(model) not in names:
        raise InputError(f"lifetimes has no counterpart of {type(model).__name__} in clvml.")
    check_is_fitted(model, "params_")
    if getattr(model, "sides_", ()):
        raise InputError("lifetimes does not support covariates: fit the model without them to convert it.")
    with quiet_lifetimes() as lifetimes:
        fitter = getattr(lifetimes, names[type(model)])()
    fitter.params_ = pd.Series(model.params_._asdict())
    if isinstance(model, BGNBD | MBGNBD | ParetoNBD):  # as their fit does; that of BG/BB does not
        fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    return fitter


class LifetimesValue(Listed, BaseEstimator):
    """Lifetime value by the lifetimes package: its fits and its formulas.

    Included in every comparison, so that users of lifetimes see the differences. Discounting follows
    `clvml.LifetimeValue`; lifetimes' own function discounts by month.

    Parameters
    ----------
    horizon : float or str
        Prediction horizon, in the time unit of the customers, or as text such as ``"12M"``; not infinite.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %.
    margin : float, default 1
        Profit per unit of spend.

    Attributes
    ----------
    purchase_params_ : BGNBDParams
        ``r, alpha, a, b`` of lifetimes' BetaGeoFitter.
    spend_params_ : GammaGammaParams
        ``p, q, v`` of lifetimes' GammaGammaFitter.
    time_unit_ : {"D", "W", "M", "Q", "Y"} or None
        Time unit of the customers.

    Raises
    ------
    InputError
        From ``fit`` and ``predict``, if an argument or the customer summary is invalid.
    FitError
        If lifetimes cannot fit these customers, or predicts NaN for one of them.

    See Also
    --------
    clvml.check_against_lifetimes : Both packages on the same customers, with the causes of differences.
    clvml.LifetimeValue : The same models by clvml.

    Examples
    --------
    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> theirs = clvml.LifetimesValue(39).fit(customers).predict(customers).sum()
    >>> model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon=39).fit(customers)
    >>> f"{theirs:,.0f}, {model.predict(customers).sum():,.0f}"
    '59,932, 59,932'
    """

    required_columns = (*HISTORY, "monetary_value")
    needs_packages: ClassVar[tuple[str, ...]] = ("lifetimes",)

    purchase_params_: BGNBDParams
    spend_params_: GammaGammaParams
    time_unit_: str | None
    training_summary_: TrainingSummary | None = None  # None: saved by clvml 0.1

    def __init__(self, horizon: Horizon, annual_discount_rate: float = 0.0, margin: float = 1.0) -> None:
        self.horizon = horizon
        self.annual_discount_rate = annual_discount_rate
        self.margin = margin

    def _check_learnt(self) -> None:
        """Refuse parameters that are not positive and finite, by an InputError."""
        check_params(self.purchase_params_)
        check_params(self.spend_params_)

    def fit(self, customers: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002
        """Fit lifetimes' BetaGeoFitter and GammaGammaFitter.

        Parameters
        ----------
        customers : DataFrame, shape (n_customers, ...)
            ``frequency, recency, T, monetary_value``.
        y : ignored
            Not used; present for API consistency with scikit-learn.

        Raises
        ------
        FitError
            If lifetimes cannot fit these customers.
        """
        table = check_customers(as_customers(customers), self.required_columns)
        x, t_x, T, m = (table[name].to_numpy() for name in self.required_columns)
        spent = (x > 0) & (m > 0)
        with quiet_lifetimes() as lifetimes:
            try:
                purchases = lifetimes.BetaGeoFitter().fit(x, t_x, T)
                spend = lifetimes.GammaGammaFitter().fit(x[spent], m[spent])
            except Exception as error:  # lifetimes raises many kinds, some bare
                reason = " ".join(str(error).split()) or type(error).__name__
                raise FitError(f"lifetimes could not fit these customers: {reason}") from error
        self.purchase_params_ = BGNBDParams(*purchases.params_.tolist())
        self.spend_params_ = GammaGammaParams(*spend.params_.tolist())
        self.time_unit_ = table.attrs.get("time_unit")
        self.training_summary_ = training_summary(table)
        return self

    def predict(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.Series:
        """Lifetime value of each customer over the horizon, a Series named ``clv``."""
        return self.predict_factors(customers, horizon, annual_discount_rate)["clv"]

    def predict_factors(
        self,
        customers: pd.DataFrame,
        horizon: Horizon | None = None,
        annual_discount_rate: float | None = None,
    ) -> pd.DataFrame:
        """Value and its factors: ``clv, expected_purchases, expected_spend, probability_alive``.

        Raises
        ------
        FitError
            If lifetimes returns NaN for a customer.
        """
        check_is_fitted(self, "purchase_params_")
        table = check_customers(as_customers(customers), self.required_columns, self.time_unit_)
        check_time_scale(table, self.time_unit_, self.training_summary_)
        rate = self.annual_discount_rate if annual_discount_rate is None else annual_discount_rate
        span = horizon_in(self.horizon if horizon is None else horizon, self.time_unit_)
        factors = self._factors(table, span, rate_per_unit(rate, self.time_unit_))
        broken = factors.isna().any(axis=1)
        if broken.any():
            raise FitError(
                f"lifetimes returns NaN for {broken.sum()} of {len(factors)} customers;"
                f" the first is {factors.index[int(np.argmax(broken))]!r}."
            )
        return factors

    def score(self, customers: pd.DataFrame, y: object = None) -> float:
        """Minus the mean Tweedie deviance (power 1.5) of ``y``, what customers were worth; larger is better.

        Raises
        ------
        InputError
            If ``y`` is missing or invalid: an array in the order of the customers, or a Series by customer.
        """
        check_is_fitted(self, "purchase_params_")
        return deviance_score(self.predict(customers), y, type(self).__name__)

    def _learnt(self) -> str:
        parts = [getattr(self, name, None) for name in ("purchase_params_", "spend_params_")]
        return "; ".join(listed_numbers(part._asdict()) for part in parts if part is not None)

    def _factors(self, table: pd.DataFrame, horizon: float, rate: float) -> pd.DataFrame:
        ends, weights = discounted_ends(horizon, rate)
        x, t_x, T, m = (table[name].to_numpy() for name in self.required_columns)
        purchases = to_lifetimes(BGNBD.from_params(**self.purchase_params_._asdict()))
        spend = to_lifetimes(GammaGamma.from_params(**self.spend_params_._asdict()))
        with quiet_lifetimes():
            until = [np.asarray(purchases.predict(end, x, t_x, T), dtype=float) for end in (horizon, *ends)]
            spent = np.asarray(spend.conditional_expected_average_profit(x, m), dtype=float)
            alive = np.asarray(purchases.conditional_probability_alive(x, t_x, T), dtype=float)
        expected, *by_end = until
        discounted = weights @ np.stack(by_end)
        columns = {
            "clv": self.margin * discounted * spent,
            "expected_purchases": expected,
            "expected_spend": spent,
            "probability_alive": alive,
        }
        return pd.DataFrame(columns, index=table.index)
