"""A made-up survey among real customers, generated with known effects: an example, and a test of the methods.

Nothing in it was asked of anybody. Each customer has a made-up **attitude**, a standard normal number::

    attitude = a * z(log(1 + frequency)) + b * z(log(1 + later)) + noise

where ``z`` standardises, ``a`` is `BEHAVIOUR` and ``b`` the argument ``link``. Without ``later`` purchases
the attitude is known from the history of purchases and chance only: satisfaction then cannot tell
anything about later purchases beyond behaviour. With them it can, by construction. All answers follow from
the attitude, the brands' performances and noise, as `MadeUpSurvey.truth` states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from clvml.errors import InputError
from clvml.survey._resamples import FloatArray

OURS, RIVALS, OVERALL = "our shop", ("rival A", "rival B"), "overall satisfaction"
# kind; performance of ours, rival A, rival B; weight in overall satisfaction; stated importance.
_ATTRIBUTES = {
    "selection": ("product", 4.1, 3.6, 3.3, 0.24, 0.14),
    "sound quality": ("product", 3.7, 3.7, 3.6, 0.06, 0.13),
    "delivery reliability": ("service", 3.2, 3.8, 3.4, 0.22, 0.12),
    "returns": ("service", 3.5, 3.5, 3.0, 0.05, 0.05),
    "staff": ("personnel", 3.6, 3.3, 3.4, 0.08, 0.06),
    "trusted name": ("image", 3.9, 3.5, 2.9, 0.10, 0.05),
    "price": ("money", 2.9, 3.3, 3.8, 0.10, 0.25),
    "delivery time": ("time", 3.0, 3.5, 3.1, 0.10, 0.11),
    "effort of ordering": ("energy", 3.8, 3.4, 3.5, 0.03, 0.04),
    "worry about payment": ("psychic", 3.4, 3.4, 2.8, 0.02, 0.05),
}
BEHAVIOUR = 0.3
_SHARE_RATING, _SHARE_ANSWERING, _NO_ANSWER = 0.4, 0.6, 0.04
_HALO, _NOISE, _OF_ATTITUDE, _SLOPE, _OVERALL_NOISE = 0.35, 0.75, 0.3, 2.0, 0.4
_FALL = ("staff", -0.4)  # performance of ours in the second wave less that in the first
_SATISFACTION, _RECOMMEND, _COMPLAINT = (3.75, 0.6, 0.6), (7.2, 1.6, 1.4), (-2.2, -0.9)
_OPPORTUNISTS = 0.004
_WITHOUT_DATES = pd.Timestamp("2024-12-31")


@dataclass(frozen=True, eq=False)
class MadeUpSurvey:
    """A made-up survey and its truth.

    Attributes
    ----------
    ratings : pandas.DataFrame
        ``respondent, customer_id, date, brand, attribute, kind, score, importance``, for `read_ratings` with
        ``overall="overall satisfaction"``: two in five customers rate three brands, in two waves.
    satisfaction : pandas.DataFrame
        ``customer_id, date, satisfaction`` (1 to 5) and ``recommend`` (0 to 10), one row per answer.
    complaints : pandas.DataFrame
        ``complaint, customer_id, opened, answered, resolved, topic``.
    attitude : pandas.Series
        By customer: the made-up number from which the answers follow.
    truth : dict
        ``performance`` (table of attribute by brand, before rounding to the scale), ``overall_weights`` and
        ``stated_importance`` (by attribute, shares), ``behaviour`` and ``link`` (the weights ``a`` and
        ``b``), ``satisfaction_slope`` and ``recommend_slope`` (points per unit of attitude, before rounding),
        ``complaint_slope`` (log odds per unit of attitude), ``fallen`` (the attribute of ours that fell from
        the first wave to the second, and by how much) and ``opportunists`` (customers who complain whatever
        their attitude).

    See Also
    --------
    clvml.survey.made_up_survey : Makes it.
    clvml.survey.read_ratings, clvml.survey.read_satisfaction, clvml.survey.read_complaints : Read its tables.

    Examples
    --------
    What an analysis finds can be compared with what was made up, here the attribute that fell:

    >>> import clvml
    >>> from clvml.survey import made_up_survey, performance_over_time, read_ratings
    >>> made_up = made_up_survey(clvml.summarize(clvml.load_cdnow(), "1997-09-30"))
    >>> found = performance_over_time(read_ratings(made_up.ratings, overall="overall satisfaction"))
    >>> made_up.truth["fallen"], found.index[found["verdict"] == "fallen"][0][0]
    (('staff', -0.4), 'staff')
    """

    ratings: pd.DataFrame
    satisfaction: pd.DataFrame
    complaints: pd.DataFrame
    attitude: pd.Series
    truth: dict[str, Any]


def made_up_survey(
    customers: pd.DataFrame,
    *,
    later: pd.Series | None = None,
    link: float = 0.5,
    random_state: int = 0,
) -> MadeUpSurvey:
    """Make up a survey among these customers, with known effects.

    Parameters
    ----------
    customers : pandas.DataFrame
        A customer summary with ``frequency``, indexed by customer; dates of answers are within
        ``first_purchase`` and the end of observation, where it has them.
    later : pandas.Series, optional
        Purchases of the same customers after the survey, such as in a holdout: the attitude is then linked to
        them. Not for use in a model of these purchases.
    link : float, default 0.5
        Weight of ``later`` in the attitude, from 0 to 0.9.
    random_state : int, default 0
        Seed.

    Returns
    -------
    MadeUpSurvey
        Ratings, answers and complaints, and the truth behind them.

    Raises
    ------
    InputError
        If the customers lack ``frequency``, are fewer than ten, or ``later`` lacks some of them.

    See Also
    --------
    clvml.survey.MadeUpSurvey : What it returns.
    clvml.survey.read_ratings, clvml.survey.read_satisfaction, clvml.survey.read_complaints : Read its tables.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.survey import made_up_survey
    >>> customers = pd.DataFrame({"frequency": range(50)}, index=pd.RangeIndex(50, name="customer_id"))
    >>> made_up = made_up_survey(customers)
    >>> made_up.ratings["brand"].unique().tolist(), made_up.ratings["respondent"].nunique()
    (['our shop', 'rival A', 'rival B'], 20)
    """
    if "frequency" not in customers or len(customers) < 10:
        raise InputError("a made-up survey needs at least ten customers with a column 'frequency'.")
    if not 0 <= link <= 0.9:
        raise InputError(f"link is {link!r}; it must be from 0 to 0.9.")
    rng = np.random.default_rng(random_state)
    attitude = _attitude(customers, later, link, rng)
    dates = _Dates(customers)
    opportunists = customers.index[rng.random(len(customers)) < _OPPORTUNISTS]
    return MadeUpSurvey(
        _ratings(customers.index, attitude, dates, rng),
        _satisfaction(customers, attitude, dates, rng),
        _complaints(customers.index, attitude, opportunists, dates, rng),
        attitude,
        _truth(link if later is not None else 0.0, opportunists),
    )


class _Dates:
    """Days between the first purchase and the end of observation of each customer."""

    def __init__(self, customers: pd.DataFrame) -> None:
        ends = customers.attrs.get("observation_end", _WITHOUT_DATES)
        self.end = pd.Timestamp(ends).normalize()
        year_ago = pd.Series(self.end - pd.Timedelta(days=365), index=customers.index)
        self.first = pd.to_datetime(customers.get("first_purchase", year_ago)).dt.normalize()

    def within(self, ids: pd.Index, rng: np.random.Generator) -> pd.Series:
        """A random day of each customer's time."""
        first = self.first.reindex(ids)
        days = (self.end - first).dt.days.to_numpy()
        return pd.Series(first.to_numpy() + pd.to_timedelta(rng.integers(0, days + 1), unit="D"))


def _attitude(
    customers: pd.DataFrame, later: pd.Series | None, link: float, rng: np.random.Generator
) -> pd.Series:
    known = BEHAVIOUR * _standardised(np.log1p(customers["frequency"].to_numpy(dtype=float)))
    if later is not None:
        after = later.reindex(customers.index).to_numpy(dtype=float)
        if np.isnan(after).any():
            raise InputError(f"later lacks {int(np.isnan(after).sum())} of the {len(customers)} customers.")
        known = known + link * _standardised(np.log1p(after))
    noise = rng.standard_normal(len(customers)) * np.sqrt(max(1 - known.var(), 0.05))
    return pd.Series(known + noise, index=customers.index, name="attitude")


def _standardised(values: FloatArray) -> FloatArray:
    return (values - values.mean()) / (values.std() or 1.0)


def _ratings(ids: pd.Index, attitude: pd.Series, dates: _Dates, rng: np.random.Generator) -> pd.DataFrame:
    asked = ids[np.sort(rng.permutation(len(ids))[: max(10, round(_SHARE_RATING * len(ids)))])]
    names, n = list(_ATTRIBUTES), len(asked)
    second = rng.random(n) < 0.5
    performance = _latent_performance(asked, attitude, second, rng)
    weights, means = _column(4), np.array([_column(place) for place in (1, 2, 3)])
    overall = (
        3.6 + _SLOPE * (performance - means.mean()) @ weights + _OVERALL_NOISE * rng.standard_normal((n, 3))
    )
    is_cost = np.array([kind in ("money", "time", "energy", "psychic") for kind, *_ in _ATTRIBUTES.values()])
    rated = _rounded(performance, 1, 5)
    scores = np.concatenate(
        [np.where(is_cost, 6 - rated, rated), _rounded(overall, 1, 5)[:, :, None]], axis=2
    )
    points = np.array([rng.multinomial(100, rng.dirichlet(40 * _column(5))) for _ in range(n)])
    importance = np.concatenate([points, np.full((n, 1), np.nan)], axis=1)
    index = pd.MultiIndex.from_product(
        [asked, (OURS, *RIVALS), [*names, OVERALL]], names=["customer_id", "brand", "attribute"]
    )
    table = pd.DataFrame({"score": scores.ravel()}, index=index).reset_index()
    waves = dates.end - pd.to_timedelta(np.where(second, 14, 120), unit="D")
    per_person = len(index) // n
    table.insert(0, "respondent", np.repeat(np.arange(1, n + 1), per_person))
    table.insert(2, "date", np.repeat(waves, per_person))
    kinds = {name: values[0] for name, values in _ATTRIBUTES.items()}
    table["kind"] = table["attribute"].map(kinds)
    table["importance"] = np.repeat(importance, 3, axis=0).ravel()
    table["score"] = table["score"].mask(rng.random(len(table)) < _NO_ANSWER)
    return table


def _latent_performance(
    asked: pd.Index, attitude: pd.Series, second: np.ndarray, rng: np.random.Generator
) -> FloatArray:
    """Perceived performance before rounding, of shape (respondents, brands, attributes)."""
    means = np.array([_column(place) for place in (1, 2, 3)])
    n, names = len(asked), list(_ATTRIBUTES)
    latent = means + _HALO * rng.standard_normal((n, 1, 1)) + _NOISE * rng.standard_normal((n, 3, len(names)))
    latent[:, 0] += _OF_ATTITUDE * attitude[asked].to_numpy()[:, None]
    latent[:, 0, names.index(_FALL[0])] += _FALL[1] * (second - 0.5)
    return np.asarray(latent)


def _satisfaction(
    customers: pd.DataFrame, attitude: pd.Series, dates: _Dates, rng: np.random.Generator
) -> pd.DataFrame:
    answering = customers.index[rng.random(len(customers)) < _SHARE_ANSWERING]
    answers = 1 + rng.binomial(2, 0.3, len(answering))
    ids = answering.repeat(answers)
    feeling = attitude[ids].to_numpy()
    return pd.DataFrame(
        {
            "customer_id": ids,
            "date": dates.within(ids, rng),
            "satisfaction": _rounded(_line(feeling, _SATISFACTION, rng), 1, 5).astype(int),
            "recommend": _rounded(_line(feeling, _RECOMMEND, rng), 0, 10).astype(int),
        }
    )


def _complaints(
    ids: pd.Index, attitude: pd.Series, opportunists: pd.Index, dates: _Dates, rng: np.random.Generator
) -> pd.DataFrame:
    base, slope = _COMPLAINT
    chance = 1 / (1 + np.exp(-(base + slope * attitude.to_numpy())))
    counts = np.where(rng.random(len(ids)) < chance, 1 + rng.binomial(2, 0.12, len(ids)), 0)
    counts[ids.isin(opportunists)] = rng.integers(4, 8, len(opportunists))
    who = ids.repeat(counts)
    opened = dates.within(who, rng)
    answered = opened + pd.to_timedelta(np.ceil(rng.exponential(2.0, len(who))), unit="D")
    resolved = answered + pd.to_timedelta(np.ceil(rng.exponential(6.0, len(who))), unit="D")
    never, unresolved = rng.random(len(who)) < 0.06, rng.random(len(who)) < 0.12
    table = pd.DataFrame(
        {
            "customer_id": who,
            "opened": opened,
            "answered": answered.mask(never | (answered > dates.end)),
            "resolved": resolved.mask(never | unresolved | (resolved > dates.end)),
            "topic": rng.choice(
                ["delivery", "price", "product", "payment"], len(who), p=[0.5, 0.2, 0.2, 0.1]
            ),
        }
    )
    table = table.sort_values("opened", kind="stable", ignore_index=True)
    table.insert(0, "complaint", np.arange(1, len(table) + 1))
    return table


def _line(feeling: FloatArray, numbers: tuple[float, float, float], rng: np.random.Generator) -> FloatArray:
    base, slope, noise = numbers
    return base + slope * feeling + noise * rng.standard_normal(len(feeling))


def _rounded(values: FloatArray, low: float, high: float) -> FloatArray:
    return np.asarray(np.round(values).clip(low, high))


def _column(place: int) -> FloatArray:
    return np.array([values[place] for values in _ATTRIBUTES.values()], dtype=float)


def _truth(link: float, opportunists: pd.Index) -> dict[str, Any]:
    index = pd.Index(list(_ATTRIBUTES), name="attribute")
    return {
        "performance": pd.DataFrame(
            {brand: _column(1 + place) for place, brand in enumerate((OURS, *RIVALS))}, index
        ),
        "overall_weights": pd.Series(_column(4), index),
        "stated_importance": pd.Series(_column(5), index),
        "behaviour": BEHAVIOUR,
        "link": link,
        "satisfaction_slope": _SATISFACTION[1],
        "recommend_slope": _RECOMMEND[1],
        "complaint_slope": _COMPLAINT[1],
        "fallen": _FALL,
        "opportunists": opportunists,
    }
