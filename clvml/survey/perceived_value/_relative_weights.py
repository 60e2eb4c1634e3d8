"""Relative weights: the share of explained variance that each of several correlated predictors accounts for.

Attributes of a brand are rated alike (halo), so that they are collinear. Coefficients of a regression then
are unstable, may have the wrong sign, and say what an attribute adds beyond all others rather than how much
it matters. Relative weights (Johnson 2000, "A heuristic method for estimating the relative weight of
predictor variables in multiple regression", equations 2 to 8) regress on the closest orthogonal variables and
translate back: they are at least 0, sum to R squared, and are nearly the same as Shapley values of R squared
(averages over all orders of the predictors), which take ``2**p`` regressions.

As they are at least 0, a predictor without any effect has a small positive weight: whether it has
an effect at all is the question that its coefficient answers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clvml.survey._resamples import FloatArray

_RANK = 1e-9  # eigenvalues of a correlation matrix below this are zero


class Regression(NamedTuple):
    """Regressions on standardised variables, one per draw.

    Attributes
    ----------
    weights : ndarray of shape (draws, p)
        Relative weights; they sum to R squared. NaN where a predictor or the outcome does not vary.
    coefficients : ndarray of shape (draws, p)
        Standardised coefficients of least squares, those of smallest norm if predictors are exactly
        collinear.
    r_squared : ndarray of shape (draws,)
    correlation : ndarray of shape (draws, p)
        Of each predictor with the outcome.
    inflation : ndarray of shape (draws, p)
        Variance inflation factors; infinite values are those of exactly collinear predictors.
    """

    weights: FloatArray
    coefficients: FloatArray
    r_squared: FloatArray
    correlation: FloatArray
    inflation: FloatArray


def relative_weights(covariance: FloatArray) -> Regression:
    """Relative weights and coefficients from covariance matrices of predictors and, last, the outcome.

    Parameters
    ----------
    covariance : ndarray of shape (draws, p + 1, p + 1)
        A predictor that does not vary has no correlations and a weight of 0.

    Examples
    --------
    Uncorrelated predictors have the squares of their correlations:

    >>> found = relative_weights(np.array([[[1.0, 0.0, 0.6], [0.0, 1.0, 0.3], [0.6, 0.3, 1.0]]]))
    >>> found.weights.round(6).tolist(), found.r_squared.round(6).tolist()
    ([[0.36, 0.09]], [0.45])
    """
    scale = np.sqrt(np.einsum("dii->di", covariance).clip(min=0.0))
    scaled = scale[:, :, None] * scale[:, None, :]
    correlation = np.divide(covariance, scaled, out=np.zeros_like(covariance), where=scaled > 1e-15)
    among, outcome = correlation[:, :-1, :-1], correlation[:, :-1, -1]
    values, vectors = np.linalg.eigh(among)
    known = values > _RANK
    roots = np.sqrt(np.where(known, values, 0.0))
    inverse_roots = np.divide(1.0, roots, out=np.zeros_like(roots), where=known)
    to_orthogonal = _rebuilt(vectors, roots)
    of_orthogonal = np.einsum("dij,dj->di", _rebuilt(vectors, inverse_roots), outcome)
    weights = np.einsum("dij,dj->di", to_orthogonal**2, of_orthogonal**2)
    coefficients = np.einsum("dij,dj->di", _rebuilt(vectors, inverse_roots**2), outcome)
    inflation = np.einsum("dii->di", _rebuilt(vectors, inverse_roots**2)).copy()
    inflation[(vectors**2 * ~known[:, None, :]).sum(axis=2) > _RANK] = np.inf
    undefined = scale[:, -1] <= 1e-15
    for array in (weights, coefficients):
        array[undefined] = np.nan
    return Regression(weights, coefficients, weights.sum(axis=1), outcome, inflation)


def _rebuilt(vectors: FloatArray, values: FloatArray) -> FloatArray:
    """Symmetric matrices from eigenvectors and eigenvalues."""
    return np.asarray((vectors * values[:, None, :]) @ np.swapaxes(vectors, 1, 2))
