"""Models take the handle of a stored summary as they take the customers themselves."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("stored") / "customers.parquet"
    return clvml.summarize(clvml.load_cdnow(), "1997-09-30", into=path)


@pytest.fixture(scope="module")
def in_memory():
    return clvml.summarize(clvml.load_cdnow(), "1997-09-30")


MODELS = {
    "BG/NBD": clvml.BGNBD,
    "Pareto/NBD": clvml.ParetoNBD,
    "Gamma-Gamma": clvml.GammaGamma,
    "value": lambda: clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), 39),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_to_the_handle_is_the_fit_to_its_customers(name, stored, in_memory):
    model, wanted = MODELS[name]().fit(stored), MODELS[name]().fit(in_memory)
    assert model.score(stored) == pytest.approx(wanted.score(in_memory), rel=1e-9)
    if hasattr(model, "params_"):
        np.testing.assert_allclose(model.params_, wanted.params_, rtol=1e-5)
        path = MODELS[name]().fit(str(stored.path))
        np.testing.assert_array_equal(path.params_, model.params_)


def test_predictions_are_by_customer(stored, in_memory):
    value = MODELS["value"]().fit(stored)
    pd.testing.assert_series_equal(value.predict(stored), value.predict(in_memory))
    alive = value.purchases_.probability_alive(stored)
    pd.testing.assert_series_equal(alive, value.purchases_.probability_alive(in_memory))


def test_customers_in_files_take_no_weights(stored):
    with pytest.raises(InputError, match="take no weights"):
        clvml.BGNBD().fit(stored, weights=np.ones(len(stored)))


def test_a_file_that_is_gone_is_named(stored, in_memory, tmp_path):
    gone = type(stored)(tmp_path / "gone.parquet")
    model = clvml.BGNBD().fit(in_memory)
    for act in (clvml.BGNBD().fit, model.score, model.probability_alive):
        with pytest.raises(InputError, match=r"gone\.parquet"):
            act(gone)
