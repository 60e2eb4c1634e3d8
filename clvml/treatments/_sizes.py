"""How many customers a test needs, and what it cannot detect."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import InputError
from clvml.treatments._intervals import dunnett_critical

NEEDED = ("customers", "mean", "std")


def plan_test(
    moments: pd.DataFrame,
    *,
    cost: float,
    margin: float = 1.0,
    treatments: int = 1,
    control_share: float | None = None,
    level: float = 0.95,
    power: float = 0.8,
    adjust: bool = True,
) -> pd.DataFrame:
    """Sizes of the groups that detect the lift that would pay, and the lift that all customers can detect.

    Parameters
    ----------
    moments : pandas.DataFrame
        By segment, as from `predicted_moments` or `observed_moments`, over the length of the test.
    cost : float
        Cost of the treatment per customer.
    margin : float, default 1
        Profit per unit of money: the lift that pays is cost / margin per customer.
    treatments : int, default 1
        Treatments against the one control.
    control_share : float, optional
        Share of the test in the control. Default: the best one, ``sqrt(k) / (k + sqrt(k))`` of k treatments
        (Dunnett, 1955): a half for one treatment.
    level, power : float
        Of a two-sided test, by Dunnett's critical value for several treatments.
    adjust : bool, default True
        Whether the variance that predictions explain will be removed (see `measure_lift`).

    Returns
    -------
    pandas.DataFrame
        By segment: ``customers, mean, std``; ``pays`` (the lift that pays, money per customer) and
        ``pays_relative``; ``control, per_treatment`` and ``needed`` (customers of the test); ``enough``
        (whether there are so many); ``detectable`` and ``detectable_relative`` (the smallest lift that all
        customers of the segment detect with this power); ``says``.

    Raises
    ------
    InputError
        If a column is missing, or an argument is not allowed.

    See Also
    --------
    clvml.treatments.predicted_moments : The table that it takes, from a model.
    clvml.treatments.observed_moments : The table that it takes, from an earlier period.
    clvml.treatments.assign_treatments : Draws the groups.

    References
    ----------
    Dunnett, C. (1955), A multiple comparison procedure for comparing several treatments with a control.
    *JASA* 50, 1096-1121.

    Cohen, J. (1988), *Statistical Power Analysis for the Behavioral Sciences*, table 2.4.1.

    Examples
    --------
    A lift of half a standard deviation needs 63 customers per group by normal quantiles (Cohen, 1988, has 64
    by t).

    >>> import pandas as pd
    >>> from clvml.treatments import plan_test
    >>> plan = plan_test(pd.DataFrame({"customers": [500], "mean": [10.0], "std": [4.0]}, ["all"]), cost=2.0)
    >>> plan[["control", "per_treatment", "enough"]].values.tolist()
    [[63, 63, True]]
    """
    _check(moments, cost, margin, treatments, control_share, level, power)
    k = treatments
    share = math.sqrt(k) / (k + math.sqrt(k)) if control_share is None else control_share
    each = (1 - share) / k
    loading = math.sqrt(each / (share + each))  # of 1 / n_control in 1 / n_control + 1 / n_treatment
    quantiles = dunnett_critical(level, np.full(k, loading)) + float(stats.norm.ppf(power))
    explained = moments["explained"] if adjust and "explained" in moments else 0.0
    # Variance of a difference, times the size of the test.
    unit = moments["std"] ** 2 * (1 - explained) * (1 / share + 1 / each)
    pays = cost / margin
    needed = quantiles**2 * unit / pays**2 if pays > 0 else unit * np.inf
    control = _ceiling(needed * share).clip(lower=2)
    per_treatment = _ceiling(needed * each).clip(lower=2)
    detectable = quantiles * np.sqrt(unit / moments["customers"].where(moments["customers"] > 0))
    mean = moments["mean"].where(moments["mean"] > 0)
    plan = moments[list(NEEDED)].assign(
        pays=pays,
        pays_relative=pays / mean,
        control=control,
        per_treatment=per_treatment,
        needed=control + k * per_treatment,
        detectable=detectable,
        detectable_relative=detectable / mean,
    )
    plan.insert(8, "enough", plan["needed"] <= plan["customers"])
    plan["says"] = [_say(row, power) for _, row in plan.iterrows()]
    if np.isfinite(plan["needed"]).all():
        plan = plan.astype(dict.fromkeys(["control", "per_treatment", "needed"], "int64"))
    plan.attrs.update(level=level, power=power, treatments=k, control_share=share, cost=cost, margin=margin)
    return plan


def _ceiling(values: pd.Series) -> pd.Series:
    return np.ceil(values - 1e-9)


def _say(row: pd.Series, power: float) -> str:
    """What the segment's customers can and cannot show."""
    if np.isnan(row["detectable"]):
        return "no customers: nothing can be measured"
    relative = (
        f" ({row['detectable_relative']:.0%} of the mean)"
        if row["detectable_relative"] == row["detectable_relative"]
        else ""
    )
    least = f"{row['detectable']:,.2f} per customer{relative}"
    if row["enough"]:
        return f"{row['needed']:,.0f} of {row['customers']:,.0f} customers detect the lift that pays"
    return (
        f"lifts below {least} cannot be detected with a power of {power:.0%}, even with all"
        f" {row['customers']:,.0f} customers; the lift that pays is {row['pays']:,.2f}: test longer, pool"
        " segments, or take a cheaper treatment"
    )


def _check(
    moments: pd.DataFrame,
    cost: float,
    margin: float,
    treatments: int,
    control_share: float | None,
    level: float,
    power: float,
) -> None:
    missing = [name for name in NEEDED if name not in moments]
    if missing or moments.empty:
        raise InputError(f"the moments lack {missing[0]!r}." if missing else "there are no segments.")
    counted = treatments >= 1 and treatments == int(treatments)
    rules = (
        (np.isfinite(cost) and cost >= 0, "cost", cost, "0 or more"),
        (np.isfinite(margin) and margin > 0, "margin", margin, "positive"),
        (counted, "treatments", treatments, "a whole number from 1"),
        (control_share is None or 0 < control_share < 1, "control_share", control_share, "between 0 and 1"),
        (0 < level < 1, "level", level, "between 0 and 1"),
        (0 < power < 1, "power", power, "between 0 and 1"),
    )
    for allowed, name, value, rule in rules:
        if not allowed:
            raise InputError(f"{name} is {value!r}; it must be {rule}.")
