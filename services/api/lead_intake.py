"""Takes in leads given as JSON: the good ones at once, the others named with the reason.

Rules: one bad lead costs none of the others; two with the same number are one lead, and what the later one says
counts; the answer names ids in the order in which the leads were given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.api.dependencies import Acting
from services.api.errors import invalid
from services.api.lead_fields import clean_attributes, clean_name
from services.api.phones import LONGEST_INPUT, normalised
from services.api.reasons import Reason, Refused
from shared.crashpoints import crash_point
from shared.queries.leads import LeadRow, take_in

MOST_LEADS = 100_000
BULK_FROM = 1_000
"""Leads from which on a request counts as bulk work, whose statements may take longer."""
FIELDS = ("phone", "name", "attributes")


@dataclass(frozen=True, slots=True)
class BadLead:
    """A lead that was not taken, by its place in the request."""

    index: int
    phone: str | None
    reason: Reason


@dataclass(slots=True)
class Sorted:
    """Leads by their number, the number at each place of the request, and what is not to be taken."""

    leads: dict[str, LeadRow] = field(default_factory=dict)
    phones: list[str | None] = field(default_factory=list)
    invalid: list[BadLead] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What came of a request."""

    created: int
    updated: int
    invalid: list[BadLead]
    lead_ids: list[int | None]


def read_items(body: Mapping[str, object]) -> list[object]:
    """Return the leads that a body lists. Raises Invalid."""
    items = body.get("leads")
    if items is None:
        raise invalid("leads", "field.required")
    if not isinstance(items, list):
        raise invalid("leads", "field.not_a_list")
    if not items:
        raise invalid("leads", "field.too_few", count=1)
    if len(items) > MOST_LEADS:
        raise invalid("leads", "field.too_many", count=MOST_LEADS)
    return items


async def take_leads(acting: Acting, items: Sequence[object], region: str) -> TakenIn:
    """Create or update a lead for each good item."""
    found = await asyncio.to_thread(sort_out, items, region)
    db = acting.bulk if len(found.leads) >= BULK_FROM else acting.db
    crash_point("api.leads.before")
    rows = await take_in(db, acting.business_id, list(found.leads.values())) if found.leads else []
    crash_point("api.leads.committed")
    ids = {row.phone: row.id for row in rows}
    created = sum(row.created for row in rows)
    good = len(items) - len(found.invalid)
    return TakenIn(created, good - created, found.invalid, [ids[phone] if phone else None for phone in found.phones])


def sort_out(items: Sequence[object], region: str) -> Sorted:
    """Tell good leads from bad ones; `region` is that of numbers without a country code."""
    found = Sorted()
    for index, item in enumerate(items):
        try:
            lead = _lead(item, region)
        except Refused as refused:
            found.invalid.append(BadLead(index, _as_given(item), refused.reason))
            found.phones.append(None)
        else:
            found.leads[lead.phone] = _later(found.leads.get(lead.phone), lead)
            found.phones.append(lead.phone)
    return found


def _lead(item: object, region: str) -> LeadRow:
    if not isinstance(item, dict):
        raise Refused("lead.not_an_object")
    for name in item:
        if name not in FIELDS:
            raise Refused("lead.unknown_field", field=name[:LONGEST_INPUT])
    phone = normalised(item.get("phone"), region)
    return LeadRow(phone, clean_name(item.get("name")), clean_attributes(item.get("attributes")))


def _later(known: LeadRow | None, lead: LeadRow) -> LeadRow:
    if known is None:
        return lead
    attributes = known.attributes if lead.attributes is None else lead.attributes
    return LeadRow(lead.phone, lead.name or known.name, attributes)


def _as_given(item: object) -> str | None:
    phone = item.get("phone") if isinstance(item, dict) else None
    return None if phone is None or isinstance(phone, (dict, list)) else str(phone)[:LONGEST_INPUT]
