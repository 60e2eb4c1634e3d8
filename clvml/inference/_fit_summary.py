"""A fit as a table worth reading."""

from __future__ import annotations

import html
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class FitSummary:
    """A fit: parameters with their uncertainty, how well it fits, warnings. Prints as text, shows as HTML.

    Attributes
    ----------
    title : str
        The model's name.
    parameters : DataFrame
        Index ``parameter``; columns ``estimate, standard_error, lower, upper, meaning``; ``lower, upper``
        are the ends of 95 % confidence intervals that are normal in the logarithm.
    figures : dict of str to str
        Customers, log-likelihood, information criteria, how the search went.
    messages : tuple of str
        What to know, in words.
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
        text = {str(name): [f"{value:.4g}" for value in column] for name, column in numbers.items()}
        return self.parameters.assign(**text).rename(columns=lambda name: name.replace("_", " "))
