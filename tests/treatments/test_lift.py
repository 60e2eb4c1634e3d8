"""Lift against statistics by hand, and intervals against simulations with known effects."""

import numpy as np
import pandas as pd
import pytest
from made_up_responses import made_up
from scipy import stats

from clvml.errors import InputError
from clvml.treatments import measure_lift, read_responses
from clvml.treatments._intervals import dunnett_critical, dunnett_p, fieller, holm_p


def money_of(found):
    return found.xs(("money", "(all)"))


def test_one_treatment_is_welchs_t_test_of_scipy():
    responses = made_up(61, np.random.default_rng(0), effect=0.4, control_share=0.3)
    groups = responses.table.groupby("group")["money"]
    treated, control = groups.get_group("t1"), groups.get_group("control")
    expected = stats.ttest_ind(treated, control, equal_var=False)
    row = money_of(measure_lift(responses)).iloc[0]
    assert row["lift"] == pytest.approx(treated.mean() - control.mean())
    assert row["p"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (row["lift_lower"], row["lift_upper"]) == pytest.approx((interval.low, interval.high))


def test_dunnetts_test_agrees_with_scipys():
    rng = np.random.default_rng(3)
    control, *treated = rng.normal(10, 1, (4, 2000)) + np.array([0, 0.02, 0.07, 0.12])[:, None]
    expected = stats.dunnett(*treated, control=control, rng=1)
    table = pd.DataFrame(
        {
            "customer_id": range(8000),
            "treatment": np.repeat(["control", "a", "b", "c"], 2000),
            "money": np.concatenate([control, *treated]),
        }
    )
    found = money_of(measure_lift(read_responses(table)))
    np.testing.assert_allclose(found["p_adjusted"], expected.pvalue, atol=0.004)
    ends = expected.confidence_interval(0.95)
    np.testing.assert_allclose(found["lift_lower"], ends.low, atol=0.003)
    np.testing.assert_allclose(found["lift_upper"], ends.high, atol=0.003)


def test_dunnetts_critical_value_is_that_of_his_table():
    # Dunnett (1964, Biometrics 20), two-sided, infinite degrees of freedom, equal groups: correlation 1/2.
    for k, expected in ((2, 2.21), (3, 2.35), (5, 2.51), (9, 2.69)):
        assert dunnett_critical(0.95, np.full(k, np.sqrt(0.5))) == pytest.approx(expected, abs=0.006)
    assert dunnett_p(np.array([2.349, 0.0, 0.0]), np.full(3, 0.5**0.5))[0] == pytest.approx(0.05, abs=0.001)


def test_holm_as_by_hand():
    np.testing.assert_allclose(holm_p(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])


def test_fieller_is_where_the_difference_to_a_multiple_of_the_control_is_on_the_edge():
    mean, base, v, w, critical = 12.0, 10.0, 0.5, 0.8, 1.96
    for end in fieller(mean, base, v, w, critical):
        ratio = 1 + end
        assert abs(mean - ratio * base) / np.sqrt(v + ratio**2 * w) == pytest.approx(critical)
    assert np.isnan(fieller(1.0, 0.1, 1.0, 1.0, 1.96)).all()


def test_the_pooled_lift_weighs_segments_by_their_customers():
    # Treated where spend is high: the raw difference is +8, within each segment it is +1.
    rows = [
        ("low", "control", 8, 1.0),
        ("low", "t", 2, 2.0),
        ("high", "control", 2, 11.0),
        ("high", "t", 8, 12.0),
    ]
    parts = [
        pd.DataFrame({"segment": s, "treatment": g, "money": m + np.resize([-0.5, 0.5], n)})
        for s, g, n, m in rows
    ]
    table = pd.concat(parts, ignore_index=True).rename_axis("customer_id")
    found = measure_lift(read_responses(table))
    assert money_of(found)["lift"].item() == pytest.approx(1.0)
    assert set(found.index.get_level_values("segment")) == {"(all)", "low", "high"}


def coverage(n_tests, truth, **options):
    rng = np.random.default_rng(11)
    covered, lifts = [], []
    for _ in range(n_tests):
        row = money_of(measure_lift(made_up(rng=rng, **options), by_segment=False))
        covered.append(((row["lift_lower"] <= truth) & (truth <= row["lift_upper"])).all())
        lifts.append(row["lift"].mean())
    return np.mean(covered), np.mean(lifts), np.std(lifts) / np.sqrt(n_tests)


def test_intervals_cover_with_predictions_and_segments_and_the_lift_is_unbiased():
    covered, lift, error = coverage(400, 0.5, n=200, effect=0.5, rho=0.7, segments=3)
    assert covered == pytest.approx(0.95, abs=0.033)  # three standard errors
    assert lift == pytest.approx(0.5, abs=3 * error)


def test_simultaneous_intervals_of_three_treatments_cover_together():
    covered, _, _ = coverage(300, 0.3, n=240, effect=0.3, treatments=3, control_share=0.25)
    assert covered == pytest.approx(0.95, abs=0.038)


def test_intervals_of_heavy_tailed_spend_cover_in_equal_groups():
    covered, lift, error = coverage(300, 0.3, n=600, effect=0.3, heavy=True)
    assert covered == pytest.approx(0.95, abs=0.038)
    assert lift == pytest.approx(0.3, abs=3 * error)


def test_predictions_narrow_the_interval_as_their_correlation_says():
    found = money_of(measure_lift(made_up(20_000, np.random.default_rng(2), rho=0.8))).iloc[0]
    assert found["narrower"] == pytest.approx(1 - np.sqrt(1 - 0.64), abs=0.01)
    assert found["equivalent_customers"] == pytest.approx(20_000 / (1 - 0.64), rel=0.03)


def test_a_prediction_that_says_nothing_changes_nothing():
    responses = made_up(500, np.random.default_rng(2), effect=1.0)
    plain = measure_lift(responses)
    constant = responses.with_columns(predicted=pd.Series(3.0, responses.table.index))
    pd.testing.assert_frame_equal(measure_lift(constant), plain)


def test_units_of_money_do_not_matter_and_neither_does_the_order_of_rows():
    responses = made_up(300, np.random.default_rng(4), effect=0.6, rho=0.5)
    table = responses.table
    expected = money_of(measure_lift(responses)).iloc[0]
    cents = type(responses)(
        table.assign(money=100 * table["money"]).sample(frac=1, random_state=1), "control"
    )
    found = money_of(measure_lift(cents)).iloc[0]
    assert found["lift"] == pytest.approx(100 * expected["lift"])
    assert found["relative_upper"] == pytest.approx(expected["relative_upper"])
    assert found["p"] == pytest.approx(expected["p"])


def test_the_bootstrap_agrees_with_welch_where_both_hold_and_reproduces():
    responses = made_up(400, np.random.default_rng(5), effect=0.5, rho=0.5)
    welch = money_of(measure_lift(responses)).iloc[0]
    boot = money_of(measure_lift(responses, method="bootstrap")).iloc[0]
    ends = ["lift_lower", "lift_upper", "relative_lower", "relative_upper"]
    np.testing.assert_allclose(boot[ends], welch[ends].astype(float), rtol=0.06, atol=0.002)
    again = money_of(measure_lift(responses, method="bootstrap")).iloc[0]
    assert again.equals(boot)


def test_profit_is_margin_times_money_less_cost():
    responses = made_up(100, np.random.default_rng(6))
    table = responses.table.assign(cost=np.where(responses.table["group"] == "t1", 2.0, 0.0))
    found = measure_lift(type(responses)(table, "control"), margin=0.3)
    profit, money = found.xs(("profit", "(all)")), money_of(found)
    assert profit["lift"].item() == pytest.approx(0.3 * money["lift"].item() - 2)


def test_a_small_control_of_very_skewed_spend_is_warned_of():
    heavy = made_up(500, np.random.default_rng(7), heavy=True, control_share=0.1)
    assert "very skewed, and the smallest group has 50 customers" in measure_lift(heavy).attrs["notes"][0]
    assert measure_lift(made_up(500, np.random.default_rng(7), heavy=True)).attrs["notes"] == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 95}, "level is 95"),
        ({"correction": "tukey"}, "dunnett, holm or none"),
        ({"method": "t"}, "welch or bootstrap"),
        ({"margin": 0}, "margin is 0"),
    ],
)
def test_an_option_that_is_not_allowed_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        measure_lift(made_up(50, np.random.default_rng(0)), **options)


def test_without_an_outcome_or_a_common_segment_nothing_is_measured():
    table = pd.DataFrame({"customer_id": range(4), "treatment": ["control", "control", "t", "t"]})
    with pytest.raises(InputError, match="no outcome"):
        measure_lift(read_responses(table))
    apart = table.assign(segment=["a", "a", "b", "b"], money=1.0)
    with pytest.raises(
        InputError, match="no segment has two customers in both the control and treatment 't'"
    ):
        measure_lift(read_responses(apart))
