"""A name must be true of its members: on simulated worlds and on real logs, with the share that is stated.

The claims are written here a second time, from the documentation, so that a slip in the code shows.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.segments.grouping import KMeansSegments, LifecycleStages, RFMScores
from clvml.segments.grouping._naming import ACTIVITY, DIFFERENCES, PURCHASES, VALUE

FOUND = [folder / "shared/data" for folder in Path(__file__).parents if (folder / "shared/data").is_dir()]
STATED = 0.8  # "at least four in five of the segment's customers"
OF_ALL = {"silent", "repeat buyers", "one-time buyers"}  # "true of all, unless the name says mostly"
CLAIMS = {
    "Top-value": lambda t: t["clv"].rank(ascending=False, method="max") / len(t) <= 0.1,
    "High-value": lambda t: t["clv"] > t["clv"].mean(),
    "Low-value": lambda t: t["clv"] <= t["clv"].mean() / 2,
    "Below-average": lambda t: t["clv"] < t["clv"].mean(),
    "active": lambda t: (t["probability_alive"] >= 0.5) & (t["frequency"] >= 1),
    "inactive": lambda t: t["probability_alive"] < 0.5,
    "recent": lambda t: (gaps(t) <= 3) | (silence_in_days(t) <= 7),
    "silent": lambda t: (gaps(t) > 3) & (silence_in_days(t) > 7),
    "mostly repeat buyers": lambda t: t["frequency"] >= 1,
    "mostly one-time buyers": lambda t: t["frequency"] == 0,
    "repeat buyers": lambda t: t["frequency"] >= 1,
    "one-time buyers": lambda t: t["frequency"] == 0,
    "customers": lambda t: t["frequency"] >= 0,
}
WORLDS = {  # r, alpha, a, b of BG/NBD (rates per week), weeks of observation, P(alive) by
    "CDNOW's kind": (0.24, 4.4, 0.8, 2.4, 39, "BGNBD"),
    "hardly anybody drops out": (1.0, 10.0, 0.05, 5.0, 52, "BGNBD"),
    "most drop out": (1.0, 5.0, 2.0, 1.5, 52, "BGNBD"),
    "everybody comes back": (4.0, 8.0, 0.5, 8.0, 52, "BGNBD"),
    "alike": (20.0, 60.0, 0.5, 5.0, 30, "BGNBD"),
    "rare purchases": (0.3, 30.0, 0.5, 2.0, 52, "BGNBD"),
    "two years": (0.6, 12.0, 0.6, 3.0, 104, "BGNBD"),
    "dropout after the first purchase too": (0.4, 4.0, 0.9, 2.0, 52, "MBGNBD"),
    "newcomers": (0.8, 6.0, 0.5, 3.0, 12, "MBGNBD"),
}
COLUMNS = ["customer_id", "date", "amount"]
LOGS = {
    "CDNOW": clvml.load_cdnow,
    "online retail": lambda: clvml.read_transactions(retail()),
    "coffee vending": lambda: clvml.read_transactions(coffee()),
}


def gaps(table):
    """Time since the last purchase, in typical gaps between purchases."""
    return (table["T"] - table["recency"]) / (table["recency"].sum() / table["frequency"].sum())


def silence_in_days(table):
    """All tables here count in weeks."""
    return 7 * (table["T"] - table["recency"]) * (1 + 1e-12)


def retail():
    rows = pd.read_parquet(FOUND[0] / "online_retail/online_retail.parquet").dropna(subset="CustomerID")
    rows = rows[(rows["Quantity"] > 0) & (rows["UnitPrice"] > 0)]
    rows = rows.assign(amount=rows["Quantity"] * rows["UnitPrice"])
    return rows.rename(columns={"CustomerID": "customer_id", "InvoiceDate": "date"})[COLUMNS]


def coffee():
    rows = pd.read_parquet(FOUND[0] / "coffee_vending/coffee_vending.parquet").dropna(subset="card")
    return rows.rename(columns={"card": "customer_id", "money": "amount"})[COLUMNS]


def simulated(world):
    """Customers of a BG/NBD world with Gamma spend, and values by the model that P(alive) is of."""
    r, alpha, a, b, weeks, model = WORLDS[world]
    rng = np.random.default_rng(len(world))
    n = 900
    rate, p = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    T = rng.uniform(0.3, 1.0, n) * weeks
    x, t_x = np.zeros(n), np.zeros(n)
    for i in range(n):
        alive, now = model == "BGNBD" or rng.random() > p[i], 0.0
        while alive:
            now += rng.exponential(1 / rate[i])
            if now > T[i]:
                break
            x[i], t_x[i] = x[i] + 1, now
            alive = rng.random() > p[i]
    spend = np.where(x > 0, rng.gamma(6, 5 / rng.gamma(4, 0.25, n)), 0.0)
    table = pd.DataFrame({"frequency": x, "recency": t_x, "T": T, "monetary_value": spend})
    purchases = getattr(clvml, model).from_params(r=r, alpha=alpha, a=a, b=b)
    expected = purchases.expected_purchases(table, weeks)
    worth = expected * np.where(spend > 0, spend, spend.mean())
    table = table.assign(clv=worth, probability_alive=purchases.probability_alive(table))
    table.attrs["time_unit"] = "W"
    return table.assign(total_spend=spend * (x + 1))


def logged(name):
    """The customers of a real log, with values of BG/NBD (weakly regularised) and mean spend."""
    customers = clvml.summarize(LOGS[name](), time_unit="W")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clvml.FitWarning)  # online retail hardly identifies dropout
        purchases = clvml.BGNBD(prior="weak").fit(customers)
    spend = customers["monetary_value"].where(
        customers["frequency"] > 0, customers["total_spend"].mean() / (1 + customers["frequency"].mean())
    )
    return customers.assign(
        clv=purchases.expected_purchases(customers, 52) * spend,
        probability_alive=purchases.probability_alive(customers),
        monetary_value=customers["monetary_value"].fillna(0.0),
    )


@pytest.fixture(scope="module", params=[*WORLDS, *LOGS])
def table(request):
    name = request.param
    if name in ("online retail", "coffee vending") and not FOUND:
        pytest.skip("../shared/data is not here")
    return simulated(name) if name in WORLDS else logged(name)


def claims_of(name):
    """The claims that a name is made of; no word may be left over."""
    left, found = name.split(", ")[0], []
    for claim in CLAIMS:
        pattern = rf"(?i)(?<![\w-]){claim}(?![\w-])"
        if re.search(pattern, left):
            found.append(claim)
            left = re.sub(pattern, "", left)
    assert left.strip() == "", f"{name!r} says something else: {left!r}"
    return found


@pytest.mark.parametrize("n_segments", ["auto", 2, 5, 8])
def test_each_claim_in_a_name_holds_for_four_in_five_members(table, n_segments):
    model = KMeansSegments(n_segments).fit(table)
    segments = model.predict(table)
    for number, name in enumerate(model.names_, start=1):
        for claim in claims_of(name):
            share = CLAIMS[claim](table)[segments == number].mean()
            assert share >= (1 if claim in OF_ALL else STATED), f"{claim!r} holds for {share:.0%} of {name!r}"
    assert len(set(model.names_)) == len(model.names_)
    check_differences(model, table)


def check_differences(model, table):
    """More and fewer purchases compare segments that have the same name before these words."""
    means = model.transform(table).groupby(model.predict(table).to_numpy()).mean()
    parts = {number: name.split(", ") for number, name in enumerate(model.names_, start=1)}
    for feature, (more, less) in DIFFERENCES.items():
        for one, words in parts.items():
            place = words.index(more) if more in words else None
            others = [n for n, w in parts.items() if place and w[: place + 1] == [*words[:place], less]]
            assert all(means.loc[one, feature] > means.loc[other, feature] for other in others)


def test_a_name_claims_as_much_as_is_true(table):
    """Silence would be true of everybody: where a claim of a group holds, one of that group is made."""
    model = KMeansSegments(5).fit(table)
    segments = model.predict(table)
    for number, name in enumerate(model.names_, start=1):
        claimed = set(claims_of(name))
        for group in (VALUE, ACTIVITY, PURCHASES):
            held = {claim: CLAIMS[claim](table)[segments == number].mean() for claim in group}
            true = {claim for claim in group if held[claim] >= (1 if claim in OF_ALL else STATED)}
            assert bool(true) == bool(claimed & {*group}), name
            assert claimed & {*group} <= true


def test_no_segment_is_called_as_a_group_of_rfm_which_holds_other_customers(table):
    rfm = RFMScores().fit(table)
    assert not {*KMeansSegments("auto").fit(table).names_} & {*rfm.names_}


def test_champions_of_rfm_are_few_who_came_lately_and_often(table):
    rfm = RFMScores().fit(table)
    members = rfm.segment_names(table) == "Champions"
    assert members.mean() <= 0.2
    if members.any():
        rest = table[~members]
        assert table[members]["frequency"].median() >= rest["frequency"].median()
        assert gaps(table)[members].median() <= gaps(table)[~members].median()


def test_nobody_is_called_lapsed_whom_the_model_takes_as_alive(table):
    found = LifecycleStages().fit(table).evidence(table)
    lapsed, absent = found["stage"] == "lapsed", silence_in_days(table) > 7
    assert (found.loc[lapsed, "probability_alive"] < 0.2).all()
    assert absent[lapsed].all()
    assert (found.loc[(found["probability_alive"] < 0.2) & absent, "stage"] == "lapsed").all()
    stable = found["stage"].isin(["build-up", "stability"])
    assert (found.loc[stable, "probability_alive"] >= 0.5).all()
    assert (found.loc[found["reason"] == "bought once, long silent", "silence_in_gaps"] > 3).all()


def test_profiles_and_cards_give_the_time_since_the_last_purchase(table):
    """Who reads "recency 65" takes it for the time since the last purchase, and takes the best for lost."""
    model = KMeansSegments(3).fit(table)
    segments = model.predict(table)
    assert "recency" not in model.profile_
    expected = (table["T"] - table["recency"]).groupby(segments).median()
    np.testing.assert_allclose(model.profile_["time_since_last_purchase"], expected)
