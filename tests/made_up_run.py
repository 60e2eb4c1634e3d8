"""A run with every chapter of the report on half of CDNOW: surveys, contacts, costs, a test are made up."""

from pathlib import Path

import numpy as np
import pandas as pd

from clvml.customers import summarize
from clvml.customers._datasets import load_cdnow
from clvml.survey import made_up_survey
from clvml.treatments import assign_treatments
from clvml.workflow import load_config, run

SHARES = {"control": 0.3, "letter": 0.35, "call": 0.35}
ORDER = [
    *("selection", "sound quality", "price", "trusted name", "staff", "returns", "delivery time"),
    *("delivery reliability", "worry about payment", "effort of ordering"),
]


def run_with_everything(folder: Path) -> Path:
    """The output folder of the run."""
    write_inputs(folder)
    files = {
        "data.source": "sales.csv",
        "segments.attributes": "people.csv",
        "segments.contacts": "contacts.csv",
        "economics.acquisition": "spent.csv",
        "survey.ratings": "ratings.csv",
        "survey.satisfaction": "satisfaction.csv",
        "survey.complaints": "complaints.csv",
        "treatments.responses": "responses.csv",
    }
    settings = {
        "value.margin": 0.4,
        "models.contenders": ["bgnbd_gamma_gamma", "repeat_rate"],
        "backtest.origins": 2,
        "segments.attribute_columns": ["age"],
        "segments.contact": "mail",
        "economics.channel": "channel",
        "economics.service_cost": 2.0,
        "economics.acquisitions": 1000.0,
        "survey.overall": "overall satisfaction",
        "survey.loyalty_columns": ["genre", "retailer"],
        "survey.improvement_costs": {"price": 20000.0},
        "survey.company_order": ORDER,
        "treatments.start": "1998-01-01",
        "treatments.costs": {"letter": 0.6, "call": 3.0},
        "treatments.shares": SHARES,
        "tracking.enabled": False,
        "output.folder": str(folder / "out"),
    }
    paths = {key: str(folder / name) for key, name in files.items()}
    return run(load_config(overrides={**paths, **settings})).folder


def write_inputs(folder: Path) -> None:
    """The files that the run reads."""
    everyone = load_cdnow().to_pandas()
    purchases = everyone[everyone["customer_id"] % 2 == 0]
    random = np.random.default_rng(0)
    drawn = {
        name: random.choice(values, len(purchases))
        for name, values in {"genre": ["rock", "jazz"], "retailer": ["web", "shop"]}.items()
    }
    ids = purchases["customer_id"].drop_duplicates()
    survey = made_up_survey(summarize(load_cdnow(), "1998-06-30", "W"))
    groups = assign_treatments(summarize(purchases, "1997-12-31", "W"), SHARES, random_state=3)
    tables = {
        "sales": purchases.assign(**drawn),
        "people": pd.DataFrame(
            {
                "customer_id": ids,
                "channel": np.where(ids % 3 == 0, "web", "shop"),
                "age": ids % 50,
                "mail": "@",
            }
        ),
        "contacts": pd.DataFrame(
            {"customer_id": ids, "first_contact": "1996-12-01", "interested": "1996-12-15"}
        ),
        "spent": pd.DataFrame({"period": "1997Q1", "channel": ["web", "shop"], "cost": [4000, 90000]}),
        "ratings": survey.ratings,
        "satisfaction": survey.satisfaction,
        "complaints": survey.complaints,
        "responses": groups["group"].rename("treatment").reset_index(),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
