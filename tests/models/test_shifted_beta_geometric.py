"""ShiftedBetaGeometric on the two cohorts of the paper, its symmetries, and what it refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import FitError, FitWarning, InputError

RETENTION = Path(__file__).parents[3] / "shared/data/sbg_retention/sbg_retention.parquet"
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]  # Fader, Hardie (2007), table 1


def fit(survivors):
    table = clvml.customers_from_survivors(survivors)
    return clvml.ShiftedBetaGeometric().fit(table, weights=table["customers"])


@pytest.mark.parametrize(
    ("cohort", "params", "log_likelihood"),
    [("Regular", (0.704, 1.182), -1680.3), ("High-end", (0.668, 3.806), -1611.2)],
)
def test_seven_renewals_give_the_published_fit(cohort, params, log_likelihood):
    if not RETENTION.exists():
        pytest.skip(f"{RETENTION} is absent")
    survivors = pd.read_parquet(RETENTION)[cohort]
    model = fit(survivors[:8])
    np.testing.assert_allclose(model.params_, params, atol=5.1e-4)
    assert model.log_likelihood_ == pytest.approx(log_likelihood, abs=0.051)
    # The paper's point: seven years tell the next five to within a few per cent.
    np.testing.assert_allclose(model.survival(12)[8:] * 1000, survivors[8:], rtol=0.05)


def test_a_row_of_weight_is_that_many_customers():
    table = clvml.customers_from_survivors(REGULAR)
    each = table.loc[table.index.repeat(table["customers"].astype(int))].reset_index(drop=True)
    with pytest.raises(InputError, match="weights=table"):
        clvml.ShiftedBetaGeometric().fit(each)
    each = each.drop(columns="customers")
    model = clvml.ShiftedBetaGeometric().fit(each)
    np.testing.assert_allclose(model.params_, fit(REGULAR).params_, rtol=1e-6)
    assert model.log_likelihood(each).sum() == pytest.approx(model.log_likelihood_, rel=1e-12)


def test_simulated_customers_give_back_their_parameters():
    model = clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=1.2, time_unit="M")
    customers = model.simulate(np.random.default_rng(0).integers(1, 15, 50_000), random_state=1)
    again = clvml.ShiftedBetaGeometric().fit(customers)
    assert again.time_unit_ == "M"
    assert abs((np.array(again.params_) - model.params_) / again.standard_errors_).max() < 4


def test_customers_who_churned_renew_no_more_and_the_others_more_surely_the_longer_they_stayed():
    customers = pd.DataFrame({"recency": [2.0, 3.0, 6.0], "T": [6.0, 3.0, 6.0]})
    model = clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=1.2)
    assert model.probability_alive(customers).tolist() == [0, 1, 1]
    left, newer, older = model.expected_purchases(customers, 5)
    assert left == 0 < model.expected_purchases_new_customer(5) < newer < older < 5


def test_expected_renewals_are_the_sum_of_the_survival_curve():
    model = clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=1.2, time_unit="Y")
    assert model.expected_purchases_new_customer(9) == pytest.approx(model.survival(9)[1:].sum(), rel=1e-13)
    new = pd.DataFrame({"recency": [0.0], "T": [0.0]})
    by_hand = (model.survival(9)[1:] / 1.1 ** np.arange(1, 10)).sum()
    assert model.discounted_purchases(new, "9Y", 0.1)[0] == pytest.approx(by_hand, rel=1e-12)


def test_customers_alike_are_a_boundary_reported_in_words():
    with pytest.warns(FitWarning, match="do not differ in their churn probability"):
        model = fit(1024 * 0.5 ** np.arange(8))
    assert model.survival(3)[3] == pytest.approx(0.125, rel=1e-3)


@pytest.mark.parametrize(
    ("survivors", "message"),
    [
        ([10, 11], "must not increase"),
        ([10], "at least two"),
        ([10, -1], "non-negative"),
        ([9, None], "finite"),
    ],
)
def test_survivors_are_checked(survivors, message):
    with pytest.raises(InputError, match=message):
        clvml.customers_from_survivors(survivors)


@pytest.mark.parametrize(
    ("survivors", "message"), [([10, 10], "no customer churned"), ([10, 0], "no customer renewed")]
)
def test_data_without_information_are_refused(survivors, message):
    with pytest.raises(FitError, match=message):
        fit(survivors)


def test_what_has_no_meaning_is_refused():
    model = clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=1.2)
    with pytest.raises(InputError, match=r"horizon is 1\.5"):
        model.expected_purchases_new_customer(1.5)
    with pytest.raises(InputError, match=r"recency 1\.5"):
        model.probability_alive(pd.DataFrame({"recency": [1.5], "T": [3.0]}))
    with pytest.raises(InputError, match="parameter beta is"):
        clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=0)


def test_a_subscriber_has_what_every_purchase_model_has():
    model = clvml.ShiftedBetaGeometric.from_params(alpha=1.7, beta=1.2, time_unit="M")
    customers = pd.DataFrame({"recency": [3.0, 2.0], "T": [3.0, 6.0]})
    chances = [model.purchase_probability(n, 4, customers) for n in range(6)]
    assert sum(chances).tolist() == pytest.approx([1, 1])
    assert chances[0].iloc[1] == 1  # who left renews no more
    mean = sum(n * chance for n, chance in enumerate(chances))
    np.testing.assert_allclose(mean, model.expected_purchases(customers, 4))
    still = model.probability_alive(customers, after=2)
    assert still.tolist() == pytest.approx([(1.2 + 3) / (2.9 + 3) * (1.2 + 4) / (2.9 + 4), 0])
    endless = model.discounted_purchases(customers)
    assert endless.tolist() == pytest.approx([(1.2 + 3) / 0.7, 0])
    interval = model.predict_interval(customers, 12)
    assert interval.loc[1].tolist() == [0, 0]
    with pytest.raises(InputError, match="expectation diverges"):
        clvml.ShiftedBetaGeometric.from_params(alpha=0.7, beta=1.2).discounted_purchases(customers)
