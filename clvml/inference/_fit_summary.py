"""The summary table of a fit."""

from __future__ import annotations

import html
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
        are the limits of 95 % Wald confidence intervals, computed for the logarithm.
    figures : dict of str to str
        Number of customers, log-likelihood, information criteria, convergence.
    messages : tuple of str
        Warnings of the fit.
    not_identified : tuple of str
        Parameters whose standard errors and intervals are not displayed, because the data do not bound them.

    See Also
    --------
    clvml.inference.FitRecord : Convergence of the fit.
    clvml.diagnostics.fit_by_frequency : Whether the model fits.

    Examples
    --------
    ``summary()`` of a fitted model makes it; it prints as a table:

    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> summary = clvml.BGNBD().fit(customers).summary()
    >>> summary.parameters[["estimate", "standard_error"]].round(2)
               estimate  standard_error
    parameter
    r              0.24            0.01
    alpha          4.41            0.38
    a              0.79            0.19
    b              2.43            0.71
    >>> summary.figures["log-likelihood"]
    '-9,582.43'
    """

    title: str
    parameters: pd.DataFrame
    figures: dict[str, str]
    messages: tuple[str, ...] = ()
    not_identified: tuple[str, ...] = ()

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
        text = numbers.map("{:.4g}".format)
        uncertain = [name for name in ("standard_error", "lower", "upper") if name in text]
        if self.not_identified:
            text.loc[list(self.not_identified), uncertain] = "not identified"
        table = self.parameters.assign(**{str(name): column for name, column in text.items()})
        return table.rename(columns=lambda name: name.replace("_", " "))
