"""A service of a model of CDNOW, as ``clvml serve`` makes it, for the examples of the reference."""

from functools import cache
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI

import clvml
from clvml.scoring._card import card_of
from clvml.serving._app import create_app
from clvml.serving._metrics import Metrics
from clvml.serving._served import Served, Version
from clvml.serving._settings import Settings

NAME = "shop_holdout"


@cache
def served() -> Served:
    """The values of CDNOW's customers over a year, and their segments."""
    customers = clvml.summarize(clvml.load_cdnow(), "1998-06-30", time_unit="W")
    model = clvml.LifetimeValue(clvml.BGNBD(), clvml.GammaGamma(), horizon="12M", annual_discount_rate=0.10)
    factors = model.fit(customers).predict_factors(customers)
    groups = clvml.CustomerGroups().fit(customers.join(factors))
    return Served(
        model,
        card_of(model),
        Version(f"models:/{NAME}/1", NAME, "1", "champion"),
        groups,
        Version(f"models:/{NAME}-segments/1", f"{NAME}-segments", "1", "champion"),
    )


@cache
def application() -> FastAPI:
    """The service, with the limits that are the default."""
    following: Any = SimpleNamespace(served=served(), notice="")
    return create_app(following, Metrics(), Settings())
