"""No password of a tracking URI is shown or written, however it is spelt."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clvml._secrets import masked, shown, without_password
from clvml.workflow._config import load_config

WORD = st.text("abcXYZ0189!$%/?#:&=+~_-", min_size=12, max_size=30).map(lambda text: f"Q{text}Q")


@given(password=WORD, kind=st.sampled_from(["postgresql+psycopg", "mysql+pymysql", "mssql+pyodbc"]))
@example(password="Qp/a?s#s:w&o=r/dQ", kind="postgresql+psycopg")
def test_a_database_keeps_its_user_and_address_and_loses_its_password(password, kind):
    uri = f"{kind}://clv:{password}@db.example.org:5432/mlflow"
    assert without_password(uri) == f"{kind}://clv@db.example.org:5432/mlflow"
    assert shown(uri) == f"{kind}://db.example.org:5432/mlflow"
    assert password not in masked(f"cannot connect to {uri} with '{password}'", uri)


@given(password=st.text("abcXYZ0189!$%:&=+~_-/", min_size=12, max_size=30).map(lambda text: f"Q{text}Q"))
def test_a_server_loses_user_and_password(password):
    uri = f"https://me:{password}@host:5000/team"
    assert without_password(uri) == shown(uri) == "https://host:5000/team"
    assert password not in masked(f"401 for {uri}", uri)


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////home/ann@work/mlflow.db",
        "http://127.0.0.1:5000",
        "https://host/@team/mlflow",
        "postgresql+psycopg://clv@db/mlflow?sslmode=require",
        "databricks://profile",
        "file:///srv/a:b@c/mlruns",
    ],
)
def test_what_has_no_password_stays_as_it_is(uri):
    assert without_password(uri) == uri


def test_a_password_in_the_query_is_one_too():
    uri = "postgresql://db/mlflow?user=clv&password=s3cret&sslpassword=other&sslmode=require"
    assert without_password(uri) == "postgresql://db/mlflow?user=clv&sslmode=require"
    assert "s3cret" not in masked("bad s3cret", uri)


def test_passwords_of_the_environment_and_logins_of_any_uri_are_masked(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter22")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "tok-17")
    text = masked("hunter22 and tok-17 were refused by mysql://clv:pw@db/x")
    assert text == "*** and *** were refused by mysql://***@db/x"


def test_a_config_never_writes_or_prints_the_password_and_says_how_to_give_it():
    config = load_config(overrides={"tracking.uri": "postgresql+psycopg://clv:s3cret@db/mlflow"})
    assert config.tracking.uri == "postgresql+psycopg://clv:s3cret@db/mlflow"  # the run needs it
    for text in (
        config.to_toml(),
        repr(config),
        str(config),
        repr(config.tracking),
        str(config.model_dump()),
    ):
        assert "s3cret" not in text
        assert "postgresql+psycopg://clv@db/mlflow" in text
    assert "PGPASSWORD" in config.to_toml()
    assert "PGPASSWORD" not in load_config().to_toml()
