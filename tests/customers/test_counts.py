"""Counts of equal customers are the customers: fits to them are the same fits."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import clvml
from clvml.customers._ids import to_arrow
from clvml.customers._training_summary import training_summary
from clvml.errors import FitError, InputError

END = "1997-09-30"


@pytest.fixture(scope="module")
def transactions():
    return clvml.load_cdnow()


@pytest.fixture(scope="module")
def customers(transactions):
    table = clvml.summarize(transactions, END)
    table["plan"] = np.where(np.arange(len(table)) % 3 == 0, "basic", "full")
    return table


@pytest.fixture(scope="module")
def stored(customers, tmp_path_factory):
    path = tmp_path_factory.mktemp("stored") / "customers.parquet"
    pq.write_table(to_arrow(customers), path)
    return path


def test_transactions_a_summary_and_a_stored_summary_have_the_same_counts(transactions, customers, stored):
    counts = clvml.count_histories(transactions, END)
    assert counts["n_customers"].sum() == len(customers)
    assert counts.attrs["time_unit"] == "W"
    for source in (customers, stored, str(stored), SimpleNamespace(path=stored)):
        again = clvml.count_histories(source)
        pd.testing.assert_frame_equal(again, counts, check_exact=True)
        assert again.attrs["time_unit"] == "W"


def test_the_counts_are_those_of_pandas(customers, stored):
    expected = customers.groupby(["frequency", "recency", "T"]).size().astype(float)
    counts = clvml.count_histories(stored).set_index(["frequency", "recency", "T"])["n_customers"]
    pd.testing.assert_series_equal(counts, expected, check_names=False, check_exact=True)


@pytest.mark.parametrize("model", [clvml.BGNBD(), clvml.MBGNBD(), clvml.ParetoNBD()], ids=lambda m: m.title)
def test_a_fit_to_counts_is_the_fit_to_all_customers(model, customers, stored):
    counts = clvml.count_histories(stored)
    of_counts = type(model)().fit(counts, weights=counts["n_customers"])
    of_all = model.fit(customers)
    assert of_counts.params_ == pytest.approx(of_all.params_, rel=1e-11)
    assert of_counts.standard_errors_ == pytest.approx(of_all.standard_errors_, rel=1e-9)
    assert of_counts.log_likelihood_ == pytest.approx(of_all.log_likelihood_, rel=1e-13)
    assert of_counts.n_customers_ == of_all.n_customers_ == 2357
    assert of_counts.fit_record_.messages == of_all.fit_record_.messages
    assert of_counts.time_unit_ == "W"
    for name, quantiles in of_counts.training_summary_.items():
        assert quantiles == pytest.approx(of_all.training_summary_[name], rel=1e-12), name
    draws = [fit.sample_parameters(50, 0) for fit in (of_counts, of_all)]
    assert draws[0].to_numpy() == pytest.approx(draws[1].to_numpy(), rel=1e-8)
    ahead = [fit.predict_interval(customers.head(200), 26) for fit in (of_counts, of_all)]
    pd.testing.assert_frame_equal(*ahead)


def test_covariates_are_counted_by(customers, stored):
    counts = clvml.count_histories(stored, by=["plan"])
    of_counts = clvml.BGNBD(covariates=["plan"]).fit(counts, weights=counts["n_customers"])
    of_all = clvml.BGNBD(covariates=["plan"]).fit(customers)
    expected = of_all.coefficients_.drop(columns=["lower", "upper"])
    assert of_counts.coefficients_[expected.columns].to_numpy() == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_spend_is_counted_for_gamma_gamma(customers, stored):
    counts = clvml.count_spend(stored)
    of_counts = clvml.GammaGamma().fit(counts, weights=counts["n_customers"])
    of_all = clvml.GammaGamma().fit(customers)
    assert of_counts.params_ == pytest.approx(of_all.params_, rel=1e-11)
    assert of_counts.n_set_aside_ == of_all.n_set_aside_ == 1411
    assert of_counts.n_customers_ == of_all.n_customers_
    assert of_counts.training_summary_ == of_all.training_summary_
    assert of_counts.frequency_spend_correlation_ == pytest.approx(of_all.frequency_spend_correlation_)


def test_lifetime_value_is_fitted_to_a_stored_summary_without_reading_it(customers, stored, monkeypatch):
    unfitted = clvml.LifetimeValue(
        clvml.BGNBD(covariates=["plan"]), (clvml.GammaGamma(), clvml.ConstantSpend()), "12M", 0.1
    )
    expected = unfitted.fit(customers).predict(customers)
    monkeypatch.delattr(pd, "read_parquet")
    found = unfitted.fit(stored).predict(customers)
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-7)
    assert unfitted.time_unit_ == "W"


def test_few_customers_are_counted_not_their_histories(customers):
    counts = clvml.count_histories(pd.concat([customers.iloc[:200]] * 20))
    assert len(counts) < 200
    fit = clvml.BGNBD(prior="auto").fit(counts, weights=counts["n_customers"])
    assert fit.n_customers_ == 4000
    assert fit.prior_ is None  # the prior is for fewer than 1,000 customers


def test_weighted_quantiles_are_those_of_repeated_customers():
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 40):
        weights = rng.integers(0, 5, n) + (np.arange(n) == 0)
        rows = pd.DataFrame({"frequency": rng.integers(0, 4, n) * 1.0, "T": rng.random(n)})
        expected = training_summary(rows.loc[rows.index.repeat(weights)])
        found = training_summary(rows, weights.astype(float))
        for name, quantiles in expected.items():
            assert found[name] == pytest.approx(quantiles, rel=1e-12)


def test_one_history_of_many_customers_is_not_one_customer(customers):
    same = customers[customers["frequency"] == 0].iloc[[0]]
    with pytest.raises(FitError, match="none of the 50 customers bought again"):
        clvml.BGNBD().fit(same, weights=[50.0])
    with pytest.raises(FitError, match="all 30 customers have the same average spend"):
        clvml.GammaGamma().fit(customers[customers["monetary_value"] > 0].iloc[[0]], weights=[30.0])


def test_customers_without_a_number_are_counted_in_the_refusal(customers, tmp_path):
    torn = customers.copy()
    torn.iloc[:3, torn.columns.get_loc("T")] = np.nan
    pq.write_table(to_arrow(torn), tmp_path / "torn.parquet")
    with pytest.raises(InputError, match="3 of 2,357 customers have no number as T"):
        clvml.count_histories(tmp_path / "torn.parquet")


def test_a_missing_column_is_named(stored):
    with pytest.raises(InputError, match=r"no column 'region'; they have .*'frequency'"):
        clvml.count_histories(stored, by=["region"])


def test_files_in_different_time_units_are_refused(customers, tmp_path):
    for unit in ("W", "D"):
        table = clvml.convert_time_unit(customers, unit)
        pq.write_table(to_arrow(table), tmp_path / f"{unit}.parquet")
    with pytest.raises(InputError, match="different time units, such as 'D' and 'W'"):
        clvml.count_histories(tmp_path)


def test_a_model_without_weights_is_refused_in_words(stored):
    own = SimpleNamespace(fit=lambda customers: customers)
    with pytest.raises(InputError, match="takes no weights: read the summary"):
        clvml.LifetimeValue(own, clvml.ConstantSpend(), "12M").fit(stored)
