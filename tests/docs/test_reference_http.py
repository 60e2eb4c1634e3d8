"""The page of HTTP endpoints says what the service answers: its examples are sent as they are printed."""

import json
import shlex
import shutil
import socket
import subprocess
import threading
import time

import jsonschema
import pytest
import reference_http
from asgi import ask
from example_service import application, served
from fastapi.routing import APIRoute

from clvml.serving._openapi import openapi
from clvml.serving._openapi_readable import READABLE
from clvml.serving._refusals import RULES
from clvml.serving._server import server_of
from clvml.serving._settings import Settings

EXAMPLES = reference_http.examples()


@pytest.fixture(scope="module")
def page():
    return reference_http.http_page()


@pytest.fixture(scope="module")
def port():
    """A real server of the service on the page."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = Settings(drain=0)
        server = server_of(application_without_lifespan, settings, "127.0.0.1", 0)
        server.config.lifespan = "off"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(30)


async def application_without_lifespan(scope, receive, send):
    await application()(scope, receive, send)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in reference_http.LONG])
def test_the_command_on_the_page_gives_the_answer_on_the_page(name, page, port):
    example = EXAMPLES[name]
    assert f"   {example.command}\n" in page
    command = example.command.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    line = f"{command} --silent --write-out '\\n%{{http_code}}'"
    found = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True).stdout
    body, _, status = found.rpartition("\n")
    expected_status, expected = example.answer
    assert int(status) == expected_status
    assert body == expected or json.loads(body) == json.loads(expected)
    for text in expected.strip().splitlines():
        assert f"   {text}\n" in page


def test_every_path_of_the_service_is_on_the_page(page):
    for route in application().routes:
        assert isinstance(route, APIRoute)
        assert f"{route.path}\n" in page, route.path


def test_every_rule_and_every_option_of_the_command_is_on_the_page(page):
    assert [rule for rule in RULES if f"``{rule}``\n" not in page] == []
    limits = [name for name in Settings._fields if name != "token"]
    assert [name for name in limits if f"``--{name.replace('_', '-')}``: " not in page] == []


def test_nothing_on_the_page_lacks_its_meaning(page):
    terms = [line for line in page.splitlines() if line.startswith("``") and " " not in line]
    assert len(terms) > 60
    empty = [
        line for line in page.splitlines() if line.startswith("   ") and line.rstrip().endswith("Array.")
    ]
    assert empty == []


@pytest.mark.parametrize("path", READABLE)
def test_what_is_read_with_get_has_the_documented_schema(path):
    content = openapi(served(), Settings())["paths"][path]["get"]["responses"]["200"]["content"]
    answer = ask(application(), "GET", path, {"accept": next(iter(content))})
    assert answer.status == 200
    kind = answer.headers["content-type"].split(";")[0]
    body = json.loads(answer.body) if kind == "application/json" else answer.body.decode()
    jsonschema.validate(body, content[kind]["schema"])


def test_a_service_that_stops_says_so_as_documented():
    document = openapi(served(), Settings())["paths"]["/ready"]["get"]["responses"]["503"]
    application().state.draining = True
    try:
        answer = ask(application(), "GET", "/ready")
    finally:
        application().state.draining = False
    assert answer.status == 503
    jsonschema.validate(json.loads(answer.body), document["content"]["application/json"]["schema"])


def test_invocations_are_never_refused_with_422():
    responses = openapi(served(), Settings())["paths"]["/invocations"]["post"]["responses"]
    body = json.dumps({"dataframe_records": [{**served().examples[0], "T": -1}]}).encode()
    answer = ask(application(), "POST", "/invocations", {"content-type": "application/json"}, body)
    assert answer.status == 400
    assert "breaks a rule" in responses["400"]["description"]
    assert "422" not in responses
