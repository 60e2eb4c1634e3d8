"""How the data of a segmentation were prepared: what was done to each feature, and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from clvml.customers._customer_tables import as_customers
from clvml.errors import InputError
from clvml.segments.grouping._attributes import attribute_table
from clvml.segments.grouping._features import SAME, SKEWED, columns_of, feature_table
from clvml.segments.grouping._prototype_segments import PrototypeSegments

LEFT_OUT = "left out"


def preparation_table(segmenter: PrototypeSegments, customers: pd.DataFrame) -> pd.DataFrame:
    """What was done to each feature before clustering, and why.

    Parameters
    ----------
    segmenter : KMeansSegments or ClusterSegments
        Fitted.
    customers : pandas.DataFrame
        The customers of the fit.

    Returns
    -------
    pandas.DataFrame
        Index ``feature``, in the order of the segmenter, those left out last; ``missing`` (customers),
        ``imputation`` (text), ``skewness`` of the feature (NaN for a level of a category),
        ``transformation, scaling, why`` (text), ``skewness_after`` and ``largest`` (the largest distance from
        the mean in standard deviations after the preparation).

    Raises
    ------
    InputError
        If a feature is missing.

    See Also
    --------
    clvml.segments.grouping.describe_preparation : In sentences.
    clvml.KMeansSegments : The preparation and its options.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import KMeansSegments, preparation_table
    >>> customers = pd.DataFrame({"frequency": [0.0, 0, 0, 1, 1, 9], "clv": [1.0, 2, 3, 4, 5, 6], "T": 9.0})
    >>> model = KMeansSegments(2, features=("frequency", "clv", "T"), value="clv").fit(customers)
    >>> preparation_table(model, customers)[["transformation", "scaling"]]
              transformation                 scaling
    feature
    frequency  log(1 + ratio)  mean 0, deviation 1
    clv                  none  mean 0, deviation 1
    T                left out
    """
    check_is_fitted(segmenter, "scaling_")
    customers = as_customers(customers)
    absent = [name for name in columns_of(segmenter.features_) if name not in customers]
    if absent:
        raise InputError(f"the customers lack the feature {absent[0]!r}; give the customers of the fit.")
    known = feature_table(customers, segmenter.features_)
    known = known.join(attribute_table(customers, segmenter.attribute_coding_))
    points = segmenter.transform(customers)
    rows = {
        str(name): _kept(segmenter, str(name), known[name], points[name]) for name in segmenter.scaling_.index
    }
    rows |= {name: _dropped(segmenter, name) for name in segmenter.dropped_features_}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("feature")
    return table.astype({"missing": "int64"})


def describe_preparation(table: pd.DataFrame) -> str:
    """The preparation in sentences.

    Parameters
    ----------
    table : pandas.DataFrame
        As from `preparation_table`.

    Returns
    -------
    str
        What was done to which features.

    See Also
    --------
    clvml.segments.grouping.preparation_table : The table that it takes.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvml.segments.grouping import KMeansSegments, describe_preparation, preparation_table
    >>> customers = pd.DataFrame({"frequency": [0.0, 0, 0, 1, 1, 9], "clv": [1.0, 2, 3, 4, 5, 6]})
    >>> model = KMeansSegments(2, features=("frequency", "clv"), value="clv").fit(customers)
    >>> describe_preparation(preparation_table(model, customers))  # doctest: +NORMALIZE_WHITESPACE
    'Clustering uses distances, so that features must have no units, few outliers and equal weights: each
    feature is divided by its mean, then standardised to mean 0 and standard deviation 1. Skewed features
    (skewness above 1) are logged before: frequency.'
    """
    kept = table[table["transformation"] != LEFT_OUT]
    logged = kept.index[kept["transformation"].str.startswith("log")].tolist()
    out = table.index[table["transformation"] == LEFT_OUT].tolist()
    imputed = int(kept["missing"].sum())
    sentences = [
        "Clustering uses distances, so that features must have no units, few outliers and equal weights: each"
        " feature is divided by its mean, then standardised to mean 0 and standard deviation 1.",
        f"Skewed features (skewness above {SKEWED:g}) are logged before: {', '.join(logged)}."
        if logged
        else f"No feature is skewed (skewness above {SKEWED:g}), and none is logged.",
    ]
    if imputed:
        sentences.append(f"{imputed:,} missing values of attributes are imputed or a level of their own.")
    if out:
        sentences.append(f"Left out: {', '.join(out)}.")
    return " ".join(sentences)


def _kept(segmenter: PrototypeSegments, name: str, values: pd.Series, points: pd.Series) -> dict[str, object]:
    scaling = segmenter.scaling_.loc[[name]].iloc[0]
    attribute = _attribute_of(segmenter, name)
    level = attribute is not None and attribute != name
    missing, imputation = _missing(segmenter, attribute)
    skew = float("nan") if level else _skewness(values)
    logged = bool(scaling["logged"])
    return {
        "missing": missing,
        "imputation": imputation,
        "skewness": skew,
        "transformation": "1 or 0" if level else "log(1 + ratio)" if logged else "none",
        "scaling": "all levels together deviation 1" if level else "mean 0, deviation 1",
        "why": "level of a category" if level else _why(logged),
        "skewness_after": float("nan") if level else _skewness(points),
        "largest": float(points.abs().max()),
    }


def _why(logged: bool) -> str:
    above = f"skewness above {SKEWED:g}" if logged else f"skewness at most {SKEWED:g}"
    return f"{above}: {'outliers would dominate distances' if logged else 'used as it is'}"


def _dropped(segmenter: PrototypeSegments, name: str) -> dict[str, object]:
    missing, _ = _missing(segmenter, name if name in segmenter.attributes else None)
    return {
        "missing": missing,
        "imputation": "",
        "skewness": float("nan"),
        "transformation": LEFT_OUT,
        "scaling": "",
        "why": f"does not vary (deviation at most {SAME:.0%} of the mean)".replace("%", " %"),
        "skewness_after": float("nan"),
        "largest": float("nan"),
    }


def _attribute_of(segmenter: PrototypeSegments, name: str) -> str | None:
    """The attribute that a feature is made of; None for behaviour."""
    if name in segmenter.attribute_coding_:
        return name
    found = name.rpartition("=")[0]
    return next((a for a in segmenter.attribute_coding_ if name.startswith(f"{a}=")), found or None)


def _missing(segmenter: PrototypeSegments, attribute: str | None) -> tuple[int, str]:
    table = segmenter.missing_
    if attribute is None or attribute not in table.index:
        return 0, ""
    row = table.loc[[attribute]].iloc[0]
    return int(row["missing"]), str(row["handling"])


def _skewness(values: pd.Series) -> float:
    deviation = values.to_numpy(dtype=float) - float(values.mean())
    spread = float(np.square(deviation).mean())
    return float((deviation**3).mean() / spread**1.5) if spread > 0 else 0.0
