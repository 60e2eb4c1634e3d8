"""What a run says of purchases that are more regular than its model assumes."""

import pandas as pd
import pytest

import clvml
from clvml.workflow._config import load_config
from clvml.workflow._console import Silent
from clvml.workflow._stage import Context
from clvml.workflow.stages._diagnosing import describe_regularity

pytestmark = pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
DAY = pd.Timedelta(days=1)


def context_of(days):
    """A context with the purchases of 60 customers on these days after their first."""
    start = pd.Timestamp("2020-01-01")
    rows = [(k, start + (k % 7 + day) * DAY) for k in range(60) for day in days(k)]
    table = pd.DataFrame(rows, columns=["customer_id", "date"])
    transactions = clvml.read_transactions(table, purchases_only=True)
    context = Context(load_config(), Silent())
    context.put(transactions)
    context.put(clvml.split(transactions, "2020-10-01"))
    return context


@pytest.fixture(scope="module")
def steady():
    return context_of(lambda k: [28 * i + (k * i) % 5 for i in range(13)])


def test_a_boundary_of_regular_buyers_is_said_to_be_that(steady):
    model = clvml.BGNBD().fit(steady[clvml.Split].calibration)
    said = describe_regularity(steady, model)
    assert said.startswith("BG/NBD finds no dropout, and purchases are more regular than it assumes")
    assert "Wheat-Morrison k = " in said


def test_a_fit_with_an_optimum_needs_no_explanation(steady):
    model = clvml.BGNBD(prior="weak").fit(steady[clvml.Split].calibration)
    assert describe_regularity(steady, model) == ""
    assert describe_regularity(steady, object()) == ""


def test_irregular_buyers_at_the_boundary_are_not_said_to_be_regular():
    context = context_of(lambda k: [0, 1 + k % 9, 40 + 3 * k, 45 + 3 * k, 270])
    model = clvml.BGNBD().fit(context[clvml.Split].calibration)
    assert "a to 0" in model.fit_record_.boundary
    assert describe_regularity(context, model) == ""
