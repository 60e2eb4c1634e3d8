"""JSON Schema in words: the properties of an object as a list of definitions."""

from collections.abc import Mapping
from typing import Any

from summaries import definitions


def fields(schema: Mapping[str, Any]) -> str:
    """The properties of an object as a list of definitions."""
    required = schema.get("required", ())
    return definitions(
        {
            f"``{name}``": f"{kind_of(value)}{', required' if name in required else ''}. "
            + value.get("description", "")
            for name, value in schema["properties"].items()
        }
    )


def kind_of(schema: Mapping[str, Any]) -> str:
    """The type of a value and its bounds, in words."""
    if "enum" in schema:
        return "One of " + ", ".join(f"``{value}``" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(
            [kind_of(each) if n == 0 else _lower(kind_of(each)) for n, each in enumerate(schema["anyOf"])]
        )
    kinds = schema.get("type", "as given")
    names = [kinds] if isinstance(kinds, str) else kinds
    words = _KINDS.get((names[0], schema.get("format")), str(names[0]).capitalize())
    return words + bounds(schema) + (" or null" if "null" in names else "")


_KINDS = {
    ("integer", None): "Whole number",
    ("string", None): "Text",
    ("string", "date"): "Date",
    ("string", "date-time"): "Time",
    ("boolean", None): "``true`` or ``false``",
}


def bounds(schema: Mapping[str, Any]) -> str:
    """The bounds of a number or the length of a text, in words."""
    low, high = (schema.get(key) for key in ("minimum", "maximum"))
    if "pattern" in schema:
        return f" of the form ``{schema['pattern']}``"
    if "maxLength" in schema:
        return f" of {schema['minLength']} to {schema['maxLength']} characters"
    if "exclusiveMinimum" in schema:
        return f" above {_number(schema['exclusiveMinimum'])}, at most {_number(high)}"
    if (low, high) == (-(2**63), 2**63 - 1):
        return " of 64 bits"
    if high is None:
        return "" if low is None else f" of at least {_number(low)}"
    return f" from {_number(low)} to {_number(high)}"


def _number(value: Any) -> str:
    return f"{value:,}" if abs(value) < 10**9 else f"{float(value):.4g}".replace("e+", "e")


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
