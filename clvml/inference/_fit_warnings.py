"""Fit warnings noted by the text, so that they can be shown beside the model that they concern."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

from clvml.errors import FitWarning

log = logging.getLogger("clvml")


@contextlib.contextmanager
def noted_fit_warnings(model: str = "") -> Iterator[list[str]]:
    """The texts of the fit warnings raised inside, each once.

    They and all other warnings are raised again afterwards, fit warnings with the name of the model before.
    """
    noted: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FitWarning)
        yield noted
    for each in caught:
        if issubclass(each.category, FitWarning):
            noted.append(str(each.message))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    noted[:] = dict.fromkeys(noted)
    for text in noted:
        warnings.warn(f"{model}: {text}" if model else text, FitWarning, stacklevel=4)


@contextlib.contextmanager
def logged_fit_warnings() -> Iterator[None]:
    """Log the fit warnings raised inside at debug level instead, for fits that are no part of a model."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FitWarning)
        yield
    for each in caught:
        if issubclass(each.category, FitWarning):
            log.debug("%s", each.message)
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
