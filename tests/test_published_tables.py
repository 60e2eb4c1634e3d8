"""Tables as printed by the papers and the R packages, from data that the package lifetimes installs.

A printed number holds when it agrees to half of its last digit. The papers: Fader, Hardie, Lee (2005),
"Counting Your Customers" the Easy Way; Batislam, Denizel, Filiztekin (2007); Fader, Hardie, note 025;
Fader, Hardie, Shang (2010), and note 010 for its spreadsheet; Fader, Hardie (2007), How to Project
Customer Retention. BTYD's are from its walk-through, CLVTools' from its tests of correctness.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.customers._datasets import _installed


class Fit(NamedTuple):
    """A printed fit: the model, its data, parameters and (where printed) log-likelihood, with decimals."""

    model: Any
    data: str
    params: tuple[float, ...]
    decimals: int
    log_likelihood: float | None = None
    of_likelihood: int = 0


REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]

FITS = {
    "BG/NBD, paper": Fit(clvml.BGNBD, "cdnow", (0.243, 4.414, 0.793, 2.426), 3, -9582.4, 1),
    "MBG/NBD, paper and BTYDplus": Fit(clvml.MBGNBD, "cdnow", (0.525, 6.183, 0.891, 1.614), 3),
    "Pareto/NBD, paper": Fit(clvml.ParetoNBD, "cdnow", (0.553, 10.578, 0.606, 11.669), 3, -9595.0, 1),
    "Pareto/NBD, CLVTools": Fit(clvml.ParetoNBD, "cdnow", (0.55, 10.58, 0.61, 11.67), 2, -9594.976, 3),
    "Gamma-Gamma, note 025": Fit(clvml.GammaGamma, "cdnow", (6.25, 3.74, 15.44), 2, -4055.918, 3),
    "BG/NBD, lifetimes' table": Fit(clvml.BGNBD, "rounded", (0.243, 4.414, 0.793, 2.426), 3, -9582.4, 1),
    "Gamma-Gamma, lifetimes' table": Fit(clvml.GammaGamma, "rounded", (6.25, 3.74, 15.45), 2, -4055.92, 2),
    "BG/BB, paper": Fit(clvml.BGBB, "donations", (1.204, 0.750, 0.657, 2.783), 3, -33225.6, 1),
    "sBG, paper, regular": Fit(clvml.ShiftedBetaGeometric, "regular", (0.704, 1.182), 3),
    "sBG, paper, high end": Fit(clvml.ShiftedBetaGeometric, "high end", (0.668, 3.806), 3),
}


def installed(name):
    return pd.read_csv(_installed(name))


def histories(x, t_x, T):
    x, t_x, T = np.broadcast_arrays(np.array(x, float), np.array(t_x, float), np.array(T, float))
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": T})


@pytest.fixture(scope="module")
def donors():
    return installed("donations.csv").rename(columns={"periods": "T", "weights": "customers"})


@pytest.fixture(scope="module")
def data(cdnow, donors):
    names = ["customer_id", "frequency", "recency", "T", "monetary_value"]
    rounded = installed("cdnow_customers_summary_with_transactions.csv").set_axis(names, axis=1)
    return {
        "cdnow": cdnow,
        "rounded": rounded,
        "donations": donors,
        "regular": clvml.customers_from_survivors(REGULAR),
        "high end": clvml.customers_from_survivors(HIGH_END),
    }


@pytest.mark.parametrize("name", FITS)
def test_a_fit_is_the_printed_one(name, data):
    printed = FITS[name]
    customers = data[printed.data]
    model = printed.model().fit(customers, weights=customers.get("customers"))
    np.testing.assert_allclose(model.params_, printed.params, rtol=0, atol=0.51 * 10**-printed.decimals)
    if printed.log_likelihood is not None:
        half = 0.51 * 10**-printed.of_likelihood
        assert model.log_likelihood_ == pytest.approx(printed.log_likelihood, abs=half)


@pytest.fixture(scope="module")
def bgnbd():
    """At the parameters that BTYD prints, and predicts with."""
    return clvml.BGNBD.from_params(r=0.2425967, alpha=4.413659, a=0.7929869, b=2.426164)


@pytest.fixture(scope="module")
def bgbb():
    return clvml.BGBB.from_params(alpha=1.203528, beta=0.7497260, gamma=0.6567808, delta=2.783796)


def test_standard_errors_of_pareto_nbd_are_those_of_clvtools(cdnow):
    printed = (0.0476264, 0.8427222, 0.1872594, 6.2105448)
    np.testing.assert_allclose(clvml.ParetoNBD().fit(cdnow).standard_errors_, printed, rtol=2e-4)


def test_a_new_customer_in_btyd():
    at_their_example = clvml.ParetoNBD.from_params(r=0.55, alpha=10.56, s=0.61, beta=11.64)
    printed = [0.05077821, 0.09916088, 0.14542507, 0.18979930, 0.23247466]
    printed += [0.27361274, 0.31335159, 0.35181024, 0.38909211]
    expected = [at_their_example.expected_purchases_new_customer(weeks) for weeks in range(1, 10)]
    np.testing.assert_allclose(expected, printed, rtol=0, atol=5.1e-9)


def test_a_customer_in_btyd(bgnbd, cdnow):
    assert bgnbd.expected_purchases_new_customer(52) == pytest.approx(1.444004, abs=5.1e-6)
    one = cdnow.loc[[1516]]
    assert bgnbd.expected_purchases(one, 52).item() == pytest.approx(25.75659, abs=5.1e-6)
    assert bgnbd.probability_alive(one).item() == pytest.approx(0.9688523, abs=5.1e-8)


def test_a_customer_of_pareto_nbd_in_btyd(cdnow):
    at_the_third_start = clvml.ParetoNBD.from_params(r=0.553371, alpha=10.579519, s=0.605907, beta=11.658110)
    assert at_the_third_start.expected_purchases_new_customer(52) == pytest.approx(1.473434, abs=1e-6)
    one = cdnow.loc[[1516]]
    assert at_the_third_start.expected_purchases(one, 52).item() == pytest.approx(25.45647, abs=5.1e-5)
    assert at_the_third_start.probability_alive(one).item() == pytest.approx(0.997874, abs=1e-6)
    printed = [0.7062289, 0.1442396, 0.02250658, 0.00309267]
    expected = at_the_third_start.expected_purchases(histories([10, 15, 20, 25], 20, 39), 52)
    np.testing.assert_allclose(expected, printed, rtol=2e-6)


def test_the_first_ten_customers_of_note_025_are_expected_to_spend_as_printed(cdnow):
    printed = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    expected = clvml.GammaGamma().fit(cdnow).expected_spend(cdnow.head(10))
    np.testing.assert_allclose(expected, printed, rtol=0, atol=0.0051)


RESIDUAL_LIFETIMES = {
    (3.80, 15.20): [3.31, 3.45, 3.59, 3.72, 3.84],
    (1 / 15, 4 / 15): [7.68, 9.46, 9.86, 10.06, 10.19],
}


@pytest.mark.parametrize("params", RESIDUAL_LIFETIMES)
def test_residual_lifetimes_of_contracts_are_the_printed_ones(params):
    """Fader, Hardie (2010), Customer-Base Valuation in a Contractual Setting, table 3, at 10 % a year.

    There the renewal that comes next is not discounted.
    """
    model = clvml.ShiftedBetaGeometric.from_params(alpha=params[0], beta=params[1], time_unit="Y")
    renewed = np.arange(5.0)
    customers = pd.DataFrame({"recency": renewed, "T": renewed})
    value = 1.1 * model.discounted_purchases(customers, None, annual_discount_rate=0.1)
    np.testing.assert_allclose(value, RESIDUAL_LIFETIMES[params], rtol=0, atol=0.0051)


def test_more_purchases_before_the_same_silence_mean_fewer_to_come_as_btyd_prints(bgnbd):
    printed = [0.3474606, 0.04283391, 0.004158973, 0.0003583685]
    expected = bgnbd.expected_purchases(histories([10, 15, 20, 25], 20, 39), 52)
    np.testing.assert_allclose(expected, printed, rtol=5e-6)


def test_the_number_of_purchases_of_a_new_customer_as_btyd_prints():
    model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426)
    assert model.purchase_probability(10, 2) == pytest.approx(1.07869e-07, abs=5.1e-13)
    assert model.purchase_probability(0, 39) == pytest.approx(0.5737864, abs=5.1e-8)
    printed = [0.0019995214, 0.0015170236, 0.0011633150, 0.0009003148, 0.0007023638]
    printed += [0.0005517902, 0.0004361913, 0.0003467171, 0.0002769613, 0.0002222260]
    probabilities = [model.purchase_probability(n, 30) for n in range(11, 21)]
    np.testing.assert_allclose(probabilities, printed, rtol=0, atol=5.1e-11)


BY_FREQUENCY = {
    "bought": [0.2367116, 0.6970387, 1.392523, 1.560000, 2.532258, 2.947368, 3.862069, 6.359375],
    "BG/NBD": [0.2250893, 0.5231364, 1.044126, 1.520256, 2.163824, 2.653789, 3.503957, 6.157036],
    "Pareto/NBD": [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403],
}


@pytest.mark.parametrize(("row", "tolerance"), [("bought", 5.1e-7), ("BG/NBD", 1e-6), ("Pareto/NBD", 1.1e-3)])
def test_holdout_purchases_by_calibration_frequency_as_btyd_prints(row, tolerance, bgnbd, cdnow_split):
    customers, holdout = cdnow_split.calibration, cdnow_split.holdout["purchases"]
    pareto = clvml.ParetoNBD.from_params(r=0.55339714, alpha=10.58019854, s=0.6060625, beta=11.65622367)
    forecasts = {
        "bought": holdout,
        "BG/NBD": bgnbd.expected_purchases(customers, 39),
        "Pareto/NBD": pareto.expected_purchases(customers, 39),
    }
    means = forecasts[row].groupby(customers["frequency"].clip(upper=7)).mean()
    np.testing.assert_allclose(means, BY_FREQUENCY[row], rtol=0, atol=tolerance)


def test_likelihoods_of_customers_in_the_spreadsheet_of_note_004(cdnow):
    """The first 18 customers of CDNOW, printed with four decimals at the fit."""
    none = -0.5538
    printed = [-9.4596, -4.4711, none, none, none, -21.8644, -4.8651, none, -9.5367]
    printed += [none, -17.3593, none, none, none, none, none, -27.3144, -4.8520]
    values = clvml.BGNBD().fit(cdnow).log_likelihood(cdnow)
    np.testing.assert_allclose(values.iloc[:18], printed, rtol=0, atol=5.1e-5)


def test_likelihoods_of_donors_in_the_spreadsheet_of_note_010(donors):
    """Printed to more digits than the parameters, so compared at the fit."""
    model = clvml.BGBB().fit(donors, weights=donors["customers"])
    printed = {
        (6, 6): -2.18167018824,
        (5, 6): -4.29485034929,
        (4, 6): -5.38473334360,
        (3, 6): -5.80915881601,
        (1, 6): -4.88370164695,
        (5, 5): -3.71682127437,
        (3, 5): -5.61576884108,
        (2, 4): -5.19562191019,
        (1, 3): -4.22465969453,
        (2, 2): -3.01199924784,
        (1, 1): -2.28882847451,
        (0, 0): -1.16751622367,
    }
    x, t_x = np.array(list(printed)).T
    np.testing.assert_allclose(
        model.log_likelihood(histories(x, t_x, 6)), list(printed.values()), rtol=0, atol=5e-6
    )


def test_a_new_donor_in_the_spreadsheet_of_note_010(donors):
    model = clvml.BGBB().fit(donors, weights=donors["customers"])
    printed = [0.4985, 0.9233, 1.2969, 1.6323, 1.9381, 2.2202, 2.4826, 2.7285, 2.9603, 3.1798, 3.3887]
    expected = [model.expected_purchases_new_customer(years) for years in range(1, 12)]
    np.testing.assert_allclose(expected, printed, rtol=0, atol=5.1e-5)


def test_donors_in_btyd(bgbb):
    assert bgbb.expected_purchases_new_customer(10) == pytest.approx(3.179805, rel=5e-7)
    expected = bgbb.expected_purchases(histories([0, 4], [0, 5], 6), 10)
    np.testing.assert_allclose(expected, [0.1302169, 3.627858], rtol=5e-7)


@pytest.mark.parametrize(
    ("by", "printed"),
    [
        ("frequency", [0.07286318, 0.3248841, 0.7089417, 1.333666, 2.031203, 2.784482, 3.752500]),
        ("recency", [0.07286318, 0.0856939, 0.1798423, 0.4041111, 0.8510811, 1.726323, 3.027190]),
    ],
)
def test_donations_to_come_by_history_as_btyd_prints(by, printed, bgbb, donors):
    expected = bgbb.expected_purchases(donors, 5) * donors["customers"]
    means = expected.groupby(donors[by]).sum() / donors["customers"].groupby(donors[by]).sum()
    np.testing.assert_allclose(means, printed, rtol=5e-5)


def test_donations_of_the_cohort_year_by_year_as_btyd_prints(bgbb):
    printed = [5535.833, 10252.89, 14400.51, 18125.18, 21521.07, 24652.71]
    printed += [27566.49, 30296.97, 32870.7, 35308.56, 37627.29]
    cohort = [11_104 * bgbb.expected_purchases_new_customer(years) for years in range(1, 12)]
    np.testing.assert_allclose(cohort, printed, rtol=2e-5)


def test_the_example_of_lifetimes_gives_its_fit_and_its_predictions():
    """Printed: r .16, alpha 1.86, a 1.85, b 3.18, and the next 30 days of the first five customers."""
    purchases = clvml.read_transactions(installed("example_transactions.csv").assign(amount=1), customer="id")
    customers = clvml.summarize(purchases, time_unit="D")
    model = clvml.BGNBD().fit(customers)
    np.testing.assert_allclose(model.params_, (0.16, 1.86, 1.85, 3.18), rtol=0, atol=0.0051)
    printed = [0.016053, 0.021171, 0.030461, 0.031686, 0.001607]
    np.testing.assert_allclose(model.expected_purchases(customers.head(), 30), printed, rtol=0, atol=5e-6)


def test_donors_in_the_year_after_as_the_papers_table_6_prints(bgbb):
    """P(alive in 2002), rounded to two decimals: who gave 0, 2 and 6 times, last in 1995, 1999 and 2001."""
    alive = bgbb.probability_alive(histories([0, 2, 6], [0, 4, 6], 6), after=1)
    np.testing.assert_allclose(alive, [0.11, 0.59, 0.93], rtol=0, atol=0.0051)


def test_gifts_in_six_years_in_the_spreadsheet_of_note_010(donors):
    """Donors with no gift and with six, printed with one decimal at the fit."""
    model = clvml.BGBB().fit(donors, weights=donors["customers"])
    counts = [11_104 * model.purchase_probability(n, 6) for n in (0, 6)]
    np.testing.assert_allclose(counts, [3454.9, 1253.1], rtol=0, atol=0.051)
