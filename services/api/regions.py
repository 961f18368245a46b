"""Whose numbers are written without a country code."""

from __future__ import annotations

from services.api.dependencies import Acting
from services.api.errors import not_found
from shared.queries.businesses import read_business


async def region_of(asker: Acting) -> str:
    """Return the default region of the business that somebody acts for."""
    business = await read_business(asker.db, asker.business_id)
    if business is None:
        raise not_found()
    return business.default_region
