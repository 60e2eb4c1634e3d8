"""Attributes of the customers in the main job: read, counted, segmented by, scored by, served."""

import mlflow
import numpy as np
import pandas as pd
import pytest

from clvml.errors import InputError
from clvml.tracking import score_batch
from clvml.workflow._config import load_config
from clvml.workflow._run import run
from clvml.workflow.stages._attribute_files import read_attributes


@pytest.fixture(scope="module")
def people(purchases, tmp_path_factory):
    """Ages, countries and mail addresses of nine in ten customers, as a file."""
    ids = np.sort(purchases["customer_id"].unique())
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "customer_id": ids,
            "age": rng.normal(45, 12, len(ids)).round(),
            "country": rng.choice(["DE", "NL"], len(ids)),
            "mail": np.where(rng.random(len(ids)) < 0.6, "x@y", ""),
        }
    )
    path = tmp_path_factory.mktemp("people") / "people.csv"
    table[rng.random(len(ids)) < 0.9].to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def found(sales, people, tmp_path_factory):
    overrides = {
        "data.source": str(sales),
        "models.contenders": ["bgnbd_gamma_gamma"],
        "tracking.enabled": False,
        "output.folder": str(tmp_path_factory.mktemp("out")),
        "segments.attributes": str(people),
        "segments.contact": "mail",
    }
    return run(load_config(overrides=overrides))


def test_segments_rest_on_the_attributes_and_what_is_missing_is_counted(found, people):
    segmenter = found.segments.segmenter
    assert {"age", "country=DE", "country=NL", "country=(missing)"} <= set(segmenter.scaling_.index)
    without = len(found.customers) - len(pd.read_csv(people))
    assert segmenter.missing_["missing"].to_dict() == {"age": without, "country": without}


def test_reach_is_counted_and_no_address_is_written(found):
    reach = found.tables["quality"]["reach"]
    assert reach.between(0.4, 0.7).all()  # nine in ten have a row, six in ten of them an address
    for path in found.folder.rglob("*"):
        assert not path.is_file() or b"x@y" not in path.read_bytes()


def test_scoring_and_serving_tell_what_the_run_told(found, tmp_path):
    told = ["segment", "segment_name", "value_class", "stage", "treatment", "budget"]
    members = found.segments.members
    folder = found.folder
    scores = score_batch(
        folder / "model", folder / "customers.parquet", tmp_path / "s.parquet", segments=folder / "segments"
    ).read()
    pd.testing.assert_frame_equal(scores[told], members[told])
    request = members.head(9).reset_index()
    served = mlflow.pyfunc.load_model(str(folder / "segments")).predict(request)
    pd.testing.assert_frame_equal(served[told], request[told], check_dtype=False)


@pytest.mark.parametrize(
    ("content", "wishes", "message"),
    [
        ("customer_id,age\n2,40\n2,41\n", {}, "2 is duplicated in"),
        ("customer_id,age\nx2,40\n", {}, "not of the same type"),
        ("customer_id,age\n-7,40\n", {}, "no customer of the purchases"),
        ("who,age\n2,40\n", {}, "no column 'customer_id' of customer ids; it has who, age"),
        ("customer_id,age\n2,40\n", {"segments.contact": "phone"}, "no column 'phone'"),
        (None, {}, "there is no file"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_words(purchases, tmp_path, content, wishes, message):
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_text(content)
    config = load_config(overrides={"segments.attributes": str(path), **wishes})
    with pytest.raises(InputError, match=message):
        read_attributes(config, pd.Index(np.sort(purchases["customer_id"].unique())), None)


def test_ids_that_are_text_keep_their_zeros(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("customer_id,age\n00017,40\n17,50\n")
    config = load_config(overrides={"segments.attributes": str(path)})
    known = read_attributes(config, pd.Index(["00017"], dtype="str"), None)
    assert known.table["age"].tolist() == [40]


def test_columns_without_their_table_are_refused():
    with pytest.raises(InputError, match="give attributes"):
        load_config(overrides={"segments.contact": "mail"})
