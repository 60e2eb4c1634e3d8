"""Amounts as people and spreadsheets write them: each cell has one value, or the column is refused."""

import logging

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvml.customers._policy import TransactionPolicy
from clvml.customers._transactions import read_transactions
from clvml.errors import InputError


def table(amounts, **columns):
    return pd.DataFrame(
        {"customer_id": range(len(amounts)), "date": "2020-01-31", "amount": amounts} | columns
    )


def amounts(cells, **options):
    """The amounts read, in the order of the cells; None where a cell is unreadable."""
    kept = TransactionPolicy(returns="keep")
    found = (
        read_transactions(table(cells), policy=kept, **options).to_pandas().set_index("customer_id")["amount"]
    )
    return [found.get(row) for row in range(len(cells))]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["$10.56", "$1,234.50", "$7"], [10.56, 1234.5, 7]),
        (["10,56 €", "1.250,56 €", "7 €"], [10.56, 1250.56, 7]),
        (["EUR 12,00", "EUR 1.250", "EUR12,5"], [12, 1250, 12.5]),
        (["1 234,56", "7\u00a0890,10", "1\u202f000,00"], [1234.56, 7890.1, 1000]),
        (["1'234.50", "2’000", "CHF 12.-", "CHF 12.–"], [1234.5, 2000, 12, 12]),
        (
            ["(12.50)", "($3.00)", "$ (3.00)", "-4", "5-", "\u22126.5", "$-7", "-$8"],
            [-12.5, -3, -3, -4, -5, -6.5, -7, -8],
        ),
        (["1,25,000.50", "12,34,567.00", "9"], [125000.5, 1234567, 9]),
        (["R$ 1.234,56", "R$ 5,00"], [1234.56, 5]),
        (["kr. 12.50", "12 kr"], [12.5, 12]),
        (["US$5.5", "$6", "USD 7", "$8 USD"], [5.5, 6, 7, 8]),
        (["1,250,000", "7"], [1250000, 7]),
        (["1.000.000", "7"], [1000000, 7]),
        (["0.250", "1.250"], [0.25, 1.25]),
        (["1250.500", "1.250"], [1250.5, 1.25]),
        (["\u00a03,00\u00a0€\u00a0", "4,5"], [3, 4.5]),
        (["1e3", "2.5e2", "+3", ".5", "5."], [1000, 250, 3, 0.5, 5]),
        (["12", "1_000", "12 pcs", "--5", "5--", "(5", "1.2.3", "1,23,4", "nan", ""], [12, *[None] * 9]),
    ],
)
def test_a_cell_is_the_number_that_its_writer_meant(cells, expected):
    assert amounts(cells, max_unreadable=1) == expected


@pytest.mark.parametrize(
    ("cells", "point", "comma"),
    [
        (["1.250", "2.300"], "1.25", "1250"),
        (["1,250", "7"], "1250", "1.25"),
        (["EUR 1.250", "EUR 12"], "1.25", "1250"),
        (["(1.250)"], "-1.25", "-1250"),
    ],
)
def test_a_column_that_reads_in_two_ways_is_refused_with_both_and_read_by_the_option(cells, point, comma):
    with pytest.raises(
        InputError, match=rf"is {point} with a decimal point and {comma} with a decimal comma"
    ):
        amounts(cells)
    assert amounts(cells, decimal=".")[0] == float(point)
    assert amounts(cells, decimal=",")[0] == float(comma)
    thousands = "." if "." in cells[0] else ","
    assert amounts(cells, thousands=thousands)[0] == max(float(point), float(comma), key=abs)


def test_points_and_commas_in_one_column_are_refused_or_counted_by_the_option():
    cells = ["10.5", "10,5", "3"]
    with pytest.raises(
        InputError, match=r"1 cells have a decimal point, such as '10.5', and 1 a decimal comma"
    ):
        amounts(cells)
    assert amounts(cells, decimal=".") == [10.5, None, 3]
    assert amounts(cells, decimal=",") == [None, 10.5, 3]


def test_the_separators_given_are_the_only_ones():
    assert amounts(["1.250", "1'250.5"], thousands="'") == [1.25, 1250.5]
    assert amounts(["1,250", "3.5"], decimal=".", thousands="") == [None, 3.5]
    for options in ({"decimal": ";"}, {"thousands": "_"}, {"decimal": ",", "thousands": ","}):
        with pytest.raises(InputError, match=r"decimal|thousands"):
            amounts(["1"], **options)


def test_amounts_in_several_currencies_are_refused_and_counted():
    with pytest.raises(InputError, match=r"in several currencies: '\$' \(2 rows\), '€' \(1 rows\)"):
        amounts(["$5", "€5", "$6"])
    with pytest.raises(InputError, match="in several currencies"):
        amounts(["CHF 5", "EUR 5"])


def test_a_decimal_comma_is_said_and_numbers_need_no_options(caplog):
    with caplog.at_level(logging.WARNING, logger="clvml"):
        amounts(["-1.250,56", "3"])
    assert "amount is read with a decimal comma: '-1.250,56' is -1250.56" in caplog.text
    assert amounts([5.5, 1250.0], decimal=",") == [5.5, 1250]


def test_a_column_without_decimals_is_written_as_the_other_one():
    sold = table(["x", "x"], q=["1.250", "2"], p=["10,56", "3,00"]).drop(columns="amount")
    assert read_transactions(sold, quantity="q", price="p").to_pandas()["amount"].tolist() == [13200.0, 6.0]


@settings(deadline=None, max_examples=25)
@given(
    values=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8),
    style=st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("\u202f", ","), ("", ",")]),
    currency=st.sampled_from(["", "€", "$", "CHF "]),
    random=st.randoms(use_true_random=False),
)
def test_whatever_the_notation_cents_come_back_and_the_order_of_rows_changes_nothing(
    values, style, currency, random
):
    thousands, decimal = style

    def written(cents):
        whole, part = divmod(abs(cents), 100)
        return (
            ("-" if cents < 0 else "")
            + currency
            + f"{whole:,}".replace(",", thousands)
            + f"{decimal}{part:02d}"
        )

    cells = [written(cents) for cents in values]
    assert amounts(cells) == pytest.approx([cents / 100 for cents in values], abs=1e-9)
    order = random.sample(range(len(cells)), len(cells))
    assert amounts([cells[i] for i in order]) == [amounts(cells)[i] for i in order]


def test_too_many_unreadable_amounts_stop_and_the_option_lets_them_pass():
    cells = ["5"] * 20 + ["five"] * 5
    with pytest.raises(
        InputError, match=r"5 of 25 amounts .* \(20%\) cannot be read: .*such as 'five'.*max_unreadable"
    ):
        amounts(cells)
    assert amounts(cells, max_unreadable=0.25).count(None) == 5
    with pytest.raises(InputError, match="must be a share between 0 and 1"):
        amounts(cells, max_unreadable=20)
