"""The page of errors and warnings: when each is raised, what to do, and the exit status in the shell."""

import contextlib
import inspect
import io
from collections.abc import Iterator

import typer
from public import names_in, path_by_id
from summaries import definitions, heading

import clvml.errors
from clvml.commands._errors import exit_on_error
from clvml.serving._refusals import refusal_of

REMEDY = "What to do:"
INTRODUCTION = """\
Each message names the thing, the rule and the way out. In the shell an error is one sentence on standard
error that begins with ``clvml: error:``, and an :ref:`exit status <exit-statuses>`; ``--debug`` shows the
traceback. No message has a password in it. Over HTTP it is an answer with a status and a rule: see
:doc:`http`.

A model that is not fitted raises ``sklearn.exceptions.NotFittedError``, as in scikit-learn.
"""
ON_WARNINGS = """\
Warnings use Python's ``warnings``, so that ``warnings.filterwarnings("error", category=clvml.FitWarning)``
makes an error of one. ``clvml run`` prints each warning of the fit of the served model once, as a note.
"""


def errors_page() -> str:
    """The source of the page."""
    classes = [getattr(clvml.errors, name) for name in names_in(clvml.errors)]
    errors = [each for each in classes if not issubclass(each, Warning)]
    warnings = [each for each in classes if issubclass(each, Warning)]
    return "".join(
        [
            heading("Errors and warnings", "=") + INTRODUCTION,
            heading("Errors"),
            *map(entry, errors),
            heading("Warnings") + ON_WARNINGS,
            *map(entry, warnings),
        ]
    )


def entry(error: type[Exception]) -> str:
    """What is said of one class."""
    return f"{heading(error.__name__, '~')}{_link(error)}\n\n{definitions(dict(facts(error)))}"


def facts(error: type[Exception]) -> Iterator[tuple[str, str]]:
    """The terms of its list, each with a text."""
    paragraphs = introduction(error)
    meaning = [text for text in paragraphs if not text.startswith(REMEDY)]
    [remedy] = [text.removeprefix(REMEDY).strip() for text in paragraphs if text.startswith(REMEDY)]
    yield "Means", " ".join(meaning)
    yield "What to do", remedy[0].upper() + remedy[1:]
    yield "Base classes", ", ".join(map(_link, error.__bases__))
    if not issubclass(error, Warning):
        yield "Exit status", exit_status(error)
    if issubclass(error, clvml.InputError):
        refusal = refusal_of(error("..."))
        yield "Over HTTP", f"Status {refusal.status} with the rule ``{refusal.rule}``."


def introduction(error: type[Exception]) -> list[str]:
    """The paragraphs of a docstring above its first section, each in one line."""
    text = (inspect.getdoc(error) or "").split("\n---")[0]
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return paragraphs[:-1] if "\n---" in (inspect.getdoc(error) or "") else paragraphs


def exit_status(error: type[Exception]) -> str:
    """The status of a command that ends with this error, found by raising it."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            with exit_on_error():
                raise error("...")
        except typer.Exit as ended:
            status = ended.exit_code
    if error is clvml.TrackingError:
        return f"Status {status}; 3 after ``clvml run`` or ``clvml check`` if only MLflow lacks the results."
    return f"Status {status}."


def _link(error: type) -> str:
    return f":py:obj:`{path_by_id()[id(error)]}`" if id(error) in path_by_id() else f"``{error.__name__}``"
