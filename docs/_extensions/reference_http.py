"""The page of HTTP endpoints, from the service's OpenAPI document and from true answers of the service."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from asgi import ask
from example_service import application, served
from numpydoc.docscrape import ClassDoc
from schema_words import fields
from summaries import definitions, heading

from clvml.serving._openapi import openapi
from clvml.serving._refusals import RULES
from clvml.serving._settings import Settings

ADDRESS = "http://127.0.0.1:8000"
JSON = "application/json"
LONG = ("/model", "/metrics")  # answers of several pages
INTRODUCTION = """\
``clvml serve`` answers these requests; this page is made from its OpenAPI document, which each service gives
at ``/openapi.json``, and for people at ``/docs``. Columns and bounds are those of the served model: here one
of the CDNOW data, BG/NBD with Gamma-Gamma in weeks, with its segments. Yours may need other columns; the
customers in the examples are invented. How to start it: :doc:`/start/engineer`.

Bodies and answers are in UTF-8, numbers in JSON with a decimal point, dates ``YYYY-MM-DD``. Ids come back as
they were given; no customer is logged or stored. A path or a method that is not on this page is answered with
404 or 405.
"""
ON_TOKENS = """\
With a token (``--token-file`` or ``CLVML_TOKEN``) each request but the probes ``/live``, ``/ready``,
``/ping`` and ``/health`` needs the header ``Authorization: Bearer TOKEN``; without it the answer is 401.
"""
ON_ERRORS = """\
A refused request is answered with a sentence, the rule that it breaks, and the row and column concerned. It
never repeats a value of the request. Requests to ``/invocations`` are answered with MLflow's two keys too,
and with 400 where ``/score`` says 422.
"""
MORE_PATHS = {
    "/": "The same page as ``/docs``.",
    "/docs": "How to call the service, a page for people.",
    "/openapi.json": "The OpenAPI document, version 3.1.",
}
HEADERS = {
    "clvml-model-version": "The version that gave the scores, or ``folder``.",
    "clvml-warnings": "A JSON list of warnings about the request as a whole, if there are any.",
}


class Example(NamedTuple):
    """A request of an example."""

    method: str
    path: str
    body: Any = None

    @property
    def command(self) -> str:
        """The request as a line for the shell."""
        if self.body is None:
            return f"curl {ADDRESS}{self.path}"
        return f"curl '{ADDRESS}{self.path}' -H 'Content-Type: {JSON}' -d '{json.dumps(self.body)}'"

    @property
    def answer(self) -> tuple[int, str]:
        """What the service answers: the status, and JSON with a key on each line."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        status, headers, content = ask(
            application(), self.method, self.path, {"content-type": JSON} if body else {}, body
        )
        text = content.decode()
        return status, json.dumps(json.loads(text), indent=1) if headers["content-type"] == JSON else text


def examples() -> dict[str, Example]:
    """An example for each path of the document, and one that is refused."""
    customer = served().examples[1]
    names = [name for name in customer if name != "customer_id"]
    split = {"columns": names, "data": [[customer[name] for name in names]]}
    refused = {**customer, "customer_id": "example-0", "recency": -1}
    return {
        "/score": Example("POST", "/score?horizon=26W&details=true", {"rows": [customer]}),
        "/invocations": Example("POST", "/invocations", {"dataframe_split": split}),
        **{path: Example("GET", path) for path in ("/model", "/live", "/ready", "/metrics", "/ping")},
        **{path: Example("GET", path) for path in ("/health", "/version")},
        "refused": Example("POST", "/score", {"rows": [customer, refused]}),
    }


def http_page() -> str:
    """The source of the page."""
    document = openapi(served(), Settings())
    secured = openapi(served(), Settings(token="0" * 16))
    schemas = document["components"]["schemas"]
    parts = [heading("HTTP endpoints", "=") + INTRODUCTION, heading("Limits"), *_limits()]
    for path, operations in secured["paths"].items():
        ((method, operation),) = operations.items()
        parts += endpoint(path, method.upper(), operation, schemas)
    parts += [heading("Other paths"), definitions(MORE_PATHS), *_errors(schemas)]
    return "".join(parts)


def endpoint(
    path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Iterator[str]:
    """The section of a path."""
    yield f"{heading(f'{method} {path}')}{_words_of(operation)}\n"
    body = operation.get("requestBody")
    if body:
        yield f"{rubric('Request')}Content types: {_codes(body['content'])}.\n\n"
    if path == "/score":
        yield "``rows`` is a list of objects, ``columns`` an object of lists. Fields of a customer:\n\n"
        yield fields(schemas["Customer"])
        yield "Parameters, in the address or in the body as ``params``:\n\n" + _parameters(schemas)
    if path == "/invocations":
        yield _of_invocations(schemas)
    yield rubric("Answer") + _answer(path, operation["responses"]["200"]["content"], schemas)
    yield rubric("Statuses") + definitions(_statuses(operation["responses"]))
    yield rubric("Example") + shown(examples()[path])


def rubric(title: str) -> str:
    """A heading that is not in the contents."""
    return f"\n.. rubric:: {title}\n\n"


def _words_of(operation: Mapping[str, Any]) -> str:
    text = f"{operation['summary']}. {operation['description']}".strip()
    return text.replace("`", "``")


def _codes(names: Any) -> str:
    return ", ".join(f"``{name}``" for name in names)


def _limits() -> Iterator[str]:
    """The settings of the service, with their defaults."""
    defaults, documented = Settings(), ClassDoc(Settings)["Attributes"]
    shown = {each.name: " ".join(each.desc) for each in documented if each.name != "token"}
    yield definitions({_option(name, getattr(defaults, name)): text for name, text in shown.items()})
    yield ON_TOKENS


def _option(name: str, default: float) -> str:
    option = f"``--{name.replace('_', '-')}``"
    return f"{option}: {default // 2**20} MiB" if name == "max_body" else f"{option}: {default:,}"


def _parameters(schemas: Mapping[str, Any]) -> str:
    parameters = schemas["Parameters"]["properties"]
    return definitions({f"``{name}``": schema["description"] for name, schema in parameters.items()})


def _of_invocations(schemas: Mapping[str, Any]) -> str:
    shapes = [next(iter(each["properties"])) for each in schemas["Invocation"]["oneOf"]]
    return (
        f"JSON with one of {_codes(shapes)}, and optionally ``params``, or a CSV table with a header. Fields"
        " and parameters are those of ``/score``.\n"
    )


def _answer(path: str, content: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    types = f"Content types: {_codes(content)}.\n\n"
    if path == "/score":
        about = {k: v for k, v in schemas["RowsOfScores"]["properties"].items() if k != "rows"}
        return (
            types
            + "In JSON ``rows`` or ``columns``, as the request, in its order, and\n\n"
            + fields({"properties": about})
            + "Headers of the answer:\n\n"
            + definitions({f"``{name}``": text for name, text in HEADERS.items()})
            + "The scores; those from ``buys_within_30_days`` on only with ``details``:\n\n"
            + fields({"properties": schemas["Scores"]["properties"]})
        )
    if path == "/invocations":
        return types + fields(schemas["Predictions"]).replace(
            "Array. ", "One object per row, as in ``/score``."
        )
    if path == "/metrics":
        return types + _metrics()
    schema = content.get(JSON, {}).get("schema", {})
    return types + (fields(schema) if "properties" in schema else "")


def _metrics() -> str:
    """The metrics of the service itself; those of the process and of Python are not listed."""
    lines = Example("GET", "/metrics").answer[1].splitlines()
    found = [line.split(" ", 3)[2:] for line in lines if line.startswith("# HELP clvml_")]
    return definitions({f"``{name}``": text for name, text in found if not name.endswith("_created")})


def _statuses(responses: Mapping[str, Any]) -> dict[str, str]:
    return {status: responses[status]["description"] for status in sorted(responses)}


def shown(example: Example) -> str:
    """The command and its true answer, or the first lines of a long one."""
    status, text = example.answer
    command, lines = _block("sh", [example.command]), text.strip().splitlines()
    if example.path in LONG:
        return command
    if not lines:
        return f"{command}The answer, with status {status}, is an empty line.\n"
    language = "json" if text.startswith("{") else "text"
    return f"{command}The answer, with status {status}:\n\n{_block(language, lines)}"


def _block(language: str, lines: list[str]) -> str:
    return f".. code-block:: {language}\n\n" + "".join(f"   {line}\n" for line in lines) + "\n"


def _errors(schemas: Mapping[str, Any]) -> Iterator[str]:
    yield heading("Errors") + ON_ERRORS + "\n"
    yield fields({**schemas["Error"], "properties": _without_rules(schemas["Error"]["properties"])})
    yield shown(examples()["refused"])
    yield rubric("Rules") + "Clients can rely on these names:\n\n"
    yield definitions({f"``{name}``": text[0].upper() + text[1:] + "." for name, text in RULES.items()})


def _without_rules(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {**properties, "rule": {"type": "string", "description": "One of the rules below."}}
