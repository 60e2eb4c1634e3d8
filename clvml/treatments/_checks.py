"""Was the assignment random? Sizes of the groups against the plan, and customers before the test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from clvml.errors import InputError
from clvml.segments.grouping._tables import named
from clvml.treatments._cells import Array, Cells, Coded, cell_means, coded, comparable
from clvml.treatments._intervals import holm_p
from clvml.treatments._responses import Responses

ALARM = 0.01  # p-values below it say that the assignment does not look random


def check_group_sizes(responses: Responses, shares: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Test for a sample-ratio mismatch: whether the groups have the sizes that were planned.

    Parameters
    ----------
    responses : Responses
        The customers of the test by group.
    shares : mapping of str to float, optional
        The planned share of each group (or its size; they are scaled to 1). Without them the test is whether
        all segments have the same shares, which they have if groups were drawn within segments.

    Returns
    -------
    pandas.DataFrame
        Index ``group``: ``customers, expected`` (numbers). ``attrs`` has ``p`` (chi-squared test; NaN where
        there is nothing to compare), ``mismatch`` (whether it is below 0.01) and a ``sentence``.

    Raises
    ------
    InputError
        If a group has no planned share.

    See Also
    --------
    clvml.treatments.check_balance : Whether the groups were alike before the test.
    clvml.treatments.measure_lift : What to do once both are in order.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.treatments import check_group_sizes, read_responses
    >>> rows = pd.DataFrame({"customer_id": range(100), "treatment": ["control"] * 30 + ["gift"] * 70})
    >>> check_group_sizes(read_responses(rows), {"control": 0.5, "gift": 0.5}).attrs["mismatch"]
    True
    """
    table = responses.table
    counts = pd.crosstab(table["segment"], table["group"])
    sizes = counts.sum()
    if shares is None:
        p = _homogeneous(counts)
        expected = sizes.astype(float)
    else:
        planned = pd.Series(dict(shares), dtype=float)
        missing = sorted(set(sizes.index) ^ set(planned.index))
        if missing or not (planned > 0).all():
            raise InputError(
                f"planned shares are needed for each group, above 0: {', '.join(sizes.index)};"
                f" {missing[0] if missing else planned.idxmin()!r} has none or is no group."
            )
        expected = (planned / planned.sum()).reindex(sizes.index) * sizes.sum()
        p = float(stats.chisquare(sizes, expected).pvalue)
    found = pd.DataFrame({"customers": sizes, "expected": expected}).rename_axis("group")
    found.attrs.update(p=p, mismatch=bool(p < ALARM), sentence=_sizes_sentence(p, shares is not None))
    return found


def _homogeneous(counts: pd.DataFrame) -> float:
    return float(stats.chi2_contingency(counts).pvalue) if len(counts) > 1 else float("nan")


def _sizes_sentence(p: float, planned: bool) -> str:
    compared = "the planned ones" if planned else "each other in all segments"
    if np.isnan(p):
        return "without planned shares the sizes of the groups cannot be tested"
    if p < ALARM:
        return (
            f"sample-ratio mismatch: the sizes of the groups differ from {compared} more than chance allows"
            f" (p = {p:.2g}); find out which customers are missing before trusting the lift"
        )
    return f"the shares of the groups agree with {compared} (p = {p:.2g})"


def check_balance(responses: Responses, before: pd.DataFrame) -> pd.DataFrame:
    """Whether treated customers and the control were alike before the test.

    Parameters
    ----------
    responses : Responses
        The customers of the test by group.
    before : pandas.DataFrame
        By customer, numbers known before the start: purchases, spend, predicted value.

    Returns
    -------
    pandas.DataFrame
        Index ``treatment, covariate``: ``control_mean, mean``, ``standardized`` (their difference in
        standard deviations within segments) and ``p``. ``attrs`` has ``p`` (of all covariates of a treatment
        together, adjusted for the number of treatments, by treatment), ``random`` (whether all are at least
        0.01) and a ``sentence``. Tests use ranks, so that a few large customers do not decide.

    Raises
    ------
    InputError
        If a customer has no row in ``before``, or it has no column of numbers.

    See Also
    --------
    clvml.treatments.check_group_sizes : Whether the groups have the sizes that were planned.
    clvml.treatments.measure_lift : What to do once both are in order.

    Examples
    --------
    A gift that went to the best customers tells nothing of the gift:

    >>> import pandas as pd
    >>> from clvml.treatments import check_balance, read_responses
    >>> rows = pd.DataFrame({"customer_id": range(40), "treatment": ["control"] * 20 + ["gift"] * 20})
    >>> before = pd.DataFrame({"spend": [float(spend) for spend in range(40)]})
    >>> found = check_balance(read_responses(rows), before)
    >>> found["standardized"].round(1).tolist(), found.attrs["random"]
    ([3.4], False)
    """
    table = responses.table
    numbers = before.select_dtypes("number").reindex(table.index)
    if numbers.columns.empty:
        raise InputError("balance needs at least one column of numbers known before the test.")
    if numbers.isna().any(axis=None):
        lost = numbers.index[numbers.isna().any(axis=1).to_numpy()]
        raise InputError(
            f"{len(lost):,} customers of the test lack a number before it, such as {named(lost)}."
        )
    codes = coded(table["group"], table["segment"], responses.control)
    frames, overall = {}, {}
    for group, name in enumerate(codes.groups[1:], 1):
        frames[name] = _differences(codes, numbers, group)
        overall[name] = _together(codes, numbers.rank().to_numpy(float), group)
    found = pd.concat(frames, names=["treatment", "covariate"])
    p = dict(zip(overall, holm_p(np.array([*overall.values()])).tolist(), strict=True))
    off = [name for name, value in p.items() if value < ALARM]
    found.attrs.update(p=p, random=not off, sentence=_balance_sentence(found, p, off))
    return found


def _weights(cells: Cells, group: int) -> Array:
    """The share of each segment in those that can be compared."""
    weight = np.where(comparable(cells, group), cells.size.sum(axis=1), 0).astype(float)
    return np.asarray(weight / max(weight.sum(), 1.0))


def _differences(codes: Coded, numbers: pd.DataFrame, group: int) -> pd.DataFrame:
    found = {}
    for name in numbers:
        values, ranked = (np.asarray(part, dtype=float) for part in (numbers[name], numbers[name].rank()))
        cells, ranks = cell_means(codes, values), cell_means(codes, ranked)
        weight = _weights(cells, group)
        base, mean = (float(weight @ np.nan_to_num(cells.mean[:, column])) for column in (0, group))
        spread = np.sqrt(np.nansum(weight[:, None] * cells.variance * cells.size) / len(codes.groups))
        gap = weight @ np.nan_to_num(ranks.mean[:, group] - ranks.mean[:, 0])
        error = np.sqrt(np.nansum(weight**2 * (ranks.variance[:, group] + ranks.variance[:, 0])))
        p = 2 * stats.norm.sf(abs(gap) / error) if error > 0 else 1.0
        standardized = (mean - base) / spread if spread > 0 else 0.0
        found[str(name)] = {"control_mean": base, "mean": mean, "standardized": standardized, "p": p}
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("covariate")


def _together(codes: Coded, ranks: Array, group: int) -> float:
    """P-value of the differences of all covariates together (Wald)."""
    n_groups = len(codes.groups)
    sizes = codes.size.reshape(codes.shape)
    weight = np.where((sizes[:, 0] > 1) & (sizes[:, group] > 1), sizes.sum(axis=1), 0).astype(float)
    weight = weight / max(weight.sum(), 1.0)
    gap, covariance = np.zeros(ranks.shape[1]), np.zeros((ranks.shape[1], ranks.shape[1]))
    for row in np.flatnonzero(weight):
        for column, sign in ((0, -1.0), (group, 1.0)):
            part = ranks[codes.cell == row * n_groups + column]
            gap += sign * weight[row] * part.mean(axis=0)
            covariance += weight[row] ** 2 * np.atleast_2d(np.cov(part, rowvar=False)) / len(part)
    rank = int(np.linalg.matrix_rank(covariance))
    if rank == 0:
        return 1.0
    return float(stats.chi2.sf(gap @ np.linalg.pinv(covariance) @ gap, rank))


def _balance_sentence(found: pd.DataFrame, p: Mapping[str, float], off: list[str]) -> str:
    if not off:
        return f"before the test the groups were alike (p = {min(p.values()):.2g}), as after a random draw"
    gaps = found.xs(off[0], level="treatment")["standardized"]
    largest = int(np.argmax(gaps.abs()))
    return (
        f"the assignment does not look random: before the test {off[0]!r} and the control differed"
        f" in {gaps.index[largest]} by {gaps.iloc[largest]:+.2f} standard deviations (all differences: p ="
        f" {p[off[0]]:.2g}); the lift is confounded"
    )
