"""Warnings about a fit: what is wrong, what it means, and a remedy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clvml.inference._fit_record import diverging_parameters
from clvml.inference._maximum_likelihood import Optimum

NO_DROPOUT = (
    "no customer drops out: P(alive) is near 1 for all of them, and expectations over long horizons will be"
    " too high if customers do drop out; purchases that are more regular than the model assumes have this"
    " effect (clvml.diagnostics.purchase_regularity)"
)
_MANY = (
    "Predictions are usable; individual parameters are not. Try prior='weak', a longer history or more"
    " customers."
)
_FEW = (
    "Individual parameters are not usable. Try prior='weak', which predicts better for fewer than 1,000"
    " customers (at a boundary the error of the total is smaller by a fifth or more), a longer history or"
    " more customers."
)
_WIDE = 1.0  # standard error of a log-parameter above which it is weakly identified

Limits = Mapping[tuple[str, ...], str]


def messages_of_search(
    title: str, optimum: Optimum, names: tuple[str, ...], found: str, limits: Limits, few: bool = False
) -> list[str]:
    """Warnings about convergence, divergence and weak identification; ``few``: of few customers, no prior."""
    if not optimum.converged:
        return [
            f"the search for the {title} parameters did not converge ({found}); do not use them: check the"
            " customers for extreme values, or give start."
        ]
    if optimum.at_boundary:
        return [
            _at_boundary(title, diverging_parameters(optimum, names), found, limits)
            + (_FEW if few else _MANY)
        ]
    wide = wide_parameters(optimum, names)
    if not wide:
        return []
    return [
        f"the data only weakly identify {' and '.join(wide)} ({found}), whose standard errors exceed their"
        " estimates: interpret predictions rather than parameters, or use a longer history or more customers."
    ]


def unbounded_draws(title: str) -> str:
    """That a prior alone bounds draws of the parameters."""
    return (
        f"sampling of the {title} parameters is unreliable (the likelihood does not bound them: only a normal"
        " prior, three e-folds wide around the estimate, does): intervals may be too narrow; prior='weak'"
        " regularises the fit, as would a longer history or more customers."
    )


def wide_parameters(optimum: Optimum, names: tuple[str, ...]) -> list[str]:
    """The parameters whose standard errors exceed their estimates."""
    sds = np.sqrt(np.diag(optimum.covariance))
    return [name for name, sd in zip(names, sds, strict=True) if sd > _WIDE]


def meanings_of(boundary: tuple[str, ...], limits: Limits) -> list[str]:
    """Interpretation of diverging parameters, by the limiting cases that cover most of them."""
    left, meanings = set(boundary), []
    for limit in sorted(limits, key=len, reverse=True):
        if left.issuperset(limit):
            left.difference_update(limit)
            meanings.append(limits[limit])
    return list(dict.fromkeys(meanings))


def _at_boundary(title: str, boundary: tuple[str, ...], found: str, limits: Limits) -> str:
    ways = [way.replace(" to ", " tends to ").replace(" 0", " zero") for way in boundary]
    meaning = " and ".join(meanings_of(boundary, limits))
    return (
        f"the {title} likelihood has no interior maximum: it keeps increasing as {' and '.join(ways)}"
        f" ({found})" + (f", which means that {meaning}" if meaning else "") + ". "
    )
