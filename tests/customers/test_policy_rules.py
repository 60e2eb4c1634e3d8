"""The rules that rows are judged by, in SQL, and the short cut for rows that violate none."""

from itertools import product

import duckdb

from clvml.customers._policy import RULES, VIOLATES_NONE

# A row without a date is not known to be in the future, nor one without an amount to be a return.
DATES = (("NULL", "NULL"), ("DATE '2024-01-01'", "FALSE"), ("DATE '2124-01-01'", "TRUE"))
AMOUNTS = (
    ("NULL", "NULL"),
    ("NULL", "FALSE"),
    ("0.0", "FALSE"),
    ("0.0", "TRUE"),
    ("5.0", "FALSE"),
    ("-5.0", "TRUE"),
)
CUSTOMERS, COPIES = ("NULL", "'a'"), ("FALSE", "TRUE")


def test_a_row_takes_the_short_cut_exactly_where_it_violates_no_rule():
    rows = ", ".join(
        f"({customer}, {date}, {is_future}, {amount}, {is_return}, {is_copy})"
        for customer, (date, is_future), (amount, is_return), is_copy in product(
            CUSTOMERS, DATES, AMOUNTS, COPIES
        )
    )
    judged = ", ".join(f"coalesce({rule.condition}, FALSE) AS {rule.name}" for rule in RULES)
    table = duckdb.sql(
        f"SELECT coalesce({VIOLATES_NONE}, FALSE) AS passed, {judged}"
        f" FROM (VALUES {rows}) AS rows(customer_id, date, is_future, amount, is_return, is_copy)"
    ).df()
    violated = table.drop(columns="passed").any(axis="columns")
    assert len(table) == 72
    assert table["passed"].sum() == 1
    assert (table["passed"] == ~violated).all()
