"""Text in files for people that a spreadsheet would run as a formula, escaped and read back.

Whoever opens a CSV file in a spreadsheet runs its cells: ``=HYPERLINK("http://...")`` as a customer's id is
a link that the customer wrote. So text that starts with ``=``, ``+``, ``-``, ``@``, a tab or a line break
gets an apostrophe before it, as a person would type it. Text that is a number (``-5``, ``+49170``) is left as
it is: nothing is run, and joins on such ids keep working. Text that starts with apostrophes and then such a
character gets one more, so that every text is read back as it was: clvml's reader of CSV removes one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ESCAPE = "'"
# Any character is (?s:.): pyarrow evaluates patterns without \s, \w and \b, pandas the others text by text.
_FORMULA = r"'*[=+\-@\t\r\n](?s:.)"
_NUMBER = r"[+-](?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$"
_ESCAPED = r"''*[=+\-@\t\r\n](?s:.)"


def with_escapes(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its index and its columns of text escaped.

    Examples
    --------
    >>> with_escapes(pd.DataFrame({"name": ["=1+1", "-5", "Gold"]}))["name"].tolist()
    ["'=1+1", '-5', 'Gold']
    """
    texts = {str(name): escaped(column) for name, column in table.items() if _is_text(column)}
    changed = table.assign(**texts) if texts else table
    index = escaped(table.index) if _is_text(table.index) else table.index
    return changed if index is table.index else changed.set_axis(index)


def escaped(texts: Any) -> Any:
    """A Series or Index of text with escapes; what is not text in it is left as it is."""
    return _where(texts, _FORMULA, lambda text: f"{ESCAPE}{text}", but=_NUMBER)


def unescaped(texts: Any) -> Any:
    """A Series or Index of text without the escapes of `escaped`.

    Examples
    --------
    >>> unescaped(pd.Index(["'=1+1", "-5", "'tis", "''+x"])).tolist()
    ['=1+1', '-5', "'tis", "'+x"]
    """
    return _where(texts, _ESCAPED, lambda text: text[1:])


def _is_text(column: Any) -> bool:
    return pd.api.types.is_object_dtype(column) or isinstance(column.dtype, pd.StringDtype)


def _where(texts: Any, pattern: str, change: Callable[[str], str], but: str | None = None) -> Any:
    """The texts that match (and do not match ``but``), changed; if there is none, what was given."""
    matching = _are(texts, pattern)
    if but is not None and matching.any():
        matching = matching & ~_are(texts, but)
    if not matching.any():
        return texts
    values = texts.to_numpy(dtype=object, copy=True)
    values[matching] = [change(text) for text in values[matching]]
    if isinstance(texts, pd.Index):
        return pd.Index(values, dtype=texts.dtype, name=texts.name)
    return pd.Series(values, texts.index, dtype=texts.dtype, name=texts.name)


def _are(texts: Any, pattern: str) -> NDArray[np.bool_]:
    """Whether each is a text that matches from its start."""
    if isinstance(texts.dtype, pd.StringDtype):
        return np.asarray(texts.str.match(pattern), dtype=bool)
    matches = [isinstance(text, str) and re.match(pattern, text) is not None for text in texts]
    return np.array(matches, dtype=bool)
