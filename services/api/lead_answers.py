"""What the API takes and says about leads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from services.api.lead_fields import LONGEST_NAME
from services.api.lead_intake import MOST_LEADS


class LeadBody(BaseModel):
    """One lead. The document of the body; each is checked, and refused, by itself."""

    phone: Annotated[str, Field(description="in any notation; without a country code it is of the default region")]
    name: Annotated[str | None, Field(max_length=LONGEST_NAME)] = None
    attributes: dict[str, Any] | None = None


class LeadsBody(BaseModel):
    """Leads to create or, where the number is known, to update."""

    leads: Annotated[list[LeadBody], Field(min_length=1, max_length=MOST_LEADS)]


class BadLeadAnswer(BaseModel):
    """A lead that was not taken."""

    index: int
    phone: str | None
    reason: str


class TakenAnswer(BaseModel):
    """What came of each lead; `lead_ids` is in the order of the request, null where a lead was not taken."""

    created: int
    updated: int
    invalid: list[BadLeadAnswer]
    lead_ids: list[int | None]


class BadLineAnswer(BaseModel):
    """A line that was not taken; the header is line 1."""

    line: int
    phone: str | None
    reason: str


class ImportedAnswer(BaseModel):
    """What came of a file. At most 1,000 bad lines are listed; `invalid_count` counts all."""

    created: int
    updated: int
    invalid: list[BadLineAnswer]
    invalid_count: int


class LeadAnswer(BaseModel):
    """A lead."""

    id: int
    business_id: int
    phone: str
    name: str | None
    attributes: dict[str, Any]
    created_at: datetime


class LeadList(BaseModel):
    """A page of leads by id; `next` is the `after` of the following page."""

    items: list[LeadAnswer]
    next: int | None
