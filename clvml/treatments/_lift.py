"""The lift of treatments over the control, in purchases and in money, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvml.errors import InputError
from clvml.treatments._assignment import ALL
from clvml.treatments._bootstrap import bootstrap_statistics
from clvml.treatments._cells import Array, Cells, Coded, cell_means, coded, comparable, weighted
from clvml.treatments._intervals import (
    dunnett_critical,
    dunnett_p,
    fieller,
    holm_p,
    normal_score,
    t_quantile,
    welch_df,
)
from clvml.treatments._responses import Responses

PROFIT = "profit"
Correction = Literal["dunnett", "holm", "none"]
Method = Literal["welch", "bootstrap"]


class Comparison(NamedTuple):
    """A treatment against the control: means, variances and degrees of freedom."""

    base: float
    mean: float
    base_variance: float
    variance: float
    df: float
    customers: int
    control_customers: int

    @property
    def lift(self) -> float:
        return self.mean - self.base

    @property
    def se(self) -> float:
        return float(np.sqrt(self.base_variance + self.variance))

    @property
    def loading(self) -> float:
        """The square root of its correlation with other treatments, by the common control."""
        total = self.base_variance + self.variance
        return float(np.sqrt(self.base_variance / total)) if total > 0 else 0.0


def measure_lift(
    responses: Responses,
    *,
    margin: float = 1.0,
    adjust: bool = True,
    level: float = 0.95,
    correction: Correction = "dunnett",
    method: Method = "welch",
    by_segment: bool = True,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """The lift of each treatment over the control.

    The pooled lift is stratified: the difference of means in each segment, weighted by the segment's share of
    the customers of the test. With ``predicted`` (what a model expected of the customers before the test) the
    variance that the prediction explains is removed from each outcome (CUPED; see `clvml.treatments`).

    Parameters
    ----------
    responses : Responses
        With outcomes: see `read_responses` and `add_outcomes`.
    margin : float, default 1
        Profit per unit of money; where costs are known, ``profit`` is an outcome too: margin x money - cost.
    adjust : bool, default True
        Whether to use ``predicted``, where it is known.
    level : float, default 0.95
        Level of the intervals.
    correction : {"dunnett", "holm", "none"}
        For several treatments against one control. With Dunnett's the intervals are simultaneous; with Holm's
        they have the level of Bonferroni's, for Holm's procedure gives none. By segment also for the number
        of segments.
    method : {"welch", "bootstrap"}
        Welch's t with the interval of Fieller for the relative lift; or the studentised bootstrap within
        cells, for outcomes with a few very large values in groups of unequal size.
    by_segment : bool, default True
        Whether to add a row per segment, if there are several.
    n_resamples, random_state : int
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Index ``outcome, segment, treatment``, the segment ``"(all)"`` first: ``customers``,
        ``control_customers``, ``control_mean, mean``, ``lift, lift_lower, lift_upper`` (per customer),
        ``relative, relative_lower, relative_upper`` (to the control's mean), ``se, se_unadjusted``,
        ``narrower`` (by which share the prediction narrows the interval), ``equivalent_customers`` (a test
        without predictions needs so many for the same interval), ``p, p_adjusted``. ``attrs`` has ``control,
        level, correction, method, margin``, ``theta`` by outcome, and ``notes``.

    Raises
    ------
    InputError
        If there is no outcome, an argument is not allowed, or a treatment shares no segment with the control.

    See Also
    --------
    clvml.treatments.check_balance : Whether the groups were alike before.
    clvml.treatments.incremental_value : What the lift is worth after costs.
    clvml.plots.treatment_lift : As a figure.

    Examples
    --------
    Three ways to hand over a small gift with the bill, and the tips (in percent of the bill) against a
    control without a gift; Strohmetz et al. (2002, Journal of Applied Social Psychology 32, 300-309) found
    about 3 %, 14 % and 23 % more.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from clvml.treatments import measure_lift, read_responses
    >>> from scipy.stats import norm
    >>> spread = norm.ppf((np.arange(60) + 0.5) / 60)
    >>> means = {"control": 15.0, "one gift": 15.45, "two gifts": 17.1, "one, then one more": 18.45}
    >>> tips = pd.concat([pd.DataFrame({"treatment": name, "money": mean + 3 * spread})
    ...                   for name, mean in means.items()], ignore_index=True)
    >>> lift = measure_lift(read_responses(tips.rename_axis("customer_id")))
    >>> found = lift.xs(("money", "(all)"))
    >>> found["relative"].round(2).to_dict()
    {'one gift': 0.03, 'one, then one more': 0.23, 'two gifts': 0.14}
    >>> found[["relative_lower", "relative_upper"]].round(2).loc["one, then one more"].tolist()
    [0.14, 0.33]
    >>> found["p_adjusted"].round(3).to_dict()
    {'one gift': 0.749, 'one, then one more': 0.0, 'two gifts': 0.001}
    """
    _check_options(level, correction, method, margin)
    outcomes = _outcomes(responses, margin)
    table = responses.table
    codes = coded(table["group"], table["segment"], responses.control)
    x = table["predicted"].to_numpy(float) if adjust and "predicted" in table else None
    frames, theta = {}, {}
    for name, y in outcomes.items():
        cells = cell_means(codes, y, x)
        plain = cells if x is None else cell_means(codes, y)
        theta[name] = cells.theta
        options = _Options(level, correction, method, n_resamples, random_state)
        parts = {ALL: _pooled(codes, cells, plain, y, x, options)}
        if by_segment and len(codes.segments) > 1:
            parts |= _segments(codes, cells, plain, y, x, options)
        frames[name] = pd.concat(parts, names=["segment"])
    result = pd.concat(frames, names=["outcome"])
    result.attrs.update(
        control=responses.control, level=level, correction=correction, method=method, margin=margin,
        theta=theta, notes=(*_notes(codes), *_skewness_notes(codes, outcomes)), adjusted=x is not None,
    )  # fmt: skip
    return result


class _Options(NamedTuple):
    level: float
    correction: Correction
    method: Method
    n_resamples: int
    random_state: int


def _check_options(level: float, correction: str, method: str, margin: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}; it must be between 0 and 1, such as 0.95.")
    if correction not in ("dunnett", "holm", "none"):
        raise InputError(f"correction is {correction!r}; it must be dunnett, holm or none.")
    if method not in ("welch", "bootstrap"):
        raise InputError(f"method is {method!r}; it must be welch or bootstrap.")
    if not (np.isfinite(margin) and margin > 0):
        raise InputError(f"margin is {margin!r}; it must be a positive number.")


def _outcomes(responses: Responses, margin: float) -> dict[str, Array]:
    table = responses.table
    if not responses.outcomes:
        raise InputError(
            "the responses have no outcome: add columns purchases or money, or take them from the"
            " transactions after the start of the test (add_outcomes)."
        )
    found = {name: table[name].to_numpy(float) for name in responses.outcomes}
    if "money" in found and table["cost"].notna().all():
        found[PROFIT] = margin * found["money"] - table["cost"].to_numpy(float)
    return found


def compare(cells: Cells, group: int, rows: NDArray[np.bool_]) -> Comparison:
    """A treatment against the control over segments."""
    mean, variance, parts, sizes = weighted(cells, group, rows)
    base, base_variance, base_parts, base_sizes = weighted(cells, 0, rows)
    df = welch_df(np.concatenate([parts, base_parts]), np.concatenate([sizes, base_sizes]).astype(float))
    return Comparison(base, mean, base_variance, variance, df, int(sizes.sum()), int(base_sizes.sum()))


def _pooled(
    codes: Coded, cells: Cells, plain: Cells, y: Array, x: Array | None, options: _Options
) -> pd.DataFrame:
    rows = [comparable(cells, group) for group in range(1, len(codes.groups))]
    for name, row in zip(codes.groups[1:], rows, strict=True):
        if not row.any():
            raise InputError(
                f"no segment has two customers in both the control and treatment {name!r}: take larger"
                " segments."
            )
    return _table(codes, cells, plain, y, x, rows, options, 1)


def _segments(
    codes: Coded, cells: Cells, plain: Cells, y: Array, x: Array | None, options: _Options
) -> dict[str, pd.DataFrame]:
    groups = range(1, len(codes.groups))
    family = int(np.any([comparable(cells, group) for group in groups], axis=0).sum())
    found = {}
    for number, name in enumerate(codes.segments):
        alone = np.arange(len(codes.segments)) == number
        rows = [alone & comparable(cells, group) for group in groups]
        if any(row.any() for row in rows):
            found[name] = _table(codes, cells, plain, y, x, rows, options, family)
    return found


def _table(
    codes: Coded,
    cells: Cells,
    plain: Cells,
    y: Array,
    x: Array | None,
    rows: Sequence[NDArray[np.bool_]],
    options: _Options,
    family: int,
) -> pd.DataFrame:
    """One row per treatment that can be compared; ``family`` segments share the error."""
    groups = [group for group, row in enumerate(rows, 1) if row.any()]
    found = [compare(cells, group, rows[group - 1]) for group in groups]
    before = [compare(plain, group, rows[group - 1]) for group in groups]
    loadings = np.array([one.loading for one in found])
    critical = _critical(options, loadings, family)
    p = np.array([_p_value(one) for one in found])
    table = pd.DataFrame(
        [_row(one, raw, critical) for one, raw in zip(found, before, strict=True)],
        index=pd.Index([codes.groups[group] for group in groups], name="treatment"),
    ).assign(p=p, p_adjusted=_adjusted(found, p, loadings, options, family))
    if options.method == "bootstrap":
        ends = [
            _bootstrap_ends(codes, y, x, group, rows[group - 1], one, critical, options)
            for group, one in zip(groups, found, strict=True)
        ]
        columns = ["lift_lower", "lift_upper", "relative_lower", "relative_upper"]
        table[columns] = np.array(ends)
    return table


def _row(one: Comparison, raw: Comparison, critical: float) -> dict[str, float]:
    quantile = t_quantile(critical, one.df)
    lower, upper = fieller(one.mean, one.base, one.variance, one.base_variance, quantile)
    ratio = one.se / raw.se if raw.se > 0 else 1.0
    known = one.customers + one.control_customers
    return {
        "customers": one.customers,
        "control_customers": one.control_customers,
        "control_mean": one.base,
        "mean": one.mean,
        "lift": one.lift,
        "lift_lower": one.lift - quantile * one.se,
        "lift_upper": one.lift + quantile * one.se,
        "relative": one.lift / one.base if one.base > 0 else float("nan"),
        "relative_lower": lower if one.base > 0 else float("nan"),
        "relative_upper": upper if one.base > 0 else float("nan"),
        "se": one.se,
        "se_unadjusted": raw.se,
        "narrower": 1 - ratio,
        "equivalent_customers": known / ratio**2 if ratio > 0 else float("inf"),
    }


def _critical(options: _Options, loadings: Array, family: int) -> float:
    """The critical value in standard normal units."""
    if options.correction == "none":
        return dunnett_critical(options.level, loadings[:1])
    level = 1 - (1 - options.level) / family
    if options.correction == "dunnett":
        return dunnett_critical(level, loadings)
    return dunnett_critical(1 - (1 - level) / len(loadings), loadings[:1])


def _p_value(one: Comparison) -> float:
    return float(dunnett_p(np.array([_z(one)]), np.array([0.0]))[0])


def _z(one: Comparison) -> float:
    if one.se == 0:
        return 0.0 if one.lift == 0 else float(np.sign(one.lift) * np.inf)
    return normal_score(one.lift / one.se, one.df)


def _adjusted(
    found: Sequence[Comparison], p: Array, loadings: Array, options: _Options, family: int
) -> Array:
    if options.correction == "none":
        return p
    adjusted = (
        dunnett_p(np.array([_z(one) for one in found]), loadings)
        if options.correction == "dunnett"
        else holm_p(p)
    )
    return np.minimum(adjusted * family, 1)


def _bootstrap_ends(
    codes: Coded,
    y: Array,
    x: Array | None,
    group: int,
    rows: NDArray[np.bool_],
    one: Comparison,
    critical: float,
    options: _Options,
) -> list[float]:
    """Ends of the lift and of the relative lift by the studentised bootstrap."""
    from scipy.stats import norm

    tail = float(norm.sf(critical))
    lift, ratio = bootstrap_statistics(codes, y, x, group, rows, options.n_resamples, options.random_state)
    low, high = np.quantile(lift, [tail, 1 - tail])
    ends = [one.lift - high * one.se, one.lift - low * one.se]
    if ratio is None or not (one.mean > 0 and one.base > 0):
        return [*ends, float("nan"), float("nan")]
    spread = np.sqrt(one.variance / one.mean**2 + one.base_variance / one.base**2)
    low, high = np.quantile(ratio, [tail, 1 - tail])
    log = np.log(one.mean / one.base)
    return [*ends, float(np.exp(log - high * spread) - 1), float(np.exp(log - low * spread) - 1)]


def _notes(codes: Coded) -> list[str]:
    """Segments in which a treatment cannot be compared."""
    sizes = codes.size.reshape(codes.shape)
    small = [name for name, row in zip(codes.segments, sizes, strict=True) if row.min() < 2]
    if not small:
        return []
    listed = ", ".join(small[:3]) + (" and more" if len(small) > 3 else "")
    return [
        f"{len(small)} of {len(codes.segments)} segments have fewer than two customers in some group"
        f" ({listed}): those groups are left out there"
    ]


def _skewness_notes(codes: Coded, outcomes: dict[str, Array]) -> list[str]:
    """Whether groups of unequal size are too small for the skewness of an outcome.

    Cochran (1977, "Sampling techniques", eq. 2.33): a normal interval of a mean needs 25 times the square of
    the skewness. Between groups of equal size the skewness cancels in the difference.
    """
    sizes = codes.size.reshape(codes.shape).sum(axis=0)
    smallest = int(sizes.min())
    if smallest > 0.5 * sizes.max():
        return []
    for name, y in outcomes.items():
        spread = y.std()
        skewness = float(((y - y.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0
        if smallest < 25 * skewness**2:
            return [
                f"a few large values make {name} very skewed, and the smallest group has {smallest:,}"
                " customers: intervals may cover less than their level; groups of equal size help"
            ]
    return []
