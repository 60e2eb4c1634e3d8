"""Who was in which group: read, checked, and joined to purchases after the start."""

import pandas as pd
import pytest

from clvml.customers import read_transactions
from clvml.errors import InputError
from clvml.treatments import add_outcomes, read_responses


def rows(**columns):
    table = pd.DataFrame({"customer_id": [1, 2, 3, 4], "treatment": ["control", "gift"] * 2})
    return table.assign(**columns)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (rows(treatment="gift"), {}, "no customer is in the control 'control'; groups: 'gift'"),
        (rows(treatment="control"), {}, "no treatment to measure"),
        (rows(treatment=["control", "gift", "gift", "gift"]), {}, "the control 'control' has 1 customer:"),
        (rows(treatment=["control", "control", "gift", "call"]), {}, "treatment 'call' has 1 customer:"),
        (
            rows(customer_id=[1, 1, 3, 4]),
            {},
            "1 customers of .* in two groups, such as 1: .* must not overlap",
        ),
        (rows(customer_id=[1, 2, 1, 4]), {}, "1 customers of .* have several rows, such as 1"),
        (rows(currency=["EUR", "USD", "EUR", "EUR"]), {}, "several currencies, EUR, USD"),
        (rows(kind=[None, "gold", None, "gold"]), {}, "kind of treatment 'gift' is 'gold'"),
        (rows(kind=[None, "social", None, "financial"]), {}, "'gift' has several kinds"),
        (rows(), {"kinds": {"call": "social"}}, "kinds name 'call'"),
        (rows(), {"costs": {"call": 2.0}}, "costs name 'call'"),
        (rows(cost=[0, -1, 0, 1]), {}, "negative"),
        (rows(cost=[0, None, 0, 1]), {}, "1 treated customers have no cost"),
        (rows(money=[1.0, None, 2.0, 3.0]), {}, "1 customers have no money: write 0"),
        (rows(purchases=[1, -1, 2, 3]), {}, "a negative number of purchases"),
        (rows(money=["1", "2", "much", "3"]), {}, "1 cells of column 'money' .* 'much'"),
        (rows().rename(columns={"treatment": "arm"}), {}, "no column 'treatment'"),
    ],
)
def test_a_table_that_cannot_be_measured_is_refused(table, options, message):
    with pytest.raises(InputError, match=message):
        read_responses(table, **options)


def test_a_file_with_decimal_commas_and_german_dates_is_read(tmp_path):
    (tmp_path / "r.csv").write_text(
        "customer_id;treatment;cost;assigned\n00017;control;0;31.12.2024\n00018;gift;1,50;31.12.2024\n"
        "00019;control;;31.12.2024\n00020;gift;1,50;31.12.2024\n;gift;1,50;31.12.2024\n"
    )
    found = read_responses(tmp_path / "r.csv", date_format="%d.%m.%Y")
    assert found.table.index.tolist() == ["00017", "00018", "00019", "00020"]
    assert found.table["cost"].tolist() == [0, 1.5, 0, 1.5]
    assert found.table["assigned"].unique().tolist() == [pd.Timestamp("2024-12-31")]
    assert "1 rows" in found.notes[0]


def test_columns_may_have_other_names():
    """As in a well-known file of e-mail tests, in which the column segment is the treatment."""
    table = pd.DataFrame(
        {
            "id": range(6),
            "segment": ["No E-Mail", "Mens E-Mail"] * 3,
            "history": "1) $0",
            "visit": 1,
            "spend": 2.5,
        }
    )
    found = read_responses(
        table, control="No E-Mail", customer="id", treatment="segment", segment="history", money="spend",
        purchases="visit",
    )  # fmt: skip
    assert found.treatments == ["Mens E-Mail"]
    assert found.table.iloc[0][["segment", "money", "purchases"]].tolist() == ["1) $0", 2.5, 1.0]
    alone = read_responses(table, control="No E-Mail", customer="id", treatment="segment")
    assert set(alone.table["segment"]) == {"(all)"}


def test_the_file_that_assign_writes_is_read_by_its_columns():
    drawn = rows().rename(columns={"treatment": "group"}).assign(segment="a")
    assert read_responses(drawn).table["segment"].tolist() == ["a"] * 4
    assert read_responses(drawn, treatment="group").treatments == ["gift"]


def sales(dates=("2025-01-01",) * 4, more=()):
    table = pd.DataFrame({"customer_id": [1, 2, 3, 4], "date": dates, "amount": [5.0, 7.0, 2.0, 3.0]})
    return pd.concat(
        [table, pd.DataFrame(more, columns=["customer_id", "date", "amount"])], ignore_index=True
    )


AFTER = [(2, "2025-02-01", 10.0), (2, "2025-02-01", 1.0), (2, "2025-03-05", 4.0), (1, "2025-01-31", 99.0)]


def test_outcomes_are_purchases_from_the_start_to_the_end_both_days_included():
    found = add_outcomes(read_responses(rows()), sales(more=AFTER), "2025-02-01").table
    # Two lines on one day are one purchase; that of the day before the start does not count.
    assert found["purchases"].to_dict() == {1: 0, 2: 2, 3: 0, 4: 0}
    assert found["money"].to_dict() == {1: 0, 2: 15, 3: 0, 4: 0}
    until = add_outcomes(read_responses(rows()), sales(more=AFTER), "2025-02-01", "2025-03-04").table
    assert until["money"].loc[2] == 11


def test_the_start_is_the_day_after_the_last_assignment():
    responses = read_responses(rows(assigned=pd.to_datetime(["2025-01-20", "2025-01-31"] * 2)))
    assert add_outcomes(responses, sales(more=AFTER)).table["money"].loc[1] == 0
    with pytest.raises(
        InputError, match=r"2 customers were assigned after the start on 2025-01-25, such as 2"
    ):
        add_outcomes(responses, sales(more=AFTER), "2025-01-25")


def test_ids_without_a_purchase_before_the_start_are_counted_and_left_out():
    more = pd.DataFrame({"customer_id": [5, 6, 7], "treatment": ["gift", "gift", "control"]})
    responses = read_responses(pd.concat([rows(), more]))
    found = add_outcomes(responses, sales(more=[*AFTER, (5, "2025-02-10", 50.0)]), "2025-02-01")
    assert sorted(found.table.index) == [1, 2, 3, 4]
    assert found.notes == (
        "2 of 7 customers of the test are not among the customers of the purchases and 1 of 7 customers of"
        " the test first bought on or after 2025-02-01: left out",
    )


def test_ids_are_matched_whatever_their_type():
    as_text = read_responses(rows(customer_id=["1", "2", "3", "4"]))
    assert add_outcomes(as_text, sales(more=AFTER), "2025-02-01").table["money"].sum() == 15


def test_transactions_without_amounts_have_purchases_only():
    bought = read_transactions(sales(more=AFTER).drop(columns="amount"), purchases_only=True)
    assert add_outcomes(read_responses(rows()), bought, "2025-02-01").outcomes == ["purchases"]


@pytest.mark.parametrize(
    ("responses", "options", "message"),
    [
        (rows(), {}, "the start of the test is unknown"),
        (rows(), {"start": "2026-01-01"}, "starts on 2026-01-01, but purchases are known from 2025-01-01"),
        (rows(), {"start": "2024-01-01"}, "starts on 2024-01-01"),
        (rows(), {"start": "2025-02-03", "collapse": "M"}, "middle of a period .* take 2025-03-01"),
        (
            rows(customer_id=[91, 92, 93, 94]),
            {"start": "2025-02-01"},
            "none of the 4 customers .* such as 91",
        ),
        (rows(customer_id=[91, 2, 3, 4]), {"start": "2025-02-01"}, "the control 'control' has 1 customer"),
    ],
)
def test_outcomes_that_cannot_be_are_refused(responses, options, message):
    with pytest.raises(InputError, match=message):
        add_outcomes(read_responses(responses), sales(more=AFTER), **options)
