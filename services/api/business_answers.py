"""What the API takes and says about businesses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.api.business_fields import LARGEST_CAP, LARGEST_RATE, LONGEST_NAME, SMALLEST_RATE
from shared.queries.businesses import Business

Cap = Annotated[int, Field(ge=1, le=LARGEST_CAP)]
Rate = Annotated[float, Field(ge=SMALLEST_RATE, le=LARGEST_RATE)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Locale = Literal["en", "he"]


class AccountBody(BaseModel):
    """A Twilio account of the business's own."""

    account_sid: str
    auth_token: str
    from_number: Annotated[str, Field(description="E.164")]


class ChangeBody(BaseModel):
    """What is to change. The document of the body; it is checked by `read_change`."""

    name: Name | None = None
    max_concurrent_calls: Cap | None = None
    calls_per_second: Rate | None = None
    default_region: Annotated[str | None, Field(description="ISO 3166")] = None
    locale: Locale | None = None
    twilio: Annotated[AccountBody | None, Field(description="null: the shared account")] = None


class BusinessBody(ChangeBody):
    """A business to be made."""

    name: Name


class AccountAnswer(BaseModel):
    """An account, without its secret."""

    account_sid: str
    from_number: str | None


class BusinessAnswer(BaseModel):
    """A business; `twilio` is null for one that uses the shared account."""

    id: int
    name: str
    max_concurrent_calls: int
    calls_per_second: float
    default_region: str
    locale: str
    twilio: AccountAnswer | None
    created_at: datetime


def business_answer(business: Business) -> BusinessAnswer:
    """Return what may be said of a business."""
    sid = business.account_sid
    return BusinessAnswer(
        id=business.id,
        name=business.name,
        max_concurrent_calls=business.max_concurrent_calls,
        calls_per_second=business.calls_per_second,
        default_region=business.default_region,
        locale=business.locale,
        twilio=AccountAnswer(account_sid=sid, from_number=business.from_number) if sid else None,
        created_at=business.created_at,
    )
