"""The champion is good in every respect, rather than best in one."""

import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.evaluation._champion import choose_champion

# CDNOW, as printed in shared/reference/numbers.md.
TABLE = pd.DataFrame(
    {
        "family": ["probabilistic", "formula", "baseline", "formula", "baseline"],
        "bias_pct": [-15.6, 61.2, 143.9, 193.0, -100.0],
        "mae": [30.41, 43.31, 61.65, 73.02, 30.11],
        "rmse": [72.30, 200.01, 172.07, 219.19, 91.74],
        "spearman": [0.426, 0.480, 0.393, 0.399, 0.0],
        "top10_share": [0.502, 0.489, 0.481, 0.500, 0.10],
    },
    index=["BG/NBD", "repeat rate", "historic", "total spend", "nothing"],
)


def test_neither_the_best_ranking_nor_the_least_mean_error_wins_alone():
    champion = choose_champion(TABLE)
    assert champion.name == "BG/NBD"
    assert "lowest mean rank over four criteria" in champion.rule
    assert champion.ranks.index.tolist() == ["BG/NBD", "repeat rate", "total spend"]
    assert champion.ranks.loc["BG/NBD"].tolist() == [1, 1, 2, 1, 1.25]
    assert champion.ranks.loc["repeat rate"].tolist() == [2, 2, 1, 3, 2.0]


def test_the_mean_absolute_error_decides_nothing():
    shuffled = TABLE.assign(mae=TABLE["mae"].to_numpy()[::-1])
    pd.testing.assert_frame_equal(choose_champion(shuffled).ranks, choose_champion(TABLE).ranks)


def test_a_bias_counts_by_its_size_whether_too_low_or_too_high():
    ranks = choose_champion(TABLE.assign(bias_pct=[-90.0, 80.0, 0.0, -70.0, 0.0])).ranks["bias_pct"]
    assert ranks.to_dict() == {"total spend": 1, "repeat rate": 2, "BG/NBD": 3}


def test_only_the_eligible_can_win():
    assert choose_champion(TABLE, eligible=["historic", "total spend"]).name == "historic"


def test_ties_go_to_the_lower_rmse_then_to_the_first_name():
    tied = pd.DataFrame(
        {"bias_pct": [2.0, -1.0], "rmse": [1.0, 2.0], "spearman": 0.5, "top10_share": 0.5}, index=["b", "a"]
    )
    assert choose_champion(tied).name == "b"
    assert choose_champion(tied.assign(rmse=1.0, bias_pct=[2.0, -2.0])).name == "a"


def test_bad_tables_are_refused():
    with pytest.raises(InputError, match="'Pareto' is eligible, but not in the comparison"):
        choose_champion(TABLE, eligible=["Pareto"])
    with pytest.raises(InputError, match="no model is eligible"):
        choose_champion(TABLE[TABLE["family"] == "baseline"])
    with pytest.raises(InputError, match="missing or infinite value for 'BG/NBD'"):
        choose_champion(TABLE.assign(rmse=[np.nan, 1, 1, 1, 1]))


def test_criteria_that_losses_leave_undefined_are_not_counted_and_named():
    """RMSE and Spearman alone then order the models, as the ranks by hand say."""
    undefined = TABLE.assign(bias_pct=np.nan, top10_share=np.nan)
    champion = choose_champion(undefined)
    by_hand = choose_champion(TABLE).ranks[["rmse", "spearman"]].mean(axis="columns")
    pd.testing.assert_series_equal(
        champion.ranks["mean_rank"].sort_index(), by_hand.sort_index(), check_names=False
    )
    assert champion.rule.endswith("undefined on this holdout: bias_pct, top10_share.")
    with pytest.raises(InputError, match="missing or infinite value"):
        choose_champion(TABLE.assign(rmse=np.nan))
