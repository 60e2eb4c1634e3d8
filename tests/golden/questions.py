"""What the golden models are asked, how an answer is written down, and where the tables are.

A question has a name, which the stored answers bear for ever, and a call, which follows clvml's names:
where a method or an argument is renamed, change the call here and leave the name alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import clvml

FOLDER = Path(__file__).parent
MODEL, ANSWERS = ".model.json", ".answers.json"

Ask = Callable[[Any, pd.DataFrame], Any]

# Columns and labels in answers that have other names today: old to new.
RENAMED: dict[str, str] = {
    "rate": "purchase_rate",
    "ticket": "average_order_value",
    "value_at_stake": "value_at_risk",
    "former": "lapsed",
    "New customers": "Recent customers",
}

# Parts of answers that a release had wrong, by model and question, and what was wrong: they are not compared.
WRONG: dict[tuple[str, str], dict[str, str]] = {
    ("0.1/value-lifetimes", "factors"): {"expected_purchases": "one period short with a discount"},
}


def model_files(folder: Path) -> dict[str, Path]:
    """The saved models of a release by name: a file each, or a folder of MLflow."""
    plain_ones = {path.name.removesuffix(MODEL): path for path in sorted(folder.glob(f"*{MODEL}"))}
    return plain_ones | {
        path.parent.name: path.parent / "data/model.json" for path in sorted(folder.glob("*/MLmodel"))
    }


def names_in(folder: Path) -> dict[str, list[str]]:
    """The classes in the saved models of a release, and the names that each has in the files."""
    found: dict[str, set[str]] = {}

    def look(value: Any) -> None:
        if isinstance(value, dict) and isinstance(value.get("class"), str):
            named = [*value.get("parameters", {}), *value.get("learnt", {}), *value.get("fields", {})]
            found.setdefault(value["class"], set()).update(named)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(item)

    for path in model_files(folder).values():
        look(json.loads(path.read_text(encoding="utf-8")))
    return {name: sorted(found[name]) for name in sorted(found)}


def request_for(folder: Path, customers: pd.DataFrame) -> pd.DataFrame:
    """The customers with the columns that the signature of an MLflow model asks for."""
    import mlflow

    names = mlflow.models.Model.load(str(folder)).signature.inputs.input_names()
    table = customers.reset_index()
    return table[[name for name in names if name in table]]


def read_table(folder: Path, name: str, time_unit: str | None) -> pd.DataFrame:
    """The customers (or purchases) that answers are about, as they were."""
    table = pd.read_csv(folder / f"{name}.csv")
    if name == "purchases":
        return table
    table = table.set_index("customer_id")
    if time_unit is not None:
        table.attrs["time_unit"] = time_unit
    return table


def plain(answer: Any, customers: pd.DataFrame) -> Any:
    """An answer as JSON holds it; an index is written down unless it is that of the customers."""
    if isinstance(answer, pd.Series):
        answer = answer.to_frame()
    if isinstance(answer, pd.DataFrame):
        index = {} if answer.index.equals(customers.index) else {"index": [str(i) for i in answer.index]}
        return index | {str(name): plain(answer[name].to_numpy(), customers) for name in answer}
    if hasattr(answer, "_asdict"):
        return plain(answer._asdict(), customers)
    if isinstance(answer, dict):
        return {str(key): plain(value, customers) for key, value in answer.items()}
    if isinstance(answer, np.ndarray):
        return answer.tolist()
    if isinstance(answer, list | tuple):
        return [plain(item, customers) for item in answer]
    return answer.item() if isinstance(answer, np.generic) else answer


def translated(stored: Any) -> Any:
    """A stored answer in the words of today."""
    if isinstance(stored, dict):
        return {RENAMED.get(key, key): translated(value) for key, value in stored.items()}
    if isinstance(stored, list):
        return [translated(item) for item in stored]
    return RENAMED.get(stored, stored) if isinstance(stored, str) else stored


def facts_of_fit(model: Any) -> dict[str, Any]:
    """What a model fitted by maximum likelihood says of itself."""
    record = model.fit_record_
    return {
        "parameters": model.params_,
        "standard errors": model.standard_errors_,
        "covariance": model.covariance_,
        "log-likelihood": model.log_likelihood_,
        "customers": model.n_customers_,
        "number of parameters": model.n_parameters_,
        "AIC": model.aic_,
        "BIC": model.bic_,
        "converged": record.converged,
        "evaluations": record.n_evaluations,
        "gradient norm": record.gradient_norm,
        "condition number": record.condition_number,
        "boundary": record.boundary,
        "at boundary": record.at_boundary,
        "starts": record.starts,
        "number of messages": len(record.messages),
    }


def facts_of_covariates(model: Any) -> dict[str, Any]:
    """What a model with covariates says of them."""
    test = model.likelihood_ratio_test_
    return {
        "coefficients": model.coefficients_.rename_axis(columns=None),
        "reference": model.reference_,
        "statistic": test.statistic,
        "degrees of freedom": test.degrees_of_freedom,
        "p-value": test.p_value,
    }


def factors_of_value(model: Any, customers: pd.DataFrame) -> dict[str, Any]:
    """The total value as a function of its factors: their levels, and the money there and 1 % below each.

    Without the customer whose spend is so huge that nobody else would show in a total, and of the factors
    those that every release knows.
    """
    value, inputs = clvml.model_value(model, customers[customers["monetary_value"] < 1e6])
    inputs.pop("purchase_rate", None)
    below = {name: value(**{**inputs, name: 0.99 * level}) for name, level in inputs.items()}
    return {"inputs": inputs, "total": value(**inputs), "totals": below}


def log_likelihood(model: Any, customers: pd.DataFrame) -> pd.Series:
    """Of the customers who were observed: that of the others is 0, give or take rounding."""
    return model.log_likelihood(customers[customers["T"] > 0])


QUESTIONS: dict[str, Ask] = {
    "columns": lambda model, _: model.required_columns,
    "time unit": lambda model, _: model.time_unit_,
    # Models of purchases
    "fit": lambda model, _: facts_of_fit(model),
    "parameters": lambda model, _: model.params_,
    "covariates": lambda model, _: facts_of_covariates(model),
    "summary": lambda model, _: model.summary().parameters.select_dtypes("number"),
    "log-likelihood": log_likelihood,
    "P(alive)": lambda model, table: model.probability_alive(table),
    "P(alive) after 4": lambda model, table: model.probability_alive(table, 4),
    "purchases in 26": lambda model, table: model.expected_purchases(table, 26),
    "purchases in 12M": lambda model, table: model.expected_purchases(table, "12M"),
    "purchases in 5": lambda model, table: model.expected_purchases(table, 5),
    "purchases of a new customer in 26": lambda model, _: model.expected_purchases_new_customer(26),
    "purchases of a new customer in 5": lambda model, _: model.expected_purchases_new_customer(5),
    "P(no purchase in 13)": lambda model, table: model.purchase_probability(0, 13, table),
    "P(two purchases in 13)": lambda model, table: model.purchase_probability(2, 13, table),
    "P(one purchase in 3)": lambda model, table: model.purchase_probability(1, 3, table),
    "P(three purchases of a new customer in 13)": lambda model, _: model.purchase_probability(3, 13),
    "discounted purchases in 26": lambda model, table: model.discounted_purchases(table, 26, 0.15),
    "discounted purchases in 5": lambda model, table: model.discounted_purchases(table, 5, 0.15),
    "discounted purchases in 25.5, by quarters": lambda model, table: model.discounted_purchases(
        table, 25.5, 0.15, "3M"
    ),
    "discounted purchases in 26, at once": lambda model, table: model.discounted_purchases(
        table, 26, 0.15, 0
    ),
    "discounted purchases, infinite horizon": lambda model, table: model.discounted_purchases(
        table, None, 0.15
    ),
    "purchases, infinite horizon": lambda model, table: model.discounted_purchases(table),
    "interval of purchases in 26": lambda model, table: model.predict_interval(table, 26, 0.8),
    "interval of purchases in 5": lambda model, table: model.predict_interval(table, 5, 0.8),
    "survival": lambda model, _: model.survival(12),
    # Models of spend
    "spend": lambda model, table: model.expected_spend(table),
    "interval of spend": lambda model, table: model.predict_interval(table, 0.8),
    # Both
    "draws of parameters": lambda model, _: model.sample_parameters(3, 1),
    "simulated purchases": lambda model, table: model.simulate(table["T"].head(6), 1),
    "simulated spend": lambda model, table: model.simulate(table["frequency"].head(6), 1),
    # Lifetime value
    "value": lambda model, table: model.predict(table),
    "factors": lambda model, table: model.predict_factors(table),
    "value in 13 at 5 %": lambda model, table: model.predict(table, 13, 0.05),
    "factors in 13 at 5 %": lambda model, table: model.predict_factors(table, 13, 0.05),
    "factors in 6M undiscounted": lambda model, table: model.predict_factors(table, "6M", 0.0),
    "interval of value": lambda model, table: model.predict_interval(table, 0.8),
    "interval of total": lambda model, table: model.predict_total_interval(table, None, 0.8),
    "interval of totals by channel": lambda model, table: model.predict_total_interval(
        table, table["channel"], 0.8
    ),
    "factors of value": factors_of_value,
    "parameters of purchases": lambda model, _: model.purchases_.params_,
    "parameters of spend": lambda model, _: model.spend_.params_,
    "reference": lambda model, _: model.reference_,
    # Formulas
    "estimates": lambda model, _: {"estimates": model.params_, "errors": model.standard_errors_},
    "value of a new customer": lambda model, _: model.new_customer_value(),
    "period": lambda model, _: model.period_,
    "transitions": lambda model, _: model.transitions,
    "transitions between brands": lambda model, _: model.transitions_,
    "factors by 2024-06-30": lambda model, table: model.predict_factors(table, "2024-06-30"),
    # Segments
    "segment": lambda model, table: model.predict(table),
    "segment names": lambda model, table: model.segment_names(table),
    "names": lambda model, _: model.names_,
    "profile": lambda model, _: model.profile_,
    "cuts": lambda model, _: model.cuts_,
    "thresholds": lambda model, _: model.thresholds_,
    "scores": lambda model, table: model.scores(table),
    "points": lambda model, table: model.transform(table),
    "centers": lambda model, _: model.centers_,
    "selection": lambda model, _: model.selection_,
    "features": lambda model, _: model.get_feature_names_out(),
    "left out": lambda model, _: model.dropped_features_,
    "missing": lambda model, _: model.missing_,
    "segment of an array": lambda model, table: model.predict(_array(table)),
    "points of an array": lambda model, table: model.transform(_array(table)),
    "stage": lambda model, table: model.predict(table),
    "evidence": lambda model, table: model.evidence(table),
    "typical gap": lambda model, _: model.typical_gap_,
    "groups": lambda model, table: model.assign(table),
    "groups without P(alive)": lambda model, table: model.assign(table.drop(columns="probability_alive")),
}


def _array(table: pd.DataFrame) -> np.ndarray:
    return table[["monetary_value", "frequency"]].to_numpy()
