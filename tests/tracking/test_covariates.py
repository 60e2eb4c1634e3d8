"""A model with covariates is saved, loaded and served with the numbers of the fit."""

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

import clvml
from clvml.scoring import dump_model, load_model_json, request_table
from clvml.tracking import flavor
from clvml.tracking._connection import quiet
from clvml.tracking._records import parameters_of

COVARIATES = {"purchases": ["basket", "channel", "zone"], "dropout": ("member",)}


@pytest.fixture(scope="module")
def known(cdnow):
    rng = np.random.default_rng(0)
    n = len(cdnow)
    return cdnow.assign(
        basket=rng.gamma(2.0, 20.0, n),
        channel=rng.choice(["shop", "web"], n, p=[0.7, 0.3]),
        zone=pd.Categorical(rng.choice([1, 2, 3], n, p=[0.5, 0.3, 0.2])),
        member=rng.random(n) < 0.3,
    )


@pytest.fixture(scope="module", params=[clvml.BGNBD, clvml.ParetoNBD], ids=lambda kind: kind.__name__)
def model(request, known):
    purchases = request.param(covariates=COVARIATES)
    return clvml.LifetimeValue(purchases, clvml.GammaGamma(), horizon=39, annual_discount_rate=0.1).fit(known)


@pytest.fixture(scope="module")
def saved(model, known, tmp_path_factory):
    folder = tmp_path_factory.mktemp("covariates") / "model"
    with quiet():
        flavor.save_model(model, folder, input_example=known)
    return folder


def test_json_gives_the_same_model_back(model, known):
    again = load_model_json(dump_model(model))
    expected = model.predict_factors(known)
    pd.testing.assert_frame_equal(again.predict_factors(known), expected, check_exact=True)
    before, after = model.purchases_, again.purchases_
    pd.testing.assert_frame_equal(after.coefficients_, before.coefficients_, check_exact=True)
    assert after.likelihood_ratio_test_ == before.likelihood_ratio_test_
    assert str(after.summary()) == str(before.summary())
    assert after.covariates == COVARIATES


def test_the_signature_has_the_covariates_with_their_types(saved, model):
    assert model.required_columns[3:] == ("basket", "channel", "zone", "member", "monetary_value")
    signature = mlflow.models.Model.load(str(saved)).signature
    types = {column.name: str(column.type) for column in signature.inputs.inputs[1:]}
    assert {types[name] for name in ("basket", "channel", "zone", "member")} == {"Any"}
    facts = mlflow.models.Model.load(str(saved)).flavors["clvml"]["columns"]
    assert (facts["basket"], facts["zone"], facts["customer_id"]) == ("number", "integer", "any")


def test_pyfunc_gives_the_estimators_numbers(saved, model, known):
    request = request_table(model, known)
    answers = mlflow.pyfunc.load_model(str(saved)).predict(request)
    expected = model.predict_factors(known)
    pd.testing.assert_frame_equal(answers.set_index("customer_id"), expected, check_exact=True)


def test_a_level_never_seen_and_a_missing_covariate_are_one_sentence(saved, model, known):
    pyfunc = mlflow.pyfunc.load_model(str(saved))
    request = request_table(model, known.head(3))
    with pytest.raises(MlflowException, match=r"channel not seen during fit.*the levels are 'shop', 'web'"):
        pyfunc.predict(request.assign(channel="fax"))
    with pytest.raises(MlflowException, match="missing or infinite basket"):
        pyfunc.predict(request.assign(basket=np.nan))
    with pytest.raises(MlflowException, match="lacks the column 'member'"):
        pyfunc.predict(request.drop(columns="member"))


def test_the_ranges_and_a_new_customers_value_read_the_covariates(model, known):
    again, some = load_model_json(dump_model(model)), known.head(200)
    found = again.predict_interval(some, n_simulations=200, random_state=1)
    assert found.index.equals(some.index)
    assert clvml.new_customer_value(again) > 0


def test_the_run_says_which_covariates_were_used(model):
    assert "basket" in str(parameters_of(model))
