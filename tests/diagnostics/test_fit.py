"""A fit beside its data: numbers of customers by frequency and by average spend."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

import clvml
from clvml.diagnostics._fit import fit_by_frequency, fit_by_spend
from clvml.distributions import gamma_gamma
from clvml.errors import InputError

BGNBD = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
SPEND = clvml.GammaGamma.from_params(p=6.25, q=3.74, v=15.44)


@pytest.mark.parametrize("kind", [clvml.BGNBD, clvml.MBGNBD, clvml.ParetoNBD])
def test_everybody_is_counted_and_a_fit_to_cdnow_is_near(kind, cdnow):
    table = fit_by_frequency(cdnow, kind().fit(cdnow))
    assert table.sum().tolist() == pytest.approx([2357, 2357])
    assert table["actual"].tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]  # numbers.md
    assert (table["expected"] / table["actual"] - 1).abs().max() < 0.21


def test_simulated_customers_come_as_expected():
    T = np.random.default_rng(0).choice([10.0, 25.0, 40.0], 200_000)
    customers = BGNBD.simulate(T, random_state=1)
    table = fit_by_frequency(customers, BGNBD, top=5)
    off = (table["actual"] - table["expected"]) / np.sqrt(table["expected"])
    assert off.abs().max() < 4


def test_each_t_of_its_own_gives_nearly_what_cohorts_do(cdnow):
    """CDNOW's 84 lengths of observation are 20 cohorts; here each customer is taken alone."""
    few = cdnow.iloc[::130]
    alone = [sum(BGNBD.purchase_probability(n, T) for T in few["T"]) for n in range(3)]
    assert fit_by_frequency(few, BGNBD, top=3)["expected"][:3].tolist() == pytest.approx(alone, rel=1e-9)
    lengths, count = np.unique(cdnow["T"], return_counts=True)
    exact = sum(n * BGNBD.purchase_probability(1, T) for T, n in zip(lengths, count, strict=True))
    assert fit_by_frequency(cdnow, BGNBD)["expected"].iloc[1] == pytest.approx(exact, rel=1e-3)


def test_opportunities_are_counted_in_whole_numbers():
    model = clvml.BGBB.from_params(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
    customers = model.simulate(np.random.default_rng(0).integers(1, 90, 3000), random_state=0)
    table = fit_by_frequency(customers, model)
    assert table["expected"].sum() == pytest.approx(3000)


def test_covariates_give_each_customer_their_own_numbers(cdnow):
    channel = np.where(np.arange(len(cdnow)) % 3 == 0, "shop", "web")
    customers = cdnow.assign(channel=pd.Categorical(channel, ["web", "shop", "fax"]))
    customers.loc[customers["channel"] == "shop", ["frequency", "recency"]] = 0.0
    customers.loc[customers.index[:3], ["frequency", "recency"]] = [1.0, 3.0]
    model = clvml.BGNBD(covariates={"purchases": ["channel"]}, prior="weak").fit(customers)
    whole = fit_by_frequency(customers, model)["expected"]
    parts = [
        fit_by_frequency(part, model)["expected"] for _, part in customers.groupby("channel", observed=True)
    ]
    assert sum(parts).to_numpy() == pytest.approx(whole.to_numpy(), rel=1e-3)
    assert parts[1].iloc[0] / parts[1].sum() > 1.3 * parts[0].iloc[0] / parts[0].sum()


def test_the_average_of_purchases_has_the_distribution_of_its_density():
    ends = np.array([10.0, 35.0, 80.0])
    for x in (1.0, 4.0):
        m = np.linspace(0.0, 80.0, 16_001)[1:]
        density = np.exp(gamma_gamma.log_likelihood(np.full_like(m, x), m, SPEND.params_))
        below = integrate.cumulative_simpson(density, x=m, initial=0)
        expected = np.interp(ends, m, below)
        assert gamma_gamma.average_below(np.full(3, x), ends, SPEND.params_) == pytest.approx(
            expected, rel=1e-6
        )


def test_simulated_spend_comes_as_expected():
    frequency = pd.Series(np.random.default_rng(0).geometric(0.5, 100_000) - 1.0)
    customers = pd.DataFrame(
        {"frequency": frequency, "monetary_value": SPEND.simulate(frequency, random_state=1)}
    )
    table = fit_by_spend(customers, SPEND)
    spent = (frequency > 0).sum()
    assert [table[name].sum() + table.attrs["beyond"][name] for name in table] == pytest.approx([spent] * 2)
    off = (table["actual"] - table["expected"]) / np.sqrt(np.maximum(table["expected"], 10))
    assert off.abs().max() < 4.5
    assert table.attrs["width"] == 5


def test_the_currency_does_not_matter(cdnow):
    table = fit_by_spend(cdnow, SPEND)
    cents = cdnow.assign(monetary_value=100 * cdnow["monetary_value"])
    again = fit_by_spend(cents, clvml.GammaGamma.from_params(p=6.25, q=3.74, v=1544))
    assert again.index.to_numpy() == pytest.approx(100 * table.index.to_numpy())
    assert again["actual"].tolist() == table["actual"].tolist()
    assert again["expected"].to_numpy() == pytest.approx(table["expected"].to_numpy())


def test_bad_input_is_named(cdnow):
    with pytest.raises(InputError, match="top is 0"):
        fit_by_frequency(cdnow, BGNBD, top=0)
    with pytest.raises(InputError, match="bins is 0"):
        fit_by_spend(cdnow, SPEND, bins=0)
    with pytest.raises(InputError, match="no customer has repeat spend"):
        fit_by_spend(cdnow[cdnow["frequency"] == 0], SPEND)
    with pytest.raises(InputError, match="lacks 'T'"):
        fit_by_frequency(cdnow.drop(columns="T"), BGNBD)
