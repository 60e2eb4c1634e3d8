"""Measured volume and profit by stage and age, against sums by hand."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml import plots
from clvml.errors import InputError
from clvml.segments.grouping import volume_by_age, volume_by_stage


@pytest.fixture(scope="module")
def sales():
    rows = [
        *(("a", day, 10.0) for day in ("2024-01-01", "2024-01-08", "2024-01-20", "2024-01-27")),
        *(("b", day, 5.0) for day in ("2024-01-01", "2024-01-02")),
        ("c", "2024-01-26", 100.0),
    ]
    return pd.DataFrame(rows, columns=["customer_id", "date", "amount"])


@pytest.fixture(scope="module")
def customers(sales):
    return clvml.summarize(sales, "2024-01-28", "D")


STAGES = pd.Series({"a": "stability", "b": "lapsed", "c": "exploration"})


def test_the_last_week_by_stage(sales, customers):
    found = volume_by_stage(sales, customers, STAGES, "W", margin=0.5)
    assert found.loc["stability", ["customers", "purchases", "spend", "profit"]].tolist() == [1, 1, 10, 5]
    assert found.loc["lapsed", ["customers", "purchases", "profit"]].tolist() == [1, 0, 0]
    assert found.loc["exploration", "customers"] == 0  # acquired within the week
    assert np.isnan(found.loc["exploration", "profit"])


def test_weeks_since_the_first_purchase(sales, customers):
    found = volume_by_age(sales, customers, STAGES, "W", fewest=1)
    a = found[found["stage"] == "stability"].set_index("age")
    assert a["purchases"].tolist() == [1, 1, 1]  # days 0, 7, 19; the fourth week is not complete
    b = found[found["stage"] == "lapsed"].set_index("age")
    assert b["spend"].tolist() == [10, 0, 0]


def test_on_cdnow_the_sum_over_ages_is_what_complete_periods_had():
    cdnow = clvml.load_cdnow()
    customers = clvml.summarize(cdnow)
    stages = pd.Series("stability", customers.index)
    found = volume_by_age(cdnow, customers, stages, "M", fewest=1)
    first = found[found["age"] == 0].iloc[0]
    assert first["customers"] == len(customers)
    early = (customers["first_purchase"] + pd.Timedelta(days=30.4375)).rename("until")
    rows = cdnow.to_pandas().join(early, on="customer_id")
    daily = rows[rows["date"] < rows["until"]].groupby(["customer_id", "date"])["amount"].sum()
    assert first["purchases"] * len(customers) == len(daily)
    assert first["spend"] * len(customers) == pytest.approx(daily.sum())


def test_figures_show_what_was_measured(sales, customers):
    ax = plots.lifecycle_volume(volume_by_stage(sales, customers, STAGES, "W"))
    assert "10" in " ".join(text.get_text() for text in ax.texts)
    assert "no customers" in " ".join(text.get_text() for text in ax.texts)
    lines = plots.volume_by_age(volume_by_age(sales, customers, STAGES, "W", fewest=1)).lines
    assert len(lines) == 2
    with pytest.raises(InputError, match="empty"):
        plots.volume_by_age(volume_by_age(sales, customers, STAGES, "W").iloc[:0])


def test_what_cannot_be_measured_is_named(sales, customers):
    with pytest.raises(InputError, match="margin"):
        volume_by_stage(sales, customers, STAGES, margin=0.0)
