"""A saved model knows its data, its parameters and its evidence, and no customer."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvml
from clvml.errors import InputError
from clvml.scoring import ModelCard, dump_model, load_with_card, read_card, save_model_folder
from clvml.scoring._card import card_of

GOLDEN = Path(__file__).parents[1] / "golden" / "0.1"
EVIDENCE = ModelCard(
    title="BG/NBD x Gamma-Gamma",
    observed_from="1997-01-01",
    observed_until="1998-06-30",
    dataset="cdnow",
    policy={"returns": "net"},
    currency="USD",
    scores={"by_metric": {"mae": {"value": 31.5, "lower": 29.0, "upper": 34.0}}},
)


def test_a_card_has_the_parameters_of_all_parts_as_their_fits_state_them(value_model):
    card = card_of(value_model)
    found = {row["name"]: row for row in card.parameters}
    for part in ("purchases", "spend"):
        fitted = getattr(value_model, f"{part}_")
        for name, estimate in fitted.params_._asdict().items():
            assert found[f"{part}.{name}"]["estimate"] == estimate
            assert found[f"{part}.{name}"]["standard_error"] == getattr(fitted.standard_errors_, name)
        np.testing.assert_array_equal(card.covariance[part]["matrix"], fitted.covariance_)
        assert card.covariance[part]["names"] == list(fitted.params_._fields)
    assert card.horizon == 52.0
    assert (card.model, card.time_unit, card.n_customers) == ("LifetimeValue", "W", 2357)


def test_a_card_has_the_coefficients_of_covariates_in_the_order_of_their_covariance():
    card = read_card(GOLDEN / "bgnbd-covariates.model.json")
    names = [row["name"] for row in card.parameters]
    errors = np.sqrt(np.diag(card.covariance[""]["matrix"]))
    assert card.covariance[""]["names"] == names
    assert any(name.startswith("purchases") for name in names), names
    np.testing.assert_allclose([row["standard_error"] for row in card.parameters], errors, rtol=1e-12)


def test_a_formula_has_its_estimates_without_a_covariance(cdnow):
    model = clvml.RetentionValue(horizon="12M").fit(cdnow)
    card = card_of(model)
    assert {row["name"]: row["estimate"] for row in card.parameters} == model.params_
    assert card.covariance == {}


def test_parameters_that_the_data_do_not_identify_are_said_to_be_so():
    card = read_card(GOLDEN / "bgnbd-boundary.model.json")
    assert not all(row["identified"] for row in card.parameters)


def test_what_was_seen_is_what_the_customers_had(value_model, cdnow):
    seen = card_of(value_model).seen
    assert seen["T"]["median"] == cdnow["T"].median()
    assert set(seen) == {"frequency", "recency", "T", "monetary_value"}


def test_a_card_is_saved_with_the_evidence_and_read_with_or_without_the_model(tmp_path, value_model):
    save_model_folder(value_model, tmp_path, EVIDENCE)
    card = read_card(tmp_path)
    model, again = load_with_card(tmp_path)
    assert card == again
    assert model.purchases_.params_ == value_model.purchases_.params_
    assert card.title == "BG/NBD x Gamma-Gamma"
    assert card.n_customers == 2357
    assert card.scores == EVIDENCE.scores
    assert (card.format, card.clvml_version) == (3, clvml.__version__)
    assert card.digest.startswith("sha256:")
    assert card.digest == json.loads((tmp_path / "model.json").read_text())["digest"]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.model.json")), ids=lambda path: path.name)
def test_a_model_of_an_earlier_release_has_a_card_of_what_can_be_found(path):
    model, card = load_with_card(path)
    assert card.model == type(model).__name__
    assert card.format == 1
    assert card.digest == read_card(path).digest
    assert card.dataset == ""
    json.dumps(dataclasses.asdict(card), allow_nan=False)


def test_a_card_of_segments_and_of_groups_is_saved_too(tmp_path, segmenter):
    save_model_folder(segmenter, tmp_path, EVIDENCE)
    assert read_card(tmp_path).model == "KMeansSegments"
    assert read_card(tmp_path).dataset == "cdnow"


def test_a_card_that_is_no_plain_json_is_refused_before_anything_is_written(tmp_path, value_model):
    for card in (ModelCard(policy={"date": pd.Timestamp("2020")}), ModelCard(scores={"mae": float("nan")})):
        with pytest.raises(InputError, match="plain JSON and finite numbers"):
            save_model_folder(value_model, tmp_path, card)
    assert not list(tmp_path.iterdir())


def test_a_card_with_a_field_of_another_type_is_refused(value_model):
    from scoring.test_model_file import resealed

    document = json.loads(dump_model(value_model))
    document["card"]["n_customers"] = "many"
    with pytest.raises(InputError, match=r"card is damaged: 'n_customers' is a str"):
        load_text(resealed(document))


def load_text(text):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        path.write_text(text)
        return load_with_card(path)
