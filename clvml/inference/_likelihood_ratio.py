"""The likelihood-ratio test of two nested models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from scipy.stats import chi2
from sklearn.utils.validation import check_is_fitted

from clvml.errors import InputError


class Fitted(Protocol):
    """A model fitted by maximum likelihood, as the test requires it."""

    title: str
    log_likelihood_: float
    n_customers_: float

    @property
    def n_parameters_(self) -> int:
        """Number of fitted parameters."""


@dataclass(frozen=True)
class LikelihoodRatioTest:
    """Likelihood-ratio test of two nested models.

    Attributes
    ----------
    statistic : float
        Twice the difference of the log-likelihoods.
    degrees_of_freedom : int
        Difference in the number of parameters.
    p_value : float
        P-value under the smaller model, from the asymptotic chi-square distribution (Wilks).

    See Also
    --------
    clvml.likelihood_ratio_test : Makes it.

    Examples
    --------
    >>> from clvml.inference import LikelihoodRatioTest
    >>> test = LikelihoodRatioTest.of(gain=1.44, degrees_of_freedom=2)
    >>> print(test)
    likelihood ratio 2.88 on 2 degrees of freedom, p = 0.237
    >>> round(test.p_value, 3)
    0.237
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float

    @classmethod
    def of(cls, gain: float, degrees_of_freedom: int) -> Self:
        """The test for an increase in log-likelihood."""
        statistic = max(2 * gain, 0.0)
        return cls(statistic, degrees_of_freedom, float(chi2.sf(statistic, degrees_of_freedom)))

    def __str__(self) -> str:
        return (
            f"likelihood ratio {self.statistic:.2f} on {self.degrees_of_freedom}"
            f" degree{'s' * (self.degrees_of_freedom != 1)} of freedom, p = {self.p_value:.3g}"
        )


def likelihood_ratio_test(smaller: Fitted, larger: Fitted) -> LikelihoodRatioTest:
    """Test a model against a larger model in which it is nested, both fitted to the same customers.

    Parameters
    ----------
    smaller : fitted model
        Nested in ``larger``; with ``log_likelihood_``, ``n_customers_`` and ``n_parameters_``, as all models
        of clvml that are fitted by maximum likelihood.
    larger : fitted model
        With additional parameters, such as covariates, fitted to the same customers.

    Returns
    -------
    LikelihoodRatioTest
        ``statistic``, ``degrees_of_freedom`` and ``p_value``; prints as a sentence.

    Raises
    ------
    InputError
        If the models were fitted to different numbers of customers, or are not nested: the larger has no
        additional parameters or a lower likelihood.

    See Also
    --------
    clvml.inference.LikelihoodRatioTest : The result.
    clvml.BGNBD, clvml.GammaGamma : With covariates they have the test in ``likelihood_ratio_test_``.

    References
    ----------
    Wilks (1938), The Large-Sample Distribution of the Likelihood Ratio, Annals of Mathematical
    Statistics 9(1).

    Examples
    --------
    Whether every second customer of CDNOW differs from the others (they do not):

    >>> import clvml
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> customers["even"] = [float(number % 2 == 0) for number in customers.index]
    >>> smaller = clvml.BGNBD().fit(customers)
    >>> larger = clvml.BGNBD(covariates=["even"]).fit(customers)
    >>> print(clvml.likelihood_ratio_test(smaller, larger))
    likelihood ratio 2.88 on 2 degrees of freedom, p = 0.237
    """
    check_is_fitted(smaller, "log_likelihood_")
    check_is_fitted(larger, "log_likelihood_")
    if smaller.n_customers_ != larger.n_customers_:
        raise InputError(
            f"the models were fitted to {smaller.n_customers_:g} and {larger.n_customers_:g} customers; a"
            " likelihood-ratio test requires the same customers."
        )
    freedom = larger.n_parameters_ - smaller.n_parameters_
    gain = larger.log_likelihood_ - smaller.log_likelihood_
    if freedom < 1 or gain < -1e-6:
        raise InputError(
            f"{larger.title} with {larger.n_parameters_} parameters and log-likelihood"
            f" {larger.log_likelihood_:.2f} does not contain {smaller.title} with {smaller.n_parameters_} and"
            f" {smaller.log_likelihood_:.2f}; give the smaller model first, or compare aic_ or bic_."
        )
    return LikelihoodRatioTest.of(gain, freedom)
