"""Currency signs and codes, as they stand before or after an amount."""

from __future__ import annotations

import re
from collections.abc import Iterable

# ISO 4217, active codes.
_CODES = (
    "AED|AFN|ALL|AMD|ANG|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND|BOB|"
    "BRL|BSD|BTN|BWP|BYN|BZD|CAD|CDF|CHF|CLP|CNY|COP|CRC|CUP|CVE|CZK|DJF|DKK|DOP|"
    "DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|HTG|HUF|"
    "IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|"
    "LBP|LKR|LRD|LSL|LYD|MAD|MDL|MGA|MKD|MMK|MNT|MOP|MRU|MUR|MVR|MWK|MXN|MYR|MZN|"
    "NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|PLN|PYG|QAR|RON|RSD|RUB|RWF|"
    "SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP|STN|SVC|SYP|SZL|THB|TJS|TMT|TND|"
    "TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|UZS|VED|VES|VND|VUV|WST|XAF|XCD|XOF|XPF|"
    "YER|ZAR|ZMW|ZWG"
)
_LOCAL = "kr|zł|Kč|Ft|Rs|Fr|SFr|RM|lei|лв|руб|R"
_SIGNS = "[$¢£¤¥฿\u20a0-\u20c0]"
_MONEY = re.compile(rf"(?:(?:US|CA|AU|NZ|HK|NT|MX|[RACS])?{_SIGNS}|{_CODES}|{_LOCAL})+")
DOTTED = ("kr", "Rs", "Fr", "SFr", "лв", "руб")  # may end in a point

_SAME = {
    "€": "EUR", "£": "GBP", "₹": "INR", "Rs": "INR", "₩": "KRW", "₽": "RUB", "руб": "RUB", "₺": "TRY",
    "₪": "ILS", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "лв": "BGN", "Fr": "CHF", "SFr": "CHF",
    "RM": "MYR", "lei": "RON", "R": "ZAR", "R$": "BRL", "US$": "USD", "$USD": "USD", "USD$": "USD",
    "CA$": "CAD", "C$": "CAD", "$CAD": "CAD", "AU$": "AUD", "A$": "AUD", "$AUD": "AUD", "NZ$": "NZD",
    "$NZD": "NZD", "HK$": "HKD", "NT$": "TWD", "S$": "SGD", "MX$": "MXN", "$MXN": "MXN",
}  # fmt: skip
# Signs of several currencies: with one of their codes in the same column they mean that one.
_SHARED = {
    "$": ("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN", "ARS", "CLP", "COP"),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "¥": ("JPY", "CNY"),
}


def is_currency(signs: str) -> bool:
    """Whether the letters and signs beside an amount name a currency, without points.

    Examples
    --------
    >>> [is_currency(signs) for signs in ("€", "EUR", "US$", "kr", "pcs")]
    [True, True, True, True, False]
    """
    return _MONEY.fullmatch(signs) is not None


def canonical(names: Iterable[str]) -> set[str]:
    """The distinct currencies of signs and codes.

    Examples
    --------
    >>> sorted(canonical(["€", "EUR"])), sorted(canonical(["$", "CAD"])), sorted(canonical(["$", "EUR"]))
    (['EUR'], ['CAD'], ['$', 'EUR'])
    """
    found = {_SAME.get(name, name) for name in names}
    return {name for name in found if not found.intersection(_SHARED.get(name, ()))}
