"""The summary table of a fit."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class FitSummary:
    """Summary of a fit: estimates with standard errors, goodness of fit, warnings; as text and as HTML.

    Attributes
    ----------
    title : str
        The model's name.
    parameters : DataFrame
        Index ``parameter``; columns ``estimate, standard_error, lower, upper, meaning``; ``lower, upper``
        are the limits of 95 % Wald confidence intervals, computed for the logarithm; NaN, as the standard
        error, for a parameter that the data do not identify.
    figures : dict of str to str
        Number of customers, log-likelihood, information criteria, convergence.
    messages : tuple of str
        Warnings of the fit.
    """

    title: str
    parameters: pd.DataFrame
    figures: dict[str, str]
    messages: tuple[str, ...] = ()

    def __str__(self) -> str:
        figures = "   ".join(f"{name} {value}" for name, value in self.figures.items())
        table = self._rounded().to_string(justify="right")
        return "\n".join([self.title, figures, "", table, *(f"\n! {said}" for said in self.messages)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        figures = " &middot; ".join(
            f"{html.escape(name)} <b>{html.escape(value)}</b>" for name, value in self.figures.items()
        )
        said = "".join(f"<p>&#9888; {html.escape(message)}</p>" for message in self.messages)
        return f"<h4>{html.escape(self.title)}</h4><p>{figures}</p>{self._rounded().to_html()}{said}"

    def _rounded(self) -> pd.DataFrame:
        numbers = self.parameters.select_dtypes("number")
        text = {str(name): [_format(value) for value in column] for name, column in numbers.items()}
        return self.parameters.assign(**text).rename(columns=lambda name: name.replace("_", " "))


def _format(value: float) -> str:
    """Four digits; a limit or standard error that the data do not determine is missing."""
    return "not identified" if math.isnan(value) else f"{value:.4g}"
