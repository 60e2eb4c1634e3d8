"""BetaDiscreteWeibull on the two cohorts of the paper, its retention curves, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import FitError, InputError
from clvml.scoring._model_file import dump_model, load_model_json

# Fader, Hardie (2007), table 1: active after each of 12 renewals, of 1000.
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
KINDS = (clvml.ShiftedBetaGeometric, clvml.BetaDiscreteWeibull)


def fit(survivors, kind=clvml.BetaDiscreteWeibull, **options):
    table = clvml.customers_from_survivors(survivors)
    return kind(**options).fit(table, weights=table["customers"])


@pytest.mark.parametrize(
    ("cohort", "published"),
    [(REGULAR, (5.4, 1.3)), (HIGH_END, (13.2, 1.7))],
    ids=["regular", "high-end"],
)
def test_the_mean_holdout_error_of_eight_years_is_the_published_one(cohort, published):
    for kind, error in zip(KINDS, published, strict=True):
        share = fit(cohort[:5], kind).survival(12)[5:]
        assert 100 * np.mean(abs(share * 1000 / cohort[5:] - 1)) == pytest.approx(error, abs=0.05)


def test_simulated_customers_give_back_their_parameters():
    model = clvml.BetaDiscreteWeibull.from_params(alpha=0.7, beta=3.0, c=1.5, time_unit="M")
    customers = model.simulate(np.random.default_rng(0).integers(1, 15, 50_000), random_state=1)
    again = clvml.BetaDiscreteWeibull().fit(customers)
    assert again.time_unit_ == "M"
    assert abs((np.array(again.params_) - model.params_) / again.standard_errors_).max() < 4


def test_a_retention_curve_covers_the_parameters_and_the_cohorts_that_simulation_gives():
    truth = clvml.BetaDiscreteWeibull.from_params(alpha=0.7, beta=3.0, c=1.5)
    covered, observed = [], []
    for seed in range(20):
        customers = truth.simulate(np.full(500, 8.0), random_state=seed)
        fitted = clvml.BetaDiscreteWeibull().fit(customers)
        curve = fitted.retention_curve(12)
        covered.append(curve["lower"].le(truth.survival(12)) & curve["upper"].ge(truth.survival(12)))
        other = truth.simulate(np.full(300, 12.0), random_state=1000 + seed)["recency"].to_numpy()
        active = np.array([(other >= k).mean() for k in range(13)])
        curve = fitted.retention_curve(12, n_customers=300)
        observed.append(curve["lower"].le(active) & curve["upper"].ge(active))
    assert 0.75 < np.mean([row[1:] for row in covered]) < 0.995
    assert 0.75 < np.mean([row[1:] for row in observed]) < 0.995


def test_the_curve_of_customers_starts_with_the_share_of_those_active():
    model = clvml.BetaDiscreteWeibull.from_params(alpha=0.7, beta=3.0, c=1.5)
    customers = pd.DataFrame({"recency": [2.0, 4.0, 1.0], "T": [4.0, 4.0, 1.0]})
    curve = model.retention_curve(5, customers)
    alive = [model.probability_alive(customers, after=k).mean() for k in range(6)]
    np.testing.assert_allclose(curve["survival"], alive, rtol=1e-12)
    np.testing.assert_allclose(curve["lower"], curve["upper"])
    np.testing.assert_allclose(curve["retention_rate"][1:], np.divide(alive[1:], alive[:-1]))


def test_the_value_of_a_contract_is_its_discounted_expected_residual_lifetime():
    model = clvml.BetaDiscreteWeibull.from_params(alpha=0.26, beta=1.72, c=1.58, time_unit="Y")
    customers = pd.DataFrame({"recency": [3.0, 2.0], "T": [3.0, 4.0]})
    k = np.arange(1.0, 400)
    survives = model.survival(402)[4:][: k.size] / model.survival(3)[3]
    value = model.discounted_purchases(customers, annual_discount_rate=0.1)
    assert value.iloc[0] == pytest.approx((survives / 1.1**k).sum(), rel=1e-11)
    assert value.iloc[1] == 0


def test_several_cohorts_are_one_fit_and_may_differ_by_covariate():
    calendar = pd.DataFrame({"2020": HIGH_END[:6], "2021": [np.nan, *REGULAR[:5]]})
    table = clvml.customers_from_survivors(calendar)
    assert table.groupby("cohort")["T"].max().to_dict() == {"2020": 5, "2021": 4}
    pd.testing.assert_frame_equal(
        table, clvml.customers_from_survivors({"2020": HIGH_END[:6], "2021": REGULAR[:5]})
    )
    for kind in KINDS:
        together = kind().fit(table, weights=table["customers"])
        apart = kind(covariates=["cohort"]).fit(table, weights=table["customers"])
        assert apart.log_likelihood_ > together.log_likelihood_ + 50
        effect = apart.coefficients_.loc[("dropout", "cohort=2021"), "estimate"]
        assert effect > 0  # the regular cohort churns more
    with pytest.raises(InputError, match="of cohort 'B' must not increase"):
        clvml.customers_from_survivors({"A": [3, 2], "B": [3, 4]})


def test_a_saved_model_predicts_the_same():
    model = fit(HIGH_END[:8])
    again = load_model_json(dump_model(model))
    pd.testing.assert_frame_equal(again.retention_curve(12), model.retention_curve(12))


@pytest.mark.parametrize(
    ("survivors", "message"),
    [
        ([10, 10, 10], "no customer churned"),
        ([10, 0, 0], "no customer renewed"),
        ([10, 6], "more than one renewal"),
    ],
)
def test_data_without_information_are_refused(survivors, message):
    with pytest.raises(FitError, match=message):
        fit(survivors)
