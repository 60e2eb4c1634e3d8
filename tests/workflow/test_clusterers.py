"""Clusterers, needs, contacts and trends in a run, by the config."""

import numpy as np
import pandas as pd
import pytest

from clvml.scoring import load_model_folder
from clvml.workflow._config import load_config

QUICK = [
    *("--no-tracking", "--set", 'models.contenders=["historic", "annuity"]', "--set", "backtest.origins=1"),
]


@pytest.fixture(scope="module")
def files(purchases, tmp_path_factory):
    """Purchases, attributes and contacts with known effects."""
    folder = tmp_path_factory.mktemp("groups")
    rng = np.random.default_rng(3)
    some = purchases[purchases["customer_id"] % 8 == 0]
    some.to_csv(folder / "sales.csv", index=False)
    number = some.groupby("customer_id").size()
    jazz = (number >= 4) & (rng.random(len(number)) < 0.8)
    attributes = pd.DataFrame({"customer_id": number.index, "music": np.where(jazz, "jazz", "pop")})
    attributes.to_csv(folder / "attributes.csv", index=False)
    first = some.groupby("customer_id")["date"].min()
    buyers = pd.DataFrame({"customer_id": first.index, "first_contact": first.to_numpy()})
    others = pd.DataFrame({"customer_id": range(10**6, 10**6 + 50), "first_contact": "1997-02-01"})
    others["interested"] = ["1997-03-01"] * 20 + [None] * 30
    pd.concat([buyers, others]).to_csv(folder / "contacts.csv", index=False)
    return folder


def test_a_run_with_a_map_needs_contacts_and_a_trend(files, clvml):
    (files / "config.toml").write_text(
        '[data]\nsource = "sales.csv"\n[split]\ncalibration_end = 1997-09-30\n[segments]\nclusterer = "SOM"\n'
        'n_segments = 3\ncompare_with = ["GaussianMixture"]\nattributes = "attributes.csv"\n'
        'needs = ["music"]\ncontacts = "contacts.csv"\nlifecycle = "five stages"\n'
    )
    result = clvml("run", str(files / "config.toml"), "--output", str(files / "out"), *QUICK)
    assert result.exit_code == 0, result.output
    tables = {path.stem: pd.read_csv(path) for path in (files / "out" / "segment_tables").glob("*.csv")}
    assert {"K-means", "SOM", "GaussianMixture"} <= {*tables["methods"]["method"]}
    needs = tables["needs"]
    assert (needs["distinct"] & (needs["level"] == "jazz") & (needs["lift"] > 1)).any()
    five = tables["lifecycle_stages"].set_index("stage")["customers"]
    assert (five["contact"], five["acquisition"]) == (30, 20)
    assert tables["conversion"].set_index("step").loc["contact to purchase", "contacts"] == five.sum()
    assert {"log(1 + ratio)"} <= {*tables["preparation"]["transformation"]}
    cards = pd.read_csv(files / "out" / "segment_cards.csv")
    assert cards["plan"].str.contains(":").all()
    assert (files / "out" / "figures" / "volume_by_age.png").is_file()
    groups = load_model_folder(next((files / "out" / "segments").rglob("model.json")))
    assert groups.segmenter_.clusterer == "SOM"
    report = (files / "out" / "report.html").read_text(encoding="utf-8")
    assert "What the customers of each segment have in common" in report
    assert "grouped by a self-organising map" in report


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"segments.clusterer": "KMedoids"}, "there is no clusterer 'KMedoids'"),
        ({"segments.compare_with": ["SOM", "Kmeans"]}, "there is no clusterer 'Kmeans'"),
        ({"segments.clusterer_options": {"eps": 1.0}}, "gives clusterer_options for KMeans"),
        (
            {"segments.clusterer": "DBSCAN", "segments.clusterer_options": {"epsilon": 1}},
            "no option 'epsilon'",
        ),
        ({"segments.needs": ["city"]}, "give attributes"),
        ({"segments.lifecycle": "seven stages"}, "five stages"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_before_the_run(settings, sentence):
    from clvml.errors import InputError

    with pytest.raises(InputError, match=sentence):
        load_config(overrides=settings)


def test_a_file_of_contacts_without_dates_stops_the_run_at_once(files, clvml):
    bad = files / "bad.csv"
    bad.write_text("customer_id,seen\n1,1997-01-01\n")
    result = clvml(
        "run",
        "--set",
        f"data.source={files / 'sales.csv'}",
        "--output",
        str(files / "none"),
        *QUICK,
        "--set",
        f"segments.contacts={bad}",
    )
    assert result.exit_code != 0
    assert "no column 'first_contact'" in result.output.replace("\n", " ")
