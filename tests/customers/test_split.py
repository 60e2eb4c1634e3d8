"""CDNOW divides as the literature divides it; a bad division is refused."""

import importlib.util
import logging
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import clvml.customers._datasets
from clvml.customers._datasets import load_cdnow
from clvml.customers._split import purchases_over_time, split
from clvml.customers._summary import summarize
from clvml.customers._transactions import TransactionPolicy, read_transactions
from clvml.errors import InputError

ENDS = ("1997-09-30", "1998-06-30")


@pytest.fixture(scope="module")
def transactions():
    return load_cdnow()


@pytest.fixture(scope="module")
def cdnow(transactions):
    return split(transactions, *ENDS)


def test_cdnow_has_the_published_counts(transactions, cdnow):
    customers = cdnow.calibration
    assert len(transactions) == 6_919
    assert len(customers) == 2_357
    assert customers.index.tolist() == list(range(1, 2_358))
    assert customers["frequency"].sum() == 2_457
    assert (customers["frequency"] > 0).sum() == 946
    assert len(customers[["frequency", "recency", "T"]].drop_duplicates()) == 1_016
    bins = customers["frequency"].clip(upper=7).value_counts().sort_index()
    assert bins.tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    actual = cdnow.holdout["purchases"].groupby(customers["frequency"].clip(upper=7)).mean()
    assert actual.round(4).tolist() == [0.2367, 0.6970, 1.3925, 1.56, 2.5323, 2.9474, 3.8621, 6.3594]


def test_cdnows_holdout_is_the_published_one(cdnow):
    assert cdnow.duration == 39.0
    assert cdnow.holdout["purchases"].sum() == 1_882
    assert cdnow.holdout["spend"].sum() == pytest.approx(70_976.39, abs=1e-6)
    assert (cdnow.holdout["duration"] == 39.0).all()
    assert cdnow.holdout.index.equals(cdnow.calibration.index)
    assert "39 weeks" in repr(cdnow)
    assert "70,976.39" in cdnow._repr_html_()


def test_customer_1516_has_the_published_history(cdnow):
    assert cdnow.calibration.loc[1516, ["frequency", "recency", "T"]].tolist() == [26, 216 / 7, 31]


def test_cdnows_free_discs_and_double_rows_are_kept_and_counted(transactions):
    everyone = summarize(transactions)
    assert (everyone["total_spend"] == 0).sum() == 8
    noted = transactions.report.loc[["duplicates", "zero_amount"], ["policy", "rows", "set_aside"]]
    assert noted.to_numpy().tolist() == [["keep", 21, 0], ["keep", 8, 0]]


def test_the_master_file_has_all_customers_and_rows():
    transactions = load_cdnow("master")
    assert len(transactions) == 69_659
    assert len(summarize(transactions)) == 23_570


def test_cumulative_repeat_purchases_are_those_of_the_papers_figure(transactions, cdnow):
    tracked = purchases_over_time(transactions, cdnow).set_index("period")["actual"]
    assert tracked.loc[20:25].tolist() == [1359, 1414, 1484, 1517, 1573, 1672]
    assert tracked.index.tolist() == list(np.arange(1.0, 79.0))
    assert tracked.loc[39.0] == 2_457
    assert tracked.loc[78.0] == 2_457 + 1_882


@pytest.mark.parametrize(("unit", "periods"), [("D", 546), ("M", 18), ("Y", 2)])
def test_tracking_ends_with_all_purchases_in_any_unit(transactions, unit, periods):
    division = split(transactions, *ENDS, time_unit=unit)
    table = purchases_over_time(transactions, division)
    assert len(table) == periods
    assert table["actual"].iloc[-1] == 2_457 + 1_882
    assert table.attrs["time_unit"] == unit
    assert table.attrs["calibration_end"] == pytest.approx(273 / 546 * table["period"].iloc[-1])


def test_collapsing_by_week_is_what_gives_the_published_weekly_parameters(transactions):
    # numbers.md: .291, 6.852, .665, 2.320 by week; those need the whole week of the end and whole weeks of T.
    weekly = split(transactions, *ENDS, collapse="W")
    customers = weekly.calibration
    assert ((customers[["recency", "T"]] % 1) == 0).all(axis=None)
    log_likelihood = _bgnbd(customers, 0.290936, 6.852094, 0.665249, 2.320324)
    for nudge in np.eye(4) * 0.01:
        nudged = np.array([0.290936, 6.852094, 0.665249, 2.320324]) * (1 + nudge)
        assert _bgnbd(customers, *nudged) < log_likelihood
        assert _bgnbd(customers, *(nudged * (1 - 2 * nudge))) < log_likelihood
    # The data end on a Tuesday: what is left of that week has not been seen.
    assert (weekly.duration, weekly.observation_end) == (38.0, pd.Timestamp("1998-06-28"))


def _bgnbd(customers, r, alpha, a, b):
    """The log-likelihood of Fader, Hardie and Lee 2005, written out once more, on its own."""
    from scipy.special import betaln, gammaln

    x, t_x, T = (customers[name].to_numpy() for name in ("frequency", "recency", "T"))
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    gone = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    return (common + np.where(x > 0, np.logaddexp(alive, gone), alive)).sum()


def test_each_purchase_of_a_customer_is_in_calibration_or_holdout(transactions, cdnow):
    whole = summarize(transactions, ENDS[1])
    pieces = cdnow.calibration["frequency"] + cdnow.holdout["purchases"]
    pd.testing.assert_series_equal(whole["frequency"], pieces, check_names=False)
    spend = cdnow.calibration["total_spend"] + cdnow.holdout["spend"]
    np.testing.assert_allclose(whole["total_spend"], spend)


def test_the_holdout_cannot_be_seen_from_the_calibration(transactions, cdnow):
    known = transactions.to_pandas().query("date <= '1997-09-30'")
    pd.testing.assert_frame_equal(summarize(known, "1997-09-30"), cdnow.calibration)


def test_who_and_what_is_left_out_is_counted():
    sales = pd.DataFrame(
        [(1, "1997-01-01", 5), (1, "1997-01-20", 5), (1, "1997-03-01", 5), (2, "1997-01-20", 5),
         (3, "1997-01-02", 5), (3, "1997-01-02", -5), (4, "1997-03-01", 5)],
        columns=["customer_id", "date", "amount"],
    )  # fmt: skip
    netted = read_transactions(sales, policy=TransactionPolicy(returns="net"))
    division = split(netted, "1997-01-10", "1997-01-31")
    assert division.counts == {
        "customers": 1,
        "customers_acquired_in_holdout": 1,
        "customers_without_purchase": 2,
        "purchases_fully_returned": 1,
        "rows_after_observation_end": 2,
    }
    assert division.holdout.loc[1, "purchases"] == 1
    assert purchases_over_time(netted, division)["actual"].iloc[-1] == 1


def test_a_purchase_on_the_last_afternoon_is_inside():
    sales = pd.DataFrame(
        {"customer_id": 1, "date": ["1997-01-01", "1997-01-10 17:00", "1997-01-20 17:00"], "amount": 1.0}
    )
    for collapse in ("D", None):
        division = split(sales, "1997-01-10", "1997-01-20", time_unit="D", collapse=collapse)
        assert division.calibration.loc[1, "frequency"] == 1
        assert division.holdout.loc[1, ["purchases", "duration"]].tolist() == [1, 10]


def test_a_division_that_cannot_be_is_refused(transactions):
    cases = [
        (("1998-06-30", "1998-06-30"), "the holdout period is empty"),
        (("1998-06-30", "1997-09-30"), "the holdout period is empty"),
        (("1996-12-31", "1998-06-30"), "before the first purchase"),
        (("soon", "1998-06-30"), "calibration_end is 'soon'"),
        (("1997-09-30", "later"), "observation_end is 'later'"),
    ]
    for ends, said in cases:
        with pytest.raises(InputError, match=said):
            split(transactions, *ends)
    with pytest.raises(InputError, match="at least one period before"):
        split(transactions, "1997-09-02", "1997-09-30", collapse="M")


def test_a_holdout_that_is_not_fully_observed_is_said(transactions, caplog):
    with caplog.at_level(logging.WARNING, "clvml"):
        split(transactions, "1997-09-30", collapse=None)
        assert not caplog.records
        split(transactions, "1997-09-30", "1998-07-31")
    assert "the data end on 1998-06-30, before observation_end 1998-07-31" in caplog.text


def test_cdnow_is_read_without_importing_lifetimes():
    code = (
        "import sys; from clvml.customers._datasets import load_cdnow; load_cdnow();"
        "print(sorted({'lifetimes', 'mlflow', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_cdnow_says_what_is_missing(monkeypatch):
    with pytest.raises(InputError, match="must be 'sample' or 'master'"):
        load_cdnow("tenth")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install lifetimes"):
        clvml.customers._datasets.load_cdnow()


def test_nobody_has_been_observed_until_a_day_in_the_future():
    with pytest.raises(InputError, match="observation_end 2999-01-01 is in the future"):
        split(load_cdnow(), "1997-09-30", "2999-01-01")


def rows_of(transactions):
    return transactions.to_pandas()[["customer_id", "date", "amount"]]


def sum_of(split):
    """What a split holds, as plain numbers."""
    frames = [split.calibration, split.holdout]
    return [frame.to_csv(float_format="%.17g") for frame in frames] + [split.counts, split.money.to_dict()]


def test_the_earlier_split_is_the_split_at_the_earlier_end(transactions, cdnow):
    earlier = cdnow.earlier("13W")
    directly = split(transactions, "1997-07-01", "1997-09-30")
    assert earlier.calibration_end == pd.Timestamp("1997-07-01")
    assert earlier.observation_end == cdnow.calibration_end
    assert (earlier.duration, earlier.time_unit, earlier.collapse) == (13.0, "W", "D")
    pd.testing.assert_frame_equal(earlier.calibration, directly.calibration)
    pd.testing.assert_frame_equal(earlier.holdout, directly.holdout)


@pytest.mark.parametrize("changed", ["dropped", "doubled", "moved", "other customers"])
@pytest.mark.parametrize("returns", ["keep", "net"])
def test_nothing_of_the_holdout_is_seen_by_the_earlier_split(transactions, changed, returns):
    rows = rows_of(transactions)
    rows.loc[rows.sample(200, random_state=1).index, "amount"] *= -1
    late = rows["date"] > "1997-09-30"
    other = {
        "dropped": rows[~late],
        "doubled": rows.assign(amount=rows["amount"].where(~late, -2 * rows["amount"])),
        "moved": rows.assign(date=rows["date"].where(~late, pd.Timestamp("1997-10-01"))),
        "other customers": rows.assign(customer_id=rows["customer_id"].where(~late, 99_999)),
    }[changed]
    found = []
    for frame in (rows, other):
        one_more = pd.DataFrame({"customer_id": 1, "date": pd.Timestamp("1998-06-30"), "amount": [1.0]})
        read = read_transactions(pd.concat([frame, one_more]), policy=TransactionPolicy(returns=returns))
        found.append(sum_of(split(read, *ENDS).earlier(10)))
    assert found[0] == found[1]


def test_rows_up_to_the_calibration_end_do_matter_to_the_earlier_split(transactions, cdnow):
    rows = rows_of(transactions)
    inside = (rows["date"] > "1997-07-01") & (rows["date"] <= "1997-09-30")
    other = split(rows.assign(amount=rows["amount"].where(~inside, 2 * rows["amount"])), *ENDS).earlier(13)
    assert other.holdout["spend"].sum() == pytest.approx(2 * cdnow.earlier(13).holdout["spend"].sum())


def test_an_earlier_split_without_customers_before_is_none_and_says_why(cdnow, caplog):
    caplog.set_level(logging.INFO, logger="clvml")
    assert cdnow.earlier("39W") is None
    assert "no earlier split: no customer was acquired by 1996-12-31" in caplog.text


def test_the_earlier_holdout_is_as_long_or_half_of_a_short_history(transactions, cdnow):
    longer = split(transactions, "1997-12-31", "1998-06-30")
    assert longer.earlier().duration == longer.duration
    assert cdnow.earlier().duration == pytest.approx(cdnow.calibration["T"].max() / 2, abs=1 / 7)


def test_an_earlier_split_without_purchases_to_learn_from_is_none_and_says_why(caplog):
    caplog.set_level(logging.INFO, logger="clvml")
    days = ["2020-01-05", "2020-03-07", "2020-12-09", "2021-06-11"]
    rows = pd.DataFrame({"customer_id": "a", "date": days, "amount": 1.0})
    assert split(rows, "2021-01-31", "2021-06-11").earlier("1M") is None
    assert "no customer bought again after 2021-01-01" in caplog.text
    assert split(rows, "2020-03-31", "2021-06-11").earlier("2M") is None
    assert "no customer bought again by 2020-01-30" in caplog.text


def test_earlier_splits_nest_back_to_the_first_customers(cdnow):
    twice = cdnow.earlier(10).earlier(10)
    assert twice.observation_end == cdnow.earlier(10).calibration_end
    assert twice.calibration_end == pd.Timestamp("1997-05-13")


@pytest.mark.parametrize("collapse", ["W", "M", None])
def test_the_earlier_holdout_begins_at_a_whole_period(transactions, collapse):
    parts = split(transactions, *ENDS, collapse=collapse)
    earlier = parts.earlier(13)
    directly = split(transactions, earlier.calibration_end, parts.calibration_end, collapse=collapse)
    assert abs(earlier.duration - 13) < {"W": 0.5, "M": 2.2, None: 1e-9}[collapse]
    pd.testing.assert_frame_equal(earlier.calibration, directly.calibration)
    assert earlier.holdout["purchases"].sum() == directly.holdout["purchases"].sum()


def test_a_pickled_split_keeps_its_data_and_has_no_earlier_one(cdnow, caplog):
    copied = pickle.loads(pickle.dumps(cdnow))
    pd.testing.assert_frame_equal(copied.calibration, cdnow.calibration)
    caplog.set_level(logging.INFO, logger="clvml")
    assert copied.earlier(13) is None
    assert "does not hold its transactions" in caplog.text
