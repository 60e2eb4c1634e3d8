"""How the service is run: token, probes, limits, metrics, the log, and new versions."""

import concurrent.futures
import logging
import threading
import time
from types import SimpleNamespace

import pytest
import requests
from serving_formats import ONE

import clvml
from clvml.errors import ClvmlError, InputError, TrackingError
from clvml.scoring._card import card_of
from clvml.serving import Settings, serve
from clvml.serving._following import Following, Source
from clvml.serving._metrics import Metrics
from clvml.serving._settings import read_token

TOKEN = "correct-horse-battery-staple"
BODY = {"rows": [ONE]}


def metric(service, name, **headers):
    """The value of one line of the metrics."""
    lines = service.get("/metrics", **headers).text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)


def test_a_token_is_asked_of_everything_but_probes(start, model_folder, caplog):
    caplog.set_level(logging.INFO)
    with start(model_folder, Settings(token=TOKEN)) as closed:
        for path in ("/live", "/ready", "/ping", "/health"):
            assert closed.get(path).status_code == 200
        for path in ("/", "/docs", "/model", "/metrics", "/openapi.json", "/version", "/elsewhere"):
            answer = closed.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        for given in (
            "",
            "Bearer",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Basic {TOKEN}",
            TOKEN,
            "Bearer é",
        ):
            headers = {"authorization": given.encode("latin-1")}
            answer = closed.post("/score", BODY, headers=headers)
            assert (answer.status_code, answer.json()["rule"]) == (401, "token"), given
        for scheme in ("Bearer", "bearer"):
            headers = {"authorization": f"{scheme} {TOKEN}"}
            assert closed.post("/score", BODY, headers=headers).status_code == 200
            assert closed.get("/openapi.json", headers=headers).json()["security"] == [{"token": []}]
            assert TOKEN not in closed.get("/docs", headers=headers).text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(Settings(token=TOKEN))


def test_the_token_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("CLVML_TOKEN", raising=False)
    assert read_token() is None
    monkeypatch.setenv("CLVML_TOKEN", TOKEN)
    assert read_token() == TOKEN
    (tmp_path / "token").write_text(f"{TOKEN[::-1]}\n")
    assert read_token(tmp_path / "token") == TOKEN[::-1]
    for bad in ("short", "twenty blanks in here", "n\u00f6t-ascii-but-long-enough"):
        (tmp_path / "token").write_text(bad)
        with pytest.raises(InputError, match="at least 16 printable ASCII") as error:
            read_token(tmp_path / "token")
        assert bad not in str(error.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_token(tmp_path / "none")


@pytest.mark.parametrize("name", ["max_rows", "max_body", "concurrency", "timeout", "poll"])
def test_a_limit_of_zero_is_refused(name):
    with pytest.raises(InputError, match="must be positive"):
        Settings()._replace(**{name: 0}).checked()


class Slow:
    """A user's own model that takes its time."""

    required_columns = ("frequency",)
    horizon, annual_discount_rate = 1.0, 0.0

    def __init__(self):
        self.delay, self.entered = 0.0, threading.Semaphore(0)

    def predict_factors(self, customers):
        self.entered.release()
        time.sleep(self.delay)
        return customers.rename(columns={"frequency": "clv"})[["clv"]].astype(float)


@pytest.fixture
def slow(monkeypatch):
    model = Slow()
    monkeypatch.setattr(Source, "load", lambda *_: (model, card_of(model)))
    return model


def ask(service, results):
    session_free = requests.post(f"{service.address}/score", json={"rows": [{"frequency": 1}]}, timeout=30)
    results.append(session_free)


def test_a_full_queue_is_answered_with_503_and_drains(start, slow):
    with start("slow", Settings(concurrency=1, queue=1)) as one:
        slow.delay, results = 0.5, []
        threads = [threading.Thread(target=ask, args=(one, results)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(each.status_code for each in results) == [200, 200, 503, 503]
        refused = next(each for each in results if each.status_code == 503)
        assert (refused.json()["rule"], refused.headers["retry-after"]) == ("busy", "1")
        slow.delay = 0.0
        assert one.post("/score", {"rows": [{"frequency": 1}]}).status_code == 200
        assert one.get("/live").status_code == 200


def test_a_computation_beyond_the_time_limit_is_504_and_keeps_its_place(start, slow):
    with start("slow", Settings(concurrency=1, queue=0, timeout=0.2)) as one:
        slow.delay = 0.8
        late = one.post("/score", {"rows": [{"frequency": 1}]})
        assert (late.status_code, late.json()["rule"]) == (504, "time_limit")
        assert one.post("/score", {"rows": [{"frequency": 1}]}).json()["rule"] == "busy"
        slow.delay = 0.0
        time.sleep(0.8)
        assert one.post("/score", {"rows": [{"frequency": 1}]}).status_code == 200


def test_an_unexpected_error_tells_neither_the_client_nor_the_log_what_was_sent(start, slow, caplog):
    def fail(customers):
        raise KeyError(f"SECRET {customers['frequency'].iloc[0]}")

    with start("slow") as broken:
        slow.predict_factors = fail
        answer = broken.post("/score", {"rows": [{"frequency": 98765, "customer_id": "SECRET"}]})
        assert (answer.status_code, answer.json()["rule"]) == (500, "internal")
        for text in (answer.text, caplog.text):
            assert "SECRET" not in text
            assert "98765" not in text
        assert "KeyError in" in caplog.text
        assert broken.get("/ready").status_code == 200


def test_a_model_that_answers_nonsense_is_refused(start, slow):
    with start("slow") as broken:
        slow.predict_factors = lambda customers: customers.assign(clv=float("nan"))[["clv"]]
        answer = broken.post("/score", {"rows": [{"frequency": 1}]})
        assert answer.status_code == 422
        slow.predict_factors = lambda customers: customers.iloc[::-1].assign(clv=1.0)[["clv"]]
        assert broken.post("/score", {"rows": [{"frequency": 1}, {"frequency": 2}]}).status_code == 422


def test_metrics_count_requests_rows_and_refusals(start, model_folder):
    with start(model_folder) as fresh:
        fresh.post("/score", {"rows": [ONE, ONE | {"customer_id": "b"}]})
        fresh.post("/score", {"rows": [ONE, ONE]})
        fresh.post("/invocations", b"{")
        fresh.get("/nowhere/SECRET")
        text = fresh.get("/metrics").text
        assert metric(fresh, "clvml_rows_scored_total") == 2
        assert metric(fresh, 'clvml_requests_total{route="/score",status="200"}') == 1
        assert metric(fresh, 'clvml_requests_total{route="/score",status="422"}') == 1
        assert metric(fresh, 'clvml_requests_total{route="/invocations",status="400"}') == 1
        assert metric(fresh, 'clvml_requests_total{route="unknown",status="404"}') == 1
        assert metric(fresh, 'clvml_refusals_total{rule="duplicated_id"}') == 1
        assert metric(fresh, 'clvml_request_seconds_count{route="/score"}') == 2
        assert metric(fresh, "clvml_scoring_seconds_count") == 1
        assert metric(fresh, "clvml_requests_in_flight") == 1  # this one
        assert f'clvml_model_info{{alias="",name="{model_folder.name}"' in text
        assert "SECRET" not in text


def test_the_log_has_no_customer(service, caplog):
    caplog.set_level(logging.DEBUG)
    service.post("/score?horizon=98765", {"rows": [ONE | {"customer_id": "SECRET"}]})
    service.post("/score/SECRET", {"rows": [ONE | {"T": 98765}]}, headers={"user-agent": "SECRET"})
    service.post("/score", {"rows": [ONE | {"T": 98765, "customer_id": "SECRET"}]})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("clvml", "uvicorn"))]
    assert any(message.startswith("POST /score 200") and message.endswith("1 rows") for message in ours)
    assert any(message.startswith("POST unknown 404") for message in ours)
    assert not [message for message in ours if "SECRET" in message or "98765" in message]


def test_a_warning_about_the_request_is_in_the_answer(service):
    old = ONE | {"T": 60}
    answer = service.post("/score", {"rows": [old]})
    assert "1 of 1 rows have T beyond" in answer.json()["warnings"][0]
    assert "beyond" in answer.headers["clvml-warnings"]
    assert "warnings" in service.post("/invocations", {"inputs": [old]}).json()
    assert service.post("/score", BODY).json()["warnings"] == []
    assert "warnings" not in service.post("/invocations", {"inputs": [ONE]}).json()


def test_times_in_days_are_refused_unless_said_to_be_days(service):
    days = ONE | {"recency": 210, "T": 266}
    answer = service.post("/score", {"rows": [days]})
    assert (answer.status_code, answer.json()["rule"]) == (422, "time_unit")
    said = service.post("/score", {"rows": [days], "params": {"time_unit": "D"}})
    assert said.json()["rows"][0]["clv"] == service.post("/score", BODY).json()["rows"][0]["clv"]


class Registry:
    """Which version the alias names, and the models by version: a registry without a server."""

    def __init__(self, monkeypatch, models):
        self.models, self.now, self.away = models, "1", False
        monkeypatch.setattr("clvml.serving._following.resolve", self.resolve)
        monkeypatch.setattr("clvml.serving._following.load_model_with_card", self.load)

    def resolve(self, _, **__):
        if self.away:
            raise TrackingError("no MLflow server responds.")
        return SimpleNamespace(uri=f"models:/clv/{self.now}", name="clv", version=self.now, tags={})

    def load(self, uri, **_):
        model = self.models[uri.rpartition("/")[2]]
        if isinstance(model, Exception):
            raise model
        return model, card_of(model)


@pytest.fixture
def registry(monkeypatch, cdnow):
    models = {str(n): clvml.RepeatRateValue(horizon=10 * n).fit(cdnow) for n in (1, 2)}
    return Registry(monkeypatch, models | {"3": ClvmlError("the file is damaged"), "4": ValueError("SECRET")})


def test_the_alias_is_followed_without_dropping_a_request(start, registry):
    with start("models:/clv@champion", Settings(poll=0.05)) as service:
        stop, answers = threading.Event(), []

        def client():
            session = requests.Session()
            while not stop.is_set():
                answers.append(session.post(f"{service.address}/score", json={"rows": [ONE]}, timeout=30))
            session.close()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(client)
            for version in ("2", "1", "2"):
                time.sleep(0.3)
                registry.now = version
            time.sleep(0.3)
            stop.set()
        assert {answer.status_code for answer in answers} == {200}
        values = {
            (answer.json()["version"], answer.headers["clvml-model-version"], answer.json()["rows"][0]["clv"])
            for answer in answers
        }
        assert {(a, b) for a, b, _ in values} == {("1", "1"), ("2", "2")}
        assert len(values) == 2  # each version its own number, never a mixture
        assert metric(service, 'clvml_model_info{alias="champion",name="clv",segments="",version="2"}') == 1
        assert metric(service, 'clvml_reloads_total{result="loaded"}') == 3


@pytest.mark.parametrize(("version", "reason"), [("3", "the file is damaged"), ("4", "ValueError")])
def test_a_version_that_cannot_be_loaded_is_refused_and_said(start, registry, caplog, version, reason):
    with start("models:/clv@champion", Settings(poll=3600)) as service:
        registry.now = version
        service.following.look()
        service.following.look()
        ready = service.get("/ready")
        assert (ready.status_code, ready.json()["version"]) == (200, "1")
        assert (
            ready.json()["notice"] == f"clv version {version} cannot be loaded; clv version 1 is still served"
        )
        assert service.post("/score", BODY).status_code == 200
        assert metric(service, 'clvml_reloads_total{result="refused"}') == 2
        assert caplog.text.count(reason) == 1  # once, not at each look
        assert "SECRET" not in caplog.text
        registry.now = "2"
        service.following.look()
        assert service.get("/ready").json() == {"status": "ready", "model": "clv", "version": "2"}


def test_a_registry_that_is_away_changes_nothing(start, registry):
    with start("models:/clv@champion", Settings(poll=3600)) as service:
        registry.away = True
        service.following.look()
        assert "does not respond" in service.get("/ready").json()["notice"]
        assert metric(service, 'clvml_reloads_total{result="unreachable"}') == 1
        assert service.post("/score", BODY).status_code == 200
        registry.away = False
        service.following.look()
        assert "notice" not in service.get("/ready").json()


@pytest.mark.usefixtures("registry")
def test_only_an_alias_is_followed():
    for uri, moves in (("models:/clv@champion", True), ("models:/clv/1", False)):
        assert Following(Source(uri), None, Metrics()).moves is moves


def test_a_model_that_does_not_exist_is_refused_at_the_start(tmp_path):
    with pytest.raises(ClvmlError):
        serve(str(tmp_path / "nothing"))


def test_scores_do_not_depend_on_the_id(value_model, groups, cdnow, customers_with_values):
    """The service scores by position, and gives the ids back as they came."""
    for model, customers in ((value_model, cdnow), (groups, customers_with_values)):
        by_id, by_place = (
            clvml.scoring.score(model, each) for each in (customers, customers.reset_index(drop=True))
        )
        assert by_id.reset_index(drop=True).equals(by_place)


def test_the_document_says_what_the_model_takes(service):
    document = service.get("/openapi.json").json()
    customer = document["components"]["schemas"]["Customer"]
    assert customer["required"] == ["frequency", "recency", "T", "monetary_value"]
    assert customer["additionalProperties"] is False
    frequency, recency = (customer["properties"][name] for name in ("frequency", "recency"))
    assert (frequency["type"], frequency["minimum"], frequency["maximum"]) == ("integer", 0, 1_000_000)
    assert "weeks" in recency["description"]
    assert customer["properties"]["time_unit"]["enum"] == ["D", "W", "M", "Q", "Y"]
    rate = document["components"]["schemas"]["Parameters"]["properties"]["annual_discount_rate"]
    assert (rate["minimum"], rate["maximum"]) == (0, 1)
    for name in ("Rows", "ColumnsOfCustomers"):
        example = document["components"]["schemas"][name]["example"]
        assert service.post("/score", example).status_code == 200


def test_examples_are_nobodys_rows(service, cdnow):
    example = service.get("/openapi.json").json()["components"]["schemas"]["Rows"]["example"]["rows"]
    known = set(map(tuple, cdnow[["frequency", "recency", "T", "monetary_value"]].to_numpy().tolist()))
    for row in example:
        assert row["customer_id"].startswith("example-")
        assert tuple(row[name] for name in ("frequency", "recency", "T", "monetary_value")) not in known


def test_categories_are_enums(start, tmp_path, customers_with_values):
    from clvml.scoring import save_model_folder

    country = ["NL", "NA", "客"] * 785 + ["NL", "NA"]
    model = clvml.KMeansSegments(n_segments=3, attributes=["country"])
    model.fit(customers_with_values.assign(country=country))
    save_model_folder(model, tmp_path / "data")
    with start(tmp_path) as service:
        customer = service.get("/openapi.json").json()["components"]["schemas"]["Customer"]
        assert set(customer["properties"]["country"]["enum"]) == {"NL", "NA", "客"}
        (row, *_) = service.get("/openapi.json").json()["components"]["schemas"]["Rows"]["example"]["rows"]
        assert service.post("/score", {"rows": [row]}).status_code == 200
        answer = service.post("/score", {"rows": [row | {"country": "SECRET"}]})
        assert (answer.status_code, answer.json()["column"]) == (422, "country")
        assert "SECRET" not in answer.text
        header, values = ",".join(row), ",".join(map(str, (row | {"country": "NA"}).values()))
        assert service.post("/invocations", f"{header}\n{values}\n".encode(), "text/csv").status_code == 200


def test_pages_need_nothing_from_elsewhere(service):
    for path in ("/", "/docs", "/model"):
        page = service.get(path, headers={"accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        assert "http" not in page.text.replace("http://ADDRESS", "")
    card = service.get("/model").json()
    assert card["card"]["model"] == "LifetimeValue"
    assert card["signature"]["time_unit"] == "W"
    assert service.get("/model", headers={"accept": "image/png"}).status_code == 406
