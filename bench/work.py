"""What an engine is given to do: businesses, their leads and how many of them may be rung at once.

Every business has numbers of its own, so that the provider's ledger alone tells whose a call is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PREFIX = "+49"
FIRST_BUSINESS = 10_000
BUSINESS_DIGITS, LEAD_DIGITS = 5, 8
"""Fifteen digits in all, the most that a number may have: ten million leads of one business and those after them."""


@dataclass(frozen=True)
class Work:
    """`businesses` businesses with `leads_each` leads and `cap` slots each, numbered from `first`."""

    businesses: int
    leads_each: int
    cap: int
    first: int = 0

    def phones(self, business: int) -> list[str]:
        """The numbers of one business (0 to businesses - 1), in the order in which they are to be rung."""
        return [phone(self.first + business, lead) for lead in range(self.leads_each)]


def leads_for(span: float, businesses: int, slots_per_second: float, most_calls: float | None) -> int:
    """Leads of each business for so many seconds: twice what it could ring with its slots always in use.

    Or twice its share of what the engine can ring at most: what waits behind that would only be in its way.
    """
    share = slots_per_second if most_calls is None else most_calls / businesses
    return math.ceil(2 * span * min(slots_per_second, share))


def phone(business: int, lead: int) -> str:
    """The number of a business's lead; both count from 0."""
    return f"{PREFIX}{FIRST_BUSINESS + business:0{BUSINESS_DIGITS}d}{lead:0{LEAD_DIGITS}d}"


def business_of(number: str) -> int:
    """The business whose number this is."""
    start = len(PREFIX)
    return int(number[start : start + BUSINESS_DIGITS]) - FIRST_BUSINESS
