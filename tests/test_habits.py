"""Habits of Python and scikit-learn: what a user of either tries without reading first."""

import importlib
import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import mean_tweedie_deviance
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import clvml
from clvml.errors import FitError, FitWarning, InputError
from clvml.inference._deviance import deviance_score

MODELS = {
    "BGNBD": clvml.BGNBD(),
    "BGCNBD": clvml.BGCNBD(),
    "MBGCNBD": clvml.MBGCNBD(k=2),
    "MBGNBD": clvml.MBGNBD(),
    "ParetoNBD": clvml.ParetoNBD(),
    "GammaGamma": clvml.GammaGamma(),
    "LognormalSpend": clvml.LognormalSpend(),
    "PartialPooling": clvml.PartialPooling(clvml.BGNBD("weak"), "cohort"),
    "TrendingSpend": clvml.TrendingSpend(clvml.GammaGamma(), 0.05, "12M", "W"),
    "BGBB": clvml.BGBB(),
    "BetaDiscreteWeibull": clvml.BetaDiscreteWeibull(),
    "ShiftedBetaGeometric": clvml.ShiftedBetaGeometric(),
    "ConstantSpend": clvml.ConstantSpend(),
    "LifetimeValue": clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39),
    "LifetimesValue": clvml.LifetimesValue(39),
    "LearnedCorrection": clvml.LearnedCorrection(39),
    "MeanValue": clvml.MeanValue(39),
    "StackedValue": clvml.StackedValue(39),
    "PricedValue": clvml.PricedValue(clvml.RepeatRateValue(39), 9.99),
    "AnnuityValue": clvml.AnnuityValue(39),
    "HistoricValue": clvml.HistoricValue(39),
    "LoyaltyEffectsValue": clvml.LoyaltyEffectsValue(39),
    "MigrationValue": clvml.MigrationValue(39),
    "ProfitContributionValue": clvml.ProfitContributionValue(39),
    "RepeatRateValue": clvml.RepeatRateValue(39),
    "RetentionValue": clvml.RetentionValue(39),
    "RuleOfThumbValue": clvml.RuleOfThumbValue(39),
    "TotalSpendValue": clvml.TotalSpendValue(39),
    "ZeroValue": clvml.ZeroValue(39),
    "BrandSwitchingValue": clvml.BrandSwitchingValue(39, "A"),
    "KMeansSegments": clvml.KMeansSegments(n_segments=3),
    "ClusterSegments": clvml.ClusterSegments("GaussianMixture", n_segments=3),
    "RFMScores": clvml.RFMScores(),
    "ABCClasses": clvml.ABCClasses(),
    "ValueTiers": clvml.ValueTiers(),
    "ValueMatrix": clvml.ValueMatrix(),
    "LifecycleStages": clvml.LifecycleStages(),
    "CustomerGroups": clvml.CustomerGroups(clvml.KMeansSegments(n_segments=3)),
}
# They need more than histories: the end of observation, covariate paths, or first orders; tested elsewhere.
MORE_THAN_HISTORIES = {
    "NewCustomerValue": clvml.NewCustomerValue(39),
    "SeasonalPurchases": clvml.SeasonalPurchases(clvml.BGNBD()),
    "TimeVaryingPurchases": clvml.TimeVaryingPurchases(clvml.BGNBD(), ["price"]),
}
# They learn from an earlier split.
LEARNERS = {
    "LearnedCorrection": clvml.LearnedCorrection(19),
    "MeanValue": clvml.MeanValue(19),
    "StackedValue": clvml.StackedValue(19),
    "LastPeriodValue": clvml.LastPeriodValue(19),
    "RegressorValue": clvml.RegressorValue(19),
}
CONTRACTS = ("BetaDiscreteWeibull", "ShiftedBetaGeometric")
OPPORTUNITIES = ("BGBB", *CONTRACTS)
VALUES = [name for name, model in MODELS.items() if hasattr(model, "horizon")]
OF_CUSTOMERS = [name for name in MODELS if name != "BrandSwitchingValue"]
# Of the class, or makers of another model: no fit is needed.
DEFINITIONS = {
    "Params",
    "optional_columns",
    "required_columns",
    "at_price",
    "likelihood_problem",
    "common_parameters",
    "title",
    "with_paths",
}
SKLEARNS_OWN = set(dir(BaseEstimator())) | {"set_output"}
FITS = {"fit", "fit_predict", "fit_transform", "fit_transactions", "fit_with_earlier"}
ARGUMENTS = {
    "horizon": 39,
    "n": 2,
    "T": [1.0],
    "amounts": [1.0],
    "n_draws": 3,
    "n_renewals": 3,
    "factors": {},
}


def estimators():
    everything = (getattr(clvml, name) for name in clvml.__all__)
    return {one.__name__ for one in everything if isinstance(one, type) and issubclass(one, BaseEstimator)}


@pytest.fixture(scope="module")
def data(cdnow, customers_with_values):
    """The customers whom each model can be fitted to."""
    weeks = np.ceil(cdnow[["recency", "T"]])
    donors = weeks.assign(frequency=np.minimum(cdnow["frequency"], weeks["recency"]))
    cohort = clvml.customers_from_survivors([1000, 631, 468, 382, 326, 289, 262, 241])
    subscribers = cohort.loc[cohort.index.repeat(cohort["customers"].astype(int))].drop(columns="customers")
    subscribers = subscribers.set_axis(pd.RangeIndex(1, len(subscribers) + 1, name="customer_id"))
    cohorts = customers_with_values.assign(cohort=cdnow["first_purchase"].dt.month_name())
    other = {"BGBB": donors, "PartialPooling": cohorts} | dict.fromkeys(CONTRACTS, subscribers)
    return {name: other.get(name, customers_with_values) for name in MODELS}


@pytest.fixture(scope="module")
def spend(cdnow_split):
    return cdnow_split.holdout["spend"]


def test_every_public_estimator_is_tried_here():
    assert estimators() == set(MODELS) | set(LEARNERS) | set(MORE_THAN_HISTORIES)


@pytest.mark.parametrize("name", MODELS | LEARNERS | MORE_THAN_HISTORIES)
def test_a_model_that_is_not_fitted_says_so_whatever_it_is_asked(name, data):
    example = (LEARNERS | MODELS | MORE_THAN_HISTORIES)[name]
    customers, kind = data.get(name, data["MeanValue"]), type(example)
    asked = [key for key in dir(kind) if key[0] != "_" and key not in SKLEARNS_OWN | FITS | DEFINITIONS]
    fields = {key for key, value in vars(example).items()}
    for key in asked:
        member = inspect.getattr_static(kind, key)
        if key in fields or key.startswith("set_") or isinstance(member, classmethod | staticmethod):
            continue
        model = clone(example)
        if isinstance(member, property) and member.fset is not None:  # an argument of the model inside
            assert getattr(model, key) == getattr(model.model, key)
        elif isinstance(member, property):
            with pytest.raises(NotFittedError):
                getattr(model, key)
        elif inspect.isfunction(member):
            parameters = inspect.signature(getattr(model, key)).parameters.values()
            needed = [p for p in parameters if p.default is p.empty]
            given = {p.name: ARGUMENTS.get(p.name, customers) for p in needed}
            named = {p.name: given.pop(p.name) for p in needed if p.kind is p.KEYWORD_ONLY}
            with pytest.raises(NotFittedError):
                getattr(model, key)(*given.values(), **named)


@pytest.mark.parametrize("name", OF_CUSTOMERS)
def test_models_are_cross_validated_searched_and_put_into_pipelines(name, data, spend):
    customers = data[name]
    y = spend if name not in OPPORTUNITIES else None
    folds = KFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(MODELS[name], customers, y, cv=folds, error_score="raise")
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    pipeline = make_pipeline(FunctionTransformer(), clone(MODELS[name])).fit(customers, y)
    assert pipeline.score(customers, y) == clone(MODELS[name]).fit(customers).score(customers, y)


def test_a_search_finds_the_prior_and_the_models_that_fit_new_customers_best(cdnow):
    search = GridSearchCV(clvml.BGNBD(), {"prior": [None, "weak"]}, cv=3).fit(cdnow)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    values = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39)
    options = {"purchases": [clvml.BGNBD(), clvml.ParetoNBD()], "spend__prior": [None, "weak"]}
    assert GridSearchCV(values, options, cv=3).fit(cdnow).best_estimator_.predict(cdnow).shape == (2357,)


@pytest.mark.parametrize("name", [name for name in VALUES if name != "BrandSwitchingValue"])
def test_the_score_of_values_is_minus_scikit_learns_tweedie_deviance(name, data, spend):
    model = clone(MODELS[name]).fit(data[name])
    predicted = model.predict(data[name]).clip(
        lower=0.001 * spend.mean()
    )  # a thousandth, where a formula says 0
    assert model.score(data[name], spend) == pytest.approx(
        -mean_tweedie_deviance(spend, predicted, power=1.5)
    )
    assert model.score(data[name], spend) == model.score(data[name], spend.to_numpy())
    assert model.score(data[name], spend) == model.score(data[name], spend.iloc[::-1])


def test_the_deviance_is_the_smallest_at_the_mean_and_zero_only_if_all_are_right(spend, cdnow):
    def score(level):
        return deviance_score(pd.Series(level, cdnow.index), spend, "Constant")

    mean = spend.mean()
    assert score(mean) > max(score(1.01 * mean), score(0.99 * mean))
    assert -np.inf < score(0.0) < score(0.01 * mean)
    assert deviance_score(spend + 1, spend + 1, "Right") == 0
    assert deviance_score(0 * spend, 0 * spend, "Nothing") == pytest.approx(0, abs=1e-100)


@pytest.mark.parametrize("y", [None, [1.0], "many", [-1.0] * 2357, [np.nan] * 2357])
def test_a_formula_needs_outcomes_to_be_scored(y, cdnow):
    with pytest.raises(InputError, match=r"y|deviance"):
        clvml.RetentionValue(39).fit(cdnow).score(cdnow, y)


def test_a_migration_model_takes_outcomes_from_scikit_learn_and_transactions_from_users(cdnow, spend):
    log = clvml.load_cdnow()
    plain = clvml.MigrationValue(39).fit(cdnow).params_
    from_log = clvml.MigrationValue(39).fit(cdnow, transactions=log).params_
    assert clvml.MigrationValue(39).fit(cdnow, spend).params_ == plain
    assert clvml.MigrationValue(39).fit(cdnow, spend.to_numpy()).params_ == plain
    assert clvml.MigrationValue(39).fit(cdnow, log).params_ == from_log != plain


def test_segments_score_by_the_variance_that_they_explain(customers_with_values, spend):
    tiers = clvml.ValueTiers().fit(customers_with_values)
    numbers = tiers.predict(customers_with_values)
    assert tiers.score(customers_with_values, numbers) == pytest.approx(1)
    within = sum(part.var(ddof=0) * len(part) for _, part in spend.groupby(numbers))
    right = 1 - within / (spend.var(ddof=0) * len(spend))
    assert tiers.score(customers_with_values, spend) == pytest.approx(right)
    assert tiers.score(customers_with_values, np.ones(2357)) == 0
    assert tiers.score(customers_with_values) > tiers.score(customers_with_values, spend)


def tables(customers):
    """The customers as the tables of other libraries."""
    polars = pl.from_pandas(customers.reset_index())
    with_pandas_metadata = pa.Table.from_pandas(customers)
    return {
        "polars": polars,
        "lazy": polars.lazy(),
        "arrow": polars.to_arrow(),
        "pandas": with_pandas_metadata,
    }


@pytest.mark.parametrize("kind", ["polars", "lazy", "arrow", "pandas"])
@pytest.mark.parametrize("name", OF_CUSTOMERS)
def test_polars_and_arrow_tables_are_fitted_and_predicted_like_pandas(name, kind, data):
    customers = data[name].drop(columns="first_purchase", errors="ignore")
    customers.attrs.clear()
    table = tables(customers)[kind]
    right, model = clone(MODELS[name]).fit(customers), clone(MODELS[name]).fit(table)
    asked = {
        "ConstantSpend": ("expected_spend", "log_likelihood"),
        "GammaGamma": ("expected_spend", "log_likelihood", "predict_interval"),
        "PartialPooling": ("probability_alive", "log_likelihood"),
        "LognormalSpend": ("expected_spend", "log_likelihood", "predict_interval"),
        "TrendingSpend": ("expected_spend", "log_likelihood", "predict_interval"),
        "CustomerGroups": ("predict", "assign"),
        "KMeansSegments": ("predict", "transform", "segment_names"),
        "ClusterSegments": ("predict", "transform", "segment_names"),
    }
    methods = asked.get(name) or (("probability_alive",) if hasattr(model, "kernel") else ("predict",))
    for method in methods:
        found, expected = getattr(model, method)(table), getattr(right, method)(customers)
        assert found.index.tolist() == customers.index.tolist()
        np.testing.assert_array_equal(found, expected)


def test_purchase_models_answer_every_question_about_a_polars_table(cdnow):
    model, table = clvml.BGNBD().fit(cdnow), pl.from_pandas(cdnow.iloc[:50].reset_index())
    some = cdnow.iloc[:50]
    for found, right in (
        (model.expected_purchases(table, [4, 39]), model.expected_purchases(some, [4, 39])),
        (model.discounted_purchases(table, 39, 0.1), model.discounted_purchases(some, 39, 0.1)),
        (model.purchase_probability(2, 39, table), model.purchase_probability(2, 39, some)),
        (model.predict_interval(table, 39), model.predict_interval(some, 39)),
        (model.log_likelihood(table), model.log_likelihood(some)),
    ):
        np.testing.assert_array_equal(found, right)
        assert found.index.equals(some.index)
    assert model.score(table) == model.score(some)


def test_the_unit_of_an_arrow_table_written_by_pandas_is_not_lost(cdnow):
    table = pa.Table.from_pandas(cdnow)
    noted = table.replace_schema_metadata({**table.schema.metadata, b"PANDAS_ATTRS": b'{"time_unit": "W"}'})
    assert clvml.BGNBD().fit(noted).time_unit_ == "W"


@pytest.mark.parametrize("name", OF_CUSTOMERS)
def test_a_fitted_model_survives_pickle_shows_what_it_learnt_and_lists_public_names(name, data):
    model = clone(MODELS[name])
    empty = repr(model)
    model.fit(data[name])
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == repr(model)
    assert repr(model).startswith(empty)
    assert len(repr(model)) > len(empty) or not getattr(model, "params_", None)
    listed = [key for key in dir(model) if not key.startswith("__")]
    assert all(not key.startswith("_") for key in listed)
    assert {"fit", "score", *(key for key in vars(model) if key[0] != "_")} <= set(listed)


@pytest.fixture(scope="module")
def customers(cdnow):
    """Without dates or attributes, which other tables lose."""
    plain = cdnow.drop(columns="first_purchase")
    plain.attrs.clear()
    return plain


@pytest.fixture(scope="module")
def learners(customers, cdnow_split):
    with warnings.catch_warnings(category=FitWarning, action="ignore"):  # Pareto/NBD of half of CDNOW
        earlier = cdnow_split.earlier()
        return {name: clone(model).fit_with_earlier(customers, earlier) for name, model in LEARNERS.items()}


@pytest.mark.parametrize("name", LEARNERS)
def test_models_that_learn_from_an_earlier_split_have_the_same_habits(name, customers, spend, learners):
    model, empty = learners[name], repr(LEARNERS[name])
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == repr(model)
    assert repr(model).startswith(f"{empty} with ")
    predicted = model.predict(customers)
    pd.testing.assert_series_equal(again.predict(customers), predicted, check_exact=True)
    public = {key for key in vars(model) if key[0] != "_"}
    assert {"fit_with_earlier", "score", *public} <= set(dir(model))
    assert all(key.startswith("__") or key[0] != "_" for key in dir(model))
    at_least = predicted.clip(lower=0.001 * spend.mean())
    right = -mean_tweedie_deviance(spend, at_least, power=1.5)
    assert model.score(customers, spend) == pytest.approx(right)
    with pytest.raises(InputError, match=f"the score of {name} needs y"):
        model.score(customers)


@pytest.mark.parametrize("kind", ["polars", "lazy", "arrow", "pandas"])
@pytest.mark.parametrize("name", LEARNERS)
def test_models_that_learn_from_an_earlier_split_predict_polars_and_arrow(
    name, kind, customers, spend, learners
):
    model, table = learners[name], tables(customers)[kind]
    assert model.score(table, spend) == model.score(customers, spend)
    more = ("correction", "explain", "predict_interval", "predict_total_interval")
    methods = ("predict", "predict_factors", *(more if name == "LearnedCorrection" else ()))
    for method in methods:
        found, expected = getattr(model, method)(table), getattr(model, method)(customers)
        assert found.index.tolist() == expected.index.tolist()
        np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore::clvml.errors.FitWarning")
@pytest.mark.parametrize("name", LEARNERS)
def test_models_that_learn_from_an_earlier_split_are_fitted_to_polars_like_pandas(
    name, customers, learners, cdnow_split
):
    table = tables(customers)["lazy"]
    model = clone(LEARNERS[name]).fit_with_earlier(table, cdnow_split.earlier())
    np.testing.assert_array_equal(model.predict(customers), learners[name].predict(customers))
    assert repr(model) == repr(learners[name])


@pytest.mark.parametrize("name", LEARNERS)
def test_models_that_learn_from_an_earlier_split_predict_several_horizons_at_once(name, customers, learners):
    model = learners[name]
    found = model.predict(customers, [4, 39])
    assert found.columns.tolist() == [4, 39]
    for horizon in (4, 39):
        pd.testing.assert_series_equal(found[horizon], model.predict(customers, horizon), check_names=False)


def test_a_learned_correction_that_is_tried_here_corrects(learners):
    assert learners["LearnedCorrection"].fallback_ == ""


@pytest.mark.parametrize("name", ["LastPeriodValue", "RegressorValue"])
def test_a_model_that_needs_an_earlier_split_says_so_for_any_table(name, cdnow):
    for table in (cdnow, pl.from_pandas(cdnow.reset_index()).lazy()):
        with pytest.raises(FitError, match=r"these 2,357 customers.*use fit_with_earlier"):
            clone(LEARNERS[name]).fit(table, None)


def test_a_model_of_models_shows_what_each_of_them_learnt(cdnow):
    purchases, spend = clvml.BGNBD().fit(cdnow), clvml.ConstantSpend().fit(cdnow)
    both = repr(clvml.LifetimeValue(clvml.BGNBD(), clvml.ConstantSpend(), 39).fit(cdnow))
    for model in (purchases, spend):
        assert f"{model.title}: {repr(model).partition(' with ')[2]}" in both
    formula = clvml.RetentionValue(39)
    price = {"monetary_value": 2.0 * (cdnow["frequency"] > 0), "total_spend": 2.0 * (1 + cdnow["frequency"])}
    learnt = repr(clone(formula).fit(cdnow.assign(**price))).partition(" with ")[2]
    assert learnt
    assert repr(clvml.PricedValue(formula, 2.0).fit(cdnow)).endswith(f" with {learnt}")


def test_transactions_and_splits_survive_pickle(cdnow_split):
    log = clvml.load_cdnow()
    netted = clvml.TransactionPolicy(returns="net")
    for transactions in (
        log,
        clvml.read_transactions(log.to_pandas(), policy=netted),
    ):
        again = pickle.loads(pickle.dumps(transactions))
        assert repr(again) == repr(transactions)
        assert again.policy == transactions.policy
        pd.testing.assert_frame_equal(again.report, transactions.report)
        pd.testing.assert_frame_equal(clvml.summarize(again), clvml.summarize(transactions))
    parts = pickle.loads(pickle.dumps(cdnow_split))
    assert repr(parts) == repr(cdnow_split)
    assert parts.calibration.attrs == cdnow_split.calibration.attrs


def test_split_holds_out_the_last_third_by_default_like_the_command_line():
    log = clvml.load_cdnow()
    parts = clvml.split(log)
    first, last = log.first_date, log.last_date
    assert abs((last - parts.calibration_end) / (last - first) - 1 / 3) < 1 / 365
    earlier = clvml.split(log, observation_end="1998-01-31")
    whole, held_out = earlier.observation_end - first, earlier.observation_end - earlier.calibration_end
    assert abs(held_out.days - whole.days / 3) <= 1


@pytest.mark.parametrize(
    ("package", "typed", "meant"),
    [
        ("clvml", "BGNDB", "BGNBD"),
        ("clvml", "Lifetimevalue", "LifetimeValue"),
        ("clvml.models", "GamaGamma", "GammaGamma"),
        ("clvml.plots", "tornados", "tornado"),
        ("clvml.lifetime_value.formulas", "anuity", "annuity"),
        ("clvml.segments.grouping", "KmeansSegments", "KMeansSegments"),
    ],
)
def test_a_misspelt_public_name_suggests_the_right_one(package, typed, meant):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=f"{package} has no {typed!r}: did you mean {meant!r}"):
        getattr(module, typed)
    assert not hasattr(module, "something_else_entirely")


@pytest.mark.parametrize(
    ("package", "old", "new"),
    [
        ("clvml", "TotalCustomerValue", "RuleOfThumbValue"),
        ("clvml.lifetime_value.formulas", "TotalCustomerValue", "RuleOfThumbValue"),
        ("clvml.lifetime_value.formulas", "total_customer_value", "rule_of_thumb"),
        ("clvml.lifetime_value.formulas", "migration", "markov_chain"),
    ],
)
def test_a_renamed_public_name_is_found_with_a_warning_and_no_longer_listed(package, old, new):
    module = importlib.import_module(package)
    with pytest.warns(DeprecationWarning, match=f"{package}.{old} is now called {new}"):
        assert getattr(module, old) is getattr(module, new)
    assert old not in module.__all__


@pytest.mark.parametrize("name", clvml.plots.__all__)
def test_a_plot_takes_a_table_then_other_data_and_the_rest_by_keyword(name):
    parameters = list(inspect.signature(getattr(clvml.plots, name)).parameters.values())
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert 1 <= len(positional) <= 2
    assert positional[0].default is inspect.Parameter.empty
    assert [p.name for p in parameters if p.kind is p.KEYWORD_ONLY][-1] == "ax"
