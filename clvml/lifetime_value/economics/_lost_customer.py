"""What losing one customer costs, with those who hear of it."""

from __future__ import annotations

from typing import NamedTuple

from clvml.lifetime_value.formulas._functions import repeat_purchase
from clvml.lifetime_value.formulas._sums import checked


class LostCustomer(NamedTuple):
    """The cost of losing one customer, in currency units: their own purchases, those of others, and both."""

    own: float
    word_of_mouth: float
    total: float


def lost_customer(
    spend_per_purchase: float,
    purchases_per_year: float,
    years: float,
    *,
    margin: float = 1.0,
    annual_discount_rate: float = 0.0,
    others_lost: float = 0.0,
) -> LostCustomer:
    """What a customer who leaves would have brought, and those who leave, or never come, because of them.

    Parameters
    ----------
    spend_per_purchase, purchases_per_year, years : float
        Of the customer who is lost.
    margin : float, default 1
        Profit per unit of spend; 1 counts revenue.
    annual_discount_rate : float, default 0
        Purchases of a year are discounted from its end.
    others_lost : float, default 0
        Further customers like this one who are lost by bad word of mouth, per customer lost.

    Returns
    -------
    LostCustomer

    Raises
    ------
    InputError
        If an argument is negative, or ``years`` is not positive.

    Examples
    --------
    A customer who spends 100 per week in 50 weeks of ten years, and one who tells two others:

    >>> lost_customer(100, 50, 10)
    LostCustomer(own=50000.0, word_of_mouth=0.0, total=50000.0)
    >>> lost_customer(100, 50, 10, others_lost=2).total
    150000.0
    """
    share = float(checked("margin", margin, lowest=0))
    others = float(checked("others_lost", others_lost, lowest=0))
    profit = float(checked("spend_per_purchase", spend_per_purchase, lowest=0)) * share
    own = float(repeat_purchase(profit, purchases_per_year, annual_discount_rate, years, first="next"))
    return LostCustomer(own, others * own, own * (1 + others))
