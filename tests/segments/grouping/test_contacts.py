"""Stages before the first purchase, their conversion, and the five-stage reading."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from clvml.errors import InputError
from clvml.segments.grouping import conversion, lifecycle_counts, read_contacts

BUYERS = pd.DataFrame(
    {"first_purchase": pd.to_datetime(["2024-01-31", "2024-03-01", "2023-12-01"])},
    index=pd.Index([1, 2, 9], name="customer_id"),
)
ROWS = pd.DataFrame(
    {
        "customer_id": [1, 2, 3, 4, 3, 9, 5],
        "first_contact": [
            *(
                "2024-01-01",
                "2024-01-10",
                "2024-02-01",
                "2024-02-10",
                "2024-03-01",
                "2024-01-15",
                "2024-09-01",
            )
        ],
        "interested": ["2024-01-05", None, "2024-02-20", None, None, None, None],
    }
)
STAGES = pd.Series(["exploration", "stability", "decline"], index=BUYERS.index)


def contacts(**changes):
    return read_contacts(ROWS.assign(**changes), BUYERS, "2024-06-30")


def test_contacts_are_potential_interested_or_customers_and_all_else_is_counted():
    found = contacts()
    assert found.table["stage"].to_dict() == {
        1: "customer", 2: "customer", 3: "interested", 4: "potential", 9: "customer",
    }  # fmt: skip
    assert found.table.loc[1, "days_to_purchase"] == 30
    assert found.notes == (
        "1 rows are further contacts of the same id: the earliest counts",
        "1 contacts are after the end of observation and are left out",
        "1 contacts bought before their first contact: not counted as converted",
    )


def test_conversion_by_hand_with_the_interval_of_wilson():
    steps = conversion(contacts())
    row = steps.loc["contact to purchase"]
    assert (row["contacts"], row["converted"], row["share"]) == (4, 2, 0.5)
    z, n, p = norm.ppf(0.975), 4, 0.5
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert row["upper"] - row["lower"] == pytest.approx(2 * half, rel=1e-6)
    assert steps.loc["interest to purchase", ["contacts", "converted"]].tolist() == [2, 1]
    assert steps.loc["purchase within 30 days", ["contacts", "converted"]].tolist() == [4, 1]
    assert steps.loc["purchase within 180 days", "contacts"] == 1  # only one contact is that old
    assert np.isnan(steps.loc["purchase within 365 days", "share"])


def test_the_lifecycle_counts_stages_before_the_first_purchase_and_has_a_five_stage_reading():
    counts = lifecycle_counts(STAGES, contacts())["customers"]
    assert counts.index.tolist()[:3] == ["potential", "interested", "exploration"]
    assert counts.sum() == 5
    five = lifecycle_counts(STAGES, contacts(), "five stages")["customers"].to_dict()
    assert five == {
        "contact": 1, "acquisition": 1, "conversion": 1, "retention": 1, "loyalty": 1, "lapsed": 0,
    }  # fmt: skip
    with pytest.raises(InputError, match="reading"):
        lifecycle_counts(STAGES, reading="seven")


def test_ids_as_text_match_whole_numbers_and_ids_without_a_customer_are_contacts():
    as_text = contacts(customer_id=["1", "2", "3", "4", "3", "9", "x"])
    assert as_text.table.loc[1, "stage"] == "customer"
    assert "1 rows of contacts without an id or a first contact are left out" in as_text.notes


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (ROWS.drop(columns="first_contact"), "no column 'first_contact'"),
        (ROWS.assign(first_contact="soon"), "no date in column 'first_contact'"),
        (ROWS.assign(first_contact="2025-01-01"), "no contact with an id and a date until 2024-06-30"),
    ],
)
def test_a_table_that_is_no_table_of_contacts_is_refused(table, sentence):
    with pytest.raises(InputError, match=sentence):
        read_contacts(table, BUYERS, "2024-06-30")
