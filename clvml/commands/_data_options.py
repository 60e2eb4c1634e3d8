"""The options that say how purchases are read, which several commands have, and the keys that they set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

Customer = Annotated[str | None, typer.Option(help="Column with the customer id.")]
Date = Annotated[str | None, typer.Option(help="Column with the date or time of the purchase.")]
Amount = Annotated[str | None, typer.Option(help="Column with the amount of money.")]
Quantity = Annotated[str | None, typer.Option(help="Column with the quantity (needs --price).")]
Price = Annotated[str | None, typer.Option(help="Column with the unit price (needs --quantity).")]
PurchasesOnly = Annotated[
    bool, typer.Option("--purchases-only", help="The purchases have no amounts: predict purchases.")
]
PricePerPurchase = Annotated[
    float | None, typer.Option(help="Value of a purchase, for purchases without amounts.")
]
DateFormat = Annotated[
    str | None, typer.Option(help="Format of the dates, such as %d/%m/%Y; excel for serial numbers.")
]
DateUnit = Annotated[
    str | None,
    typer.Option(help="Unit of dates that are numbers: D, W, M, Q or Y (needs --date-origin)."),
]
DateOrigin = Annotated[str | None, typer.Option(help="Date of number 0, YYYY-MM-DD (needs --date-unit).")]
Decimal = Annotated[
    str | None,
    typer.Option(help="Decimal separator of amounts in text: . or , (default: as the column shows)."),
]
Thousands = Annotated[
    str | None, typer.Option(help="Thousands separator of amounts in text: . , ' or a blank.")
]
MaxUnreadable = Annotated[
    float | None,
    typer.Option(help="Share of unreadable dates or amounts that stops the run (default: 0.1)."),
]
Sheet = Annotated[
    str | None, typer.Option(help="Sheet of an Excel workbook, by name or number (default: the first).")
]
FromTable = Annotated[
    str | None,
    typer.Option("--table", help="Table or view of a database, such as sales or schema.sales."),
]
Query = Annotated[str | None, typer.Option(help="SELECT statement to a database, in place of --table.")]
Timezone = Annotated[str | None, typer.Option(help="Time zone of the shop, such as America/New_York.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any key of the config, such as data.policy.returns=net."
    ),
]

# The key of the config by the option's parameter.
DATA_KEYS = {
    "transactions": "data.source",
    "customer": "data.customer",
    "date": "data.date",
    "amount": "data.amount",
    "quantity": "data.quantity",
    "price": "data.price",
    "purchases_only": "data.purchases_only",
    "price_per_purchase": "value.price",
    "date_format": "data.date_format",
    "timezone": "data.timezone",
    "date_unit": "data.date_unit",
    "date_origin": "data.date_origin",
    "decimal": "data.decimal",
    "thousands": "data.thousands",
    "max_unreadable": "data.max_unreadable",
    "sheet": "data.sheet",
    "table": "data.table",
    "query": "data.query",
}

TRACKING_KEYS = {"tracking_uri": "tracking.uri", "no_tracking": "tracking.enabled"}
NEGATIVE = ("no_tracking",)  # flags that set their key to false


def overrides_of(arguments: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """The keys of the config that the options of a command set, from its ``locals()``.

    Parameters
    ----------
    arguments : mapping
        The values of the options by parameter.
    keys : mapping of str to str
        The key of the config by parameter.

    Returns
    -------
    dict
        By key; None where an option is not given.

    Examples
    --------
    >>> arguments = {"customer": "id", "purchases_only": False, "no_tracking": True, "quiet": True}
    >>> overrides_of(arguments, DATA_KEYS | TRACKING_KEYS)
    {'data.customer': 'id', 'data.purchases_only': None, 'tracking.enabled': False}
    """
    return {key: _value(name, arguments[name]) for name, key in keys.items() if name in arguments}


def _value(name: str, given: Any) -> Any:
    if not isinstance(given, bool):
        return given
    return (name not in NEGATIVE) if given else None
