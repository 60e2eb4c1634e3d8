"""The command line as a user calls it, without the variables of another MLflow."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from clvml.commands import app


@contextmanager
def command_line_in(folder: Path) -> Iterator[Callable[..., Result]]:
    """A function that runs a command in this folder: ``clvml("run", "--no-tracking")`` gives its result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            patch.delenv(name)
        yield lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])
