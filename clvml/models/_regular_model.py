"""Models of purchases at regular times, with Erlang distributed times between purchases of shape ``k``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
import pandas as pd
from scipy.special import gammaln

from clvml.distributions._bgcnbd_likelihood import log_spacing
from clvml.distributions._history import Array, History
from clvml.distributions.bgcnbd import ErlangKernel
from clvml.errors import FitError, InputError
from clvml.inference._blas import one_blas_thread
from clvml.inference._prior import PriorScale, is_weak
from clvml.models._bgnbd import INFLUENCES, LIMITS, SCALES
from clvml.models._history_model import HistoryModel
from clvml.models._log_linear import Covariates
from clvml.models._parameters import Parameters, Problem
from clvml.models._traits import DROPOUT_AFTER_PURCHASE, Trait, gamma

LARGEST_SHAPE = 12  # that is tried
GAPS = "litt"  # column of a summary: sum of the logarithms of the times between purchases
_LARGEST_GIVEN = 100
_FALLS = 2  # of the log-likelihood, after which no larger shape is tried

Value = TypeVar("Value")


class OfShape(Generic[Value]):
    """A class attribute that depends on the fitted ``k_`` of the instance, 1 before the fit."""

    def __init__(self, of_shape: Callable[[int], Value]) -> None:
        self.of_shape = of_shape

    def __get__(self, model: Any, owner: type) -> Value:
        return self.of_shape(getattr(model, "k_", 1))


def _purchase_rate(r: Any, alpha: Any, k: int) -> Any:
    """The distribution of ``lambda / k``, ``lambda ~ Gamma(r, alpha)``."""
    return gamma(r, k * alpha)


def kernel_of_shape(at_first: int) -> OfShape[Any]:
    """The kernel of the model."""
    return OfShape(lambda k: ErlangKernel(k, at_first))


def _traits(k: int) -> tuple[Trait, ...]:
    rate = Trait("purchase rate", "purchases per {unit}", partial(_purchase_rate, k=k), ("r", "alpha"))
    return rate, DROPOUT_AFTER_PURCHASE


def _scales(k: int) -> tuple[PriorScale, ...]:
    """Those of BG/NBD, of purchases rather than events."""
    shape, purchases, *dropout = SCALES
    return shape, purchases._replace(typical=k * purchases.typical), *dropout


class RegularModel(HistoryModel):
    """Base class of BG/CNBD-k and MBG/CNBD-k: how ``k`` is given or chosen."""

    influences = INFLUENCES
    dropout_formula = "a / (a + b)"
    dropout_per = "per purchase"
    meanings = (
        "shape of the purchase rates: the larger, the more homogeneous",
        "scale of the purchase rates, r / (k * alpha) on average, in the unit of time",
        "dropout after a purchase is a / (a + b) on average,",
        "and the larger a + b, the more homogeneous",
    )
    scales: ClassVar[Any] = OfShape(_scales)
    traits: ClassVar[Any] = OfShape(_traits)
    limits = LIMITS
    at_first: ClassVar[int]

    k_: int
    regularity_profile_: pd.DataFrame | None = None

    def __init__(
        self,
        k: int | None = None,
        prior: Literal["weak", "auto"] | None = None,
        covariates: Covariates = (),
    ) -> None:
        super().__init__(prior, covariates)
        self.k = k

    @classmethod
    def _with_shape(cls, k: int, params: Any, time_unit: str | None) -> Self:
        model = cls._with_params(params, time_unit)
        model.k = model.k_ = _checked_shape(k)
        return model

    def _check_learnt(self) -> None:
        _checked_shape(self.k_)
        super()._check_learnt()

    def _learnt(self) -> str:
        learnt = super()._learnt()
        return f"k={self.k_}, {learnt}" if learnt else learnt

    def _figures(self) -> dict[str, str]:
        chosen = "given" if self.regularity_profile_ is None else "by likelihood"
        return super()._figures() | {"k": f"{self.k_} ({chosen})"}

    def _encode(self, customers: pd.DataFrame, history: History) -> tuple[Parameters, History]:
        """Choose ``k``, by the likelihood without covariates, before covariates are encoded."""
        self.regularity_profile_ = None
        if self.k is None:
            profile = self._profile(history, _log_gaps(customers, history))
            self.regularity_profile_ = profile
            self.k_ = 1 + int(profile["total"].argmax())
        else:
            self.k_ = _checked_shape(self.k)
        return super()._encode(customers, history)

    def _first_guess(self, history: History) -> Array:
        return super()._first_guess(history) / np.array([1.0, getattr(self, "k_", 1), 1.0, 1.0])

    def _profile(self, history: History, gaps: Array | None) -> pd.DataFrame:
        """The log-likelihood maximised for each ``k``, until it falls twice in a row."""
        found: dict[int, tuple[float, float]] = {}
        weak, start = is_weak(self.prior, float(history.weights.sum())), None
        at_once = bool(((history.x > 0) & (history.t_x == 0)).any())  # impossible of regular purchases
        for k in range(1, 2 if at_once else LARGEST_SHAPE + 1):
            self.k_ = k
            parameters = self._common_parameters().in_units(self._units(history))
            guess = parameters.unit * self._first_guess(history)
            starts = [guess] if start is None else [start, guess]
            kernel = ErlangKernel(k, self.at_first)
            problem = Problem(kernel, history, weak, rough=k == 1)
            try:
                with one_blas_thread():
                    optimum = parameters.maximise(problem, starts).optimum
            except FitError:
                if k == 1:
                    raise
                break
            found[k] = optimum.value, 0.0 if gaps is None else _log_likelihood_of_gaps(history, gaps, k)
            start = parameters.estimate(optimum.theta) * np.array([1.0, k / (k + 1), 1.0, 1.0])
            totals = [sum(parts) for parts in found.values()]
            if len(totals) > _FALLS and (np.diff(totals)[-_FALLS:] < 0).all():
                break
        table = pd.DataFrame(found, index=["log_likelihood", "gaps"]).T.rename_axis("k")
        return table.assign(total=table.sum(axis=1))


def _log_gaps(customers: pd.DataFrame, history: History) -> Array | None:
    """The column of logarithms of times between purchases; None if the summary has none.

    Raises
    ------
    InputError
        If one is not a finite number, or above what ``frequency`` and ``recency`` allow.
    """
    if GAPS not in customers:
        return None
    gaps = pd.to_numeric(customers[GAPS], errors="coerce").to_numpy(dtype=float)
    x, t_x = history.x, history.t_x
    largest = x * np.log(np.where(t_x > 0, t_x, 1.0) / np.maximum(x, 1))  # of equal gaps
    bad = ~np.isfinite(gaps) | (gaps > largest + 1e-6 * np.maximum(np.abs(largest), 1))
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"{bad.sum()} of {len(customers)} customers have an impossible {GAPS}, the sum of the logarithms"
            f" of their times between purchases in the unit of recency; the first is"
            f" {customers.index[first]!r}: {GAPS} {gaps[first]:g}, frequency {x[first]:g}, recency"
            f" {t_x[first]:g}. clvml.diagnostics.log_intertransaction_times computes it; or drop the column.",
            rows=bad,
            column=GAPS,
        )
    return gaps


def _log_likelihood_of_gaps(history: History, gaps: Array, k: int) -> float:
    """Of the times of all but the last purchase, given that; relative to a Poisson process."""
    each = (k - 1) * gaps - history.x * gammaln(k) - log_spacing(history.x, history.t_x, k)
    return float(history.weights @ np.where(history.t_x > 0, each, 0.0))


def _checked_shape(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= _LARGEST_GIVEN:
        raise InputError(
            f"k is {k!r}; it must be a whole number from 1 (purchases at random) to {_LARGEST_GIVEN}, or None"
            " to choose it by likelihood."
        )
    return int(k)
