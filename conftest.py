"""How the tests share a machine: one process a core, each with one thread of linear algebra."""

import os
import sys
from collections.abc import Iterator

import pytest

for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM"):  # read when NumPy is first imported
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

LONGEST = ("workflow/", "tracking/", "test_notebooks.py")  # in tests/


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, for a process that is done takes over the last of what another has before it."""
    items.sort(key=lambda item: not item.nodeid.startswith(tuple(f"tests/{name}" for name in LONGEST)))


@pytest.fixture(autouse=True)
def closed_figures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close the figures that the examples of docstrings draw."""
    yield
    if isinstance(request.node, pytest.DoctestItem) and "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
