"""The comparison on CDNOW to its last printed digit, and on rows that do not belong together."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import clvml
from clvml.errors import InputError
from clvml.evaluation._comparison import compare, score
from clvml.evaluation._table_metrics import DEFAULT_METRICS
from clvml.lifetime_value.formulas import HistoricValue, RepeatRateValue, TotalSpendValue, ZeroValue


@pytest.fixture(scope="module")
def split():
    return clvml.split(
        clvml.load_cdnow(), calibration_end="1997-09-30", observation_end="1998-06-30", time_unit="W"
    )


# shared/reference/numbers.md, "The comparison this project exists for", as printed there.
PUBLISHED = {
    RepeatRateValue: (114_396, 61.2, 43.31, 200.01, 0.480, 0.489),
    HistoricValue: (173_116, 143.9, 61.65, 172.07, 0.393, 0.481),
    TotalSpendValue: (207_988, 193.0, 73.02, 219.19, 0.399, 0.500),
    ZeroValue: (0, -100, 30.11, 91.74, 0, 0.10),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_rows_of_cdnow_come_out_to_the_last_printed_digit(model, split):
    customers = split.calibration
    scores = score(split.holdout["spend"], model(horizon=39).fit(customers).predict(customers))
    columns = ("total", "bias_pct", "mae", "rmse", "spearman", "top10_share")
    half_a_digit = (0.5, 0.05, 0.005, 0.005, 0.0005, 0.005 if model is ZeroValue else 0.0005)
    for column, expected, tolerance in zip(columns, PUBLISHED[model], half_a_digit, strict=True):
        assert scores[column] == pytest.approx(expected, abs=tolerance * 1.02), column


def test_the_oracle_captures_what_numbers_md_says(split):
    truth = split.holdout["spend"]
    scores = score(truth, truth)
    assert scores["total"] == pytest.approx(70_976.39, abs=0.005)
    assert scores["top10_share"] == pytest.approx(0.763, abs=0.0005)
    perfect = {"bias_pct": 0.0, "mae": 0.0, "rmse": 0.0, "spearman": 1.0, "gini": 1.0}
    assert {name: scores[name] for name in perfect} == pytest.approx(perfect, abs=1e-12)


def test_errors_and_bias_are_those_by_hand():
    scores = score(pd.Series([0.0, 8.0, 2.0, 10.0]), pd.Series([4.0, 8.0, 2.0, 11.0]))
    assert scores["total"] == 25
    assert scores["bias_pct"] == pytest.approx(25.0)
    assert scores["mae"] == pytest.approx(5 / 4)
    assert scores["rmse"] == pytest.approx(np.sqrt(17 / 4))


def test_the_rank_correlation_is_scipy_s_on_data_with_ties():
    random = np.random.default_rng(3)
    actual, predicted = (pd.Series(random.integers(0, 6, 300).astype(float)) for _ in range(2))
    assert score(actual, predicted)["spearman"] == pytest.approx(spearmanr(actual, predicted).statistic)


def test_customers_are_matched_by_index_not_by_position():
    actual = pd.Series([1.0, 2.0, 3.0], index=["a", "b", "c"])
    assert score(actual, actual[::-1])["mae"] == 0


def test_the_table_has_a_row_a_model_in_the_order_given_and_finite_numbers():
    actual = pd.Series([0.0, 0.0, 7.0])
    table = compare(
        actual,
        pd.DataFrame({"nothing": 0.0, "all": [1.0, 2.0, 3.0]}),
        families={"nothing": "baseline", "all": "formula"},
    )
    assert table.index.tolist() == ["nothing", "all"]
    assert table.index.name == "model"
    assert table.columns.tolist() == ["family", *DEFAULT_METRICS]
    assert table["family"].tolist() == ["baseline", "formula"]
    assert np.isfinite(table[list(DEFAULT_METRICS)].to_numpy()).all()


INDEX = ["a", "b", "c"]
TRUTH = pd.Series([1.0, 2.0, 3.0], index=INDEX)


@pytest.mark.parametrize(
    ("actual", "predicted", "sentence"),
    [
        (
            TRUTH,
            pd.Series([1, np.nan, 3], INDEX, name="m"),
            r"predictions of 'm' are missing .* 1 of 3 .*'b'",
        ),
        (pd.Series([1, np.inf, 3], INDEX), TRUTH, r"the actual values are missing or infinite for 1 of 3"),
        (TRUTH, TRUTH[:2], r"1 customers are only in the actual values, the first is 'c'"),
        (TRUTH[:2], TRUTH, r"1 customers are only in the predictions, the first is 'c'"),
        (TRUTH, pd.Series([1.0, 2.0, 3.0], list("aab")), r"duplicated customer ids \('a'\)"),
        (TRUTH * 0, TRUTH, r"there is no revenue in the holdout to compare with\. Choose an earlier"),
        (TRUTH[:0], TRUTH[:0], r"the actual values are empty"),
        (TRUTH, TRUTH.to_numpy(), r"must be a pandas Series by customer, not ndarray"),
        (TRUTH, pd.Series(list("xyz"), INDEX), r"must be numeric"),
    ],
)
def test_rows_that_do_not_belong_together_are_refused(actual, predicted, sentence):
    with pytest.raises(InputError, match=sentence):
        score(actual, predicted)


def test_a_family_for_an_unknown_model_is_refused():
    with pytest.raises(InputError, match="a family is given for 'BGNBD'"):
        compare(TRUTH, pd.DataFrame({"BG/NBD": TRUTH}), {"BGNBD": "probabilistic"})
