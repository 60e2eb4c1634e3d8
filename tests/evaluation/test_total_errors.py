"""What errors of totals at earlier origins say of the next total."""

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.evaluation._total_errors import calibrated, independent_origins
from clvml.lifetime_value import TotalCalibration

WEEKS = pd.Timedelta(days=7)


def errors(ratios, squares=1e-6, group_squares=1e-6, predicted=1000.0):
    """Totals that miss by these ratios, at origins 26 weeks apart."""
    origins = pd.Timestamp("2020-01-06") + 26 * WEEKS * np.arange(len(ratios))
    columns = {"predicted": predicted, "actual": predicted * np.array(ratios)}
    return pd.DataFrame(columns | {"squares": squares, "group_squares": group_squares}, index=origins)


def scale(ratios, typical_error=0.25, independent=None, **columns):
    found = calibrated(errors(ratios, **columns), 26, independent or len(ratios), typical_error, "W")
    return found.model_error


def test_many_origins_outweigh_the_prior_and_few_do_not():
    size = np.exp(0.5)
    assert scale([size, 1 / size] * 200) == pytest.approx(0.5, rel=0.01)
    assert scale([1.0]) == pytest.approx(0.25 * np.sqrt(3 / 4), rel=1e-3)
    assert scale([size]) == pytest.approx(np.sqrt((3 * 0.25**2 + 0.5**2) / 4), rel=1e-3)


def test_a_larger_miss_widens_and_its_sign_does_not_matter():
    assert scale([1.6, 1.0]) > scale([1.3, 1.0]) > scale([1.0, 1.0])
    assert scale([1.6, 1.0]) == pytest.approx(scale([1 / 1.6, 1.0]))


def test_overlapping_holdouts_count_as_those_that_fit_side_by_side():
    dates = pd.date_range("2020-01-06", periods=5, freq="91D")
    assert independent_origins(dates, 52 * WEEKS) == pytest.approx(1 + 4 * 13 / 52)
    assert independent_origins(dates, 4 * WEEKS) == 5
    assert independent_origins(dates[:1], 52 * WEEKS) == 1


def test_what_chance_explains_is_not_taken_for_the_error_of_the_model():
    ratio, chance = 1.3, np.log(1.3) ** 2 * 1000**2
    assert scale([ratio], squares=chance) == pytest.approx(scale([1.0]), rel=1e-3)
    found = calibrated(errors([ratio], squares=chance), 26, 1, 0.25, "W")
    assert found.dispersion == pytest.approx(chance / 1000)


def test_groups_are_at_least_as_dispersed_as_customers():
    plain = calibrated(errors([1.2], squares=5e4, group_squares=1e3), 26, 1, 0.25, "W")
    assert plain.group_dispersion == plain.dispersion == pytest.approx(50)
    wide = calibrated(errors([1.2], squares=5e4, group_squares=8e4), 26, 1, 0.25, "W")
    assert wide.group_dispersion == pytest.approx(80 * 5 / 4)


def test_the_errors_are_those_of_the_backtest():
    models = {"historic": clvml.HistoricValue(26), "zero": clvml.ZeroValue(26)}
    found = clvml.backtest(clvml.load_cdnow(), models, origins=["1997-06-30", "1997-12-29"], horizon=26)
    totals = found.totals.xs("historic", level="model").droplevel("horizon")
    squares = [((each.actual - each.predictions["historic"]) ** 2).sum() for each in found.at().values()]
    expected = (
        np.log(totals["actual"] / totals["predicted"]) ** 2 - squares / totals["predicted"] ** 2
    ).mean()
    calibration = found.total_calibration("historic", typical_error=1e-9)
    assert calibration.model_error**2 * calibration.degrees_of_freedom == pytest.approx(2 * expected)
    assert (calibration.horizon, calibration.time_unit, calibration.n_origins) == (26.0, "W", 2)
    assert calibration.dispersion == pytest.approx(sum(squares) / totals["predicted"].sum())
    with pytest.raises(InputError, match="total of 'zero' is not defined"):
        found.total_calibration("zero")
    with pytest.raises(InputError, match="'best' is not in the backtest; its models are 'historic', 'zero'"):
        found.total_calibration("best")


@pytest.fixture(scope="module")
def five_origins():
    value = clvml.LifetimeValue(clvml.MBGNBD(), clvml.GammaGamma(), 13)
    models = {"MBG/NBD": value, "repeat rate": clvml.RepeatRateValue(13)}
    return clvml.backtest(clvml.load_cdnow(), models, origins="13W", horizon=[13, 26])


def test_an_interval_uses_holdouts_that_had_ended_and_nothing_later(five_origins):
    table = five_origins.total_intervals(horizon=13)
    ends = five_origins.origins["observation_end"].xs(13.0, level="horizon")
    for (origin, model), row in table.iterrows():
        assert row["n_origins"] == (ends <= origin).sum() > 0
        before = five_origins.total_calibration(model, 13, before=origin)
        assert (row["lower"], row["upper"]) == before.interval(row["predicted"])
        assert row["covered"] == (row["lower"] <= row["actual"] <= row["upper"])
    first = min(origin for origin, _ in five_origins.comparisons)
    assert first not in table.index.get_level_values("origin")
    with pytest.raises(InputError, match=r"no holdout of the backtest ended by 1997-03-01"):
        five_origins.total_calibration("MBG/NBD", before=pd.Timestamp("1997-03-01"))


def test_a_horizon_between_those_evaluated_uses_the_nearest(five_origins):
    assert five_origins.total_calibration("MBG/NBD").horizon == 13
    assert five_origins.total_calibration("MBG/NBD", 14).horizon == 13
    assert five_origins.total_calibration("MBG/NBD", "12M").horizon == 26


def test_the_served_model_gets_the_intervals_of_its_errors(five_origins, cdnow, value_model):
    table = five_origins.total_interval("MBG/NBD", value_model, cdnow)
    calibration = five_origins.total_calibration("MBG/NBD", "12M")
    assert isinstance(calibration, TotalCalibration)
    pd.testing.assert_frame_equal(table, calibration.total_interval(value_model, cdnow))
    chance_only = value_model.predict_total_interval(cdnow).loc["total"]
    assert chance_only["spend_upper"] < table.loc["total", "spend_upper"]
    assert table.loc["total", "spend_lower"] < chance_only["spend_lower"]


def test_a_formula_is_expected_to_miss_by_more_than_a_model(five_origins):
    given = {name: five_origins.total_calibration(name, typical_error=0.25) for name in five_origins.models}
    assert given["repeat rate"].model_error > given["MBG/NBD"].model_error
    models, families = {"repeat rate": clvml.RepeatRateValue(13)}, {"repeat rate": "formula"}
    found = clvml.backtest(clvml.load_cdnow(), models, origins=1, families=families)
    typical = found.total_calibration("repeat rate")
    assert typical == found.total_calibration("repeat rate", typical_error=0.8)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_a_typical_error_is_positive(bad, five_origins):
    with pytest.raises(InputError, match="typical_error is"):
        five_origins.total_calibration("MBG/NBD", typical_error=bad)
