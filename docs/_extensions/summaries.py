"""What several pages of the reference share: headings, and the first sentence of a docstring."""

import inspect
import re
from collections.abc import Mapping

from constants import docstring_of
from public import kind_of, public_values


def heading(title: str, line: str = "-") -> str:
    """A heading in reStructuredText."""
    return f"\n{title}\n{line * len(title)}\n\n"


def definitions(entries: Mapping[str, str]) -> str:
    """A list of terms, each with a text of one paragraph."""
    return "".join(f"{term}\n   {text}\n\n" for term, text in entries.items())


def first_sentence(path: str) -> str:
    """The first paragraph of a public name's docstring, on one line."""
    value = public_values()[path]
    text = docstring_of(path) if kind_of(value) == "data" else inspect.getdoc(value) or ""
    return without_roles(" ".join(text.partition("\n\n")[0].split()))


def without_roles(text: str) -> str:
    """Roles are relative to where a docstring is: elsewhere their targets are shown as code."""
    return re.sub(r":\w+:`~?([^`]+)`", r"``\1``", text)
