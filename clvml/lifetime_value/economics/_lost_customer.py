"""What losing one customer costs, with those who hear of it."""

from __future__ import annotations

from typing import NamedTuple

from clvml.lifetime_value.formulas._functions import repeat_purchase
from clvml.lifetime_value.formulas._sums import checked


class LostCustomer(NamedTuple):
    """The cost of losing one customer.

    Attributes
    ----------
    own : float
        Present value of the customer's own purchases, in currency units.
    word_of_mouth : float
        That of the others who are lost because of this one.
    total : float
        Both.

    See Also
    --------
    clvml.lifetime_value.economics.lost_customer : Makes it.

    Examples
    --------
    >>> from clvml.lifetime_value.economics import lost_customer
    >>> cost = lost_customer(100, 50, 10, others_lost=2)
    >>> cost.own, cost.word_of_mouth
    (50000.0, 100000.0)
    """

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
    """The cost of losing a customer: own purchases, and those of people who leave or never come as a result.

    Parameters
    ----------
    spend_per_purchase : float
        Of the customer who is lost, in currency units.
    purchases_per_year : float
        Of the customer who is lost.
    years : float
        For which the customer would have stayed.
    margin : float, default 1
        Profit per unit of spend; 1 counts revenue.
    annual_discount_rate : float, default 0
        A fraction per year: 0.10 is 10 %. Purchases of a year are discounted from its end.
    others_lost : float, default 0
        Further customers like this one who are lost by bad word of mouth, per customer lost.

    Returns
    -------
    LostCustomer
        ``own``, ``word_of_mouth`` and ``total``, in currency units.

    Raises
    ------
    InputError
        If an argument is negative, or ``years`` is not positive.

    See Also
    --------
    clvml.lifetime_value.formulas.annuity : The formula of each customer.
    clvml.survey.complaint_rate : How many customers complain before they leave.

    Examples
    --------
    A customer who spends 100 per week in 50 weeks of ten years, and one who tells two others:

    >>> from clvml.lifetime_value.economics import lost_customer
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
