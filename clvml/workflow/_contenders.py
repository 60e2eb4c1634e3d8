"""The contenders of the comparison: built-in models, by the id used in the config, and user-defined models.

A new built-in contender is one line in `CONTENDERS`. Any model with the members of
`clvml.lifetime_value.ValueModel` can compete without one: named in the config by its import path, or passed
to `clvml.workflow.run`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from clvml.compat.lifetimes._bridge import LifetimesValue
from clvml.errors import InputError
from clvml.evaluation._model_comparison import with_terms
from clvml.lifetime_value._projection import LifetimeValue
from clvml.lifetime_value._protocol import ValueModel
from clvml.lifetime_value.formulas import (
    AnnuityValue,
    HistoricValue,
    RepeatRateValue,
    RetentionValue,
    RuleOfThumbValue,
    TotalSpendValue,
    ZeroValue,
)
from clvml.lifetime_value.formulas._loyalty_models import LoyaltyEffectsValue, ProfitContributionValue
from clvml.lifetime_value.formulas._migration import MigrationValue
from clvml.lifetime_value.learned._correction import LearnedCorrection
from clvml.lifetime_value.learned._mean import MeanValue
from clvml.lifetime_value.learned._naive import LastPeriodValue
from clvml.lifetime_value.learned._regressor import RegressorValue, learns_from_features
from clvml.lifetime_value.learned._stacked import StackedValue
from clvml.models._bgnbd import BGNBD
from clvml.models._constant_spend import ConstantSpend
from clvml.models._gamma_gamma import GammaGamma
from clvml.models._lognormal_spend import LognormalSpend
from clvml.models._mbgcnbd import MBGCNBD
from clvml.models._mbgnbd import MBGNBD
from clvml.models._pareto_nbd import ParetoNBD
from clvml.models._seasonal import SeasonalPurchases

PROBABILISTIC, LEARNED, FORMULA = "probabilistic", "learned", "formula"
BASELINE, CUSTOM = "baseline", "custom"
IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_TERMS = ("horizon", "annual_discount_rate", "margin")
_MEMBERS = ("fit", "predict", "predict_factors")


class Contender(NamedTuple):
    """A model in the comparison.

    Attributes
    ----------
    title : str
        Its name in tables and figures.
    family : str
        "probabilistic", "learned", "formula", "baseline" (compared, but cannot win) or "custom".
    build : callable
        Returns the unfitted model, given horizon, annual_discount_rate and margin as keywords.
    optional : bool
        Whether it is eligible only if no other model can be fitted.
    by_default : bool
        Whether it competes unless the config names the contenders.

    See Also
    --------
    clvml.workflow.CONTENDERS : The built-in ones.
    clvml.workflow.custom_contender : Makes one of a model of your own.

    Examples
    --------
    A probabilistic model of your own choice, so that it is listed with its family:

    >>> from functools import partial
    >>> import clvml
    >>> from clvml.workflow import Contender
    >>> build = partial(clvml.LifetimeValue, clvml.ParetoNBD(prior="weak"), clvml.LognormalSpend())
    >>> contender = Contender("Pareto/NBD x lognormal spend", "probabilistic", build)
    >>> model = contender.build(horizon=39, annual_discount_rate=0.1, margin=0.3)
    >>> model.purchases, model.margin
    (ParetoNBD(prior='weak'), 0.3)
    """

    title: str
    family: str
    build: Callable[..., ValueModel]
    optional: bool = False
    by_default: bool = True


def _times(purchases: Any, spend: Any = None) -> Callable[..., ValueModel]:
    """With constant spend where the model of spend has no optimum, as where all amounts are equal."""
    return partial(LifetimeValue, purchases=purchases, spend=(spend or GammaGamma(), ConstantSpend()))


CONTENDERS: dict[str, Contender] = {
    "bgnbd_gamma_gamma": Contender("BG/NBD x Gamma-Gamma", PROBABILISTIC, _times(BGNBD(prior="auto"))),
    "mbgnbd_gamma_gamma": Contender("MBG/NBD x Gamma-Gamma", PROBABILISTIC, _times(MBGNBD(prior="auto"))),
    "mbgcnbd_gamma_gamma": Contender(
        "MBG/CNBD-k x Gamma-Gamma", PROBABILISTIC, _times(MBGCNBD(prior="auto")), by_default=False
    ),
    "pareto_nbd_gamma_gamma": Contender(
        "Pareto/NBD x Gamma-Gamma", PROBABILISTIC, _times(ParetoNBD(prior="auto"))
    ),
    "bgnbd_seasons_gamma_gamma": Contender(
        "BG/NBD with seasons x Gamma-Gamma",
        PROBABILISTIC,
        _times(SeasonalPurchases(BGNBD(prior="auto"))),
        by_default=False,
    ),
    "pareto_nbd_seasons_gamma_gamma": Contender(
        "Pareto/NBD with seasons x Gamma-Gamma",
        PROBABILISTIC,
        _times(SeasonalPurchases(ParetoNBD(prior="auto"))),
        by_default=False,
    ),
    "bgnbd_gamma_gamma_first": Contender(
        "BG/NBD x Gamma-Gamma of all purchases",
        PROBABILISTIC,
        _times(BGNBD(prior="auto"), GammaGamma(use_first_purchase=True)),
        by_default=False,
    ),
    "bgnbd_gamma_gamma_rate": Contender(
        "BG/NBD x Gamma-Gamma by purchase rate",
        PROBABILISTIC,
        _times(BGNBD(prior="auto"), GammaGamma(rate_effect=True)),
        by_default=False,
    ),
    "bgnbd_lognormal": Contender(
        "BG/NBD x lognormal spend",
        PROBABILISTIC,
        _times(BGNBD(prior="auto"), LognormalSpend()),
        by_default=False,
    ),
    "bgnbd_lognormal_first": Contender(
        "BG/NBD x lognormal spend of all purchases",
        PROBABILISTIC,
        _times(BGNBD(prior="auto"), LognormalSpend(use_first_purchase=True)),
        by_default=False,
    ),
    "learned_correction": Contender("structure plus learning", PROBABILISTIC, LearnedCorrection),
    "gradient_boosting": Contender("gradient boosting", LEARNED, RegressorValue),
    "mean_of_models": Contender("mean of the leading models", PROBABILISTIC, MeanValue),
    "stacked": Contender("stacked models", PROBABILISTIC, StackedValue, by_default=False),
    "last_period": Contender("last period repeated", BASELINE, LastPeriodValue),
    "lifetimes": Contender("lifetimes package", PROBABILISTIC, LifetimesValue, optional=True),
    "repeat_rate": Contender("repeat rate x average order value", FORMULA, RepeatRateValue),
    "total_spend": Contender("total / T", FORMULA, TotalSpendValue),
    "historic": Contender("historic", FORMULA, HistoricValue),
    "annuity": Contender("annuity", FORMULA, AnnuityValue),
    "retention": Contender("retention", FORMULA, RetentionValue),
    "rule_of_thumb": Contender("rule of thumb", FORMULA, RuleOfThumbValue),
    "loyalty_effects": Contender("loyalty effects", FORMULA, LoyaltyEffectsValue),
    "profit_contribution": Contender("profit contribution", FORMULA, ProfitContributionValue),
    "migration": Contender("migration", FORMULA, MigrationValue),
    "zero": Contender("zero baseline", BASELINE, ZeroValue),
}
"""The built-in contenders of a comparison by id, as ``[models] contenders`` of the config names them.

See Also
--------
clvml.workflow.custom_contender : A contender from a model of your own.

Examples
--------
>>> from clvml.workflow import CONTENDERS
>>> [name for name, each in CONTENDERS.items() if each.family == "learned"]
['gradient_boosting']
"""

# Ids of earlier releases in configs, old to new.
RENAMED_IDS = {"total_customer_value": "rule_of_thumb"}


def custom_contender(
    model: Contender | ValueModel | Callable[..., Any] | Any,
    title: str,
    family: str = CUSTOM,
    options: Mapping[str, Any] | None = None,
) -> Contender:
    """A contender from a user-defined model.

    Parameters
    ----------
    model : Contender, ValueModel or callable
        A model, or a class or function that returns one, which is called with the options, and with
        horizon, annual_discount_rate and margin if it has parameters of these names. A regressor with
        ``fit(X, y)`` and ``predict(X)`` becomes a `RegressorValue`.
    title : str
        Its name in tables and figures.
    family : str, default "custom"
        As in `Contender`.
    options : mapping, optional
        Keyword arguments of the class or function.

    Returns
    -------
    Contender
        For ``contenders`` of `clvml.workflow.run`.

    Raises
    ------
    InputError
        If it cannot be constructed, or lacks a member of `clvml.lifetime_value.ValueModel`.

    See Also
    --------
    clvml.workflow.run : Compares it with the built-in contenders.
    clvml.lifetime_value.ValueModel : The members that a model needs.

    Examples
    --------
    A regressor of scikit-learn learns from the columns of the customer summary:

    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from clvml.workflow import custom_contender
    >>> forest = custom_contender(RandomForestRegressor(n_estimators=50, random_state=0), "random forest")
    >>> forest.build(horizon=39, annual_discount_rate=0.1, margin=1.0).regressor
    RandomForestRegressor(n_estimators=50, random_state=0)

    A function makes a model with the terms that it has parameters for, here the horizon:

    >>> import clvml
    >>> def make_priced(horizon):
    ...     return clvml.PricedValue(clvml.RepeatRateValue(horizon), price=9.99)
    >>> priced = custom_contender(make_priced, "repeat rate at the list price")
    >>> priced.build(horizon=39, annual_discount_rate=0.1, margin=1.0).price
    9.99
    """
    if isinstance(model, Contender):
        return model
    if learns_from_features(model):
        model = RegressorValue(1.0, regressor=model)
    is_model = not isinstance(model, type) and all(hasattr(model, member) for member in _MEMBERS)
    if is_model and options:
        raise InputError(f"the contender {title!r} is a model already and takes no options; leave them out.")
    build: Callable[..., ValueModel] = (
        partial(with_terms, cast(ValueModel, model))
        if is_model
        else partial(_made, cast(Callable[..., ValueModel], model), dict(options or {}))
    )
    contender = Contender(title, family, build)
    _check_can_be_made(contender)
    return contender


def imported(path: str) -> Any:
    """The object at an import path such as ``"mypackage.mymodule:MyModel"``.

    Modules are searched for on Python's path and in the current folder.

    Raises
    ------
    InputError
        If there is no such module, its import fails, or it has no such attribute.
    """
    module_name, _, name = path.partition(":")
    with _current_folder_importable():
        try:
            found: Any = importlib.import_module(module_name)
        except Exception as error:  # an import may raise anything
            raise InputError(
                f"the contender {path!r} cannot be imported ({type(error).__name__}: {error}); its module"
                " must be installed or be in the current folder."
            ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"the contender {path!r} does not exist: {module_name} has no {part!r}.")
        found = getattr(found, part)
    return found


def _made(
    make: Callable[..., ValueModel],
    options: Mapping[str, Any],
    horizon: float | str,
    annual_discount_rate: float,
    margin: float,
) -> ValueModel:
    terms = dict(zip(_TERMS, (horizon, annual_discount_rate, margin), strict=True))
    accepted = inspect.signature(make).parameters
    model = make(**options, **{name: value for name, value in terms.items() if name in accepted})
    if learns_from_features(model):
        return RegressorValue(horizon, annual_discount_rate, margin, regressor=model)
    for name in terms.keys() - accepted.keys():
        setattr(model, name, terms[name])
    return model


def _check_can_be_made(contender: Contender) -> None:
    try:
        model = contender.build(horizon=1.0, annual_discount_rate=0.0, margin=1.0)
    except Exception as error:  # a user-defined constructor may raise anything
        raise InputError(
            f"the contender {contender.title!r} cannot be constructed: {type(error).__name__}: {error}"
        ) from error
    missing = [member for member in _MEMBERS if not callable(getattr(model, member, None))]
    if missing:
        raise InputError(
            f"the contender {contender.title!r} has no method {missing[0]!r}; a contender needs the members"
            " of clvml.lifetime_value.ValueModel."
        )


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
