"""A model's card as a page: what a person asks first, in the folder and in MLflow."""

import mlflow

from clvml.scoring import ModelCard, read_card
from clvml.tracking import flavor, load_card
from clvml.tracking._card_text import card_markdown
from clvml.tracking._connection import connected, quiet

CARD = ModelCard(
    title="BG/NBD x Gamma-Gamma",
    verdict="BG/NBD leads.",
    dataset="cdnow",
    observed_from="1997-01-01",
    observed_until="1998-06-30",
    currency="USD",
    scores={"gini": {"value": 0.6478, "lower": 0.5942, "upper": 0.6961}},
    totals={
        "spend": {"value": 57185.0, "lower": 32154.4, "upper": 101270.9, "coverage": 0.9, "horizon": 39.0}
    },
    warranty={"until": "1999-03-30"},
)


def test_the_page_says_what_the_model_is_its_data_and_what_to_expect(tmp_path, value_model):
    with quiet():
        flavor.save_model(value_model, tmp_path / "model", card=CARD)
    page = (tmp_path / "model" / "card.md").read_text()
    for sentence in (
        "# BG/NBD x Gamma-Gamma\n\nBG/NBD leads.",
        "| customers | 2,357 observed from 1997-01-01 until 1998-06-30 |",
        "| horizon | 52 weeks |",
        "| discount rate | 10.00% per year |",
        "| validated until | 1999-03-30 |",
        "in the next 39 weeks (90% prediction intervals)",
        "| spend | 57,185 | 32,154 | 101,271 |",
        "| gini | 0.6478 | 0.5942 | 0.6961 |",
        "| purchases.r | 0.2426 | 0.01256 |",
        read_card(tmp_path / "model" / "data").digest,
    ):
        assert sentence in page, page


def test_a_parameter_that_is_not_identified_has_no_standard_error_on_the_page():
    row = {"name": "a", "estimate": 900.0, "standard_error": 1e9, "identified": False}
    assert "| a | 900 | not identified |" in card_markdown(ModelCard(parameters=[row]))


def test_mlflow_shows_the_page_and_gives_the_card_back(store):
    info = store.written["BG/NBD x Gamma-Gamma"]
    with connected(store.uri):
        logged = mlflow.MlflowClient().get_logged_model(info.model_id)
        version = mlflow.MlflowClient().get_model_version("clv", "1")
    assert logged.tags["mlflow.note.content"].startswith("# LifetimeValue")
    assert "mlflow.note.content" not in version.tags
    for uri in (info.model_uri, "models:/clv/1", "models:/clv@champion"):
        card = load_card(uri, tracking_uri=store.uri)
        assert card.n_customers == 2357
        assert card.covariance["purchases"]["names"] == ["r", "alpha", "a", "b"]
