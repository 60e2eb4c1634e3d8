"""Fitted estimators as readable JSON and back, without loss of precision and without pickle.

An estimator is stored as its class (a public name of `clvml`), its constructor arguments and its learnt
attributes (which end in ``_``). Numbers, text, lists and dictionaries are plain JSON; any other
type is an object with one key that starts with ``$`` and names the type::

    {"$float": "inf"}      {"$tuple": [...]}      {"$array": {"dtype": ..., "shape": ..., "values": ...}}
    {"$record": {"class": "FitRecord", "fields": {...}}}      {"$estimator": {"class": ..., ...}}

Floats are written with Python's shortest representation that round-trips. Loading constructs
only the types named here, from classes of clvml: a file cannot execute code.

**Files stay readable.** The names in a file are short and never change: they are the public names of
estimators and those of `_RECORDS`, whatever the current location and name of the classes. Format 1
(clvml 0.1) has the dotted paths of records, which end in the same names. Estimators renamed since are
translated by `_RENAMED_CLASSES`, parameters, learnt attributes and record fields by `_RENAMED`, labels by
`_RELABELLED`; a parameter that the release of the file did not have takes the value in `_ABSENT`, which
reproduces the behaviour of that release.

Format 3 adds the model's card (see `clvml.scoring.ModelCard`) and the digest of the content, so that a file
that was changed or truncated is refused; formats 1 and 2 have neither.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import importlib
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from clvml.errors import ClvmlError, InputError
from clvml.files import check_not_there, written_whole
from clvml.scoring._card import ModelCard, card_from, card_of, stored_fields
from clvml.scoring._learnt_checks import check_learnt, check_predicts
from clvml.scoring._learnt_types import check_types

FORMAT_VERSION = 3
WITH_DIGEST = 3  # the first format that has a card and a digest
MODEL_FILE = "model.json"
LINE_WIDTH = 100
MOST_ROWS = 1_000_000  # of a table without columns, whose rows cost nothing in the file


def dump_model(model: BaseEstimator, card: ModelCard | None = None) -> str:
    """The estimator and its card as JSON text.

    Parameters
    ----------
    model : estimator
        Fitted.
    card : ModelCard, optional
        What the caller knows of the model, such as its data and scores; all else is found from the model.

    Returns
    -------
    str
        A JSON document.

    Raises
    ------
    InputError
        If the class is not a public estimator of clvml, or an attribute or a field of the card cannot be
        serialised; the message names it.

    See Also
    --------
    clvml.scoring.load_model_json : Reads it.
    clvml.scoring.save_model_folder : Writes it to a file.

    Examples
    --------
    >>> import clvml
    >>> from clvml.scoring import dump_model, load_model_json
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> load_model_json(dump_model(model)).params_.alpha
    4.414
    """
    encoded = _encode_estimator(model, type(model).__name__)
    known = card_of(model) if card is None else card_of(model).with_evidence(card)
    document = {
        "clvml_model": FORMAT_VERSION,
        "clvml_version": version("clvml"),
        "digest": "",
        "card": stored_fields(known),
        "model": encoded,
    }
    return _render(document | {"digest": digest_of(document)}) + "\n"


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document without its digest; independent of white space and of the order of keys.

    Raises
    ------
    InputError
        If a value is not plain JSON.
    """
    content = {key: value for key, value in document.items() if key != "digest"}
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"a model file holds plain JSON and finite numbers only: {error}.") from None
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def load_model_json(text: str) -> Any:
    """The estimator that :func:`dump_model` wrote.

    Parameters
    ----------
    text : str
        A JSON document, as from :func:`dump_model`.

    Returns
    -------
    estimator
        Fitted, without loss of precision.

    Raises
    ------
    InputError
        If the text is damaged, was changed, is not a clvml model, or has a newer format.

    See Also
    --------
    clvml.scoring.dump_model : Writes it.
    clvml.scoring.load_model_folder : Reads a file.

    Examples
    --------
    >>> import clvml
    >>> from clvml.scoring import dump_model, load_model_json
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> load_model_json(dump_model(model)).time_unit_
    'W'
    """
    return _model_of(_document(text))


def load_with_card(folder: str | Path) -> tuple[Any, ModelCard]:
    """The estimator of ``folder/model.json``, or of the file itself, and its card.

    Parameters
    ----------
    folder : str or Path
        The folder of a model, or its ``model.json``.

    Returns
    -------
    model : estimator
        Fitted.
    card : ModelCard
        What the model knows of its data, parameters and scores.

    Raises
    ------
    InputError
        As in :func:`load_model_folder`.

    See Also
    --------
    clvml.scoring.load_model_folder : The model alone.
    clvml.workflow.check : Checks the model by later purchases.

    Examples
    --------
    >>> import tempfile
    >>> import clvml
    >>> from clvml.scoring import load_with_card, save_model_folder
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_model_folder(model, folder)
    ...     loaded, card = load_with_card(folder)
    >>> card.model, card.time_unit
    ('BGNBD', 'W')
    """
    document = _document(_read(folder))
    model = _model_of(document)
    return model, _card_of(document, model)


def read_card(folder: str | Path) -> ModelCard:
    """The card of ``folder/model.json``, or of the file itself.

    A file written before clvml 0.2 has no card: it is what can be found from the model.

    Parameters
    ----------
    folder : str or Path
        The folder of a model, or its ``model.json``.

    Returns
    -------
    ModelCard
        What the model knows of its data, parameters and scores.

    Raises
    ------
    InputError
        As in :func:`load_model_folder`.

    See Also
    --------
    clvml.scoring.load_with_card : With the model.

    Examples
    --------
    >>> import tempfile
    >>> import clvml
    >>> from clvml.scoring import read_card, save_model_folder
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_model_folder(model, folder)
    ...     card = read_card(folder)
    >>> [parameter["name"] for parameter in card.parameters]
    ['r', 'alpha', 'a', 'b']
    """
    document = _document(_read(folder))
    return _card_of(document, None if "card" in document else _model_of(document))


def save_model_folder(model: BaseEstimator, folder: str | Path, card: ModelCard | None = None) -> Path:
    """Write the estimator to ``folder/model.json`` (creating the folder) and return the file's path.

    Parameters
    ----------
    model : estimator
        Fitted.
    folder : str or Path
        It may exist; the file must not.
    card : ModelCard, optional
        What the caller knows of the model, such as its data and scores; all else is found from the model.

    Returns
    -------
    Path
        The file: readable JSON, without a customer.

    Raises
    ------
    InputError
        If the file exists, or as in :func:`dump_model`.

    See Also
    --------
    clvml.scoring.load_model_folder, clvml.scoring.load_with_card : Read it.
    clvml.tracking.register : Versions of models, for a team.

    Examples
    --------
    >>> import tempfile
    >>> import clvml
    >>> from clvml.scoring import ModelCard, load_with_card, save_model_folder
    >>> customers = clvml.summarize(clvml.load_cdnow(), "1997-09-30")
    >>> model = clvml.RepeatRateValue(horizon=39).fit(customers)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_model_folder(model, folder, ModelCard(dataset="cdnow", observed_until="1997-09-30"))
    ...     loaded, card = load_with_card(folder)
    >>> path.name, card.dataset
    ('model.json', 'cdnow')
    >>> loaded.predict(customers).equals(model.predict(customers))
    True
    """
    text = dump_model(model, card)
    path = Path(folder) / MODEL_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    check_not_there(path, "save the model in another folder, or move this file away first")
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return path


def load_model_folder(folder: str | Path) -> Any:
    """Read the estimator from ``folder/model.json``, or from the file itself.

    Parameters
    ----------
    folder : str or Path
        The folder of a model, or its ``model.json``.

    Returns
    -------
    estimator
        Fitted, without loss of precision.

    Raises
    ------
    InputError
        If the file does not exist, or is not a valid model.

    See Also
    --------
    clvml.scoring.load_with_card : With the card.
    clvml.scoring.save_model_folder : Writes it.

    Examples
    --------
    >>> import tempfile
    >>> import clvml
    >>> from clvml.scoring import load_model_folder, save_model_folder
    >>> model = clvml.BGNBD.from_params(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit="W")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_model_folder(model, folder)
    ...     loaded = load_model_folder(folder)
    >>> path.name, loaded.params_.r
    ('model.json', 0.243)
    """
    return load_model_json(_read(folder))


def _read(folder: str | Path) -> str:
    path = Path(folder)
    path = path / MODEL_FILE if path.is_dir() else path
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"there is no model at {path}; clvml.scoring.save_model_folder saves one.") from None
    except UnicodeDecodeError:
        raise InputError(f"the model file {path} is damaged: it is not UTF-8 text.") from None


def _document(text: str) -> dict[str, Any]:
    """The document of a model file, which this release can read and nobody has changed."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InputError(
            f"the model file is damaged: {error.msg} at line {error.lineno}; save the model again."
        ) from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, endless nesting
        raise _damaged(error) from None
    with _in_words():
        _check_version(document)
        _check_digest(document)
    return dict(document)


def _no_constant(name: str) -> Any:
    raise InputError(f"the model file is damaged: {name} is not JSON; save the model again.")


def _model_of(document: Mapping[str, Any]) -> Any:
    with _in_words():
        model = _decode_estimator(document["model"])
        check_predicts(model)
    return model


@contextmanager
def _in_words() -> Iterator[None]:
    """Whatever a damaged file leads to, as an InputError of one sentence."""
    try:
        yield
    except ClvmlError:
        raise
    except (RecursionError, *_OF_DAMAGE) as error:
        raise _damaged(error) from None


_OF_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError, RuntimeError)


def _damaged(error: Exception) -> InputError:
    said = " ".join(str(error).split())[:200]
    return InputError(
        f"the model file is damaged or incomplete ({type(error).__name__}: {said}); save the model again."
    )


def _card_of(document: Mapping[str, Any], model: Any) -> ModelCard:
    """The card of a document; that of an earlier format is found from the model."""
    with _in_words():
        fields = document["card"] if "card" in document else stored_fields(card_of(model))
        if not isinstance(fields, dict):
            raise InputError("the model file is damaged: its card is not an object; save the model again.")
        return card_from(
            fields,
            clvml_version=str(document.get("clvml_version", "")),
            format=document["clvml_model"],
            digest=document.get("digest") or digest_of(document),
        )


def _check_version(document: Any) -> None:
    written = document.get("clvml_model") if isinstance(document, dict) else None
    if isinstance(written, bool) or not isinstance(written, int) or "model" not in document:
        raise InputError("this JSON is not a clvml model: the key 'clvml_model' or 'model' is missing.")
    if written < 1:
        raise InputError(f"the model file is damaged: its format is {written}; save the model again.")
    if written > FORMAT_VERSION:
        written_by = document.get("clvml_version", "a newer version")
        raise InputError(
            f"the model is in format {written}, written by clvml {written_by}; this clvml reads up to format"
            f" {FORMAT_VERSION}: install clvml {written_by} or newer."
        )


def _check_digest(document: Mapping[str, Any]) -> None:
    """Refuse a file that was changed since it was saved; earlier formats have no digest."""
    if document["clvml_model"] < WITH_DIGEST:
        return
    if document.get("digest") != digest_of(document):
        raise InputError(
            "the model file was changed after it was saved: its content does not match its digest. Restore"
            " the original, or save the model again with clvml.scoring.save_model_folder."
        )


# Estimators, named by their public names.


def _encode_estimator(model: BaseEstimator, where: str) -> dict[str, Any]:
    name = type(model).__name__
    if _public_estimator(name) is not type(model):
        raise InputError(
            f"{where} is a {type(model).__module__}.{name}, which is not a public estimator of clvml,"
            " so it cannot be saved in a model file."
        )
    _check_no_scenario(model, where)
    learnt = {key: value for key, value in vars(model).items() if key.endswith("_") and key[0] != "_"}
    return {
        "class": name,
        "parameters": _encode_fields(model.get_params(deep=False), where),
        "learnt": _encode_fields(learnt, where),
    }


def _check_no_scenario(model: BaseEstimator, where: str) -> None:
    """Refuse a model whose class attributes are overridden, as in a scenario: a file would lose them."""
    kept = {*model.get_params(deep=False), *(key for key in vars(model) if key.endswith("_"))}
    overridden = {key: getattr(type(model), key) for key in vars(model) if hasattr(type(model), key)}
    if any(getattr(model, key) != value for key, value in overridden.items() if key not in kept):
        raise InputError(
            f"{where} is in a scenario, which a model file does not hold: save the fitted model, and call"
            " with_factors after loading it."
        )


def _decode_estimator(encoded: dict[str, Any]) -> Any:
    name = encoded["class"]
    estimator = _public_estimator(_RENAMED_CLASSES.get(name, name))
    if estimator is None:
        raise InputError(f"the model is a {name!r}, which this version of clvml does not know.")
    parameters = _ABSENT.get(name, {}) | _today(name, _decode_fields(encoded["parameters"]))
    unknown = sorted(set(parameters) - set(inspect.signature(estimator).parameters))
    if unknown:
        raise InputError(f"{name} has no parameter {unknown[0]!r} in this version of clvml.")
    model = estimator(**parameters)
    learnt = _relabelled(encoded["learnt"], _RELABELLED.get(name, {}))
    for key, value in _today(name, _decode_fields(learnt)).items():
        if not key.endswith("_") or key.startswith("_"):
            raise InputError(f"the model file is damaged: {key!r} is not a learnt attribute.")
        setattr(model, key, value)
    check_learnt(model)
    return model


def _public_estimator(name: str) -> type[BaseEstimator] | None:
    clvml = importlib.import_module("clvml")
    found = getattr(clvml, name, None) if name in clvml.__all__ else None
    return found if isinstance(found, type) and issubclass(found, BaseEstimator) else None


# Values.


def _encode_fields(fields: dict[str, Any], where: str) -> dict[str, Any]:
    return {key: _encode(value, f"{where}.{key}") for key, value in fields.items()}


def _decode_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: _decode(value) for key, value in fields.items()}


def _encode(value: Any, where: str) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    for known, encode in _ENCODERS:
        if isinstance(value, known):
            return encode(value, where)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return _encode_record(value, {name: getattr(value, name) for name in names}, where)
    raise InputError(
        f"{where} holds a {type(value).__module__}.{type(value).__name__}, which cannot be saved in a model"
        " file: use numbers, text, lists, dictionaries, arrays, small tables or clvml's own records."
    )


def _encode_list(value: list[Any], where: str) -> Any:
    return [_encode(item, f"{where}[{i}]") for i, item in enumerate(value)]


def _encode_tuple(value: tuple[Any, ...], where: str) -> Any:
    if hasattr(value, "_fields"):
        return _encode_record(value, dict(zip(value._fields, value, strict=True)), where)
    return {"$tuple": _encode_list(list(value), where)}


def _encode_dict(value: dict[Any, Any], where: str) -> Any:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return _encode_fields(value, where)
    keys = [_encode(key, f"a key of {where}") for key in value]
    values = [_encode(item, f"{where}[{key!r}]") for key, item in value.items()]
    return {"$dict": [list(pair) for pair in zip(keys, values, strict=True)]}


def _encode_scalar(value: np.generic, where: str) -> Any:
    return {"$scalar": _encode_array(np.asarray(value), where)["$array"]}


def _encode_array(value: np.ndarray, where: str) -> Any:
    kind = value.dtype.kind
    if kind not in "biufUMO" or (kind == "f" and value.dtype.itemsize > 8):
        raise InputError(f"{where} is an array of {value.dtype}, which cannot be saved in a model file.")
    # The last bit of a matrix product depends on the memory layout.
    layout = {"order": "F"} if value.flags.f_contiguous and not value.flags.c_contiguous else {}
    plain = value.astype(str) if kind == "M" else value.ravel() if kind == "O" else value
    values = _encode(plain.tolist(), where)
    return {"$array": {"dtype": value.dtype.str, "shape": list(value.shape), **layout, "values": values}}


def _encode_record(value: Any, fields: dict[str, Any], where: str) -> Any:
    path = f"{type(value).__module__}.{type(value).__name__}"
    if path not in _RECORD_NAMES:
        raise InputError(f"{where} is a {path}, which is not among the records of a model file.")
    return {"$record": {"class": _RECORD_NAMES[path], "fields": _encode_fields(fields, where)}}


def _encode_series(value: pd.Series, where: str) -> Any:
    column = _encode_column(value, where)
    index, attrs = _encode_index(value.index, where), _encode(value.attrs, f"{where}.attrs")
    return {"$series": {**column, "index": index, "attrs": attrs}}


def _encode_frame(value: pd.DataFrame, where: str) -> Any:
    columns = [_encode_column(column, f"{where}[{name!r}]") for name, column in value.items()]
    index, attrs = _encode_index(value.index, where), _encode(value.attrs, f"{where}.attrs")
    label = _encode(value.columns.name, where)
    return {"$frame": {"label": label, "index": index, "columns": columns, "attrs": attrs}}


def _encode_index(value: pd.Index, where: str) -> Any:
    if isinstance(value, pd.MultiIndex):
        raise InputError(f"{where} has a MultiIndex, which cannot be saved in a model file.")
    if type(value) is pd.RangeIndex:
        return {"name": _encode(value.name, where), "range": [value.start, value.stop, value.step]}
    return _encode_column(value.to_series(), f"the index of {where}")


def _encode_column(value: pd.Series, where: str) -> dict[str, Any]:
    dtype = str(value.dtype)
    if dtype not in _COLUMN_DTYPES and not dtype.startswith("datetime64"):
        raise InputError(f"{where} is a column of {dtype}, which cannot be saved in a model file.")
    if dtype in ("float64", "float32", "object"):
        values = value.tolist()
    else:
        text = str if dtype.startswith("datetime64") else lambda item: item
        values = [None if missing else text(item) for item, missing in zip(value, value.isna(), strict=True)]
    return {"name": _encode(value.name, where), "dtype": dtype, "values": _encode_list(values, where)}


_COLUMN_DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "str", "string", "object", "Int64", "Float64", "boolean"),
}

_ENCODERS: list[tuple[type, Callable[[Any, str], Any]]] = [
    (dt.timedelta, lambda value, where: {"$timedelta": pd.Timedelta(value).isoformat()}),  # noqa: ARG005
    (np.generic, _encode_scalar),
    (np.ndarray, _encode_array),
    (list, _encode_list),
    (tuple, _encode_tuple),
    (dict, _encode_dict),
    (pd.Series, _encode_series),
    (pd.DataFrame, _encode_frame),
    (BaseEstimator, lambda value, where: {"$estimator": _encode_estimator(value, where)}),
]


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag = next(iter(value), "")
    if len(value) != 1 or not tag.startswith("$"):
        return _decode_fields(value)
    if tag not in _DECODERS:
        raise InputError(f"the model file holds {tag!r}, which this version of clvml does not know.")
    return _DECODERS[tag](value[tag])


def _decode_array(encoded: dict[str, Any]) -> np.ndarray:
    values, dtype = _decode(encoded["values"]), _dtype(encoded["dtype"], encoded["values"])
    if dtype.kind == "O":
        array = np.empty(len(values), dtype=object)
        array[:] = values
    else:
        array = np.array(values, dtype=dtype)
    array = array.reshape(encoded["shape"])
    return np.asfortranarray(array) if encoded.get("order") == "F" else array


def _dtype(name: Any, values: Any) -> np.dtype[Any]:
    """The type of an array; text is as wide as the values need, or little wider."""
    dtype = np.dtype(str(name))
    wide = dtype.itemsize > 4 * (len(str(values)) + 100) if dtype.kind == "U" else dtype.itemsize > 8
    if dtype.kind not in "biufUMO" or wide:
        raise InputError(f"the model file holds an array of {str(name)[:40]!r}, which no model learns.")
    return dtype


def _decode_record(encoded: dict[str, Any]) -> Any:
    name = encoded["class"].rpartition(".")[2]
    if name not in _RECORDS:
        raise InputError(
            f"the model file holds a {encoded['class']!r}, which this version of clvml does not know."
        )
    module, _, kind = _RECORDS[name].rpartition(".")
    fields = _today(name, _decode_fields(encoded["fields"]))
    record = getattr(importlib.import_module(module), kind)
    check_types(record, fields, name)
    return record(**fields)


def _today(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a class under their current names."""
    renamed = _RENAMED.get(name, {})
    return {renamed.get(key, key): value for key, value in fields.items()}


def _relabelled(encoded: Any, labels: Mapping[str, str]) -> Any:
    """Encoded values with current labels."""
    if not labels:
        return encoded
    if isinstance(encoded, dict):
        return {key: _relabelled(value, labels) for key, value in encoded.items()}
    if isinstance(encoded, list):
        return [_relabelled(value, labels) for value in encoded]
    return labels.get(encoded, encoded) if isinstance(encoded, str) else encoded


# NamedTuples and dataclasses in model files: the name in the file, which never changes, and the current
# location of the class. Of several names of one class the first is written and all are read.
_RECORDS = {
    "Attribute": "clvml.customers._attributes.Attribute",
    "BGBBParams": "clvml.distributions.bgbb.BGBBParams",
    "BGCNBDParams": "clvml.distributions.bgcnbd.BGCNBDParams",
    "BGNBDParams": "clvml.distributions.bgnbd.BGNBDParams",
    "BetaDiscreteWeibullParams": "clvml.distributions.beta_discrete_weibull.BetaDiscreteWeibullParams",
    "Blend": "clvml.lifetime_value.learned._blend.Blend",
    "BoostedTrees": "clvml.lifetime_value.learned._trees.BoostedTrees",
    "Covariate": "clvml.customers._attributes.Attribute",
    "FitRecord": "clvml.inference._fit_record.FitRecord",
    "GammaGammaParams": "clvml.distributions.gamma_gamma.GammaGammaParams",
    "LikelihoodRatioTest": "clvml.inference._likelihood_ratio.LikelihoodRatioTest",
    "LognormalSpendParams": "clvml.distributions.lognormal_spend.LognormalSpendParams",
    "MBGCNBDParams": "clvml.distributions.bgcnbd.MBGCNBDParams",
    "MBGNBDParams": "clvml.distributions.mbgnbd.MBGNBDParams",
    "NestedLaplace": "clvml.inference._nested_laplace.NestedLaplace",
    "OutcomeTable": "clvml.lifetime_value.learned._outcome_table.OutcomeTable",
    "ParetoNBDParams": "clvml.distributions.pareto_nbd.ParetoNBDParams",
    "RateParams": "clvml.models._purchase_rates.RateParams",
    "ShiftedBetaGeometricParams": "clvml.distributions.shifted_beta_geometric.ShiftedBetaGeometricParams",
    "Side": "clvml.models._log_linear.Side",
}
_RECORD_NAMES = {path: name for name, path in reversed(_RECORDS.items())}

# Estimators, old name to new; the other tables go by the name in the file.
_RENAMED_CLASSES = {"TotalCustomerValue": "RuleOfThumbValue"}

# By class in the file (estimator or record): parameters, learnt attributes and fields, old name to new.
_RENAMED: dict[str, dict[str, str]] = {
    "LifecycleStages": {"former_below": "lapsed_below"},
}

# By class in the file: labels in learnt attributes, old to new.
_RELABELLED: dict[str, dict[str, str]] = {
    "LifecycleStages": {"former": "lapsed"},
    "RFMScores": {"New customers": "Recent customers"},
}

# By class in the file: parameters that an older release lacked, with the value that reproduces its behaviour.
_ABSENT: dict[str, dict[str, Any]] = {
    "LifecycleStages": {"lapsed_when_silent": True},
    "LoyaltyEffectsValue": {"repeat_purchases": None},
}


def _decode_series(encoded: dict[str, Any]) -> pd.Series:
    series = _decode_column(encoded, _decode_index(encoded["index"]))
    series.attrs.update(_decode(encoded["attrs"]))
    return series


def _decode_frame(encoded: dict[str, Any]) -> pd.DataFrame:
    index = _decode_index(encoded["index"])
    columns = [_decode_column(column, index) for column in encoded["columns"]]
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=index)
    frame.columns.name = _decode(encoded["label"])
    frame.attrs.update(_decode(encoded["attrs"]))
    return frame


def _decode_index(encoded: dict[str, Any]) -> pd.Index:
    name = _decode(encoded["name"])
    if "range" in encoded:
        start, stop, step = encoded["range"]
        index = pd.RangeIndex(start, stop, step, name=name)
        if len(index) > MOST_ROWS:
            raise InputError(f"the model file holds a table of {len(index):,} rows, which no model learns.")
        return index
    return pd.Index(_decode(encoded["values"]), dtype=encoded["dtype"], name=name)


def _decode_column(encoded: dict[str, Any], index: pd.Index) -> pd.Series:
    values, name = _decode(encoded["values"]), _decode(encoded["name"])
    return pd.Series(values, index=index, dtype=encoded["dtype"], name=name)


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "$float": float,
    "$tuple": lambda values: tuple(_decode(values)),
    "$timedelta": pd.Timedelta,
    "$dict": lambda pairs: {_decode(key): _decode(value) for key, value in pairs},
    "$scalar": lambda encoded: _decode_array(encoded)[()],
    "$array": _decode_array,
    "$record": _decode_record,
    "$estimator": _decode_estimator,
    "$series": _decode_series,
    "$frame": _decode_frame,
}


def _render(value: Any, indent: int = 0) -> str:
    """Indented JSON with arrays of numbers filled into lines instead of one number per line."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict | list) or len(flat) + indent <= LINE_WIDTH or not value:
        return flat
    inner, outer = " " * (indent + 2), " " * indent
    if isinstance(value, dict):
        lines = [f"{json.dumps(k, ensure_ascii=False)}: {_render(v, indent + 2)}" for k, v in value.items()]
    elif any(isinstance(item, dict | list) for item in value):
        lines = [_render(item, indent + 2) for item in value]
    else:
        lines = _filled([json.dumps(item, ensure_ascii=False) for item in value], LINE_WIDTH - indent)
    first, last = "{}" if isinstance(value, dict) else "[]"
    return first + "\n" + ",\n".join(inner + line for line in lines) + "\n" + outer + last


def _filled(items: list[str], width: int) -> list[str]:
    lines = [items[0]]
    for item in items[1:]:
        if len(lines[-1]) + len(item) + 2 <= width:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return lines
