"""Made-up logs with dirt, with what each row means, and comparisons of clvml's tables with naive ones."""

from decimal import Decimal

import naive_purchases as naive
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

import clvml
from clvml.errors import InputError

START = pd.Timestamp("2023-12-03")  # no first day of a week, month, quarter or year
FAR = pd.Timestamp("2999-01-01")

# Cells of a text file, and what they mean.
TEXT_IDS = dict.fromkeys(["a", "A", "José", "00017", "17", "17.0", "NA"]) | {" a ": "a"}
TEXT_IDS = {cell: meaning or cell for cell, meaning in TEXT_IDS.items()}
NO_IDS = ["", "  ", "nan", "NULL", "n/a", "NaN"]
WHOLE_IDS = {"17": 17, "17.0": 17, " 17": 17, "3": 3, "-4": -4}
FORMS = [
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y-%m-%dT%H:%M:%S-05:00",
]
BAD_DATES = ["", "soon", "2024-02-30", "31.1.2024", "97-01-31", "2024-13-01"]
PAID = ["12.5", " 7.25 ", "0", "0.00", "19.99", "0.1", "0.2", "30"]
AMOUNTS = {cell: Decimal(cell) for cell in [*PAID, "-19.99", "-5", "-0.3", "-12.5", "-30", "-0"]}
AMOUNTS |= {
    "(12.50)": Decimal("-12.5"),
    "$10": Decimal(10),
    "1,234.50": Decimal("1234.5"),
    "7.25-": Decimal("-7.25"),
}
BAD_AMOUNTS = ["", "n/a", "inf", "1e16", "12 pcs"]
FINE = {cell: Decimal(cell) for cell in ["0.3333", "-0.3333", "1234567.891", "-1234567.891"]}  # no cents


def some(cells, bad):
    """Cells with their meanings, one in ten of them bad."""
    fine = st.sampled_from(list(cells.items()))
    return st.integers(0, 9).flatmap(
        lambda n: st.sampled_from(bad).map(lambda cell: (cell, None)) if n == 0 else fine
    )


@st.composite
def dates(draw):
    """A cell with a date, and the moment that it means: days close together, so that many share a period."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from([*((cell, pd.NaT) for cell in BAD_DATES), ("2999-01-01", FAR)]))
    moment = START + pd.Timedelta(hours=draw(st.integers(0, 60)) * draw(st.sampled_from([1, 12, 60])))
    form = draw(st.sampled_from(FORMS))
    return f"{moment:{form}}", moment if "%H" in form else moment.normalize()


@st.composite
def logs(draw, ids, amounts):
    """Texts of a log of at least two clean rows, and what each row means; few customers with many rows."""
    known = ("5", 5) if ids is WHOLE_IDS else ("z", "z")
    clean = [
        (known, ("2023-12-03 09:00:00", START + pd.Timedelta(hours=9)), ("7.75", Decimal("7.75"))),
        (known, ("2024-05-19", pd.Timestamp("2024-05-19")), ("3", Decimal(3))),
    ]
    chosen = dict(draw(st.lists(st.sampled_from(list(ids.items())), min_size=1, max_size=3)))
    row = st.tuples(some(dict([known]) | chosen, NO_IDS), dates(), some(amounts, BAD_AMOUNTS))
    size = draw(st.integers(0, 40))
    rows = draw(st.lists(row, min_size=size, max_size=size))
    again = draw(st.lists(st.sampled_from(rows), max_size=6)) if rows else []
    return as_log(draw(st.permutations(clean + rows + again)))


def as_log(rows):
    source = pd.DataFrame(
        [[cell for cell, _ in row] for row in rows], columns=["customer_id", "date", "amount"]
    )
    who, when, paid = zip(*([meaning for _, meaning in row] for row in rows), strict=True)
    meaning = pd.DataFrame(
        {
            "customer": pd.Series(who, dtype=object),
            "date": pd.Series(when, dtype="datetime64[us]"),
            "amount": pd.Series(paid, dtype=object),
            "is_return": [each is not None and each < 0 for each in paid],
            "cells": [tuple(row) for row in source.to_numpy()],
        }
    )
    return source, meaning


def assert_same(found, expected):
    """Counts and times equal, money to 1e-12."""
    assert list(found.index) == list(expected.index)
    for name in found:
        if name in ("monetary_value", "total_spend", "spend"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=1e-12)
        else:
            assert found[name].tolist() == expected[name].tolist(), name


def check_report(transactions, log):
    report = transactions.report
    assert report["rows"].loc[[*naive.RULES]].to_dict() == log.rows
    assert report["set_aside"].loc[[*naive.RULES]].to_dict() == log.set_aside
    assert len(transactions) == len(log.used)


def check_summary(transactions, log, time_unit, collapse):
    end = log.end(collapse)
    expected = log.table(end, end, time_unit, collapse).customers
    if expected.empty:
        with pytest.raises(InputError, match="no customer purchased"):
            clvml.summarize(transactions, time_unit=time_unit, collapse=collapse)
        return
    found = clvml.summarize(transactions, time_unit=time_unit, collapse=collapse)
    assert_same(found, expected.drop(columns=["purchases", "spend"]))


def check_split(transactions, log, ends, time_unit, collapse):
    calibration, observation = naive.end_of(ends[0], collapse), log.end(collapse, ends[1])
    expected = log.table(calibration, observation, time_unit, collapse)
    if calibration[0] >= observation[0] or expected.customers.empty:
        with pytest.raises(InputError, match=r"holdout period is empty|no customer purchased"):
            clvml.split(transactions, *ends, time_unit, collapse)
        return
    split = clvml.split(transactions, *ends, time_unit, collapse)
    assert_same(split.calibration.join(split.holdout[["purchases", "spend"]]), expected.customers)
    assert split.counts == {name: expected.counts.get(name, 0) for name in split.counts}
    for name, money in split.money.items():
        assert money == pytest.approx(expected.money.get(name, 0.0), rel=1e-12, abs=1e-9), name
    assert split.money.sum() == pytest.approx(float(sum(log.used["amount"])), rel=1e-12, abs=1e-9)


def check(transactions, log, days, time_unit, collapse):
    check_report(transactions, log)
    check_summary(transactions, log, time_unit, collapse)
    ends = START + pd.Timedelta(days=days[0]), START + pd.Timedelta(days=sum(days))
    check_split(transactions, log, ends, time_unit, collapse)
