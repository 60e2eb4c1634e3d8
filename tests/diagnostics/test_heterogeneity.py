"""How customers differ, against simulation, moments and the draws of the parameters."""

import numpy as np
import pytest
from scipy import stats

import clvml
from clvml.diagnostics._heterogeneity import heterogeneity
from clvml.errors import InputError

GIVEN = {
    "BG/NBD": clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W"),
    "MBG/NBD": clvml.MBGNBD.from_params(r=0.525, alpha=6.183, a=0.891, b=1.614),
    "Pareto/NBD": clvml.ParetoNBD.from_params(r=0.553, alpha=10.578, s=0.606, beta=11.669),
    "BG/BB": clvml.BGBB.from_params(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783),
    "beta-discrete-Weibull": clvml.BetaDiscreteWeibull.from_params(alpha=0.26, beta=1.72, c=1.58),
    "shifted beta-geometric": clvml.ShiftedBetaGeometric.from_params(alpha=0.704, beta=1.182),
    "Gamma-Gamma": clvml.GammaGamma.from_params(p=6.25, q=3.74, v=15.44),
}


def share(table):
    """The customers that the cells hold."""
    return float(table["density"].sum() * 2 * table.index[0])


@pytest.mark.parametrize("name", GIVEN)
def test_the_cells_hold_98_percent_of_the_customers_and_show_the_mean(name):
    for trait, table in heterogeneity(GIVEN[name]).items():
        assert table.attrs["trait"] == trait
        assert share(table) == pytest.approx(0.98)
        assert table.attrs["mean"] < table.index[-1]
        assert table[["lower", "upper"]].isna().all(axis=None)  # given parameters are not uncertain


def test_every_parameter_of_a_model_belongs_to_the_distribution_of_one_trait():
    for model in GIVEN.values():
        own = [name for name in model.Params._fields if name != "c"]  # c is the same for all customers
        assert [name for trait in model.traits for name in trait.parameters] == own


def test_rates_and_dropout_are_those_of_simulated_customers():
    """Of customers drawn one by one, as the model tells its story."""
    rng = np.random.default_rng(0)
    tables = heterogeneity(GIVEN["Pareto/NBD"])
    for trait, drawn in (
        ("purchase rate", rng.gamma(0.553, 1 / 10.578, 400_000)),
        ("dropout rate", rng.gamma(0.606, 1 / 11.669, 400_000)),
    ):
        table = tables[trait]
        width = 2 * table.index[0]
        counted = np.histogram(drawn, np.arange(len(table) + 1) * width)[0] / drawn.size / width
        np.testing.assert_allclose(table["density"][:20], counted[:20], rtol=0.05)
        assert np.median(drawn) == pytest.approx(table.attrs["median"], rel=0.02)


def test_mean_spend_has_the_mean_that_a_one_time_buyer_is_expected_to_spend(cdnow):
    """p * v / (q - 1), note 025."""
    model = GIVEN["Gamma-Gamma"]
    expected = model.expected_spend(cdnow[cdnow["frequency"] == 0]).iloc[0]
    table = heterogeneity(model)["mean spend"]
    assert table.attrs["mean"] == pytest.approx(expected)
    drawn = 6.25 / np.random.default_rng(1).gamma(3.74, 1 / 15.44, 400_000)
    assert np.median(drawn) == pytest.approx(table.attrs["median"], rel=0.01)


def test_an_infinite_mean_is_told_and_the_density_still_there():
    table = heterogeneity(clvml.GammaGamma.from_params(p=6, q=0.9, v=15))["mean spend"]
    assert table.attrs["mean"] == np.inf
    assert share(table) == pytest.approx(0.98)


def test_the_band_holds_the_fit_and_narrows_with_more_customers(cdnow):
    few, many = (clvml.BGNBD().fit(cdnow, weights=np.full(len(cdnow), weight)) for weight in (1.0, 25.0))
    bands = []
    for model in (few, many):
        table = heterogeneity(model)["purchase rate"]
        assert ((table["lower"] <= table["density"]) & (table["density"] <= table["upper"])).mean() > 0.95
        bands.append((table["upper"] - table["lower"]).median())
    assert bands[0] / bands[1] == pytest.approx(5, rel=0.2)  # the square root of 25


def test_the_unit_of_time_does_not_matter(cdnow):
    weeks = heterogeneity(clvml.BGNBD().fit(cdnow))
    days = heterogeneity(clvml.BGNBD().fit(clvml.convert_time_unit(cdnow, "D")))
    assert (days["purchase rate"].index * 7).to_numpy() == pytest.approx(
        weeks["purchase rate"].index.to_numpy(), rel=1e-4
    )
    assert days["purchase rate"]["density"].to_numpy() / 7 == pytest.approx(
        weeks["purchase rate"]["density"].to_numpy(), rel=1e-3
    )
    dropout = [table["dropout probability"]["density"].to_numpy() for table in (days, weeks)]
    assert dropout[0] == pytest.approx(dropout[1], rel=1e-3)


def test_the_density_is_that_of_the_paper_where_it_is_smooth():
    table = heterogeneity(GIVEN["BG/NBD"])["dropout probability"]
    np.testing.assert_allclose(
        table["density"][20:], stats.beta(0.793, 2.426).pdf(table.index[20:]), rtol=1e-3
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (clvml.RepeatRateValue(39), "trait_distributions, which RepeatRateValue does not have"),
        (clvml.LifetimeValue(None, None, 1), "purchases_"),
    ],
)
def test_another_model_is_refused(model, message):
    with pytest.raises(InputError, match=message):
        heterogeneity(model)
