"""What an engine is given to do: businesses, their leads and how many of them may be rung at once.

Every business has numbers of its own, so that the provider's ledger alone tells whose a call is.
"""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "+49"
FIRST_BUSINESS = 10_000
BUSINESS_DIGITS, LEAD_DIGITS = 5, 7


@dataclass(frozen=True)
class Work:
    """`businesses` businesses with `leads_each` leads and `cap` slots each."""

    businesses: int
    leads_each: int
    cap: int

    def phones(self, business: int) -> list[str]:
        """The numbers of one business (0 to businesses - 1), in the order in which they are to be rung."""
        return [phone(business, lead) for lead in range(self.leads_each)]


def phone(business: int, lead: int) -> str:
    """The number of a business's lead; both count from 0."""
    return f"{PREFIX}{FIRST_BUSINESS + business:0{BUSINESS_DIGITS}d}{lead:0{LEAD_DIGITS}d}"


def business_of(number: str) -> int:
    """The business whose number this is."""
    start = len(PREFIX)
    return int(number[start : start + BUSINESS_DIGITS]) - FIRST_BUSINESS
